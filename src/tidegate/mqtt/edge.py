"""One socket: moves bytes between asyncio and a ``Connection``, and job requests between it and the service.

Everything written in one turn of the loop leaves in one ``transport.write``. Reading stops while the client is being
identified, while it takes none of what was written, while too many of its requests await replies, and for the rest of
the second when it exceeds a rate.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tidegate import clock
from tidegate.mqtt import answers, topics
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.plane import Identity, Reply
from tidegate.mqtt.session import (
    Connection,
    Effect,
    Ending,
    Identify,
    Misaddressed,
    Request,
    Reserved,
    State,
)
from tidegate.pki.tls import SERVER_NAME

if TYPE_CHECKING:
    from tidegate.mqtt.server import Server

log = logging.getLogger("tidegate.mqtt")
T = TypeVar("T")

_TURNS = 3
"""Turns of the loop a PUBACK waits for its reply: one to decide, one to commit, one to hand the outcome over."""
_IDENTIFYING, _STALLED, _PENDING, _RATE = 1, 2, 4, 8


class _Pending:
    """A request whose reply is due, in the order of arrival."""

    __slots__ = ("answer", "payload", "qos", "topic")

    def __init__(self, topic: str, payload: bytes, qos: int, answer: asyncio.Future[Reply] | None) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.answer = answer

    @property
    def due(self) -> bool:
        return self.answer is None or self.answer.done()


class Edge(asyncio.Protocol):
    """One client's socket."""

    __slots__ = (
        "_asking",
        "_dirty",
        "_held",
        "_pending",
        "_revision",
        "_server",
        "_stalled_at",
        "_turns",
        "connection",
        "deadline",
        "heard",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self.connection = Connection(server.settings, server.ids, self._wake)
        self.transport: asyncio.Transport | None = None
        self.heard = server.second
        self.deadline = 0.0
        self._asking: asyncio.Task[Identity | None] | None = None
        self._dirty = False
        self._turns = 0
        self._held = 0
        self._pending: collections.deque[_Pending] | None = None
        self._revision = 0
        self._stalled_at = 0.0

    # -- what asyncio calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=self._server.settings.write_high_water)
        self.heard = self._server.second
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        connection, server = self.connection, self._server
        if connection.state is State.CLOSED:
            return
        if self.heard != server.second:
            self.heard = server.second
            connection.publishes = connection.subscribes = 0
        now = server.clock.now()
        effects = connection.receive(data, now)
        if effects:
            self._carry_out(effects, now)
        self._limit()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection.state is not State.IDENTIFYING:  # else what it sent along with CONNECT is still to be done
            self._lost()
        self.transport = None
        self._server.gone(self)

    def _lost(self) -> None:
        now = self._server.clock.now()
        self._carry_out(self.connection.lost(now), now)

    def pause_writing(self) -> None:
        self._stalled_at = self._server.beat()
        self._hold(_STALLED)
        self._server.rescheduled(self)

    def resume_writing(self) -> None:
        self.connection.backlog = 0
        self._release(_STALLED)
        session = self.connection.session
        if session is not None and session.queued:
            session.pump(self._server.clock.now())

    # -- writing --

    def _wake(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._server.flush_soon(self)

    def awaits_reply(self) -> bool:
        """Whether writing may wait a turn: a quick reply then shares one write, and one TLS record, with its PUBACK."""
        if self._pending is None or self._turns >= _TURNS or self.connection.state is State.CLOSED:
            return False
        self._turns += 1
        return True

    def flush(self) -> None:
        """Write what has gathered; close the socket if the connection is over."""
        self._dirty = False
        self._turns = 0
        connection, transport = self.connection, self.transport
        data = connection.take_output()
        if transport is None or transport.is_closing():
            return
        if data:
            transport.write(data)
        if connection.state is State.CLOSED:
            self._release(self._held)  # a closing TLS connection reads the peer's farewell
            transport.close()
            self._server.rescheduled(self)
        elif self._held & _STALLED:
            connection.backlog = transport.get_write_buffer_size()
        elif connection.session is not None and connection.session.queued:
            connection.session.pump(self._server.clock.now())

    def stalled(self, at: float) -> bool:
        """Whether the client has taken too little for too long."""
        return bool(self._held & _STALLED) and at - self._stalled_at > self._server.settings.write_stall

    def abort(self) -> None:
        """Drop the socket, with whatever is unsent."""
        if self.transport is not None:
            self.transport.abort()

    # -- reading --

    @property
    def held(self) -> bool:
        """Whether reading is paused, so that silence is not the client's."""
        return self._held != 0

    def _hold(self, why: int) -> None:
        if not self._held and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self._held |= why

    def _release(self, why: int) -> None:
        if not self._held:
            return
        self._held &= ~why
        if not self._held and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _limit(self) -> None:
        settings, connection = self._server.settings, self.connection
        if self._pending is not None and len(self._pending) >= settings.max_pending_requests:
            self._hold(_PENDING)
        if (0 < settings.publish_rate <= connection.publishes) or (
            0 < settings.subscribe_rate <= connection.subscribes
        ):
            connection.publishes = connection.subscribes = 0
            self._hold(_RATE)
            self._server.throttled.append(self)

    def unthrottle(self) -> None:
        """The second is over."""
        self._release(_RATE)

    def hold_for_drain(self) -> None:
        """Take no more requests."""
        self._hold(_PENDING)

    # -- effects --

    def _carry_out(self, effects: list[Effect], now: clock.Millis) -> None:
        for effect in self._server.broker.carry_out(self.connection, effects, now):
            _HANDLERS[type(effect)](self, effect)

    def _request(self, effect: Request) -> None:
        identity = self.connection.identity
        assert identity is not None
        answer = asyncio.ensure_future(self._server.plane.request(identity, effect.request, effect.payload))
        self._await(_Pending(effect.request.topic, effect.payload, effect.qos, answer))
        answer.add_done_callback(self._settle)

    def _misaddressed(self, effect: Misaddressed) -> None:
        self._await(_Pending(effect.topic, effect.payload, effect.qos, None))
        self._settle()

    def _await(self, pending: _Pending) -> None:
        if self._pending is None:
            self._pending = collections.deque()
        self._pending.append(pending)

    def _settle(self, _answer: asyncio.Future[Reply] | None = None) -> None:
        """Send the replies that are due, none before its predecessor."""
        queue = self._pending
        if queue is None:
            return
        now = self._server.clock.now()
        while queue and queue[0].due:
            self._reply(queue.popleft(), now)
        if len(queue) <= self._server.settings.max_pending_requests // 2 and not self._server.draining:
            self._release(_PENDING)
        if not queue:
            self._pending = None
            self._server.settled(self)

    def _reply(self, pending: _Pending, now: clock.Millis) -> None:
        if pending.answer is None:
            payload = answers.invalid_topic(pending.payload, now)
            self.connection.reply(topics.rejected(pending.topic), payload, pending.qos, now)
            return
        reply = outcome(pending.answer, pending.topic) or Reply(False, answers.internal_error(pending.payload, now))
        topic = topics.accepted(pending.topic) if reply.accepted else topics.rejected(pending.topic)
        self.connection.reply(topic, reply.payload, pending.qos, now)

    @property
    def answers_due(self) -> list[asyncio.Future[Reply]]:
        """The requests not yet answered."""
        return [each.answer for each in self._pending or () if each.answer is not None]

    def _reserved(self, effect: Reserved) -> None:
        self._server.reserved(self.connection, effect)

    # -- who it is --

    @property
    def peer(self) -> str:
        """The client's address."""
        name = self.transport.get_extra_info("peername") if self.transport is not None else None
        return str(name[0]) if isinstance(name, tuple) else ""

    def _identify(self, _effect: Identify) -> None:
        self._hold(_IDENTIFYING)
        self._ask().add_done_callback(self._identified)

    def refresh(self) -> None:
        """Ask again who this is; a client no longer known is disconnected.

        Nothing is read meanwhile: what a client sends after a change has been answered is judged by the change.
        """
        if self.connection.state is State.CONNECTED:
            self._hold(_IDENTIFYING)
            self._ask().add_done_callback(self._refreshed)

    def _ask(self) -> asyncio.Task[Identity | None]:
        certificate, server_name = self._tls_facts()
        asked = self._server.plane.identify(certificate, self.connection.client_id, server_name, self.peer)
        self._revision = self._server.revision
        self._asking = self._server.loop.create_task(asked)
        return self._asking

    def _identified(self, task: asyncio.Task[Identity | None]) -> None:
        self._asking = None
        connection, server = self.connection, self._server
        if connection.state is not State.IDENTIFYING:
            return
        if self._revision != server.revision:  # certificates changed meanwhile: the answer may be stale
            self._ask().add_done_callback(self._identified)
            return
        identity, now = outcome(task, "identify"), server.clock.now()
        if identity is None:
            if not task.cancelled() and task.exception() is None:
                self._report_unidentified()
            server.broker.end(connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, "not identified", now)
            return
        self._carry_out(server.broker.admit(connection, identity, now), now)
        if self.transport is None:
            self._lost()
            return
        self._release(_IDENTIFYING)
        self._limit()
        server.rescheduled(self)

    def _report_unidentified(self) -> None:
        certificate, server_name = self._tls_facts()
        if certificate is not None:
            self._server.watchers.unidentified(certificate, server_name, self.peer)

    def _tls_facts(self) -> tuple[bytes | None, str | None]:
        """The client's certificate in DER and the server name it asked for."""
        tls = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
        if tls is None:
            return None, None
        return tls.getpeercert(binary_form=True), getattr(tls, SERVER_NAME, None)

    def _refreshed(self, task: asyncio.Task[Identity | None]) -> None:
        connection, server = self.connection, self._server
        if task is not self._asking or connection.state is not State.CONNECTED:
            return
        self._asking = None
        identity = outcome(task, "identify")
        if identity is None:
            server.end(connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, "no longer identified")
        else:
            connection.identity = identity
            self._release(_IDENTIFYING)


def outcome(future: asyncio.Future[T], what: str) -> T | None:
    """The result of a call on the service; None, and a log record, if it failed."""
    if future.cancelled():
        return None
    error = future.exception()
    if error is not None:
        log.error("%s failed", what, exc_info=error)
        return None
    return future.result()


_HANDLERS: dict[type, Any] = {
    Identify: Edge._identify,
    Request: Edge._request,
    Misaddressed: Edge._misaddressed,
    Reserved: Edge._reserved,
}
