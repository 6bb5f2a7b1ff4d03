"""OTA updates: what was asked for, and the job and stream that were made for it."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class NewUpdate(NamedTuple):
    """``stream_name`` is what its devices read, None if they read none; ``made_stream`` 1 if it was made for it."""

    name: str
    status: str
    job_name: str
    stream_name: str | None
    made_stream: int
    request: str


class Update(NamedTuple):
    """A stored update; instants are epoch ms."""

    id: int
    name: str
    status: str
    job_name: str
    stream_name: str | None
    made_stream: int
    request: str
    created_at: int
    updated_at: int


def insert(tx: Tx, scope: int, new: NewUpdate, now: int) -> bool:
    """Keep a new update; False if the name is taken."""
    return tx.one("ota_update_insert", {"scope": scope, **new._asdict(), "now": now}) is not None


def get(tx: Tx, scope: int, name: str) -> Update | None:
    """One update by its name."""
    row = tx.one("ota_update_get", {"scope": scope, "name": name})
    return Update(*row) if row else None


def delete(tx: Tx, update_id: int) -> None:
    """Remove an update."""
    tx.run("ota_update_delete", {"id": update_id})


def page(tx: Tx, scope: int, status: str | None, before: int, limit: int) -> list[Update]:
    """Updates from new to old, before an inner id; those of one status, or all."""
    wanted = {"scope": scope, "status": status, "before": before, "limit": limit}
    return [Update(*row) for row in tx.all("ota_update_list", wanted)]


def of_stream(tx: Tx, scope: int, stream: str, *, but: int = 0) -> str | None:
    """The name of an update whose devices read a stream, other than the one with the inner id ``but``; None if none."""
    row = tx.one("ota_update_of_stream", {"scope": scope, "stream": stream, "except": but})
    return row[0] if row else None
