"""Servers that tell each other: what crosses, what is cut, and when everything must be looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.pending import Change
from tidegate.core.shadow import Message
from tidegate.ops import effects
from tidegate.ops.broker import Publication
from tidegate.ops.effects import EngineDue, Missed, PoliciesChanged
from tidegate.runtime import relay as relays
from tidegate.runtime.relay import Relay, pieces
from tidegate.store.database import StoreUnavailable

SAMPLES: list[Any] = [
    effects.PendingChanged(7, Change(notify=True, notify_next=False), "ns"),
    effects.PendingChanged(8, Change(notify=True, notify_next=True)),
    effects.ExecutionsQueued(1, list(range(10_000_000, 10_016_000))),
    effects.JobShown(3),
    effects.EventsWritten(1),
    effects.ShadowMessages("1", "eu-west-1", [Message("a/b", b'{"x": "\xc3\xa4"}\x00\xff'), Message("c", b"")]),
    effects.ThingNamed("1", "eu-west-1", "lämp\0", 5),
    effects.ThingNamed("1", "eu-west-1", "lamp", None),
    effects.PrincipalChanged(1, "ab" * 32),
    effects.PoliciesChanged(1),
    effects.CertificateTrusted("-----BEGIN", authority=True),
    effects.TrustWithdrawn(),
    effects.OperatorsChanged(),
    effects.ClientConnected("1", "eu-west-1", "c", 12),
    effects.PresenceEvent("1", "eu-west-1", "t", b"{}"),
    effects.MessageCarried(
        "a",
        3,
        "1",
        "eu-west-1",
        Publication("t", b"\xff", 1, True, 1, "text", "a/b", b"\0", (("k", "v"), ("k", "w")), 99),
        12,
        "$share/g/t",
        ("b", "c"),
    ),
    effects.MessagesHeard("a", "b", [1, 2]),
    effects.FiltersAsked("a"),
    effects.FiltersAnnounced(
        "a",
        4,
        1,
        7,
        [effects.Wanted("1", "eu-west-1", "t/#", 2, keeps=True)],
        begins=True,
        sessions=(effects.Held("1", "eu-west-1", "c", True, False),),
    ),
    effects.RequestsCounted([("1", "eu-west-1", "iot", "CreateThing", 3)]),
    effects.SessionSought("a", "b", 1, "1", "eu-west-1", "c"),
    effects.SessionOffered("a", 1, 2, 3, 5, 60, 12, (("t/#", 1),)),
    effects.SessionTaken("a", "b", 1, "1", "eu-west-1", "c"),
    effects.SessionLeft("a", 1),
    effects.ClientSought("a", 1, "GetConnection", "1", "eu-west-1", "alice", "r", b"{}"),
    effects.ClientAnswered("a", 1, 2, b"\xff", "GoneException", "ä"),
    effects.StoreEmptied(),
]


class Ether:
    """What carries texts between the channels of a test."""

    def __init__(self) -> None:
        self.channels: list[Wire] = []

    def members(self) -> frozenset[int]:
        return frozenset(each.member for each in self.channels if each.heard is not None)


class Wire:
    """A channel in memory."""

    def __init__(self, ether: Ether, member: int) -> None:
        self.ether = ether
        self.member = member
        self.heard: Callable[[str], None] | None = None
        self.tuned: Callable[[int], None] = lambda _member: None
        self.broken = False
        self.messages = 0
        self.renewed = 0
        ether.channels.append(self)

    def listen(self, heard: Callable[[str], None], tuned: Callable[[int], None]) -> None:
        self.heard, self.tuned = heard, tuned
        tuned(self.member)

    async def send(self, texts: Sequence[str]) -> None:
        assert len(set(texts)) == len(texts)
        assert all(len(text.encode()) <= LIMIT for text in texts)
        if self.broken:
            raise StoreUnavailable("no line")
        for each in self.ether.channels:
            for text in texts:
                if each.heard is not None:
                    each.heard(text)
        self.messages += 1

    async def members(self) -> frozenset[int]:
        return self.ether.members()

    async def speakers(self) -> frozenset[int]:
        return frozenset()

    def renew(self) -> None:
        self.renewed += 1

    async def close(self) -> None:
        self.heard = None


LIMIT = 500


class Ear:
    """The part of a unit that a relay needs."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.changed = asyncio.Event()

    def subscribe(self, _listener: Any, *, own: bool = False) -> None:
        assert own

    def hear(self, happened: list[Any]) -> None:
        self.heard += happened
        self.changed.set()

    async def until(self, fits: Callable[[], bool]) -> None:
        while not fits():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 20)


class Node:
    """A relay that tells a test what it hears."""

    def __init__(self, ether: Ether, number: int) -> None:
        self.ear: Any = Ear()
        self.wire = Wire(ether, number)
        self.relay = Relay(self.ear, self.wire, f"node-{number}", limit=LIMIT)

    @property
    def heard(self) -> list[Any]:
        found: list[Any] = self.ear.heard
        return found

    async def hears(self, what: list[Any]) -> None:
        await self.ear.until(lambda: len(self.heard) >= len(what))
        assert self.heard == what
        self.heard.clear()


async def until(fits: Callable[[], bool]) -> None:
    """Let the loops run until something is so."""
    async with asyncio.timeout(20):
        while not fits():  # noqa: ASYNC110 - nobody outside is told of it
            await asyncio.sleep(0.001)


