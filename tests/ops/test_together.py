"""Devices' works that share a transaction do what they do one by one, on both engines: answers, effects and rows.

``tidegate.store.shared`` promises that a work cannot tell the difference. Here hypothesis draws fleets, jobs with and
without criteria, and what devices send in the same instant, sensible or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tidegate.clock import SequentialIds
from tidegate.ops import device, sweeps
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue, EventsWritten, PendingChanged
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, First, Outcome, Work, locks_rows, together, transact
from tidegate.store.shared import FEW
from tidegate.store.statements import Statement
from tidegate.wire import iot, jobs_data
from tidegate.wire.errors import WireError

THINGS = FEW + 4
STEP = 1_000

_DUMPS = {
    "dump_executions": "SELECT t.name, j.name, e.number, e.status, e.version, e.queued_at, e.started_at, e.updated_at,"
    " e.attempt, e.after_failed, e.forced, e.run_deadline, e.step_deadline, e.deadline, d.details"
    " FROM execution e JOIN thing t ON t.id = e.thing_id JOIN job j ON j.id = e.job_id"
    " LEFT JOIN execution_details d"
    " ON d.thing_id = e.thing_id AND d.job_id = e.job_id AND d.number = e.number ORDER BY 1, 2, 3",
    "dump_counters": "SELECT j.name, c.status, CAST(sum(c.count) AS BIGINT) FROM job_counter c JOIN job j"
    " ON j.id = c.job_id GROUP BY j.name, c.status HAVING sum(c.count) <> 0 ORDER BY 1, 2",
    "dump_jobs": "SELECT name, status, stage, updated_at, completed_at, reason_code, comment, wake_at"
    " FROM job ORDER BY 1",
    "dump_events": "SELECT topic, thing_name, message FROM event_outbox ORDER BY topic, thing_name, message",
    "dump_things": "SELECT id, name FROM thing ORDER BY id",
}


class Command(NamedTuple):
    """What one device sends."""

    operation: str
    thing: int
    members: dict[str, Any]


class Done(NamedTuple):
    """What came of one work: the answer or the refusal, and what its thing's devices are told."""

    answer: str
    told: list[tuple[str, Any]]


class Seen(NamedTuple):
    """All that anybody can see of a run."""

    done: list[list[Done]]
    others: list[list[str]]
    rows: dict[str, list[Any]]


_HANDLERS: dict[str, tuple[Callable[..., Any], type[Any]]] = {
    "get": (device.get_pending_job_executions, jobs_data.GetPendingJobExecutionsRequest),
    "start": (device.start_next_pending_job_execution, jobs_data.StartNextPendingJobExecutionRequest),
    "describe": (device.describe_job_execution, jobs_data.DescribeJobExecutionRequest),
    "update": (device.update_job_execution, jobs_data.UpdateJobExecutionRequest),
}

_criteria = {
    "plain": {},
    "retried": {
        "job_executions_retry_config": iot.JobExecutionsRetryConfig(
            criteria_list=[iot.RetryCriteria(failure_type="FAILED", number_of_retries=2)]
        )
    },
    "aborted": {
        "abort_config": iot.AbortConfig(
            criteria_list=[
                iot.AbortCriteria(
                    failure_type="FAILED",
                    action="CANCEL",
                    threshold_percentage=Decimal(40),
                    min_number_of_executed_things=3,
                )
            ]
        )
    },
    "timed": {"timeout_config": iot.TimeoutConfig(in_progress_timeout_in_minutes=5)},
}

_details = st.none() | st.dictionaries(st.sampled_from(["step", "why"]), st.sampled_from(["1", "é\u0001", ""]))
_steps = st.sampled_from([None, None, None, 1, -1, 99_999])
_jobs = st.sampled_from(["j0", "j0", "j1", "j2", "nothing"])
_numbers = st.sampled_from([None, None, None, 1, 2])
_members = {
    "get": st.just({}),
    "start": st.fixed_dictionaries({"status_details": _details, "step_timeout_in_minutes": _steps}),
    "describe": st.fixed_dictionaries({"job_id": _jobs | st.just("$next"), "execution_number": _numbers}),
    "update": st.fixed_dictionaries(
        {
            "job_id": _jobs,
            "status": st.sampled_from(
                ["SUCCEEDED", "SUCCEEDED", "FAILED", "FAILED", "REJECTED", "IN_PROGRESS", "CANCELED"]
            ),
            "status_details": _details,
            "expected_version": st.sampled_from([None, None, None, 1, 2]),
            "step_timeout_in_minutes": _steps,
            "include_job_execution_state": st.booleans(),
            "include_job_document": st.booleans(),
            "execution_number": _numbers,
        }
    ),
}


@st.composite
def commands(draw: st.DrawFn) -> Command:
    operation = draw(st.sampled_from(["get", "start", "start", "describe", "update", "update", "update"]))
    return Command(operation, draw(st.integers(0, THINGS)), draw(_members[operation]))


batches = st.lists(st.lists(commands(), min_size=FEW, max_size=2 * THINGS), min_size=1, max_size=3)
kinds = st.lists(st.sampled_from(sorted(_criteria)), min_size=1, max_size=3)


@pytest.fixture(autouse=True)
def _dumps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Statement] = database._known  # type: ignore[attr-defined]
    dumps = {name: Statement(sql, writes=False) for name, sql in _DUMPS.items()}
    monkeypatch.setattr(database, "_known", known | dumps)


