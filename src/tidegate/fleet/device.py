"""A light device: MQTT 3.1.1 over mutual TLS, the Jobs topics, one job after another.

It connects as its thing, subscribes to ``notify-next`` and to the replies of ``start-next``, asks what is next and then
does what ``agent`` says. Replies to its other requests reach it unsubscribed, as the service promises (device reference
3.3.4). After a lost connection it begins anew and is handed its unfinished execution again (3.5). It costs one protocol
object and one TLS context, which devices may share, so a process holds thousands.

    device = Device("lamp", Behaviour(), Watcher())
    await device.connect("localhost", 8883, tls_context(ca, certificate, key))
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import cast

import msgspec

from tidegate.fleet.agent import Agent, Watcher, told
from tidegate.fleet.behaviour import Behaves
from tidegate.mqtt import codec
from tidegate.mqtt.codec import V311, Connack, Connect, Filter, ProtocolError, Publish, Reader, Suback, Subscribe

_LARGEST_PACKET = 149_504


class _Rejection(msgspec.Struct, gc=False):
    code: str = ""
    message: str = ""


_decode_rejection = msgspec.json.Decoder(_Rejection).decode


class ConnectionRefused(Exception):  # noqa: N818 - the name MQTT gives it
    """The server does not take the device: its certificate, its client id or a subscription."""


def tls_context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """How a device trusts the server and proves who it is. Files are PEM; raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    return context


class Device(Agent, asyncio.Protocol):
    """One device. ``execution`` is what it works on, None while it is idle. Used on one event loop."""

    __slots__ = (
        "_closing",
        "_gone",
        "_packet_id",
        "_prefix",
        "_qos",
        "_reader",
        "_ready",
        "_transport",
        "keep_alive_s",
    )

    def __init__(
        self, thing_name: str, behaviour: Behaves, watcher: Watcher, *, qos: int = 1, keep_alive_s: int = 1200
    ) -> None:
        """``qos`` of its requests; ``keep_alive_s`` is for the caller to honour with ``ping``."""
        super().__init__(thing_name, behaviour, watcher)
        self.keep_alive_s = keep_alive_s
        self._qos = qos
        self._prefix = f"$aws/things/{thing_name}/jobs/"
        self._packet_id = 0
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._closing = False

    @property
    def online(self) -> bool:
        """Whether it has a connection."""
        return self._transport is not None

    async def connect(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Connect, subscribe and begin to ask for work.

        ``host`` is checked against the server's certificate.

        Raises:
            ConnectionRefused: the server refused the client id or the subscription.
            OSError: there is no connection, or the server closed it (a certificate it does not accept).
        """
        assert self._transport is None, "connected already"
        self._closing = False
        self._ready = self._loop.create_future()
        await self._loop.create_connection(lambda: self, host, port, ssl=context)
        await self._ready

    async def close(self) -> None:
        """Take leave and wait until the connection is gone; what it works on stays IN_PROGRESS."""
        self._closing = True
        self._stop_timer()
        if self._transport is not None:
            self._gone = self._loop.create_future()
            self._transport.write(codec.encode(codec.Disconnect(), V311))
            self._transport.close()
            await self._gone

    def ping(self) -> None:
        """Keep the connection alive."""
        if self._transport is not None:
            self._transport.write(codec.encode(codec.Pingreq(), V311))

    # -- connection --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._reader = Reader(_LARGEST_PACKET, V311)
        self._write(codec.encode(Connect(V311, self.thing_name, keep_alive=self.keep_alive_s), V311))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._rest()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error or ConnectionResetError("the server closed the connection"))
        elif not self._closing:
            self._watcher.lost(self, error)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (packet := self._reader.next_packet()) is not None:
                self._take(packet)
        except (ProtocolError, msgspec.MsgspecError) as error:
            self._refuse(f"the server does not keep to the protocol: {error}")

    def _take(self, packet: codec.Packet) -> None:
        if isinstance(packet, Publish):
            if packet.qos:
                self._write(codec.encode_puback(V311, packet.packet_id))
            self._heard(packet.topic.removeprefix(self._prefix), packet.payload)
        elif isinstance(packet, Connack):
            self._welcomed(packet)
        elif isinstance(packet, Suback):
            self._subscribed(packet)

    def _welcomed(self, packet: Connack) -> None:
        if packet.code:
            self._refuse(f"the server refuses the connection with code {packet.code}")
            return
        filters = tuple(Filter(self._prefix + name, 1) for name in ("notify-next", "start-next/+"))
        self._write(codec.encode(Subscribe(self._next_id(), filters), V311))

    def _subscribed(self, packet: Suback) -> None:
        if max(packet.codes) >= 0x80:
            self._refuse("the server refuses a subscription")
            return
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._watcher.connected(self)
        self._ask()

    def _refuse(self, why: str) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(ConnectionRefused(f"{self.thing_name}: {why}"))
        if self._transport is not None:
            self._transport.abort()

    def _write(self, packet: bytes) -> None:
        if self._transport is not None:
            self._transport.write(packet)

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65_535 + 1
        return self._packet_id

    def _publish(self, name: str, payload: bytes) -> None:
        packet_id = self._next_id() if self._qos else 0
        self._write(codec.encode_publish(V311, self._prefix + name, payload, self._qos, packet_id))

    # -- work --

    def _heard(self, name: str, payload: bytes) -> None:
        """A message to one of its jobs topics."""
        asked, _, verdict = name.rpartition("/")
        job_id, _, kind = asked.rpartition("/")
        if name == "notify-next" or name == "$next/get/accepted":
            self._look(told(payload))
        elif name == "start-next/accepted":
            self._begin(told(payload))
        elif kind == "update" and verdict == "accepted":
            self._accepted(job_id)
        elif verdict == "rejected":
            self._rejected(_decode_rejection(payload).code, job_id if kind == "update" else None)

    def _ask_next(self) -> None:
        self._publish("$next/get", b"{}")

    def _ask_start(self) -> None:
        self._publish("start-next", b"{}")

    def _tell(self, job_id: str, update: bytes) -> None:
        self._publish(f"{job_id}/update", update)
