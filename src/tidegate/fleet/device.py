"""A light device: MQTT 3.1.1 over mutual TLS, the Jobs topics, one job after another.

It connects as its thing, subscribes to ``notify-next`` and to the replies of ``start-next``, and asks for work. What
it gets it runs as its behaviour says: progress reports, then a terminal status. Replies to updates reach it
unsubscribed, as the service promises (device reference 3.3.4). After a lost connection it begins anew and is handed its
unfinished execution again (3.5). It costs one protocol object and one TLS context, so a process holds thousands.

    device = Device("lamp", Behaviour(), Watcher())
    await device.connect("localhost", 8883, tls_context(ca, certificate, key))
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, cast

import msgspec

from tidegate.fleet.behaviour import Behaviour, Report
from tidegate.mqtt import codec
from tidegate.mqtt.codec import V311, Connack, Connect, Filter, ProtocolError, Publish, Reader, Suback, Subscribe

_LARGEST_PACKET = 149_504
_RETRY_S = 1.0
_IS_OVER = frozenset(
    {"InvalidStateTransition", "ResourceNotFound", "TerminalStateReached", "VersionMismatch", "InvalidRequest"}
)
"""Rejections that asking again cannot change (device reference 3.8)."""


class Execution(msgspec.Struct, rename="camel", gc=False):
    """What a device is told of an execution (device reference 3.2).

    ``queued_at`` is in epoch seconds, ``job_document`` the JSON as it arrived.
    """

    job_id: str
    execution_number: int
    queued_at: int
    status: str = "QUEUED"
    version_number: int = 0
    job_document: msgspec.Raw = msgspec.Raw(b"null")

    def document(self) -> Any:
        """The job document as a Python value."""
        return msgspec.json.decode(self.job_document)


class _Execution(msgspec.Struct, gc=False):
    execution: Execution | None = None


class _Rejection(msgspec.Struct, gc=False):
    code: str = ""
    message: str = ""


class _Update(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    status: str
    execution_number: int
    status_details: dict[str, str] | None = None


_decode_execution = msgspec.json.Decoder(_Execution).decode
_decode_rejection = msgspec.json.Decoder(_Rejection).decode
_encode = msgspec.json.Encoder().encode


class ConnectionRefused(Exception):  # noqa: N818 - the name MQTT gives it
    """The server does not take the device: its certificate, its client id or a subscription."""


class Watcher:
    """Is told what happens to devices; every method may be overridden. Called on the event loop, so answer quickly."""

    def connected(self, device: Device) -> None:
        """It has subscribed and begins to ask for work."""

    def lost(self, device: Device, error: Exception | None) -> None:
        """Its connection is gone; not called after ``Device.close``."""

    def started(self, device: Device, execution: Execution) -> None:
        """It begins an execution, or goes on with it after a lost connection."""

    def silent(self, device: Device, execution: Execution) -> None:
        """It will not be heard of again about this execution."""

    def dropped(self, device: Device) -> None:
        """The execution it was silent about is no longer its next: it timed out or was canceled."""

    def finished(self, device: Device, execution: Execution, status: str) -> None:
        """The server has accepted its terminal status."""

    def refused(self, device: Device, execution: Execution | None, code: str) -> None:
        """A request was rejected with this code."""


def tls_context(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """How a device trusts the server and proves who it is. Files are PEM; raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    return context


class Device(asyncio.Protocol):
    """One device. ``execution`` is what it works on, None while it is idle. Used on one event loop."""

    __slots__ = (
        "_behaviour",
        "_closing",
        "_gone",
        "_loop",
        "_more",
        "_packet_id",
        "_prefix",
        "_qos",
        "_reader",
        "_ready",
        "_reports",
        "_sent",
        "_timer",
        "_transport",
        "_watcher",
        "execution",
        "keep_alive_s",
        "thing_name",
    )

    def __init__(
        self, thing_name: str, behaviour: Behaviour, watcher: Watcher, *, qos: int = 1, keep_alive_s: int = 1200
    ) -> None:
        """``qos`` of its requests; ``keep_alive_s`` is for the caller to honour with ``ping``."""
        self.thing_name = thing_name
        self.execution: Execution | None = None
        self.keep_alive_s = keep_alive_s
        self._behaviour = behaviour
        self._watcher = watcher
        self._qos = qos
        self._prefix = f"$aws/things/{thing_name}/jobs/"
        self._packet_id = 0
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._rest()

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
            self._accepted(packet)
        elif isinstance(packet, Suback):
            self._subscribed(packet)

    def _accepted(self, packet: Connack) -> None:
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
        self._start_next()

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

    def _rest(self) -> None:
        """Nothing to do, nothing asked."""
        self._stop_timer()
        self.execution = None
        self._reports: list[Report] = []
        self._sent: Report | None = None
        self._more = False

    def _heard(self, name: str, payload: bytes) -> None:
        if name == "notify-next":
            self._next_changed(_decode_execution(payload).execution)
        elif name == "start-next/accepted":
            self._start(_decode_execution(payload).execution)
        elif name.endswith("/update/accepted"):
            self._reported()
        elif name.endswith("/rejected"):
            self._rejected(name, _decode_rejection(payload).code)

    def _start_next(self) -> None:
        self._more = False
        self._publish("start-next", b"{}")

    def _next_changed(self, head: Execution | None) -> None:
        """The next execution changed. Work under way is carried through; silence about an older one ends."""
        if self._is_mine(head):
            return
        if self._sent is not None:
            self._more = head is not None
            return
        if self.execution is not None:
            self.execution = None
            self._watcher.dropped(self)
        if head is not None:
            self._start_next()

    def _is_mine(self, head: Execution | None) -> bool:
        mine = self.execution
        if mine is None or head is None:
            return False
        return (head.job_id, head.execution_number) == (mine.job_id, mine.execution_number)

    def _start(self, execution: Execution | None) -> None:
        if execution is None or self.execution is not None:
            return
        self.execution = execution
        plan = self._behaviour.plan(self.thing_name, execution.job_id, execution.execution_number)
        self._reports = plan.reports()
        self._watcher.started(self, execution)
        if self._reports:
            self._next_report()
        else:
            self._watcher.silent(self, execution)

    def _next_report(self) -> None:
        self._sent = self._reports.pop(0)
        if self._sent.after_s:
            self._timer = self._loop.call_later(self._sent.after_s, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._timer = None
        execution, report = self.execution, self._sent
        assert execution is not None
        assert report is not None
        update = _Update(report.status, execution.execution_number, report.details or None)
        self._publish(f"{execution.job_id}/update", _encode(update))

    def _reported(self) -> None:
        execution, report = self.execution, self._sent
        if execution is None or report is None:
            return
        if self._reports:
            self._next_report()
            return
        more = self._more
        self._rest()
        self._watcher.finished(self, execution, report.status)
        if more:
            self._start_next()

    def _rejected(self, name: str, code: str) -> None:
        self._watcher.refused(self, self.execution, code)
        if name == "start-next/rejected":
            self._timer = self._loop.call_later(_RETRY_S, self._start_next)
        elif code not in _IS_OVER:
            self._timer = self._loop.call_later(_RETRY_S, self._send)
        else:
            self._rest()
            self._start_next()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
