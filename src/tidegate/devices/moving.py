"""Persistent sessions follow their clients to other servers, and outlive the server that had them (ADR 20).

A client connects here whose session another server has. That one ends the connection it may have, says which filters
the session has, and this one sets it up for itself. Its word that it takes it has a place in the order in which all
servers hear everything: messages before it are the former server's, those after it this one's. The former server
writes down what it has and leaves the rows; here they become rows of this node's.

A server is gone when it said so, or after a moment in which its node has not come back. Then one of the others moves
all its sessions to its own node; the rows say which. Where two have a session nevertheless, for the one was cut off
from the store and thought gone, the one that has the client, else the first by name, asks the other for it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging

import msgspec

from tidegate import clock
from tidegate.devices.carrier import REUNION_S, Carrier
from tidegate.devices.journal import Written
from tidegate.devices.peers import Client, Peer
from tidegate.devices.server import Server
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Ending, Session, serving
from tidegate.mqtt.session.keeping import SessionState, Stored
from tidegate.ops.effects import (
    Acting,
    ClientConnected,
    FiltersAnnounced,
    SessionLeft,
    SessionOffered,
    SessionSought,
    SessionTaken,
)
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.relay import Relay
from tidegate.store.database import StoreError, StoreUnavailable

log = logging.getLogger("tidegate.mqtt")

_GRACE_S = 2.0
"""How long a server that did not take leave may be away before its sessions are others'."""
_LOOK_S = 0.25
_ANSWER_S = 2.0


class _Move(msgspec.Struct, eq=False):
    """A session on its way here."""

    peer: Peer
    offered: asyncio.Future[SessionOffered]
    echoed: asyncio.Event
    left: asyncio.Future[None]
    session: Session | None = None


