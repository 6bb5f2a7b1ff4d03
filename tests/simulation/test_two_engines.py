"""Two processes on one PostgreSQL, truly at once: engines and devices in threads. Only invariants can be checked."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.conftest import NOW
from tidegate.clock import SequentialIds
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, Outcome, Row, Tx, Work, locks_rows, together, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.statements import Statement
from tidegate.wire import iot, jobs_data
from tidegate.wire.errors import WireError

MINUTE = 60_000
THINGS = 40
RATE = 6
RETRIES = 2
TIMEOUT = 3
LIMITS = Limits()
QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT, REJECTED = range(6)
THRESHOLD = 30
LEAST = 15
_OPERATIONS = {"iot": iot.OPERATIONS, "iot-jobs-data": jobs_data.OPERATIONS}
_DUMPS = {
    "dump_executions": "SELECT thing_id, job_id, number, status, version, queued_at, updated_at, attempt, deadline"
    " FROM execution",
    "dump_counters": "SELECT job_id, status, sum(count) FROM job_counter GROUP BY job_id, status",
    "dump_jobs": "SELECT id, name, status FROM job",
    "dump_releases": "SELECT job_id, released_at, count FROM job_release",
}


def _sweep(tx: Tx, now: int) -> int | None:
    return sweeps.sweep(tx, now, LIMITS)


class Processes:
    """Two databases, one clock that everybody reads, and everybody's failures."""

    def __init__(self, databases: list[PostgresDatabase]) -> None:
        self.databases = databases
        self.now = NOW
        self.ended = False
        self.failures: list[BaseException] = []
        for database in databases:
            known = {name: Statement(sql, writes=False) for name, sql in _DUMPS.items()}
            database._known = {**database._known, **known}
        scope = transact(databases[0], lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
        self._call = Call(scope, "123456789012", "eu-west-1", NOW, SequentialIds())

    def run(self, database: Database, name: str, *, plane: str = "iot", **members: object) -> object:
        request = _OPERATIONS[plane][name].request(**members)
        handler, call = HANDLERS[plane, name], self._call._replace(now=self.now)
        return database.commit([handler.transaction(call, request)])[0].result()

    def dump(self, name: str) -> list[Row]:
        return self.databases[0].read(lambda tx: tx.all(name, {}))

    def engine(self, database: Database) -> None:
        """Step until the world has ended and nothing is due."""
        while True:
            ended, now = self.ended, self.now
            again: int | None = transact(database, locks_rows(partial(_sweep, now=now)))
            if ended and (again is None or again > now):
                return

    def devices(self, database: Database, seed: int, rounds: int) -> None:
        """Devices that start, succeed, fail and reject, in no order."""
        chance = random.Random(seed)
        for _ in range(rounds):
            thing = f"t{chance.randrange(THINGS)}"
            started = self.run(database, "StartNextPendingJobExecution", plane="iot-jobs-data", thing_name=thing)
            execution = started.execution  # type: ignore[attr-defined]
            status = chance.choice(("SUCCEEDED", "FAILED", "FAILED", "REJECTED", None))
            if execution is None or status is None:
                continue
            members = {"thing_name": thing, "job_id": execution.job_id, "execution_number": execution.execution_number}
            try:
                self.run(database, "UpdateJobExecution", plane="iot-jobs-data", status=status, **members)
            except WireError as error:  # it timed out, or another of the same name was first
                if type(error).__name__ not in ("InvalidStateTransitionException", "ResourceNotFoundException"):
                    raise

    def crowds(self, database: Database, seed: int, rounds: int) -> None:
        """Many devices that start, and then many that end, in one transaction each time; crowds of others overlap."""
        chance = random.Random(seed)
        for _ in range(rounds):
            things = [f"t{number}" for number in chance.sample(range(THINGS), THINGS // 2)]
            members: list[dict[str, object]] = [{"thing_name": thing} for thing in things]
            begun = self.crowd(database, "StartNextPendingJobExecution", members)
            running = [one.value.execution for one in begun if one.error is None and one.value.execution is not None]
            ends = [
                {
                    "thing_name": one.thing_name,
                    "job_id": one.job_id,
                    "execution_number": one.execution_number,
                    "status": chance.choice(("SUCCEEDED", "SUCCEEDED", "FAILED", "REJECTED")),
                    "status_details": {"by": str(seed)},
                }
                for one in running
            ]
            for outcome in begun + self.crowd(database, "UpdateJobExecution", ends):
                if type(outcome.error).__name__ not in (
                    "NoneType",
                    "InvalidStateTransitionException",
                    "ResourceNotFoundException",
                ):
                    raise outcome.error or AssertionError

    def crowd(self, database: Database, name: str, requests: list[dict[str, object]]) -> list[Outcome[Any]]:
        """Requests of devices that share a transaction if they can."""
        handler, call = HANDLERS["iot-jobs-data", name], self._call._replace(now=self.now)
        shape = jobs_data.OPERATIONS[name].request

        def work(members: dict[str, object]) -> Work[Any]:
            request = shape(**members)
            return together(handler.transaction(call, request), (call.scope, str(members["thing_name"])))

        return database.commit([work(members) for members in requests])

    def members(self, database: Database, seed: int, rounds: int) -> None:
        """Things that leave a group and join it again."""
        chance = random.Random(seed)
        for _ in range(rounds):
            members = {"thing_group_name": "late", "thing_name": f"t{chance.randrange(THINGS // 2)}"}
            name = chance.choice(("AddThingToThingGroup", "RemoveThingFromThingGroup"))
            self.run(database, name, **members)

    def together(self, *threads: threading.Thread) -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def guarded(self, target: object, *args: object) -> threading.Thread:
        def run() -> None:
            try:
                target(*args)  # type: ignore[operator]
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                self.failures.append(error)
                self.ended = True

        return threading.Thread(target=run)


@pytest.fixture
def processes(postgres_url: str) -> Iterator[Processes]:
    databases = [PostgresDatabase(postgres_url, now=NOW) for _ in range(2)]
    databases[0].reset()
    yield Processes(databases)
    databases[0].reset()
    for database in databases:
        database.close()


def _prepare(world: Processes) -> None:
    one = world.databases[0]
    arns: dict[str, str] = {}
    for name in ("all", "late"):
        arns[name] = world.run(one, "CreateThingGroup", thing_group_name=name).thing_group_arn  # type: ignore[attr-defined]
    for number in range(THINGS):
        world.run(one, "CreateThing", thing_name=f"t{number}")
        world.run(one, "AddThingToThingGroup", thing_group_name="all", thing_name=f"t{number}")
    config = {
        "document": "{}",
        "job_executions_rollout_config": iot.JobExecutionsRolloutConfig(maximum_per_minute=RATE),
        "job_executions_retry_config": iot.JobExecutionsRetryConfig(
            criteria_list=[iot.RetryCriteria(failure_type="ALL", number_of_retries=RETRIES)]
        ),
        "timeout_config": iot.TimeoutConfig(in_progress_timeout_in_minutes=TIMEOUT),
    }
    for number in range(3):
        world.run(one, "CreateJob", job_id=f"snapshot{number}", targets=[arns["all"]], **config)
    abort = iot.AbortConfig(
        criteria_list=[
            iot.AbortCriteria(
                failure_type="ALL",
                action="CANCEL",
                threshold_percentage=Decimal(THRESHOLD),
                min_number_of_executed_things=LEAST,
            )
        ]
    )
    world.run(one, "CreateJob", job_id="aborted", targets=[arns["all"]], abort_config=abort, **config)
    world.run(one, "CreateJob", job_id="continuous", targets=[arns["late"]], target_selection="CONTINUOUS", **config)


def _check(world: Processes) -> None:
    names = {row[0]: row[1] for row in world.dump("dump_jobs")}
    rows = world.dump("dump_executions")
    counted = Counter((row[1], row[3]) for row in rows)
    assert {(job, status): int(count) for job, status, count in world.dump("dump_counters") if count} == counted
    by_pair: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in sorted(rows):
        by_pair[row[:2]].append(row)
    for (_, job), attempts in by_pair.items():
        assert [row[2] for row in attempts] == list(range(1, len(attempts) + 1))
        assert sum(row[3] in (QUEUED, IN_PROGRESS) for row in attempts) <= 1
        seconds = [row[5] // 1000 for row in attempts]
        assert seconds == sorted(set(seconds))
        assert all(row[7] <= RETRIES for row in attempts)
        if names[job] != "continuous":
            assert [row[7] for row in attempts] == list(range(len(attempts)))
    for row in rows:
        assert row[8] is None or row[8] > world.now
    for job in names:
        instants = sorted((at, count) for number, at, count in world.dump("dump_releases") if number == job)
        for end, _ in instants:
            assert sum(count for at, count in instants if end - MINUTE < at <= end) <= RATE


def _check_abort(world: Processes) -> None:
    """Devices that ended at once must not have overlooked each other; what runs on afterwards may still succeed."""
    job, _, status = next(row for row in world.dump("dump_jobs") if row[1] == "aborted")
    counts = Counter(row[3] for row in world.dump("dump_executions") if row[1] == job)
    bad = counts[FAILED] + counts[TIMED_OUT] + counts[REJECTED]
    executed = bad + counts[SUCCEEDED]
    if executed >= LEAST and 100 * bad >= THRESHOLD * executed:
        assert status == "CANCELED"
    if status == "CANCELED":
        assert executed >= LEAST
        assert not counts[QUEUED]


def test_nothing_is_released_timed_out_or_tried_again_twice(processes: Processes) -> None:
    world = processes
    _prepare(world)
    one, two = world.databases
    engines = [world.guarded(world.engine, database) for database in world.databases]
    for thread in engines:
        thread.start()
    for turn in range(8):
        world.together(
            world.guarded(world.devices, one, 2 * turn, 25),
            world.guarded(world.devices, two, 2 * turn + 1, 25),
            world.guarded(world.crowds, one, turn, 3),
            world.guarded(world.crowds, two, turn + 100, 3),
            world.guarded(world.members, two, turn, 5),
        )
        world.now += random.Random(turn).randrange(20_000, 2 * MINUTE)
    world.ended = True
    for thread in engines:
        thread.join()
    assert world.failures == []
    _check(world)
    _check_abort(world)
