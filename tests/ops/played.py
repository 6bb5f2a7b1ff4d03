"""Devices that do on a store what a table says, on a clock that is moved: what ``core.forecast.exact`` foresees."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from tests.ops.world import World
from tidegate.core.forecast.exact import Behaviour
from tidegate.core.lifecycle import TERMINAL, ExecutionStatus
from tidegate.store import executions, jobs
from tidegate.store import things as stored_things
from tidegate.store.database import Database, Tx
from tidegate.store.executions import Summary
from tidegate.store.jobs import Job

_LAST = (1 << 62, 1 << 62, 1 << 62)


class Seen(NamedTuple):
    """An execution as the store has it."""

    thing: int
    attempt: int
    queued_at: int
    started_at: int
    ended_at: int
    status: int


class Played:
    """A job's devices: things 0, 1, 2 … are named t1, t2, t3 …, in the order in which the job reaches them."""

    def __init__(self, world: World, database: Database, things: int, behaviour: Behaviour, job: str = "j") -> None:
        self._world = world
        self._database = database
        self._behaviour = behaviour
        self._job = job
        self._ids = database.read(lambda tx: [self._id(tx, number) for number in range(1, things + 1)])
        self._plans: list[tuple[int, int, int]] = []
        self._known: set[tuple[int, int]] = set()
        self._missed: set[int] = set()
        self._row_id = self.row().id

    def _id(self, tx: Tx, number: int) -> int:
        thing = stored_things.find(tx, self._world.call.scope, f"t{number}")
        assert thing is not None
        return thing.id

    def row(self) -> Job:
        """The job."""
        found = self._database.read(lambda tx: jobs.get(tx, self._world.call.scope, self._job))
        assert found is not None
        return found

    def seen(self) -> list[Seen]:
        """Its executions, by thing and number."""
        row = self.row()
        return sorted(self._database.read(lambda tx: [self._seen(tx, row.id, one) for one in _all(tx, row.id)]))

    def _seen(self, tx: Tx, job_id: int, listed: Summary) -> Seen:
        one = executions.get(tx, listed.owner, job_id, listed.number)
        assert one is not None
        started_at = -1 if one.started_at is None else one.started_at
        ended_at = one.updated_at if one.status in TERMINAL else -1
        return Seen(self._ids.index(one.thing_id), one.attempt, one.queued_at, started_at, ended_at, int(one.status))

    def _latest(self) -> dict[int, Summary]:
        """The latest execution of each thing."""
        found = self._database.read(lambda tx: _all(tx, self._row_id))
        return {self._ids.index(one.owner): one for one in sorted(found, key=lambda one: one.number)}

    def until(self, instant: int) -> None:
        """Play until an instant; the job has been created."""
        while True:
            again = self._world.settle()
            self._look()
            due = [at for at in (again, self._plans[0][0] if self._plans else None) if at is not None]
            if not due or min(due) > instant:
                return
            self._world.now = max(self._world.now, min(due))
            if again is None or (self._plans and self._plans[0][0] < again):
                self._act(*heappop(self._plans)[1:])

    def _look(self) -> None:
        """Devices hear of what was queued, and of what appears in their lists again."""
        shown = any(type(effect).__name__ == "JobShown" for effect in self._world.effects)
        self._world.effects.clear()
        if shown and self.row().status == "IN_PROGRESS":
            for thing in sorted(self._missed):
                self._known -= {each for each in self._known if each[0] == thing}
            self._missed.clear()
        for thing, one in sorted(self._latest().items()):
            if one.status == ExecutionStatus.QUEUED and (thing, one.attempt) not in self._known:
                self._known.add((thing, one.attempt))
                at = self._behaviour.begins(thing, one.attempt, self._world.now)
                if at is not None:
                    heappush(self._plans, (at, thing, one.attempt))

    def _act(self, thing: int, attempt: int) -> None:
        name, world = f"t{thing + 1}", self._world
        latest = self._latest()[thing]
        if latest.attempt != attempt or latest.status in TERMINAL:
            return
        if latest.status == ExecutionStatus.QUEUED:
            if world.device("StartNextPendingJobExecution", name).execution is None:
                self._missed.add(thing)
                return
            end = self._behaviour.ends(thing, attempt, world.now, world.now)
            if end is not None:
                heappush(self._plans, (end[0], thing, attempt))
            return
        assert latest.started_at is not None
        end = self._behaviour.ends(thing, attempt, latest.started_at, latest.started_at)
        assert end is not None
        world.report(name, self._job, end[1].name)


def _all(tx: Tx, job_id: int) -> list[Summary]:
    return executions.page_by_job(tx, job_id, None, _LAST, 10_000)
