"""MQTT 5 properties: which there are, where each may stand, and their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.mqtt.codec import fields
from tidegate.mqtt.codec.packets import Properties, ProtocolError, Reason

_BYTE, _TWO, _FOUR, _VARINT, _TEXT, _BINARY, _PAIR = range(7)
_PROPERTIES: dict[int, tuple[str, int]] = {
    0x01: ("payload_format_indicator", _BYTE),
    0x02: ("message_expiry_interval", _FOUR),
    0x03: ("content_type", _TEXT),
    0x08: ("response_topic", _TEXT),
    0x09: ("correlation_data", _BINARY),
    0x0B: ("subscription_identifier", _VARINT),
    0x11: ("session_expiry_interval", _FOUR),
    0x12: ("assigned_client_identifier", _TEXT),
    0x13: ("server_keep_alive", _TWO),
    0x15: ("authentication_method", _TEXT),
    0x16: ("authentication_data", _BINARY),
    0x17: ("request_problem_information", _BYTE),
    0x18: ("will_delay_interval", _FOUR),
    0x19: ("request_response_information", _BYTE),
    0x1A: ("response_information", _TEXT),
    0x1C: ("server_reference", _TEXT),
    0x1F: ("reason_string", _TEXT),
    0x21: ("receive_maximum", _TWO),
    0x22: ("topic_alias_maximum", _TWO),
    0x23: ("topic_alias", _TWO),
    0x24: ("maximum_qos", _BYTE),
    0x25: ("retain_available", _BYTE),
    0x26: ("user_property", _PAIR),
    0x27: ("maximum_packet_size", _FOUR),
    0x28: ("wildcard_subscription_available", _BYTE),
    0x29: ("subscription_identifier_available", _BYTE),
    0x2A: ("shared_subscription_available", _BYTE),
}
_NOT_ZERO = frozenset({0x0B, 0x21, 0x27})
ON_CONNECT = frozenset({0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27})
ON_WILL = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26})
ON_CONNACK = frozenset(
    {0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A}
)
ON_PUBLISH = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26})
ON_SUBSCRIBE = frozenset({0x0B, 0x26})
ON_UNSUBSCRIBE = frozenset({0x26})
ON_ACK = frozenset({0x1F, 0x26})
ON_DISCONNECT = frozenset({0x11, 0x1C, 0x1F, 0x26})

_READ: tuple[Callable[[bytes, int, int], tuple[Any, int]], ...] = (
    fields.byte,
    fields.two,
    fields.four,
    fields.varint,
    fields.text,
    fields.binary,
    fields.pair,
)


def read(data: bytes, at: int, end: int, allowed: frozenset[int]) -> tuple[Properties | None, int]:
    """The property section at ``at``; None if it is empty."""
    size, at = fields.varint(data, at, end)
    if size == 0:
        return None, at
    stop = at + size
    if stop > end:
        raise fields.malformed("properties longer than the packet")
    found: dict[str, Any] = {}
    while at < stop:
        identifier, at = fields.varint(data, at, stop)
        if identifier not in _PROPERTIES:
            raise fields.malformed("unknown property")
        if identifier not in allowed:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "property does not belong to this packet")
        name, kind = _PROPERTIES[identifier]
        value, at = _READ[kind](data, at, stop)
        if kind == _PAIR:
            found[name] = (*found.get(name, ()), value)
            continue
        if name in found:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "property given twice")
        _check_property(identifier, kind, value)
        found[name] = value
    return Properties(**found), at


def _check_property(identifier: int, kind: int, value: Any) -> None:  # a number, except of texts
    if identifier == 0x23 and value == 0:
        raise ProtocolError(Reason.TOPIC_ALIAS_INVALID, "topic alias 0")  # [MQTT-3.3.2-8]
    if (kind == _BYTE and value > 1) or (identifier in _NOT_ZERO and value == 0):
        raise ProtocolError(Reason.PROTOCOL_ERROR, "property value out of range")


_WRITE: tuple[Callable[[Any], bytes], ...] = (
    lambda value: bytes((value,)),
    lambda value: value.to_bytes(2, "big"),
    lambda value: value.to_bytes(4, "big"),
    fields.write_varint,
    fields.write_text,
    fields.write_binary,
    lambda pair: fields.write_text(pair[0]) + fields.write_text(pair[1]),
)


def write(properties: Properties | None) -> bytes:
    if properties is None:
        return b"\0"
    out = bytearray()
    for identifier, (name, kind) in _PROPERTIES.items():
        value = getattr(properties, name)
        if value is None:
            continue
        for each in value if kind == _PAIR else (value,):
            out.append(identifier)
            out += _WRITE[kind](each)
    return fields.write_varint(len(out)) + out


def encode_properties(properties: Properties) -> bytes:
    """The properties of an application message as they are kept."""
    return write(properties)


def decode_properties(data: bytes) -> Properties | None:
    """The reverse of ``encode_properties``."""
    return read(data, 0, len(data), ON_PUBLISH)[0]
