"""A device reports while others decide about its execution (PostgreSQL: SQLite has one transaction at a time)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.indexed import settle
from tidegate.store import executions
from tidegate.store.database import Database
from tidegate.wire import iot

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
