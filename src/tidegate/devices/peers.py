"""What the other servers on a store want of the messages published here (ADR 30).

Each announces the filters of its clients and of the sessions that wait for theirs. Announcements and messages reach all
servers in one order, so that all agree to which of them a message for a shared subscription goes.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Message
from tidegate.mqtt.subscriptions import Index, Subscription
from tidegate.ops.effects import FiltersAnnounced

Key = tuple[Scope, str]
"""A scope and a filter."""

Client = tuple[Scope, str]
"""A scope and a client id."""


class Want(NamedTuple):
    """As in ``ops.effects.Wanted``."""

    online: int = 0
    keeps: bool = False


NOTHING = Want()


class Peer:
    """Another server. Stands in the index for those of its clients who have a filter."""

    online = keeps = True

    def __init__(self, name: str, member: int, node: int) -> None:
        self.name = name
        self.member = member
        self.node = node
        self.complete = False
        """Whether it has said everything it wants."""
        self.left = False
        """Whether it said that it ends."""
        self.since = 0.0
        """Of one that is gone: when that was noticed, in seconds."""
        self.wants: dict[Key, tuple[Want, Subscription[Peer]]] = {}
        self.sessions: dict[Client, bool] = {}
        """The persistent sessions it has, and whether their clients are connected."""

    def may_receive(self, topic: str) -> bool:
        """Its own server asks its policies."""
        return True


class Peers:
    """Those who have said what they want."""

    def __init__(self, name: str) -> None:
        """``name`` is this server's."""
        self._name = name
        self._known: dict[str, Peer] = {}
        self.ghosts: dict[int, Peer] = {}
        """Servers that are gone, by their nodes: nobody has taken over yet what waits in their sessions."""
        self._indexes: dict[Scope, Index[Peer]] = {}
        self._shares: dict[Key, dict[str, Want]] = {}
        """Who wants a shared subscription, this server included."""

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._known.values())

    def __bool__(self) -> bool:
        """Whether there is anybody, if only one that is gone."""
        return bool(self._known or self.ghosts)

    def get(self, name: str) -> Peer | None:
        return self._known.get(name)

    def known(self, members: Collection[int] | None) -> bool:
        """Whether all of these members of the channel have said what they want."""
        if members is None:
            return False
        complete = {peer.member for peer in self._known.values() if peer.complete}
        return len(complete) == len(self._known) and complete.issuperset(members)

    def hear(self, said: FiltersAnnounced) -> Peer:
        """Take in what a server announces, this one included, whose shared subscriptions are of interest."""
        peer = self._known.get(said.server)
        if peer is None and said.server != self._name:
            peer = self._known[said.server] = Peer(said.server, said.member, said.node)
        if peer is not None:
            peer.member, peer.left = said.member, said.leaves
            if said.begins:
                self._clear(peer)
            for one in said.sessions:
                client = (one.account, one.region), one.client_id
                if one.held:
                    peer.sessions[client] = one.online
                else:
                    peer.sessions.pop(client, None)
            peer.complete = said.ends or (peer.complete and not said.begins)
        for each in said.filters:
            key = (each.account, each.region), each.filter
            want = Want(each.online, each.keeps)
            if peer is not None:
                self._want(peer, key, want)
            if each.filter.startswith("$share/"):
                self._share(said.server, key, want)
        return peer or Peer(said.server, said.member, said.node)

    def drop(self, peer: Peer, at: float) -> None:
        """A server is gone. What its sessions keep is wanted until somebody has taken them over."""
        del self._known[peer.name]
        peer.since = at
        former = self.ghosts.pop(peer.node, None)
        if former is not None:
            self.forget(former)
        self.ghosts[peer.node] = peer
        for key, (want, _) in list(peer.wants.items()):
            self._want(peer, key, Want(0, True) if want.keeps else NOTHING)
            if key in self._shares:
                self._share(peer.name, key, NOTHING)

    def forget(self, peer: Peer) -> None:
        """The sessions of one that is gone are another's."""
        self.ghosts.pop(peer.node, None)
        self._clear(peer)

    def having(self, client: Client) -> Peer | None:
        """The server that has the persistent session of a client, or had it and is gone."""
        every = (*self._known.values(), *self.ghosts.values())
        return next((peer for peer in every if client in peer.sessions), None)

    def _clear(self, peer: Peer) -> None:
        peer.sessions.clear()
        for key in list(peer.wants):
            self._want(peer, key, NOTHING)
            if key in self._shares:
                self._share(peer.name, key, NOTHING)

    def _want(self, peer: Peer, key: Key, want: Want) -> None:
        scope, topic_filter = key
        index = self._indexes.setdefault(scope, Index())
        former = peer.wants.pop(key, None)
        if former is not None:
            index.remove(former[1])
        if want != NOTHING:
            subscription = Subscription(peer, topic_filter, int(want.keeps))
            peer.wants[key] = want, subscription
            index.add(subscription)

    def _share(self, name: str, key: Key, want: Want) -> None:
        wants = self._shares.setdefault(key, {})
        wants.pop(name, None)
        if want != NOTHING:
            wants[name] = want
        if not wants:
            del self._shares[key]

    def wanting(self, scope: Scope, topic: str) -> dict[Peer, bool]:
        """Who wants a message on a topic, and whether for a session that keeps it."""
        index = self._indexes.get(scope)
        if index is None:
            return {}
        found, groups = index.match(topic)
        wanting = {each.session: bool(each.qos) for each in found}
        for group in groups:
            for peer, subscription in group.members.items():
                wanting[peer] = wanting.get(peer, False) or bool(subscription.qos)
        return wanting

    def share(self, scope: Scope, topic_filter: str) -> bool:
        """Whether others have members of a shared subscription."""
        return any(name != self._name for name in self._shares.get((scope, topic_filter), ()))

    def turn(self, scope: Scope, topic_filter: str, message: Message, passed: Collection[str] = ()) -> str:
        """The server that a message to a shared subscription is for; empty if nobody wants it.

        By the number of members that are connected; if none is, one of those that keep messages. Every server that has
        heard the same comes to the same answer.
        """
        wants = self._shares.get((scope, topic_filter), {})
        able = sorted((name, want) for name, want in wants.items() if name not in passed)
        online = [(name, want.online) for name, want in able if want.online]
        places = online or [(name, 1) for name, want in able if want.keeps and message.qos]
        if not places:
            return ""
        turn = zlib.crc32(message.payload, zlib.crc32(message.topic.encode())) % sum(count for _, count in places)
        for name, count in places:
            if turn < count:
                return name
            turn -= count
        raise AssertionError("the turn is below the sum")
