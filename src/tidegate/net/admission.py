"""One admission for all listeners of a process: who gets in, who waits, who has to go when room is short.

A connection is **silent** from its acceptance until its client has said something: over TLS a whole first record, which
is its ClientHello. Until then it is a bare socket and costs a descriptor. Then it is **handshaking** and takes a
*place* until its holder is known: through the TLS handshake, until CONNECT was accepted or the socket is gone. Whoever
is known to HTTP and goes over to MQTT unsigned is a stranger again until then (``Ticket.place``). There
are ``max_handshakes`` places, ``max_handshakes_per_address`` of them for one address; who finds none **waits**, a bare
socket, and the last who came is the next to begin, because those who have waited long have often given up. Whoever is
**known** counts no more, so a whole fleet behind one address is welcome. An MQTT client is known in its account's turn:
those who come never outrun those who are in.

Room is short when the descriptors for sockets are used up (``room.Room``). Then has to go, in this order: the oldest
bare socket of the address that has most of them, so that the newcomer gets in; an idle HTTP connection; the oldest
handshake of the address that has most. Who is known and at work stays, and then it is the newcomer who is sent away.
The last few descriptors are for operators' listeners.

Known clients that stay are shared out by account: one more of an account comes in while that has less than seven times
what all accounts together have left. So one alone takes 7/8 of the room, several that want everything take equal parts,
and there is always some left for the next account. Nobody who is in is sent away for others: who has too much shrinks
as its clients come and go.

Places that others wait for are not held for long: whoever has had one for ``contested_s`` goes. If that was not its
fault, because it had said who it is, the handshake was made in vain: its address gets half as many places from then on,
and more again one by one as handshakes come to an end, or all when nobody waits.
"""

from __future__ import annotations

import asyncio
import collections
import socket
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple, Protocol, cast

from tidegate.net import room
from tidegate.net.addresses import owner
from tidegate.net.fairness import FairScheduler
from tidegate.net.ledger import Ledger, Seen
from tidegate.net.room import Room
from tidegate.net.unfinished import Holding, Unfinished

_SHED = 32
"""Idle connections closed at once when room is short."""
_TICK_S = 1.0
_FEWEST: Final = 8
"""Places that an address has at least."""
_SHARE: Final = 7
"""How many times what is left an account may have."""
_ONCE: Final = 2
"""An even value acknowledges what there is; an odd one also what comes until we write again, a packet for each."""
SILENT, WAITING, HANDSHAKING, KNOWN, GONE = "silent", "waiting", "handshaking", "known", "gone"


class Limits(NamedTuple):
    """Who is let in. Durations in seconds."""

    max_handshakes: int = 1024
    """Connections dealt with at once before it is known who they are."""
    max_handshakes_per_address: int = 128
    """The same for one address; an IPv6 address stands for its /64."""
    bare: int = 8192
    """Bare sockets, silent or waiting; then the oldest of the address with most of them goes."""
    per_address: int = 0
    """Connections of one address, known or not; further ones are refused. 0: a gateway has many behind one."""
    silence_s: float = 20.0
    """How long a client may say nothing while there is room."""
    grace_s: float = 2.0
    """Nobody who is handshaking is sent away for others before this time has passed."""
    contested_s: float = 5.0
    """How long a handshake keeps a place that others wait for."""
    handshake_s: float = 20.0
    unfinished: int = 32 * 1024 * 1024
    """Bytes of requests that have not arrived whole, all together."""
    room: Room | None = None
    """Sockets; None: as many as the limit of open files allows."""


LIMITS: Final = Limits()


class Way(Protocol):
    """A listener, as admission sees it."""

    name: str
    operators: bool
    """Whether it may use the last descriptors."""
    weight: int
    """Descriptors that a connection takes."""
    placed: bool
    """Whether its handshakes take places."""

    def begin(self, ticket: Ticket) -> None:
        """Begin a handshake."""
        ...


