"""From the outbox to subscribers: after the notifications, in order, at least once, and once if nobody dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import NOW
from tidegate.clock import MovableClock, SequentialIds
from tidegate.devices.event_publisher import LINGER_S, PATIENCE_S, EventPublisher
from tidegate.mqtt.codec import Properties
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Message
from tidegate.ops.effects import EventsWritten
from tidegate.runtime import unit
from tidegate.runtime.service import Service, Settings
from tidegate.store import events, scopes, things
from tidegate.store.database import Database, StoreUnavailable, Tx, transact

SCOPE = ("123456789012", "eu-west-1")
OTHER = ("210987654321", "eu-west-1")
TOPIC = "$aws/events/job/j/completed"


class Node:
    """A server's part in the matter: its unit, its outbox, and what it published."""

    def __init__(self, shared: unit.Unit, *, subscribed: bool = True) -> None:
        self.sent: list[tuple[Scope, str, dict[str, Any]]] = []
        self.messages: list[Message] = []
        self.subscribed = subscribed
        self.notices = asyncio.Event()
        self.notices.set()
        self.beat = 0.0
        service = Service(shared, MovableClock(NOW), SequentialIds(), Settings())
        self.events = EventPublisher(service, self, self._notices, self._kept, beat=lambda: self.beat)
        shared.subscribe(self.events.effects)

    async def _notices(self) -> None:
        await self.notices.wait()

    async def _kept(self) -> None:
        """Nobody is away."""

    def deliver(self, message: Message, scope: Scope) -> None:
        assert message.qos == 1
        self.messages.append(message)
        self.sent.append((scope, message.topic, json.loads(message.payload)))

    def wanted(self, scope: Scope, topic: str) -> bool:
        return self.subscribed

    async def look(self) -> None:
        self.events.look()
        await self.events.settled()

    @property
    def numbers(self) -> list[int]:
        return [event["n"] for _, _, event in self.sent]


def writing(*numbers: int, scope: Scope = SCOPE, topic: str = TOPIC) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        scope_id = scopes.ensure(tx, *scope)
        for number in numbers:
            events.put(tx, scope_id, topic, json.dumps({"n": number, "eventId": ""}))
        tx.effects.append(EventsWritten(scope_id))

    return work


def left(database: Database) -> int:
    return len(database.read(lambda tx: events.underway(tx, 0, 10_000)))


def run(database: Database, test: Callable[[unit.Unit], Awaitable[None]]) -> None:
    """Run on a unit over the database, which stays open afterwards."""

    async def bounded() -> None:
        await asyncio.wait_for(test(unit.over(database)), timeout=20)

    asyncio.run(bounded())


async def drained(shared: unit.Unit, node: Node) -> None:
    await shared.delivered()
    await node.events.settled()