def play(scenario: Callable[[Node, Node], Awaitable[None]]) -> None:
    """Two servers that have made acquaintance."""

    async def run() -> None:
        ether = Ether()
        one, two = Node(ether, 1), Node(ether, 2)
        await one.relay.start()
        await until(lambda: one.wire.messages == 1)  # it has said that it is there
        await two.relay.start()
        await two.hears([Missed()])  # the first was there before
        await scenario(one, two)
        for each in (one, two):
            if each.wire.heard is not None:
                await each.relay.stop()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "_RETRY_S", 0.01)
    monkeypatch.setattr(relays, "_LOOK_S", 0.01)


def test_every_effect_arrives_as_it_was_and_only_elsewhere() -> None:
    async def scenario(one: Node, two: Node) -> None:
        one.relay.tell(SAMPLES)
        await two.hears(SAMPLES)
        await one.hears([each for each in SAMPLES if type(each) in relays._ECHOED])  # all hear them in one order

    play(scenario)


def test_every_effect_is_relayed_or_known_to_stay() -> None:
    kinds = {kind.__name__ for kind in effects.Effect.__args__}
    relayed = {kind.__name__ for kind in relays._RELAYED}
    assert kinds - relayed == {"EngineDue", "Missed", "RegistrationDue", "RowsHeld"}
    assert {type(each).__name__ for each in SAMPLES} == relayed


def test_what_stays_at_home_is_not_told() -> None:
    async def scenario(one: Node, two: Node) -> None:
        one.relay.tell([EngineDue(1)])
        one.relay.tell([PoliciesChanged(1)])
        await two.hears([PoliciesChanged(1)])

    play(scenario)


def test_what_comes_together_is_told_together() -> None:
    async def scenario(one: Node, two: Node) -> None:
        before = one.wire.messages
        told = [PoliciesChanged(number) for number in range(100)]
        for each in told:
            one.relay.tell([each])
        await two.hears(told)
        assert one.wire.messages - before <= 2

    play(scenario)


def test_one_who_could_not_speak_has_the_others_look() -> None:
    async def scenario(one: Node, two: Node) -> None:
        one.wire.broken = True
        one.relay.tell([PoliciesChanged(1)])
        await until(lambda: one.relay._silenced)
        one.relay.tell([PoliciesChanged(2)])
        one.wire.broken = False
        await two.hears([Missed()])
        await one.hears([Missed()])  # nor may it have been told anything
        one.relay.tell([PoliciesChanged(3)])
        await two.hears([PoliciesChanged(3)])

    play(scenario)


def test_one_who_was_deaf_looks() -> None:
    async def scenario(one: Node, two: Node) -> None:
        two.wire.member = 3
        two.wire.tuned(3)
        await two.hears([Missed(), Missed()])  # at once, and when the other has heard of it
        one.relay.tell([PoliciesChanged(1)])
        await two.hears([PoliciesChanged(1)])

    play(scenario)


@pytest.mark.parametrize("politely", [True, False])
def test_the_others_look_when_a_server_is_gone_without_a_word(politely: bool) -> None:
    async def scenario(one: Node, two: Node) -> None:
        await until(lambda: one.relay._members == {1, 2})
        if politely:
            await two.relay.stop()
        else:
            await two.wire.close()
        await until(lambda: one.relay.alone)
        assert one.heard == ([] if politely else [Missed()])
        before = one.wire.messages
        one.relay.tell([PoliciesChanged(1)])
        assert one.relay._batch == []
        assert one.wire.messages == before
        if not politely:
            await two.relay.stop()

    play(scenario)


def test_a_member_that_is_not_on_the_list_listens_anew() -> None:
    async def scenario(one: Node, _two: Node) -> None:
        one.wire.member = 99
        await until(lambda: one.wire.renewed > 0)

    play(scenario)


@pytest.mark.parametrize(
    "text", ["x", "other:0", "other:1:2:[]", "other:0:1:{", 'other:0:1:[["JobShown", ["x"]]]', "other:a:b:c"]
)
def test_what_is_not_understood_is_looked_up(text: str) -> None:
    async def scenario(one: Node, two: Node) -> None:
        assert two.wire.heard is not None
        two.wire.heard(text)
        await two.hears([Missed()])
        one.relay.tell([PoliciesChanged(1)])
        await two.hears([PoliciesChanged(1)])

    play(scenario)


def test_what_only_a_newer_server_knows_is_passed_over() -> None:
    async def scenario(_one: Node, two: Node) -> None:
        message = msgspec.json.encode([("Unheard", [1, 2]), ("PoliciesChanged", [4])]).decode()
        assert two.wire.heard is not None
        two.wire.heard(f"other:0:1:{message}")
        await two.hears([PoliciesChanged(4)])

    play(scenario)


@given(st.text(max_size=200), st.integers(4, 50))
def test_messages_are_cut_between_characters(text: str, limit: int) -> None:
    cut = pieces("n", [effects.ThingNamed("1", "r", text, None)], limit)
    bodies = []
    for index, piece in enumerate(cut):
        name, number, count, body = piece.split(":", 3)
        assert (name, number, count) == ("n", str(index), str(len(cut)))
        assert len(body.encode()) <= limit
        bodies.append(body)
    assert msgspec.json.decode("".join(bodies)) == [["ThingNamed", ["1", "r", text, None]]]