class Moving:
    """Lives on the event loop."""

    def __init__(self, relay: Relay, server: Server, journal: Written, carrier: Carrier, node: int) -> None:
        self._relay = relay
        self._server = server
        self._broker = server.broker
        self._journal = journal
        self._carrier = carrier
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._numbers = itertools.count(1)
        self._moves: dict[int, _Move] = {}
        self._under_way: dict[Client, asyncio.Task[None]] = {}
        self._leaving: dict[Client, tuple[str, Session]] = {}
        """Sessions that another server takes, until it says that its client is connected there."""
        self._unclaimed: dict[Client, tuple[int, int]] = {}
        """Rows of sessions that are here, which could not be moved yet: node and id."""
        self._look_for_orphans_at = 0.0
        self._adopting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.effects = Acting(
            {
                SessionSought: self._sought,
                SessionOffered: self._offered,
                SessionTaken: self._taken,
                SessionLeft: self._left,
                ClientConnected: self._arrived,
            }
        )
        carrier.returned = self._announced
        carrier.gone = self._gone
        server.summon = self.summon

    def start(self) -> None:
        """Look after the sessions of servers that are gone."""
        self._look_for_orphans_at = clock.monotonic() + _GRACE_S
        self._timer = self._loop.call_later(_LOOK_S, self._look)

    def stop(self) -> None:
        """Nothing is taken over any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._adopting is not None:
            self._adopting.cancel()

    # -- a client comes --

    async def summon(self, scope: Scope, client_id: str) -> None:
        """Have a client's session here before it is let in, wherever it is.

        Raises:
            StoreError: the store does not give it.
        """
        client = scope, client_id
        task = self._under_way.get(client)
        if task is None:
            if client not in self._unclaimed and self._carrier.peers.having(client) is None:
                return
            task = self._under_way[client] = self._loop.create_task(self._fetch(client))
            task.add_done_callback(lambda _: self._under_way.pop(client, None))
        await asyncio.shield(task)

    async def _fetch(self, client: Client) -> None:
        if client in self._unclaimed:
            await self._claim(client)
        deadline = clock.monotonic() + _GRACE_S + _ANSWER_S
        while (peer := self._carrier.peers.having(client)) is not None:
            if peer.node not in self._carrier.peers.ghosts:
                await self._ask(client, peer)
                return
            if clock.monotonic() > deadline:
                raise StoreUnavailable("a session of a server that is gone could not be taken over")
            await asyncio.sleep(_LOOK_S / 5)  # it is being taken over as a whole

    async def _ask(self, client: Client, peer: Peer) -> None:
        """Get a session from a server that is there."""
        number = next(self._numbers)
        move = _Move(peer, self._loop.create_future(), asyncio.Event(), self._loop.create_future())
        self._moves[number] = move
        try:
            async with asyncio.timeout(_ANSWER_S):
                self._relay.tell([SessionSought(self._relay.name, peer.name, number, *client[0], client[1])])
                offer = await move.offered
                if offer.id:
                    await self._take(client, number, move, offer)
        except TimeoutError:
            if peer.name in {other.name for other in self._carrier.peers}:
                log.warning("another server on the store did not give the session of client %a", client[1])
                return
            await self._fetch(client)  # it is gone meanwhile
        finally:
            if move.session is not None:
                self._carrier.arriving.discard(move.session)
            del self._moves[number]

    async def _take(self, client: Client, number: int, move: _Move, offer: SessionOffered) -> None:
        scope, client_id = client
        first = self._journal.reserve()
        session = self._broker.session(scope, client_id)
        if session is None:
            state = SessionState(scope, client_id, offer.level, offer.expiry_s, offer.expires_at)
            own, filters = self._journal.number(), list(offer.filters)
            self._journal.session(own, state)
            for name, options in filters:
                self._journal.subscription(own, name, options)
            self._broker.restore([Stored(own, state, filters, [])], self._server.clock.now())
            session = self._broker.session(scope, client_id)
        else:
            session.keep()  # its row may have been what the other took
            for name, subscription in session.subscriptions.items():
                self._journal.subscription(session.number, name, subscription.options)
        if session is None:
            return  # its time was over
        move.session = session
        self._carrier.arriving.add(session)
        self._carrier.announced()
        self._relay.tell([SessionTaken(self._relay.name, move.peer.name, number, *scope, client_id)])
        self._unclaimed[client] = offer.node, offer.id
        await move.left
        await self._claim(client, first)

    async def _claim(self, client: Client, first: int = 0) -> None:
        """Make the rows of a session that came ours."""
        node, row = self._unclaimed[client]
        session = self._broker.session(*client)
        if session is None or not session.number:
            del self._unclaimed[client]
            return
        moved = await self._journal.take(node, row, session.number, first or self._journal.reserve())
        self._unclaimed.pop(client, None)
        session.inherit(moved, self._server.clock.now())

    def _offered(self, said: SessionOffered) -> None:
        move = self._moves.get(said.number) if said.to == self._relay.name else None
        if move is not None and not move.offered.done():
            move.offered.set_result(said)

    def _left(self, said: SessionLeft) -> None:
        move = self._moves.get(said.number) if said.to == self._relay.name else None
        if move is not None and not move.left.done():
            move.left.set_result(None)

    # -- a client goes --

    def _sought(self, said: SessionSought) -> None:
        if said.to != self._relay.name:
            return
        scope = said.account, said.region
        session = self._broker.session(scope, said.client_id)
        connection = serving(session)
        if connection is not None:
            why = "taken over by another server"
            self._server.end(connection, Ending.DUPLICATE_CLIENT_ID, Reason.SESSION_TAKEN_OVER, why)
            session = self._broker.session(scope, said.client_id)
        offer = SessionOffered(said.server, said.number, self._node, 0)
        if session is not None and session.keeps and session.number:
            level = 5 if session.v5 else 4
            filters = tuple((name, each.options) for name, each in session.subscriptions.items())
            row = session.number, level, session.expiry, session.expires_at, filters
            offer = SessionOffered(said.server, said.number, self._node, *row)
        self._relay.tell([offer])

    def _taken(self, said: SessionTaken) -> None:
        """Another takes a session, or our own word has come back."""
        if said.server == self._relay.name:
            move = self._moves.get(said.number)
            if move is not None and move.session is not None:
                self._carrier.arriving.discard(move.session)
            return
        if said.to != self._relay.name:
            return
        client = (said.account, said.region), said.client_id
        session = self._broker.session(*client)
        if session is not None and not session.online:
            self._broker.let_go(session)
            self._leaving[client] = said.server, session

        def left(written: bool) -> None:
            if written:
                self._relay.tell([SessionLeft(said.server, said.number)])
            else:
                self._loop.call_later(1, self._journal.when_written, left)

        self._journal.when_written(left)

    def _arrived(self, said: ClientConnected) -> None:
        self._leaving.pop(((said.account, said.region), said.client_id), None)

    # -- servers go and come --

    def _gone(self, peer: Peer) -> None:
        """What it was just taking stays here."""
        for client, (name, session) in list(self._leaving.items()):
            if name == peer.name:
                del self._leaving[client]
                if self._broker.session(*client) is None:
                    self._broker.take_in(session)

    def _announced(self, said: FiltersAnnounced) -> None:
        """One that was thought gone is back, or has what is here, too."""
        if said.server == self._relay.name:
            return
        ghost = self._carrier.peers.ghosts.get(said.node)
        if ghost is not None and said.ends:
            self._carrier.resume(ghost, ())
        for one in said.sessions:
            client = (one.account, one.region), one.client_id
            session = self._broker.session(*client)
            if session is None or not (one.held and session.keeps) or one.online or client in self._under_way:
                continue
            if session.online or self._relay.name < said.server:
                self._loop.call_later(_LOOK_S, self._reunite, client)

    def _reunite(self, client: Client) -> None:
        """Get what another still has of a session that is here."""
        session, peer = self._broker.session(*client), self._carrier.peers.having(client)
        if session is not None and peer is not None and client not in self._under_way:
            task = self._under_way[client] = self._loop.create_task(self._fetch(client))
            task.add_done_callback(lambda _: self._under_way.pop(client, None))
            task.add_done_callback(_tell_failure)

    def _look(self) -> None:
        self._timer = self._loop.call_later(_LOOK_S, self._look)
        peers, now = self._carrier.peers, clock.monotonic()
        settled = self._relay.tuned_again_at + REUNION_S
        due = [each for each in peers.ghosts.values() if each.left or now >= max(each.since + _GRACE_S, settled)]
        orphans = 0 < self._look_for_orphans_at <= now
        if self._adopting is None and (due or orphans) and peers.known(self._relay.present):
            self._adopting = self._loop.create_task(self._adopt(due, orphans=orphans), name="tidegate-adopt")

    async def _adopt(self, ghosts: list[Peer], *, orphans: bool) -> None:
        """Take over the sessions of those who are gone; at the start also those of servers that have not come back."""
        try:
            nodes = {ghost.node: [ghost] for ghost in ghosts}
            if orphans:
                present = {peer.node for peer in self._carrier.peers} | set(self._carrier.peers.ghosts)
                nodes |= {node: [] for node in await self._journal.nodes() if node not in present}
                self._look_for_orphans_at = 0.0
            for node, former in nodes.items():
                heirs = await self._inherit(node)
                for ghost in former:
                    self._carrier.resume(ghost, heirs)
        except StoreError as error:
            self._limited_log.warning("sessions of a server that is gone could not be taken over: %s; retried", error)
        finally:
            self._adopting = None

    async def _inherit(self, node: int) -> list[Session]:
        heirs: list[Session] = []
        while found := await self._journal.adopt(node):
            self._broker.restore(found, self._server.clock.now())
            states = [each.state for each in found]
            heirs += [each for state in states if (each := self._broker.session(state.scope, state.client_id))]
        if heirs:
            log.info("%d sessions of a server that is gone were taken over", len(heirs))
        return heirs


def _tell_failure(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.warning("a session stays with another server: %s; tried again when its client connects", error)
