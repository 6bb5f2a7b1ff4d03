"""The device endpoint: listeners, the once-a-second sweep, and what the service may ask of its connections.

All of it runs on one event loop, uvloop by preference: stock asyncio spends 256 KiB on every TLS connection.

    server = Server(plane, clock=clock, ids=ids)
    await server.listen("0.0.0.0", 8883, context)
    server.publish(topics.notify_next("lamp"), payload, 1, scope=scope, newest_only=True)
    await server.drain(10)
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from operator import itemgetter
from typing import Any

from tidegate import clock
from tidegate.core.authorizers import Shown
from tidegate.devices import topics
from tidegate.devices.changes import Changes
from tidegate.devices.edge import Edge
from tidegate.devices.lifecycle import Lifecycle, place
from tidegate.devices.observer import Observer
from tidegate.devices.plane import Plane, Signer
from tidegate.devices.replies import outcome
from tidegate.devices.table import TABLE
from tidegate.devices.websocket import Tunnel
from tidegate.mqtt import session as sessions
from tidegate.mqtt.broker import Broker
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.deadlines import Deadlines
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.session import Closed, Connection, Ending, Message, Session, State
from tidegate.mqtt.session.keeping import Journal
from tidegate.mqtt.settings import Settings
from tidegate.net.admission import Admission, Limits, Ticket
from tidegate.net.entrance import Entrance, Make, Networks
from tidegate.pki.tls import SERVER_NAME
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.mqtt")

_EXPECTED = frozenset({Ending.CLIENT_INITIATED, Ending.CONNECTION_LOST, Ending.SERVER_INITIATED})


def _log_ending(connection: Connection, effect: Closed) -> None:
    level = logging.DEBUG if effect.ending in _EXPECTED else logging.INFO
    words = (connection.client_id, effect.ending.value, effect.code, effect.message)
    log.log(level, "client %r: %s (0x%02x) %s", *words)


def admission_limits(settings: Settings, limits: Limits) -> Limits:
    """Limits of admission with what is set for devices."""
    return limits._replace(
        handshake_s=settings.handshake_timeout,
        max_handshakes=settings.max_handshakes,
        max_handshakes_per_address=settings.max_handshakes_per_address,
        bare=settings.waiting,
        per_address=settings.max_connections_per_address,
    )


class Server:
    """Every connection of this process. Create it on a running event loop and use it on that loop's thread only."""

    def __init__(
        self,
        plane: Plane,
        *,
        clock: clock.Clock,
        ids: clock.Ids,
        settings: Settings | None = None,
        beat: Callable[[], float] = clock.monotonic,
        journal: Journal | None = None,
        admission: Admission | None = None,
        observer: Observer | None = None,
    ) -> None:
        """``admission``: the one of all listeners; None makes one. ``observer``: who is told of what goes on."""
        self.plane = plane
        self.clock = clock
        self.ids = ids
        self.settings = settings or Settings()
        self.beat = beat
        self._observer = observer or Observer()
        self.limited_log = RateLimitedLog(log)
        self.broker = Broker(self.settings, self.left, self._interest, journal, TABLE, self._observer.retained)
        self.loop = asyncio.get_running_loop()
        self.lifecycle = Lifecycle(self, clock, ids, self._observer)
        self.deadlines = Deadlines(self.settings, beat, self.end)
        self.summon: Callable[[Scope, str], Coroutine[Any, Any, None]] | None = None
        """Has the session of a client that is identified brought here from another server."""
        self.changes = Changes()
        self.throttled: list[Edge] = []
        self.counted: set[Edge] = set()
        self.draining = False
        self._edges: set[Edge] = set()
        self._of_principal: dict[str, set[Edge]] = {}
        self._signers: set[Edge] = set()
        self._unsettled: set[Edge] = set()
        self._orphans: set[asyncio.Future[Any]] = set()
        self._dirty: list[Edge] = []
        self._flushing = False
        self.admission = admission or Admission()
        self._entrances: list[Entrance] = []
        self._empty: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(1, self._tick)

    # -- listening and stopping --

    def protocol(self, ticket: Ticket | None = None, *, custom: bool = False) -> Edge:
        """A protocol for one accepted connection; for listeners the caller opens itself.

        ``custom``: user name and password are for a custom authorizer.
        """
        return Edge(self, ticket, custom=custom)

    def tunnel(self, signer: Signer | None, shown: Shown | None = None) -> Tunnel:
        """A protocol for a connection after its WebSocket handshake, which was signed, or showed what it is judged by.

        None, None: its client certificate tells who it is.
        """
        return Tunnel(self, signer, shown)

    async def listen(
        self,
        host: str | None,
        port: int,
        context: ssl.SSLContext | None,
        make: Make | None = None,
        *,
        name: str = "mqtts",
        balancers: Networks = (),
    ) -> tuple[str, int]:
        """Accept clients; returns the address bound. May be called for several ports.

        ``make`` makes other protocols than ``protocol``; ``balancers`` begin with a PROXY header.
        """
        entrance = Entrance(
            self.admission,
            name,
            make or self.protocol,
            context,
            balancers=balancers,
            farewell_s=self.settings.close_timeout,
        )
        self._entrances.append(entrance)
        return await entrance.open(host, port)

    async def drain(self, grace: float) -> None:
        """Stop: no new clients and requests, answer those under way, take leave of every client, close.

        After ``grace`` seconds in all, what is left is cut off.
        """
        self.draining = True
        deadline = self.loop.time() + grace
        for entrance in self._entrances:
            await entrance.close()
        for edge in self._edges:
            edge.hold_for_drain()
        due = [answer for edge in self._unsettled | self._edges for answer in edge.answers_due] + list(self._orphans)
        if due:
            await asyncio.wait(due, timeout=max(0.0, deadline - self.loop.time()))
        for edge in list(self._edges):
            self.end(edge.connection, Ending.SERVER_INITIATED, Reason.SERVER_SHUTTING_DOWN, "server shutting down")
        self.broker.wills.publish_all(self.clock.now())
        while self._orphans and self.loop.time() < deadline:  # whose wills they are, then what those ask for
            await asyncio.wait(list(self._orphans), timeout=max(0.0, deadline - self.loop.time()))
            await asyncio.sleep(0)
        if self._edges:
            self._empty = self.loop.create_future()
            await asyncio.wait([self._empty], timeout=max(0.0, deadline - self.loop.time()))
        for edge in list(self._edges):
            edge.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what the service may ask --

    @property
    def connection_count(self) -> int:
        """Open sockets."""
        return len(self._edges)

    def clients_now(self) -> list[tuple[str, Callable[[], None]]]:
        """The client ids of those who are connected, in their order, and how to drop each."""
        known = [(edge.connection.client_id, edge.abort) for edge in self._edges if edge.connection.session is not None]
        return sorted(known, key=itemgetter(0))

    @property
    def unsubscribed(self) -> int:
        """Connected clients without a subscription. Looks at each of them."""
        sessions = (edge.connection.session for edge in self._edges)
        return sum(session is not None and session.online and not session.subscriptions for session in sessions)

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        scope: Scope,
        newest_only: bool = False,
    ) -> None:
        """Deliver a message of the service to those who subscribe and may receive it.

        ``newest_only``: a client that is away gets only the last one on this topic (notify, notify-next).
        """
        self.deliver(Message(topic, payload, qos, newest_only=newest_only), scope)

    def deliver(self, message: Message, scope: Scope) -> None:
        """Deliver a message as it is to the clients of this server."""
        self.broker.publish(scope, message, self.clock.now())

    def spread(self, message: Message, scope: Scope, origin: Session | None = None) -> int:
        """Deliver a message that came here to the clients of all servers, and keep it if it is retained.

        ``origin`` is the session of the client that published it. Returns a ticket for ``Broker.when_safe``.
        """
        return self.broker.send(scope, message, self.clock.now(), origin)

    def watches(self, scope: Scope, thing_name: str) -> bool:
        """Whether anybody subscribes to the job notices of a thing, so that payloads are worth building."""
        return self.broker.watches(scope, thing_name)

    def wanted(self, scope: Scope, topic: str) -> bool:
        """Whether anybody subscribes to a topic."""
        return self.broker.wanted(scope, topic)

    def disconnect(
        self,
        chosen: str | Callable[[Identity, str], bool],
        ending: Ending = Ending.AUTH_ERROR,
        *,
        will: bool = True,
    ) -> int:
        """End connections: those of a principal, or those for which ``chosen(identity, client_id)`` holds.

        Returns how many. A client that is being identified at this moment is asked about again.
        """
        self.changes.note(chosen if isinstance(chosen, str) else None)
        code = Reason.NOT_AUTHORIZED if ending is Ending.AUTH_ERROR else Reason.ADMINISTRATIVE_ACTION
        found = self._chosen(chosen)
        for edge in found:
            self.end(edge.connection, ending, code, "disconnected by the service", will=will)
        return len(found)

    def taken_over(self, scope: Scope, client_id: str, at: clock.Millis) -> None:
        """A client connected to another server on the store at an instant: end the connection it had here before."""
        session, presence = self.broker.session(scope, client_id), self.lifecycle.presence(scope, client_id)
        connection = sessions.serving(session)
        if connection is not None and presence is not None and presence.since <= at:
            self.end(connection, Ending.DUPLICATE_CLIENT_ID, Reason.SESSION_TAKEN_OVER, "taken over by another server")

    def refresh(self, principal: str | None = None) -> None:
        """Certificates or policies changed: ask again who the clients of a principal, or all clients, are."""
        self.changes.note(principal)
        for edge in self._chosen(principal if principal is not None else lambda _identity, _client_id: True):
            edge.refresh()

    def refresh_signers(self, chosen: Callable[[str, Identity], bool] = lambda _key_id, _identity: True) -> None:
        """Access keys or their policies changed: ask again who the clients are that signed with one.

        ``chosen(key_id, identity)``: whether it concerns a client that is connected.
        """
        self.changes.note_signers()
        for edge, key_id, identity in self.signers():
            if chosen(key_id, identity):
                edge.refresh()

    def signers(self) -> list[tuple[Edge, str, Identity]]:
        """The connected clients for which an access key stands, and the key."""
        return [
            (edge, edge.authentication.key_id, edge.connection.identity)
            for edge in self._signers
            if edge.authentication.key_id is not None and edge.connection.identity is not None
        ]

    def edge_of(self, connection: Connection) -> Edge | None:
        """The socket of a connection, while it is open."""
        holder = connection.holder
        return holder if isinstance(holder, Edge) and holder in self._edges else None

    def _chosen(self, chosen: str | Callable[[Identity, str], bool]) -> list[Edge]:
        def fits(edge: Edge) -> bool:
            identity = edge.connection.identity
            if identity is None or edge.connection.state is not State.CONNECTED:
                return False
            return isinstance(chosen, str) or chosen(identity, edge.connection.client_id)

        among = self._of_principal.get(chosen, ()) if isinstance(chosen, str) else self._edges
        return [edge for edge in among if fits(edge)]

    # -- the sweep --

    def _tick(self) -> None:
        self._timer = self.loop.call_later(1, self._tick)
        self.sweep()

    def sweep(self) -> None:
        """Once a second: enforce keep-alive, connect and stall times, end expired sessions, lift throttling."""
        throttled, self.throttled = self.throttled, []
        for edge in throttled:
            edge.unthrottle()
        self.deadlines.look()
        now = self.clock.now()
        counted, self.counted = self.counted, set()
        for edge in counted:
            edge.connection.deliver_again(now)
        self.broker.sweep(now)
        self.lifecycle.sweep()

    # -- what edges report --

    def opened(self, edge: Edge) -> None:
        """A socket is there."""
        self._edges.add(edge)
        if edge.authentication.key_id is not None:
            self._signers.add(edge)
        self.deadlines.opened(edge)
        if self.draining:
            edge.abort()

    def rescheduled(self, edge: Edge) -> None:
        """What may happen to an edge has changed: it connected, stalled or is closing."""
        if edge in self._edges:
            self.deadlines.changed(edge)

    def gone(self, edge: Edge) -> None:
        """A socket is gone; its requests may still be under way."""
        self._edges.discard(edge)
        self._signers.discard(edge)
        self._forget(edge)
        self.deadlines.gone(edge)
        if edge.answers_due:
            self._unsettled.add(edge)
        if not self._edges and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    def identified(self, connection: Connection, identity: Identity) -> None:
        """Who a client is was found out, or is somebody else by now."""
        edge = self.edge_of(connection)
        if edge is not None:
            self._forget(edge)
            self._of_principal.setdefault(identity.principal, set()).add(edge)
        connection.identity = identity

    def _forget(self, edge: Edge) -> None:
        """Strike an edge off those of its principal."""
        identity = edge.connection.identity
        known = None if identity is None else self._of_principal.get(identity.principal)
        if identity is not None and known is not None:
            known.discard(edge)
            if not known:
                del self._of_principal[identity.principal]

    def settled(self, edge: Edge) -> None:
        """All requests of an edge are answered."""
        self._unsettled.discard(edge)

    def end(self, connection: Connection, ending: Ending, code: Reason, message: str, *, will: bool = True) -> None:
        """End a connection from this side."""
        self.broker.end(connection, ending, code, message, self.clock.now(), will=will)

    def flush_soon(self, edge: Edge) -> None:
        """Write this edge's output at the end of the present turn of the loop."""
        self._dirty.append(edge)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for edge in dirty:
            if edge.awaits_reply():
                self._dirty.append(edge)
            else:
                edge.flush()
        self._flushing = bool(self._dirty)
        if self._flushing:
            self.loop.call_soon(self._flush)

    def connected(self, connection: Connection, address: str) -> None:
        """A client was let in."""
        edge = self.edge_of(connection)
        ends = [place(None if edge is None else edge.transport, which) for which in ("peername", "sockname")]
        self.lifecycle.connected(connection, address, *ends)

    def unidentified(self, certificate_der: bytes, server_name: str | None, peer: str) -> None:
        """A CONNECT was refused because nobody knows the certificate."""
        self._observer.unidentified(certificate_der, server_name, peer)

    def tls_facts(self, transport: asyncio.Transport) -> tuple[bytes | None, str | None]:
        """The client's certificate in DER and the server name it asked for."""
        tls = transport.get_extra_info("ssl_object")
        return (None, None) if tls is None else (tls.getpeercert(binary_form=True), getattr(tls, SERVER_NAME, None))

    def filters_changed(self, connection: Connection, effect: sessions.FiltersChanged) -> None:
        """Filters of one packet took effect or are gone."""
        kind = "subscribed" if effect.subscribed else "unsubscribed"
        self.lifecycle.subscriptions(connection, kind, effect.filters)

    def left(self, connection: Connection, effect: sessions.Effect) -> None:
        """What no subscriber gets: an ending, or a job request by will (device reference 3.3.10)."""
        if isinstance(effect, Closed):
            _log_ending(connection, effect)
            self.lifecycle.closed(connection, effect, connection.address)
            return
        identity = connection.identity
        assert identity is not None
        if isinstance(effect, sessions.Request) and not effect.claim.seen:  # AWS's shadows ignore wills
            answer = self.plane.request(identity, effect.claim, effect.message, connection.session, self)
            self.await_orphan(answer, "request of a will")

    def ask(self, who: Callable[[], Coroutine[Any, Any, Identity | None]], then: Callable[[Any], None]) -> None:
        """Find out who a client is whose connection is over, and call back."""
        self.await_orphan(self.loop.create_task(who()), "identify", then)

    def await_orphan(
        self, answer: asyncio.Future[Any], what: str, then: Callable[[Any], None] = lambda _found: None
    ) -> None:
        """Have a stop wait for an answer that no connection waits for."""
        self._orphans.add(answer)

        def done(answer: asyncio.Future[Any]) -> None:
            self._orphans.discard(answer)
            then(outcome(answer, what, self.limited_log))

        answer.add_done_callback(done)

    def _interest(self, scope: Scope, name: str, wanted: bool) -> None:
        self._observer.interest(scope, None if name == topics.EVERY_THING else name, wanted)