class Ticket:
    """A connection, from its acceptance until it is gone."""

    __slots__ = (
        "_admission",
        "address",
        "drop",
        "entered",
        "key",
        "party",
        "placed",
        "ready",
        "since",
        "socket",
        "state",
        "way",
    )

    def __init__(self, admission: Admission, way: Way, address: str, since: float, drop: Callable[[], object]) -> None:
        self._admission = admission
        self.way = way
        self.address = address
        """The client's; behind a trusted balancer what that one says."""
        self.key = owner(address)
        self.party: Hashable = None
        """Whose turns of the loop its client takes: an account, once that is known."""
        self.entered: str | None = None
        """The account of whose clients that stay it counts as one."""
        self.ready = False
        """Whether its client has said who it is, so that it waits for us."""
        self.since = since
        self.state = SILENT
        self.placed: Callable[[], object] | None = None
        """Called when a stranger that is through TLS gets its place, or is gone."""
        self.drop = drop
        """Closes the socket at once, whoever has it."""
        self.socket: socket.socket | None = None
        """What stands below the transport, once there is one."""

    def release(self) -> None:
        """The holder is known: make room for the next handshake. Further calls do nothing."""
        if self.state is HANDSHAKING:
            self._admission.known(self)

    async def place(self) -> None:
        """Count a client through TLS as a stranger again until it is known, and wait for a place, or its end."""
        if self.state is GONE:
            return
        came = asyncio.Event()
        self.placed = came.set
        self._admission.doubt(self)
        await came.wait()

    def may_enter(self, party: str) -> bool:
        """Whether one more of an account's clients can stay; if not the holder is to refuse it."""
        if self._admission.has_share(party):
            return True
        self._admission.ledger.refused(self.way.name, "account", f"account {party}")
        return False

    def enter(self, party: str) -> None:
        """The holder is known and stays, as one of an account's."""
        self.party = party
        self._admission.enter(self, party)
        self.release()

    def opened(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there: it can be sent away through its transport."""
        if self.state is not GONE:
            self.drop = cast("asyncio.Transport", transport).abort

    @property
    def whose(self) -> Hashable:
        """The party that its turns of the loop are taken from: the account, else the address."""
        return self.key if self.party is None else self.party

    def admits(self) -> bool:
        """Whether the client may do something at once; if not it is to wait for its ``turn``."""
        return self._admission.scheduler.admits(self.key if self.party is None else self.party)

    def soon(self, act: Callable[[], object]) -> None:
        """Do something for the client when its turn comes."""
        self._admission.scheduler.soon(self.whose, act)

    async def turn(self) -> None:
        """Wait until the client may do something."""
        came = asyncio.Event()
        self._admission.scheduler.wait(self.whose, came.set)
        await came.wait()

    def confirm(self) -> None:
        """Have the kernel acknowledge what was read, because no answer of ours will take the acknowledgement along.

        It would wait 40 ms for one, and so long a client that leaves Nagle's algorithm on keeps its next packet back.
        """
        if self.socket is not None:
            try:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, _ONCE)
            except OSError:
                self.socket = None  # it is closed

    def holding(self, let_go: Callable[[], None]) -> Holding:
        """Count what the connection holds back of its requests; ``let_go`` is called when that is too much."""

        def too_much() -> None:
            self._admission.ledger.refused(self.way.name, "bytes", self.address)
            let_go()

        return Holding(self._admission.unfinished, self.key, too_much)

    def send_away(self, reason: str) -> None:
        """Write down why the socket is being closed, a key of ``ledger.WHY``; its room is free from now on."""
        if self.state is not GONE:
            self._admission.ledger.refused(self.way.name, reason, self.address)
            self._admission.gone(self)

    def gone(self) -> None:
        """The socket is gone. Further calls do nothing."""
        if self.state is not GONE:
            self._admission.gone(self)


Shed = Callable[[int], int]
"""Closes up to so many connections that rest, those that have rested longest first; returns how many."""


class Admission:
    """Every connection of this process. Made and used on one event loop."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.room = limits.room or room.room(room.limit())
        self.ledger = Ledger()
        self.scheduler = FairScheduler(asyncio.get_running_loop())
        self.unfinished = Unfinished(limits.unfinished)
        self.sheds: list[Shed] = []
        self._loop = asyncio.get_running_loop()
        self._taken = 0  # descriptors
        self._addresses: collections.Counter[str] = collections.Counter()
        self._entered: collections.Counter[str] = collections.Counter()  # descriptors of known clients that stay
        self._entered_count = 0
        # By address, the oldest first.
        self._bare: dict[str, dict[Ticket, None]] = {}
        self._bare_count = 0
        self._waiting: dict[str, list[Ticket]] = {}
        self._handshaking: dict[str, dict[Ticket, None]] = {}
        self._places = 0
        self._fewer: dict[str, float] = {}  # places of an address whose handshakes were made in vain
        self._ways = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    # -- listeners --

    def opened(self) -> None:
        """A listener is there."""
        self._ways += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def closed(self, way: Way) -> None:
        """A listener is no more: who is still outside is sent away."""
        for ticket in [each for bare in self._bare.values() for each in bare if each.way is way]:
            self._drop(ticket)
        self._ways -= 1
        if not self._ways and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- connections --

    def admit(self, way: Way, address: str, drop: Callable[[], object]) -> Ticket | None:
        """Count an accepted socket; None if it cannot stay."""
        ticket = Ticket(self, way, address, self._loop.time(), drop)
        if not self._has_room(way):
            self.ledger.refused(way.name, "full", address)
            return None
        self._taken += way.weight
        self._addresses[ticket.key] += 1
        self._keep_bare(ticket)
        if not self.allows(ticket):
            return None
        if self._bare_count > self.limits.bare:
            self._drop_bare()
        return None if ticket.state is GONE else ticket

    def renamed(self, ticket: Ticket, address: str) -> bool:
        """A balancer says whose the connection is; whether it can stay."""
        self._leave(ticket)
        self._addresses[ticket.key] -= 1
        ticket.address, ticket.key = address, owner(address)
        self._addresses[ticket.key] += 1
        self._keep_bare(ticket)
        return self.allows(ticket)

    def allows(self, ticket: Ticket) -> bool:
        """Whether the address has not too many; one too many is gone then."""
        if 0 < self.limits.per_address < self._addresses[ticket.key]:
            self.ledger.refused(ticket.way.name, "address", ticket.address)
            ticket.gone()
            return False
        return True

    def spoke(self, ticket: Ticket) -> None:
        """A silent client has said something: it begins, or waits for a place."""
        if not ticket.way.placed:
            self._leave(ticket)
            ticket.state = KNOWN
            ticket.way.begin(ticket)
        else:
            self._queue(ticket)

    def doubt(self, ticket: Ticket) -> None:
        """Whoever was known is a stranger again, who begins, or waits for a place."""
        self._leave(ticket)
        ticket.state, ticket.since = SILENT, self._loop.time()
        self._keep_bare(ticket)
        self._queue(ticket)

    def _queue(self, ticket: Ticket) -> None:
        if self._has_place(ticket.key):
            self._begin(ticket)
        else:
            ticket.state = WAITING
            self._waiting.setdefault(ticket.key, []).append(ticket)

    def known(self, ticket: Ticket) -> None:
        """Whoever was handshaking became known."""
        self._leave(ticket)
        ticket.state = KNOWN
        fewer = self._fewer.get(ticket.key)
        if fewer is not None:
            self._fewer[ticket.key] = min(self.limits.max_handshakes_per_address, fewer + 1 / fewer)
        self._next(ticket.key)

    def gone(self, ticket: Ticket) -> None:
        """A connection is gone."""
        handshaking = ticket.state is HANDSHAKING
        self._leave(ticket)
        ticket.state = GONE
        ticket.drop, ticket.socket = _nothing, None  # which lets go of the transport
        if ticket.placed is not None:
            ticket.placed()
        self._taken -= ticket.way.weight
        self._addresses[ticket.key] -= 1
        if not self._addresses[ticket.key]:
            del self._addresses[ticket.key]
        if ticket.entered is not None:
            self._count_entered(ticket.entered, -ticket.way.weight)
        if handshaking:
            self._next(ticket.key)

    def has_share(self, party: str) -> bool:
        """Whether an account has room for one more client that stays."""
        left = self.room.sockets - self.room.operators - self._entered_count
        return self._entered[party] < _SHARE * left

    def enter(self, ticket: Ticket, party: str) -> None:
        """A known client stays, as one of an account's."""
        if ticket.state is not GONE and ticket.entered is None:
            ticket.entered = party
            self._count_entered(party, ticket.way.weight)

    def _count_entered(self, party: str, more: int) -> None:
        self._entered_count += more
        self._entered[party] += more
        if not self._entered[party]:
            del self._entered[party]

    def make_room(self) -> bool:
        """Send somebody away for those who come; False if all are at work."""
        if self._drop_bare():
            return True
        if any(shed(_SHED) for shed in self.sheds):
            return True
        return self._drop_handshaking()

    def seen(self) -> Seen:
        """What happened here, for the metrics."""
        waiting = sum(map(len, self._waiting.values()))
        return self.ledger.seen({SILENT: self._bare_count - waiting, WAITING: waiting, HANDSHAKING: self._places})

    @property
    def is_full(self) -> bool:
        """Whether one who comes takes the place of another."""
        return self._taken >= self.room.sockets - self.room.operators

    @property
    def taken(self) -> int:
        """Descriptors that connections have."""
        return self._taken

    # -- places --

    def _has_place(self, key: str) -> bool:
        own = self._handshaking.get(key)
        return self._places < self.limits.max_handshakes and (own is None or len(own) < self._places_of(key))

    def _places_of(self, key: str) -> int:
        return int(self._fewer.get(key, self.limits.max_handshakes_per_address))

    def _begin(self, ticket: Ticket) -> None:
        self._leave(ticket)
        ticket.state, ticket.since = HANDSHAKING, self._loop.time()
        self._handshaking.setdefault(ticket.key, {})[ticket] = None
        self._places += 1
        ticket.way.begin(ticket) if ticket.placed is None else ticket.placed()

    def _next(self, key: str) -> None:
        """A place is free: of the same address the one who came last, or of any that may have one."""
        for each in (key, *self._waiting) if self._waiting else ():
            queue = self._waiting.get(each)
            if queue and self._has_place(each):
                self._begin(queue[-1])
                if each in self._waiting:  # the others are before it next time
                    self._waiting[each] = self._waiting.pop(each)
                return

    # -- room --

    def _has_room(self, way: Way) -> bool:
        limit = self.room.sockets - (0 if way.operators else self.room.operators)
        return self._taken + way.weight <= limit or self.make_room()

    def _drop_bare(self) -> bool:
        return self._drop_oldest(self._bare, 0.0)

    def _drop_handshaking(self) -> bool:
        return self._drop_oldest(self._handshaking, self.limits.grace_s)

    def _drop_oldest(self, held: dict[str, dict[Ticket, None]], age: float) -> bool:
        """Send away the oldest of the address that has most."""
        if not held:
            return False
        ticket = next(iter(held[max(held, key=lambda key: len(held[key]))]))
        if ticket.since + age > self._loop.time():
            return False
        self.ledger.refused(ticket.way.name, ticket.state, ticket.address)
        self._drop(ticket)
        return True

    def _drop(self, ticket: Ticket) -> None:
        ticket.drop()
        ticket.gone()

    # -- lists --

    def _keep_bare(self, ticket: Ticket) -> None:
        self._bare.setdefault(ticket.key, {})[ticket] = None
        self._bare_count += 1

    def _leave(self, ticket: Ticket) -> None:
        """Take a ticket off the list of its state."""
        if ticket.state is HANDSHAKING:
            self._places -= 1
            _strike(self._handshaking, ticket)
        elif ticket.state is SILENT or ticket.state is WAITING:
            self._bare_count -= 1
            _strike(self._bare, ticket)
            if ticket.state is WAITING:
                queue = self._waiting[ticket.key]
                queue.remove(ticket) if queue[-1] is not ticket else queue.pop()
                if not queue:
                    del self._waiting[ticket.key]

    # -- once a second --

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        self.sweep()
        self._ticks += 1
        if self._ticks % 60 == 0:
            self.ledger.tell()

    def sweep(self) -> None:
        """Send away who was silent for too long, and who keeps places that others wait for."""
        now = self._loop.time()
        for held in list(self._bare.values()):
            self._drop_older(held, now - self.limits.silence_s)
        for key in [each for each in self._fewer if each not in self._waiting]:
            del self._fewer[key]
        if self._waiting:
            full = self._places >= self.limits.max_handshakes
            for key in list(self._handshaking) if full else list(self._waiting):
                in_vain = self._drop_older(self._handshaking.get(key, {}), now - self.limits.contested_s)
                if in_vain:
                    self._fewer[key] = max(min(_FEWEST, self._places_of(key)), self._places_of(key) // 2)

    def _drop_older(self, held: dict[Ticket, None], since: float) -> int:
        """Send away who came before an instant; how many of them waited for us."""
        late = []
        for ticket in held:
            if ticket.since > since:
                break
            late.append(ticket)
        for ticket in late:
            self.ledger.refused(ticket.way.name, ticket.state, ticket.address)
            self._drop(ticket)
        return sum(ticket.ready for ticket in late)


def _nothing() -> None:
    """The socket is closed."""


def _strike(held: dict[str, dict[Ticket, None]], ticket: Ticket) -> None:
    own = held[ticket.key]
    del own[ticket]
    if not own:
        del held[ticket.key]
