"""Who is connected, as the fleet index knows it (control reference 18.2, device reference 2.8)."""

from __future__ import annotations

from tidegate.core import index_configuration
from tidegate.ops import fleet_index, registry
from tidegate.ops.call import Call
from tidegate.store import connectivity, things
from tidegate.store.connectivity import Session
from tidegate.store.database import Tx

_UNKNOWN = Session()


def record(
    tx: Tx,
    call: Call,
    thing_name: str,
    connected: bool,
    at: int,
    reason: str | None = None,
    session: Session = _UNKNOWN,
) -> None:
    """A client connected or disconnected at an instant (epoch ms); one that is no thing is passed over.

    What arrives late, after something newer, changes nothing. ``reason`` is one of the disconnect reasons. Dynamic
    groups follow if connections are indexed. May be run as a work that ``locks_rows``.
    """
    thing = things.find(tx, call.scope, thing_name)
    if thing is None:
        return
    known = connectivity.put(tx, thing.id, connected=connected, at=at, reason=reason, session=session)
    if known and index_configuration.connectivity(fleet_index.configured(tx, call.scope)):
        registry.thing_changed(tx, call, thing.id)