def test_events_are_published_in_order_and_forgotten(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        node = Node(shared)
        await node.look()
        await shared.transact(writing(1, 2))
        await shared.transact(writing(3, scope=OTHER))
        await drained(shared, node)
        assert node.numbers == [1, 2, 3]
        assert [scope for scope, _, _ in node.sent] == [SCOPE, SCOPE, OTHER]
        assert len({event["eventId"] for _, _, event in node.sent}) == 3
        node.beat += LINGER_S
        await node.look()
        assert node.numbers == [1, 2, 3]
        assert left(database) == 0
        await node.events.stop()

    run(database, test)


def test_more_than_a_page(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        node = Node(shared)
        await shared.transact(writing(*range(1200)))
        await drained(shared, node)
        assert node.numbers == list(range(1200))
        await node.events.stop()

    run(database, test)


def test_the_thing_is_named_by_its_arn(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        node = Node(shared)

        def work(tx: Tx) -> None:
            scope = scopes.ensure(tx, *SCOPE)
            thing = things.insert(tx, scope, things.NewThing("t", "uuid", {}), NOW)
            assert thing is not None
            events.put_of_thing(tx, thing, TOPIC, '{"n":1,"eventId":"","thingArn":""}')
            tx.effects.append(EventsWritten(scope))

        await shared.transact(work)
        await drained(shared, node)
        assert node.sent[0][2]["thingArn"] == "arn:aws:iot:eu-west-1:123456789012:thing/t"
        await node.events.stop()

    run(database, test)


def test_events_wait_for_the_notifications(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        node = Node(shared)
        node.notices.clear()
        await shared.transact(writing(1))
        await shared.delivered()
        settled = asyncio.create_task(node.events.settled())
        await asyncio.sleep(0)
        assert (node.sent, settled.done()) == ([], False)
        node.notices.set()
        await settled
        assert node.numbers == [1]
        await node.events.stop()

    run(database, test)


def test_an_event_of_a_server_that_died_waits_for_its_first_subscriber(database: Database) -> None:
    transact(database, writing(1))

    async def test(shared: unit.Unit) -> None:
        node = Node(shared, subscribed=False)
        await node.look()
        await shared.transact(writing(2))
        await drained(shared, node)
        assert node.numbers == [2]  # of our own time: whoever wants it subscribes before
        node.subscribed = True
        await node.look()
        assert node.numbers == [2, 1]
        await node.events.stop()

    run(database, test)


def test_it_does_not_wait_for_ever(database: Database) -> None:
    transact(database, writing(1))

    async def test(shared: unit.Unit) -> None:
        node = Node(shared, subscribed=False)
        await node.look()
        node.beat += PATIENCE_S
        await node.look()
        node.beat += LINGER_S
        await node.look()
        assert left(database) == 0
        await node.events.stop()

    run(database, test)


def test_a_server_that_dies_after_publishing_publishes_again_under_the_same_id(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):  # noqa: N818
        pass

    def die(*_given: Any) -> None:
        raise StoreUnavailable("gone")

    async def test(shared: unit.Unit) -> None:
        first = Node(shared)
        if not shared.shared:
            monkeypatch.setattr(events, "delete", die)
        await shared.transact(writing(1))
        await drained(shared, first)
        await first.events.stop()
        monkeypatch.undo()
        second = Node(shared)
        await second.look()
        assert first.sent == second.sent != []
        await second.events.stop()

    run(database, test)


def test_every_server_of_a_shared_store_publishes_every_event_once(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        if not shared.shared:
            return
        nodes = [Node(shared) for _ in range(2)]
        other = Node(shared)  # hears of the commits of others only by looking
        await other.look()
        for number in range(5):
            await shared.transact(writing(number))
        for node in nodes:
            await drained(shared, node)
        for _ in range(2):
            await other.look()
        assert [sorted(node.numbers) for node in [*nodes, other]] == [list(range(5))] * 3
        assert left(database) == 5
        for node in nodes:
            node.beat += LINGER_S
            await node.look()
        assert left(database) == 0
        for node in [*nodes, other]:
            await node.events.stop()

    run(database, test)


def test_a_message_is_published_as_it_is_until_its_time_is_over(database: Database) -> None:
    async def test(shared: unit.Unit) -> None:
        node = Node(shared)

        def work(tx: Tx) -> None:
            scope = scopes.ensure(tx, *SCOPE)
            events.put_message(tx, scope, "late", b"1", "text/plain", NOW)
            events.put_message(tx, scope, "json", b'{"n": 2}', "application/json", NOW + 1)
            events.put_message(tx, scope, "plain", b"3")
            tx.effects.append(EventsWritten(scope))

        await shared.transact(work)
        await drained(shared, node)
        told = Properties(content_type="application/json", payload_format_indicator=1)
        assert node.messages == [
            Message("json", b'{"n": 2}', 1, properties=told, expires_at=NOW + 1),
            Message("plain", b"3", 1),
        ]
        node.beat += LINGER_S
        await node.look()
        assert left(database) == 0
        await node.events.stop()

    run(database, test)
