"""MQTT 3.1.1 and 5 packets: bytes in, packets out, and back. No sockets, no sessions, no policy.

A ``Reader`` is fed whatever arrived and hands out whole packets. It refuses a packet from its length field alone,
before the body is kept, so a connection never holds more than one packet of the permitted size. Everything a peer can
do wrong in bytes is a ``ProtocolError`` with the MQTT 5 reason code. Both directions of every packet are here, so a
client can use it too. PUBREC, PUBREL, PUBCOMP and AUTH are refused: there is no QoS 2 and no enhanced authentication
(device reference 2.4, 2.7).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec

V31, V311, V5 = 3, 4, 5
MAX_REMAINING_LENGTH = 268_435_455
_PROTOCOL_NAMES = {b"MQIsdp": (V31,), b"MQTT": (V311, V5)}


class Reason(enum.IntEnum):
    """MQTT 5 reason codes in use (device reference 2.7)."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    QOS_NOT_SUPPORTED = 0x9B
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1


class ProtocolError(Exception):
    """The peer broke the protocol. ``code`` is the reason an MQTT 5 peer is told."""

    def __init__(self, code: Reason, message: str) -> None:
        super().__init__(message)
        self.code = code


# -- values -----------------------------------------------------------------------------------------------------------


class Properties(msgspec.Struct, gc=False):
    """MQTT 5 properties; None or an empty tuple means absent."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifier: int | None = None
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: int | None = None
    will_delay_interval: int | None = None
    request_response_information: int | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: int | None = None
    user_property: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: int | None = None
    subscription_identifier_available: int | None = None
    shared_subscription_available: int | None = None


class Will(msgspec.Struct, gc=False):
    """The message a server publishes for a client that vanishes."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None


class Connect(msgspec.Struct, gc=False):
    """CONNECT. ``level`` is 3, 4 or 5; ``clean_start`` is Clean Session in 3.1.1; ``keep_alive`` in seconds."""

    level: int
    client_id: str
    clean_start: bool = True
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties | None = None


class Connack(msgspec.Struct, gc=False):
    """CONNACK. ``code`` is a return code 0-5 in 3.1.1 and a reason code in 5."""

    code: int = 0
    session_present: bool = False
    properties: Properties | None = None


class Publish(msgspec.Struct, gc=False):
    """PUBLISH. ``packet_id`` is 0 at QoS 0."""

    topic: str
    payload: bytes = b""
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False
    properties: Properties | None = None


class Puback(msgspec.Struct, gc=False):
    """PUBACK."""

    packet_id: int
    code: int = 0
    properties: Properties | None = None


class Filter(msgspec.Struct, gc=False):
    """One filter of a SUBSCRIBE; ``options`` is the MQTT 5 options byte, whose low two bits are the QoS."""

    filter: str
    options: int = 0


class Subscribe(msgspec.Struct, gc=False):
    """SUBSCRIBE."""

    packet_id: int
    filters: tuple[Filter, ...]
    properties: Properties | None = None


class Suback(msgspec.Struct, gc=False):
    """SUBACK, one code for each filter."""

    packet_id: int
    codes: tuple[int, ...]
    properties: Properties | None = None


