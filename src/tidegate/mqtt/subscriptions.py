"""Who wants which topic: a dictionary for exact filters, a trie for wildcards, groups for ``$share``.

Most devices subscribe to exact topics nobody else wants, so a lone subscriber is stored bare and costs no dictionary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Generic, Protocol, TypeVar

from tidegate.mqtt import topics

QOS = 0b011
NO_LOCAL = 0b100
RETAIN_AS_PUBLISHED = 0b1000


class Subscriber(Protocol):
    """What the index needs to know of a session."""

    @property
    def online(self) -> bool:
        """Whether a connection serves it at present."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether QoS 1 messages are kept for it while it is offline."""
        ...

    def may_receive(self, topic: str) -> bool:
        """Whether a message on this topic may be sent to it now; never while it is offline."""
        ...


S = TypeVar("S", bound=Subscriber)


class Subscription(Generic[S]):
    """One filter of one session. ``options`` is the MQTT 5 options byte: QoS, No Local, Retain As Published."""

    __slots__ = ("filter", "options", "session")

    def __init__(self, session: S, filter: str, options: int) -> None:  # noqa: A002 - MQTT's own word
        self.session = session
        self.filter = filter
        self.options = options

    @property
    def qos(self) -> int:
        """The granted QoS."""
        return self.options & QOS


class Group(Generic[S]):
    """The members of one shared subscription; each message goes to one of them, in turn (device reference 2.3)."""

    __slots__ = ("_turn", "members")

    def __init__(self) -> None:
        self.members: dict[S, Subscription[S]] = {}
        self._turn = 0

    @property
    def filter(self) -> str:
        """The whole filter, share and all; of a group that has members."""
        return next(iter(self.members.values())).filter

    @property
    def online(self) -> bool:
        """Whether anybody is there."""
        return any(member.online for member in self.members)

    def pick(self, topic: str, qos: int) -> Subscription[S] | None:
        """The next member that is there and may receive it; else, for QoS 1, the next that is away and whose session
        keeps messages; else None.
        """
        members = list(self.members.values())
        self._turn = (self._turn + 1) % max(1, len(members))
        members = members[self._turn :] + members[: self._turn]
        for member in members:
            if member.session.may_receive(topic):
                return member
        for member in members:
            if not member.session.online and member.session.keeps and qos and member.qos:
                return member
        return None


class _Cell(Generic[S]):
    """Everyone at one filter."""

    __slots__ = ("groups", "sessions")

    def __init__(self) -> None:
        self.sessions: dict[S, Subscription[S]] = {}
        self.groups: dict[str, Group[S]] = {}

    @property
    def empty(self) -> bool:
        return not self.sessions and not self.groups


