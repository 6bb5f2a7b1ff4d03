"""A PostgreSQL that says nothing, holds a lock, has no connection left, or whose last word is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.conftest import NOW
from tests.store.rows import template
from tidegate.store import channel as channels
from tidegate.store import templates, watch
from tidegate.store.database import Blocked, Lane, OutcomeUnknown, StoreUnavailable, Tx, in_lane, locks_rows, transact
from tidegate.store.postgres import PostgresDatabase
from tools.ordeal._proxy import Proxy

OVERDUE = 0.4
PROBE = 0.4
SOON = 2 * (OVERDUE + PROBE) + 1.0
"""Generous: two cores that others share."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "OVERDUE_S", OVERDUE)
    monkeypatch.setattr(watch, "PROBE_S", PROBE)
    monkeypatch.setattr(watch, "_TICK_S", 0.02)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    proxy = Proxy(postgres_url)
    yield proxy
    proxy.close()


@pytest.fixture
def behind(proxy: Proxy) -> Iterator[PostgresDatabase]:
    """A store behind a proxy."""
    database = PostgresDatabase(proxy.url, now=NOW)
    database.reset()
    yield database
    database.close()


def put(name: str) -> Any:
    return locks_rows(lambda tx: templates.insert(tx, 1, template(name)))


def asks(tx: Tx, query: str) -> Any:
    return tx._connection.execute(query).fetchone()  # type: ignore[attr-defined]


def names(database: PostgresDatabase) -> list[str]:
    return [one.name for one in database.read(lambda tx: templates.page(tx, 1, "", 99))]


def timed(database: PostgresDatabase, work: Any) -> tuple[float, Any]:
    began = time.monotonic()
    [outcome] = database.commit([work])
    return time.monotonic() - began, outcome.error or outcome.value


def test_connections_that_swallow_everything_are_replaced(
    proxy: Proxy, behind: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    inside = threading.Event()
    silenced = threading.Event()

    def work(tx: Tx) -> None:
        templates.insert(tx, 1, template("lost"))
        inside.set()
        assert silenced.wait(10)
        templates.insert(tx, 1, template("lost too"))

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(timed, behind, locks_rows(work))
        assert inside.wait(10)
        proxy.swallow_established()
        silenced.set()
        took, error = future.result(20)
    assert isinstance(error, StoreUnavailable)
    assert not isinstance(error, OutcomeUnknown), "it had not come to the commit"
    assert took < SOON
    assert timed(behind, put("a"))[1] is True
    assert names(behind) == ["a"]
    assert [record.message for record in caplog.records if "got no answer" in record.message]


def test_a_silent_server_refuses_at_once_and_is_used_again_when_it_answers(
    proxy: Proxy, behind: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fall_silent()
    with ThreadPoolExecutor(8) as threads:
        refused = list(threads.map(lambda number: timed(behind, put(f"t{number}")), range(8)))
    assert all(isinstance(error, StoreUnavailable) for _, error in refused)
    assert max(took for took, _ in refused) < 3.0 + SOON, "some try to connect first"
    took, error = timed(behind, put("a"))
    assert isinstance(error, StoreUnavailable)
    assert took < OVERDUE, "it is known"
    proxy.heal()
    deadline = time.monotonic() + SOON
    while timed(behind, put("b"))[1] is not True:
        assert time.monotonic() < deadline
    assert names(behind) == ["b"]
    said = [record.message for record in caplog.records if record.name == "tidegate.store"]
    assert [line.partition(":")[0] for line in said] == ["PostgreSQL does not answer", "PostgreSQL answers again"]


def test_a_server_that_is_at_work_may_go_on(behind: PostgresDatabase) -> None:
    took, value = timed(behind, lambda tx: asks(tx, "SELECT pg_sleep(1.2)"))
    assert took > 1.2 > OVERDUE + PROBE
    assert not isinstance(value, Exception)


def test_however_busy_it_is_no_call_takes_for_ever(behind: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LONGEST_S", 0.8)
    took, error = timed(behind, lambda tx: asks(tx, "SELECT pg_sleep(20)"))
    assert isinstance(error, StoreUnavailable)
    assert took < 0.8 + SOON


def test_the_channel_of_a_silent_server_is_renewed(
    proxy: Proxy, behind: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "ANSWER_S", 1.0)

    async def story() -> None:
        heard: asyncio.Queue[str] = asyncio.Queue()
        tuned: asyncio.Queue[int] = asyncio.Queue()
        channel = behind.channel("behind")
        channel.listen(heard.put_nowait, tuned.put_nowait)
        async with asyncio.timeout(120):
            first = await tuned.get()
            await channel.send(["before"])
            assert await heard.get() == "before"
            proxy.swallow_established()
            with pytest.raises(StoreUnavailable):
                await channel.send(["lost"])
            assert await tuned.get() != first, "who only listens is found out by the pulse"
            await channel.send(["after"])
            assert await heard.get() == "after"
            await channel.close()

    asyncio.run(story())


def test_a_lost_answer_to_commit_leaves_the_outcome_open(proxy: Proxy, behind: PostgresDatabase) -> None:
    proxy.swallow_answers_to = b"COMMIT\x00"
    [outcome] = behind.commit([put("kept")])
    assert isinstance(outcome.error, OutcomeUnknown)
    proxy.heal()
    assert names(behind) == ["kept"], "and it was kept"


def test_a_refusal_at_commit_is_known(behind: PostgresDatabase) -> None:
    """A deferred constraint speaks up at COMMIT: the server says so, and nothing is open."""

    def work(tx: Tx) -> None:
        connection = tx._connection  # type: ignore[attr-defined]
        connection.execute("CREATE TEMP TABLE deferred (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        connection.execute("INSERT INTO deferred VALUES (1), (1)")

    [outcome] = behind.commit([locks_rows(work)])
    assert outcome.error is not None
    assert not isinstance(outcome.error, StoreUnavailable)


def test_a_lock_is_waited_for_and_then_told(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW, lock_wait_ms=50)
    database.reset()
    transact(database, put("a"))
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT * FROM job_template FOR UPDATE")
        [outcome] = database.commit([locks_rows(lambda tx: templates.delete(tx, 1, "a"))])
        assert isinstance(outcome.error, Blocked)
        assert names(database) == ["a"], "who reads is not held up"
    database.close()


def test_without_a_new_connection_a_work_waits_for_one_of_ours(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE few LOGIN")
        admin.execute("CREATE DATABASE few OWNER few CONNECTION LIMIT 3")
    name = psycopg.conninfo.make_conninfo(postgres_url, user="few", dbname="few")
    database = PostgresDatabase(name, now=NOW)  # one each for operators, identity and house
    try:
        inside, go = threading.Event(), threading.Event()

        def slow(tx: Tx) -> None:
            inside.set()
            assert go.wait(10)

        with ThreadPoolExecutor(8) as threads:
            first = threads.submit(transact, database, slow)
            assert inside.wait(10)
            others = [threads.submit(transact, database, put(f"t{number}")) for number in range(5)]
            assert transact(database, in_lane(Lane.IDENTITY, put("health"))) is True, "it has a connection of its own"
            assert not any(each.done() for each in others)
            go.set()
            first.result(10)
            assert [each.result(10) for each in others] == [True] * 5
    finally:
        database.close()
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute("DROP DATABASE few WITH (FORCE)")
            admin.execute("DROP ROLE few")
