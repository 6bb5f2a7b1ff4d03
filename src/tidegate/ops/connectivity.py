"""Who is connected, as the fleet index knows it (control reference 18.2, device reference 2.8)."""

from __future__ import annotations

from tidegate.core import index_configuration, texts
from tidegate.ops import fleet_index, registry
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read
from tidegate.store import connectivity, things
from tidegate.store.connectivity import Session
from tidegate.store.database import Tx
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

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


def get_thing_connectivity_data(
    tx: Tx, call: Call, request: iot.GetThingConnectivityDataRequest
) -> iot.GetThingConnectivityDataResponse:
    """Whether a thing is connected and since when, or since when and why not. One that never was has nothing more.

    Raises:
        ResourceNotFoundException: no such thing.
    """
    thing = things.find(tx, call.scope, request.thing_name)
    if thing is None:
        raise iot.ResourceNotFoundException(texts.things.thing_missing(request.thing_name))
    known = connectivity.get(tx, thing.id)
    if known is None:
        return iot.GetThingConnectivityDataResponse(thing_name=thing.name, connected=False)
    response = iot.GetThingConnectivityDataResponse(
        thing_name=thing.name,
        connected=known.connected,
        timestamp=seconds(known.at),
        disconnect_reason=known.disconnect_reason,
        keep_alive_duration=known.keep_alive,
        clean_session=known.clean_session,
        session_expiry=known.session_expiry,
        client_id=known.client_id,
    )
    if request.include_socket_information:
        response.source_ip, response.source_port = known.source_ip, known.source_port
        response.target_ip, response.target_port = known.target_ip, known.target_port
    return response


HANDLERS: Handlers = {
    ("iot", "GetThingConnectivityData"): Read(get_thing_connectivity_data),
}
