"""The unit of work as the edges use it, over both engines: order, durability before the answer, effects after it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import NOW
from tests.store.rows import template
from tidegate.ops.effects import Acting
from tidegate.runtime import pooled, ticked
from tidegate.runtime import unit as units
from tidegate.runtime.pooled import Pooled
from tidegate.runtime.threads import Threads
from tidegate.runtime.ticked import Ticked
from tidegate.runtime.unit import Unit
from tidegate.store import templates
from tidegate.store.database import (
    Database,
    Lane,
    Outcome,
    StoreError,
    StoreUnavailable,
    Tx,
    Work,
    in_lane,
    locks_rows,
    together,
    transact,
)
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.shared import FEW
from tidegate.store.sqlite import SqliteDatabase

SCOPE = 1


class Watched:
    """A database that notes what is asked of it, and fails when told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.concurrent = database.concurrent
        self.commits: list[int] = []
        self.failure: BaseException | None = None
        self.closed = False

    def commit(self, works: Sequence[Work[Any]]) -> list[Outcome[Any]]:
        self.commits.append(len(works))
        if self.failure is not None:
            raise self.failure
        return self.database.commit(works)

    def read(self, work: Work[Any]) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.database.read(work)

    def reset(self) -> None:
        if self.failure is not None:
            raise self.failure
        self.database.reset()

    def close(self) -> None:
        self.closed = True
        self.database.close()


@pytest.fixture(params=["ticked", "pooled"])
def watched(request: pytest.FixtureRequest) -> Watched:
    if request.param == "ticked":
        return Watched(SqliteDatabase(None, now=NOW))
    database = PostgresDatabase(request.getfixturevalue("postgres_url"), now=NOW)
    database.reset()
    return Watched(database)


@pytest.fixture
def embedded() -> Watched:
    return Watched(SqliteDatabase(None, now=NOW))


@contextlib.asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[Unit]:
    unit = units.over(watched)
    try:
        yield unit
    finally:
        watched.failure = None
        if not watched.closed:
            await unit.close()


def run(watched: Watched, scenario: Callable[[Unit], Awaitable[None]]) -> None:
    """Play a scenario on an event loop of its own; whatever the loop itself has to complain about fails the test."""
    complaints: list[dict[str, Any]] = []

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with running(watched) as unit:
            await scenario(unit)

    asyncio.run(play())
    assert complaints == []


def put(name: str, *effects: str) -> Work[bool]:
    def work(tx: Tx) -> bool:
        tx.effects.extend(effects)
        return templates.insert(tx, SCOPE, template(name))

    return work


def names(tx: Tx) -> list[str]:
    return [one.name for one in templates.page(tx, SCOPE, "", 1000)]


def refuse(tx: Tx) -> None:
    tx.effects.append("never")
    raise LookupError("refused")


