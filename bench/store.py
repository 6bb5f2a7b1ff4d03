"""What the embedded store costs: releasing, storing and moving executions, each against its baseline in the same run.

``python -m bench.store [--things N] [--jobs N] [--rounds N] [--folder DIR]``; the defaults are those of the published
figures (a million things, five jobs, medians of three) and want about 2 GB of disk.

The device benchmark takes its baseline from here: ``bare_cycles_per_second``.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.store import executions, jobs
from tidegate.store.database import Tx, Work, transact
from tidegate.store.sqlite import SqliteDatabase

NOW = 1_767_225_600_000
CHUNKS = (1000, 10_000)
GROUP = 1
QUEUED, IN_PROGRESS, SUCCEEDED = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS, ExecutionStatus.SUCCEEDED

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    "cache_size = -65536",
    "temp_store = MEMORY",
)
_DEPTH = 10
"""Executions a device goes through before the store is filled anew, outside the measured time."""
_CHECKPOINT_SECONDS = 0.5
_THINGS = """
WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < :count)
INSERT INTO thing (id, scope_id, name, uuid, attributes, version, created_at)
SELECT id, 1, printf('thing-%07d', id), printf('%036d', id), '{}', 1, :now FROM n
"""
_MEMBERS = "INSERT INTO group_member (group_id, thing_id, joined_at) SELECT :group, id, :now FROM thing"
_JOB = """
INSERT INTO job (id, scope_id, name, status, stage, target_selection, config, created_at, updated_at,
  released, ended)
VALUES (:job, 1, 'job-' || :job, 'IN_PROGRESS', 'NONE', 'SNAPSHOT', '{}', :now, :now, 0, 0)
"""
_BARE_RELEASE = """
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT thing_id, :job, 1, 0, 1, :now, :now, 0 FROM group_member WHERE group_id = :group ORDER BY thing_id
"""
_BARE_START = """
UPDATE execution SET status = 1, version = version + 1, started_at = :now, updated_at = :now
WHERE (thing_id, job_id, number) IN (
  SELECT thing_id, job_id, number FROM (
    SELECT e.thing_id, e.job_id, e.number,
      row_number() OVER (PARTITION BY e.thing_id ORDER BY e.status DESC, e.queued_at, e.job_id) AS place
    FROM json_each(:names) w
    CROSS JOIN thing t ON t.scope_id = 1 AND t.name = w.value AND t.deleted_at IS NULL
    CROSS JOIN execution e ON e.thing_id = t.id AND e.status <= 1
    CROSS JOIN job j ON j.id = e.job_id AND j.status = 'IN_PROGRESS' AND j.namespace IS NULL)
  WHERE place = 1)
RETURNING thing_id, job_id
"""
_BARE_DOCUMENTS = "SELECT job_id, document FROM job_document WHERE job_id IN (SELECT value FROM json_each(:jobs))"
_BARE_FINISH = """
UPDATE execution SET status = 2, version = version + 1, updated_at = :now
WHERE status = 1 AND (thing_id, job_id, number) IN (
  SELECT t.id, j.id, 1 FROM json_each(:reports) r
  CROSS JOIN thing t ON t.scope_id = 1 AND t.name = r.value ->> 0 AND t.deleted_at IS NULL
  CROSS JOIN job j ON j.scope_id = 1 AND j.name = r.value ->> 1)
