"""Brings messages published here to the clients of the other servers on the store, and theirs to ours (ADR 30).

A message of QoS 1 stays here until each server that wanted it has said that it has it, and on disk what is to be kept;
only then is it acknowledged to its publisher. It is told again when something may not have been heard. So does a
subscription count, SUBACK and all, when the others know of it. Who is alone on a store says nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate import clock
from tidegate.devices import publications
from tidegate.devices.journal import Written
from tidegate.devices.peers import NOTHING, Client, Key, Peer, Peers, Want
from tidegate.devices.server import Server
from tidegate.mqtt import topics
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Delivery, Message, Session
from tidegate.mqtt.session.keeping import Done
from tidegate.ops.effects import (
    Acting,
    FiltersAnnounced,
    FiltersAsked,
    Held,
    MessageCarried,
    MessagesHeard,
    Missed,
    Wanted,
)
from tidegate.runtime.relay import Relay
from tidegate.store.database import StoreError

log = logging.getLogger("tidegate.mqtt")

_PATIENCE_S = 2.0
"""For a server that has only clients who are connected: what is meant for them does not outlive them."""
REUNION_S = 8.0
"""How long after PostgreSQL was away for this server others may be, too."""
_LOOK_S = 0.25
_ACQUAINTANCE_S = 3.0
_CHUNK = 500
_REQUESTS = frozenset({"update", "get", "delete", "+", "#"})
"""Last levels of filters that a request about a shadow may match."""
_REMEMBERED = 20_000


class _Told(msgspec.Struct):
    """What is under way: to whom, and who waits for their confirmation."""

    effect: MessageCarried | FiltersAnnounced
    waiting: set[str]
    keepers: set[str]
    """Those of whom a session waits for it, so that it must not be lost."""
    groups: Sequence[str] = ()
    done: list[Done] = []
    at: float = 0.0


class Carrier:
    """``mqtt.others.Others``. Lives on the event loop."""

    def __init__(self, relay: Relay, server: Server, journal: Written, node: int) -> None:
        self._relay = relay
        self._server = server
        self._journal = journal
        self._node = node
        self._loop = asyncio.get_running_loop()
        self.peers = Peers(relay.name)
        self._numbers = 0
        self._told: dict[int, _Told] = {}
        self._announced: dict[Key, Want] = {}
        self._dirty: set[Key] = set()
        self._clients: dict[Client, Session] = {}
        """Those whose sessions have changed."""
        self._held: set[Client] = set()
        self._announcement = 0
        self.arriving: set[Session] = set()
        """Sessions that come from another server: what is said before they are here, it gives them."""
        self.returned: Callable[[FiltersAnnounced], None] = lambda _said: None
        self.gone: Callable[[Peer], None] = lambda _peer: None
        self._flushing: asyncio.Handle | None = None
        self._confirming: dict[str, list[int]] = {}
        self._heard: OrderedDict[tuple[str, int], bool] = OrderedDict()
        """What came lately of others, and whether it is confirmed."""
        self._stopped = False
        self._offered: set[int] = set()
        self._reading: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._tell_again = False
        self._timer: asyncio.TimerHandle | None = None
        self.effects = Acting(
            {
                MessageCarried: self._carried,
                MessagesHeard: self._confirmed,
                FiltersAsked: lambda _: self._asked(),
                FiltersAnnounced: self._announces,
                Missed: lambda _: self._missed(),
            }
        )
        server.broker.others = self

    async def start(self) -> None:
        """Make acquaintance with the others, for a moment; what is published goes to those not yet known, too."""
        self._journal.alone = False
        self._timer = self._loop.call_later(_LOOK_S, self._look)
        self._missed()
        try:
            async with asyncio.timeout(_ACQUAINTANCE_S):
                while not self.peers.known(self._relay.present):  # noqa: ASYNC110 - others' words, and who is there
                    await asyncio.sleep(_LOOK_S / 10)
        except TimeoutError:
            log.warning("another server on the store has not said which messages its clients want")

    def stop(self) -> None:
        """No message is carried any more, and all that is kept is on disk: another may have it."""
        self._relay.tell([self._announcing([], leaves=True)])
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._telling, self._reading):
            if task is not None:
                task.cancel()

    # -- messages --

    def carry(self, scope: Scope, message: Message, now: clock.Millis, groups: Sequence[str]) -> int:
        """As in ``Others``."""
        relay, peers = self._relay, self.peers
        if relay.alone and not peers:
            return 0
        wanting = peers.wanting(scope, message.topic) if peers else {}
        unknown = not peers.known(relay.present)
        if unknown or message.retain:
            wanting |= {peer: True for peer in peers if message.retain or not peer.complete}
        if not (wanting or unknown or groups):
            return 0
        self._flush()
        self._numbers += 1
        number = self._numbers
        effect = MessageCarried(relay.name, number, *scope, publications.publication(message), now)
        waiting = {peer.name for peer in wanting} if message.qos else set()
        keepers = {peer.name for peer, keeps in wanting.items() if keeps} if message.qos else set()
        if groups:
            waiting.add(relay.name)
        if waiting:
            self._told[number] = _Told(effect, waiting, keepers, groups, [], clock.monotonic())
        relay.tell([effect])
        return number if message.qos and waiting else 0

    def share(self, scope: Scope, topic_filter: str) -> bool:
        """As in ``Others``."""
        return not self._relay.alone and self.peers.share(scope, topic_filter)

    def ours(self, scope: Scope, topic_filter: str, message: Message) -> bool:
        """As in ``Others``."""
        return not self.share(scope, topic_filter) or self._turn(scope, topic_filter, message) == self._relay.name

    def _turn(self, scope: Scope, topic_filter: str, message: Message, passed: Sequence[str] = ()) -> str:
        return self.peers.turn(scope, topic_filter, message, passed)

    def when_heard(self, ticket: int, done: Done) -> None:
        """As in ``Others``."""
        told = self._told.get(ticket)
        if told is None:
            done(True)
        else:
            told.done.append(done)

    def _carried(self, said: MessageCarried) -> None:
        """A message has come, or come back."""
        if said.server == self._relay.name:
            self._came_back(said)
            return
        if self._stopped or (said.message.qos and not self._new(said)):
            return
        scope, now = (said.account, said.region), self._server.clock.now()
        message = publications.message(said.message, retain=said.message.retain)
        before = self._journal.changes
        if said.share:
            self._share_out(said, said.share, message)
        else:
            if message.retain:
                self._server.broker.retain(scope, message, said.at)
            self._server.broker.publish(scope, message, now, self.arriving)
        if said.message.qos:
            confirm = partial(self._confirm, said.server, said.number)
            if self._journal.changes == before:
                confirm(True)
            else:
                self._journal.when_written(confirm)

    def _new(self, said: MessageCarried) -> bool:
        """Whether a message has not been here; one that was, and is told again, is confirmed again."""
        key = said.server, said.number
        known = self._heard.get(key)
        if known:
            self._confirm(*key, True)
        if known is None:
            self._heard[key] = False
            if len(self._heard) > _REMEMBERED:
                self._heard.popitem(last=False)
        return known is None

    def _came_back(self, said: MessageCarried) -> None:
        """All have heard it by now, and have the same picture of who wants it."""
        message = publications.message(said.message, retain=said.message.retain)
        told = self._told.get(said.number)
        if said.share:
            self._share_out(said, said.share, message)
        elif told is not None:
            for each in told.groups:
                self._share_out(said, each, message)
            told.groups = ()
        before = said.server, said.number
        self._journal.when_written(lambda written: self._settle(*before) if written else None)

    def _share_out(self, said: MessageCarried, topic_filter: str, message: Message) -> None:
        """Give a message to a member here if it is this server's turn; pass it on if nobody may have it."""
        scope, name = (said.account, said.region), self._relay.name
        if self._turn(scope, topic_filter, message, said.passed) != name:
            return
        if self._server.broker.share_out(scope, topic_filter, message, self._server.clock.now()):
            return
        passed = (*said.passed, name)
        following = self._turn(scope, topic_filter, message, passed)
        if following:
            self._pass_on(scope, message, topic_filter, passed, following)

    def _pass_on(
        self,
        scope: Scope,
        message: Message,
        topic_filter: str,
        passed: tuple[str, ...],
        following: str,
        done: Done | None = None,
    ) -> None:
        self._numbers += 1
        now = self._server.clock.now()
        effect = MessageCarried(
            self._relay.name, self._numbers, *scope, publications.publication(message), now, topic_filter, passed
        )
        if message.qos:
            waiting = [done] if done is not None else []
            self._told[self._numbers] = _Told(effect, {following}, {following}, (), waiting, clock.monotonic())
        self._relay.tell([effect])

    def _offer(self, scope: Scope, topic_filter: str, server: str) -> None:
        """A member is connected elsewhere: what waits here for those who are away is its, once it is there."""
        for session, delivery in self._server.broker.waiting(scope, topic_filter):
            if id(delivery) in self._offered:
                continue
            self._offered.add(id(delivery))

            def taken(_written: bool, session: Session = session, delivery: Delivery = delivery) -> None:
                self._offered.discard(id(delivery))
                session.drop(delivery)

            self._pass_on(scope, delivery.message, topic_filter, (self._relay.name,), server, taken)

    # -- confirmations --

    def _confirm(self, server: str, number: int, written: bool) -> None:
        """Tell another server that its message is here; what the store does not take yet it will take later."""
        if not written:
            self._loop.call_later(1, self._journal.when_written, partial(self._confirm, server, number))
            return
        self._heard[server, number] = True
        if not self._confirming:
            self._loop.call_soon(self._send_confirmations)
        self._confirming.setdefault(server, []).append(number)

    def _send_confirmations(self) -> None:
        confirming, self._confirming = self._confirming, {}
        self._relay.tell([MessagesHeard(server, self._relay.name, numbers) for server, numbers in confirming.items()])

    def _confirmed(self, said: MessagesHeard) -> None:
        if said.server == self._relay.name:
            for number in said.numbers:
                self._settle(said.by, number)

    def _settle(self, name: str, number: int) -> None:
        """A server need not be waited for any more."""
        told = self._told.get(number)
        if told is None:
            return
        told.waiting.discard(name)
        if not told.waiting:
            del self._told[number]
            for done in told.done:
                done(True)

    # -- what is wanted --

    def changed(self, scope: Scope, topic_filter: str) -> None:
        """As in ``Others``."""
        if self._relay.alone or not _carried_by(topic_filter):
            return
        self._dirty.add((scope, topic_filter))
        self._flush_soon()

    def held(self, session: Session) -> None:
        """As in ``Others``."""
        client = session.scope, session.client_id
        if not self._relay.alone and (session.keeps or client in self._held):
            self._clients[client] = session
            self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush)

    def announced(self) -> int:
        """As in ``Others``."""
        self._flush()
        return self._announcement if self._announcement in self._told else 0

    def _flush(self) -> None:
        """Announce what has changed."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not (self._dirty or self._clients):
            return
        dirty, self._dirty = self._dirty, set()
        clients, self._clients = self._clients, {}
        if self._relay.alone:
            return
        wanted = self._wanted(dirty)
        if wanted or clients:
            self._numbers += 1
            self._announcement = self._numbers
            said = self._announcing(wanted, number=self._numbers, sessions=self._holding(clients))
            waiting = {peer.name for peer in self.peers}
            if waiting:
                self._told[self._numbers] = _Told(said, waiting, set(), (), [], clock.monotonic())
            self._relay.tell([said])

    def _announcing(self, wanted: list[Wanted], *, number: int = 0, **more: Any) -> FiltersAnnounced:
        return FiltersAnnounced(self._relay.name, self._relay.member, self._node, number, wanted, **more)

    def _holding(self, clients: Iterable[Client]) -> tuple[Held, ...]:
        """What is to be announced of sessions."""
        found = []
        for scope, client_id in clients:
            session = self._server.broker.session(scope, client_id)
            held = session is not None and session.keeps
            found.append(Held(*scope, client_id, held, session is not None and session.online))
            (self._held.add if held else self._held.discard)((scope, client_id))
        return tuple(found)

    def _wanted(self, keys: Iterable[Key], *, anew: bool = False) -> list[Wanted]:
        """What is to be announced of filters: what has changed, or ``anew`` what is wanted."""
        found = []
        for scope, topic_filter in keys:
            sessions = self._server.broker.subscribers(scope, topic_filter)
            keeps = any(session.keeps for session in sessions)
            if topic_filter.startswith("$share/"):
                want = Want(sum(session.online for session in sessions), keeps)
            else:
                want = Want(int(bool(sessions)), keeps)
            if want != self._announced.get((scope, topic_filter), NOTHING) or (anew and want != NOTHING):
                found.append(Wanted(*scope, topic_filter, *want))
            if want == NOTHING:
                self._announced.pop((scope, topic_filter), None)
            else:
                self._announced[scope, topic_filter] = want
        return found

    def _announces(self, said: FiltersAnnounced) -> None:
        self.peers.hear(said)
        if said.server != self._relay.name:
            for each in said.filters:
                if each.online and each.filter.startswith("$share/"):
                    self._offer((each.account, each.region), each.filter, said.server)
        if said.number and said.server != self._relay.name:
            self._confirm(said.server, said.number, True)
        self.returned(said)

    def _tell_all(self) -> None:
        """Say everything that is wanted here; filters are many, so it takes some turns of the loop."""
        self._tell_again = True
        if self._telling is None:
            self._telling = self._loop.create_task(self._tell(), name="tidegate-filters")

    async def _tell(self) -> None:
        try:
            while self._tell_again:
                self._tell_again = False
                sessions = self._server.broker.every_session()
                self._relay.tell([self._announcing([], begins=True)])
                for start in range(0, len(sessions), _CHUNK):
                    part = sessions[start : start + _CHUNK]
                    keys = {(each.scope, name) for each in part for name in each.subscriptions if _carried_by(name)}
                    held = self._holding((each.scope, each.client_id) for each in part if each.keeps)
                    self._relay.tell([self._announcing(self._wanted(keys, anew=True), sessions=held)])
                    await asyncio.sleep(0)
                self._relay.tell([self._announcing([], ends=True)])
        finally:
            self._telling = None

    # -- when others come and go --

    def _missed(self) -> None:
        """Something may not have been heard, here or there."""
        self._relay.tell([FiltersAsked(self._relay.name)])
        self._asked()
        if self._reading is None:
            self._reading = self._loop.create_task(self._read(), name="tidegate-retained")

    def _asked(self) -> None:
        """Say once more what is wanted here, and what is not confirmed."""
        self._tell_all()
        for told in self._told.values():
            told.at = clock.monotonic()
        self._relay.tell([each.effect for each in self._told.values()])

    async def _read(self) -> None:
        """Find out which messages others have had retained meanwhile."""
        try:
            since = self._server.clock.now()
            self._server.broker.retained_since(await self._journal.retained_messages(), since)
        except StoreError as error:
            log.warning("retained messages could not be read: %s; they are when the store is heard again", error)
        finally:
            self._reading = None

    def _look(self) -> None:
        """See who is gone, and do not wait too long for who is slow."""
        self._timer = self._loop.call_later(_LOOK_S, self._look)
        present = self._relay.present
        if present is None:
            return
        deaf = [peer for peer in self.peers if peer.member not in present]
        for peer in deaf:
            if peer.left or not self._relay.lives(peer.name):
                self._gone(peer)
        listening = {peer.name for peer in self.peers if peer not in deaf}
        before = clock.monotonic() - _PATIENCE_S
        for number, told in list(self._told.items()):
            if told.at < before:
                for name in (told.waiting - told.keepers) & listening:
                    self._settle(name, number)

    def _gone(self, peer: Peer) -> None:
        now = clock.monotonic()
        self.peers.drop(peer, now)
        if now > self._relay.tuned_again_at + REUNION_S:  # else it may have lost its connections as we had, and be back
            for number, told in list(self._told.items()):
                if peer.name not in told.keepers:
                    self._settle(peer.name, number)
        self.gone(peer)

    def resume(self, peer: Peer, heirs: Sequence[Session]) -> None:
        """What one that is gone was told, and did not confirm, is for the heirs of its sessions: ours, or others'."""
        self.peers.forget(peer)
        now = self._server.clock.now()
        for number, told in list(self._told.items()):
            said = told.effect
            if peer.name not in told.waiting:
                continue
            if not isinstance(said, MessageCarried):
                self._settle(peer.name, number)
                continue
            scope, message = (said.account, said.region), publications.message(said.message)
            for session in heirs:
                if session.scope == scope:
                    session.hear(message, now)
            others = {other.name for other, keeps in self.peers.wanting(scope, message.topic).items() if keeps}
            told.waiting |= others
            self._relay.tell([said])
            if peer.name not in others:  # else it is back
                self._journal.when_written(partial(self._resumed, peer.name, number))

    def _resumed(self, name: str, number: int, written: bool) -> None:
        if written:
            self._settle(name, number)
        else:
            self._loop.call_later(1, self._journal.when_written, partial(self._resumed, name, number))


def _carried_by(topic_filter: str) -> bool:
    """Whether messages that clients publish may match a filter: of what is the service's, requests about shadows."""
    plain = topics.split_share(topic_filter)[1]
    return not plain.startswith("$aws/") or plain.rpartition("/")[2] in _REQUESTS
