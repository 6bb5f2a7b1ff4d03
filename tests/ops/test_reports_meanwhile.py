"""A device reports while others decide about its execution (PostgreSQL: SQLite has one transaction at a time)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import NOW, Run
from tests.ops.indexed import settle
from tidegate.ops import sweeps
from tidegate.ops.call import Limits
from tidegate.store import executions, jobs
from tidegate.store.database import Conflict, Database, locks_rows, transact
from tidegate.wire import iot, jobs_data

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


@pytest.mark.usefixtures("queued")
def test_a_canceled_job_leaves_what_has_begun_meanwhile(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _meanwhile(monkeypatch, "chunk_of_job", run)
    run("CancelJob", job_id="j")
    settle(database, NOW)
    done()
    assert _status(run) == "IN_PROGRESS"


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
