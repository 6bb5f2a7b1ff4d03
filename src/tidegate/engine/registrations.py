"""Carries out bulk registration, a piece of an input file at a time, each account's in turn.

How far a task has come is in the store, set in the transaction that does a line: the process may die between any two,
and several servers on one store may take the same task, of whom one does each line. A server that does not have the
input file (objects in a folder are one server's) leaves the task to those that do, for ``PATIENCE``.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, TypeVar

from tidegate.core import texts
from tidegate.core.location import Fault, Location, ObjectFaultError
from tidegate.core.provisioning import bulk
from tidegate.faults import explained
from tidegate.ops import registration_tasks
from tidegate.ops.call import Call, Origin
from tidegate.ops.effects import Acting, Missed, RegistrationDue
from tidegate.ops.registration_tasks import Outcome, Overtaken, Report
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store import registration_tasks as stored
from tidegate.store.database import Lane, StoreError, Work, in_lane
from tidegate.store.registration_tasks import Task
from tidegate.wire.errors import WireError

T = TypeVar("T")

log = logging.getLogger("tidegate.registration")

PATIENCE: Final = 600_000
"""Milliseconds that a task without its input file waits for another server of the store."""
_LOOK_S: Final = 5.0
"""Between two looks for tasks of other servers, and of those that could not go on."""
_ORIGIN: Final = Origin("iot", "RegisterThing", edge="engine")


class Registrations:
    """The tasks of one server. Made and used on one event loop."""

    def __init__(self, service: Service, *, look_s: float = _LOOK_S) -> None:
        self._service = service
        self._look_s = look_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._limited_log = RateLimitedLog(log)
        self._task: asyncio.Task[None] | None = None
        service.unit.subscribe(Acting(dict.fromkeys((RegistrationDue, Missed), lambda _: self._wake.set())))

    def start(self) -> None:
        """Go on with what an earlier server left."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tidegate-registrations")

    async def stop(self) -> None:
        """End after the line under way."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        after, moved = 0, False
        while not self._stopping:
            if after == 0:
                self._wake.clear()
            try:
                task = await self._read(lambda tx, after=after: stored.following(tx, after))  # type: ignore[misc]
                moved = (task is not None and await self._piece(task)) or moved
            except (StoreError, OSError) as error:
                task = None
                told = explained(error) if isinstance(error, OSError) else error
                self._limited_log.error("bulk registration waits: %s; it is tried again", told)
            except Exception as error:  # noqa: BLE001 - whatever it was, the other tasks must go on
                task = None
                self._limited_log.error("a step of bulk registration failed; it is tried again", exc_info=error)
            if task is not None:
                after = task.id
                continue
            if not moved:
                await self._sleep()
            after, moved = 0, False

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _piece(self, task: Task) -> bool:
        """Bring a task a little further; whether that could be done."""
        service = self._service
        call = service.call_at(task.scope, task.account, task.region, task.principal, _ORIGIN)
        try:
            if task.status == "InProgress" and task.outcome is None:
                if task.input_offset < task.input_size:
                    await self._lines(call, task)
                else:
                    await self._write(lambda tx: stored.conclude(tx, task.id, "Completed", None, now=call.now))
            else:
                await self._reports(call, task)
        except Overtaken:
            pass
        except ObjectFaultError as error:
            return await self._fault(call, task, error)
        return True

    async def _lines(self, call: Call, task: Task) -> None:
        try:
            outcomes = await asyncio.to_thread(_evaluate, call, task)
        except bulk.LineTooLongError:
            message = texts.provisioning.line_too_long(task.line + 1, bulk.LONGEST)
            await self._write(lambda tx: stored.conclude(tx, task.id, "Failed", message, now=call.now))
            return
        for outcome in outcomes:
            if self._stopping:
                return
            await self._line(call, task, outcome)

    async def _line(self, call: Call, task: Task, outcome: Outcome) -> None:
        line, brought, refusal = outcome
        call = call._replace(now=self._service.clock.now())
        if brought is not None:
            try:
                await self._write(lambda tx: registration_tasks.carry_out(tx, call, task.id, line, brought))
            except WireError as error:
                refusal = error
            else:
                return
        await self._write(lambda tx: registration_tasks.pass_over(tx, call, task.id, line, refusal))

    async def _reports(self, call: Call, task: Task) -> None:
        report = await self._read(lambda tx: registration_tasks.next_report(tx, task))
        if report is None:
            await self._write(lambda tx: registration_tasks.close(tx, call, task))
            log.info("bulk registration %s: %d done, %d refused", task.task_id, task.success_count, task.failure_count)
            return
        await asyncio.to_thread(_put, call, task, report)
        await self._write(lambda tx: registration_tasks.written(tx, call, task, report))

    async def _fault(self, call: Call, task: Task, error: ObjectFaultError) -> bool:
        """The object storage cannot do what a task needs; whether that is the task's end."""
        where = f"{task.bucket}/{task.key}"
        elsewhere = error.fault is Fault.MISSING and self._service.unit.shared
        if error.fault is Fault.UNREACHABLE or (elsewhere and call.now - task.updated_at < PATIENCE):
            self._limited_log.warning("bulk registration %s waits for %s: %s", task.task_id, where, error)
            return False
        log.warning("bulk registration %s ends: %s: %s", task.task_id, where, error)
        if task.outcome is None and task.status == "InProgress":
            message = texts.provisioning.input_unreadable(where, error.fault.value)
            await self._write(lambda tx: stored.conclude(tx, task.id, "Failed", message, now=call.now))
        else:
            message = texts.provisioning.reports_unwritable(where, error.fault.value)
            await self._write(lambda tx: registration_tasks.close(tx, call, task, message))
        return True

    async def _read(self, work: Work[T]) -> T:
        return await self._service.unit.read(in_lane(Lane.HOUSE, work))

    async def _write(self, work: Work[None]) -> None:
        await self._service.unit.transact(in_lane(Lane.HOUSE, work))


def _evaluate(call: Call, task: Task) -> list[Outcome]:
    """The next lines of a task's input file, and what they come to. Blocks.

    Raises:
        ObjectFaultError: the file cannot be read, or is another.
        LineTooLongError: the next line.
    """
    if call.objects is None:
        raise ObjectFaultError(Fault.MISSING, "this server has no object storage")
    size = min(bulk.LONGEST, task.input_size - task.input_offset)
    piece = call.objects.read(Location(task.bucket, task.key), task.etag, task.input_offset, size)
    last = task.input_offset + size == task.input_size
    lines = bulk.lines(piece, task.input_offset, task.line, last=last)
    return [registration_tasks.evaluated(call, task.body, line) for line in lines]


def _put(call: Call, task: Task, report: Report) -> None:
    if call.objects is None:
        raise ObjectFaultError(Fault.MISSING, "this server has no object storage")
    key = registration_tasks.report_key(task.key, task.task_id, report.kind, report.number)
    call.objects.put(Location(task.bucket, key), report.body, now=call.now)
