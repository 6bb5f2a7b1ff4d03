"""The field types packets are made of: integers, text, binary data, in bytes and back.

A reader takes the data, where to begin and where the packet ends; it returns the value and where it stopped.
"""

from __future__ import annotations

from tidegate.mqtt.codec.packets import ProtocolError, Reason


def malformed(message: str) -> ProtocolError:
    """The error of a packet that does not hold together."""
    return ProtocolError(Reason.MALFORMED_PACKET, message)


def byte(data: bytes, at: int, end: int) -> tuple[int, int]:
    """One byte."""
    if at >= end:
        raise malformed("packet ends inside a field")
    return data[at], at + 1


def two(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A two byte integer."""
    if at + 2 > end:
        raise malformed("packet ends inside a field")
    return data[at] << 8 | data[at + 1], at + 2


def four(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A four byte integer."""
    if at + 4 > end:
        raise malformed("packet ends inside a field")
    return int.from_bytes(data[at : at + 4], "big"), at + 4


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A variable byte integer [MQTT-1.5.5]."""
    value = 0
    for shift in (0, 7, 14, 21):
        digit, at = byte(data, at, end)
        value |= (digit & 0x7F) << shift
        if digit < 0x80:
            return value, at
    raise malformed("variable byte integer longer than four bytes")


def binary(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Binary data with its length before it."""
    size, at = two(data, at, end)
    if at + size > end:
        raise malformed("packet ends inside a field")
    return data[at : at + size], at + size


def text(data: bytes, at: int, end: int) -> tuple[str, int]:
    """A UTF-8 string."""
    raw, at = binary(data, at, end)
    return utf8(raw), at


def utf8(raw: bytes) -> str:
    """Strict UTF-8 without U+0000 and surrogates [MQTT-1.5.4-1] [MQTT-1.5.4-2]."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise malformed("text is not UTF-8") from None
    if "\0" in text:
        raise malformed("text holds U+0000")
    return text


def pair(data: bytes, at: int, end: int) -> tuple[tuple[str, str], int]:
    """A UTF-8 string pair."""
    name, at = text(data, at, end)
    value, at = text(data, at, end)
    return (name, value), at


def write_varint(value: int) -> bytes:
    """A variable byte integer, as short as it can be [MQTT-1.5.5-1]."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7F
        out.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(out)


def write_binary(raw: bytes) -> bytes:
    """Binary data with its length before it."""
    return len(raw).to_bytes(2, "big") + raw


def write_text(text: str) -> bytes:
    """A UTF-8 string with its length before it."""
    return write_binary(text.encode())
