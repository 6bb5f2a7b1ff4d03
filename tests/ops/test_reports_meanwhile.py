"""A device reports while others decide about its execution (PostgreSQL: SQLite has one transaction at a time)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import NOW, Run
from tests.ops.indexed import settle
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import sweeps
from tidegate.ops.effects import RowsHeld
from tidegate.ops.quotas import Limits
from tidegate.store import executions, jobs
from tidegate.store.database import Conflict, Database, Outcome, Tx, locks_rows, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.wire import iot, jobs_data

_THINGS = "arn:aws:iot:eu-west-1:123456789012:thing"
pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
def queued(run: Run, database: Database) -> None:
    """A job with one execution that its device has not begun."""
    thing = run("CreateThing", thing_name="t").thing_arn
    run("CreateJob", job_id="j", targets=[thing], document="{}")
    settle(database, NOW)


def _meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, run: Run) -> Callable[[], None]:
    """Have the device start its job right after a function of the store has looked."""
    looked: list[threading.Thread] = []
    original = getattr(executions, name)

    def look(*arguments: Any) -> Any:
        found = original(*arguments)
        if not looked:
            members = {"plane": "iot-jobs-data", "thing_name": "t"}
            looked.append(threading.Thread(target=run, args=("StartNextPendingJobExecution",), kwargs=members))
            looked[0].start()
            looked[0].join(20)
        return found

    monkeypatch.setattr(executions, name, look)
    return lambda: looked[0].join(20)


def _status(run: Run) -> str:
    status: str = run("DescribeJobExecution", thing_name="t", job_id="j").execution.status
    return status


@contextlib.contextmanager
def _held(postgres_url: str, statement: str) -> Iterator[psycopg.Connection]:
    """Somebody is in the middle of a change, for so long."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "SELECT 1 FROM job j JOIN execution e ON e.job_id = j.id JOIN thing t ON t.id = e.thing_id "
            "WHERE " + statement
        )
        yield connection


@pytest.fixture
def three(run: Run, database: Database) -> None:
    """A job with executions of t1, t2 and t3, which are IN_PROGRESS."""
    things = [run("CreateThing", thing_name=f"t{number}").thing_arn for number in (1, 2, 3)]
    run("CreateJob", job_id="j", targets=things, document="{}")
    settle(database, NOW)
    for number in (1, 2, 3):
        run("StartNextPendingJobExecution", plane="iot-jobs-data", thing_name=f"t{number}")


def _statuses(run: Run) -> list[str]:
    rows = run("ListJobExecutionsForJob", job_id="j").execution_summaries
    return [one.job_execution_summary.status for one in sorted(rows, key=lambda one: str(one.thing_arn))]


