"""Blackouts of an account."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class StoredBlackout(NamedTuple):
    """A blackout; ``config`` is encoded, ``created_at`` epoch ms."""

    name: str
    config: str
    created_at: int


def put(tx: Tx, scope: int, name: str, config: str, now: int) -> None:
    """Keep a blackout, in place of one with the same name."""
    tx.run("blackout_put", {"scope": scope, "name": name, "config": config, "now": now})


def every(tx: Tx, scope: int) -> list[StoredBlackout]:
    """All of them, by name."""
    return [StoredBlackout(*row) for row in tx.all("blackout_list", {"scope": scope})]


def delete(tx: Tx, scope: int, name: str) -> bool:
    """Remove one; False if there was none."""
    return tx.run("blackout_delete", {"scope": scope, "name": name}) > 0
