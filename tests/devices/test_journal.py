"""What of the MQTT sessions is there after the server was gone, on both stores (ADR 20)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.mqtt.rig import SCOPE, Device, Rig
from tidegate.devices.journal import Written
from tidegate.devices.table import TABLE
from tidegate.mqtt import codec
from tidegate.mqtt.broker import Broker
from tidegate.mqtt.codec import Properties, Puback, Publish
from tidegate.runtime import unit
from tidegate.store.database import Database, Outcome, StoreUnavailable, Work

NODE = 5
WEEK = Properties(session_expiry_interval=604_800)


class Life:
    """One life of a server: a rig whose broker writes to a store."""

    def __init__(self, work: unit.Unit, now: int, node: int = NODE) -> None:
        self.rig = Rig()
        self.rig.now = now
        self.journal = Written(work, node)
        self.rig.broker = Broker(
            self.rig.settings,
            lambda _connection, effect: self.rig.left.append(effect),
            lambda _scope, name, wanted: self.rig.interest.append((name, wanted)),
            self.journal,
            TABLE,
        )

    async def begin(self) -> None:
        sessions, retained = await self.journal.load()
        self.rig.broker.restore_retained(retained)
        self.rig.broker.restore(sessions, self.rig.now)

    async def device(self, client_id: str = "lamp", **options: Any) -> Device:
        device = self.rig.device(client_id, clean=False, **options)
        await self.journal.settled()
        return device

    async def subscribe(self, device: Device, *filters: str, options: int = 1) -> None:
        wanted = tuple(codec.Filter(name, options) for name in filters)
        device.send(codec.Subscribe(1, wanted))
        await self.journal.settled()
        assert [each.codes for each in device.received() if isinstance(each, codec.Suback)]


Story = Callable[[Callable[..., Awaitable[Life]]], Awaitable[None]]


def lives(database: Database, story: Story) -> None:
    """Run a story in which servers come and go on one store; the database stays open."""

    async def bounded() -> None:
        work = unit.over(database)
        begun: list[Life] = []

        async def begin(now: int = 1_700_000_000_000, node: int = NODE) -> Life:
            life = Life(work, now, node)
            begun.append(life)
            await life.begin()
            return life

        await asyncio.wait_for(story(begin), timeout=30)
        for life in begun:
            await life.journal.settled()

    asyncio.run(bounded())


def _present(device: Device) -> bool:
    connack = device.received()[0]
    assert isinstance(connack, codec.Connack)
    return connack.session_present


def _of(packets: Sequence[codec.Packet], kind: type) -> list[Any]:
    return [each for each in packets if isinstance(each, kind)]


@pytest.mark.parametrize("level", [4, 5])
def test_subscriptions_and_waiting_messages_survive(database: Database, level: int) -> None:
    properties = WEEK if level == 5 else None

    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device(level=level, properties=properties)
        assert not _present(device)
        await life.subscribe(device, "a/+", "$share/g/b", "$aws/things/t/jobs/notify")
        device.lose()
        life.rig.publish("a/b", b"one")
        life.rig.publish("b", b"two", qos=0)
        life.rig.publish("b", b"three")
        await life.journal.settled()

        life = await begin()
        assert life.rig.interest == [("t", True)]
        life.rig.publish("a/c", b"four")
        device = await life.device(level=level, properties=properties)
        received = device.received()
        assert _of(received, codec.Connack)[0].session_present
        assert [each.payload for each in _of(received, Publish)] == [b"one", b"three", b"four"]
        life.rig.publish("a/d", b"five")
        assert [payload for _topic, payload in device.publishes()] == [b"five"]

    lives(database, story)


def test_what_was_acknowledged_is_not_sent_again_and_what_was_not_is(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "a")
        device.lose()
        for number in range(3):
            life.rig.publish("a", b"%d" % number)
        await life.journal.settled()

        life = await begin()
        device = await life.device()
        first, second, third = _of(device.received(), Publish)
        device.send(Puback(second.packet_id))
        await life.journal.settled()

        life = await begin()  # without any farewell: as after a kill
        device = await life.device()
        assert [each.payload for each in _of(device.received(), Publish)] == [first.payload, third.payload]

    lives(database, story)


def test_messages_under_way_are_written_when_the_connection_ends(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "a")
        life.rig.publish("a", b"unacknowledged")
        device.lose()
        await life.journal.settled()
        life = await begin()
        assert [each.payload for each in _of((await life.device()).received(), Publish)] == [b"unacknowledged"]

    lives(database, story)


def test_only_the_newest_notice_survives_and_no_reply(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "$aws/things/t/jobs/#")
        device.connection.reply("$aws/things/t/jobs/get/accepted", b"reply", 1, life.rig.now)
        device.lose()
        for number in range(5):
            life.rig.publish("$aws/things/t/jobs/notify-next", b"%d" % number, newest_only=True)
            await life.journal.settled()
        life = await begin()
        life.rig.publish("$aws/things/t/jobs/notify-next", b"5", newest_only=True)
        await life.journal.settled()
        life = await begin()
        assert [each.payload for each in _of((await life.device()).received(), Publish)] == [b"5"]

    lives(database, story)


def test_properties_and_expiry_survive(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device(level=5, properties=WEEK)
        await life.subscribe(device, "a")
        device.lose()
        other = life.rig.device("other", level=5)
        kept = Properties(content_type="text/plain", user_property=(("a", "1"), ("a", "2")), message_expiry_interval=60)
        other.send(Publish("a", b"long", 1, 1, properties=kept))
        other.send(Publish("a", b"short", 1, 2, properties=Properties(message_expiry_interval=5)))
        await life.journal.settled()
        life = await begin(now=life.rig.now + 20_000)
        device = await life.device(level=5, properties=WEEK)
        (message,) = _of(device.received(), Publish)
        assert message.properties == Properties(
            content_type="text/plain", user_property=(("a", "1"), ("a", "2")), message_expiry_interval=40
        )

    lives(database, story)


def test_a_publisher_is_acknowledged_when_the_copies_of_the_absent_are_on_disk(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "a")
        publisher = life.rig.device("publisher")
        publisher.received()
        assert publisher.send(Publish("a", b"x", 1, 1)) == [Puback(1)], "nobody is away"
        device.publishes()
        device.lose()
        assert publisher.send(Publish("a", b"y", 1, 2), Publish("$aws/things/t/jobs/get", b"", 1, 3)) == []
        assert publisher.send(Publish("nobody", b"z", 1, 4)) == [], "acknowledgements keep the order of publishes"
        await life.journal.settled()
        assert publisher.received() == [Puback(2), Puback(3), Puback(4)]
        life = await begin()
        assert [each.payload for each in _of((await life.device()).received(), Publish)] == [b"y"]

    lives(database, story)


def test_clean_sessions_write_nothing(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = life.rig.device("clean")
        device.subscribe("a", "b")
        life.rig.publish("a")
        device.publishes()
        device.send(codec.Unsubscribe(2, ("b",)))
        device.lose()
        assert life.journal.changes == 0

    lives(database, story)


def test_a_session_ends_for_good(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        for name in ("expired", "cleaned", "told"):
            device = await life.device(name, level=5, properties=WEEK)
            await life.subscribe(device, "a")
            if name == "told":
                device.send(codec.Disconnect(0, Properties(session_expiry_interval=0)))
            else:
                device.lose()
        life.rig.device("cleaned", level=5).lose()
        await life.journal.settled()
        life = await begin()
        assert life.rig.broker.session(SCOPE, "expired") is not None
        assert life.rig.broker.session(SCOPE, "cleaned") is None
        assert life.rig.broker.session(SCOPE, "told") is None
        life.rig.passes(3601)
        await life.journal.settled()
        life = await begin()
        assert life.rig.broker.session(SCOPE, "expired") is None
        assert not life.rig.broker.wanted(SCOPE, "a")

    lives(database, story)


def test_a_session_expires_while_no_server_runs(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        away, connected = await life.device("away"), await life.device("connected")
        away.lose()
        assert connected.connection.session is not None
        await life.journal.settled()
        life = await begin(now=life.rig.now + 3_599_000)
        assert life.rig.broker.session(SCOPE, "away") is not None
        await life.journal.settled()
        life = await begin(now=life.rig.now + 2_000)
        assert life.rig.broker.session(SCOPE, "away") is None
        assert life.rig.broker.session(SCOPE, "connected") is not None, "its hour began with the earlier start"
        life = await begin(now=life.rig.now + 3_600_000 - 1_000)
        assert life.rig.broker.session(SCOPE, "connected") is None

    lives(database, story)


def test_servers_on_one_store_have_sessions_of_their_own(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        one, other = await begin(node=1), await begin(node=2)
        await one.subscribe(await one.device("a"), "x")
        await other.subscribe(await other.device("b"), "y")
        one, other = await begin(node=1), await begin(node=2)
        assert one.rig.broker.session(SCOPE, "a")
        assert one.rig.broker.session(SCOPE, "b") is None
        assert other.rig.broker.session(SCOPE, "b")

    lives(database, story)


def test_retained_messages_survive_and_go(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        publisher = life.rig.device("publisher", level=5)
        properties = Properties(content_type="x", message_expiry_interval=100)
        publisher.received()
        assert publisher.send(Publish("keep", b"1", 1, 1, retain=True, properties=properties)) == []
        publisher.send(Publish("drop", b"1", 1, 2, retain=True), Publish("zero", b"0", 0, retain=True))
        await life.journal.settled()
        assert publisher.received() == [Puback(1), Puback(2)]
        publisher.send(Publish("drop", b"", 1, 3, retain=True))
        await life.journal.settled()
        life = await begin(now=life.rig.now + 60_000)
        assert sorted(life.rig.broker.retained(SCOPE)) == ["keep", "zero"]
        assert life.rig.broker.retained(SCOPE)["keep"].retained_at == life.rig.now - 60_000
        reader = life.rig.device("reader", level=5)
        reader.send(codec.Subscribe(1, (codec.Filter("keep", 1),)))
        life.rig.now += 50_000
        late = life.rig.device("late", level=5)
        late.received()
        late.send(codec.Subscribe(1, (codec.Filter("keep", 1),)))
        await life.journal.settled()
        life = await begin(now=life.rig.now)
        assert sorted(life.rig.broker.retained(SCOPE)) == ["zero"]

    lives(database, story)


class Stubborn:
    """A database that refuses to commit while it is told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.refuses = False
        self.concurrent = database.concurrent

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        if self.refuses:
            raise StoreUnavailable("the disk is full")
        return self._database.commit(works)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


