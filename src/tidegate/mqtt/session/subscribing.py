"""SUBSCRIBE and UNSUBSCRIBE (device reference 2.3)."""

from __future__ import annotations

from tidegate import clock
from tidegate.mqtt import codec, subscriptions, topics
from tidegate.mqtt.codec import ProtocolError, Reason
from tidegate.mqtt.session.connection import Connection
from tidegate.mqtt.session.effects import Answer, FiltersChanged, Subscribed, Unsubscribed

_FAILED_V3 = 0x80


def on_subscribe(connection: Connection, packet: codec.Subscribe, now: clock.Millis) -> None:
    connection.count_in(0, 0, 1)
    if len(packet.filters) > connection.settings.max_filters:
        raise ProtocolError(Reason.QUOTA_EXCEEDED, "too many filters in a SUBSCRIBE")
    if packet.properties is not None and packet.properties.subscription_identifier is not None:
        raise ProtocolError(Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, "subscription identifier")
    codes = [_subscribe(connection, each) for each in packet.filters]
    granted = [each.filter for each, code in zip(packet.filters, codes, strict=True) if code < _FAILED_V3]
    _changed(connection, True, granted)
    _answer(connection, codec.Suback(packet.packet_id, tuple(codes)))


def _subscribe(connection: Connection, wanted: codec.Filter) -> int:
    """Put one filter into effect and return its SUBACK code."""
    code = _subscribe_refusal(connection, wanted)
    if code is not None:
        return code if connection.v5 else _FAILED_V3
    session = connection.session
    assert session is not None
    qos = min(1, wanted.options & subscriptions.QOS)
    kept = subscriptions.NO_LOCAL | subscriptions.RETAIN_AS_PUBLISHED
    subscription, fresh = session.subscribe(wanted.filter, wanted.options & kept | qos)
    handling = wanted.options >> 4 & 3
    replay = handling == 0 or (handling == 1 and fresh)
    connection.effects.append(Subscribed(subscription, fresh, replay))
    return qos


def _subscribe_refusal(connection: Connection, wanted: codec.Filter) -> Reason | None:
    """Why a filter is refused; what ends the connection is raised (device reference 2.3)."""
    settings, session, identity = connection.settings, connection.session, connection.identity
    assert session is not None
    assert identity is not None
    name = wanted.filter
    if wanted.options & subscriptions.QOS == 2 and not settings.lenient_qos2:
        raise ProtocolError(Reason.QOS_NOT_SUPPORTED, "SUBSCRIBE at QoS 2")
    _check_form(name)
    if not topics.valid_filter(name):
        return Reason.TOPIC_FILTER_INVALID
    if not topics.subscribable(name):
        raise ProtocolError(Reason.NOT_AUTHORIZED, f"SUBSCRIBE to {name}")
    if wanted.options & subscriptions.NO_LOCAL and name.startswith("$share/"):  # [MQTT-3.8.3-4]
        raise ProtocolError(Reason.PROTOCOL_ERROR, "No Local on a shared subscription")
    if not identity.allows("iot:Subscribe", f"topicfilter/{name}", connection.client_id):
        if not (settings.denials_told or connection.v5):
            raise ProtocolError(Reason.NOT_AUTHORIZED, f"SUBSCRIBE to {name}")
        return Reason.NOT_AUTHORIZED
    if name not in session.subscriptions and len(session.subscriptions) >= settings.max_subscriptions > 0:
        return Reason.QUOTA_EXCEEDED
    return None


def on_unsubscribe(connection: Connection, packet: codec.Unsubscribe, now: clock.Millis) -> None:
    session = connection.session
    assert session is not None
    if len(packet.filters) > connection.settings.max_filters and not connection.settings.unsubscribe_filters:
        raise ProtocolError(Reason.QUOTA_EXCEEDED, "too many filters in an UNSUBSCRIBE")
    codes, dropped = [], []
    for name in packet.filters:
        _check_form(name)
    for name in packet.filters:
        gone = session.unsubscribe(name)
        codes.append(Reason.SUCCESS if gone is not None else _nothing_gone(name))
        if gone is not None:
            dropped.append(name)
            connection.effects.append(Unsubscribed(gone))
    _changed(connection, False, dropped)
    _answer(connection, codec.Unsuback(packet.packet_id, tuple(codes)))


def _check_form(topic_filter: str) -> None:
    """What is no filter at all breaks the protocol; one that is merely too long is answered."""
    if not topics.well_formed(topic_filter):
        raise ProtocolError(Reason.TOPIC_FILTER_INVALID, f"{topic_filter!r} is no topic filter")


def _nothing_gone(topic_filter: str) -> Reason:
    """Why an UNSUBSCRIBE did nothing."""
    return Reason.NO_SUBSCRIPTION_EXISTED if topics.valid_filter(topic_filter) else Reason.TOPIC_FILTER_INVALID


def _changed(connection: Connection, subscribed: bool, filters: list[str]) -> None:
    if filters:
        connection.effects.append(FiltersChanged(subscribed, filters))


def _answer(connection: Connection, packet: codec.Packet) -> None:
    """Answer; in a session that outlives the server only when the change does so too, and other servers know of it."""
    data = codec.encode(packet, connection.level)
    if 0 < connection.max_packet < len(data):  # [MQTT-3.1.2-24]
        raise ProtocolError(Reason.PACKET_TOO_LARGE, "the answer is larger than the client takes")
    assert connection.session is not None
    if connection.session.number or not connection.session.journal.alone:
        connection.effects.append(Answer(data))
    else:
        connection.write(data)
