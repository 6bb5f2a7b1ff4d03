"""Chance: what operators, devices, clocks and power supplies do, from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tidegate.ops import own
from tidegate.store.database import Database
from tidegate.wire import iot
from tools.simulation import model
from tools.simulation.model import DAY, HOUR, MINUTE, SECOND, Broken, Exponential, Group, Job, Key, Settings, Window
from tools.simulation.world import DEVICE, World

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
_REST = 100_000
_SHOWN = 50


@dataclass(frozen=True)
class Size:
    """How large a run is. ``crashes`` is how many in a hundred transactions die first."""

    things: int = 40
    groups: int = 8
    jobs: int = 6
    steps: int = 120
    crashes: int = 4


@dataclass
class Summary:
    """What a run did."""

    seed: int
    device_days: float = 0
    steps: int = 0
    engine_steps: int = 0
    transactions: int = 0
    crashes: int = 0
    jobs: int = 0
    executions: int = 0


class Failed(AssertionError):
    """A run that broke, with its seed and the last of its actions."""


class Scenario:
    """One seeded run."""

    def __init__(self, seed: int, databases: Sequence[Database], size: Size, *, path: Path | None = None) -> None:
        self.seed = seed
        self.size = size
        self.chance = random.Random(seed)
        self.world = World(databases, START + self.chance.randrange(DAY), path=path)
        self.model = self.world.model
        self.log: list[str] = []
        self.summary = Summary(seed)
        self._began_at = self.world.now
        self._named = 0
        self._personas: dict[str, str] = {}
        self._last_report: dict[str, tuple[str, int, str]] = {}
        self._last_executions: set[Key] = set()
        self._down = False

    def run(self) -> Summary:
        """Everything, then the end of all jobs and their archive.

        Raises:
            Failed: with the seed and the last actions.
        """
        try:
            self._populate()
            for step in range(self.size.steps):
                self._step(step)
            self._finish()
        except Broken as error:
            shown = "\n".join(self.log[-_SHOWN:])
            raise Failed(f"seed {self.seed}, after {len(self.log)} actions: {error}\n{shown}") from error
        finally:
            self.world.close()
        found = self.summary
        found.engine_steps, found.transactions = self.world.steps, self.world.transactions
        found.crashes = self.world.crashes
        return found

    # --- time --------------------------------------------------------------------------------------------------

    def _note(self, text: str) -> None:
        at = datetime.fromtimestamp(self.world.now / 1000, UTC)
        self.log.append(f"{at:%d %H:%M:%S}.{self.world.now % 1000:03} {text}")

    def _settle(self) -> int | None:
        """The engine does all that is due; when it wants to look again."""
        for _ in range(_REST):
            crash = self.chance.randrange(1, 20) if self.chance.randrange(100) < self.size.crashes else 0
            again = self.world.step(crash=crash)
            if again is None or again > self.world.now:
                self.world.settled()
                return again
        raise Broken("the engine does not come to rest")

    def _advance(self, target: int) -> None:
        """Time passes while the engine runs: it acts at each instant it named."""
        again = self._settle()
        while again is not None and again <= target:
            self.world.now = again
            again = self._settle()
        self.world.now = target
        self._settle()

    def _pass(self) -> None:
        chance, now = self.chance, self.world.now
        kind = chance.choices(("short", "medium", "long", "down", "back", "none"), (40, 25, 8, 6, 4, 17))[0]
        if kind == "short":
            self._advance(now + chance.randrange(1, 90 * SECOND))
        elif kind == "medium":
            self._advance(now + chance.randrange(MINUTE, 45 * MINUTE))
        elif kind == "long":
            self._advance(now + chance.randrange(HOUR, 15 * HOUR))
        elif kind == "down":
            self.world.now = now + chance.randrange(MINUTE, 20 * HOUR)
            self._note("the server was down")
            if chance.random() < 0.7:
                self._settle()
        elif kind == "back":
            self.world.now = now - chance.randrange(1, 12 * MINUTE)
            self._note("the clock went back")
            self.world.look_again()
            if chance.random() < 0.7:
                self._settle()
        elif chance.random() < 0.8:
            self._settle()

    def _step(self, step: int) -> None:
        self.summary.steps += 1
        actions: list[tuple[Callable[[], None], int]] = [
            (self._device, 34),
            (self._join_or_leave, 10),
            (self._create_job, 6),
            (self._update_job, 5),
            (self._associate, 3),
            (self._cancel_job, 2),
            (self._pause_or_resume, 4),
            (self._delete_job, 2),
            (self._cancel_execution, 4),
            (self._delete_execution, 3),
            (self._things_come_and_go, 3),
            (self._groups_come_and_go, 2),
        ]
        for _ in range(self.chance.randrange(1, max(4, self.size.things // 12))):
            self.chance.choices([each for each, _ in actions], [weight for _, weight in actions])[0]()
        self._pass()
        if step % 5 == 0:
            self._look()

    def _finish(self) -> None:
        """Quiet: every job that can end ends, and two years later nothing of it is left."""
        self._note("the end begins")
        self._settle()
        for job in list(self.model.jobs.values()):
            if job.held:
                self._hold("ResumeJob", job)
            if job.active and (job.settings.continuous or job.settings.start or job.settings.end):
                self._cancel(job, force=True)
        self._settle()
        self._advance(self.world.now + DAY)
        for key, row in sorted(self.model.rows.items()):
            if row.status in model.ACTIVE:
                self._report(self._name_of(key[0]), self.model.jobs[key[1]], "SUCCEEDED", number=key[2])
        for _ in range(12):  # retries are at an end
            self._settle()
            for key, row in sorted(self.model.rows.items()):
                if row.status in model.ACTIVE:
                    self._report(self._name_of(key[0]), self.model.jobs[key[1]], "REJECTED", number=key[2])
        self._advance(self.world.now + DAY)
        for job in self.model.jobs.values():
            if job.active:
                raise Broken(f"job {job.name} does not end: it is {job.status}")
        self.summary.device_days = (self.world.now - self._began_at) / DAY * len(self.model.things)
        self.model.archive()
        self.world.now += model.RETENTION + DAY
        self._settle()
        if self.model.jobs or self.model.rows:
            raise Broken(f"not purged: {[job.name for job in self.model.jobs.values()]}")

    # --- things and groups -------------------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        self._named += 1
        return f"{kind}{self._named}"

    def _name_of(self, thing: int) -> str:
        return next(name for name, number in self.model.things.items() if number == thing)

    def _populate(self) -> None:
        for _ in range(self.size.things):
            self._create_thing()
        for _ in range(self.size.groups):
            self._create_group()
        for thing in list(self.model.things):
            for _ in range(self.chance.randrange(3)):
                self._regroup(thing, [], [self.chance.choice(list(self.model.groups))])
        self._settle()

    def _create_thing(self) -> None:
        name = self._name("t")
        self.world.operation("CreateThing", thing_name=name)
        number = next(row[0] for row in self.world.read("dump_things") if row[1] == name)
        self.model.create_thing(name, number)
        self._personas[name] = self.chance.choice(("good", "good", "bad", "silent", "rejecting", "slow", "mixed"))

    def _create_group(self) -> None:
        name = self._name("g")
        parents = [group for group in self.model.groups.values() if _depth(group) < 4]
        parent = self.chance.choice(parents).name if parents and self.chance.random() < 0.6 else None
        self.model.create_group(name, parent)
        self.world.operation("CreateThingGroup", thing_group_name=name, parent_group_name=parent)

    def _regroup(self, thing: str, leave: list[str], join: list[str]) -> None:
        self._note(f"{thing} leaves {leave} and joins {join}")
        expected = self.model.regroup(self.model.things[thing], leave, join, self.world.now)
        if len(leave) == 1 and not join:
            members = {"thing_group_name": leave[0], "thing_name": thing}
            self._do("RemoveThingFromThingGroup", expected, **members)
        elif len(join) == 1 and not leave:
            self._do("AddThingToThingGroup", expected, thing_group_name=join[0], thing_name=thing)
        else:
            self._do(
                "UpdateThingGroupsForThing",
                expected,
                thing_name=thing,
                thing_groups_to_remove=leave,
                thing_groups_to_add=join,
            )

    def _join_or_leave(self) -> None:
        thing = self._some_thing()
        if thing is None or not self.model.groups:
            return
        number = self.model.things[thing]
        names = list(self.model.groups)
        inside = [name for name in names if number in self.model.groups[name].members]
        kind = self.chance.choice(("join", "leave", "move"))
        leave = [self.chance.choice(inside)] if inside and kind != "join" else []
        join = [self.chance.choice(names)] if kind != "leave" else []
        if leave or join:
            self._regroup(thing, leave, [] if leave == join else join)

    def _things_come_and_go(self) -> None:
        if self.chance.random() < 0.5 and len(self.model.things) > 5:
            thing = self._some_thing()
            assert thing is not None
            self._note(f"{thing} is deleted")
            self.model.delete_thing(thing, self.world.now)
            self._do("DeleteThing", None, thing_name=thing)
        else:
            self._create_thing()

    def _groups_come_and_go(self) -> None:
        if self.chance.random() < 0.5 and len(self.model.groups) > 3:
            name = self.chance.choice(list(self.model.groups))
            self._note(f"group {name} is deleted")
            self._do("DeleteThingGroup", self.model.delete_group(name, self.world.now), thing_group_name=name)
        else:
            self._create_group()

    def _some_thing(self) -> str | None:
        return self.chance.choice(list(self.model.things)) if self.model.things else None

    # --- jobs --------------------------------------------------------------------------------------------------

    def _do(self, operation: str, expected: str | None, *, plane: str = "iot", **members: Any) -> object:
        crash = self.chance.randrange(1, 25) if self.chance.randrange(100) < self.size.crashes else 0
        return self.world.operation(operation, plane=plane, expected=expected, crash=crash, **members)

    def _create_job(self) -> None:
        if sum(job.active for job in self.model.jobs.values()) >= self.size.jobs or not self.model.groups:
            return
        settings = self._settings()
        names = self.chance.sample(list(self.model.groups), min(len(self.model.groups), self.chance.randrange(1, 4)))
        things = self.chance.sample(list(self.model.things), min(len(self.model.things), self.chance.randrange(4)))
        targets: list[int | Group] = [self.model.groups[name] for name in names]
        targets += [self.model.things[name] for name in things]
        arns = [self.world.arn("thinggroup", name) for name in names] + [
            self.world.arn("thing", name) for name in things
        ]
        name = self._name("j")
        self._note(f"job {name} on {names + things}: {settings}")
        self.world.operation(
            "CreateJob",
            check=False,
            job_id=name,
            targets=arns,
            document="{}",
            target_selection="CONTINUOUS" if settings.continuous else "SNAPSHOT",
            timeout_config=_timeout(settings),
            abort_config=_abort(settings),
            job_executions_retry_config=_retries(settings),
            job_executions_rollout_config=_rollout(settings),
            scheduling_config=_plan(settings),
            tags=[iot.Tag(key="tidegate:on-abort", value="pause")] if settings.pauses else None,
        )
        number = next(row[0] for row in self.world.read("dump_jobs") if row[1] == name)
        self.summary.jobs += 1
        self.model.create_job(Job(number, name, settings, targets, self.world.now, ""), self.world.now)
        self.world.compare(self.world.effects, engine=False, begins=True)

    def _settings(self) -> Settings:
        chance = self.chance
        continuous = chance.random() < 0.5
        start = self._minute(2 * MINUTE, 8 * HOUR) if chance.random() < 0.2 else None
        end = (start or self._minute(0, 0)) + chance.randrange(35, 2000) * MINUTE if chance.random() < 0.35 else None
        windows = (
            tuple(self._window() for _ in range(chance.randrange(1, 3))) if continuous and chance.random() < 0.5 else ()
        )
        return Settings(
            continuous=continuous,
            **self._rate(),
            abort=self._criteria() if chance.random() < 0.4 else (),
            retries=self._budgets() if chance.random() < 0.5 else (),
            timeout=chance.choice((None, None, 1, 3, 10, 60, 600)),
            start=start,
            end=end,
            end_behavior=chance.choice(("STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL")),
            windows=windows,
            pauses=chance.random() < 0.3,
        )

    def _minute(self, least: int, most: int) -> int:
        return (self.world.now // MINUTE + 1) * MINUTE + self.chance.randrange(least, most + 1) // MINUTE * MINUTE

    def _window(self) -> Window:
        minutes = self.chance.choice((1, 20, 60, 300, 900, 1430))
        weekday = self.chance.randrange(7) if self.chance.random() < 0.15 else None
        return Window(self.chance.randrange(24 * 60), weekday, minutes)

    def _rate(self) -> dict[str, Any]:
        chance = self.chance
        few = max(2, self.size.things // 4)
        ceiling = chance.choice((None, chance.randrange(1, few)))
        if chance.random() < 0.6:
            return {"per_minute": ceiling}
        criteria = chance.choice(((chance.randrange(1, few), None), (None, chance.randrange(1, few)), (3, 2)))
        factor = Decimal(chance.randrange(11, 50)) / 10
        base = chance.randrange(1, 1 + min(ceiling or 5, 5))
        return {"per_minute": ceiling, "exponential": Exponential(base, factor, *criteria)}

    def _criteria(self) -> tuple[tuple[str, Decimal, int], ...]:
        chance = self.chance
        return tuple(
            (
                chance.choice(("FAILED", "REJECTED", "TIMED_OUT", "ALL")),
                Decimal(chance.randrange(500, 10_001)) / 100,
                chance.randrange(1, max(3, self.size.things // 4)),
            )
            for _ in range(chance.randrange(1, 3))
        )

    def _budgets(self) -> tuple[tuple[str, int], ...]:
        chance = self.chance
        if chance.random() < 0.4:
            return (("ALL", chance.randrange(11)),)
        return (("FAILED", chance.randrange(5)), ("TIMED_OUT", chance.randrange(5)))

    def _some_job(self, *, active: bool = False) -> Job | None:
        found = [job for job in self.model.jobs.values() if job.active or not active]
        return self.chance.choice(found) if found else None

    def _update_job(self) -> None:
        job = self._some_job(active=self.chance.random() < 0.8)
        if job is None:
            return
        kind = self.chance.choice(("rate", "abort", "timeout", "retries"))
        old = job.settings
        if kind == "rate":
            new = model.replace(old, **{"per_minute": None, "exponential": None, **self._rate()})
            members: dict[str, Any] = {"job_executions_rollout_config": _rollout(new) or _NO_RATE}
        elif kind == "abort":
            new = model.replace(old, abort=self._criteria() or old.abort)
            if not new.abort:
                return
            members = {"abort_config": _abort(new)}
        elif kind == "timeout":
            new = model.replace(old, timeout=self.chance.randrange(1, 100))
            members = {"timeout_config": _timeout(new)}
        else:
            new = model.replace(old, retries=(("ALL", 0),))
            members = {"job_executions_retry_config": _retries(new)}
        self._note(f"job {job.name} is updated: {new}")
        self._do("UpdateJob", self.model.update_job(job, new, self.world.now), job_id=job.name, **members)

    def _associate(self) -> None:
        job = self._some_job(active=True)
        if job is None or not self.model.groups:
            return
        names = self.chance.sample(list(self.model.groups), min(2, len(self.model.groups)))
        self._note(f"job {job.name} is aimed at {names} too")
        expected = self.model.associate(job, names, self.world.now)
        arns = [self.world.arn("thinggroup", name) for name in names]
        self._do("AssociateTargetsWithJob", expected, job_id=job.name, targets=arns)

    def _cancel_job(self) -> None:
        job = self._some_job(active=self.chance.random() < 0.5)
        if job is not None:
            self._cancel(job, force=self.chance.random() < 0.5)

    def _cancel(self, job: Job, *, force: bool) -> None:
        self._note(f"job {job.name} is canceled{' with force' if force else ''}")
        self._do("CancelJob", self.model.cancel_job(job, force=force), job_id=job.name, force=force)

    def _pause_or_resume(self) -> None:
        held = [each for each in self.model.jobs.values() if each.held]
        again = bool(held) and self.chance.random() < 0.8  # what is held for long shows little
        job = self.chance.choice(held) if again else self._some_job(active=self.chance.random() < 0.9)
        if job is not None:
            likely = "ResumeJob" if job.held else "PauseJob"
            self._hold(likely if self.chance.random() < 0.9 else self.chance.choice(("PauseJob", "ResumeJob")), job)

    def _hold(self, operation: str, job: Job) -> None:
        self._note(f"{operation} of job {job.name}")
        expected = self.model.pause(job) if operation == "PauseJob" else self.model.resume(job)
        self._do(operation, expected, plane=own.PLANE, job_id=job.name)

    def _delete_job(self) -> None:
        job = self._some_job()
        if job is None:
            return
        force = self.chance.random() < 0.5
        deleting = sum(each.status == "DELETION_IN_PROGRESS" for each in self.model.jobs.values())
        self._note(f"job {job.name} is deleted{' with force' if force else ''}")
        expected = self.model.delete_job(job, force=force, deleting=deleting)
        self._do("DeleteJob", expected, job_id=job.name, force=force)

    def _some_execution(self, *, active: bool) -> Key | None:
        alive = set(self.model.things.values())
        found = [
            key
            for key, row in self.model.rows.items()
            if key[0] in alive and (row.status in model.ACTIVE or not active)
        ]
        return self.chance.choice(sorted(found)) if found else None

    def _cancel_execution(self) -> None:
        key = self._some_execution(active=self.chance.random() < 0.8)
        if key is None:
            return
        force = self.chance.random() < 0.5
        version = self.model.rows[key].version
        expected_version = self.chance.choice((None, None, version, version + 1))
        job = self.model.jobs[key[1]]
        self._note(f"execution {key} of {job.name} is canceled{' with force' if force else ''} at {expected_version}")
        expected = self.model.cancel_execution(key[0], job, expected_version, self.world.now, force=force)
        members: dict[str, Any] = {"thing_name": self._name_of(key[0]), "job_id": job.name}
        members["expected_version"] = expected_version
        self._do("CancelJobExecution", expected, force=force, **members)

    def _delete_execution(self) -> None:
        key = self._some_execution(active=self.chance.random() < 0.3)
        if key is None:
            return
        force = self.chance.random() < 0.5
        job = self.model.jobs[key[1]]
        self._note(f"execution {key} of {job.name} is deleted{' with force' if force else ''}")
        expected = self.model.delete_execution(key[0], job, key[2], self.world.now, force=force)
        members: dict[str, Any] = {"thing_name": self._name_of(key[0]), "job_id": job.name}
        members["execution_number"] = key[2]
        self._do("DeleteJobExecution", expected, force=force, **members)

    # --- devices -----------------------------------------------------------------------------------------------

    def _device(self) -> None:
        thing = self._some_thing()
        if thing is None:
            return
        persona = self._personas[thing]
        running = [
            key for key in self.model.shown(self.model.things[thing]) if self.model.rows[key].status == "IN_PROGRESS"
        ]
        chance = self.chance.random()
        if chance < 0.1:
            self._repeat(thing)
        elif persona == "rejecting":
            self._finish_first(thing, "REJECTED")
        elif not running or chance < 0.2:
            self._start_next(thing)
        elif persona == "silent":
            return
        elif persona == "slow":
            self._progress(thing, running[0])
        elif chance < 0.3:
            self._stale(thing, running[0])
        else:
            good = {"good": 0.95, "bad": 0.1}.get(persona, 0.5)
            status = "SUCCEEDED" if self.chance.random() < good else "FAILED"
            self._end(thing, running[0], status)

    def _start_next(self, thing: str) -> None:
        step = self.chance.choice((None, None, 1, 5, 30))
        self._note(f"{thing} starts its next execution, step timer {step}")
        key = self.model.start_next(self.model.things[thing], step, self.world.now)
        answer = self._do(
            "StartNextPendingJobExecution", None, plane=DEVICE, thing_name=thing, step_timeout_in_minutes=step
        )
        found = getattr(answer, "execution", None)
        given = (found.job_id, found.execution_number) if found else None
        expected = (self.model.jobs[key[1]].name, key[2]) if key else None
        if given != expected:
            raise Broken(f"{thing} was given {given}, expected {expected}")

    def _finish_first(self, thing: str, status: str) -> None:
        shown = self.model.shown(self.model.things[thing])
        if shown:
            self._end(thing, self.chance.choice(shown), status)

    def _end(self, thing: str, key: Key, status: str) -> None:
        job = self.model.jobs[key[1]]
        self._last_report[thing] = (job.name, key[2], status)
        self._report(thing, job, status, number=self.chance.choice((None, key[2])))

    def _repeat(self, thing: str) -> None:
        """A message that arrives twice."""
        last = self._last_report.get(thing)
        if last is not None:
            self._report(thing, self.model.names.get(last[0]), last[2], number=last[1], name=last[0])

    def _progress(self, thing: str, key: Key) -> None:
        step = self.chance.choice((None, -1, 1, 2, 10, 100))
        self._report(thing, self.model.jobs[key[1]], "IN_PROGRESS", number=key[2], step=step)

    def _stale(self, thing: str, key: Key) -> None:
        version = self.model.rows[key].version - 1
        self._report(thing, self.model.jobs[key[1]], "SUCCEEDED", number=key[2], version=version)

    def _report(
        self,
        thing: str,
        job: Job | None,
        status: str,
        *,
        number: int | None,
        version: int | None = None,
        step: int | None = None,
        name: str | None = None,
    ) -> None:
        job_id = name or (job.name if job else "")
        self._note(f"{thing} reports {status} of {job_id} number {number}, version {version}, step timer {step}")
        expected = self.model.report(
            self.model.things[thing], job, status, self.world.now, number=number, expected=version, step=step
        )
        self._do(
            "UpdateJobExecution",
            expected,
            plane=DEVICE,
            thing_name=thing,
            job_id=job_id,
            status=status,
            execution_number=number,
            expected_version=version,
            step_timeout_in_minutes=step,
        )

    def _look(self) -> None:
        """What devices and operators are shown equals the model."""
        self.summary.executions = max(self.summary.executions, len(self.model.rows))
        thing = self._some_thing()
        if thing is not None:
            answer = self.world.operation("GetPendingJobExecutions", plane=DEVICE, thing_name=thing)
            given = [(one.job_id, one.execution_number) for one in (*answer.in_progress_jobs, *answer.queued_jobs)]
            keys = self.model.shown(self.model.things[thing])[:10]
            expected = [(self.model.jobs[key[1]].name, key[2]) for key in keys]
            if given != expected:
                raise Broken(f"{thing} is shown {given}, expected {expected}")
        job = self._some_job()
        if job is not None:
            details = self.world.operation("DescribeJob", job_id=job.name).job.job_process_details
            counts = self.model.counts.get(job.id) or Counter[str]()
            for status in model.STATUSES:
                shown = getattr(details, f"number_of_{status.lower()}_things")
                if shown != counts.get(status, 0):
                    raise Broken(f"job {job.name} shows {shown} {status}, expected {counts.get(status, 0)}")


def _depth(group: Group) -> int:
    return 1 if group.parent is None else 1 + _depth(group.parent)


_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def _plan(settings: Settings) -> iot.SchedulingConfig | None:
    if settings.start is None and settings.end is None and not settings.windows:
        return None
    return iot.SchedulingConfig(
        start_time=_text(settings.start),
        end_time=_text(settings.end),
        end_behavior=settings.end_behavior if settings.end else None,
        maintenance_windows=[_cron(window) for window in settings.windows] or None,
    )


def _text(instant: int | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cron(window: Window) -> iot.MaintenanceWindow:
    hour, minute = divmod(window.minute_of_day, 60)
    days = "* * ?" if window.weekday is None else f"? * {_DAYS[window.weekday]}"
    return iot.MaintenanceWindow(start_time=f"cron({minute} {hour} {days} *)", duration_in_minutes=window.minutes)


def _timeout(settings: Settings) -> iot.TimeoutConfig | None:
    return None if settings.timeout is None else iot.TimeoutConfig(in_progress_timeout_in_minutes=settings.timeout)


def _abort(settings: Settings) -> iot.AbortConfig | None:
    if not settings.abort:
        return None
    criteria = [
        iot.AbortCriteria(
            failure_type=kind, action="CANCEL", threshold_percentage=threshold, min_number_of_executed_things=least
        )
        for kind, threshold, least in settings.abort
    ]
    return iot.AbortConfig(criteria_list=criteria)


def _retries(settings: Settings) -> iot.JobExecutionsRetryConfig | None:
    if not settings.retries:
        return None
    criteria = [iot.RetryCriteria(failure_type=kind, number_of_retries=count) for kind, count in settings.retries]
    return iot.JobExecutionsRetryConfig(criteria_list=criteria)


_NO_RATE = iot.JobExecutionsRolloutConfig()
"""Given but empty: a job goes back to the default rate."""


def _rollout(settings: Settings) -> iot.JobExecutionsRolloutConfig | None:
    if settings.per_minute is None and settings.exponential is None:
        return None
    rate = settings.exponential
    return iot.JobExecutionsRolloutConfig(
        maximum_per_minute=settings.per_minute,
        exponential_rate=None
        if rate is None
        else iot.ExponentialRolloutRate(
            base_rate_per_minute=rate.base,
            increment_factor=rate.factor,
            rate_increase_criteria=iot.RateIncreaseCriteria(
                number_of_notified_things=rate.notified, number_of_succeeded_things=rate.succeeded
            ),
        ),
    )