class Fleet:
    """A fleet in an empty store, and devices that all send at once."""

    def __init__(self, database: Database, kinds: Sequence[str], *, events: bool = True) -> None:
        database.reset()
        self.database = database
        scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
        self.call = Call(scope, "123456789012", "eu-west-1", NOW, SequentialIds())
        on = {kind: iot.Configuration(enabled=events) for kind in ("JOB", "JOB_EXECUTION")}
        self.run("UpdateEventConfigurations", event_configurations=on)
        targets = [self.run("CreateThing", thing_name=f"t{number}").thing_arn for number in range(THINGS)]
        for number, kind in enumerate(kinds):
            members = {"targets": targets, "document": '{"a":1}', **_criteria[kind]}
            self.run("CreateJob", job_id=f"j{number}", **members)
        while (
            again := transact(database, locks_rows(lambda tx: sweeps.sweep(tx, NOW, Limits())))
        ) is not None and again <= NOW:
            pass
        self.names = {row[0]: row[1] for row in self.dump("dump_things")}

    def dump(self, name: str) -> list[Any]:
        return self.database.read(lambda tx: tx.all(name, {}))

    def run(self, name: str, **members: Any) -> Any:
        handler, request = HANDLERS["iot", name], iot.OPERATIONS[name].request(**members)
        return transact(self.database, handler.transaction(self.call, request))

    def work(self, command: Command, now: int) -> tuple[Work[Any], First]:
        run, shape = _HANDLERS[command.operation]
        name = f"t{command.thing}"
        request = shape(thing_name=name, **command.members)
        call = self.call._replace(now=now)
        return (lambda tx: run(tx, call, request)), (call.scope, name)

    def send(self, sent: Sequence[Command], now: int, *, shared: bool) -> list[Outcome[Any]]:
        works = [self.work(command, now) for command in sent]
        if shared:
            return self.database.commit([together(work, first) for work, first in works])
        return [self.database.commit([locks_rows(work)])[0] for work, _ in works]

    def done(self, outcome: Outcome[Any]) -> Done:
        told = [effect for effect in outcome.effects if isinstance(effect, PendingChanged)]
        return Done(_answer(outcome), [(self.names[one.thing_id], one.change) for one in told])

    def seen(self, given: Sequence[Sequence[Command]], *, shared: bool) -> Seen:
        done, others = [], []
        for number, sent in enumerate(given):
            outcomes = self.send(sent, NOW + STEP * (number + 1), shared=shared)
            done.append([self.done(outcome) for outcome in outcomes])
            # A job that is completed or stopped is one for all: whose work it was is nobody's business.
            effects = [effect for outcome in outcomes for effect in outcome.effects]
            others.append(sorted({str(type(one)) for one in effects if isinstance(one, EngineDue | EventsWritten)}))
            others[-1] += sorted(str(one.at) for one in effects if isinstance(one, EngineDue))
        return Seen(done, others, {name: self.dump(name) for name in _DUMPS if name != "dump_things"})


def _answer(outcome: Outcome[Any]) -> str:
    error = outcome.error
    if error is None:
        return msgspec.json.encode(outcome.value).decode()
    assert isinstance(error, WireError), error
    return f"{type(error).__name__} {error.message} {error.members}"


def update(thing: int, status: str, job: str = "j0", **members: Any) -> Command:
    return Command("update", thing, {"job_id": job, "status": status, **members})


ALL_START = [Command("start", number, {}) for number in range(THINGS)]
ALL_SUCCEED = [update(number, "SUCCEEDED") for number in range(THINGS)]
ALL_FAIL = [update(number, "FAILED") for number in range(THINGS)]
HALVES = [*ALL_FAIL[: FEW // 2], *ALL_START[FEW // 2 :]]
TWICE = [*ALL_START, *ALL_SUCCEED, *ALL_START, *ALL_FAIL]


@example(["plain", "plain"], [ALL_START, ALL_SUCCEED, ALL_START])
@example(["plain", "retried"], [TWICE, [update(number, "FAILED", "j1") for number in range(THINGS)], TWICE])
@example(["aborted", "timed"], [ALL_START, [*ALL_FAIL, *ALL_START]])
@example(["aborted"], [HALVES, ALL_START])
@given(kinds, batches)
@settings(max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_works_that_share_a_transaction_cannot_tell(
    database: Database, kinds: list[str], given: list[list[Command]]
) -> None:
    alone = Fleet(database, kinds).seen(given, shared=False)
    assert Fleet(database, kinds).seen(given, shared=True) == alone


def test_a_fleet_starts_and_finishes_with_a_handful_of_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(database, ["plain", "plain"], events=False)
    asked: list[str] = []
    counting = _Counting(database._known, asked)  # type: ignore[attr-defined]
    monkeypatch.setattr(database, "_known", counting)
    for sent in (ALL_START, ALL_SUCCEED):
        asked.clear()
        assert [outcome.error for outcome in fleet.send(sent, NOW + STEP, shared=True)] == [None] * THINGS
        assert "execution_pending" not in asked
        assert asked.count("execution_pending_all") <= 2
        assert len(asked) < THINGS + FEW


class _Counting(dict[str, Statement]):
    """Statements by name, and which of them were asked for."""

    def __init__(self, known: dict[str, Statement], asked: list[str]) -> None:
        super().__init__(known)
        self._asked = asked

    def __getitem__(self, name: str) -> Statement:
        self._asked.append(name)
        return super().__getitem__(name)