RETURNING job_id
"""
_BARE_COUNT = """
INSERT INTO job_counter (job_id, status, shard, count) VALUES (:job, :source, 0, -:count), (:job, :target, 0, :count)
ON CONFLICT (job_id, status, shard) DO UPDATE SET count = count + excluded.count
"""


# Stores to measure on


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection without the store around it, with the store's durability."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection


@contextmanager
def opened(path: Path) -> Iterator[SqliteDatabase]:
    """The store on a file."""
    with closing(SqliteDatabase(path, now=NOW)) as database:
        yield database


def populate(path: Path, things: int, jobs_: int) -> None:
    """A new store with things, all in one group, and jobs without executions."""
    with opened(path):
        pass
    with raw(path) as connection:
        connection.execute("BEGIN")
        connection.execute(_THINGS, {"count": things, "now": NOW})
        connection.execute(_MEMBERS, {"group": GROUP, "now": NOW})
        connection.executemany(_JOB, [{"job": job, "now": NOW} for job in range(1, jobs_ + 1)])
        connection.execute(
            'INSERT INTO job_document (job_id, document) SELECT id, \'{"operation": "install"}\' FROM job'
        )
        connection.execute("COMMIT")


def fill(path: Path, jobs_: int) -> None:
    """A fresh execution of every job for every thing, and no other."""
    forget_executions(path)
    for job in range(1, jobs_ + 1):
        bare_release(path, job)


def forget_executions(path: Path) -> None:
    """Take every execution out again."""
    with raw(path) as connection:
        connection.execute("DELETE FROM execution")
        connection.execute("DELETE FROM job_counter")


# Release


def bare_release(path: Path, job: int) -> float:
    """Seconds of one ``INSERT … SELECT`` of every member, committed once."""
    with raw(path) as connection:
        begun = time.perf_counter()
        connection.execute(_BARE_RELEASE, {"job": job, "group": GROUP, "now": NOW})
        return time.perf_counter() - begun


def chunked_release(path: Path, job: int, chunk: int) -> float:
    """Seconds of the release as the engine does it: chunk by chunk, with a cursor, the counter, and a commit each."""
    with opened(path) as database:
        begun = time.perf_counter()
        after: int | None = 0
        while after is not None:
            after = transact(database, _chunk(job, after, chunk))
        return time.perf_counter() - begun


def _chunk(job: int, after: int, chunk: int) -> Work[int | None]:
    def work(tx: Tx) -> int | None:
        members = executions.group_members(tx, GROUP, after=after, joined_by=NOW, limit=chunk)
        if not members:
            return None
        queued = executions.release_group(tx, job, GROUP, members, joined_by=NOW, now=NOW)
        jobs.count_add(tx, job, {QUEUED: len(queued)})
        return members[-1]

    return work


# Size


def bytes_per_execution(path: Path) -> tuple[float, float]:
    """Bytes of (row, index entry) by the pages they take."""
    with raw(path) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM execution")
        pages = "SELECT sum(pgsize) FROM dbstat WHERE name = ?"
        [[table]] = connection.execute(pages, ("execution",))
        [[index]] = connection.execute(pages, ("execution_by_job",))
        return table / count, index / count


# Transitions


def transition_cpu(path: Path, things: int, jobs_: int, seed: int, *, devices: int = 64, rounds: int = 70) -> float:
    """CPU microseconds of a transition: what a device's call asks of the store, ``devices`` of them to a commit.

    Executions are drawn at random from all that wait, and each is started and ended. The CPU of checkpoints counts.
    Half of the rounds are not measured.
    """
    draw = random.Random(seed)
    drawn = iter(draw.sample(range(things * jobs_), 2 * rounds * devices))
    moves = 0

    def move(thing: int, job: int, target: ExecutionStatus) -> Work[None]:
        def work(tx: Tx) -> None:
            nonlocal moves
            _, found = executions.pending(tx, 1, _name(thing))
            for one in found:
                if one.job_id == job:
                    key = (one.thing_id, one.job_id, one.number)
                    moves += executions.put(tx, key, one.version, target, started_at=NOW, now=NOW)
                    jobs.count_move(tx, job, one.status, target)

        return work

    with opened(path) as database:
        begun = 0.0
        for round_ in range(2 * rounds):
            if round_ == rounds:
                moves, begun = 0, time.process_time()
            chosen = [(number // jobs_ + 1, number % jobs_ + 1) for number in islice(drawn, devices)]
            for target in (IN_PROGRESS, SUCCEEDED):
                database.commit([move(thing, job, target) for thing, job in chosen])
        return (time.process_time() - begun) / moves * 1e6


# Device cycles


def bare_cycles_per_second(path: Path, devices: int, seconds: float) -> float:
    """Device cycles (start the next, end it) per second in bare SQLite, by set: a baseline for device benchmarks.

    All devices wait at every turn; each turn is one ``UPDATE`` for all of them, the counters of the jobs concerned, and
    one durable commit. No names, no documents, no decisions, no protocol. The log is copied into the file as often as
    the store does it, here by the writer itself.

    Args:
        path: where to make the database; must not exist.
        devices: how many take part, all in every turn.
        seconds: how long to measure.
    """
    populate(path, devices, _DEPTH)
    names = json.dumps([_name(thing) for thing in range(1, devices + 1)])
    with raw(path) as connection:
        copied = time.perf_counter()

        def turn() -> None:
            nonlocal copied
            _bare_turn(connection, names)
            if time.perf_counter() - copied > _CHECKPOINT_SECONDS:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                copied = time.perf_counter()

        return _cycles(path, devices, seconds, turn)


def _bare_turn(connection: sqlite3.Connection, names: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    started = connection.execute(_BARE_START, {"names": names, "now": NOW}).fetchall()
    moved = [job for _, job in started]
    documents = dict(connection.execute(_BARE_DOCUMENTS, {"jobs": json.dumps(sorted(set(moved)))}).fetchall())
    _bare_count(connection, moved, QUEUED, IN_PROGRESS)
    connection.execute("COMMIT")
    reports = json.dumps([(_name(thing), f"job-{job}") for thing, job in started if documents[job]])
    connection.execute("BEGIN IMMEDIATE")
    ended = connection.execute(_BARE_FINISH, {"reports": reports, "now": NOW}).fetchall()
    _bare_count(connection, [job for (job,) in ended], IN_PROGRESS, SUCCEEDED)
    connection.execute("COMMIT")
    assert ended
    assert len(ended) == len(started)


def _name(thing: int) -> str:
    return f"thing-{thing:07d}"


def _bare_count(
    connection: sqlite3.Connection, moved: list[int], source: ExecutionStatus, target: ExecutionStatus
) -> None:
    counted = sorted(Counter(moved).items())
    rows = [{"job": job, "source": int(source), "target": int(target), "count": count} for job, count in counted]
    connection.executemany(_BARE_COUNT, rows)


def store_cycles_per_second(path: Path, devices: int, seconds: float) -> float:
    """The same through the store's functions, one work a transition, as many to a commit as there are devices."""
    populate(path, devices, _DEPTH)
    with opened(path) as database:

        def turn() -> None:
            for target in (IN_PROGRESS, SUCCEEDED):
                database.commit([_next(thing, target) for thing in range(1, devices + 1)])

        return _cycles(path, devices, seconds, turn)