class Unsubscribe(msgspec.Struct, gc=False):
    """UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties | None = None


class Unsuback(msgspec.Struct, gc=False):
    """UNSUBACK; 3.1.1 carries no codes."""

    packet_id: int
    codes: tuple[int, ...] = ()
    properties: Properties | None = None


class Pingreq(msgspec.Struct, gc=False):
    """PINGREQ."""


class Pingresp(msgspec.Struct, gc=False):
    """PINGRESP."""


class Disconnect(msgspec.Struct, gc=False):
    """DISCONNECT."""

    code: int = 0
    properties: Properties | None = None


Packet = (
    Connect | Connack | Publish | Puback | Subscribe | Suback | Unsubscribe | Unsuback | Pingreq | Pingresp | Disconnect
)

PINGRESP = b"\xd0\x00"

# -- properties -------------------------------------------------------------------------------------------------------

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
_ON_CONNECT = frozenset({0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27})
_ON_WILL = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26})
_ON_CONNACK = frozenset(
    {0x11, 0x12, 0x13, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A}
)
_ON_PUBLISH = frozenset({0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26})
_ON_SUBSCRIBE = frozenset({0x0B, 0x26})
_ON_UNSUBSCRIBE = frozenset({0x26})
_ON_ACK = frozenset({0x1F, 0x26})
_ON_DISCONNECT = frozenset({0x11, 0x1C, 0x1F, 0x26})


def _malformed(message: str) -> ProtocolError:
    return ProtocolError(Reason.MALFORMED_PACKET, message)


def _byte(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise _malformed("packet ends inside a field")
    return data[at], at + 1


def _two(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at + 2 > end:
        raise _malformed("packet ends inside a field")
    return data[at] << 8 | data[at + 1], at + 2


def _four(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at + 4 > end:
        raise _malformed("packet ends inside a field")
    return int.from_bytes(data[at : at + 4], "big"), at + 4


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in (0, 7, 14, 21):
        digit, at = _byte(data, at, end)
        value |= (digit & 0x7F) << shift
        if digit < 0x80:
            return value, at
    raise _malformed("variable byte integer longer than four bytes")


def _binary(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    size, at = _two(data, at, end)
    if at + size > end:
        raise _malformed("packet ends inside a field")
    return data[at : at + size], at + size


def _text(data: bytes, at: int, end: int) -> tuple[str, int]:
    raw, at = _binary(data, at, end)
    return _utf8(raw), at


def _utf8(raw: bytes) -> str:
    """Strict UTF-8 without U+0000 and surrogates [MQTT-1.5.4-1] [MQTT-1.5.4-2]."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _malformed("text is not UTF-8") from None
    if "\0" in text:
        raise _malformed("text holds U+0000")
    return text


def _pair(data: bytes, at: int, end: int) -> tuple[tuple[str, str], int]:
    name, at = _text(data, at, end)
    value, at = _text(data, at, end)
    return (name, value), at


_READ: tuple[Callable[[bytes, int, int], tuple[Any, int]], ...] = (_byte, _two, _four, _varint, _text, _binary, _pair)


def _properties(data: bytes, at: int, end: int, allowed: frozenset[int]) -> tuple[Properties | None, int]:
    """The property section at ``at``; None if it is empty."""
    size, at = _varint(data, at, end)
    if size == 0:
        return None, at
    stop = at + size
    if stop > end:
        raise _malformed("properties longer than the packet")
    found: dict[str, Any] = {}
    while at < stop:
        identifier, at = _varint(data, at, stop)
        if identifier not in _PROPERTIES:
            raise _malformed("unknown property")
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


def _check_property(identifier: int, kind: int, value: int) -> None:
    if identifier == 0x23 and value == 0:
        raise ProtocolError(Reason.TOPIC_ALIAS_INVALID, "topic alias 0")  # [MQTT-3.3.2-8]
    if (kind == _BYTE and value > 1) or (identifier in _NOT_ZERO and value == 0):
        raise ProtocolError(Reason.PROTOCOL_ERROR, "property value out of range")


def _write_varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7F
        out.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(out)


