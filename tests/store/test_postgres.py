"""The shared engine: many writers at once, and a server that goes away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.conftest import NOW
from tests.store.rows import Rows, at_once, guarded, template
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.ops import transitions
from tidegate.store import executions, jobs, scopes, templates
from tidegate.store.database import Conflict, StoreError, StoreUnavailable, Tx, locks_rows, transact
from tidegate.store.postgres import PostgresDatabase

QUEUED, IN_PROGRESS, SUCCEEDED = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS, ExecutionStatus.SUCCEEDED


@pytest.fixture
def server(postgres_url: str) -> Iterator[PostgresDatabase]:
    """An empty database with connections of its own, which a test may break."""
    database = PostgresDatabase(postgres_url, now=NOW)
    database.reset()
    yield database
    database.close()


@pytest.fixture
def rows(server: PostgresDatabase) -> Rows:
    return Rows(server)


def backend(tx: Tx) -> int:
    """The server process that serves a work's connection."""
    pid: int = tx._connection.info.backend_pid  # type: ignore[attr-defined]
    return pid


def kill(url: str, pid: int) -> None:
    """End one connection from the server's side, and wait until it is gone."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


# Many writers


def test_fifty_writers_of_one_name_and_exactly_one_wins(rows: Rows) -> None:
    won = at_once(50, lambda number: rows.put_template("same", description=str(number)))
    assert Counter(won) == {True: 1, False: 49}
    found = rows.do(lambda tx: templates.get(tx, rows.scope, "same"))
    assert found is not None
    assert won[int(found.description)] is True


def test_twenty_writers_of_one_scope_get_the_same_id(rows: Rows) -> None:
    ids = at_once(20, lambda _: rows.do(lambda tx: scopes.ensure(tx, "999999999999", "eu-west-1")))
    assert len(set(ids)) == 1


def test_a_read_then_write_counts_every_writer(rows: Rows) -> None:
    """Works run as if they were alone: a limit that is read first and then used up is never exceeded."""
    limit = 5

    def work(tx: Tx, number: int) -> bool:
        return templates.count(tx, rows.scope) < limit and templates.insert(tx, rows.scope, template(f"t{number}"))

    won = at_once(20, lambda number: rows.do(lambda tx: work(tx, number)))
    assert Counter(won) == {True: limit, False: 15}
    assert rows.do(lambda tx: templates.count(tx, rows.scope)) == limit


def test_two_engines_never_claim_the_same_job(rows: Rows) -> None:
    ids = [rows.job(f"j{number}", wake_at=NOW - number) for number in range(30)]

    def work(tx: Tx) -> int | None:
        job = jobs.claim_due(tx, NOW)
        if job is not None:
            jobs.put(tx, job, wake_at=None)
        return job.id if job else None

    def engine(_: int) -> list[int]:
        claimed = []
        while (job_id := guarded(rows.database, work)) is not None:
            claimed.append(job_id)
        return claimed

    claimed = at_once(4, engine)
    assert sorted(job_id for one in claimed for job_id in one) == sorted(ids)


def test_a_claimed_job_is_passed_over_until_it_is_let_go(rows: Rows) -> None:
    first, second = rows.job("first", wake_at=NOW - 1), rows.job("second", wake_at=NOW)
    with ThreadPoolExecutor(1) as other:

        def claim(tx: Tx) -> int | None:
            job = jobs.claim_due(tx, NOW)
            return job.id if job else None

        def outer(tx: Tx) -> tuple[int | None, int | None]:
            return claim(tx), other.submit(guarded, rows.database, claim).result()

        assert guarded(rows.database, outer) == (first, second)
    assert guarded(rows.database, claim) == first


def test_one_of_two_devices_moves_an_execution(rows: Rows) -> None:
    [thing] = rows.things(1)
    job_id = rows.job()
    rows.queue(job_id, [thing])
    moved = at_once(
        8,
        lambda number: guarded(
            rows.database,
            lambda tx: executions.put(tx, (thing, job_id, 1), 1, IN_PROGRESS, started_at=number, now=number),
        ),
    )
    assert Counter(moved) == {True: 1, False: 7}
    found = rows.do(lambda tx: executions.get(tx, thing, job_id))
    assert found is not None
    assert (found.version, found.started_at) == (2, moved.index(True))


def finisher(rows: Rows, job_id: int) -> Any:
    def finish(thing: int) -> None:
        def work(tx: Tx) -> None:
            if not executions.put(tx, (thing, job_id, 1), 1, SUCCEEDED, started_at=NOW, now=NOW):
                raise Conflict
            jobs.count_move(tx, job_id, QUEUED, SUCCEEDED)
            transitions.finish(tx, job_id, NOW)

        guarded(rows.database, work)

    return finish


def test_whoever_ends_the_last_executions_at_once_the_job_is_completed(rows: Rows) -> None:
    things = rows.things(16)
    for round_ in range(5):
        job_id = rows.job(f"j{round_}", stage=Stage.NONE, wake_at=None)
        rows.queue(job_id, things)
        rows.do(lambda tx, job_id=job_id: jobs.count_add(tx, job_id, {QUEUED: len(things)}))
        finish = finisher(rows, job_id)
        at_once(len(things), lambda number, finish=finish: finish(things[number]))
        assert rows.load(job_id).status == JobStatus.COMPLETED
        assert rows.do(lambda tx, job_id=job_id: jobs.counts(tx, job_id))[SUCCEEDED] == len(things)


def test_counters_are_spread_over_shards_and_still_add_up(rows: Rows) -> None:
    job_id = rows.job()
    rows.do(lambda tx: jobs.count_add(tx, job_id, {QUEUED: 400}))

    def device(_: int) -> None:
        for _ in range(20):
            guarded(rows.database, lambda tx: jobs.count_move(tx, job_id, QUEUED, IN_PROGRESS))

    at_once(10, device)
    counts = rows.do(lambda tx: jobs.counts(tx, job_id))
    assert (counts[QUEUED], counts[IN_PROGRESS]) == (200, 200)
    with psycopg.connect(rows.database._conninfo) as admin:  # type: ignore[attr-defined]
        [[shards]] = admin.execute("SELECT count(DISTINCT shard) FROM job_counter WHERE status = 1").fetchall()
    assert shards > 1


# Levels and reruns


def level(tx: Tx) -> str:
    [[name]] = tx._connection.execute("SELECT current_setting('transaction_isolation')").fetchall()  # type: ignore[attr-defined]
    return str(name)


def test_works_are_serializable_unless_they_lock_rows(server: PostgresDatabase) -> None:
    assert transact(server, level) == "serializable"
    assert transact(server, locks_rows(lambda tx: level(tx))) == "read committed"
    assert server.read(level) == "repeatable read"


def test_a_conflict_runs_the_work_again_without_its_effects(server: PostgresDatabase) -> None:
    attempts = []

    def work(tx: Tx) -> int:
        attempts.append(1)
        tx.effects.append(len(attempts))
        templates.insert(tx, 1, template("a"))
        if len(attempts) < 6:
            raise Conflict
        return len(attempts)

    [outcome] = server.commit([work])
    assert outcome.result() == 6
    assert outcome.effects == [6]
    assert server.read(lambda tx: templates.count(tx, 1)) == 1


def test_one_refused_work_of_several_says_so_itself(server: PostgresDatabase) -> None:
    def hopeless(tx: Tx) -> None:
        raise Conflict

    outcomes = server.commit([lambda tx: templates.insert(tx, 1, template("a")), hopeless])
    assert outcomes[0].result() is True
    assert isinstance(outcomes[1].error, StoreUnavailable)


def test_statements_are_prepared_once_whatever_their_numbers(server: PostgresDatabase) -> None:
    def work(tx: Tx) -> int:
        for number in [1, 40_000, 3_000_000_000] * 2:
            jobs.lock(tx, number)
        query = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM job WHERE id%'"
        return int(tx._connection.execute(query, prepare=False).fetchone()[0])  # type: ignore[attr-defined]

    assert transact(server, work) == 1


def test_a_server_that_trades_durability_for_speed_is_overruled(postgres_url: str) -> None:
    separator = "&" if "?" in postgres_url else "?"
    database = PostgresDatabase(f"{postgres_url}{separator}options=-csynchronous_commit%3Doff", now=NOW)
    query = "SELECT current_setting('synchronous_commit')"
    assert database.read(lambda tx: tx._connection.execute(query).fetchone()[0]) == "on"  # type: ignore[attr-defined]
    database.close()


# A server that goes away


def test_a_connection_that_died_while_idle_costs_nobody_a_refusal(server: PostgresDatabase, postgres_url: str) -> None:
    dead = [pid for pid in at_once(4, lambda _: transact(server, backend)) if not kill(postgres_url, pid)]
    assert transact(server, backend) not in dead
    assert server.read(backend) not in dead


def test_a_connection_that_breaks_inside_a_work_is_a_refusal_and_the_next_call_recovers(
    server: PostgresDatabase, postgres_url: str
) -> None:
    def work(tx: Tx) -> None:
        templates.insert(tx, 1, template("a"))
        kill(postgres_url, backend(tx))
        templates.insert(tx, 1, template("b"))

    outcomes = server.commit([work, lambda tx: templates.insert(tx, 1, template("c"))])
    assert isinstance(outcomes[0].error, StoreUnavailable)
    assert outcomes[1].result() is True
    assert [one.name for one in server.read(lambda tx: templates.page(tx, 1, "", 9))] == ["c"]


def test_a_connection_that_breaks_before_the_commit_keeps_nothing(server: PostgresDatabase, postgres_url: str) -> None:
    def work(tx: Tx) -> None:
        templates.insert(tx, 1, template("a"))
        kill(postgres_url, backend(tx))

    with pytest.raises(StoreUnavailable):
        transact(server, work)
    assert server.read(lambda tx: templates.count(tx, 1)) == 0


def test_a_refusal_stands_although_its_connection_broke(server: PostgresDatabase, postgres_url: str) -> None:
    def work(tx: Tx) -> None:
        kill(postgres_url, backend(tx))
        raise LookupError

    with pytest.raises(LookupError):
        transact(server, work)
    assert transact(server, lambda tx: templates.insert(tx, 1, template("a"))) is True


def test_a_read_whose_connection_breaks(server: PostgresDatabase, postgres_url: str) -> None:
    def work(tx: Tx) -> int:
        kill(postgres_url, backend(tx))
        return templates.count(tx, 1)

    with pytest.raises(StoreUnavailable):
        server.read(work)
    assert server.read(lambda tx: templates.count(tx, 1)) == 0


def test_no_server_is_said_at_once() -> None:
    with pytest.raises(StoreError, match="cannot use the PostgreSQL store"):
        PostgresDatabase("postgresql:///nowhere?host=/nonexistent", now=NOW)
    with pytest.raises(StoreError, match="cannot use the PostgreSQL store"):
        PostgresDatabase("postgresql://localhost/x?no_such_option=1", now=NOW)


def test_connections_are_kept_and_used_again(server: PostgresDatabase) -> None:
    assert len({transact(server, backend) for _ in range(5)}) == 1
    at_once(3, lambda _: transact(server, backend))
    assert sum(len(idle) for idle in server._idle.values()) <= 3 + 2


def test_after_close_everything_is_refused(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, now=NOW)
    database.close()
    with pytest.raises(StoreUnavailable):
        transact(database, backend)
    with pytest.raises(StoreUnavailable):
        database.read(backend)


# Migrations


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("INSERT INTO migration VALUES (9999, 'future', 'x', 1)", "has migration 9999.*use the newer tidegate"),
        ("UPDATE migration SET checksum = 'other' WHERE number = 1", r"migration 1 \(initial\) differs"),
    ],
)
def test_a_database_of_other_files_is_refused(
    server: PostgresDatabase, postgres_url: str, change: str, message: str
) -> None:
    with psycopg.connect(postgres_url) as admin:
        before = admin.execute("SELECT checksum FROM migration WHERE number = 1").fetchone()
        admin.execute(change)
    try:
        with pytest.raises(StoreError, match=message):
            PostgresDatabase(postgres_url, now=NOW)
    finally:
        with psycopg.connect(postgres_url) as admin:
            admin.execute("DELETE FROM migration WHERE number = 9999")
            admin.execute("UPDATE migration SET checksum = %s WHERE number = 1", before)
    PostgresDatabase(postgres_url, now=NOW).close()


def test_several_nodes_may_start_at_once_on_an_empty_server(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA fresh")
    separator = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{separator}options=-csearch_path%3Dfresh"
    try:
        nodes = at_once(4, lambda _: PostgresDatabase(url, now=NOW))
        assert [transact(node, lambda tx: templates.count(tx, 1)) for node in nodes] == [0, 0, 0, 0]
        for node in nodes:
            node.close()
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute("DROP SCHEMA fresh CASCADE")
