"""One socket: moves bytes between asyncio and a ``Connection``, and job requests between it and the service.

Everything written in one turn of the loop leaves together; over TLS each packet has a record of its own, because
clients ask the socket, not TLS, whether there is more, and would see the second packet of a record a second later.
Reading stops while the client is being
identified, while it takes none of what was written, while too many of its requests await replies, and for the rest of
the second when it exceeds a rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from tidegate.clock import Ids, Millis, monotonic
from tidegate.core import authorizers
from tidegate.devices import authentication
from tidegate.devices.authentication import Authentication
from tidegate.devices.plane import Reply, Signer
from tidegate.devices.replies import Replies
from tidegate.mqtt.deadlines import Deadlines
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.session import (
    Ask,
    Connection,
    Effect,
    FiltersChanged,
    Identify,
    Message,
    Request,
    Session,
    State,
    advance,
    go_on,
    receive,
)
from tidegate.mqtt.settings import Settings
from tidegate.net.admission import Ticket
from tidegate.net.slices import Sliced
from tidegate.net.unfinished import Holding

_TURNS = 3
"""Turns of the loop a PUBACK waits for its reply: one to decide, one to commit, one to hand the outcome over."""
_IDENTIFYING, _STALLED, _PENDING, _RATE, _OWED, _TIRED = 1, 2, 4, 8, 16, 32
_PUBACK, _PUBACK_BYTES = 0x40, 4
_TURN_S = 0.005
"""How long a client's packets are handled in one turn of the loop: each may be dear, by what its policies say."""


class Host(authentication.Host, Protocol):
    """What an edge needs of that which has all of them."""

    ids: Ids
    settings: Settings
    beat: Callable[[], float]
    deadlines: Deadlines
    draining: bool
    throttled: list[Edge]
    """Those that are read from again when the second is over."""
    counted: set[Edge]
    """Those that were sent something that counts towards a rate."""

    def opened(self, edge: Edge) -> None:
        """A socket is there."""
        ...

    def rescheduled(self, edge: Edge) -> None:
        """What may happen to an edge has changed: it connected, stalled or is closing."""
        ...

    def gone(self, edge: Edge) -> None:
        """A socket is gone; its requests may still be under way."""
        ...

    def settled(self, edge: Edge) -> None:
        """All requests of an edge are answered."""
        ...

    def flush_soon(self, edge: Edge) -> None:
        """Have an edge's output written at the end of the present turn of the loop."""
        ...

    def filters_changed(self, connection: Connection, effect: FiltersChanged) -> None:
        """Filters of one packet took effect or are gone."""
        ...

    def publish(self, topic: str, payload: bytes, qos: int, *, scope: Scope) -> None:
        """As a ``Publisher``."""
        ...

    def spread(self, message: Message, scope: Scope, origin: Session | None = None) -> int:
        """As a ``Publisher``."""
        ...

    def await_orphan(self, answer: asyncio.Future[Any], what: str) -> None:
        """Have a stop wait for an answer that no connection waits for."""
        ...


