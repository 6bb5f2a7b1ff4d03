"""Messages over HTTPS: Publish and the retained ones (device reference 2.4 to 2.6)."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.core import message, texts
from tidegate.ops import paging
from tidegate.ops.broker import MessageBroker, Publication, Retained, Sent
from tidegate.ops.call import Call
from tidegate.ops.handler import AtBroker, Handlers, nothing
from tidegate.wire import iot_data

_LARGEST_PAGE = 200
_CONFIRMATION_S = 5
_CONFIRMATIONS_S = range(1, 16)
"""[D] Seconds that a confirmation may be waited for."""


def publish(broker: MessageBroker, call: Call, request: iot_data.PublishRequest) -> None:
    """Publish a message; once it is answered, it is on disk for those who are away, as is a retained one.

    A job or shadow request among the reserved topics has been carried out by then. The reply to a job request goes to
    the connection that asked: here there is none (device reference 3.3.10).

    Raises:
        RequestEntityTooLargeException: the payload.
        InvalidRequestException: the topic, or properties no message can have; all of them.
        ForbiddenException: only the service publishes to this topic.
    """
    payload = request.payload or b""
    if len(payload) > broker.max_payload:
        raise iot_data.RequestEntityTooLargeException(texts.messages.payload_too_large(broker.max_payload))
    faults = list(_faults(broker, request))
    if faults:
        raise iot_data.InvalidRequestException("; ".join(faults))
    publication = Publication(
        request.topic,
        payload,
        request.qos or 0,
        bool(request.retain),
        message.format_indicator(request.payload_format_indicator),
        request.content_type,
        request.response_topic,
        _correlation(request),
        message.user_properties(request.user_properties or "null") or (),
        message.expires_at(call.now, request.message_expiry, most=broker.max_message_expiry),
    )
    if not broker.publish(call, publication):
        raise iot_data.ForbiddenException(texts.messages.TOPIC_RESERVED)


def _faults(
    broker: MessageBroker, request: iot_data.PublishRequest | iot_data.SendDirectMessageRequest
) -> Iterator[str]:
    topic, response = request.topic, request.response_topic
    if not broker.valid(topic):
        yield texts.messages.TOPIC_INVALID
    if response is not None and (not response or "+" in response or "#" in response):
        yield texts.messages.RESPONSE_TOPIC_INVALID
    if request.correlation_data is not None and message.correlation_data(request.correlation_data) is None:
        yield texts.messages.CORRELATION_NOT_BASE64
    if request.user_properties is not None and message.user_properties(request.user_properties) is None:
        yield texts.messages.PROPERTIES_MALFORMED
    expiry = request.message_expiry if isinstance(request, iot_data.PublishRequest) else None
    if expiry is not None and expiry < 0:
        yield texts.messages.EXPIRY_NEGATIVE


def send_direct_message(
    broker: MessageBroker, call: Call, request: iot_data.SendDirectMessageRequest
) -> iot_data.SendDirectMessageResponse:
    """Send a message to one client that is connected, subscribed or not. It is not kept for one that is away.

    With ``confirmation`` it goes at QoS 1, and is answered when the client has acknowledged it.

    Raises:
        RequestEntityTooLargeException: the payload.
        InvalidRequestException: the topic, the time, or properties no message can have; all of them.
        ResourceNotFoundException: the client is not connected.
        ForbiddenException: it may not receive on the topic, or only the service speaks there.
        GatewayTimeoutException: it has not acknowledged the message in time.
    """
    payload = request.payload or b""
    if len(payload) > broker.max_payload:
        raise iot_data.RequestEntityTooLargeException(texts.messages.payload_too_large(broker.max_payload))
    seconds = _CONFIRMATION_S if request.timeout is None else request.timeout
    faults = list(_faults(broker, request))
    if request.confirmation and seconds not in _CONFIRMATIONS_S:
        faults.append(texts.messages.TIMEOUT_OUT_OF_RANGE)
    if faults:
        raise iot_data.InvalidRequestException("; ".join(faults))
    publication = Publication(
        request.topic,
        payload,
        1 if request.confirmation else 0,
        payload_format_indicator=message.format_indicator(request.payload_format_indicator),
        content_type=request.content_type,
        response_topic=request.response_topic,
        correlation_data=_correlation(request),
        user_properties=message.user_properties(request.user_properties or "null") or (),
    )
    sent = broker.send(call, request.client_id, publication, confirm_s=seconds if request.confirmation else None)
    if sent is Sent.ABSENT:
        raise iot_data.ResourceNotFoundException(texts.messages.not_connected(request.client_id))
    if sent is Sent.DENIED:
        raise iot_data.ForbiddenException(texts.messages.TOPIC_RESERVED)
    return iot_data.SendDirectMessageResponse(
        message=texts.messages.CONFIRMED if request.confirmation else texts.messages.SENT,
        trace_id=call.origin.request_id or call.ids.uuid(),
    )


def _correlation(request: iot_data.PublishRequest | iot_data.SendDirectMessageRequest) -> bytes | None:
    return None if request.correlation_data is None else message.correlation_data(request.correlation_data)


def get_retained_message(
    broker: MessageBroker, call: Call, request: iot_data.GetRetainedMessageRequest
) -> iot_data.GetRetainedMessageResponse:
    """The retained message of a topic.

    Raises:
        InvalidRequestException: nobody can publish to this topic.
        ResourceNotFoundException: it has none.
    """
    if not broker.valid(request.topic):
        raise iot_data.InvalidRequestException(texts.messages.TOPIC_INVALID)
    found = broker.retained(call, request.topic)
    if found is None:
        raise iot_data.ResourceNotFoundException(texts.messages.nothing_retained(request.topic))
    return iot_data.GetRetainedMessageResponse(
        topic=found.topic,
        payload=found.payload,
        qos=found.qos,
        last_modified_time=found.retained_at,
        user_properties=message.shown(found.user_properties),
    )


def list_retained_messages(
    broker: MessageBroker, call: Call, request: iot_data.ListRetainedMessagesRequest
) -> iot_data.ListRetainedMessagesResponse:
    """The retained messages by topic, without their payloads.

    Raises:
        InvalidRequestException: the token is not of this list.
    """
    listing = ["ListRetainedMessages", call.scope]
    page = paging.page(
        listing,
        token=request.next_token,
        size=request.max_results or _LARGEST_PAGE,
        start=[""],
        error=iot_data.InvalidRequestException,
    )
    found = broker.retained_after(call, str(page.position[0]), page.size + 1)
    return iot_data.ListRetainedMessagesResponse(
        retained_topics=[_summary(each) for each in found[: page.size]],
        next_token=paging.following(listing, found, page.size, lambda each: [each.topic]),
    )


def _summary(found: Retained) -> iot_data.RetainedMessageSummary:
    return iot_data.RetainedMessageSummary(
        topic=found.topic, payload_size=len(found.payload), qos=found.qos, last_modified_time=found.retained_at
    )


HANDLERS: Handlers = {
    ("iot-data", "Publish"): AtBroker(publish, changed_by=lambda request: bool(request.retain)),
    ("iot-data", "SendDirectMessage"): AtBroker(send_direct_message, changed_by=nothing, about_client=True),
    ("iot-data", "GetRetainedMessage"): AtBroker(get_retained_message, changed_by=nothing),
    ("iot-data", "ListRetainedMessages"): AtBroker(list_retained_messages, changed_by=nothing),
}