def test_each_engine_has_its_unit(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        assert isinstance(unit, Pooled if watched.concurrent else Ticked)
        assert unit.ordered is not watched.concurrent

    run(watched, scenario)


def test_a_work_is_durable_when_its_future_resolves(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        assert await unit.transact(put("a")) is True
        assert await unit.transact(put("a")) is False
        assert await unit.read(names) == ["a"]

    run(watched, scenario)


def test_what_a_work_raises_goes_to_its_own_caller(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        results = await asyncio.gather(
            unit.transact(put("a")), unit.transact(refuse), unit.transact(put("b")), return_exceptions=True
        )
        assert results[0] is True
        assert isinstance(results[1], LookupError)
        assert results[2] is True
        assert await unit.read(names) == ["a", "b"]
        with pytest.raises(LookupError):
            await unit.read(refuse)

    run(watched, scenario)


def test_an_exception_no_future_takes_still_reaches_its_caller_and_nobody_else(watched: Watched) -> None:
    def exhausted(tx: Tx) -> object:
        return next(iter(()))

    async def scenario(unit: Unit) -> None:
        first, second = unit.transact(exhausted), unit.transact(put("a"))
        with pytest.raises(RuntimeError, match="StopIteration"):
            await first
        assert await second is True
        with pytest.raises(RuntimeError, match="StopIteration"):
            await unit.read(exhausted)

    run(watched, scenario)


def test_a_store_that_fails_refuses_everyone_and_recovers(watched: Watched) -> None:
    heard: list[Any] = []

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        watched.failure = StoreUnavailable("disk full")
        calls = [unit.transact(put(name, name)) for name in "abc"]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [str(error) for error in results] == ["disk full"] * 3
        with pytest.raises(StoreUnavailable):
            await unit.read(names)
        with pytest.raises(StoreUnavailable):
            await unit.reset()
        watched.failure = None
        assert await unit.read(names) == []
        assert await unit.transact(put("d")) is True

    run(watched, scenario)
    assert heard == []


def test_an_unforeseen_failure_of_the_store_leaves_nobody_waiting(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        watched.failure = RuntimeError("a fault of ours")
        results = await asyncio.gather(unit.transact(put("a")), unit.transact(put("b")), return_exceptions=True)
        assert [type(error) for error in results] == [RuntimeError, RuntimeError]
        watched.failure = None
        assert await unit.transact(put("c")) is True

    run(watched, scenario)


def test_effects_are_heard_after_the_caller_has_its_answer(watched: Watched) -> None:
    order: list[str] = []

    async def caller(unit: Unit, name: str) -> None:
        await unit.transact(put(name, f"effect of {name}"))
        order.append(f"answer to {name}")

    async def scenario(unit: Unit) -> None:
        unit.subscribe(order.extend)
        for name in "abc":
            await caller(unit, name)
        await asyncio.gather(caller(unit, "d"), unit.transact(put("a", "effect of nothing")))

    run(watched, scenario)
    for name in "abcd":
        assert order.index(f"answer to {name}") < order.index(f"effect of {name}")


def test_effects_of_a_refused_work_are_never_heard(watched: Watched) -> None:
    heard: list[Any] = []

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        with pytest.raises(LookupError):
            await unit.transact(refuse)

    run(watched, scenario)
    assert heard == []


def test_a_listener_that_fails_harms_neither_callers_nor_other_listeners(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    def faulty(effects: list[Any]) -> None:
        raise ValueError

    async def scenario(unit: Unit) -> None:
        unit.subscribe(faulty)
        unit.subscribe(heard.extend)
        assert await unit.transact(put("a", "x")) is True
        assert await unit.transact(put("b", "y")) is True

    run(watched, scenario)
    assert heard == ["x", "y"]
    assert "the change itself is stored" in caplog.text


def test_those_who_act_on_a_type_hear_of_it_in_the_order_they_came_whatever_the_others_do(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []

    def faulty(_effect: str) -> None:
        raise ValueError

    async def scenario(unit: Unit) -> None:
        unit.subscribe(Acting({str: faulty, int: heard.append}))
        unit.subscribe(Acting({str: lambda effect: heard.append(("own", effect))}), own=True)
        unit.subscribe(Acting({str: lambda effect: heard.append(("all", effect))}))
        await unit.transact(put("a", "x"))
        await unit.delivered()
        unit.hear(["y", 1.5, 2])

    run(watched, scenario)
    assert heard == [("own", "x"), ("all", "x"), ("all", "y"), 2]
    assert caplog.text.count("the change itself is stored") == 2


def test_reset_empties_the_store(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        await unit.transact(put("a"))
        await unit.reset()
        assert await unit.read(names) == []

    run(watched, scenario)


def test_close_finishes_what_was_handed_over_and_refuses_the_rest(watched: Watched) -> None:
    heard: list[Any] = []

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        calls = [unit.transact(put(f"t{number}", f"t{number}")) for number in range(40)]
        await unit.close()
        assert [await call for call in calls] == [True] * 40
        assert sorted(heard) == sorted(f"t{number}" for number in range(40))
        for late in (unit.transact(put("late")), unit.read(names), unit.reset()):
            with pytest.raises(StoreUnavailable, match="closed"):
                await late

    run(watched, scenario)
    assert watched.closed


# One thread, one commit a turn


def test_what_arrives_in_one_turn_of_the_loop_shares_a_commit(embedded: Watched) -> None:
    async def device(unit: Unit, name: str) -> bool:
        await unit.transact(put(name))
        return await unit.transact(put(f"{name}'"))

    async def scenario(unit: Unit) -> None:
        assert await asyncio.gather(*(device(unit, f"t{number}") for number in range(7))) == [True] * 7

    run(embedded, scenario)
    assert embedded.commits == [7, 7]


def test_works_run_in_the_order_they_were_handed_over_and_their_effects_follow_in_it(embedded: Watched) -> None:
    order: list[str] = []
    heard: list[str] = []

    def work(name: str) -> Work[None]:
        def run(tx: Tx) -> None:
            order.append(name)
            tx.effects.append(name)

        return run

    given = [str(number) for number in range(20)]

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        await asyncio.gather(*(unit.transact(work(name)) for name in given))

    run(embedded, scenario)
    assert order == given
    assert heard == given


def test_a_batch_is_bounded_and_the_rest_has_its_turn(embedded: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticked, "BATCH", 4)

    async def scenario(unit: Unit) -> None:
        await asyncio.gather(*(unit.transact(put(f"t{number}")) for number in range(10)))

    run(embedded, scenario)
    assert embedded.commits == [4, 4, 2]


def test_a_caller_that_leaves_before_its_turn_takes_its_work_back(embedded: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        first, second = unit.transact(put("a")), unit.transact(put("b"))
        first.cancel()
        assert await second is True
        assert await unit.read(names) == ["b"]

    run(embedded, scenario)


def test_a_caller_that_leaves_after_the_commit_does_not_stop_the_effects(embedded: Watched) -> None:
    heard: list[Any] = []

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        task = asyncio.ensure_future(unit.transact(put("a", "x")))
        embedded.commit = _then(embedded.commit, task.cancel)  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await unit.read(names) == ["a"]

    run(embedded, scenario)
    assert heard == ["x"]


def _then(call: Callable[..., Any], after: Callable[[], object]) -> Callable[..., Any]:
    def both(*given: Any) -> Any:
        result = call(*given)
        after()
        return result

    return both


def test_a_signal_during_a_commit_leaves_nobody_waiting(embedded: Watched) -> None:
    answers: list[asyncio.Future[bool]] = []

    async def scenario() -> None:
        unit = units.over(embedded)
        answers.append(unit.transact(put("a")))
        embedded.failure = KeyboardInterrupt()
        await asyncio.sleep(3600)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(scenario())
    assert isinstance(answers[0].exception(), StoreUnavailable)


def test_what_a_file_was_told_is_there_after_close(tmp_path: Path) -> None:
    path = tmp_path / "tidegate.db"

    async def scenario(unit: Unit) -> None:
        await asyncio.gather(*(unit.transact(put(name)) for name in "abc"))

    run(Watched(SqliteDatabase(path, now=NOW)), scenario)
    again = SqliteDatabase(path, now=NOW)
    assert again.read(names) == ["a", "b", "c"]
    again.close()


# Many threads


def test_works_of_a_pool_run_side_by_side(postgres_url: str) -> None:
    """Each waits until the other has begun."""
    database = PostgresDatabase(postgres_url, now=NOW)
    meeting = threading.Barrier(2)

    async def scenario(unit: Unit) -> None:
        await asyncio.gather(*(unit.transact(lambda tx: meeting.wait(10)) for _ in range(2)))

    run(Watched(database), scenario)


def device_work(name: str) -> Work[Any]:
    """A work that goes with others like it, and leaves a template."""
    return together(put(name), (SCOPE, name))


def test_devices_of_a_pool_go_in_sets_that_grow_while_others_are_under_way(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()
    watched = Watched(database)
    held = threading.Event()

    async def scenario(unit: Unit) -> None:
        slow = [unit.transact(together(lambda tx: held.wait(10), (SCOPE, "x"))) for _ in range(pooled._SETS)]
        await asyncio.sleep(0)
        first = [unit.transact(device_work(f"a{number}")) for number in range(FEW)]
        await asyncio.sleep(0)
        second = [unit.transact(device_work(f"b{number}")) for number in range(FEW)]
        second[0].cancel()
        held.set()
        assert await asyncio.gather(*slow, *first, *second[1:]) == [True] * (pooled._SETS + 2 * FEW - 1)

    run(watched, scenario)
    assert watched.commits == [1] * pooled._SETS + [2 * FEW - 1]
    again = PostgresDatabase(postgres_url, now=NOW)
    assert again.read(names) == [f"a{number}" for number in range(FEW)] + [f"b{number}" for number in range(1, FEW)]
    again.close()


def test_devices_that_wait_when_a_pool_closes_are_served(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()

    async def scenario(unit: Unit) -> None:
        given = [unit.transact(device_work(f"a{number}")) for number in range(2 * FEW)]
        await unit.close()
        assert [future.result() for future in given] == [True] * 2 * FEW
        with pytest.raises(StoreUnavailable):
            await unit.transact(device_work("late"))

    run(Watched(database), scenario)


def test_a_failure_of_the_database_reaches_every_device_of_a_set(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()
    watched = Watched(database)
    watched.failure = StoreUnavailable("gone")

    async def scenario(unit: Unit) -> None:
        given = [unit.transact(device_work(f"a{number}")) for number in range(FEW)]
        found = await asyncio.gather(*given, return_exceptions=True)
        assert found == [watched.failure] * FEW
        watched.failure = None
        assert await unit.transact(device_work("b")) is True

    run(watched, scenario)


def test_a_caller_of_a_pool_that_leaves_during_its_work_does_not_stop_the_effects(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()
    heard: list[Any] = []
    begun, left = threading.Event(), threading.Event()

    def work(tx: Tx) -> bool:
        begun.set()
        assert left.wait(10)
        return put("a", "x")(tx)

    async def scenario(unit: Unit) -> None:
        unit.subscribe(heard.extend)
        future = unit.transact(work)
        await asyncio.to_thread(begun.wait, 10)
        future.cancel()
        left.set()
        await unit.close()

    run(Watched(database), scenario)
    assert heard == ["x"]
    again = PostgresDatabase(postgres_url, now=NOW)
    assert again.read(names) == ["a"]
    again.close()


def test_a_store_error_is_a_store_error_everywhere(watched: Watched) -> None:
    async def scenario(unit: Unit) -> None:
        with pytest.raises(StoreError, match="a statement failed"):
            await unit.transact(lambda tx: tx.run("tag_put", {"scope": 1}))
        with pytest.raises(StoreError, match="a statement failed"):
            await unit.read(lambda tx: tx.one("tag_list", {"scope": 1}))

    run(watched, scenario)


# Locks of somebody else


def give_up_after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ticked, pooled):
        monkeypatch.setattr(module, "LOCK_PATIENCE_S", seconds)


@pytest.fixture
def locked(watched: Watched, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store as a server opens it, a row that somebody else holds, and the way to let it go."""
    give_up_after(0.6, monkeypatch)
    watched.database.close()
    if not watched.concurrent:
        path = tmp_path / "t.db"
        watched.database = SqliteDatabase(path, now=NOW, patience_seconds=0)
        transact(watched.database, put("held"))
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        return other
    url = request.getfixturevalue("postgres_url")
    watched.database = PostgresDatabase(url, now=NOW, lock_wait_ms=50)
    transact(watched.database, put("held"))
    holder = psycopg.connect(url)
    holder.execute("SELECT * FROM job_template WHERE name = 'held' FOR UPDATE")
    return holder


def remove(name: str) -> Work[Any]:
    return locks_rows(lambda tx: templates.delete(tx, SCOPE, name))


def test_a_foreign_lock_is_waited_for_while_the_loop_goes_on(
    watched: Watched, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_after(20, monkeypatch)

    async def scenario(unit: Unit) -> None:
        future = unit.transact(remove("held"))
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert not future.done(), "who waits on the loop has given up before it turns a hundred times"
        assert await unit.read(names) == ["held"]
        locked.close()
        await asyncio.wait_for(future, 10)
        assert await unit.read(names) == []

    run(watched, scenario)


def test_a_foreign_lock_that_stays_is_told(watched: Watched, locked: Any) -> None:
    async def scenario(unit: Unit) -> None:
        with pytest.raises(StoreUnavailable, match="lock"):
            await asyncio.wait_for(unit.transact(remove("held")), 10)
        locked.close()
        await asyncio.wait_for(unit.transact(remove("held")), 10)
        assert await unit.read(names) == []

    run(watched, scenario)


def test_who_waits_for_a_foreign_lock_when_the_server_stops_is_answered(watched: Watched, locked: Any) -> None:
    futures = []

    async def scenario(unit: Unit) -> None:
        futures.append(unit.transact(remove("held")))

    run(watched, scenario)
    assert isinstance(futures[0].exception(), StoreUnavailable)
    locked.close()


def test_sixteen_on_one_locked_row_stop_nobody_else(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    give_up_after(1.0, monkeypatch)
    database = PostgresDatabase(postgres_url, now=NOW, lock_wait_ms=units.LOCK_WAIT_MS)
    database.reset()
    transact(database, put("held"))
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT * FROM job_template FOR UPDATE")

        async def scenario(unit: Unit) -> None:
            blocked = [unit.transact(remove("held")) for _ in range(32)]
            for lane in Lane:
                await asyncio.wait_for(unit.transact(in_lane(lane, put(f"of {lane.value}"))), 0.9)
            assert not any(future.done() for future in blocked)
            refused = await asyncio.gather(*blocked, return_exceptions=True)
            assert all(isinstance(error, StoreUnavailable) for error in refused)

        run(Watched(database), scenario)


def test_a_lane_that_is_full_is_not_in_the_way_of_another(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()
    go = threading.Event()

    async def scenario(unit: Unit) -> None:
        full = [unit.transact(locks_rows(lambda tx: go.wait(20))) for _ in range(40)]
        for lane in (Lane.IDENTITY, Lane.HOUSE, Lane.DEVICES):
            await asyncio.wait_for(unit.read(in_lane(lane, names)), 5)
        go.set()
        assert await asyncio.gather(*full) == [True] * 40

    run(Watched(database), scenario)


def test_one_of_a_set_that_meets_a_lock_leaves_the_others_alone(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW, lock_wait_ms=50)
    database.reset()
    transact(database, put("held"))
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT * FROM job_template FOR UPDATE")

        async def scenario(unit: Unit) -> None:
            one = unit.transact(together(remove("held"), (SCOPE, "held")))
            others = [unit.transact(together(put(f"t{number}"), (SCOPE, f"t{number}"))) for number in range(FEW + 2)]
            assert await asyncio.wait_for(asyncio.gather(*others), 3) == [True] * (FEW + 2)
            assert not one.done()
            holder.rollback()
            await asyncio.wait_for(one, 10)

        run(Watched(database), scenario)


def test_in_a_lane_accounts_take_turns() -> None:
    """Whatever waits of one: the thread is the other's next."""
    lane, begun, go, order = Threads(1, "test"), threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        begun.set()
        go.wait(10)

    lane.submit("a", first)
    assert begun.wait(10)
    for party in ("a",) * 50 + ("b",):
        lane.submit(party, partial(order.append, party))
    go.set()
    lane.shutdown()
    assert order.index("b") == 1
    assert len(order) == 51


def test_an_account_has_its_share_of_a_lane_at_most() -> None:
    """The rest is idle, and another account's work begins at once; what is left over is done when its share is free."""
    lane, begun, go, order = Threads(3, "test", 2), threading.Semaphore(0), threading.Event(), list[str]()

    def long() -> None:
        begun.release()
        go.wait(60)
        order.append("a")

    for _ in range(5):
        lane.submit("a", long)
    assert all(begun.acquire(timeout=60) for _ in range(2))
    other = threading.Event()
    lane.submit("b", other.set)
    assert other.wait(60)
    assert not begun.acquire(blocking=False)
    go.set()
    lane.shutdown()
    assert order == ["a"] * 5


def test_what_is_computed_for_accounts_takes_turns_by_account() -> None:
    async def scene() -> None:
        threads, begun, go, order = Threads(1, "test"), threading.Event(), threading.Event(), list[str]()

        def first() -> None:
            begun.set()
            go.wait()

        waiting = [threads.run("a", first)]
        await asyncio.to_thread(begun.wait)
        waiting += [threads.run(party, partial(order.append, party)) for party in ("a", "a", "a", "b")]
        failing = threads.run("b", lambda: 1 // 0)
        go.set()
        await asyncio.gather(*waiting)
        assert order == ["a", "b", "a", "a"]
        with pytest.raises(ZeroDivisionError):
            await failing
        threads.shutdown()

    asyncio.run(scene())