def _next(thing: int, target: ExecutionStatus) -> Work[None]:
    def work(tx: Tx) -> None:
        _, found = executions.pending(tx, 1, _name(thing))
        one = min(found, key=lambda one: (-one.status, one.queued_at, one.job_id))
        key = (one.thing_id, one.job_id, one.number)
        assert executions.put(tx, key, one.version, target, started_at=NOW, now=NOW)
        jobs.count_move(tx, one.job_id, one.status, target)
        if target == IN_PROGRESS:
            jobs.document(tx, one.job_id)

    return work


def _cycles(path: Path, devices: int, seconds: float, turn: Callable[[], None]) -> float:
    """Cycles per second of turns in which every device goes through one; filling the store is not counted."""
    cycles, spent = 0, 0.0
    while spent < seconds:
        fill(path, _DEPTH)
        begun = time.perf_counter()
        for _ in range(_DEPTH):
            turn()
        spent += time.perf_counter() - begun
        cycles += devices * _DEPTH
    return cycles / spent


# The report


def measure_release(folder: Path, things: int, rounds: int) -> None:
    """Print the release by chunks against the bare statement."""
    bare: list[float] = []
    chunked: dict[int, list[float]] = {chunk: [] for chunk in CHUNKS}
    for round_ in range(rounds):
        path = folder / f"release-{round_}.db"
        populate(path, things, 1)
        bare.append(bare_release(path, 1))
        for chunk, seconds in chunked.items():
            forget_executions(path)
            seconds.append(chunked_release(path, 1, chunk))
        _remove(path)
    print(f"release of {things:,} executions, bare INSERT … SELECT: {_spread(bare, 's')}")
    for chunk, seconds in chunked.items():
        ratio = statistics.median(seconds) / statistics.median(bare)
        print(
            f"release of {things:,} executions, {chunk:,} a commit: {_spread(seconds, 's')} = {ratio:.2f} x (aim 1.5)"
        )


def measure_growth(folder: Path, things: int, jobs_: int, rounds: int) -> None:
    """Print the size of an execution, and a transition's CPU in a small and in a large store."""
    small, large = folder / "small.db", folder / "large.db"
    for path, count in ((small, 10_000 // jobs_), (large, things)):
        populate(path, count, jobs_)
        fill(path, jobs_)
    row, entry = bytes_per_execution(large)
    print(f"bytes per execution at {things * jobs_:,}: {row + entry:.1f} (row {row:.1f}, index {entry:.1f}; aim 80)")
    in_small, in_large = [], []
    for seed in range(rounds):
        fill(small, jobs_)
        in_small.append(transition_cpu(small, 10_000 // jobs_, jobs_, seed))
        in_large.append(transition_cpu(large, things, jobs_, seed))
    ratio = statistics.median(in_large) / statistics.median(in_small)
    print(f"CPU of a transition at 10,000 executions:    {_spread(in_small, 'us')}")
    print(f"CPU of a transition at {things * jobs_:,} executions: {_spread(in_large, 'us')} = {ratio:.2f} x (aim 2)")
    _remove(small)
    _remove(large)


def measure_cycles(folder: Path, devices: int, rounds: int, seconds: float = 2.0) -> None:
    """Print device cycles through the store against the bare loop."""
    bare, store = [], []
    for round_ in range(rounds):
        bare.append(bare_cycles_per_second(folder / f"bare-{round_}.db", devices, seconds))
        store.append(store_cycles_per_second(folder / f"store-{round_}.db", devices, seconds))
    ratio = statistics.median(store) / statistics.median(bare)
    print(f"cycles of {devices} devices, bare and by set:     {_spread(bare, '/s')}")
    print(f"cycles of {devices} devices, the store's functions: {_spread(store, '/s')} = {ratio:.2f} x")


def _spread(values: list[float], unit: str) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.2f} {unit} ({low:,.2f} to {high:,.2f})"


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=main.__doc__)
    parser.add_argument("--things", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=5, help="jobs that each thing has an execution of")
    parser.add_argument("--devices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure (a temporary one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measure_cycles(Path(folder), given.devices, given.rounds)
        measure_release(Path(folder), given.things, given.rounds)
        measure_growth(Path(folder), given.things, given.jobs, given.rounds)


if __name__ == "__main__":
    main()
