"""Requests that were carried out, by their clientToken."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Key(NamedTuple):
    """Whose token, and for which operation."""

    scope: int
    operation: str
    token: str


class Remembered(NamedTuple):
    """A request's digest and the response it got, as JSON."""

    digest: str
    response: str


def get(tx: Tx, key: Key, since: int) -> Remembered | None:
    """What was answered to a token after an instant (epoch ms)."""
    row = tx.one("client_token_get", {**key._asdict(), "since": since})
    return Remembered(*row) if row else None


def put(tx: Tx, key: Key, remembered: Remembered, now: int) -> None:
    """Remember an answer."""
    tx.run("client_token_put", {**key._asdict(), **remembered._asdict(), "now": now})


def forget(tx: Tx, until: int) -> None:
    """Forget what was answered up to an instant."""
    tx.run("client_token_forget", {"until": until})
