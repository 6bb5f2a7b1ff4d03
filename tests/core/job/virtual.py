"""One job on a clock that is moved, in memory: the machine's own view of the world, without a store or an engine.

It carries the machine's acts out on dictionaries. Batches are as large as it is told, so that scripts see them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate.core import job as machine
from tidegate.core.lifecycle import ACTIVE, EXECUTION_MOVES, JOB_MOVES, Act, ExecutionStatus, JobStatus, Stage
from tidegate.core.retry import Retry
from tidegate.core.timetable import Phase

MIDNIGHT = 1_767_225_600_000
"""2026-01-01T00:00:00Z, a Thursday."""
MINUTE = 60_000
_LOOKS = 10_000


class Execution(NamedTuple):
    """One execution of the job on a thing."""

    thing: int
    number: int
    status: ExecutionStatus
    attempt: int = 0
    after_failed: int = 0


class VirtualJob:
    """A job, the things it is aimed at, and its executions.

    ``said`` collects what happens, a line each; ``wait`` is why it does nothing more and until when.
    """

    def __init__(
        self, plan: machine.Plan, things: list[int], *, now: int = MIDNIGHT, chunk: int = 1000, batch: int = 1000
    ) -> None:
        self.now = now
        self.said: list[str] = []
        self.releases: list[tuple[int, int]] = []
        self.executions: dict[int, list[Execution]] = {}
        self.members = set(things)
        self.room = True
        self.gone = False
        self.wait: machine.Wait | None = None
        self._to_come = list(things)
        self._waiting: dict[int, tuple[int, int]] = {}
        self._chunk, self._batch = chunk, batch
        self._unsettled = False
        moment = plan.timetable(now).at(now)
        status = JobStatus.SCHEDULED if moment.phase == Phase.CLOSED else JobStatus.IN_PROGRESS
        self.job = machine.Job(plan, now, status, Stage.ROLLOUT, now)
        self.say(str(status))
        self.look()

    def say(self, what: str) -> None:
        """Note what happens, and when: minutes and hours of the first day, later days before them."""
        self.said.append(f"{clock(self.now)} {what}")

    @property
    def counts(self) -> Counter[ExecutionStatus]:
        """Executions by status."""
        return Counter(each.status for attempts in self.executions.values() for each in attempts)

    def latest(self, thing: int) -> Execution | None:
        """The latest execution of a thing."""
        return (self.executions.get(thing) or [None])[-1]

    def facts(self) -> machine.Facts:
        """All that a step may ask for."""
        waiting = min(len(self._waiting), self._batch)
        recent = [(instant, count) for instant, count in self.releases if instant > self.now - MINUTE]
        return machine.Facts(self.counts, waiting, recent, self.room, chunk=self._chunk, batch=self._batch)

    # --- time and calls ----------------------------------------------------------------------------------------------

    def until(self, instant: int) -> None:
        """Move the clock on, from one instant at which the job wants to be looked at to the next."""
        for _ in range(_LOOKS):
            due = self.wait.until if self.wait is not None and not self.gone else None
            if due is None or due > instant:
                break
            self.now = max(self.now, due)
            self.look()
        else:
            raise AssertionError("the job does not come to rest")
        self.now = instant

    def look(self) -> None:
        """Look at the job now."""
        self.happen(machine.Look(self.facts()))

    def cancel(self, *, force: bool = False) -> bool:
        """Cancel the job; False if it may not be."""
        if not machine.may_cancel(self.job, force=force):
            return False
        self.happen(machine.Cancel(force))
        return True

    def pause(self) -> bool:
        """Hold the job; False if it may not be."""
        if not machine.may_pause(self.job):
            return False
        self.happen(machine.Pause(machine.Hold(machine.HoldKind.PAUSED, self.now)))
        self.look()
        return True

    def resume(self) -> bool:
        """Let the job go on; False if nothing holds it."""
        if self.job.hold is None:
            return False
        self.happen(machine.Resume(self.counts))
        self.look()
        return True

    def delete(self, *, force: bool = False) -> bool:
        """Delete the job; False if it may not be."""
        if not machine.may_delete(self.job, force=force):
            return False
        self.happen(machine.Delete(force))
        return True

    def change(self, **settings: object) -> None:
        """Change what the job was told; new abort criteria are judged at once, anything else at the next look."""
        self.job = self.job._replace(plan=self.job.plan._replace(**settings))  # type: ignore[arg-type]
        if "abort" in settings:
            self.happen(machine.Judged(self.counts))
        self.look()

    def add(self, things: list[int]) -> None:
        """More targets, at the end of the rollout."""
        self.members |= set(things)
        self._to_come += things
        self.happen(machine.Extended(self.facts()))

    def joins(self, thing: int) -> None:
        """A thing becomes a target."""
        self.members.add(thing)
        latest = self.latest(thing)
        if self.job.began_at is None:
            self._to_come.append(thing)
        self.happen(machine.Joined(active=latest is not None and latest.status in ACTIVE), thing)

    def leaves(self, thing: int) -> None:
        """A thing is no target any more: what is QUEUED is removed, what runs runs on."""
        self.members.discard(thing)
        self._waiting.pop(thing, None)
        self._to_come = [each for each in self._to_come if each != thing]
        latest = self.latest(thing)
        if latest is not None and latest.status == ExecutionStatus.QUEUED:
            self.move(thing, Act.REMOVE)

    def move(self, thing: int, act: Act) -> bool:
        """Something happens to the latest execution of a thing; False if it cannot."""
        one = self.latest(thing)
        status = EXECUTION_MOVES.get((one.status, act)) if one is not None else None
        if one is None or status is None:
            return False
        self._move(one, status)
        self._settle()
        return True

    # --- acts --------------------------------------------------------------------------------------------------------

    def happen(self, event: machine.Event, thing: int = 0) -> None:
        """Carry out what the job does about an event, and about the answers of its batches."""
        after: machine.Event | None = event
        while after is not None:
            before, step = self.job, machine.step(self.job, after, self.now)
            self.job, after = step.job, None
            if before.status != self.job.status:
                self.say(str(self.job.status))
            for act in step.acts:
                after = self._do(act, thing) or after
            if step.wait is not None:
                self._rest(step.wait)
        self._settle()

    def _rest(self, wait: machine.Wait) -> None:
        if wait != self.wait and wait.reason != machine.Reason.BATCH:
            until = "" if wait.until is None else f" until {clock(wait.until)}"
            self.say(f"waits{until}: {wait.reason}")
        self.wait = wait

    def _do(self, act: machine.Act, thing: int) -> machine.Event | None:
        """Carry out one act; the answer if it is a batch."""
        answer: machine.Event | None = _DO[type(act)](self, act, thing)
        return answer

    def _note(self, act: machine.Act) -> None:
        match act:
            case machine.Show():
                self.say("its QUEUED executions appear or disappear")
            case machine.Begin():
                self.say("the rollout begins")
            case machine.Tell():
                self.say(f"event {act.operation}")
            case machine.Record():
                self.say(f"audit {act.operation}: {act.why}")

    def _forget_waiting(self) -> None:
        self._waiting.clear()

    def _drop(self) -> None:
        self.gone = True
        self.say("is gone")

    def _settle_later(self) -> None:
        self._unsettled = True

    def _settle(self) -> None:
        if self._unsettled and not self.gone:
            self._unsettled = False
            self.happen(machine.Settled(self.facts()))

    def _put(self, one: Execution) -> None:
        attempts = self.executions.setdefault(one.thing, [])
        assert not attempts or attempts[-1].status not in ACTIVE, f"two active executions on thing {one.thing}"
        attempts.append(one)

    def _queue(self, thing: int, attempt: int, after_failed: int) -> None:
        number = len(self.executions.get(thing, ())) + 1
        self._put(Execution(thing, number, ExecutionStatus.QUEUED, attempt, after_failed))

    def _queue_one(self, thing: int, act: machine.Queue) -> None:
        what = f"attempt {act.attempt + 1} of thing {thing}" if act.attempt else f"thing {thing}"
        if act.when == Retry.AT_NEXT_WINDOW:
            self.say(f"{what} waits for the window")
            self._waiting[thing] = act.attempt, act.after_failed
        else:
            self.say(f"queues {what}")
            self._queue(thing, act.attempt, act.after_failed)

    def _queue_waiting(self) -> None:
        chosen = sorted(self._waiting)[: self._batch]
        self.say(f"queues {len(chosen)} that waited")
        for thing in chosen:
            self._queue(thing, *self._waiting.pop(thing))

    def _renew(self, thing: int) -> None:
        self.say(f"thing {thing} has all its retries again")
        one = self.executions[thing].pop()
        self.executions[thing].append(one._replace(attempt=0, after_failed=0))

    def _release(self, release: machine.Release) -> machine.Event:
        left = [thing for thing in self._to_come if thing not in self.executions]
        chosen, self._to_come = left[: release.limit], left[release.limit :]
        for thing in chosen:
            self._queue(thing, 0, 0)
        if chosen:
            self.say(f"releases {len(chosen)}")
            self.releases.append((self.now, len(chosen)))
        return machine.Released(release, len(chosen), not self._to_come, self.facts())

    def _take_away(self, taking: machine.TakeAway) -> machine.Event:
        found = [one for thing in self.executions if (one := self.latest(thing)) and one.status in ACTIVE]
        left = [(one, to) for one in found if (to := EXECUTION_MOVES.get((one.status, taking.acts.get(one.status))))]
        for one, status in left[: self._batch]:
            self._move(one, status)
        if left:
            self.say(f"cancels {len(left[: self._batch])}")
        return machine.TookAway(len(left) <= self._batch, self.facts())

    def _erase(self) -> machine.Event:
        things = sorted(self.executions)[: self._batch]
        for thing in things:
            del self.executions[thing]
        self.say(f"deletes the executions of {len(things)}")
        return machine.Erased(not self.executions)

    def _move(self, one: Execution, status: ExecutionStatus) -> None:
        assert one.status in ACTIVE, f"{one} has ended already"
        attempts = self.executions[one.thing]
        assert attempts[-1] == one
        attempts[-1] = one._replace(status=status)
        if status in ACTIVE:
            return
        asked = machine.asks_at_end(self.job.plan, status, one.attempt, one.after_failed)
        if asked is None:
            self._unsettled = True
            return
        counts = self.counts if asked.counts else None
        event = machine.Ended(status, one.attempt, one.after_failed, one.thing in self.members, counts)
        step = machine.step(self.job, event, self.now)
        if step.job.status != self.job.status:
            self.say(str(step.job.status))
        self.job = step.job
        for act in step.acts:
            self._do(act, one.thing)
        if step.wait is not None:
            self._rest(step.wait)


_DO: dict[type, Callable[[VirtualJob, Any, int], Any]] = {
    machine.Show: lambda job, act, thing: job._note(act),
    machine.Begin: lambda job, act, thing: job._note(act),
    machine.Tell: lambda job, act, thing: job._note(act),
    machine.Record: lambda job, act, thing: job._note(act),
    machine.ForgetWaiting: lambda job, act, thing: job._forget_waiting(),
    machine.QueueWaiting: lambda job, act, thing: job._queue_waiting(),
    machine.Queue: lambda job, act, thing: job._queue_one(thing, act),
    machine.Renew: lambda job, act, thing: job._renew(thing),
    machine.Settle: lambda job, act, thing: job._settle_later(),
    machine.Release: lambda job, act, thing: job._release(act),
    machine.TakeAway: lambda job, act, thing: job._take_away(act),
    machine.Erase: lambda job, act, thing: job._erase(),
    machine.Drop: lambda job, act, thing: job._drop(),
}


def clock(instant: int) -> str:
    """``10:00``, ``10:00:30``, on a later day ``day 3 10:00``."""
    days, rest = divmod(instant - MIDNIGHT, 24 * 60 * MINUTE)
    minutes, milliseconds = divmod(rest, MINUTE)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    if milliseconds:
        text += f":{milliseconds // 1000:02d}" + (f".{milliseconds % 1000:03d}" if milliseconds % 1000 else "")
    return text if not days else f"day {days + 1} {text}"


def is_legal(before: JobStatus, after: JobStatus) -> bool:
    """True if a job may go from a status to another in one move, or stays as it is."""
    return before == after or after in {to for (at, _), to in JOB_MOVES.items() if at == before}
