"""Drives the real operations and the real engine on a real database, and holds each transaction against the model."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tidegate.clock import SequentialIds
from tidegate.ops import own, sweeps
from tidegate.ops.call import Call
from tidegate.ops.effects import ExecutionsQueued, JobShown, PendingChanged
from tidegate.ops.handler import Report
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.store import jobs, scopes
from tidegate.store.database import Database, First, Params, StoreUnavailable, Tx, Written, locks_rows, transact
from tidegate.store.database import Row as StoredRow
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase
from tidegate.store.statements import Statement
from tidegate.wire import iot, jobs_data
from tidegate.wire.errors import WireError
from tools.simulation import model
from tools.simulation.model import Broken, Key, Model, Row, Rows, Stored

ACCOUNT, REGION = "123456789012", "eu-west-1"
LIMITS = Limits(schedule_lead=0)
DEVICE = "iot-jobs-data"

T = TypeVar("T")

_OPERATIONS = {"iot": iot.OPERATIONS, DEVICE: jobs_data.OPERATIONS}
_BEGIN = ("AssociateTargetsWithJob", "PauseJob", "ResumeJob")
"""Calls that do the next step of a job themselves."""
_DUMPS = {
    "dump_executions": "SELECT thing_id, job_id, number, status, version, queued_at, started_at, updated_at, attempt,"
    " after_failed, forced, run_deadline, step_deadline, deadline FROM execution",
    "dump_jobs": "SELECT id, name, status, force_canceled, completed_at, rollout_started_at, ended FROM job",
    "dump_counters": "SELECT job_id, status, sum(count) FROM job_counter GROUP BY job_id, status",
    "dump_things": "SELECT id, name, deleted_at FROM thing",
    "dump_strays": "SELECT 'waiting', job_id FROM execution_waiting UNION ALL SELECT 'release', job_id FROM job_release"
    " UNION ALL SELECT 'deleted', job_id FROM execution_deleted"
    " UNION ALL SELECT 'details', job_id FROM execution_details UNION ALL SELECT 'target', job_id FROM job_target",
    "kill_me": "SELECT pg_terminate_backend(pg_backend_pid())",
}
_QUIET = ("thing_", "group_", "scope_", "tag_")
"""Statements that touch neither jobs nor executions."""


class Crash(Exception):
    """The process dies here: nothing of the transaction may remain."""


class _Fragile:
    """A transaction that counts its writes and dies at one of them."""

    def __init__(self, tx: Tx, dies: Callable[[], None] | None, at: int) -> None:
        self._tx = tx
        self._dies = dies
        self._at = at
        self.effects = tx.effects
        self.writes = 0

    def _count(self, query: str) -> None:
        if not query.startswith("dump_"):
            self.writes += 1
        if self._dies is not None and self.writes == self._at:
            self._dies()

    def one(self, query: str, params: Params) -> StoredRow | None:
        row = self._tx.one(query, params)
        self._count(query)
        return row

    def all(self, query: str, params: Params) -> list[StoredRow]:
        rows = self._tx.all(query, params)
        self._count(query)
        return rows

    def run(self, query: str, params: Params) -> int:
        count = self._tx.run(query, params)
        self._count(query)
        return count

    def lock(self, query: str, params: Params) -> StoredRow | None:
        row = self._tx.lock(query, params)
        self._count(query)
        return row

    def lock_last(self, query: str, params: Params) -> StoredRow | None:
        row = self._tx.lock_last(query, params)
        self._count(query)
        return row

    def has_locked(self, query: str, params: Params) -> bool:
        return self._tx.has_locked(query, params)

    def many(self, query: str, rows: Sequence[Params]) -> None:
        self._tx.many(query, rows)
        self._count(query)

    def gather(self, key: Hashable, start: Callable[[], T], settle: Callable[[Tx, T], None]) -> T:
        return self._tx.gather(key, start, settle)

    def settle(self, key: Hashable) -> None:
        self._tx.settle(key)

    def recall(self, query: str, params: Params) -> StoredRow | None:
        row = self._tx.recall(query, params)
        self._count(query)
        return row

    def ahead(self, first: First | int) -> list[StoredRow] | None:
        return self._tx.ahead(first)

    def read_ahead(self, things: Collection[int]) -> None:
        self._tx.read_ahead(things)
        self._count("execution_pending_of")

    def later(self, query: str, row: Written) -> None:
        self._tx.later(query, row)
        self._count(query)


class World:
    """A clock that is moved, the databases (several are several processes on one PostgreSQL), and the model."""

    def __init__(self, databases: Sequence[Database], now: int, *, path: Path | None = None) -> None:
        self.now = now
        self.model = Model()
        self.steps = 0
        self.transactions = 0
        self.crashes = 0
        self._databases = list(databases)
        self._turn = 0
        self._path = path
        self._lives = 0
        for database in self._databases:
            _teach(database)
        scope = transact(self._database, lambda tx: scopes.ensure(tx, ACCOUNT, REGION))
        self.call = Call(scope, ACCOUNT, REGION, now, SequentialIds(), limits=LIMITS)
        self._raw: set[StoredRow] = set()
        self.rows: Rows = {}
        self._lists: dict[int, list[Key]] = {}
        """Each thing's pending list after the last transaction."""
        self._statuses: dict[int, str] = {}
        self.effects: list[Any] = []
        """Those of the last operation."""

    @property
    def _database(self) -> Database:
        return self._databases[self._turn % len(self._databases)]

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a thing or a group."""
        return self.call.arn(f"{kind}/{name}")

    def close(self) -> None:
        """Close what this world opened itself: the file that it went on with after a crash."""
        if self._lives:
            self._database.close()

    # --- transactions ------------------------------------------------------------------------------------------

    def read(self, query: str) -> list[StoredRow]:
        """The rows of a dump."""
        return self._database.read(lambda tx: tx.all(query, {}))

    def operation(
        self,
        name: str,
        *,
        plane: str = "iot",
        expected: str | None = None,
        crash: int = 0,
        check: bool = True,
        **members: Any,
    ) -> Any:
        """Run an operation of which the model has been told already, and compare.

        Args:
            name: the operation.
            plane: its plane.
            expected: the error that the model predicts.
            crash: die at this statement first, and check that nothing remained; then run it as usual.
            check: False if the model has to be told of the result before it can be compared.
            members: of the request.
        """
        if plane == own.PLANE:
            request: Any = own.REQUESTS[name](**members)
            handler = own.HANDLERS[plane, name]
        else:
            request, handler = _OPERATIONS[plane][name].request(**members), HANDLERS[plane, name]
        call = self.call._replace(now=self.now)
        work = handler.transaction(call, request)
        if not handler.changes(request):
            return self._database.read(work)
        answer, error, effects = self._commit(work, locking=isinstance(handler, Report), crash=crash)
        got = None if error is None else type(error).__name__
        if error is not None and not isinstance(error, WireError):
            raise Broken(f"{name} failed with {error!r}") from error
        if got != expected:
            raise Broken(f"{name} answered {got or answer!r} ({error}), expected {expected or 'success'}")
        self.effects = effects
        if check:
            self.compare(effects, engine=False, begins=name in _BEGIN)
        return answer

    def look_again(self) -> None:
        """What a server does first when its clock was set (``ops.clock_jumps``): every job is looked at."""
        transact(self._database, lambda tx: jobs.hasten_active(tx, self.now))

    def step(self, *, crash: int = 0) -> int | None:
        """One step of the engine; when it wants to look again."""
        now = self.now
        again, error, effects = self._commit(
            lambda tx: sweeps.sweep(tx, now, LIMITS), locking=True, crash=crash, keep=False
        )
        if error is not None:
            raise Broken(f"a step of the engine failed with {error!r}") from error
        self.steps += 1
        self.compare(effects, engine=True)
        when: int | None = again
        return when

    def _commit(
        self, work: Callable[[Tx], Any], *, locking: bool, crash: int, keep: bool = True
    ) -> tuple[Any, Exception | None, list[Any]]:
        if crash:
            self._crash(work, locking, crash)
        self._turn += 1
        self.transactions += 1

        def whole(tx: Tx) -> Any:
            return work(tx)

        outcome = self._database.commit([locks_rows(whole) if locking else whole])[0]
        return outcome.value, outcome.error, outcome.effects

    def _crash(self, work: Callable[[Tx], Any], locking: bool, at: int) -> None:
        """Die in the middle of a work; if it has fewer statements, before it commits."""
        before = self._everything()
        self.crashes += 1
        database = self._database
        died: list[Path] = []

        def whole(tx: Tx) -> Any:
            def dies() -> None:
                if self._path is not None:
                    died.append(self._copied())
                elif isinstance(database, PostgresDatabase):
                    tx.one("kill_me", {})
                raise Crash

            fragile = _Fragile(tx, dies, at)
            try:
                work(fragile)
            except WireError:
                pass
            dies()

        try:
            outcome = database.commit([locks_rows(whole) if locking else whole])[0]
            if not isinstance(outcome.error, (Crash, StoreUnavailable)):
                raise Broken(f"a transaction that crashed ended with {outcome.error!r}")
            if outcome.effects:
                raise Broken(f"a transaction that crashed has effects: {outcome.effects}")
        except Crash:
            pass
        if died:
            database.close()
            self._path = died[-1]
            self._lives += 1
            self._databases = [SqliteDatabase(self._path, now=self.now)]
            _teach(self._databases[0])
        if self._everything() != before:
            raise Broken("something remained of a transaction that crashed")

    def _copied(self) -> Path:
        """The database as a machine finds it that loses its power now."""
        assert self._path is not None
        target = self._path.with_name(f"life-{self._lives + 1}-{self.crashes}") / "tidegate.db"
        target.parent.mkdir(exist_ok=True)  # a work that fails is run a second time
        for suffix in ("", "-wal"):
            source = Path(f"{self._path}{suffix}")
            if source.exists():
                shutil.copyfile(source, f"{target}{suffix}")
        return target

    def _everything(self) -> list[list[StoredRow]]:
        return [sorted(self.read(name), key=repr) for name in _DUMPS if name.startswith("dump_")]

    # --- comparing ---------------------------------------------------------------------------------------------

    def compare(self, effects: list[Any], *, engine: bool, begins: bool = False) -> None:
        """Hold what is stored, and what devices were told, against the model, which explains the two flags."""
        keys = self._load()
        stored = {row[0]: _stored(row) for row in self.read("dump_jobs")}
        toggled = self.model.observe(self.rows, keys, stored, self.now, engine=engine, begins=begins)
        self._compare_counters()
        things = {key[0] for key in keys} | _told(effects)
        self._compare_shown(effects, keys, toggled)
        self._compare_notices(effects, things, keys)
        for number, job in self.model.jobs.items():
            if self._statuses.get(number) != job.status:
                self._statuses[number] = job.status
                things |= {key[0] for key in self.model.by_job.get(number, ())}
        for thing in things:
            self._lists[thing] = self.model.pending(thing)

    def _load(self) -> set[Key]:
        """Read every execution; which of them changed."""
        raw = set(self.read("dump_executions"))
        gone, new = self._raw - raw, raw - self._raw
        self._raw = raw
        for row in gone:
            self.rows.pop(row[:3], None)
        for row in new:
            self.rows[row[:3]] = _row(row)
        return {row[:3] for row in gone | new}

    def _compare_counters(self) -> None:
        counted: Counter[tuple[int, str]] = Counter()
        for job, status, count in self.read("dump_counters"):
            counted[job, model.STATUSES[status]] = int(count)
        expected = {(job, each): n for job, counts in self.model.counts.items() for each, n in counts.items() if n}
        found = {key: count for key, count in counted.items() if count}
        if found != expected:
            raise Broken(f"counters are {found}, the executions are {expected}")

    def _compare_shown(self, effects: list[Any], keys: set[Key], toggled: list[int]) -> None:
        """When a window opens or closes, one effect stands for all QUEUED executions of the job."""
        shown = {effect.job_id for effect in effects if isinstance(effect, JobShown)}
        for job in set(toggled) - shown:
            queued = {key for key in self.model.by_job.get(job, ()) if self.rows[key].status == "QUEUED"}
            if queued - keys:
                raise Broken(f"nobody was told that executions of job {job} appeared or disappeared")

    def _compare_notices(self, effects: list[Any], things: set[int], keys: set[Key]) -> None:
        """Each thing whose list or head changed is told of it, and no other (device reference 3.10)."""
        shown = {effect.job_id for effect in effects if isinstance(effect, JobShown)}
        told: dict[int, list[bool]] = {}
        for effect in effects:
            if isinstance(effect, PendingChanged):
                one = told.setdefault(effect.thing_id, [False, False])
                one[0] |= effect.change.notify
                one[1] |= effect.change.notify_next
            elif isinstance(effect, ExecutionsQueued):
                for thing in effect.thing_ids:
                    one = told.setdefault(thing, [False, False])
                    one[0] = True
                    one[1] |= [key[1] for key in self.model.pending(thing)][:1] == [effect.job_id]
        for thing in sorted(things):
            if self._by_the_way(thing, shown, keys):
                continue
            before, after = self._lists.get(thing, []), self.model.pending(thing)
            due = model.change(before, after)
            if tuple(told.get(thing, (False, False))) != due:
                raise Broken(f"thing {thing} was told {told.get(thing)} but {due}: {before} became {after}")

    def _by_the_way(self, thing: int, shown: set[int], keys: set[Key]) -> bool:
        """Changes that are told in another way, at another time, or once more.

        JobShown stands for everything of its job. What a canceled or deleted job leaves in a list is out of sight at
        once and told of when the engine comes to it. A job that was canceled or deleted between its windows has
        forgotten that its executions were hidden: taking them away is told though nothing changes.
        """
        jobs = {key[1] for key in self.model.by_thing.get(thing, ())}
        jobs |= {key[1] for key in (*self._lists.get(thing, ()), *keys) if key[0] == thing}
        lingers = any(key in self.model.lingering for key in self.model.pending(thing))
        return lingers or bool(jobs & shown) or any(self._is_leaving(number) for number in jobs)

    def _is_leaving(self, number: int) -> bool:
        job = self.model.jobs.get(number)
        return job is None or job.paused_before or job.status == "DELETION_IN_PROGRESS"

    def settled(self) -> None:
        """The engine has come to rest: nothing may be owed, and the store may hold nothing that nobody refers to."""
        self.model.settled(self.now)
        strays = {row for row in self.read("dump_strays") if row[1] not in self.model.jobs}
        if strays:
            raise Broken(f"rows of jobs that are gone: {strays}")
        buried = {row[0] for row in self.read("dump_things") if row[2] is not None}
        if any(not self.model.by_thing.get(thing) for thing in buried):
            raise Broken("a deleted thing is kept though nothing refers to it")
        active = {job.id: len(job.waiting) for job in self.model.jobs.values() if job.active}
        waiting = Counter(row[1] for row in self.read("dump_strays") if row[0] == "waiting" and row[1] in active)
        expected = {number: count for number, count in active.items() if count}
        if waiting != Counter(expected):
            raise Broken(f"waiting for windows: {waiting}, expected {expected}")


def _told(effects: list[Any]) -> set[int]:
    found = set()
    for effect in effects:
        if isinstance(effect, PendingChanged):
            found.add(effect.thing_id)
        elif isinstance(effect, ExecutionsQueued):
            found |= set(effect.thing_ids)
    return found


def _stored(row: StoredRow) -> Stored:
    name, status, force_canceled, completed_at, started_at = row[1:6]
    return Stored(name, status, force_canceled, completed_at, started_at, bool(row[6]))


def _row(row: StoredRow) -> Row:
    run, step, deadline = row[11:14]
    version, queued_at, started_at, updated_at, attempt, failed, forced = row[4:11]
    status = model.STATUSES[row[3]]
    found = Row(row[2], status, version, queued_at, started_at, updated_at, attempt, failed or 0, forced, run, step)
    if deadline != found.deadline:
        raise Broken(f"execution {row[:3]} has the deadline {deadline}, but its timers are {run} and {step}")
    return found


def _teach(database: Database) -> None:
    """Let a database of the tests answer what the product never asks."""
    known = dict(database._known)  # type: ignore[attr-defined]
    known.update({name: Statement(sql, writes=False) for name, sql in _DUMPS.items()})
    database._known = known  # type: ignore[attr-defined]
