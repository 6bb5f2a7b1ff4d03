"""The same run as ``exact``, over arrays: a million things in less than a second.

A job's own steps are those of ``core.job``, one by one. What devices do between two of them is reckoned at once for all
of them, and only when somebody asks: when a step needs counts, when windows open or close, and to look for an abort. A
rollout whose rate depends on nothing but time therefore runs ahead of its devices for many minutes; if it turns out
that it was aborted meanwhile, what it did after that instant is dropped.

Devices at one instant have no order here, so where several end in the millisecond of an abort this may differ from
``exact`` by those. Otherwise both agree execution by execution, for they draw the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tidegate.core import abort, retry
from tidegate.core import job as machine
from tidegate.core.forecast.crowd import NEVER, Columns, Crowd
from tidegate.core.forecast.driver import BATCH, Driver
from tidegate.core.forecast.run import Run, Start
from tidegate.core.lifecycle import EXECUTION_MOVES, JOB_MOVES, TERMINAL, ExecutionStatus, JobAct, JobStatus, Stage
from tidegate.core.rollout import DEFAULT_PER_MINUTE, MINUTE
from tidegate.core.timetable import Phase

_FIRST_LOOKS, _MOST_LOOKS = 16, 1024
"""How many steps a rollout runs ahead of its devices, at first and at most."""
_QUEUED, _IN_PROGRESS = int(ExecutionStatus.QUEUED), int(ExecutionStatus.IN_PROGRESS)
_FAILED, _TIMED_OUT = int(ExecutionStatus.FAILED), int(ExecutionStatus.TIMED_OUT)


def run(start: Start, crowd: Crowd) -> Run:
    """Run a job until it comes to rest or to ``start.until``."""
    return _Arrays(start, crowd).run()


class _Arrays(Driver):
    def __init__(self, start: Start, crowd: Crowd) -> None:
        super().__init__(start)
        self._crowd = crowd
        self._settled = start.now
        """Until when devices have done what they do."""
        self._ended = {status: count for status, count in start.counts.items() if status in TERMINAL}
        """Executions that have ended, by status."""
        self._open = Columns.none()
        self._done: list[Columns] = []
        self._drawn = 0
        """How many of the releases have become executions."""
        self._looks = _FIRST_LOOKS
        self._closed_since: int | None = None
        if self._job.status == JobStatus.SCHEDULED and self._job.began_at is not None:
            self._closed_since = start.now
        self._at_abort = 0, 0
        """The thing whose end met a criterion, and when its execution was queued."""
        self._queued_before: dict[int, int] = {}
        """When the executions before those that wait were queued."""
        if start.present:
            self._open = self._present()

    def _present(self) -> Columns:
        rows, now, count = self._start.present, self._now, len(self._start.present)
        running = np.array([one.status == ExecutionStatus.IN_PROGRESS for one in rows])
        thing = np.arange(count)
        attempt = np.array([one.attempt for one in rows], dtype=np.int8)
        since = np.full(count, now)
        began = np.array([now if one.started_at is None else one.started_at for one in rows])
        start = np.where(running, began, self._crowd.begins(thing, attempt, since))
        limit = np.array([NEVER if one.deadline is None else one.deadline for one in rows])
        end, status = self._crowd.ends(thing, attempt, start, now)
        columns = Columns(
            thing,
            attempt,
            np.array([one.after_failed for one in rows], dtype=np.int8),
            np.array([one.queued_at for one in rows]),
            since,
            start,
            end,
            status,
        )
        later = self._limits(start)
        return self._timed(columns, np.where(running, limit, NEVER if later is None else later))

    # --- time --------------------------------------------------------------------------------------------------------

    def run(self) -> Run:
        while True:
            at = self._wake
            if at is not None and at <= self._start.until and self._runs_ahead(at):
                self._now = max(self._now, at)
                self._happen(machine.Look(self._facts()))
                continue
            diverted = self._settle(self._start.until + 1 if at is None else min(at, self._start.until + 1))
            if diverted:
                continue
            self._skip_idle_windows()
            if self._wake is None or self._wake > self._start.until:
                if self._wake != at:
                    continue
                return self._outcome()
            if self._wake == at:
                self._now = max(self._now, at)
                self._happen(machine.Look(self._facts()))

    def _runs_ahead(self, at: int) -> bool:
        """Whether what a look does is independent of the devices."""
        job, start = self._job, self._start
        if job.stage != Stage.ROLLOUT or job.status != JobStatus.IN_PROGRESS or self._left <= start.chunk:
            return False
        if len(self._releases) - self._drawn >= self._looks and (job.plan.abort or job.plan.retries):
            self._looks = min(2 * self._looks, _MOST_LOOKS)
            return False
        if job.moment(at).phase != Phase.OPEN:
            return False
        if job.plan.rate is None or not job.plan.rate.succeeded:
            return True
        ceiling = min(job.plan.per_minute or DEFAULT_PER_MINUTE, start.ceiling)
        return job.slice is not None and job.slice.per_minute >= ceiling

    def _skip_idle_windows(self) -> None:
        """Windows that open and close when nothing is left that they could change are passed over."""
        if self._job.stage != Stage.NONE or self._wake is None or self._left or self._waiting:
            return
        if not self._goes_on():
            self._wake = None if self._job.ended else self._job.plan.ends_at

    def _goes_on(self) -> bool:
        """Whether any execution will be begun or will end; of a job that is held, whether any device will do so much as
        look for one.
        """
        rows, queued = self._open, self._planned(self._settled)
        if self._job.hold is not None:
            late = (rows.start > self._start.until) & (rows.start < NEVER)
            return bool(np.where(queued, late, rows.end < NEVER).any())
        return bool(((rows.end < NEVER) | (queued & (rows.start < NEVER))).any())

    def _planned(self, now: int) -> Any:
        """Which open executions are QUEUED at an instant, before devices act at it."""
        if self._closed_since is None:
            return self._open.start >= now
        return self._open.start >= min(self._closed_since, now)

    # --- devices -----------------------------------------------------------------------------------------------------

    def _settle(self, until: int) -> bool:
        """Let devices do what they do before an instant, and timers expire at it; whether the job changed by that."""
        self._draw_releases()
        self._settled = until
        ended = Columns.joined(list(self._generations(until)))
        if self._may_abort(ended):
            key = (ended.end - ended.end.min()) * self._start.things + ended.thing
            ended = ended.where(np.argsort(key, kind="stable"))
            first = self._first_met(ended)
            if first is not None:
                self._abort(ended, first)
                return True
        self._finish(ended)
        return bool(ended.size) and self._complete(int(ended.end.max()))

    def _finish(self, ended: Columns) -> None:
        if not ended.size:
            return
        self._done.append(ended)
        for status, count in enumerate(np.bincount(ended.status, minlength=len(ExecutionStatus)).tolist()):
            if count:
                kind = ExecutionStatus(status)
                self._ended[kind] = self._ended.get(kind, 0) + count

    def _generations(self, until: int) -> Iterator[Columns]:
        """What ends by then, its retries, and theirs; all of it leaves the open executions."""
        while self._open.size:
            rows = self._open
            due = (rows.end < until) | ((rows.end == until) & (rows.status == _TIMED_OUT))
            if self._closed_since is not None:
                due &= rows.start < self._closed_since
            if not due.any():
                return
            ended, self._open = (rows, Columns.none()) if due.all() else (rows.where(due), rows.where(~due))
            yield ended
            if not self._job.plan.retries:
                return
            self._retry(ended.where(ended.end < until), self._job.moment(self._now).phase)
            self._retry(ended.where(ended.end == until), self._job.moment(until).phase)

    def _retry(self, ended: Columns, phase: Phase) -> None:
        if (
            not ended.size
            or self._job.status not in (JobStatus.IN_PROGRESS, JobStatus.SCHEDULED)
            or phase is Phase.OVER
        ):
            return
        again = ended.where(_may_retry(self._job.plan.retries, ended))
        failed = again.after_failed + (again.status == _FAILED).astype(np.int8)
        attempt = again.attempt + np.int8(1)
        if phase is Phase.OPEN and self._job.status == JobStatus.IN_PROGRESS:
            queued_at = np.maximum(again.end, (again.queued_at // 1000 + 1) * 1000)
            self._queue(again.thing, attempt, failed, queued_at, again.end)
        else:
            waits = zip(attempt.tolist(), failed.tolist(), strict=True)
            self._waiting |= dict(zip(again.thing.tolist(), waits, strict=True))
            self._queued_before |= dict(zip(again.thing.tolist(), again.queued_at.tolist(), strict=True))

    def _draw_releases(self) -> None:
        fresh, self._drawn = self._releases[self._drawn :], len(self._releases)
        if not fresh:
            return
        instants, counts = np.array(fresh).T
        since: Any = np.repeat(instants, counts)
        total = int(counts.sum())
        zeros: Any = np.zeros(total, dtype=np.int8)
        self._queue(np.arange(self._next - total, self._next), zeros, zeros, since, since)

    def _queue(self, thing: Any, attempt: Any, after_failed: Any, queued_at: Any, since: Any) -> None:
        if len(thing):
            rows = self._plan(Columns(thing, attempt, after_failed, queued_at, since, since, since, attempt))
            self._open = Columns.joined([self._open, rows])

    def _plan(self, rows: Columns) -> Columns:
        start = self._crowd.begins(rows.thing, rows.attempt, rows.since)
        end, status = self._crowd.ends(rows.thing, rows.attempt, start, -NEVER)
        return self._timed(rows._replace(start=start, end=end, status=status), self._limits(start))

    def _limits(self, start: Any) -> Any:
        minutes = self._start.timeout_minutes
        return None if minutes is None else np.where(start < NEVER, start + minutes * MINUTE, NEVER)

    def _timed(self, rows: Columns, limit: Any) -> Columns:
        """With their time limits: at one instant a timer comes before its device."""
        if limit is None:
            return rows
        late = (rows.end >= limit) & (limit < NEVER)
        return rows._replace(end=np.where(late, limit, rows.end), status=np.where(late, _TIMED_OUT, rows.status))

    # --- abort -------------------------------------------------------------------------------------------------------

    def _may_abort(self, ended: Columns) -> bool:
        """Whether these ends could meet a criterion if the worst of them came first."""
        job = self._job
        if not ended.size or (job.status, JobAct.CANCEL) not in JOB_MOVES or (job.plan.pauses and job.hold is not None):
            return False
        counted = self._counted()
        before = counted.executed
        wrong = before - counted.succeeded
        wrong += int((ended.status != int(ExecutionStatus.SUCCEEDED)).sum())
        return any(
            100 * wrong >= one.threshold_percentage * max(one.min_executed, before + 1) for one in self._job.plan.abort
        )

    def _counted(self) -> abort.Counts:
        """What criteria count of what has ended."""
        return abort.counts(self._ended).since(self._job.forgiven)

    def _first_met(self, ended: Columns) -> int | None:
        """The first end, in their order, at which a criterion is met."""
        before = self._counted()
        counts = {
            ExecutionStatus.SUCCEEDED: np.cumsum(ended.status == ExecutionStatus.SUCCEEDED) + before.succeeded,
            **{
                ExecutionStatus[kind]: np.cumsum(ended.status == ExecutionStatus[kind]) + before.of(kind)
                for kind in ("FAILED", "REJECTED", "TIMED_OUT")
            },
        }
        executed = sum(counts.values())
        met: Any = np.zeros(ended.size, dtype=bool)
        for one in self._job.plan.abort:
            wrong = executed - counts[ExecutionStatus.SUCCEEDED]
            if one.failure_type != abort.ALL:
                wrong = counts[ExecutionStatus[one.failure_type]]
            numerator, denominator = one.threshold_percentage.as_integer_ratio()
            met |= (executed >= max(one.min_executed, 1)) & (100 * wrong * denominator >= numerator * executed)
        return int(np.argmax(met)) if met.any() else None

    def _abort(self, ended: Columns, first: int) -> None:
        """The job ends at an instant in the past: what came of it later is taken back."""
        self._now = at = int(ended.end[first])
        timed_out = ended.status[first] == _TIMED_OUT
        before, after = ended.where(slice(first + 1)), ended.where(slice(first + 1, None))
        self._finish(before)
        just = before.thing[:-1][before.end[:-1] == at]
        self._open = Columns.joined([self._open, after])
        rows = self._open
        released = (rows.attempt == 0) & ((rows.since < at) | ((rows.since == at) & ~timed_out))
        came = np.minimum(rows.since, rows.queued_at)  # what was under way from the start came before
        retried = (rows.attempt > 0) & ((came < at) | ((rows.since == at) & np.isin(rows.thing, just)))
        self._open = rows.where(released | retried)
        self._releases = [one for one in self._releases if one[0] < at or (one[0] == at and not timed_out)]
        self._drawn = len(self._releases)
        self._job = self._job._replace(released=self._start.job.released + sum(count for _, count in self._releases))
        self._aborted_at = at
        for thing in after.thing.tolist():  # their retries, where the job goes on some day
            self._waiting.pop(thing, None)
        self._at_abort = int(ended.thing[first]), int(ended.queued_at[first])
        cause = ExecutionStatus(int(ended.status[first]))
        event = machine.Ended(cause, int(ended.attempt[first]), int(ended.after_failed[first]), True, self._counts())
        self._happen(event)
        self._complete(at)  # one that is held completes if nothing of it is left

    def _complete(self, at: int) -> bool:
        """The last end of a job that is rolled out completes it."""
        if self._open.size or self._waiting or not machine.may_settle(self._job):
            return False
        self._now = max(self._now, at)
        self._happen(machine.Settled(self._facts()))
        return True

    # --- the job -----------------------------------------------------------------------------------------------------

    def _counts(self) -> dict[ExecutionStatus, int]:
        queued = int(self._planned(self._now).sum())
        return {
            **self._ended,
            ExecutionStatus.QUEUED: queued,
            ExecutionStatus.IN_PROGRESS: self._open.size - queued,
        }

    def _facts(self) -> machine.Facts:
        return self._told(self._counts() if self._job.stage != Stage.ROLLOUT or self._job.plan.rate else {})

    def _do(self, act: machine.Act) -> machine.Event | None:
        match act:
            case machine.Release():
                return self._release(act)
            case machine.Show():
                self._show()
            case machine.ForgetWaiting():
                self._waiting.clear()
            case machine.QueueWaiting():
                self._queue_waiting()
            case machine.TakeAway():
                return self._take_away(act)
            case machine.Queue():
                thing, queued_at = self._at_abort
                self._waiting[thing], self._queued_before[thing] = (act.attempt, act.after_failed), queued_at
        return None

    def _release(self, release: machine.Release) -> machine.Event:
        count = self._let_out(release)
        if self._left:
            return machine.Released(release, count, finished=False)
        self._draw_releases()
        waiting = min(len(self._waiting), BATCH)
        return machine.Released(release, count, finished=True, facts=machine.Facts(self._counts(), waiting))

    def _show(self) -> None:
        if self._job.status != JobStatus.IN_PROGRESS:
            self._closed_since = self._now
            return
        if self._closed_since is not None:
            missed = (self._open.start >= self._closed_since) & (self._open.start < self._now)
            if missed.any():
                rows = self._open.where(missed)
                again = self._plan(rows._replace(since=np.full(rows.size, self._now)))
                self._open = Columns.joined([self._open.where(~missed), again])
        self._closed_since = None

    def _queue_waiting(self) -> None:
        things = sorted(self._waiting)[:BATCH]
        attempt, failed = np.array([self._waiting.pop(thing) for thing in things], dtype=np.int8).T
        before = np.array([self._queued_before.get(thing, 0) for thing in things])
        since = np.full(len(things), self._now)
        queued_at = np.maximum(since, (before // 1000 + 1) * 1000)
        self._queue(np.array(things), attempt, failed, queued_at, since)

    def _take_away(self, taking: machine.TakeAway) -> machine.Event:
        queued = self._planned(self._now)
        acts = {move for move in taking.acts.items() if move in EXECUTION_MOVES}
        gone: Any = np.zeros(self._open.size, dtype=bool)
        for status, _ in acts:
            gone |= queued if status == ExecutionStatus.QUEUED else ~queued
        rows = self._open.where(gone)
        still = queued[gone]
        self._open = self._open.where(~gone)
        taken: Any = np.full(rows.size, int(ExecutionStatus.CANCELED), dtype=np.int8)
        start = np.where(still, NEVER, rows.start)
        self._finish(rows._replace(end=np.full(rows.size, self._now), status=taken, start=start))
        return machine.TookAway(finished=True, facts=self._facts())

    def _outcome(self) -> Run:
        until = self._start.until
        rows = self._open
        cut = self._wake is not None or self._goes_on()
        queued = self._planned(until + 1)
        rows = rows._replace(
            start=np.where(queued, NEVER, rows.start),
            end=np.full(rows.size, NEVER),
            status=np.where(queued, _QUEUED, _IN_PROGRESS).astype(np.int8),
        )
        every = Columns.joined([*self._done, rows])
        return Run(
            self._start,
            self._job,
            self._releases,
            self._aborted_at,
            self._job.completed_at,
            cut,
            every.thing,
            every.attempt,
            every.queued_at,
            np.where(every.start >= NEVER, -1, every.start),
            np.where(every.end >= NEVER, -1, every.end),
            every.status,
        )


def _may_retry(criteria: Sequence[retry.Criterion], ended: Columns) -> Any:
    """``core.retry.may_retry`` for each."""
    budgets = {one.failure_type: one.retries for one in criteria}
    failed, timed_out = ended.status == _FAILED, ended.status == _TIMED_OUT
    if retry.ALL in budgets:
        return (failed | timed_out) & (ended.attempt < budgets[retry.ALL])
    may_failed = failed & (ended.after_failed < budgets.get("FAILED", 0))
    return may_failed | (timed_out & (ended.attempt - ended.after_failed < budgets.get("TIMED_OUT", 0)))
