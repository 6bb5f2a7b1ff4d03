"""A wall clock that is set: rollouts go on within a minute, never faster than their rate; timers last as they should.

Time is told twice here: as it passes, and as the wall clock says. The engine hears of a jump at its next look, as
``engine.loop`` sees to it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, work_of
from tidegate.clock import SequentialIds
from tidegate.ops import clock_jumps, sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.database import Database, locks_rows, transact
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot, jobs_data

SECOND, MINUTE, HOUR, YEAR = 1000, 60_000, 3_600_000, 365 * 24 * 3_600_000
_OPERATIONS = {"iot": iot.OPERATIONS, "iot-jobs-data": jobs_data.OPERATIONS}


class World:
    """A store, time as it passes (``passed``, ms) and the wall clock's error."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.passed = 0
        self.error = 0
        self.alone = True
        self.released: list[tuple[int, int]] = []
        self.ended: dict[str, int] = {}
        self._ids = SequentialIds()
        self._scope = transact(database, lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))

    @property
    def now(self) -> int:
        return NOW + self.passed + self.error

    def ask(self, name: str, plane: str = "iot", **members: Any) -> Any:
        handler = HANDLERS[plane, name]
        request = _OPERATIONS[plane][name].request(**members)
        call = Call(scope=self._scope, account="123456789012", region="eu-west-1", now=self.now, ids=self._ids)
        return transact(self.database, work_of(self.database, handler, call, request))

    def rollout(self, things: int, rate: int) -> None:
        arns = [self.ask("CreateThing", thing_name=f"t{number}").thing_arn for number in range(things)]
        self.ask(
            "CreateJob",
            job_id="j",
            targets=arns,
            document="{}",
            job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=rate),
            timeout_config=iot.TimeoutConfig(in_progress_timeout_in_minutes=10),
        )
        self.count()

    def count(self) -> None:
        """Note what was released since the last count."""
        found = self.ask("ListJobExecutionsForJob", job_id="j", max_results=250).execution_summaries
        queued = len(found) - sum(count for _, count in self.released)
        if queued:
            self.released.append((self.passed, queued))

    def engine(self) -> None:
        """What is due, until nothing is."""
        while True:
            due = transact(self.database, locks_rows(lambda tx: sweeps.sweep(tx, self.now, Limits())))
            if due is None or due > self.now:
                return

    def jump(self, by: int) -> None:
        before, self.error = self.now, self.error + by
        span = (before, before)
        transact(self.database, locks_rows(lambda tx: clock_jumps.follow(tx, span, self.now, alone=self.alone)))

    def restart(self) -> None:
        transact(self.database, locks_rows(lambda tx: clock_jumps.began(tx, self.now)))

    def pass_by(self, span: int) -> None:
        self.passed += span
        self.engine()

    def start(self, thing: str) -> None:
        self.ask("StartNextPendingJobExecution", plane="iot-jobs-data", thing_name=thing)

    def status(self, thing: str) -> str:
        found = self.ask("DescribeJobExecution", job_id="j", thing_name=thing)
        return str(found.execution.status)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


JUMPS = pytest.mark.parametrize("by", [-YEAR, -HOUR, -90 * SECOND, 90 * SECOND, HOUR, YEAR])


@JUMPS
def test_a_rollout_goes_on_within_a_minute_and_at_its_rate(world: World, by: int) -> None:
    world.rollout(things=9, rate=3)
    assert world.released == [(0, 3)]
    world.pass_by(20 * SECOND)
    world.jump(by)
    for _ in range(30):
        world.pass_by(10 * SECOND)
        world.count()
    assert sum(count for _, count in world.released) == 9
    instants = [at for at, _ in world.released]
    assert instants[1] <= 20 * SECOND + MINUTE + 10 * SECOND
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(instants))