def _write_binary(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def _write_text(text: str) -> bytes:
    return _write_binary(text.encode())


_WRITE: tuple[Callable[[Any], bytes], ...] = (
    lambda value: bytes((value,)),
    lambda value: value.to_bytes(2, "big"),
    lambda value: value.to_bytes(4, "big"),
    _write_varint,
    _write_text,
    _write_binary,
    lambda pair: _write_text(pair[0]) + _write_text(pair[1]),
)


def _write_properties(properties: Properties | None) -> bytes:
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
    return _write_varint(len(out)) + out


# -- reading ----------------------------------------------------------------------------------------------------------


class Reader:
    """Cuts a byte stream into packets. ``maximum`` bounds a whole packet in bytes; a CONNECT read sets ``level``."""

    __slots__ = ("_at", "_data", "_need", "_pending", "level", "maximum")

    def __init__(self, maximum: int, level: int = V311) -> None:
        self.maximum = maximum
        self.level = level
        self._data = b""
        self._at = 0
        self._pending: bytearray | None = None
        self._need = 0

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        pending = self._pending
        if pending is not None:  # linear even when a packet arrives byte by byte
            pending += data
            if len(pending) < self._need:
                return
            data = bytes(pending)
            self._pending = None
        elif self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data, self._at = data, 0

    def next_packet(self) -> Packet | None:
        """The next whole packet, or None if more bytes are needed. After a ProtocolError the stream is unusable."""
        data, at = self._data, self._at
        available = len(data)
        if at == available:
            self._data, self._at = b"", 0
            return None
        first = data[at]
        read = _READERS.get(first)
        if read is None:
            raise _refused(first)
        if at + 2 > available:
            self._wait(at + 2)
            return None
        remaining, start = data[at + 1], at + 2
        if remaining >= 0x80:
            remaining, start = _long_length(data, at, available)
            if remaining < 0:
                self._wait(available + 1)
                return None
        end = start + remaining
        if end - at > self.maximum:
            raise ProtocolError(Reason.PACKET_TOO_LARGE, "packet larger than permitted")
        if end > available:
            self._wait(end)
            return None
        self._at = end
        if read is _read_publish:
            return _read_publish(data, start, end, self.level, first)
        packet = read(data, start, end, self.level)
        if first == 0x10:
            assert isinstance(packet, Connect)
            self.level = packet.level
        return packet

    def _wait(self, need: int) -> None:
        """Keep an incomplete packet until its end, at ``need``, has arrived."""
        self._pending = bytearray(self._data[self._at :])
        self._need = need - self._at
        self._data, self._at = b"", 0


def _long_length(data: bytes, at: int, available: int) -> tuple[int, int]:
    """A remaining length of two to four bytes; (-1, …) if not all of them are here."""
    window = data[at + 1 : at + 5]
    if len(window) < 4 and window[-1] >= 0x80:
        return -1, at
    return _varint(data, at + 1, available)


def _refused(first: int) -> ProtocolError:
    if first >> 4 in (5, 6, 7):
        return ProtocolError(Reason.QOS_NOT_SUPPORTED, "QoS 2 is not supported")
    if first >> 4 == 15:
        return ProtocolError(Reason.PROTOCOL_ERROR, "enhanced authentication is not supported")
    return _malformed("reserved packet type or flags")  # [MQTT-2.1.3-1]


def _read_publish(data: bytes, at: int, end: int, level: int, first: int = 0x30) -> Publish:
    qos = first >> 1 & 3
    if at + 2 > end:
        raise _malformed("packet ends inside a field")
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise _malformed("packet ends inside a field")
    topic = _utf8(data[at + 2 : stop])
    packet_id = 0
    if qos:
        packet_id, stop = _packet_id(data, stop, end)
    properties = None
    if level == V5:
        properties, stop = _properties(data, stop, end, _ON_PUBLISH)
    return Publish(topic, data[stop:end], qos, packet_id, bool(first & 1), bool(first & 8), properties)


def _packet_id(data: bytes, at: int, end: int) -> tuple[int, int]:
    packet_id, at = _two(data, at, end)
    if packet_id == 0:
        raise _malformed("packet identifier 0")  # [MQTT-2.2.1-3]
    return packet_id, at


def _whole(at: int, end: int) -> None:
    if at != end:
        raise _malformed("packet longer than its contents")


def _read_connect(data: bytes, at: int, end: int, _level: int) -> Connect:
    name, at = _binary(data, at, end)
    level, at = _byte(data, at, end)
    if name not in _PROTOCOL_NAMES:
        raise _malformed("not an MQTT protocol name")  # [MQTT-3.1.2-1]
    if level not in _PROTOCOL_NAMES[name]:
        raise ProtocolError(Reason.UNSUPPORTED_PROTOCOL_VERSION, f"protocol level {level}")
    flags, at = _byte(data, at, end)
    _check_connect_flags(flags)
    keep_alive, at = _two(data, at, end)
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_CONNECT)
    client_id, at = _text(data, at, end)
    will = None
    if flags & 0x04:
        will, at = _read_will(data, at, end, flags, level)
    username = password = None
    if flags & 0x80:
        username, at = _text(data, at, end)
    if flags & 0x40:
        password, at = _binary(data, at, end)
    _whole(at, end)
    return Connect(level, client_id, bool(flags & 2), keep_alive, username, password, will, properties)


