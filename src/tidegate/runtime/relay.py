"""Tells the other servers on a store what was committed here, and edges here what was committed there (ADR 26).

Effects go out right after the commit, many together, in transactions that hold nothing else: a NOTIFY inside a work's
own transaction would make all commits wait for each other. What may thereby be lost a look at everything makes good:

* A server that dies may not have told what it had just committed: the others see it gone, and look.
* A server that hears again after its connection broke looks, and so does one that has just joined.
* A server that could not speak for a while says so when it can, and the others look.

To look is the effect ``Missed``. Who is alone on a store says nothing.

``EngineDue`` and ``RegistrationDue`` stay at home: the engine there is awake, and two that wake for one job would only
wait for each other. Each comes by anyway. So does ``RowsHeld``, which is about the engine's own step.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from tidegate.clock import monotonic
from tidegate.ops import effects
from tidegate.runtime.unit import Unit
from tidegate.store.database import StoreUnavailable

log = logging.getLogger("tidegate.relay")

_GATHER_S = 0.005
"""Between two transactions; what comes meanwhile goes out together. Messages of clients and what is said about them do
not wait for it: they are gathered while the transaction before them is under way.
"""
_LOOK_S = 1.0
_RETRY_S = 1.0
_READY_S = 10.0
_HEADER = 64


class Channel(Protocol):
    """What carries texts between servers (``store.channel``), on the event loop."""

    def listen(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None: ...

    async def send(self, texts: Sequence[str]) -> None: ...

    async def members(self) -> frozenset[int]: ...

    async def speakers(self) -> frozenset[int]: ...

    def renew(self) -> None: ...

    async def close(self) -> None: ...


class Joined(NamedTuple):
    """The sender listens from now on, as this member of the channel."""

    member: int


class Welcome(NamedTuple):
    """From now on the sender tells this server what it commits; what it did before may not have been told."""

    name: str


class Left(NamedTuple):
    """A member is gone that had told everything."""

    member: int


class Lost(NamedTuple):
    """The sender could not tell something."""


_RELAYED: tuple[type, ...] = (
    effects.PendingChanged,
    effects.ExecutionsQueued,
    effects.JobShown,
    effects.EventsWritten,
    effects.ShadowMessages,
    effects.ThingNamed,
    effects.PrincipalChanged,
    effects.PoliciesChanged,
    effects.CertificateTrusted,
    effects.TrustWithdrawn,
    effects.OperatorsChanged,
    effects.ClientConnected,
    effects.PresenceEvent,
    effects.MessageCarried,
    effects.MessagesHeard,
    effects.FiltersAsked,
    effects.FiltersAnnounced,
    effects.RequestsCounted,
    effects.SessionSought,
    effects.SessionOffered,
    effects.SessionTaken,
    effects.SessionLeft,
    effects.ClientSought,
    effects.ClientAnswered,
    effects.StoreEmptied,
)
_URGENT: frozenset[type] = frozenset(
    {
        effects.MessageCarried,
        effects.MessagesHeard,
        effects.FiltersAnnounced,
        effects.SessionSought,
        effects.SessionOffered,
        effects.SessionTaken,
        effects.SessionLeft,
    }
)
_ECHOED: frozenset[type] = frozenset({effects.MessageCarried, effects.FiltersAnnounced, effects.SessionTaken})
"""Told to edges here, too, when it has its place among what all servers hear, in one order for all."""
_KINDS: dict[str, type] = {kind.__name__: kind for kind in (*_RELAYED, Joined, Welcome, Left, Lost)}
_MESSAGE: msgspec.json.Decoder[list[tuple[str, msgspec.Raw]]] = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])


class Relay:
    """One server's part. Lives on the event loop of its unit."""

    def __init__(self, unit: Unit, channel: Channel, name: str, *, limit: int) -> None:
        """``name`` is this server's and nobody else's; ``limit`` is how many bytes a text of the channel holds."""
        self._unit = unit
        self._channel = channel
        self.name = name
        self._limit = limit - _HEADER
        self._loop = asyncio.get_running_loop()
        self._batch: list[Any] = []
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._echoes: deque[list[Any]] = deque()
        """Of each message that is under way, what is to come back."""
        self._ready = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._silenced = False
        """Something was not told: until ``Lost`` is on its way there is no use in telling more."""
        self._troubled = False
        self._looked = monotonic()
        self._member = 0
        self._members: frozenset[int] = frozenset()
        self._departed: frozenset[int] = frozenset()
        self._alone = False
        self._acquainted = False
        self._speakers: frozenset[int] = frozenset()
        self.tuned_again_at = 0.0
        """When its connection last broke, in seconds; those of others may have, too."""
        self._changes = 0
        self._pieces: dict[str, list[str]] = {}

    async def start(self) -> None:
        """Begin to speak and to listen; returns when everything that is sent from then on will be heard."""
        self._unit.subscribe(self.tell, own=True)
        self._task = self._loop.create_task(self._run(), name="tidegate-relay")
        self._channel.listen(self._hear, self._tuned)
        try:
            await asyncio.wait_for(self._ready.wait(), _READY_S)
        except TimeoutError:
            log.error("nothing can be heard of other servers on the store yet; tried again")

    async def stop(self) -> None:
        """Tell what there is to tell, and go."""
        self._stopping = True
        if self._task is not None:
            self._say(Left(self._member))
            await self._task
            await self._channel.close()

    @property
    def alone(self) -> bool:
        """Whether there is nobody to tell anything."""
        return self._alone

    @property
    def member(self) -> int:
        """What this server is as a member of the channel; changes when its connection breaks."""
        return self._member

    @property
    def present(self) -> frozenset[int] | None:
        """The other members of the channel, as far as is known; None if nobody has looked yet."""
        return self._members - {self._member} if self._acquainted else None

    def lives(self, name: str) -> bool:
        """Whether a server was seen to have a connection on which it speaks, even if it hears nothing just now."""
        return zlib.crc32(name.encode()) & 0x7FFFFFFF in self._speakers

    @property
    def others(self) -> int:
        """How many other servers are on the store, as far as is known."""
        return len(self._members - {self._member})

    def tell(self, happened: Iterable[Any]) -> None:
        """Tell the other servers what happened here. Does not wait for anything."""
        if not (self._alone or self._silenced):
            self._batch += [each for each in happened if isinstance(each, _RELAYED)]
            if self._batch:
                self._wake.set()
                if not _URGENT.isdisjoint(map(type, self._batch)):
                    self._hurry.set()

    # -- speaking --

    def _say(self, *controls: Any) -> None:
        self._batch += controls
        self._wake.set()

    async def _run(self) -> None:
        while not (self._stopping and not self._batch):
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            try:
                await self._speak()
                if monotonic() - self._looked >= _LOOK_S:
                    await self._look()
            except Exception as error:  # noqa: BLE001 - whatever it was, the others must hear of it and of what follows
                if self._stopping:
                    return
                self._failed(error)
                await asyncio.sleep(_RETRY_S)
            await self._gather()

    async def _gather(self) -> None:
        """Let more come together, unless there is something that is not to wait."""
        try:
            async with asyncio.timeout(0 if self._stopping else _GATHER_S):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _failed(self, error: Exception) -> None:
        if not self._troubled:
            trace = None if isinstance(error, StoreUnavailable) else error
            log.warning("the other servers on the store cannot be told anything: %s; retried", error, exc_info=trace)
        self._troubled = self._silenced = True

    async def _speak(self) -> None:
        self._wake.clear()
        self._hurry.clear()
        batch, self._batch = self._batch, []
        if self._silenced:
            batch[:0] = [Lost(), Joined(self._member)]
            self._silenced = False  # what happens from here on is told after that
        if batch:
            self._echoes.append([each for each in batch if type(each) in _ECHOED])
            await self._channel.send(pieces(self.name, batch, self._limit))
            self._troubled = False

    async def _look(self) -> None:
        """See who is there. We listen anew if we are not; who went without a word may have said too little."""
        self._looked = monotonic()
        before = self._changes
        found = await self._channel.members()
        self._speakers = await self._channel.speakers()
        if self._changes != before:
            return  # somebody came or went meanwhile: what was found may be older than that
        if self._member not in found:
            self._channel.renew()
        self._departed &= found
        gone = self._members - found - {self._member}
        self._members = found - self._departed
        self._alone = self._members <= {self._member}
        self._acquainted = True
        if gone:
            log.info("a server on the store is gone; what it may not have told is looked up")
            self._unit.hear([effects.Missed()])

    # -- listening --

    def _tuned(self, member: int) -> None:
        former, self._member = self._member, member
        self._changes += 1
        self._alone = False
        self._pieces.clear()
        self._come_back(len(self._echoes))  # nobody knows whether they were heard: what waits for them goes on
        if former:
            self._members -= {former}  # our own, and nobody who is gone
            self._departed |= {former}
            self.tuned_again_at = monotonic()
            log.info("the other servers on the store are heard again; what was missed is looked up")
            self._say(Left(former), Joined(member))
            self._unit.hear([effects.Missed()])
        else:
            self._say(Joined(member))
        self._ready.set()

    def _hear(self, text: str) -> None:
        name, _, rest = text.partition(":")
        if name == self.name:
            index, count, _ = rest.split(":", 2)
            self._come_back(int(index) + 1 == int(count))
            return
        try:
            message = self._whole(name, rest)
            if message is not None:
                self._act(name, message)
        except (ValueError, msgspec.MsgspecError) as error:
            log.error("what another server said was not understood: %s", error)
            self._unit.hear([effects.Missed()])

    def _come_back(self, count: int) -> None:
        """So many messages of this server have been heard by all."""
        for _ in range(min(count, len(self._echoes))):
            echo = self._echoes.popleft()
            if echo:
                self._unit.hear(echo)

    def _whole(self, name: str, rest: str) -> str | None:
        """A message whose last piece has come. Raises ``ValueError`` if one is missing."""
        index, count, piece = rest.split(":", 2)
        known = self._pieces.setdefault(name, [])
        if index == "0":
            known.clear()
        if int(index) != len(known):
            raise ValueError(f"piece {index} of {count} after {len(known)}")
        known.append(piece)
        if len(known) < int(count):
            return None
        return "".join(self._pieces.pop(name))

    def _act(self, name: str, message: str) -> None:
        heard: list[Any] = []
        for kind, fields in _MESSAGE.decode(message):
            known = _KINDS.get(kind)  # a newer server may have others
            if known is not None:
                heard += self._taken(name, msgspec.json.decode(fields, type=known))
        if heard:
            self._unit.hear(heard)

    def _taken(self, name: str, said: Any) -> list[Any]:
        """What edges are told of one thing that another server said."""
        match said:
            case Joined(member):
                self._changes += 1
                self._alone = False
                self._members |= {member}
                self._departed -= {member}
                self._say(Welcome(name))
            case Left(member):
                self._changes += 1
                self._members -= {member}
                self._departed |= {member}  # its connection may be seen for a moment more
            case Lost():
                return [effects.Missed()]
            case Welcome(to):
                return [effects.Missed()] if to == self.name else []
            case _:
                return [said]
        return []


def pieces(name: str, batch: Sequence[Any], limit: int) -> list[str]:
    """A message as texts of at most ``limit`` bytes and a header."""
    message = msgspec.json.encode([(type(each).__name__, each) for each in batch])
    cut = list(_cut(message, limit))
    return [f"{name}:{index}:{len(cut)}:{piece.decode()}" for index, piece in enumerate(cut)]


def _cut(text: bytes, limit: int) -> Iterable[bytes]:
    """Cut UTF-8 between characters."""
    start = 0
    while start < len(text):
        end = start + limit
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[start:end]
        start = end