@JUMPS
def test_a_timer_ends_when_its_time_has_passed(world: World, by: int) -> None:
    world.rollout(things=2, rate=3)
    world.start("t0")
    world.pass_by(4 * MINUTE)
    world.jump(by)
    world.start("t1")
    world.pass_by(5 * MINUTE + 59 * SECOND)
    assert world.status("t0") == "IN_PROGRESS"
    world.pass_by(SECOND)
    assert world.status("t0") == "TIMED_OUT"
    assert world.status("t1") == "IN_PROGRESS"
    world.pass_by(4 * MINUTE)
    assert world.status("t1") == "TIMED_OUT"


@JUMPS
def test_a_step_timer_too(world: World, by: int) -> None:
    world.rollout(things=1, rate=3)
    world.start("t0")
    world.ask(
        "UpdateJobExecution",
        plane="iot-jobs-data",
        thing_name="t0",
        job_id="j",
        status="IN_PROGRESS",
        step_timeout_in_minutes=3,
    )
    world.pass_by(MINUTE)
    world.jump(by)
    world.pass_by(2 * MINUTE - SECOND)
    assert world.status("t0") == "IN_PROGRESS"
    world.pass_by(SECOND)
    assert world.status("t0") == "TIMED_OUT"


def test_a_clock_that_was_put_right_while_the_server_was_away(world: World) -> None:
    """Nobody saw the jump: what lies in the future tells."""
    world.error = HOUR
    world.rollout(things=6, rate=3)
    world.start("t0")
    world.error = 0
    world.restart()
    for _ in range(7):
        world.pass_by(10 * SECOND)
        world.count()
    assert world.released == [(0, 3), (MINUTE, 3)]
    world.pass_by(9 * MINUTE)
    assert world.status("t0") == "TIMED_OUT"


def test_who_hears_of_a_jump_back_twice_moves_things_once(world: World) -> None:
    """Two servers on one store, whose clocks are set together."""
    world.error = HOUR
    world.alone = False
    world.rollout(things=1, rate=3)
    world.start("t0")
    world.jump(-HOUR)
    for _ in range(3):
        world.error = HOUR
        world.jump(-HOUR)
    world.pass_by(10 * MINUTE - SECOND)
    assert world.status("t0") == "IN_PROGRESS"
    world.pass_by(SECOND)
    assert world.status("t0") == "TIMED_OUT"


def test_what_was_written_since_the_clock_was_set_stays(world: World) -> None:
    """A device was faster than the engine: its timer goes by the clock as it is."""
    world.rollout(things=1, rate=3)
    world.pass_by(MINUTE)
    seen = world.now
    world.error = -HOUR
    world.passed += 500
    world.start("t0")
    world.passed += 200
    span = (seen, seen + 700)
    transact(world.database, locks_rows(lambda tx: clock_jumps.follow(tx, span, world.now, alone=True)))
    world.pass_by(10 * MINUTE - 201)
    assert world.status("t0") == "IN_PROGRESS"
    world.pass_by(1)
    assert world.status("t0") == "TIMED_OUT"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(1, 100 * SECOND), st.sampled_from([0, 0, 1]), st.integers(-2 * HOUR, 2 * HOUR)),
        min_size=5,
        max_size=25,
    ),
    st.integers(1, 4),
)
def test_whatever_a_clock_does_the_rate_holds_and_nothing_stands_still(
    steps: list[tuple[int, int, int]], rate: int
) -> None:
    database = SqliteDatabase(None, now=NOW)
    world = World(database)
    world.rollout(things=12, rate=rate)
    jumped_at = 0
    for span, jumps, by in steps:
        world.pass_by(span)
        world.count()
        total = sum(count for _, count in world.released)
        if total < 12:  # a look at the latest instant that is right, plus what passed between two looks here
            last = max(world.released[-1][0], jumped_at)
            assert world.passed - last < MINUTE + span + 1
        if jumps:
            world.jump(by)
            jumped_at = world.passed
            world.engine()
            world.count()
    for at, _ in world.released:
        assert sum(count for other, count in world.released if at <= other < at + MINUTE) <= rate
    database.close()