def test_what_the_store_refuses_is_not_acknowledged_and_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.devices.journal._RETRY_S", 0.01)
    stubborn = Stubborn(database)

    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "a")
        device.lose()
        await life.journal.settled()
        publisher = life.rig.device("publisher")
        publisher.received()
        stubborn.refuses = True
        assert publisher.send(Publish("a", b"x", 1, 1)) == []
        await life.journal.settled()
        assert publisher.closed
        assert publisher.received() == []
        stubborn.refuses = False
        life.rig.publish("a", b"later")
        await life.journal.settled()
        life = await begin()
        assert [each.payload for each in _of((await life.device()).received(), Publish)] == [b"x", b"later"]

    lives(stubborn, story)  # type: ignore[arg-type]


def test_more_waits_than_a_session_may_hold(database: Database) -> None:
    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        device = await life.device()
        await life.subscribe(device, "a")
        device.lose()
        for number in range(1005):
            life.rig.publish("a", b"%d" % number)
            if number == 500:
                await life.journal.settled()
        await life.journal.settled()
        life = await begin()
        session = life.rig.broker.session(SCOPE, "lamp")
        assert session is not None
        assert session.queued == 1000

    lives(database, story)


def test_what_waits_for_a_shared_subscription_goes_to_the_first_comer_after_a_restart(database: Database) -> None:
    """What one of its own filters wants as well stays with the member."""

    async def story(begin: Callable[..., Awaitable[Life]]) -> None:
        life = await begin()
        one = await life.device("one")
        await life.subscribe(one, "$share/workers/tasks/#", "$share/workers/both", "both")
        two = await life.device("two")
        await life.subscribe(two, "$share/workers/tasks/#")
        one.lose()
        two.lose()
        life.rig.publish("tasks/1", b"ours")
        life.rig.publish("both", b"mine")
        await life.journal.settled()

        life = await begin()
        two = await life.device("two")
        assert [each.payload for each in _of(two.received(), Publish)] == [b"ours"]
        one = await life.device("one")
        assert {each.payload for each in _of(one.received(), Publish)} == {b"mine"}

    lives(database, story)