def _check_connect_flags(flags: int) -> None:
    if flags & 1:  # [MQTT-3.1.2-3]
        raise _malformed("reserved CONNECT flag")
    if flags & 0x18 == 0x18 or (not flags & 4 and flags & 0x38):  # [MQTT-3.1.2-11] to [MQTT-3.1.2-15]
        raise _malformed("will flags")


def _read_will(data: bytes, at: int, end: int, flags: int, level: int) -> tuple[Will, int]:
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_WILL)
    topic, at = _text(data, at, end)
    payload, at = _binary(data, at, end)
    return Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20), properties), at


def _read_connack(data: bytes, at: int, end: int, level: int) -> Connack:
    flags, at = _byte(data, at, end)
    code, at = _byte(data, at, end)
    if flags > 1:
        raise _malformed("reserved CONNACK flags")
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_CONNACK)
    _whole(at, end)
    return Connack(code, bool(flags), properties)


def _read_puback(data: bytes, at: int, end: int, level: int) -> Puback:
    packet_id, at = _packet_id(data, at, end)
    if at == end:
        return Puback(packet_id)
    if level != V5:
        raise _malformed("packet longer than its contents")
    code, properties = _read_reason(data, at, end, _ON_ACK)
    return Puback(packet_id, code, properties)


def _read_reason(data: bytes, at: int, end: int, allowed: frozenset[int]) -> tuple[int, Properties | None]:
    """A reason code and properties, both of which MQTT 5 lets a sender leave out."""
    if at == end:
        return 0, None
    code, at = _byte(data, at, end)
    properties = None
    if at < end:
        properties, at = _properties(data, at, end, allowed)
    _whole(at, end)
    return code, properties


def _read_subscribe(data: bytes, at: int, end: int, level: int) -> Subscribe:
    packet_id, at = _packet_id(data, at, end)
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_SUBSCRIBE)
    filters = []
    while at < end:
        name, at = _text(data, at, end)
        options, at = _byte(data, at, end)
        _check_options(options, level)
        filters.append(Filter(name, options))
    if not filters:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "SUBSCRIBE without a filter")  # [MQTT-3.8.3-2]
    return Subscribe(packet_id, tuple(filters), properties)


def _check_options(options: int, level: int) -> None:
    reserved = 0xC0 if level == V5 else 0xFC
    if options & reserved or options & 3 == 3:  # [MQTT-3.8.3-5]
        raise _malformed("reserved subscription options")
    if options & 0x30 == 0x30:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "retain handling 3")


def _read_suback(data: bytes, at: int, end: int, level: int) -> Suback:
    packet_id, properties, at = _read_ack_head(data, at, end, level)
    return Suback(packet_id, tuple(data[at:end]), properties)


def _read_unsuback(data: bytes, at: int, end: int, level: int) -> Unsuback:
    packet_id, properties, at = _read_ack_head(data, at, end, level)
    if level != V5:
        _whole(at, end)
    return Unsuback(packet_id, tuple(data[at:end]), properties)


def _read_ack_head(data: bytes, at: int, end: int, level: int) -> tuple[int, Properties | None, int]:
    packet_id, at = _packet_id(data, at, end)
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_ACK)
    return packet_id, properties, at


def _read_unsubscribe(data: bytes, at: int, end: int, level: int) -> Unsubscribe:
    packet_id, at = _packet_id(data, at, end)
    properties = None
    if level == V5:
        properties, at = _properties(data, at, end, _ON_UNSUBSCRIBE)
    filters = []
    while at < end:
        name, at = _text(data, at, end)
        filters.append(name)
    if not filters:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "UNSUBSCRIBE without a filter")  # [MQTT-3.10.3-2]
    return Unsubscribe(packet_id, tuple(filters), properties)


