"""notify and notify-next: devices are told what became of their pending lists (device reference 3.10).

Effects name things whose lists changed. What is published is read from committed state in the next turn of the event
loop, so several changes in a row become one message with the last state. Nothing is read for things that nobody
listens to. Lists are read by set, and some hundred at most in a turn: whoever else is served comes in between.

When effects may have been missed, every watched thing is sent its list as it is, and a device sees that it knows it
already. Only those who subscribe for all things at once are told nothing then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Coroutine
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.devices import jobs, topics
from tidegate.mqtt.identity import Scope
from tidegate.ops import device, documents
from tidegate.ops.call import Objects
from tidegate.ops.effects import Acting, ExecutionsQueued, JobShown, Missed, PendingChanged, ThingNamed
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime import injector as injection
from tidegate.runtime.injector import Injector
from tidegate.runtime.service import Service
from tidegate.store import executions, scopes, things
from tidegate.store.database import Lane, StoreError, Tx, in_lane
from tidegate.store.executions import Pending
from tidegate.wire import jobs_data

log = logging.getLogger("tidegate.mqtt")


_PAGE = 200
"""Things looked at in one go; others are served, and told of what happens, in between."""


class Publisher(Protocol):
    """Sends service messages to those who subscribed and may receive them."""

    def publish(self, topic: str, payload: bytes, qos: int, *, scope: Scope, newest_only: bool = False) -> None: ...


class _Notify(msgspec.Struct, omit_defaults=True, gc=False):
    timestamp: int
    jobs: dict[str, list[jobs_data.JobExecutionSummary]]


class _NotifyNext(msgspec.Struct, omit_defaults=True, gc=False):
    timestamp: int
    execution: Any = None


class _Due(NamedTuple):
    """What the listeners of a list must be sent.

    ``next_if`` are jobs whose execution, if it is the head now, is new there.
    """

    notify: bool = False
    notify_next: bool = False
    next_if: frozenset[int] = frozenset()

    def joined(self, other: _Due) -> _Due:
        return _Due(self.notify or other.notify, self.notify_next or other.notify_next, self.next_if | other.next_if)


_Known = tuple[Scope, str]
"""A thing that somebody listens to, by its name."""
_List = tuple[int, str | None]
"""A pending list: a thing's inner id and the namespace of the jobs in it."""


class _Walk:
    """Goes through the things that may have a QUEUED execution of a job that appeared or disappeared, a page a turn.

    These are the watched ones, or all that the job has executions on, whichever is asked for.
    """

    def __init__(self, job_id: int, watched: Collection[int] | None) -> None:
        self.job_id = job_id
        self._watched = None if watched is None else deque(watched)
        self._after = executions.BEFORE_ALL
        self._next: tuple[int, int, int] | None = None
        self.finished = False

    def page(self, tx: Tx) -> list[int]:
        """The next things; the same again until ``go_on`` is called."""
        if self._watched is not None:
            return [self._watched[place] for place in range(min(_PAGE, len(self._watched)))]
        rows = executions.page_of_job(tx, self.job_id, self._after, _PAGE)
        self._next = (rows[-1].queued_at, rows[-1].thing_id, rows[-1].number) if len(rows) == _PAGE else None
        return [row.thing_id for row in rows if row.status == ExecutionStatus.QUEUED]

    def go_on(self) -> None:
        """The page has been published."""
        if self._watched is not None:
            for _ in range(min(_PAGE, len(self._watched))):
                self._watched.popleft()
            self.finished = not self._watched
        elif self._next is None:
            self.finished = True
        else:
            self._after = self._next


class _Message(NamedTuple):
    scope: Scope
    topic: str
    payload: bytes


