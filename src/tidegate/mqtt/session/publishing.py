"""PUBLISH and PUBACK from a client: what a publish is worth (device reference 2.4, 2.5)."""

from __future__ import annotations

from tidegate import clock
from tidegate.mqtt import codec, topics
from tidegate.mqtt.codec import Properties, ProtocolError, Reason
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.reserved import Claim, Kind
from tidegate.mqtt.session.connection import Connection
from tidegate.mqtt.session.effects import Effect, Publication, Request
from tidegate.mqtt.session.messages import Message

_NONE = Properties()


def on_publish(connection: Connection, packet: codec.Publish, now: clock.Millis) -> None:
    if connection.rated:
        connection.count_in(1, len(packet.payload), 0)
    if packet.qos == 2:
        if connection.v5:
            raise ProtocolError(Reason.QOS_NOT_SUPPORTED, "PUBLISH at QoS 2")
        return  # a 3.1.1 client never gets an answer to it (2.4)
    _check(connection, packet)
    if connection.owed and connection.v5 and connection.owes(packet.packet_id):
        connection.acknowledge(packet.packet_id, Reason.PACKET_IDENTIFIER_IN_USE)
        return
    code, effect = _judge(connection, packet, now)
    if packet.qos and type(effect) is Publication:
        effect.ack = connection.owe(packet.packet_id)
    elif packet.qos and (code is Reason.SUCCESS or connection.v5):
        connection.acknowledge(packet.packet_id, code)
    elif code is not Reason.SUCCESS:
        raise ProtocolError(code, f"PUBLISH to {packet.topic}")
    if effect is not None:
        connection.effects.append(effect)


def _check(connection: Connection, packet: codec.Publish) -> None:
    """What ends the connection; a topic alias is replaced by its topic on the way."""
    if len(packet.payload) > connection.settings.max_payload:
        raise ProtocolError(Reason.PACKET_TOO_LARGE, "payload larger than permitted")
    if connection.v5:
        settings = connection.settings
        if packet.qos and not settings.receive_maximum and connection.unacknowledged >= settings.max_unacknowledged:
            raise ProtocolError(Reason.RECEIVE_MAXIMUM_EXCEEDED, "more unacknowledged publishes than permitted")
        _resolve(connection, packet)
        _check_name(packet.topic)


def _resolve(connection: Connection, packet: codec.Publish) -> None:
    """Topic aliases and the properties a client must not send [MQTT-3.3.2-7] to [MQTT-3.3.4-6]."""
    properties = packet.properties
    alias = properties.topic_alias if properties is not None else None
    if properties is not None:
        _check_message_properties(properties)
    if alias is None:
        return
    if alias > connection.settings.max_topic_aliases:
        raise ProtocolError(Reason.TOPIC_ALIAS_INVALID, "topic alias above the maximum")
    if connection.aliases_in is None:
        connection.aliases_in = {}
    if packet.topic:
        connection.aliases_in[alias] = packet.topic
    elif alias in connection.aliases_in:
        packet.topic = connection.aliases_in[alias]
    else:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "unknown topic alias")


def _check_name(topic: str) -> None:
    """What is no topic name at all breaks the protocol; one that is merely too long is answered [MQTT-3.3.2-2]."""
    if not topic:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "neither a topic nor an alias")
    if topics.is_wildcard(topic):
        raise ProtocolError(Reason.TOPIC_NAME_INVALID, "PUBLISH to a filter")


def _judge(connection: Connection, packet: codec.Publish, now: clock.Millis) -> tuple[Reason, Effect | None]:
    """What a publish is worth: a reason code and, if it is carried out, what is to be done."""
    topic = packet.topic
    if not topics.valid_topic(topic):
        return Reason.TOPIC_NAME_INVALID, None
    identity = connection.identity
    assert identity is not None
    resource = f"topic/{topic}"
    if not identity.allows("iot:Publish", resource, connection.client_id):
        return Reason.NOT_AUTHORIZED, None
    effect = _meaning(connection, packet, now)
    if effect is Kind.DENIED:
        return Reason.NOT_AUTHORIZED, None
    if isinstance(effect, Kind):
        return Reason.SUCCESS, None
    retained = packet.retain and type(effect) is Publication
    if retained and not identity.allows("iot:RetainPublish", resource, connection.client_id):
        return Reason.NOT_AUTHORIZED, None
    return Reason.SUCCESS, effect


def _meaning(connection: Connection, asked: codec.Publish | codec.Will, now: clock.Millis) -> Effect | Kind:
    """The effect of a permitted publish, if it has any. RETAIN has no effect on what is not for subscribers alone."""
    found = connection.reserved.find(asked.topic)
    if found is Kind.DENIED or found is Kind.DROPPED:
        return found
    message = Message(asked.topic, asked.payload, asked.qos)
    added = () if connection.identity is None else connection.identity.enrichment
    if asked.properties is not None or added:
        given = _NONE if asked.properties is None else asked.properties
        message.properties, message.expires_at = _forwarded(connection, given, now, added)
    if isinstance(found, Claim):
        return Request(found, message)
    message.retain = asked.retain
    return Publication(message)


def _forwarded(
    connection: Connection, properties: Properties, now: clock.Millis, added: tuple[tuple[str, str], ...]
) -> tuple[Properties | None, clock.Millis | None]:
    """What of a publisher's properties travels on, and when the message expires (2.7)."""
    kept = Properties(
        payload_format_indicator=properties.payload_format_indicator,
        content_type=properties.content_type,
        response_topic=properties.response_topic,
        correlation_data=properties.correlation_data,
        user_property=properties.user_property + added,
    )
    interval = properties.message_expiry_interval
    expires_at = None
    if interval is not None:
        expires_at = now + 1000 * min(max(interval, 1), connection.settings.max_message_expiry)
    return (None if kept == Properties() else kept), expires_at


def denied_to_will(identity: Identity, client_id: str, will: codec.Will) -> str | None:
    """The action that keeps a client from publishing its will; None if nothing does."""
    for action in ("iot:Publish", "iot:RetainPublish")[: 1 + will.retain]:
        if not identity.allows(action, f"topic/{will.topic}", client_id):
            return action
    return None


def will_publication(connection: Connection, will: codec.Will, now: clock.Millis) -> Effect | None:
    """What a will is worth when it goes out; its own expiry begins then."""
    effect = _meaning(connection, will, now)
    return None if isinstance(effect, Kind) else effect


def on_puback(connection: Connection, packet: codec.Puback, now: clock.Millis) -> None:
    assert connection.session is not None
    connection.session.acknowledged(packet.packet_id, now)


def _check_message_properties(properties: Properties) -> None:
    if properties.subscription_identifier is not None:  # [MQTT-3.3.4-6]
        raise ProtocolError(Reason.PROTOCOL_ERROR, "subscription identifier from a client")
    if not response_topic_fits(properties):
        raise ProtocolError(Reason.PROTOCOL_ERROR, "the response topic is no topic name")


def response_topic_fits(properties: Properties) -> bool:
    """Whether the response topic, if there is one, is the name of a topic [MQTT-3.3.2-14] [MQTT-4.7.3-1]."""
    response = properties.response_topic
    return response is None or (response != "" and not topics.is_wildcard(response))