def _read_pingreq(_data: bytes, at: int, end: int, _level: int) -> Pingreq:
    _whole(at, end)
    return Pingreq()


def _read_pingresp(_data: bytes, at: int, end: int, _level: int) -> Pingresp:
    _whole(at, end)
    return Pingresp()


def _read_disconnect(data: bytes, at: int, end: int, level: int) -> Disconnect:
    if level != V5:
        _whole(at, end)
    code, properties = _read_reason(data, at, end, _ON_DISCONNECT)
    return Disconnect(code, properties)


_READERS: dict[int, Callable[[bytes, int, int, int], Packet]] = {
    0x10: _read_connect,
    0x20: _read_connack,
    0x40: _read_puback,
    0x82: _read_subscribe,
    0x90: _read_suback,
    0xA2: _read_unsubscribe,
    0xB0: _read_unsuback,
    0xC0: _read_pingreq,
    0xD0: _read_pingresp,
    0xE0: _read_disconnect,
    **{
        0x30 | flags: _read_publish
        for flags in range(16)
        if flags & 6 != 6 and flags & 0xE != 8  # neither QoS 3 nor DUP at QoS 0 [MQTT-3.3.1-4] [MQTT-3.3.1-2]
    },
}

# -- writing ----------------------------------------------------------------------------------------------------------


def _frame(first: int, body: bytes) -> bytes:
    return bytes((first,)) + _write_varint(len(body)) + body


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
        tail += _write_properties(properties)
    size = 2 + len(name) + len(tail) + len(payload)
    head = bytes((first, size)) if size < 0x80 else bytes((first,)) + _write_varint(size)
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
    return _write_properties(properties) if level == V5 else b""


def _connect(packet: Connect, _level: int) -> bytes:
    level, will = packet.level, packet.will
    flags = packet.clean_start << 1 | (packet.username is not None) << 7 | (packet.password is not None) << 6
    name = b"MQIsdp" if level == V31 else b"MQTT"
    parts = [_only_v5(packet.properties, level), _write_text(packet.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        parts += [_only_v5(will.properties, level), _write_text(will.topic), _write_binary(will.payload)]
    if packet.username is not None:
        parts.append(_write_text(packet.username))
    if packet.password is not None:
        parts.append(_write_binary(packet.password))
    head = _write_binary(name) + bytes((level, flags)) + packet.keep_alive.to_bytes(2, "big")
    return _frame(0x10, head + b"".join(parts))


def _connack(packet: Connack, level: int) -> bytes:
    return _frame(0x20, bytes((packet.session_present, packet.code)) + _only_v5(packet.properties, level))


def _reason(code: int, properties: Properties | None, level: int) -> bytes:
    """Reason code and properties, left out when they say nothing [MQTT 5, 3.4.2.1]."""
    if level != V5 or (code == 0 and properties is None):
        return b""
    return bytes((code,)) + (b"" if properties is None else _write_properties(properties))


def _puback(packet: Puback, level: int) -> bytes:
    return _frame(0x40, packet.packet_id.to_bytes(2, "big") + _reason(packet.code, packet.properties, level))


def _head(packet_id: int, properties: Properties | None, level: int) -> bytes:
    return packet_id.to_bytes(2, "big") + _only_v5(properties, level)


def _subscribe(packet: Subscribe, level: int) -> bytes:
    filters = b"".join(_write_text(each.filter) + bytes((each.options,)) for each in packet.filters)
    return _frame(0x82, _head(packet.packet_id, packet.properties, level) + filters)


def _suback(packet: Suback, level: int) -> bytes:
    return _frame(0x90, _head(packet.packet_id, packet.properties, level) + bytes(packet.codes))


def _unsubscribe(packet: Unsubscribe, level: int) -> bytes:
    filters = b"".join(_write_text(each) for each in packet.filters)
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
