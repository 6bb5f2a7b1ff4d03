"""Bytes in, packets out.

A ``Reader`` is fed whatever arrived and hands out whole packets. It refuses a packet from its length field alone,
before the body is kept, so a connection never holds more than one packet of the permitted size.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.mqtt.codec import fields
from tidegate.mqtt.codec import properties as sections
from tidegate.mqtt.codec.packets import (
    PROTOCOL_NAMES,
    V5,
    V311,
    Connack,
    Connect,
    Disconnect,
    Filter,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    ProtocolError,
    Puback,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
)


class Reader:
    """Cuts a byte stream into packets. ``maximum`` bounds a whole packet in bytes; a CONNECT read sets ``level``."""

    __slots__ = ("_at", "_data", "_need", "_pending", "level", "maximum", "more")

    def __init__(self, maximum: int, level: int = V311) -> None:
        self.maximum = maximum
        self.level = level
        self._data = b""
        self._at = 0
        self._pending: bytearray | None = None
        self._need = 0
        self.more = False
        """Whether something is left behind the packet that was handed out last."""

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
        end = start + remaining
        if end - at > self.maximum:
            raise ProtocolError(Reason.PACKET_TOO_LARGE, "packet larger than permitted")
        if end > available:
            self._wait(end)
            return None
        if end == available:
            self._data, self._at, self.more = b"", 0, False
        else:
            self._at, self.more = end, True
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
    """A remaining length of two to four bytes; if not all of them are here, such that one byte more is needed."""
    window = data[at + 1 : at + 5]
    if len(window) < 4 and window[-1] >= 0x80:
        return 1, available
    return fields.varint(data, at + 1, available)


def _refused(first: int) -> ProtocolError:
    if first >> 4 in (5, 6, 7):
        return ProtocolError(Reason.QOS_NOT_SUPPORTED, "QoS 2 is not supported")
    if first >> 4 == 15:
        return ProtocolError(Reason.PROTOCOL_ERROR, "enhanced authentication is not supported")
    return fields.malformed("reserved packet type or flags")  # [MQTT-2.1.3-1]


def _read_publish(data: bytes, at: int, end: int, level: int, first: int = 0x30) -> Publish:
    qos = first >> 1 & 3
    if at + 2 > end:
        raise fields.malformed("packet ends inside a field")
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise fields.malformed("packet ends inside a field")
    topic = fields.utf8(data[at + 2 : stop])
    packet_id = 0
    if qos:
        packet_id, stop = _packet_id(data, stop, end)
    properties = None
    if level == V5:
        properties, stop = sections.read(data, stop, end, sections.ON_PUBLISH)
    return Publish(topic, data[stop:end], qos, packet_id, bool(first & 1), bool(first & 8), properties)


def _packet_id(data: bytes, at: int, end: int) -> tuple[int, int]:
    packet_id, at = fields.two(data, at, end)
    if packet_id == 0:
        raise fields.malformed("packet identifier 0")  # [MQTT-2.2.1-3]
    return packet_id, at


def _whole(at: int, end: int) -> None:
    if at != end:
        raise fields.malformed("packet longer than its contents")


def _read_connect(data: bytes, at: int, end: int, _level: int) -> Connect:
    name, at = fields.binary(data, at, end)
    level, at = fields.byte(data, at, end)
    if name not in PROTOCOL_NAMES:
        raise fields.malformed("not an MQTT protocol name")  # [MQTT-3.1.2-1]
    if level not in PROTOCOL_NAMES[name]:
        raise ProtocolError(Reason.UNSUPPORTED_PROTOCOL_VERSION, f"protocol level {level}")
    flags, at = fields.byte(data, at, end)
    _check_connect_flags(flags, level)
    keep_alive, at = fields.two(data, at, end)
    properties = None
    if level == V5:
        properties, at = sections.read(data, at, end, sections.ON_CONNECT)
    client_id, at = fields.text(data, at, end)
    will = None
    if flags & 0x04:
        will, at = _read_will(data, at, end, flags, level)
    username = password = None
    if flags & 0x80:
        username, at = fields.text(data, at, end)
    if flags & 0x40:
        password, at = fields.binary(data, at, end)
    _whole(at, end)
    return Connect(level, client_id, bool(flags & 2), keep_alive, username, password, will, properties)


def _check_connect_flags(flags: int, level: int) -> None:
    if flags & 1:  # [MQTT-3.1.2-3]
        raise fields.malformed("reserved CONNECT flag")
    if flags & 0x18 == 0x18 or (not flags & 4 and flags & 0x38):  # [MQTT-3.1.2-11] to [MQTT-3.1.2-15]
        raise fields.malformed("will flags")
    if level != V5 and flags & 0xC0 == 0x40:  # [MQTT-3.1.2-22] of 3.1.1; MQTT 5 permits it
        raise fields.malformed("password without a user name")


def _read_will(data: bytes, at: int, end: int, flags: int, level: int) -> tuple[Will, int]:
    properties = None
    if level == V5:
        properties, at = sections.read(data, at, end, sections.ON_WILL)
    topic, at = fields.text(data, at, end)
    payload, at = fields.binary(data, at, end)
    return Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20), properties), at


def _read_connack(data: bytes, at: int, end: int, level: int) -> Connack:
    flags, at = fields.byte(data, at, end)
    code, at = fields.byte(data, at, end)
    if flags > 1:
        raise fields.malformed("reserved CONNACK flags")
    properties = None
    if level == V5:
        properties, at = sections.read(data, at, end, sections.ON_CONNACK)
    _whole(at, end)
    return Connack(code, bool(flags), properties)


def _read_puback(data: bytes, at: int, end: int, level: int) -> Puback:
    packet_id, at = _packet_id(data, at, end)
    if at == end:
        return Puback(packet_id)
    if level != V5:
        raise fields.malformed("packet longer than its contents")
    code, properties = _read_reason(data, at, end, sections.ON_ACK)
    return Puback(packet_id, code, properties)


def _read_reason(data: bytes, at: int, end: int, allowed: frozenset[int]) -> tuple[int, Properties | None]:
    """A reason code and properties, both of which MQTT 5 lets a sender leave out."""
    if at == end:
        return 0, None
    code, at = fields.byte(data, at, end)
    properties = None
    if at < end:
        properties, at = sections.read(data, at, end, allowed)
    _whole(at, end)
    return code, properties


def _read_subscribe(data: bytes, at: int, end: int, level: int) -> Subscribe:
    packet_id, at = _packet_id(data, at, end)
    properties = None
    if level == V5:
        properties, at = sections.read(data, at, end, sections.ON_SUBSCRIBE)
    filters = []
    while at < end:
        name, at = fields.text(data, at, end)
        options, at = fields.byte(data, at, end)
        _check_options(options, level)
        filters.append(Filter(name, options))
    if not filters:
        raise ProtocolError(Reason.PROTOCOL_ERROR, "SUBSCRIBE without a filter")  # [MQTT-3.8.3-2]
    return Subscribe(packet_id, tuple(filters), properties)


def _check_options(options: int, level: int) -> None:
    reserved = 0xC0 if level == V5 else 0xFC
    if options & reserved or options & 3 == 3:  # [MQTT-3.8.3-5]
        raise fields.malformed("reserved subscription options")
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
        properties, at = sections.read(data, at, end, sections.ON_ACK)
    return packet_id, properties, at


def _read_unsubscribe(data: bytes, at: int, end: int, level: int) -> Unsubscribe:
    packet_id, at = _packet_id(data, at, end)
    properties = None
    if level == V5:
        properties, at = sections.read(data, at, end, sections.ON_UNSUBSCRIBE)
    filters = []
    while at < end:
        name, at = fields.text(data, at, end)
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
    code, properties = _read_reason(data, at, end, sections.ON_DISCONNECT)
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
