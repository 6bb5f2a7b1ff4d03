"""Messages to a client: replies, deliveries, topic aliases (device reference 2.7, 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tidegate import clock
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Properties
from tidegate.mqtt.session.messages import Message, State

if TYPE_CHECKING:
    from tidegate.mqtt.session.connection import Connection


def reply(connection: Connection, topic: str, payload: bytes, request_qos: int, now: clock.Millis) -> None:
    """Answer a job request on the connection that made it, subscribed or not (device reference 3.3)."""
    session = connection.session
    if session is None or connection.state is not State.CONNECTED:
        return
    granted = session.granted(topic)
    qos = min(1, request_qos if granted is None else granted)
    session.deliver(Message(topic, payload, qos, reply=True), qos, False, now)


def send(
    connection: Connection, message: Message, qos: int, packet_id: int, retain: bool, dup: bool, now: clock.Millis
) -> bool:
    """Write a PUBLISH; False if it must not be sent: expired, not to be received, or too large for the client."""
    if message.expires_at is not None and message.expires_at <= now:
        return False
    identity, topic = connection.identity, message.topic
    if connection.settings.deliver_rate:
        connection.deliveries += 1
    if identity is None or not identity.allows("iot:Receive", f"topic/{topic}", connection.client_id):
        return False
    if connection.v5:
        return send_v5(connection, message, qos, packet_id, retain, dup, now)
    connection.write(codec.encode_publish(connection.level, topic, message.payload, qos, packet_id, retain, dup))
    return True


def send_v5(
    connection: Connection, message: Message, qos: int, packet_id: int, retain: bool, dup: bool, now: clock.Millis
) -> bool:
    topic, properties = message.topic, message.properties
    alias, known = _alias(connection, topic)
    if alias or message.expires_at is not None:
        properties = Properties() if properties is None else msgspec.structs.replace(properties)
        properties.topic_alias = alias
        if message.expires_at is not None:
            properties.message_expiry_interval = max(0, message.expires_at - now) // 1000
    name = "" if known else topic
    data = codec.encode_publish(connection.level, name, message.payload, qos, packet_id, retain, dup, properties)
    if connection.max_packet and len(data) > connection.max_packet:  # discarded as if delivered [MQTT-3.1.2-25]
        return False
    if alias and not known:
        assert connection.aliases_out is not None
        connection.aliases_out[topic] = alias
    connection.write(data)
    return True


def _alias(connection: Connection, topic: str) -> tuple[int | None, bool]:
    """The alias of a topic for this client, and whether the client knows it. The first topics get them for good."""
    if not connection.max_aliases_out:
        return None, False
    aliases = connection.aliases_out
    if aliases is None:
        aliases = connection.aliases_out = {}
    alias = aliases.get(topic)
    if alias is not None:
        return alias, True
    return (len(aliases) + 1, False) if len(aliases) < connection.max_aliases_out else (None, False)