class Notices:
    """Turns effects into notifications. Lives on the event loop."""

    def __init__(self, service: Service, publisher: Publisher) -> None:
        self._service = service
        self._publisher = publisher
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._watched: dict[int, _Known] = {}
        self._names: dict[_Known, int | None] = {}
        self._everywhere: frozenset[Scope] = frozenset()
        self._due: dict[_List, _Due] = {}
        self._shown: dict[int, _Walk | None] = {}
        self._walk: _Walk | None = None
        self._unsure: set[int] = set()
        self._scheduled = False
        self._unknown: dict[_Known, None] = {}
        self._looking_up = False
        self._running: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Future[list[_Message]] | None = None
        self.effects = Acting(
            {
                PendingChanged: self._changed,
                ExecutionsQueued: self._queued,
                JobShown: self._job_shown,
                ThingNamed: self._called,
                Missed: self._missed,
            }
        )
        """Takes note of what a transaction did."""

    def interest(self, scope: Scope, thing_name: str | None, wanted: bool) -> None:
        """A thing's notices begin or cease to have a subscriber; None stands for filters that reach every thing."""
        if thing_name is None:
            self._everywhere = self._everywhere | {scope} if wanted else self._everywhere - {scope}
        elif wanted:
            self._names[scope, thing_name] = None
            self._start((scope, thing_name))
        else:
            thing_id = self._names.pop((scope, thing_name), None)
            if thing_id is not None:
                self._watched.pop(thing_id, None)

    def _changed(self, effect: PendingChanged) -> None:
        self._add((effect.thing_id, effect.namespace), _Due(effect.change.notify, effect.change.notify_next))

    def _queued(self, effect: ExecutionsQueued) -> None:
        due = _Due(notify=True, next_if=frozenset((effect.job_id,)))
        for thing_id in effect.thing_ids if self._listening() else self._watched.keys() & effect.thing_ids:
            self._add((thing_id, effect.namespace), due)

    def _job_shown(self, effect: JobShown) -> None:
        if self._watched or self._listening():
            self._shown[effect.job_id] = None  # it begins, or begins anew, when its turn has come
            self._schedule()

    def _called(self, effect: ThingNamed) -> None:
        known = (effect.account, effect.region), effect.name
        if known in self._names:
            self._start(known)

    def _missed(self, _effect: Missed) -> None:
        if self._names:
            self._begin(self._look_at_all())

    async def settled(self) -> None:
        """Wait until what was taken note of has been published."""
        while True:
            under_way: set[asyncio.Future[Any]] = {self._reading} if self._reading else set()
            if self._waiting():
                under_way |= self._running
            if under_way:
                await asyncio.wait(under_way)
            elif self._scheduled:
                await asyncio.sleep(0)
            else:
                return

    def _waiting(self) -> bool:
        return bool(self._due or self._shown or self._unsure)

    def _listening(self) -> bool:
        """True while any thing may turn out to have a listener."""
        return bool(self._everywhere) or self._looking_up

    def _add(self, which: _List, due: _Due) -> None:
        if which[0] not in self._watched and not self._listening():
            return
        known = self._due.get(which)
        self._due[which] = known.joined(due) if known else due
        self._schedule()

    def _schedule(self) -> None:
        # One reading at a time: the answers of two could change places, and devices would be left with the older.
        if self._waiting() and not (self._scheduled or self._reading or self._looking_up):
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        due = self._next_due()
        walk = self._next_walk()
        unsure = [self._unsure.pop() for _ in range(min(_PAGE, len(self._unsure)))]
        if due or walk or unsure:
            self._walk = walk
            reading = self._service.unit.read(
                in_lane(Lane.HOUSE, lambda tx: self._messages(tx, dict(due), walk, unsure))
            )
            if reading.done():  # the embedded store answers at once: no task, and the order of the loop is kept
                self._send(reading)
                self._schedule()
            else:
                self._reading = reading
                reading.add_done_callback(self._read)

    def _next_due(self) -> dict[_List, _Due]:
        """What is due for the lists that changed first, as far as somebody listens."""
        if len(self._due) <= _PAGE:
            taken, self._due = self._due, {}
        else:
            taken = {which: self._due.pop(which) for which in list(islice(self._due, _PAGE))}
        if self._everywhere:
            return taken
        return {which: what for which, what in taken.items() if which[0] in self._watched}

    def _next_walk(self) -> _Walk | None:
        """The walk for the job that was shown first."""
        for job_id, under_way in self._shown.items():
            walk = self._shown[job_id] = under_way or _Walk(job_id, None if self._everywhere else self._watched)
            return walk
        return None

    def _read(self, reading: asyncio.Future[list[_Message]]) -> None:
        self._reading = None
        self._send(reading)
        self._schedule()

    def _send(self, reading: asyncio.Future[list[_Message]]) -> None:
        error = reading.exception()
        walk, self._walk = self._walk, None
        if walk is not None:
            walk.go_on()
            # One that began anew meanwhile, because the job was shown again, stays.
            if (error or walk.finished) and self._shown.get(walk.job_id) is walk:
                del self._shown[walk.job_id]
        if error is not None:
            self._limited_log.error(
                "notifications could not be read from the store: %s; devices learn of it at their next request", error
            )
            return
        for message in reading.result():
            if self._service.injector is None:
                self._publish(message)
            else:
                self._publish_faultily(self._service.injector, message)

    def _publish(self, message: _Message) -> None:
        self._publisher.publish(message.topic, message.payload, 1, scope=message.scope, newest_only=True)

    def _publish_faultily(self, injector: Injector, message: _Message) -> None:
        levels = message.topic.split("/")
        fault = injector.fault(levels[-1], levels[2])
        if fault is None:
            self._publish(message)
            return
        for topic, payload in injection.reply(fault, [(message.topic, message.payload)]):
            made = message._replace(topic=topic, payload=payload)
            if fault.fault == "delay":
                self._loop.call_later(fault.by_ms / 1000, self._publish, made)
            else:
                self._publish(made)

    def _messages(self, tx: Tx, due: dict[_List, _Due], walk: _Walk | None, unsure: list[int]) -> list[_Message]:
        timestamp = self._service.clock.now() // 1000
        toggled = walk.page(tx) if walk else []
        things_seen = {*(which[0] for which in due), *unsure, *toggled}
        if len(things_seen) > 1:
            tx.read_ahead(things_seen)
        for thing_id in unsure:
            # Nothing less than everything, whatever else is due.
            due |= dict.fromkeys(_lists(tx, thing_id), _Due(notify=True, notify_next=True))
        for thing_id in toggled:
            assert walk is not None
            which, what = _toggled(tx, thing_id, walk.job_id)
            due[which] = due.get(which, _Due()).joined(what)
        found = []
        for which, what in due.items():
            known = self._watched.get(which[0]) or _named(tx, which[0])
            if known is not None:
                found += _about(tx, self._service.objects, which, *known, what, timestamp)
        return found

    async def _look_up(self) -> None:
        """Find the things behind names that are watched since; until they are known, every change is kept."""
        try:
            while self._unknown:
                some = list(islice(self._unknown, _PAGE))
                for known in some:
                    del self._unknown[known]
                await self._find(some)
                await asyncio.sleep(0)
        finally:
            self._looking_up = False
        self._schedule()

    async def _find(self, names: list[_Known]) -> list[int | None]:
        ids = await self._service.unit.read(in_lane(Lane.HOUSE, lambda tx: _thing_ids(tx, names)))
        for known, thing_id in zip(names, ids, strict=True):
            self._found(known, thing_id)
        return ids

    async def _look_at_all(self) -> None:
        """Find the things behind all watched names anew, and have them sent their lists, some at a time."""
        names = list(self._names)
        for some in (names[first : first + _PAGE] for first in range(0, len(names), _PAGE)):
            try:
                ids = await self._find(some)
            except StoreError as error:
                self._limited_log.error(
                    "what things wait for could not be read: %s; devices learn of it at their next request", error
                )
                return
            self._unsure |= self._watched.keys() & set(ids)
            self._schedule()

    def _found(self, known: _Known, thing_id: int | None) -> None:
        if known not in self._names:
            return
        former = self._names[known]
        if former is not None and former != thing_id:
            self._watched.pop(former, None)
        self._names[known] = thing_id
        if thing_id is not None:
            self._watched[thing_id] = known

    def _start(self, known: _Known) -> None:
        self._unknown[known] = None
        if not self._looking_up:
            self._looking_up = True
            self._begin(self._look_up())

    def _begin(self, looking: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(looking)
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _lists(tx: Tx, thing_id: int) -> set[_List]:
    """The lists of a thing: the one without a namespace, and those in which something is pending."""
    found = executions.pending_by_id(tx, thing_id)
    return {(thing_id, None), *((thing_id, one.namespace) for one in found)}


def _toggled(tx: Tx, thing_id: int, job_id: int) -> tuple[_List, _Due]:
    """What a job's QUEUED execution on a thing, if there is one, changes by appearing or disappearing."""
    found = executions.pending_by_id(tx, thing_id)
    one = next((each for each in found if each.job_id == job_id and each.status == ExecutionStatus.QUEUED), None)
    if one is None:
        return (thing_id, None), _Due()
    before, now = found.shown_by(one)
    change = before.change_to(now)
    return (thing_id, one.namespace), _Due(change.notify, change.notify_next)


def _about(
    tx: Tx, objects: Objects | None, which: _List, scope: Scope, name: str, due: _Due, timestamp: int
) -> list[_Message]:
    """What to publish about one list."""
    thing_id, namespace = which
    seen = executions.pending_by_id(tx, thing_id).visible(namespace)
    messages = []
    if due.notify:
        groups: dict[str, list[jobs_data.JobExecutionSummary]] = {}
        for one in seen.shown:
            groups.setdefault(one.status.name, []).append(device.summary(one))
        messages.append(_Message(scope, topics.notify(name, namespace), jobs.encode(_Notify(timestamp, groups))))
    head = seen.head
    if due.notify_next or (head is not None and head.job_id in due.next_if):
        try:
            execution = None if head is None else _next(tx, objects, scope[0], head, name, timestamp * 1000)
        except documents.UndeliverableError:  # it is in the log; the device is told when it asks
            return messages
        payload = jobs.encode(_NotifyNext(timestamp, execution))
        messages.append(_Message(scope, topics.notify_next(name, namespace), payload))
    return messages


def _next(tx: Tx, objects: Objects | None, account: str, one: Pending, thing_name: str, now: int) -> Any:
    document = documents.delivered(tx, objects, account, one, thing_name, now)
    return jobs.embedded(device.described(tx, one, None, now, document=document))


def _named(tx: Tx, thing_id: int) -> tuple[Scope, str] | None:
    found = things.name_of(tx, thing_id)
    scope = scopes.name(tx, found[0]) if found else None
    return (scope, found[1]) if found and scope else None


def _thing_ids(tx: Tx, names: list[_Known]) -> list[int | None]:
    by_scope: dict[Scope, list[str]] = {}
    for scope, name in names:
        by_scope.setdefault(scope, []).append(name)
    found: dict[_Known, int] = {}
    for scope, some in by_scope.items():
        scope_id = scopes.find(tx, *scope)
        if scope_id is not None:
            found |= {(scope, name): thing_id for name, thing_id in things.ids(tx, scope_id, some).items()}
    return [found.get(known) for known in names]
