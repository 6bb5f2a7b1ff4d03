"""Packets in, bytes out, as a peer of a protocol level expects them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.mqtt.codec import fields
from tidegate.mqtt.codec import properties as sections
from tidegate.mqtt.codec.packets import (
    PINGRESP,
    V5,
    V31,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)


def _frame(first: int, body: bytes) -> bytes:
    return bytes((first,)) + fields.write_varint(len(body)) + body


def encode_publish(
    level: int,
    topic: str,
    payload: bytes,
    qos: int = 0,
    packet_id: int = 0,
    retain: bool = False,
    dup: bool = False,
    properties: Properties | None = None,
) -> bytes:
    """A PUBLISH for a peer of this protocol level; ``properties`` are left out below MQTT 5."""
    name = topic.encode()
    first = 0x30 | dup << 3 | qos << 1 | retain
    tail = packet_id.to_bytes(2, "big") if qos else b""
    if level == V5:
        tail += sections.write(properties)
    size = 2 + len(name) + len(tail) + len(payload)
    head = bytes((first, size)) if size < 0x80 else bytes((first,)) + fields.write_varint(size)
    return b"".join((head, len(name).to_bytes(2, "big"), name, tail, payload))


def encode_puback(level: int, packet_id: int, code: int = 0) -> bytes:
    """A PUBACK; the reason code reaches MQTT 5 peers only."""
    if code and level == V5:
        return bytes((0x40, 3, packet_id >> 8, packet_id & 0xFF, code))
    return bytes((0x40, 2, packet_id >> 8, packet_id & 0xFF))


def encode(packet: Packet, level: int) -> bytes:
    """Any packet as a peer of this protocol level expects it."""
    return _WRITERS[type(packet)](packet, level)


def _publish(packet: Publish, level: int) -> bytes:
    return encode_publish(
        level,
        packet.topic,
        packet.payload,
        packet.qos,
        packet.packet_id,
        packet.retain,
        packet.dup,
        packet.properties,
    )


def _only_v5(properties: Properties | None, level: int) -> bytes:
    return sections.write(properties) if level == V5 else b""


def _connect(packet: Connect, _level: int) -> bytes:
    level, will = packet.level, packet.will
    flags = packet.clean_start << 1 | (packet.username is not None) << 7 | (packet.password is not None) << 6
    name = b"MQIsdp" if level == V31 else b"MQTT"
    parts = [_only_v5(packet.properties, level), fields.write_text(packet.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        parts += [_only_v5(will.properties, level), fields.write_text(will.topic), fields.write_binary(will.payload)]
    if packet.username is not None:
        parts.append(fields.write_text(packet.username))
    if packet.password is not None:
        parts.append(fields.write_binary(packet.password))
    head = fields.write_binary(name) + bytes((level, flags)) + packet.keep_alive.to_bytes(2, "big")
    return _frame(0x10, head + b"".join(parts))


def _connack(packet: Connack, level: int) -> bytes:
    return _frame(0x20, bytes((packet.session_present, packet.code)) + _only_v5(packet.properties, level))


def _reason(code: int, properties: Properties | None, level: int) -> bytes:
    """Reason code and properties, left out when they say nothing [MQTT 5, 3.4.2.1]."""
    if level != V5 or (code == 0 and properties is None):
        return b""
    return bytes((code,)) + (b"" if properties is None else sections.write(properties))


def _puback(packet: Puback, level: int) -> bytes:
    return _frame(0x40, packet.packet_id.to_bytes(2, "big") + _reason(packet.code, packet.properties, level))


def _head(packet_id: int, properties: Properties | None, level: int) -> bytes:
    return packet_id.to_bytes(2, "big") + _only_v5(properties, level)


def _subscribe(packet: Subscribe, level: int) -> bytes:
    filters = b"".join(fields.write_text(each.filter) + bytes((each.options,)) for each in packet.filters)
    return _frame(0x82, _head(packet.packet_id, packet.properties, level) + filters)


def _suback(packet: Suback, level: int) -> bytes:
    return _frame(0x90, _head(packet.packet_id, packet.properties, level) + bytes(packet.codes))


def _unsubscribe(packet: Unsubscribe, level: int) -> bytes:
    filters = b"".join(fields.write_text(each) for each in packet.filters)
    return _frame(0xA2, _head(packet.packet_id, packet.properties, level) + filters)


def _unsuback(packet: Unsuback, level: int) -> bytes:
    codes = bytes(packet.codes) if level == V5 else b""
    return _frame(0xB0, _head(packet.packet_id, packet.properties, level) + codes)


def _disconnect(packet: Disconnect, level: int) -> bytes:
    return _frame(0xE0, _reason(packet.code, packet.properties, level))


_WRITERS: dict[type, Callable[[Any, int], bytes]] = {
    Connect: _connect,
    Connack: _connack,
    Publish: _publish,
    Puback: _puback,
    Subscribe: _subscribe,
    Suback: _suback,
    Unsubscribe: _unsubscribe,
    Unsuback: _unsuback,
    Pingreq: lambda _packet, _level: b"\xc0\x00",
    Pingresp: lambda _packet, _level: PINGRESP,
    Disconnect: _disconnect,
}
