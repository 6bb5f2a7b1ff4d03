"""Who is connected: one row for each thing that ever was."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class Session(NamedTuple):
    """How a thing connected; durations are seconds. None is what is not known."""

    client_id: str | None = None
    keep_alive: int | None = None
    clean_session: bool | None = None
    session_expiry: int | None = None


def put(tx: Tx, thing_id: int, *, connected: bool, at: int, reason: str | None, session: Session) -> bool:
    """Keep a thing's state since an instant (epoch ms), unless a later one is known; False in that case.

    What is not known of the session stays as it was.
    """
    clean = None if session.clean_session is None else int(session.clean_session)
    values = {**session._asdict(), "clean_session": clean, "connected": int(connected), "reason": reason}
    return tx.run("connectivity_put", {**values, "thing": thing_id, "at": at}) > 0


def delete(tx: Tx, thing_id: int) -> None:
    """Forget a thing."""
    tx.run("connectivity_delete", {"thing": thing_id})
