"""Who is connected: one row for each thing that ever was."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Session(NamedTuple):
    """How a thing connected, from where and to; durations are seconds. None is what is not known."""

    client_id: str | None = None
    keep_alive: int | None = None
    clean_session: bool | None = None
    session_expiry: int | None = None
    source_ip: str | None = None
    source_port: int | None = None
    target_ip: str | None = None
    target_port: int | None = None


def put(tx: Tx, thing_id: int, *, connected: bool, at: int, reason: str | None, session: Session) -> bool:
    """Keep a thing's state since an instant (epoch ms), unless a later one is known; False in that case.

    What is not known of the session stays as it was.
    """
    clean = None if session.clean_session is None else int(session.clean_session)
    values = {**session._asdict(), "clean_session": clean, "connected": int(connected), "reason": reason}
    return tx.run("connectivity_put", {**values, "thing": thing_id, "at": at}) > 0


class State(NamedTuple):
    """A thing's state since an instant (epoch ms), and how it connected last."""

    connected: bool
    at: int
    disconnect_reason: str | None
    keep_alive: int | None
    clean_session: bool | None
    session_expiry: int | None
    client_id: str | None
    source_ip: str | None
    source_port: int | None
    target_ip: str | None
    target_port: int | None


def get(tx: Tx, thing_id: int) -> State | None:
    """The state of a thing; None of one that was never connected."""
    row = tx.one("connectivity_get", {"thing": thing_id})
    if row is None:
        return None
    found = State(*row)
    clean = None if found.clean_session is None else bool(found.clean_session)
    return found._replace(connected=bool(found.connected), clean_session=clean)


def delete(tx: Tx, thing_id: int) -> None:
    """Forget a thing."""
    tx.run("connectivity_delete", {"thing": thing_id})
