"""What devices are told when the store answers late, as PostgreSQL does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import NOW
from tests.mqtt.rig import SCOPE
from tests.store.counting import Counting
from tests.store.rows import Rows
from tidegate.core.pending import Change
from tidegate.devices import topics
from tidegate.devices.notices import _PAGE, Notices, _Message
from tidegate.ops.effects import JobShown, Missed, PendingChanged
from tidegate.store import jobs
from tidegate.store.database import Database

THING = 7


class SlowStore:
    """Readings that end when the test says so."""

    def __init__(self) -> None:
        self.readings: list[asyncio.Future[Any]] = []

    def read(self, _work: Any) -> asyncio.Future[Any]:
        self.readings.append(asyncio.get_running_loop().create_future())
        return self.readings[-1]


class Published:
    """What was published."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def publish(self, _topic: str, payload: bytes, _qos: int, **_options: Any) -> None:
        self.payloads.append(payload)


async def _turns() -> None:
    """Let the event loop do what it has been asked to."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_later_notice_never_comes_before_an_earlier_one() -> None:
    async def scenario() -> None:
        store, published = SlowStore(), Published()
        service: Any = SimpleNamespace(unit=store, clock=SimpleNamespace(now=lambda: 0), injector=None)
        notices = Notices(service, published)
        notices.interest(SCOPE, "t", True)
        await _turns()
        store.readings.pop().set_result([THING])
        await _turns()

        changed = PendingChanged(THING, Change(notify=True, notify_next=True))
        notices.effects([changed])
        await _turns()
        (first,) = store.readings
        for _ in range(2):
            notices.effects([changed])
            await _turns()
        assert store.readings == [first]
        first.set_result([_Message(SCOPE, topics.notify("t"), b"older")])
        await _turns()
        assert published.payloads == [b"older"]
        settled = asyncio.ensure_future(notices.settled())
        await _turns()
        assert not settled.done()
        store.readings[1].set_result([_Message(SCOPE, topics.notify("t"), b"newer")])
        await settled
        assert published.payloads == [b"older", b"newer"]
        assert len(store.readings) == 2

    asyncio.run(scenario())


def test_a_failed_reading_does_not_keep_later_ones_from_happening(caplog: Any) -> None:
    async def scenario() -> None:
        store, published = SlowStore(), Published()
        service: Any = SimpleNamespace(unit=store, clock=SimpleNamespace(now=lambda: 0), injector=None)
        notices = Notices(service, published)
        notices.interest(SCOPE, "t", True)
        await _turns()
        store.readings.pop().set_result([THING])
        await _turns()
        changed = PendingChanged(THING, Change(notify=True, notify_next=False))
        notices.effects([changed])
        await _turns()
        notices.effects([changed])
        store.readings[0].set_exception(OSError("no connection"))
        await _turns()
        store.readings[1].set_result([_Message(SCOPE, topics.notify("t"), b"now")])
        await _turns()
        assert published.payloads == [b"now"]

    asyncio.run(scenario())
    assert "no connection" in caplog.text


def test_a_look_at_everything_goes_on_by_pages_while_others_are_told() -> None:
    async def scenario() -> None:
        store, published = SlowStore(), Published()
        service: Any = SimpleNamespace(unit=store, clock=SimpleNamespace(now=lambda: 0), injector=None)
        notices = Notices(service, published)
        count = _PAGE + 100
        for number in range(count):
            notices.interest(SCOPE, f"t{number}", True)
        await _turns()
        store.readings.pop().set_result(list(range(_PAGE)))
        await _turns()
        store.readings.pop().set_result(list(range(_PAGE, count)))
        await _turns()
        assert store.readings == []

        notices.effects([Missed()])
        await _turns()
        # The first page of names: one of the things is another by now, and one is gone.
        store.readings.pop().set_result([count, None, *range(2, _PAGE)])
        await _turns()
        names, lists = store.readings
        assert len(notices._unsure) == 0
        notices.effects([PendingChanged(count, Change(notify=True, notify_next=True))])
        names.set_result(list(range(_PAGE, count)))
        await _turns()
        assert len(notices._unsure) == 100
        lists.set_result([_Message(SCOPE, "x", b"lists")])
        await _turns()
        assert len(notices._unsure) == 0
        store.readings[-1].set_result([_Message(SCOPE, "x", b"others")])
        await notices.settled()
        assert published.payloads == [b"lists", b"others"]
        assert notices._watched.keys() == {count, *range(2, count)}

    asyncio.run(scenario())


def test_lists_that_change_together_are_read_by_pages() -> None:
    """Whoever else is served comes in between, and what changes meanwhile waits behind them."""

    async def scenario() -> None:
        store, published = SlowStore(), Published()
        service: Any = SimpleNamespace(unit=store, clock=SimpleNamespace(now=lambda: 0), injector=None)
        notices = Notices(service, published)
        count = 2 * _PAGE + 1
        for number in range(count):
            notices._watched[number] = (SCOPE, f"t{number}")
        change = Change(notify=True, notify_next=True)
        notices.effects([PendingChanged(number, change) for number in range(count)])
        seen = []
        for page in (_PAGE, _PAGE, 1):
            await _turns()
            seen.append(count - sum(seen) - len(notices._due))
            store.readings.pop().set_result([_Message(SCOPE, "x", str(page).encode())])
        await notices.settled()
        assert seen == [_PAGE, _PAGE, 1]
        assert len(published.payloads) == 3

    asyncio.run(scenario())


class Looking:
    """A store that has a job's executions, and counts what is read of it at once."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.read_at_once: list[int] = []

    def read(self, work: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(self.database.read(lambda tx: work(Counting(tx, self.read_at_once))))
        return future


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_job_that_appears_is_looked_for_on_a_page_of_things_at_a_time(
    database: Database, *, everywhere: bool
) -> None:
    rows = Rows(database)
    count = 2 * _PAGE + 1
    ids, job_id = rows.things(count), rows.job()
    rows.queue(job_id, ids)
    rows.do(lambda tx: jobs.put_document(tx, job_id, "{}"))

    async def scenario() -> list[bytes]:
        store, published = Looking(database), Published()
        service: Any = SimpleNamespace(unit=store, clock=SimpleNamespace(now=lambda: NOW), objects=None, injector=None)
        notices = Notices(service, published)
        scope = ("123456789012", "eu-west-1")
        if everywhere:
            notices.interest(scope, None, True)
        else:
            notices._watched = {thing: (scope, f"thing-{number}") for number, thing in enumerate(ids)}
        notices.effects([JobShown(job_id)])
        await notices.settled()
        assert max(store.read_at_once) <= _PAGE
        assert notices._shown == {}
        return published.payloads

    payloads = asyncio.run(scenario())
    assert len(payloads) == 2 * count  # notify and notify-next for each
