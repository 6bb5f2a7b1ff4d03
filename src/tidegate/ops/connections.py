"""Connections of MQTT clients over HTTPS: GetConnection, ListSubscriptions, DeleteConnection (device reference 2.8)."""

from __future__ import annotations

from tidegate.core import texts
from tidegate.ops import paging
from tidegate.ops.broker import MessageBroker
from tidegate.ops.call import Call
from tidegate.ops.handler import AtBroker, Handlers, nothing
from tidegate.wire import iot_data

_PAGE = 20
"""[D] Of ListSubscriptions, unless another size is asked for."""
_TOLD_MS = 30 * 60_000
"""How long it is told when and why a client left (the service model's text)."""


def get_connection(
    broker: MessageBroker, call: Call, request: iot_data.GetConnectionRequest
) -> iot_data.GetConnectionResponse:
    """What is known of a client that is connected, has a session, or left within the last half hour.

    Raises:
        ResourceNotFoundException: it is none of these.
    """
    found = broker.connection(call, request.client_id)
    left_at = found.disconnected_since if found is not None else None
    recent = left_at is not None and call.now - left_at <= _TOLD_MS
    if found is None or not (found.connected or recent or not found.clean_session):
        raise iot_data.ResourceNotFoundException(texts.messages.connection_missing(request.client_id))
    response = iot_data.GetConnectionResponse(
        connected=found.connected,
        thing_name=found.thing_name,
        clean_session=found.clean_session,
        keep_alive_duration=found.keep_alive,
        connected_since=found.connected_since,
        disconnected_since=left_at if recent else None,
        disconnect_reason=found.disconnect_reason if recent else None,
        session_expiry=found.session_expiry,
        client_id=found.client_id,
    )
    if request.include_socket_information:
        response.source_ip, response.source_port = found.source or (None, None)
        response.target_ip, response.target_port = found.target or (None, None)
    return response


def list_subscriptions(
    broker: MessageBroker, call: Call, request: iot_data.ListSubscriptionsRequest
) -> iot_data.ListSubscriptionsResponse:
    """What a client subscribes to, by filter; also of one that is away and has a session.

    Raises:
        InvalidRequestException: the token is not of this list.
        ResourceNotFoundException: there is no such connection, nor a session.
    """
    found = broker.subscriptions(call, request.client_id)
    if found is None:
        raise iot_data.ResourceNotFoundException(texts.messages.connection_missing(request.client_id))
    listing = ["ListSubscriptions", call.scope, request.client_id]
    page = paging.page(
        listing,
        token=request.next_token,
        size=request.max_results or _PAGE,
        start=[""],
        error=iot_data.InvalidRequestException,
    )
    rows = [each for each in found if each[0] > str(page.position[0])][: page.size + 1]
    return iot_data.ListSubscriptionsResponse(
        subscriptions=[iot_data.SubscriptionSummary(topic_filter=name, qos=qos) for name, qos in rows[: page.size]],
        next_token=paging.following(listing, rows, page.size, lambda row: [row[0]]),
    )


def delete_connection(broker: MessageBroker, call: Call, request: iot_data.DeleteConnectionRequest) -> None:
    """Disconnect a client; ``cleanSession`` ends its session too, ``preventWillMessage`` keeps its will back.

    Raises:
        ResourceNotFoundException: there is no such connection, nor a session to be cleaned.
    """
    done = broker.disconnect(
        call,
        request.client_id,
        clean_session=bool(request.clean_session),
        prevent_will=bool(request.prevent_will_message),
    )
    if not done:
        raise iot_data.ResourceNotFoundException(texts.messages.connection_missing(request.client_id))


HANDLERS: Handlers = {
    ("iot-data", "GetConnection"): AtBroker(get_connection, changed_by=nothing, about_client=True),
    ("iot-data", "ListSubscriptions"): AtBroker(list_subscriptions, changed_by=nothing, about_client=True),
    ("iot-data", "DeleteConnection"): AtBroker(delete_connection, about_client=True),
}
