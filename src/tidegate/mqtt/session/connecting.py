"""CONNECT: what may enter, under which terms (device reference 2.1, 2.2, 2.7)."""

from __future__ import annotations

from tidegate import clock
from tidegate.mqtt import codec, topics
from tidegate.mqtt.codec import Properties, Reason
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.reserved import Claim, Kind
from tidegate.mqtt.session import publishing
from tidegate.mqtt.session.connection import Connection
from tidegate.mqtt.session.effects import Identify
from tidegate.mqtt.session.messages import State
from tidegate.mqtt.session.session import Session

_REFUSAL_SIZE = 5
"""Bytes of a CONNACK without properties."""


def on_connect(connection: Connection, packet: codec.Connect, _now: clock.Millis) -> None:
    connection.level = packet.level
    refusal = _refusal(connection, packet)
    if refusal is not None:
        code, message = refusal
        connection.effects.append(connection.refuse(code, message))
        return
    connection.client_id = packet.client_id or connection.ids.uuid()
    least = packet.properties.maximum_packet_size if packet.properties is not None else None
    if least is not None and least < _welcome_size(connection, packet):  # nothing larger may be sent [MQTT-3.1.2-24]
        silent = least < _REFUSAL_SIZE
        closed = connection.refuse(Reason.PACKET_TOO_LARGE, "CONNACK is larger than it takes", silent=silent)
        connection.effects.append(closed)
        return
    connection.connect = packet
    connection.state = State.IDENTIFYING
    connection.effects.append(Identify(connection.client_id))


def _welcome_size(connection: Connection, packet: codec.Connect) -> int:
    """Bytes of the CONNACK that lets an MQTT 5 client in; its numbers are all of fixed length."""
    offered = _offer(connection, packet, packet.properties or Properties(), 0)
    return len(codec.encode(codec.Connack(0, False, offered), codec.V5))


def _refusal(connection: Connection, packet: codec.Connect) -> tuple[Reason, str] | None:
    """What is wrong with a CONNECT in itself (device reference 2.1)."""
    client_id, will = packet.client_id, packet.will
    if client_id.startswith("$") or len(client_id.encode()) > connection.settings.max_client_id:
        return Reason.CLIENT_IDENTIFIER_NOT_VALID, "client id reserved or too long"
    if not client_id and not connection.v5 and not packet.clean_start:
        return Reason.CLIENT_IDENTIFIER_NOT_VALID, "empty client id with a persistent session"
    if packet.properties is not None:
        if packet.properties.authentication_method is not None:
            return Reason.BAD_AUTHENTICATION_METHOD, "enhanced authentication"
        if packet.properties.authentication_data is not None:
            return Reason.PROTOCOL_ERROR, "authentication data without a method"
    return None if will is None else _will_refusal(connection, will)


def _will_refusal(connection: Connection, will: codec.Will) -> tuple[Reason, str] | None:
    if will.qos > 1:
        return Reason.QOS_NOT_SUPPORTED, "will QoS 2"
    if will.properties is not None and not publishing.response_topic_fits(will.properties):
        return Reason.PROTOCOL_ERROR, "the will's response topic is no topic name"
    if len(will.payload) > connection.settings.max_payload or not _open_to_wills(connection, will.topic):
        return Reason.TOPIC_NAME_INVALID, "will topic"
    return None


def authorise(connection: Connection, identity: Identity) -> str | None:
    """What the policies forbid about this CONNECT; None if nothing."""
    connect = connection.connect
    assert connect is not None
    will = connect.will
    will_topic = will.topic if will is not None else None
    if not identity.connects(connection.client_id, persistent=_persistent(connect), will_topic=will_topic):
        return "iot:Connect"
    denied = None if will is None else publishing.denied_to_will(identity, connection.client_id, will)
    return None if denied is None else f"{denied} for the will"


def _persistent(connect: codec.Connect) -> bool:
    """Whether the client wants a session that outlives its connection."""
    expiry = connect.properties.session_expiry_interval if connect.properties is not None else None
    return not connect.clean_start or bool(expiry)


def accept(connection: Connection, identity: Identity, session: Session, present: bool) -> None:
    """Enter the session: CONNACK. What the session has for the client is to be resumed then."""
    connect = connection.connect
    assert connect is not None
    asked = connect.properties or Properties()
    connection.identity, connection.session = identity, session
    connection.connect, connection.will = None, connect.will
    connection.state = State.CONNECTED
    _agree(connection, connect, asked, session)
    session.connection, session.expires_at = connection, None
    session.keep()
    properties = _offer(connection, connect, asked, session.expiry) if connection.v5 else None
    connection.write(codec.encode(codec.Connack(0, present, properties), connection.level))


def _agree(connection: Connection, connect: codec.Connect, asked: Properties, session: Session) -> None:
    settings = connection.settings
    wanted = connect.keep_alive or settings.max_keep_alive
    connection.keep_alive = min(max(wanted, settings.min_keep_alive), settings.max_keep_alive)
    if not connection.v5:
        session.expiry = 0 if connect.clean_start else settings.max_session_expiry
        return
    session.expiry = min(asked.session_expiry_interval or 0, settings.max_session_expiry)
    connection.window = min(asked.receive_maximum or 0xFFFF, settings.max_unacknowledged)
    connection.max_packet = asked.maximum_packet_size or 0
    connection.max_aliases_out = min(asked.topic_alias_maximum or 0, settings.max_topic_aliases)


def _offer(connection: Connection, connect: codec.Connect, asked: Properties, expiry: int) -> Properties:
    """The CONNACK properties of device reference 2.7."""
    settings = connection.settings
    return Properties(
        session_expiry_interval=None if asked.session_expiry_interval is None else expiry,
        receive_maximum=settings.max_unacknowledged,
        maximum_qos=1,
        retain_available=1,
        maximum_packet_size=settings.max_packet,
        assigned_client_identifier=None if connect.client_id else connection.client_id,
        topic_alias_maximum=settings.max_topic_aliases,
        wildcard_subscription_available=1,
        subscription_identifier_available=0,
        shared_subscription_available=1,
        server_keep_alive=connection.keep_alive,
    )


def _open_to_wills(connection: Connection, topic: str) -> bool:
    """Whether a will may be published here at all."""
    if not topics.valid_topic(topic):
        return False
    found = connection.reserved.find(topic)
    return found.by_will if isinstance(found, Claim) else found is not Kind.DENIED