class Edge(Sliced):
    """One client's socket."""

    patient = _IDENTIFYING
    __slots__ = (
        "__weakref__",
        "_dirty",
        "_drains",
        "_framed",
        "_holding",
        "_replies",
        "_server",
        "_stalled_at",
        "_turns",
        "_until",
        "authentication",
        "connection",
        "deadline",
        "end_timer",
        "ends_at",
        "heard",
        "last_second",
        "peer",
        "transport",
    )

    def __init__(
        self,
        server: Host,
        ticket: Ticket | None = None,
        *,
        framed: bool = False,
        signer: Signer | None = None,
        custom: bool = False,
        handshake: authorizers.Shown | None = None,
    ) -> None:
        """``framed``: the transport wants packets one by one. ``signer``: who signed the WebSocket handshake.
        ``custom``: a custom authorizer is to judge, as of what the WebSocket ``handshake`` showed.
        """
        super().__init__(ticket)
        self._server = server
        self._framed = framed
        self._holding: Holding | None = None  # only while a CONNECT arrives in pieces
        self.peer = ""  # the client's address
        self.last_second = 0.0
        self.ends_at: Millis | None = None
        self.end_timer: asyncio.TimerHandle | None = None
        self.connection = Connection(server.settings, server.ids, self, server.broker.reserved)
        self.authentication = Authentication(server, self, signer, custom=custom, handshake=handshake)
        self.transport: asyncio.Transport | None = None
        self.heard = server.deadlines.second
        self.deadline = 0.0
        self._dirty = False
        self._turns = 0
        self._until = 0.0
        self._replies: Replies | None = None  # only while there are some
        self._stalled_at = 0.0
        self._drains: list[asyncio.Future[None]] = []

    # -- what asyncio calls --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.peer = self.connection.address = self.attach(transport)
        self.transport = cast("asyncio.Transport", transport)
        self._framed = self._framed or transport.get_extra_info("ssl_object") is not None
        self.transport.set_write_buffer_limits(high=self._server.settings.write_high_water)
        self.heard = self._server.deadlines.second
        self._server.opened(self)

    def received(self, data: bytes) -> None:
        connection, server = self.connection, self._server
        if connection.state is State.CLOSED:
            return
        if self.heard != server.deadlines.second:
            self.heard = server.deadlines.second
            if not connection.over_rate:
                connection.may_send_again()
        if self._held & _TIRED:
            connection.reader.feed(data)
            return
        acknowledges = len(data) == _PUBACK_BYTES and data[0] == _PUBACK
        if acknowledges:  # at once: clients with Nagle's algorithm keep their next packet back until then
            self.confirm()
        now = server.clock.now()
        self._until = monotonic() + _TURN_S
        effects = receive(connection, data, now)
        if effects:
            self.carry_out(effects, now)
        self._limit()
        if connection.state is State.CONNECTING:
            self._count_held(len(data))
        if acknowledges or connection.output or self._held or self._replies is not None:
            return
        if connection.owed is None:
            self.confirm()

    def _count_held(self, more: int) -> None:
        """Unfinished CONNECTs of nobody yet known must not become too much in all."""
        if self._holding is None:
            if self.ticket is None:
                return
            self._holding = self.ticket.holding(self.abort)
        self._holding.set(self._holding.size + more)

    def _let_hold(self) -> None:
        if self._holding is not None:
            self._holding.set(0)
            self._holding = None

    def lost(self, exc: Exception | None) -> None:
        if self.connection.state is not State.IDENTIFYING:  # else what it sent along with CONNECT is still to be done
            self._lost()
        self.transport = None
        self._drain()
        self._let_hold()
        self._server.gone(self)

    def _lost(self) -> None:
        self.authentication.end()
        connection, now = self.connection, self._server.clock.now()
        self._until = monotonic() + _TURN_S
        while connection.stopped and not connection.broken:  # it is not paid any more, but what has arrived counts
            self.carry_out(go_on(connection, now), now)
        if connection.tired:
            self._later(self._lose_on)
            return
        self.carry_out(connection.lost(), now)
        self.connection.mute()

    def _lose_on(self) -> None:
        """Handle more of what a client that is gone had sent."""
        now = self._server.clock.now()
        self._until = monotonic() + _TURN_S
        self.carry_out(advance(self.connection, now), now)
        self._lost()

    def pause_writing(self) -> None:
        self._stalled_at = self._server.beat()
        self.hold(_STALLED)
        self._server.rescheduled(self)

    def resume_writing(self) -> None:
        self.connection.backlog = 0
        self.release(_STALLED)
        self._drain()
        session = self.connection.session
        if session is not None and session.queued:
            session.pump(self._server.clock.now())

    # -- writing --

    def wake(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._server.flush_soon(self)

    def awaits_reply(self) -> bool:
        """Whether writing may wait a turn: a quick reply then shares one write with its PUBACK."""
        if self._replies is None or self._turns >= _TURNS or self.connection.state is State.CLOSED:
            return False
        self._turns += 1
        return True

    def flush(self) -> None:
        """Write what has gathered; close the socket if the connection is over."""
        self._dirty = False
        self._turns = 0
        connection, transport = self.connection, self.transport
        if connection.counted:
            self._server.counted.add(self)
        if transport is None or transport.is_closing():
            connection.take_output()
            return
        if connection.output:
            self._write(transport)
        if connection.state is State.CLOSED:
            self.take_rest()
            self.release(self._held)  # a closing TLS connection reads the peer's farewell
            transport.close()
            self._server.rescheduled(self)
        elif self._held & _STALLED:
            connection.backlog = transport.get_write_buffer_size()
        elif connection.session is not None and connection.session.queued:
            connection.session.pump(self._server.clock.now())
        if self._drains and not self._held & _STALLED:
            self._drain()
        if self._held & _OWED and connection.owed is None:
            self._paid()

    def _paid(self) -> None:
        """The PUBACKs that were waited for are written."""
        self.release(_OWED)
        if not self._held & _IDENTIFYING:
            self._limit()

    def _write(self, transport: asyncio.Transport) -> None:
        if self._framed:
            transport.writelines(self.connection.take_packets())
        else:
            transport.write(self.connection.take_output())

    def drained(self) -> Awaitable[None] | None:
        """As a ``Holder``."""
        if self.transport is None or not (self._held & _STALLED or self.connection.crowded):
            return None
        drain: asyncio.Future[None] = self._server.loop.create_future()
        self._drains.append(drain)
        return drain

    def _drain(self) -> None:
        """Let those go on who have more to send; they look again whether they may."""
        drains, self._drains = self._drains, []
        for drain in drains:
            if not drain.done():
                drain.set_result(None)

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

    def _limit(self) -> None:
        settings, connection = self._server.settings, self.connection
        if connection.stopped:
            self._take_paid()
            if connection.stopped:
                self.hold(_OWED)
        if connection.tired and not self._held & _TIRED:
            self.hold(_TIRED)
            self._later(self._rested)
        if self._replies is not None and len(self._replies.pending) >= settings.max_pending_requests:
            self.hold(_PENDING)
        if connection.over_rate and not self._held & _RATE:
            self.hold(_RATE)
            self._server.throttled.append(self)

    def pressed(self) -> bool:
        return monotonic() > self._until

    def _later(self, act: Callable[[], None]) -> None:
        """Do something in the client's next turn."""
        if self.ticket is not None:
            self.ticket.soon(act)
        else:
            self._server.loop.call_soon(act)

    def _rested(self) -> None:
        """Others have had their turn."""
        if self.transport is None:
            return  # ``_lost`` goes on
        if not self._held & _IDENTIFYING:
            self._go_on()
        if self.connection.tired:
            self._later(self._rested)
        else:
            self.release(_TIRED)

    def _take_paid(self) -> None:
        """Handle what waited for PUBACKs that are paid."""
        connection, now = self.connection, self._server.clock.now()
        self._until = monotonic() + _TURN_S
        while connection.paid:
            self.carry_out(go_on(connection, now), now)

    def unthrottle(self) -> None:
        """The second is over."""
        self.release(_RATE)
        self.connection.may_send_again()
        if not self._held & _IDENTIFYING:
            self._go_on()

    def _go_on(self) -> None:
        """Go on with what has arrived, then with what comes."""
        now = self._server.clock.now()
        self._until = monotonic() + _TURN_S
        self.carry_out(advance(self.connection, now), now)
        self._limit()

    def hold_for_drain(self) -> None:
        """Take no more requests."""
        self.hold(_PENDING)

    # -- effects --

    def carry_out(self, effects: list[Effect], now: Millis) -> None:
        """Do what came of a packet, or of an answer about the client."""
        for effect in self._server.broker.carry_out(self.connection, effects, now):
            _HANDLERS[type(effect)](self, effect)

    def _request(self, effect: Request) -> None:
        server, connection, claim = self._server, self.connection, effect.claim
        identity = connection.identity
        assert identity is not None
        answer = server.plane.request(identity, claim, effect.message, connection.session, server)
        if claim.seen:
            server.await_orphan(answer, effect.message.topic)
            return
        if self._replies is None:
            self._replies = Replies(connection, server.clock, self._settled, server.plane.failed, server.limited_log)
        self._replies.await_answer(effect, answer)

    def _settled(self) -> None:
        """Some requests were answered."""
        left = len(self._replies.pending) if self._replies is not None else 0
        if left <= self._server.settings.max_pending_requests // 2 and not self._server.draining:
            self.release(_PENDING)
        if not left:
            self._replies = None
            self._server.settled(self)

    @property
    def answers_due(self) -> list[asyncio.Future[Reply]]:
        """The requests not yet answered."""
        return self._replies.due if self._replies is not None else []

    def _filters(self, effect: FiltersChanged) -> None:
        self._server.filters_changed(self.connection, effect)

    # -- who it is --

    def _identify(self, _effect: Identify) -> None:
        self._let_hold()
        self.hold(_IDENTIFYING)
        if self.ticket is not None:
            self.ticket.ready = True
        self.authentication.begin()

    def refresh(self) -> None:
        """As a ``Client``."""
        if self.connection.state is State.CONNECTED:
            self.hold(_IDENTIFYING)
            self.authentication.again()

    def doubt(self, *, later: bool) -> Ask | None:
        return self.authentication.doubt(later=later)

    def lasts_until(self, ends_at: Millis | None) -> None:
        """As a ``Client``."""
        self._server.deadlines.lasts_until(self, ends_at)

    def admitted(self, identity: Identity) -> None:
        """As a ``Client``."""
        self._enter(identity)
        if self.transport is None:
            self._lost()
            return
        self.release(_IDENTIFYING)
        self._limit()
        self._server.rescheduled(self)

    async def turn(self, identity: Identity) -> None:
        """As a ``Client``."""
        if self.ticket is not None:
            self.ticket.party, _ = identity.scope
            if not self.ticket.admits():
                await self.ticket.turn()
            await self._server.plane.turn(identity)

    def has_room(self, identity: Identity) -> bool:
        """As a ``Client``; who takes a connection over needs none."""
        former = self._server.broker.session(identity.scope, self.connection.client_id)
        return self.ticket is None or (former is not None and former.online) or self.ticket.may_enter(identity.scope[0])

    def _enter(self, identity: Identity) -> None:
        if self.ticket is None:
            return
        account, _ = identity.scope
        if self.connection.session is None:  # it was refused
            self.ticket.party = account
            self.ticket.release()
        else:
            self.ticket.enter(account)

    def confirmed(self) -> None:
        """As a ``Client``."""
        self.release(_IDENTIFYING)
        self._go_on()


_HANDLERS: dict[type, Any] = {
    Identify: Edge._identify,
    Request: Edge._request,
    FiltersChanged: Edge._filters,
}
