"""What a forecast is made from, on both stores; and that one of a running job goes on as the engine does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.played import Played
from tests.ops.world import World, abort_when, retries, timeout
from tidegate.core.forecast import exact
from tidegate.core.forecast.run import Start
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops import forecast
from tidegate.ops.call import Call
from tidegate.ops.forecast import Bounds, RefusedError, Wanted
from tidegate.store.database import Database
from tidegate.wire import iot
from tidegate.wire.errors import WireError

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
_RATE = iot.JobExecutionsRolloutConfig(maximum_per_minute=2)


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> World:
    return World(run, database, call)


def begin(database: Database, world: World, bounds: Bounds = Bounds(), **wanted: Any) -> Start:  # noqa: B008 - a value
    call = world.call._replace(now=world.now)
    return database.read(lambda tx: forecast.start(tx, call, Wanted(**wanted), bounds))


def test_a_request_is_read_as_create_job_reads_it(database: Database, world: World) -> None:
    request = {
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 7},
        "timeoutConfig": {"inProgressTimeoutInMinutes": 9},
        "schedulingConfig": {"startTime": "2026-01-01T01:00:00Z"},
    }
    start = begin(database, world, request=request, things=30)
    assert (start.to_come, start.timeout_minutes, start.job.plan.per_minute) == (30, 9, 7)
    assert (start.job.status, start.job.plan.starts_at) == ("SCHEDULED", NOW + 60 * MINUTE)
    assert start.until == NOW + 60 * DAY


def test_a_template_and_a_group_with_those_below_it(database: Database, world: World) -> None:
    world("CreateJobTemplate", job_template_id="t", description="d", document="{}", timeout_config=timeout(5))
    world.things(3)
    world.group("up", "t1")
    world("CreateThingGroup", thing_group_name="down", parent_group_name="up")
    world("AddThingToThingGroup", thing_group_name="down", thing_name="t2")
    start = begin(database, world, template="t", group="up")
    assert (start.to_come, start.timeout_minutes) == (2, 5)
    named = {"jobTemplateArn": world.call.arn("jobtemplate/t"), "targets": [world.call.arn("thinggroup/up")]}
    assert begin(database, world, request=named).to_come == 2


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"request": {}, "template": "t", "things": 1},
        {"request": {}},
        {"request": {}, "things": -1},
        {"request": {}, "things": 1, "days": 0},
        {"template": "missing", "things": 1},
        {"job": "missing"},
        {"request": {}, "group": "missing"},
        {"request": {"timeoutConfig": {"inProgressTimeoutInMinutes": 0}}, "things": 1},
        {"request": {"abortConfig": {"criteriaList": []}}, "things": 1},
        {"request": {"timeoutConfig": 3}, "things": 1},
    ],
)
def test_what_is_refused(database: Database, world: World, wanted: dict[str, Any]) -> None:
    with pytest.raises((RefusedError, WireError)):
        begin(database, world, **wanted)


class Steady:
    """Devices whose plans do not depend on when they are asked for."""

    def begins(self, thing: int, attempt: int, at: int) -> int | None:
        return at + random.Random(thing * 100 + attempt).randrange(1, 5 * MINUTE)

    def ends(self, thing: int, attempt: int, began_at: int, now: int) -> tuple[int, ExecutionStatus] | None:
        chance = random.Random(thing * 1000 + attempt)
        status = chance.choice((ExecutionStatus.SUCCEEDED, ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED))
        return began_at + chance.randrange(1, 9 * MINUTE), status


class Renumbered:
    """The same devices under the numbers they have from now on; those that wait begin when they were going to."""

    def __init__(self, devices: Steady, things: list[int], plans: dict[int, int]) -> None:
        self._devices, self._things, self._plans = devices, things, plans

    def begins(self, thing: int, attempt: int, at: int) -> int | None:
        planned = self._plans.pop(thing, None)
        return self._devices.begins(self._things[thing], attempt, at) if planned is None else planned

    def ends(self, thing: int, attempt: int, began_at: int, now: int) -> tuple[int, ExecutionStatus] | None:
        return self._devices.ends(self._things[thing], attempt, began_at, now)


@pytest.mark.parametrize("minutes", [1, 4, 9])
def test_a_running_job_goes_on_as_foreseen(database: Database, world: World, minutes: int) -> None:
    settings = {
        "job_executions_rollout_config": _RATE,
        "job_executions_retry_config": retries(ALL=1),
        "abort_config": abort_when("FAILED", "60", 4),
        "timeout_config": timeout(6),
    }
    world("CreateJob", job_id="j", targets=world.things(16), document="{}", **settings)
    devices = Steady()
    played = Played(world, database, 16, devices)
    played.until(NOW + minutes * MINUTE)
    world.now = NOW + minutes * MINUTE + 1
    start = begin(database, world, job="j")
    before = played.seen()
    active = [one for one in before if one.ended_at < 0]
    active.sort(key=lambda one: (one.queued_at, one.thing))
    things = [one.thing for one in active] + list(range(16 - start.to_come, 16))
    plans = {
        place: devices.begins(one.thing, one.attempt, one.queued_at) or 0
        for place, one in enumerate(active)
        if one.status == ExecutionStatus.QUEUED and not one.attempt
    }
    assert (start.total, len(start.present)) == (16, len(active))
    foreseen = exact.run(start, Renumbered(devices, things, plans))
    played.until(NOW + DAY)
    row = played.row()
    later = [one for one in played.seen() if one not in before or one in active]
    happened = sorted((one.thing, one.attempt, one.status) for one in later)
    known = {(one.thing, one.attempt) for one in before if one.ended_at >= 0}
    columns = zip(foreseen.thing, foreseen.attempt, foreseen.status, strict=True)
    assert sorted((things[thing], attempt, status) for thing, attempt, status in columns) == [
        one for one in happened if one[:2] not in known
    ]
    assert foreseen.completed_at == row.completed_at


def test_what_devices_did_is_learned(database: Database, world: World) -> None:
    world("CreateJob", job_id="j", targets=world.things(4), document="{}", timeout_config=timeout(10))
    for number, (waits, runs, status) in enumerate([(1, 2, "SUCCEEDED"), (1, 3, "FAILED"), (0, 0, "REJECTED")], 1):
        world.minutes(waits)
        world.device("StartNextPendingJobExecution", f"t{number}")
        world.minutes(runs)
        world.report(f"t{number}", "j", status)
    world.device("StartNextPendingJobExecution", "t4")
    world.minutes(11)
    call = world.call._replace(now=world.now)
    [cohort] = database.read(lambda tx: forecast.learned(tx, call, ["j"], Bounds())).cohorts
    assert (cohort.failed, cohort.rejected, cohort.stuck, cohort.silent) == (0.25, 0.25, 0.25, 0.0)
    assert (cohort.start.values[0], cohort.start.values[-1]) == (MINUTE, 7 * MINUTE)
    assert (cohort.run.values[0], cohort.run.values[-1]) == (2 * MINUTE, 3 * MINUTE)


def test_there_must_be_something_to_learn(database: Database, world: World) -> None:
    world("CreateJob", job_id="j", targets=world.things(1), document="{}")
    with pytest.raises(RefusedError, match="nothing to learn"):
        database.read(lambda tx: forecast.learned(tx, world.call, ["j"], Bounds()))
    with pytest.raises(RefusedError, match="More than 0 executions"):
        begin(database, world, Bounds(present=0), job="j")


def test_a_job_that_ran_is_looked_back_at(database: Database, world: World) -> None:
    targets = world.things(5)
    world("CreateJob", job_id="j", targets=targets, document="{}", job_executions_rollout_config=_RATE)
    Played(world, database, 5, Steady()).until(NOW + DAY)
    call = world.call._replace(now=world.now)
    start, run = database.read(lambda tx: forecast.looking_back(tx, call, forecast.job_named(tx, call, "j"), Bounds()))
    assert (start.to_come, start.now) == (5, NOW)
    assert run.releases == [(NOW, 2), (NOW + MINUTE, 2), (NOW + 2 * MINUTE, 1)]
    foreseen = exact.run(start, Steady())
    rows = zip(run.thing, run.started_at, run.ended_at, run.status, strict=True)
    expected = zip(foreseen.thing, foreseen.started_at, foreseen.ended_at, foreseen.status, strict=True)
    assert sorted(rows) == sorted(expected)
    assert run.completed_at == foreseen.completed_at