class _Node(Generic[S]):
    """One level of the trie; ``here`` serves filters that end at this level."""

    __slots__ = ("children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node[S]] = {}
        self.here: _Cell[S] | None = None


class Index(Generic[S]):
    """All subscriptions of one scope."""

    __slots__ = ("_exact", "_root", "_wildcards")

    def __init__(self) -> None:
        self._exact: dict[str, Subscription[S] | _Cell[S]] = {}
        self._root: _Node[S] = _Node()
        self._wildcards = 0

    def add(self, subscription: Subscription[S]) -> None:
        """Insert a subscription that is not in the index."""
        share, plain = topics.split_share(subscription.filter)
        if topics.is_wildcard(plain):
            self._wildcards += 1
            _place(self._wildcard_cell(plain), share, subscription)
        elif share is None and plain not in self._exact:
            self._exact[plain] = subscription
        else:
            _place(self._exact_cell(plain), share, subscription)

    def remove(self, subscription: Subscription[S]) -> None:
        """Take out a subscription that is in the index."""
        share, plain = topics.split_share(subscription.filter)
        if topics.is_wildcard(plain):
            self._wildcards -= 1
            self._prune(plain, share, subscription)
            return
        found = self._exact[plain]
        if found is subscription:
            del self._exact[plain]
        elif isinstance(found, _Cell):
            _displace(found, share, subscription)
            if found.empty:
                del self._exact[plain]

    def match(self, topic: str, origin: S | None = None) -> tuple[list[Subscription[S]], list[Group[S]]]:
        """Who gets a message: one subscription per session, that with the highest QoS, and the shared groups.

        ``origin`` is the session it comes from: its subscriptions with No Local do not count [MQTT-3.8.3-3].
        """
        found = self._exact.get(topic)
        if isinstance(found, Subscription) and origin is not None and not _wants(found, origin):
            found = None
        if not self._wildcards:
            if found is None:
                return [], []
            if isinstance(found, Subscription):
                return [found], []
        cells = list(self._matching(topic)) if self._wildcards else []
        best: dict[S, Subscription[S]] = {}
        if isinstance(found, Subscription):
            best[found.session] = found
        elif found is not None:
            cells.append(found)
        groups: list[Group[S]] = []
        for cell in cells:
            groups.extend(cell.groups.values())
            _keep_best(best, cell, origin)
        return list(best.values()), groups

    def group(self, topic_filter: str) -> Group[S] | None:
        """The members of a shared subscription, given by its whole filter; None if it is none or has none."""
        share, plain = topics.split_share(topic_filter)
        cell = None if share is None else self._cell(plain)
        return cell.groups.get(share or "") if isinstance(cell, _Cell) else None

    def subscribers(self, topic_filter: str) -> Collection[S]:
        """Who subscribes to exactly this filter, given with its share."""
        share, plain = topics.split_share(topic_filter)
        cell = self._cell(plain)
        if cell is None or isinstance(cell, Subscription):
            return () if cell is None or share is not None else (cell.session,)
        if share is None:
            return cell.sessions
        return cell.groups[share].members if share in cell.groups else ()

    def _cell(self, plain: str) -> Subscription[S] | _Cell[S] | None:
        if not topics.is_wildcard(plain):
            return self._exact.get(plain)
        node: _Node[S] | None = self._root
        for level in plain.split("/"):
            node = node.children.get(level) if node is not None else None
        return None if node is None else node.here

    def wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to this topic."""
        return topic in self._exact or (self._wildcards > 0 and next(self._matching(topic), None) is not None)

    def _exact_cell(self, plain: str) -> _Cell[S]:
        found = self._exact.get(plain)
        if isinstance(found, _Cell):
            return found
        cell: _Cell[S] = _Cell()
        if found is not None:
            cell.sessions[found.session] = found
        self._exact[plain] = cell
        return cell

    def _wildcard_cell(self, plain: str) -> _Cell[S]:
        node = self._root
        for level in plain.split("/"):
            node = node.children.setdefault(level, _Node())
        if node.here is None:
            node.here = _Cell()
        return node.here

    def _prune(self, plain: str, share: str | None, subscription: Subscription[S]) -> None:
        """Remove from the trie and drop the branches this leaves bare."""
        path = [self._root]
        levels = plain.split("/")
        for level in levels:
            path.append(path[-1].children[level])
        cell = path[-1].here
        assert cell is not None
        _displace(cell, share, subscription)
        if cell.empty:
            path[-1].here = None
        while levels and path[-1].here is None and not path[-1].children:
            path.pop()
            del path[-1].children[levels.pop()]

    def _matching(self, topic: str) -> Iterator[_Cell[S]]:
        levels = topic.split("/")
        if topic.startswith("$"):  # a leading wildcard does not match these [MQTT-4.7.2-1]
            child = self._root.children.get(levels[0])
            return iter(()) if child is None else _walk(child, levels, 1)
        return _walk(self._root, levels, 0)


def _walk(node: _Node[S], levels: list[str], depth: int) -> Iterator[_Cell[S]]:
    if depth == len(levels):
        if node.here is not None:
            yield node.here
        return  # `a/#` does not match `a` on AWS: no look at a `#` below
    children = node.children
    rest = children.get("#")
    if rest is not None and rest.here is not None:
        yield rest.here
    for level in (levels[depth], "+"):
        child = children.get(level)
        if child is not None:
            yield from _walk(child, levels, depth + 1)


def _place(cell: _Cell[S], share: str | None, subscription: Subscription[S]) -> None:
    if share is None:
        cell.sessions[subscription.session] = subscription
    else:
        cell.groups.setdefault(share, Group()).members[subscription.session] = subscription


def _displace(cell: _Cell[S], share: str | None, subscription: Subscription[S]) -> None:
    if share is None:
        del cell.sessions[subscription.session]
        return
    group = cell.groups[share]
    del group.members[subscription.session]
    if not group.members:
        del cell.groups[share]


def _wants(subscription: Subscription[S], origin: S | None) -> bool:
    return subscription.session is not origin or not subscription.options & NO_LOCAL


def _keep_best(best: dict[S, Subscription[S]], cell: _Cell[S], origin: S | None) -> None:
    for session, subscription in cell.sessions.items():
        if not _wants(subscription, origin):
            continue
        held = best.get(session)
        if held is None or held.qos < subscription.qos:
            best[session] = subscription
