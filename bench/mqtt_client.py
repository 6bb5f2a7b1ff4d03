"""As much of an MQTT 3.1.1 client as a load needs, and no more: it must not cost what it measures."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import cast

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x30, 0x82, 0x90
_KEEP_ALIVE = 1200


def packet(kind: int, body: bytes) -> bytes:
    """A whole control packet."""
    length = len(body)
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((kind,)) + bytes(digits) + body


def text(value: bytes) -> bytes:
    """A string as MQTT writes it."""
    return len(value).to_bytes(2, "big") + value


def publish(topic: bytes, payload: bytes, qos: int = 0) -> bytes:
    """A PUBLISH; its packet id is always the same, for nobody here looks at acknowledgements."""
    if qos:
        return packet(_PUBLISH | 0x02, text(topic) + b"\x00\x07" + payload)
    return packet(_PUBLISH, text(topic) + payload)


class Client(asyncio.Protocol):
    """One connection. ``ready`` resolves when it is connected and, if it listens, subscribed.

    Args:
        name: its client id.
        topic: what it subscribes to with QoS 1; None for nothing.
        speaks: whether it sends CONNECT at all.
    """

    def __init__(self, name: str, topic: bytes | None, *, speaks: bool = True) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] | None = None
        self.name = name.encode()
        self._filter = topic
        self._speaks = speaks
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def message(self, topic: bytes, payload: bytes) -> None:
        """A message has come."""

    def write(self, data: bytes) -> None:
        """Send a packet."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def done(self) -> None:
        """What was begun with a new ``ended`` is finished."""
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._speaks:
            self.ready.set_result(None)
            return
        head = text(b"MQTT") + b"\x04\x02" + _KEEP_ALIVE.to_bytes(2, "big")
        self.write(packet(_CONNECT, head + text(self.name)))

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.ready, self.ended):
            if future is not None and not future.done():
                future.set_exception(ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin, shift = data[at + 1] & 0x7F, at + 2, 7
            while data[begin - 1] & 0x80 and begin < size:
                length |= (data[begin] & 0x7F) << shift
                begin, shift = begin + 1, shift + 7
            if begin + length > size or data[begin - 1] & 0x80:
                break
            self._packet(data[at], data[begin : begin + length])
            at = begin + length
        self._buffer = data[at:]

    def _packet(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == _PUBLISH:
            self._published(head, body)
        elif kind == _CONNACK:
            assert body[1] == 0, f"refused with {body[1]}"
            if self._filter is not None:
                self.write(packet(_SUBSCRIBE, b"\x00\x01" + text(self._filter) + b"\x01"))
            else:
                self.ready.set_result(None)
        elif kind == _SUBACK:
            assert body[2] != 0x80, "subscription refused"
            self.ready.set_result(None)

    def _published(self, head: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        if head & 0x06:
            self.write(b"\x40\x02" + body[end : end + 2])
            self.message(body[2:end], body[end + 2 :])
        else:
            self.message(body[2:end], body[end:])


def context(tls: dict[str, str]) -> ssl.SSLContext:
    """What a client with a certificate connects with: ``ca`` is a file, ``certificate`` and ``key`` are PEM."""
    made = ssl.create_default_context(cafile=tls["ca"])
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "device.pem"), Path(folder, "device.key")
        certificate.write_text(tls["certificate"])
        key.write_text(tls["key"])
        made.load_cert_chain(certificate, key)
    return made
