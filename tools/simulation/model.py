"""A second, naive account of what jobs do, written from the references and not from the engine: dictionaries and loops.

It is told every call and predicts its answer and all that follows at once. What the engine does later it does not
predict step by step, because the references leave the pace open: each change the engine makes must be one it owed or
was free to make (``observe``), and once the engine has come to rest it must owe nothing (``settled``).

References in brackets: C is the control reference, D the device reference. Instants are epoch ms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
RETENTION = 730 * DAY

ACTIVE = ("QUEUED", "IN_PROGRESS")
EXECUTED = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT")
BAD = ("FAILED", "REJECTED", "TIMED_OUT")
STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")

INVALID_REQUEST = "InvalidRequestException"
NOT_FOUND = "ResourceNotFoundException"
BAD_STATE = "InvalidStateTransitionException"
VERSION_CONFLICT = "VersionConflictException"
VERSION_MISMATCH = "VersionMismatch"


class Broken(AssertionError):
    """The service did what the references forbid, or did not do what they demand."""


class Row(NamedTuple):
    """One execution as it is stored. ``failed`` are the retries before it that followed a FAILED one."""

    number: int
    status: str
    version: int
    queued_at: int
    started_at: int | None
    updated_at: int
    attempt: int
    failed: int
    forced: int | None
    run_deadline: int | None
    step_deadline: int | None

    @property
    def deadline(self) -> int | None:
        """The earlier timer."""
        return min((each for each in (self.run_deadline, self.step_deadline) if each is not None), default=None)


Key = tuple[int, int, int]
"""(thing, job, number)."""
Rows = dict[Key, Row]


class Stored(NamedTuple):
    """One job as it is stored; ``began_at`` is when its rollout first began."""

    name: str
    status: str
    force_canceled: int | None
    completed_at: int | None
    began_at: int | None
    ended: bool


class Exponential(NamedTuple):
    """C 9.2."""

    base: int
    factor: Decimal
    notified: int | None
    succeeded: int | None


class Window(NamedTuple):
    """A daily window, or a weekly one (weekday 0 is Monday), by its first minute of the day."""

    minute_of_day: int
    weekday: int | None
    minutes: int

    def starts(self, instant: int) -> bool:
        """True if an occurrence begins in the minute that begins at an instant."""
        if instant % DAY != self.minute_of_day * MINUTE:
            return False
        return self.weekday is None or (instant // DAY + 3) % 7 == self.weekday  # 1970-01-01 was a Thursday

    def occurrence(self, now: int) -> int | None:
        """The start of the occurrence that is open at an instant."""
        for back in range(2):
            start = (now // DAY - back) * DAY + self.minute_of_day * MINUTE
            if start <= now < start + self.minutes * MINUTE and self.starts(start):
                return start
        return None


@dataclass(frozen=True)
class Settings:
    """What a job is created with."""

    continuous: bool = False
    per_minute: int | None = None
    exponential: Exponential | None = None
    abort: tuple[tuple[str, Decimal, int], ...] = ()
    retries: tuple[tuple[str, int], ...] = ()
    timeout: int | None = None
    start: int | None = None
    end: int | None = None
    end_behavior: str = "STOP_ROLLOUT"
    windows: tuple[Window, ...] = ()
    pauses: bool = False
    """An abort criterion that is met holds it instead of canceling it (docs/hold.md)."""


@dataclass(eq=False)
class Group:
    """A thing group; members by thing id with the instant and the order in which they joined."""

    name: str
    parent: Group | None
    members: dict[int, tuple[int, int]] = field(default_factory=dict)
    deleted: bool = False

    def root(self) -> Group:
        """The top of its tree."""
        return self if self.parent is None else self.parent.root()

    def within(self, other: Group) -> bool:
        """True if it is another group or below it."""
        return self is other or (self.parent is not None and self.parent.within(other))


@dataclass(eq=False)
class Job:
    """A job. ``doomed`` is the fan-out it owes: None, CANCEL or FORCE (of a CANCELED job) or its endBehavior."""

    id: int
    name: str
    settings: Settings
    targets: list[int | Group]
    created_at: int
    status: str
    began_at: int | None = None
    began_after: int = 0
    latest_member: int = 0
    ended: bool = False
    paused_before: bool = False
    doomed: str | None = None
    force_canceled: bool | None = None
    completed_at: int | None = None
    waiting: dict[int, tuple[int, int]] = field(default_factory=dict)
    had: dict[int, int] = field(default_factory=dict)
    releases: list[tuple[int, int]] = field(default_factory=list)
    totals: list[tuple[int, int, int]] = field(default_factory=list)
    disturbed_at: int = -DAY
    former: list[tuple[int, Settings]] = field(default_factory=list)
    held: str | None = None
    """PAUSED or CRITERION (docs/hold.md)."""
    forgiven: Counter[str] = field(default_factory=Counter)

    @property
    def active(self) -> bool:
        """SCHEDULED or IN_PROGRESS."""
        return self.status in ("SCHEDULED", "IN_PROGRESS")

    def over(self, now: int) -> bool:
        """endTime has passed (C 8.2)."""
        return self.settings.end is not None and now >= self.settings.end

    def open(self, now: int) -> bool:
        """Executions may be released and started (C 8.1, 8.3)."""
        plan = self.settings
        if self.over(now) or self.held:
            return False
        if not plan.windows:
            return plan.start is None or now >= plan.start
        since = max(self.created_at, plan.start or 0)
        found = (window.occurrence(now) for window in plan.windows)
        return any(start is not None and start >= since for start in found)

    def rate(self, settings: Settings, notified: int, succeeded: int) -> int:
        """Executions a minute (C 9)."""
        ceiling = settings.per_minute or 1000
        plan = settings.exponential
        if plan is None:
            return ceiling
        steps = max(
            notified // plan.notified if plan.notified else 0, succeeded // plan.succeeded if plan.succeeded else 0
        )
        return min(ceiling, int(plan.base * plan.factor ** min(steps, 40)))


class Change(NamedTuple):
    """What the devices of a thing were told in one transaction."""

    notify: bool
    notify_next: bool


class Model:
    """Everything the service should know."""

    def __init__(self) -> None:
        self.things: dict[str, int] = {}
        self.groups: dict[str, Group] = {}
        self.jobs: dict[int, Job] = {}
        self.names: dict[str, Job] = {}
        self.rows: Rows = {}
        self.by_pair: dict[tuple[int, int], list[int]] = {}
        self.by_thing: dict[int, set[Key]] = {}
        self.by_job: dict[int, set[Key]] = {}
        self.touched: set[Key] = set()
        self.joins = 0
        self.counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.lingering: set[Key] = set()
        self.seen_until = 0
        self.toggled: list[int] = []
        """Jobs that a criterion has held since somebody looked: their QUEUED executions disappeared."""

    # --- looking -----------------------------------------------------------------------------------------------

    def latest(self, thing: int, job: Job) -> Row | None:
        """The latest execution of a job on a thing."""
        numbers = self.by_pair.get((thing, job.id))
        return self.rows[thing, job.id, max(numbers)] if numbers else None

    def active_row(self, thing: int, job: Job) -> Row | None:
        """Its QUEUED or IN_PROGRESS execution."""
        latest = self.latest(thing, job)
        return latest if latest is not None and latest.status in ACTIVE else None

    def of_job(self, job: Job) -> list[tuple[Key, Row]]:
        """All executions of a job."""
        return [(key, self.rows[key]) for key in sorted(self.by_job.get(job.id, ()))]

    def covers(self, job: Job, thing: int) -> bool:
        """The thing is a target, or in a group that is or that lies below one (C 9.3, 13)."""
        groups = [group for group in self.groups.values() if thing in group.members]
        return any(
            target == thing if isinstance(target, int) else any(group.within(target) for group in groups)
            for target in job.targets
        )

    def covered(self, job: Job) -> set[int]:
        """Every thing that a job is aimed at now."""
        found: set[int] = set()
        for target in job.targets:
            if isinstance(target, int):
                found |= {target} & set(self.things.values())
            else:
                found |= {thing for group in self.groups.values() if group.within(target) for thing in group.members}
        return found

    def left(self, job: Job, *, at_most: bool = False) -> set[int]:
        """Things whose first execution the rollout has still to queue; ``at_most`` those that it may queue.

        A snapshot is of the members from before it began. If the clock stood still or went back since then, one that
        joined later cannot be told from them.
        """
        alive = set(self.things.values())
        found: set[int] = set()
        for target in job.targets:
            if isinstance(target, int):
                found |= {target} & alive
                continue
            for group in self.groups.values():
                if group.within(target):
                    found |= {thing for thing, joined in group.members.items() if self._taken(job, joined, at_most)}
        return found - job.had.keys() - job.waiting.keys()

    def _taken(self, job: Job, joined: tuple[int, int], at_most: bool) -> bool:
        if job.settings.continuous or job.began_at is None or joined[1] <= job.began_after:
            return True
        return at_most and joined[0] <= job.latest_member

    def pending(self, thing: int) -> list[Key]:
        """What a device sees, in order (D 3.9, C 15.4); with what a canceled or deleted job is about to take away."""
        found = []
        for key in self.by_thing.get(thing, ()):
            row, status = self.rows[key], self.jobs[key[1]].status
            if row.status not in ACTIVE:
                continue
            shown = status != "DELETION_IN_PROGRESS" if row.status == "IN_PROGRESS" else status == "IN_PROGRESS"
            if shown or key in self.lingering:
                found.append(key)
        return sorted(
            found, key=lambda key: (self.rows[key].status == "QUEUED", self.rows[key].queued_at, key[1], key[2])
        )

    def shown(self, thing: int) -> list[Key]:
        """What a device is shown."""
        return [key for key in self.pending(thing) if key not in self.lingering]

    # --- executions begin and end ------------------------------------------------------------------------------

    def put(self, key: Key, row: Row) -> None:
        """Keep a new state of an execution; what has ended stays as it is, and versions only grow."""
        old = self.rows.get(key)
        if old is None:
            if self.active_row(key[0], self.jobs[key[1]]) is not None:
                raise Broken(f"two active executions of one job on one thing: {key}")
            self.by_pair.setdefault(key[:2], []).append(key[2])
            self.by_thing.setdefault(key[0], set()).add(key)
            self.by_job.setdefault(key[1], set()).add(key)
        else:
            if old.status not in ACTIVE:
                raise Broken(f"{key} had ended: {old} became {row}")
            if row.version <= old.version:
                raise Broken(f"{key} went back from version {old.version} to {row.version}")
            self.counts[key[1]][old.status] -= 1
        self.counts[key[1]][row.status] += 1
        self.rows[key] = row
        self.touched.add(key)

    def drop(self, key: Key) -> None:
        """Forget an execution that was deleted."""
        row = self.rows.pop(key)
        self.by_pair[key[:2]].remove(key[2])
        self.by_thing[key[0]].discard(key)
        self.by_job[key[1]].discard(key)
        self.touched.add(key)
        self.counts[key[1]][row.status] -= 1
        self.lingering.discard(key)

    def move(self, key: Key, status: str, now: int, **changes: Any) -> None:
        """An execution moves on."""
        row = self.rows[key]
        moved = row._replace(status=status, version=row.version + 1, updated_at=now)
        if status not in ACTIVE:
            moved = moved._replace(run_deadline=None, step_deadline=None)
        self.put(key, moved._replace(**changes))
        if status not in ACTIVE or self.jobs[key[1]].status == "CANCELED":
            self.lingering.discard(key)

    def queue(self, thing: int, job: Job, now: int, attempt: int, failed: int) -> None:
        """A new execution outside the rollout: of a later number and of a later second (C 11, D 5.4)."""
        latest = self.latest(thing, job)
        queued_at = now if latest is None else max(now, (latest.queued_at // SECOND + 1) * SECOND)
        number = max(job.had.get(thing, 0), latest.number if latest else 0) + 1
        row = Row(number, "QUEUED", 1, queued_at, None, queued_at, attempt, failed, None, None, None)
        self.put((thing, job.id, number), row)
        job.had[thing] = number

    def finish(self, key: Key, status: str, now: int, **changes: Any) -> None:
        """An execution ends; then abort, else retry (C 10, 11, 12)."""
        job = self.jobs[key[1]]
        self.move(key, status, now, **changes)
        if status in EXECUTED and self.abort(job) and not job.held:
            return
        self.retry(key, job, status, now)

    def abort(self, job: Job) -> bool:
        """C 10. True if the job is aborted."""
        pauses = job.settings.pauses and not job.ended
        if not job.active or (pauses and job.held):
            return False
        counts = Counter({each: max(0, self.counts[job.id][each] - job.forgiven[each]) for each in EXECUTED})
        executed = sum(counts[status] for status in EXECUTED)
        for kind, threshold, least in job.settings.abort:
            if executed < max(least, 1):
                continue
            bad = sum(counts[status] for status in BAD) if kind == "ALL" else counts[kind]
            if Decimal(100) * bad >= threshold * executed:
                if pauses:
                    self.hold(job)
                else:
                    self.cancel(job, force=False)
                return True
        return False

    def cancel(self, job: Job, *, force: bool) -> None:
        """CANCELED at once; its executions follow (C 14.3)."""
        self.linger(job)
        job.held = None
        self.lingering = {key for key in self.lingering if key[1] != job.id or self.rows[key].status == "QUEUED"}
        job.status, job.doomed = "CANCELED", "FORCE" if force else "CANCEL"
        job.force_canceled = force
        job.waiting.clear()

    def hold(self, job: Job) -> None:
        """docs/hold.md: its QUEUED executions disappear."""
        if job.status == "IN_PROGRESS":
            self.toggled.append(job.id)
        job.held, job.status = "CRITERION", "SCHEDULED"

    def linger(self, job: Job) -> None:
        """What devices see of a job stays in their lists until it is taken away."""
        for key, row in self.of_job(job):
            if row.status == "IN_PROGRESS" or (row.status == "QUEUED" and job.status == "IN_PROGRESS"):
                self.lingering.add(key)
        job.paused_before = job.status == "SCHEDULED"

    def retry(self, key: Key, job: Job, cause: str, now: int) -> None:
        """C 11."""
        row = self.rows[key]
        if cause not in ("FAILED", "TIMED_OUT") or not job.active or job.ended or job.over(now):
            return
        budgets = dict(job.settings.retries)
        used = row.failed if cause == "FAILED" else row.attempt - row.failed
        enough = row.attempt < budgets["ALL"] if "ALL" in budgets else used < budgets.get(cause, 0)
        if not enough or row.attempt >= 10:
            return
        if job.settings.continuous and not self.covers(job, key[0]):
            return
        failed = row.failed + (cause == "FAILED")
        if job.status == "IN_PROGRESS" and job.open(now):
            self.queue(key[0], job, now, row.attempt + 1, failed)
        else:
            job.waiting[key[0]] = (row.attempt + 1, failed)

    def done(self, job: Job) -> bool:
        """The job can end (C 7)."""
        if not job.active or job.waiting or job.doomed:
            return False
        if job.settings.continuous and not job.ended:
            return False
        if any(self.counts[job.id][status] for status in ACTIVE):
            return False
        return job.ended or (job.began_at is not None and not self.left(job))

    # --- things and groups -------------------------------------------------------------------------------------

    def create_thing(self, name: str, thing: int) -> None:
        self.things[name] = thing

    def delete_thing(self, name: str, now: int) -> None:
        """C 13: everything active is REMOVED, and nothing waits for it any more."""
        thing = self.things.pop(name)
        self.disturb(now)
        for group in self.groups.values():
            group.members.pop(thing, None)
        for job in self.jobs.values():
            job.waiting.pop(thing, None)
        for key in sorted(self.by_thing.get(thing, ())):
            if self.rows[key].status in ACTIVE:
                self.finish(key, "REMOVED", now)

    def disturb(self, now: int) -> None:
        """A rollout may lose its last thing: it notices when its rate allows the next."""
        for job in self.jobs.values():
            if self.left(job):
                job.disturbed_at = now

    def create_group(self, name: str, parent: str | None) -> None:
        self.groups[name] = Group(name, self.groups[parent] if parent else None)

    def delete_group(self, name: str, now: int) -> str | None:
        group = self.groups[name]
        if any(other.parent is group for other in self.groups.values()):
            return INVALID_REQUEST
        before = {thing: self.following(thing) for thing in group.members}
        self.disturb(now)
        del self.groups[name]
        group.deleted = True
        for thing in sorted(before):
            self.followed(thing, before[thing], now)
        return None

    def regroup(self, thing: int, leave: list[str], join: list[str], now: int) -> str | None:
        """Out of some groups, into others; refused if it were twice below one root (C 17.3)."""
        before = self.following(thing)
        kept = [each for each in self.groups.values() if thing in each.members and each.name not in leave]
        for name in join:
            group = self.groups[name]
            if group in kept:
                continue
            if any(each.root() is group.root() for each in kept):
                return INVALID_REQUEST
            kept.append(group)
        left = [name for name in leave if self.groups[name].members.pop(thing, None) is not None]
        joined = []
        for name in join:
            if thing not in self.groups[name].members:
                self.joins += 1
                self.groups[name].members[thing] = (now, self.joins)
                joined.append(name)
        if left or joined:
            self.disturb(now)
            named = [self.groups[name] for name in (*leave, *join)]
            self.followed(thing, before, now, moved=named if joined else [])
        return None

    def following(self, thing: int) -> set[int]:
        """The continuous jobs that have a thing now."""
        jobs = self.jobs.values()
        return {job.id for job in jobs if job.settings.continuous and job.active and self.covers(job, thing)}

    def followed(self, thing: int, before: set[int], now: int, *, moved: Sequence[Group] = ()) -> None:
        """A thing has joined or left: its continuous jobs follow (C 13). ``moved`` are the groups of a move or join."""
        after = self.following(thing)
        for number in sorted(before - after):
            job = self.jobs[number]
            job.waiting.pop(thing, None)
            row = self.active_row(thing, job)
            if row is not None and row.status == "QUEUED":
                self.finish((thing, number, row.number), "REMOVED", now)
        for number in sorted(after - before):
            self.joined(thing, self.jobs[number], now)
        for number in sorted(after & before):  # the rollout may have passed its new place already
            job = self.jobs[number]
            targets = [target for target in job.targets if not isinstance(target, int)]
            concerned = any(group.within(target) for group in moved for target in targets)
            if concerned and thing not in job.had and thing not in job.waiting:
                self.joined(thing, job, now)

    def joined(self, thing: int, job: Job, now: int) -> None:
        if job.ended or job.over(now) or job.began_at is None:
            return
        row = self.active_row(thing, job)
        if row is not None:  # it runs on, with all its retries before it again
            self.rows[thing, job.id, row.number] = row._replace(attempt=0, failed=0)
            self.touched.add((thing, job.id, row.number))
        elif job.status == "IN_PROGRESS" and job.open(now):
            self.queue(thing, job, now, 0, 0)
        else:
            job.waiting[thing] = (0, 0)

    # --- jobs --------------------------------------------------------------------------------------------------

    def create_job(self, job: Job, now: int) -> None:
        """C 6.3."""
        job.status = "IN_PROGRESS" if job.open(now) or job.over(now) else "SCHEDULED"
        self.jobs[job.id] = self.names[job.name] = job

    def update_job(self, job: Job, settings: Settings, now: int) -> str | None:
        """C 14.2: also, new abort criteria are judged at once, and retries that were to come are off."""
        if not job.active:
            return INVALID_REQUEST
        if (settings.per_minute, settings.exponential) != (job.settings.per_minute, job.settings.exponential):
            job.former.append((now, job.settings))
            job.disturbed_at = now
        criteria_given = settings.abort is not job.settings.abort
        switched_off = bool(job.settings.retries) and not any(count for _, count in settings.retries)
        job.settings = settings
        if switched_off:
            job.waiting = {thing: attempt for thing, attempt in job.waiting.items() if not attempt[0]}
        if criteria_given:
            self.abort(job)
        return None

    def associate(self, job: Job, groups: list[str], now: int) -> str | None:
        """C 14.4."""
        if not job.settings.continuous or job.status != "IN_PROGRESS" or job.ended:
            return INVALID_REQUEST
        new = [self.groups[name] for name in groups]
        job.targets += [group for group in dict.fromkeys(new) if group not in job.targets]
        job.disturbed_at = now
        return None

    def cancel_job(self, job: Job, *, force: bool) -> str | None:
        """C 14.3."""
        if job.status == "CANCELED" and force and not job.force_canceled:
            job.doomed, job.force_canceled = "FORCE", True
            return None
        if not job.active:
            return INVALID_REQUEST
        self.cancel(job, force=force)
        return None

    def delete_job(self, job: Job, *, force: bool, deleting: int) -> str | None:
        """C 14.5."""
        if job.status == "DELETION_IN_PROGRESS" or (job.active and not force):
            return BAD_STATE
        if deleting >= 10:
            return "LimitExceededException"
        self.linger(job)
        job.status, job.held = "DELETION_IN_PROGRESS", None
        job.waiting.clear()
        return None

    def pause(self, job: Job) -> str | None:
        """docs/hold.md: as between windows, until it is resumed."""
        if job.status == "DELETION_IN_PROGRESS":
            return NOT_FOUND
        if not job.active or job.ended or job.held:
            return BAD_STATE
        job.held = "PAUSED"
        return None

    def resume(self, job: Job) -> str | None:
        """docs/hold.md: after a criterion held it, they begin to count anew."""
        if job.status == "DELETION_IN_PROGRESS":
            return NOT_FOUND
        if not job.held:
            return BAD_STATE
        if job.held == "CRITERION":
            job.forgiven = Counter({each: self.counts[job.id][each] for each in EXECUTED})
        job.held = None
        return None

    def cancel_execution(self, thing: int, job: Job, expected: int | None, now: int, *, force: bool) -> str | None:
        """C 15.3."""
        row = self.latest(thing, job)
        if row is None:
            return NOT_FOUND
        if expected is not None and expected != row.version:
            return VERSION_CONFLICT
        if row.status not in ACTIVE or (row.status == "IN_PROGRESS" and not force):
            return BAD_STATE
        self.finish((thing, job.id, row.number), "CANCELED", now, forced=1 if force else None)
        return None

    def delete_execution(self, thing: int, job: Job, number: int, now: int, *, force: bool) -> str | None:
        """C 15.3."""
        row = self.rows.get((thing, job.id, number))
        if row is None:
            return NOT_FOUND
        if row.status == "IN_PROGRESS" and not force:
            return BAD_STATE
        self.drop((thing, job.id, number))
        job.disturbed_at = now
        return None

    # --- devices -----------------------------------------------------------------------------------------------

    def start_next(self, thing: int, step: int | None, now: int) -> Key | None:
        """D 3.5: what the device is given."""
        shown = self.shown(thing)
        if not shown:
            return None
        if self.rows[shown[0]].status == "QUEUED":
            self.start(shown[0], step, now)
        return shown[0]

    def start(self, key: Key, step: int | None, now: int) -> None:
        minutes = self.jobs[key[1]].settings.timeout
        self.move(
            key,
            "IN_PROGRESS",
            now,
            started_at=now,
            run_deadline=None if minutes is None else now + minutes * MINUTE,
            step_deadline=None if step in (None, -1) else now + (step or 0) * MINUTE,
        )

    def report(
        self,
        thing: int,
        job: Job | None,
        status: str,
        now: int,
        *,
        number: int | None,
        expected: int | None,
        step: int | None,
    ) -> str | None:
        """D 3.7."""
        row = None
        if job is not None:
            row = self.latest(thing, job) if number is None else self.rows.get((thing, job.id, number))
        if job is None or row is None:
            return NOT_FOUND
        if expected is not None and expected != row.version:
            return VERSION_MISMATCH
        if row.status not in ACTIVE:
            return BAD_STATE
        key = (thing, job.id, row.number)
        if status != "IN_PROGRESS":
            self.finish(key, status, now, started_at=now if row.started_at is None else row.started_at)
        elif row.status == "QUEUED":
            self.start(key, step, now)
        elif step is None:
            self.move(key, "IN_PROGRESS", now)
        else:
            self.move(key, "IN_PROGRESS", now, step_deadline=None if step == -1 else now + step * MINUTE)
        return None

    # --- what the engine did -----------------------------------------------------------------------------------

    def observe(
        self, stored: Rows, keys: set[Key], jobs: dict[int, Stored], now: int, *, engine: bool, begins: bool = False
    ) -> list[int]:
        """Account for everything that is not as predicted.

        Args:
            stored: all executions.
            keys: those that changed in the store.
            jobs: all jobs.
            now: the engine's present.
            engine: a step of the engine did it, not a call.
            begins: a call did it that does the first step of a rollout itself: a job's creation, further targets.

        Returns:
            The jobs whose QUEUED executions appeared in their things' lists or disappeared from them.
        """
        self.seen_until = max(now, self.seen_until)
        toggled = self._observe_jobs(jobs, now) if engine or begins else []
        keys = keys | self.touched
        self._observe_ends(stored, keys, now, engine=engine)
        self._observe_deletions(stored, keys, jobs)
        self._observe_beginnings(stored, keys, now, engine=engine or begins)
        for key in sorted(keys | self.touched):
            if stored.get(key) != self.rows.get(key):
                raise Broken(f"execution {key} is {stored.get(key)}, expected {self.rows.get(key)}")
        self.touched = set()
        self._observe_completions(jobs, now)
        for number, job in self.jobs.items():
            found = jobs.get(number)
            if found is None or found.status != job.status:
                raise Broken(f"job {job.name} is {found and found.status}, expected {job.status}")
            if found.force_canceled != (None if job.force_canceled is None else int(job.force_canceled)):
                raise Broken(f"job {job.name}: forceCanceled is {found.force_canceled}, not {job.force_canceled}")
        toggled, self.toggled = toggled + self.toggled, []
        return toggled

    def _observe_jobs(self, jobs: dict[int, Stored], now: int) -> list[int]:
        """Jobs that the engine started, paused or ended."""
        toggled = []
        for number, job in self.jobs.items():
            found = jobs.get(number)
            if found is None:
                continue
            if found.ended and not job.ended:
                if not job.over(now):
                    raise Broken(f"job {job.name} was ended before its endTime")
                job.ended, job.doomed = True, job.settings.end_behavior
                if job.held and job.doomed == "STOP_ROLLOUT":
                    job.doomed = "CANCEL"
                job.held = None
                job.waiting.clear()
                if job.status == "SCHEDULED":
                    job.status = "IN_PROGRESS"
                    toggled.append(number)
            if (job.status, found.status) == ("SCHEDULED", "IN_PROGRESS"):
                if not job.open(now):
                    raise Broken(f"job {job.name} was started outside its times")
                job.status = "IN_PROGRESS"
                toggled.append(number)
            elif (job.status, found.status) == ("IN_PROGRESS", "SCHEDULED"):
                if job.settings.pauses and job.open(now):
                    continue  # by a criterion, as what follows must show
                if job.open(now) or job.over(now) or job.ended:
                    raise Broken(f"job {job.name} was paused inside its times")
                job.status = "SCHEDULED"
                toggled.append(number)
            if found.began_at is not None and job.began_at is None:
                if not job.open(now):
                    raise Broken(f"the rollout of job {job.name} began outside its times")
                job.began_at, job.began_after = now, self.joins
                members = [joined for group in self.groups.values() for joined, _ in group.members.values()]
                job.latest_member = max([now, *members])
        return toggled

    def _observe_ends(self, stored: Rows, keys: set[Key], now: int, *, engine: bool) -> None:
        both = [key for key in sorted(keys) if key in stored and key in self.rows]
        changed = [key for key in both if stored[key] != self.rows[key] and self.rows[key].status in ACTIVE]
        due = [key for key in changed if engine and stored[key].status == "TIMED_OUT"]
        for key in sorted(due, key=lambda key: (self.rows[key].deadline or 0, key[1], key[0])):
            deadline = self.rows[key].deadline
            if deadline is None or deadline > now:
                raise Broken(f"{key} timed out at {now}, its deadline is {deadline}")
            self.finish(key, "TIMED_OUT", now)
        for key in changed:
            if stored[key].status == "CANCELED" and self.rows[key].status in ACTIVE:
                act = self._fate(key)
                if act is None:
                    raise Broken(f"{key} was canceled without a reason: it was {self.rows[key]}")
                self.move(key, "CANCELED", now, forced=1 if act == "FORCE" else None)

    def _fate(self, key: Key) -> str | None:
        """Why the engine must cancel an execution, if it must."""
        job, status = self.jobs[key[1]], self.rows[key].status
        if job.doomed == "FORCE":
            return "FORCE"
        if job.doomed in ("CANCEL", "FORCE_CANCEL") and status == "QUEUED":
            return "CANCEL"
        return "FORCE" if job.doomed == "FORCE_CANCEL" and status == "IN_PROGRESS" else None

    def _observe_deletions(self, stored: Rows, keys: set[Key], jobs: dict[int, Stored]) -> None:
        for key in sorted(key for key in keys if key in self.rows and key not in stored):
            if not self._deletable(self.jobs[key[1]]):
                raise Broken(f"{key} disappeared: it was {self.rows[key]}")
            self.drop(key)
        for number in [number for number in self.jobs if number not in jobs]:
            job = self.jobs[number]
            if not self._deletable(job):
                raise Broken(f"job {job.name} disappeared: it was {job.status}")
            if self.by_job.get(number):
                raise Broken(f"job {job.name} is gone, but not its executions")
            del self.jobs[number]
            if self.names.get(job.name) is job:
                del self.names[job.name]

    def _deletable(self, job: Job) -> bool:
        return job.status == "DELETION_IN_PROGRESS" or (not job.active and job.completed_at == -1)

    def _observe_beginnings(self, stored: Rows, keys: set[Key], now: int, *, engine: bool) -> None:
        released: Counter[int] = Counter()
        left: dict[int, set[int]] = {}
        for key in sorted(key for key in keys if key in stored and key not in self.rows):
            thing, number, _ = key
            job = self.jobs.get(number)
            if job is None or not engine:
                raise Broken(f"an execution out of nothing: {key} {stored[key]}")
            if job.ended or job.status != "IN_PROGRESS" or not job.open(now):
                raise Broken(f"{key} was queued outside the times of its job: {stored[key]}")
            if thing in job.waiting:
                attempt, failed = job.waiting.pop(thing)
                self.queue(thing, job, now, attempt, failed)
                continue
            if number not in left:
                left[number] = self.left(job, at_most=True)
            if thing not in left[number]:
                raise Broken(f"{key} was released, but its thing is not a target or had one: {stored[key]}")
            self.queue(thing, job, now, 0, 0)
            released[number] += 1
        for number, count in released.items():
            self._observe_release(self.jobs[number], count, now)

    def _observe_release(self, job: Job, count: int, now: int) -> None:
        """Never above the rate in any sixty seconds; a new rate holds from the next minute's slice on (C 9, 14.2)."""
        notified = sum(each for _, each in job.releases)
        succeeded = self.counts[job.id]["SUCCEEDED"]
        rates = [job.settings, *(settings for until, settings in job.former if now - MINUTE < until)]
        # Executions that were deleted no longer count as succeeded; the slice may have begun while they did.
        before = [total for instant, _, total in job.totals if instant > now - MINUTE]
        limit = max(job.rate(each, notified, max([succeeded, *before])) for each in rates)
        job.releases.append((now, count))
        for end in {now, *(instant for instant, _ in job.releases if now < instant < now + MINUTE)}:
            recent = sum(each for instant, each in job.releases if end - MINUTE < instant <= end)
            if recent > limit:
                raise Broken(f"job {job.name} released {recent} in a minute, its rate is {limit}")

    def _observe_completions(self, jobs: dict[int, Stored], now: int) -> None:
        for number, job in self.jobs.items():
            found = jobs[number] if number in jobs else None
            if found is not None and found.status == "COMPLETED" and job.status != "COMPLETED":
                if job.doomed and not self._owes(job):
                    job.doomed = None
                if not self.done(job):
                    raise Broken(f"job {job.name} completed with work left")
                if found.completed_at != now:
                    raise Broken(f"job {job.name} completed at {found.completed_at}, not now")
                job.status, job.completed_at, job.held = "COMPLETED", now, None

    def _owes(self, job: Job) -> bool:
        return any(row.status in ACTIVE and self._fate(key) for key, row in self.of_job(job))

    # --- at rest -----------------------------------------------------------------------------------------------

    def settled(self, now: int) -> None:
        """The engine has nothing left to do at this instant: it must owe nothing."""
        blurred = now < self.seen_until
        if blurred:  # what is due by the old time waits until the clock has caught up
            for job in self.jobs.values():
                job.disturbed_at = self.seen_until
            return
        for key, row in self.rows.items():
            if row.status == "IN_PROGRESS" and row.deadline is not None and row.deadline <= now:
                raise Broken(f"{key} should have timed out at {row.deadline}, it is {now}")
        for job in self.jobs.values():
            if job.status == "DELETION_IN_PROGRESS":
                raise Broken(f"job {job.name} should be gone")
            if job.doomed and self._owes(job):
                raise Broken(f"job {job.name} still has executions to cancel")
            job.doomed = None
            if job.active:
                self._settled_job(job, now)
            job.totals = [each for each in job.totals if each[0] > now - 2 * MINUTE or each is job.totals[-1]]
            job.totals.append((now, sum(each for _, each in job.releases), self.counts[job.id]["SUCCEEDED"]))
        self.lingering.clear()

    def _settled_job(self, job: Job, now: int) -> None:
        if self.done(job) and not job.held and now - job.disturbed_at >= MINUTE:
            raise Broken(f"job {job.name} should be COMPLETED")
        if job.over(now) and not job.ended:
            raise Broken(f"job {job.name} should have ended")
        self._settled_members(job, now)
        if job.ended:
            if job.status != "IN_PROGRESS":
                raise Broken(f"job {job.name} has ended, but is {job.status}")
        elif not job.open(now):
            if job.status != "SCHEDULED":
                raise Broken(f"job {job.name} should be SCHEDULED")
        else:
            self._settled_open(job, now)

    def _settled_open(self, job: Job, now: int) -> None:
        if job.status != "IN_PROGRESS" or job.began_at is None:
            raise Broken(f"job {job.name} should have begun")
        if job.waiting:
            raise Broken(f"job {job.name} did not queue what waited for its window")
        if now - job.disturbed_at < MINUTE or not self.left(job):
            return
        earlier = [total for total in job.totals if total[0] <= now - MINUTE]
        _, notified, succeeded = earlier[-1] if earlier else (0, 0, 0)
        least = job.rate(job.settings, notified, succeeded)
        recent = sum(each for instant, each in job.releases if now - MINUTE < instant)
        if recent < least:
            raise Broken(f"job {job.name} released {recent} in a minute and has things left; its rate is {least}")

    def _settled_members(self, job: Job, now: int) -> None:
        """A continuous job: those who left have nothing QUEUED (C 13). Those who are in: ``left`` has them."""
        if not job.settings.continuous:
            return
        queued = {key for key, row in self.of_job(job) if row.status == "QUEUED"}
        covered = self.covered(job) if queued else set()
        for key in queued:
            if key[0] not in covered:
                raise Broken(f"{key} is QUEUED, but its thing has left")

    def archive(self) -> None:
        """The retention of every ended job is over: the engine may purge them."""
        for job in self.jobs.values():
            if not job.active:
                job.completed_at = -1


def change(before: list[Key], after: list[Key]) -> Change:
    """What the devices of a thing must be told (D 3.10)."""
    identities = [{key[1:] for key in each} for each in (before, after)]
    heads = [each[0][1:] if each else None for each in (before, after)]
    return Change(identities[0] != identities[1], heads[0] != heads[1])


__all__ = ["Broken", "Job", "Model", "Row", "Rows", "Settings", "Stored", "change", "replace"]