def _step(database: Database) -> list[Any]:
    """One step of the engine; its effects."""
    outcome = database.commit([locks_rows(lambda tx: sweeps.sweep(tx, NOW, Limits()))])[0]
    outcome.result()
    return outcome.effects


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("chunk", [250, 2, 1])
def test_a_canceled_job_waits_for_nobody_and_comes_back_for_what_was_held(
    run: Run, database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(sweeps, "CANCEL_CHUNK", chunk)
    with _held(postgres_url, "t.name = 't2' FOR UPDATE OF e"):
        run("CancelJob", job_id="j", force=True)
        while RowsHeld() not in _step(database):
            pass
        assert _statuses(run) == ["CANCELED", "IN_PROGRESS", "CANCELED"]
    settle(database, NOW)
    assert _statuses(run) == ["CANCELED"] * 3
    assert database.read(lambda tx: jobs.miscounted(tx, 9)) == []


@pytest.mark.usefixtures("three")
def test_a_deleted_job_waits_for_nobody_and_goes_when_all_are_free(
    run: Run, database: Database, postgres_url: str
) -> None:
    with _held(postgres_url, "t.name = 't2' FOR UPDATE OF e"):
        run("DeleteJob", job_id="j", force=True)
        assert RowsHeld() in _step(database)
        assert _statuses(run) == ["IN_PROGRESS"]
        assert database.read(lambda tx: jobs.miscounted(tx, 9)) == []
    settle(database, NOW)
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeJob", job_id="j")


@pytest.mark.usefixtures("three")
def test_who_holds_a_job_counts_apart_from_the_others(run: Run, database: Database, postgres_url: str) -> None:
    run("UpdateJobExecution", plane="iot-jobs-data", thing_name="t1", job_id="j", status="SUCCEEDED")
    run("CancelJob", job_id="j", force=True)
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT status, shard = 16, sum(count) FROM job_counter GROUP BY 1, 2").fetchall()
    assert {(int(status), apart): int(count) for status, apart, count in rows} == {
        (ExecutionStatus.QUEUED, False): 0,
        (ExecutionStatus.IN_PROGRESS, False): 2,
        (ExecutionStatus.SUCCEEDED, False): 1,
        (ExecutionStatus.IN_PROGRESS, True): -2,
        (ExecutionStatus.CANCELED, True): 2,
    }


def test_two_works_that_lock_two_jobs_do_not_wait_for_each_other(
    run: Run, database: Database, postgres_url: str
) -> None:
    """No deadlock is broken here: PostgreSQL would look for one after an hour."""
    for name in ("one", "two"):
        run("CreateThing", thing_name=name)
        run("CreateJob", job_id=name, targets=[f"{_THINGS}/{name}"], document="{}")
    settle(database, NOW)
    with psycopg.connect(postgres_url) as connection:
        first, second = (row[0] for row in connection.execute("SELECT id FROM job ORDER BY id"))
    both = threading.Barrier(2)

    def work(tx: Tx, job_ids: tuple[int, int], tries: list[int]) -> None:
        tries.append(1)
        jobs.lock(tx, job_ids[0])
        if len(tries) == 1:
            both.wait(60)
        jobs.lock_last(tx, job_ids[1])

    separator = "&" if "?" in postgres_url else "?"
    patient = PostgresDatabase(f"{postgres_url}{separator}options=-c%20deadlock_timeout%3D1h", now=NOW)
    outcomes: list[Outcome[Any]] = []

    def lock(*job_ids: int) -> None:
        tries: list[int] = []
        outcomes.extend(patient.commit([locks_rows(lambda tx: work(tx, job_ids, tries))]))

    threads = [threading.Thread(target=lock, args=ids) for ids in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    patient.close()
    assert [outcome.error for outcome in outcomes] == [None, None]


@pytest.mark.usefixtures("queued")
@pytest.mark.parametrize(
    ("operation", "members"),
    [("CancelJobExecution", {}), ("DeleteJobExecution", {"execution_number": 1})],
)
def test_what_has_begun_meanwhile_needs_force(
    run: Run, monkeypatch: pytest.MonkeyPatch, operation: str, members: dict[str, Any]
) -> None:
    done = _meanwhile(monkeypatch, "get", run)
    with pytest.raises(iot.InvalidStateTransitionException):
        run(operation, thing_name="t", job_id="j", **members)
    done()
    assert _status(run) == "IN_PROGRESS"


def _wait_until_done_or_blocked(thread: threading.Thread, postgres_url: str) -> None:
    """Until a thread has ended, or PostgreSQL has it wait for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        while thread.is_alive() and connection.execute(waiting).fetchone() is None:
            thread.join(0.01)


def test_a_report_while_the_job_is_deleted_is_counted(
    run: Run, database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = [run("CreateThing", thing_name=name).thing_arn for name in ("t", "u", "v")]
    run("CreateJob", job_id="j", targets=things, document="{}")
    settle(database, NOW)
    run("DeleteJob", job_id="j", force=True)

    def report() -> None:
        with contextlib.suppress(Conflict, jobs_data.ResourceNotFoundException):
            run("UpdateJobExecution", plane="iot-jobs-data", thing_name="t", job_id="j", status="IN_PROGRESS")

    original = executions.hold_of_job
    reporter = threading.Thread(target=report)

    def hold(*arguments: Any) -> Any:
        found = original(*arguments)
        reporter.start()
        _wait_until_done_or_blocked(reporter, postgres_url)
        return found

    monkeypatch.setattr(executions, "hold_of_job", hold)
    monkeypatch.setattr(sweeps, "DELETE_CHUNK", 2)
    transact(database, locks_rows(lambda tx: sweeps.sweep(tx, NOW, Limits())))
    reporter.join(20)
    counts = run("DescribeJob", job_id="j").job.job_process_details
    assert (counts.number_of_queued_things, counts.number_of_in_progress_things) == (1, 0)
    assert database.read(lambda tx: jobs.miscounted(tx, 9)) == []
