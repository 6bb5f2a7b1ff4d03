"""What SQLite itself can do, without tidegate: the baselines of the device and release benchmarks.

The tables are tidegate's own, and so are the pragmas; everything that makes it a service is missing: no names are
checked, nobody is notified, no version is compared. ``store`` has a loop that is faster still, with one statement for
every set of transitions; this one looks up each device's next job by itself.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path

from bench import processes, store
from tidegate.clock import wall_now
from tidegate.store.sqlite import SqliteDatabase

_THINGS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :things)
INSERT INTO thing (id, scope_id, name, uuid, attributes, version, created_at)
SELECT i, 1, 't' || i, '', '{}', 1, 0 FROM n
"""
_GROUP = """
INSERT INTO thing_group (id, scope_id, name, uuid, attributes, version, created_at)
VALUES (1, 1, 'everything', '', '{}', 1, 0)
"""
_MEMBERS = "INSERT INTO group_member (group_id, thing_id, joined_at) SELECT 1, id, 0 FROM thing"
_RELEASE = """
INSERT INTO execution (thing_id, job_id, number, status, version, queued_at, updated_at, attempt)
SELECT thing_id, :job, 1, 0, 1, :now, :now, 0 FROM group_member WHERE group_id = 1 ORDER BY thing_id
"""
_NEXT = """
SELECT t.id, (SELECT e.job_id FROM execution e WHERE e.thing_id = t.id AND e.status <= 1
              ORDER BY e.status DESC, e.queued_at, e.job_id LIMIT 1)
FROM json_each(:names) AS asked JOIN thing t ON t.scope_id = 1 AND t.name = asked.value AND t.deleted_at IS NULL
"""
_MOVE = """
UPDATE execution SET status = :status, version = version + 1, started_at = coalesce(started_at, :now), updated_at = :now
FROM (SELECT json_extract(value, '$[0]') AS thing, json_extract(value, '$[1]') AS job FROM json_each(:moves)) AS m
WHERE execution.thing_id = m.thing AND execution.job_id = m.job AND execution.number = 1
"""
_COUNT = """
INSERT INTO job_counter (job_id, status, shard, count) VALUES (:job, :source, 0, -:count), (:job, :target, 0, :count)
ON CONFLICT (job_id, status, shard) DO UPDATE SET count = job_counter.count + excluded.count
"""


def open_as_tidegate(path: Path) -> sqlite3.Connection:
    """A connection to a new file with tidegate's schema and its durability, checkpoints apart."""
    SqliteDatabase(path, now=wall_now()).close()
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def populate(connection: sqlite3.Connection, things: int) -> None:
    """Things t1… in the group ``everything``, in the scope that a server has by default."""
    connection.execute("BEGIN")
    connection.execute("INSERT INTO scope (id, account, region) VALUES (1, '000000000000', 'us-east-1')")
    connection.execute(_GROUP)
    connection.execute(_THINGS, {"things": things})
    connection.execute(_MEMBERS)
    connection.execute("COMMIT")


def release(path: Path, job: int) -> float:
    """Seconds of one ``INSERT … SELECT`` of an execution for every member, durable at its end."""
    with contextlib.closing(_connected(path)) as connection:
        begin = time.perf_counter()
        connection.execute(_RELEASE, {"job": job, "now": wall_now()})
        return time.perf_counter() - begin


class _Loop:
    """Starts and finishes the next job of every device, all devices in one transaction each time."""

    def __init__(self, path: Path, devices: int) -> None:
        self._connection = open_as_tidegate(path)
        populate(self._connection, devices)
        self._devices = devices
        self._names = json.dumps([f"t{index + 1}" for index in range(devices)])
        self._job = 0

    def cycles(self, jobs: int, laps: int) -> float:
        """Several times: release jobs, then carry them out; cycles per second, the release not counted."""
        run = self._connection.execute
        elapsed = 0.0
        for _ in range(laps):
            for _ in range(jobs):
                self._job += 1
                run(_RELEASE, {"job": self._job, "now": wall_now()})
                run(_COUNT, {"job": self._job, "source": 5, "target": 0, "count": self._devices})
            run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            begin = time.perf_counter()
            for _ in range(jobs):
                self._transition(0, 1)
                self._transition(1, 2)
            elapsed += time.perf_counter() - begin
            run("DELETE FROM execution")
        return laps * jobs * self._devices / elapsed

    def _transition(self, source: int, target: int) -> None:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        heads = run(_NEXT, {"names": self._names}).fetchall()
        run(_MOVE, {"moves": json.dumps(heads), "status": target, "now": wall_now()})
        by_job: dict[int, int] = {}
        for _, job in heads:
            by_job[job] = by_job.get(job, 0) + 1
        for job, count in by_job.items():
            run(_COUNT, {"job": job, "source": source, "target": target, "count": count})
        run("COMMIT")


def _main() -> None:
    processes.options()
    loops: dict[str, _Loop] = {}

    def cycles(path: str, devices: int, jobs: int, laps: int) -> float:
        if path not in loops:
            loops[path] = _Loop(Path(path), devices)
        return loops[path].cycles(jobs, laps)

    def fill(path: str, things: int, jobs: int) -> None:
        store.populate(Path(path), things, jobs)
        store.fill(Path(path), jobs)

    def transition(path: str, things: int, jobs: int, seed: int, rounds: int) -> float:
        return store.transition_cpu(Path(path), things, jobs, seed, rounds=rounds)

    processes.say("ready")
    processes.obey_plainly(
        {
            "cycles": cycles,
            "set_cycles": lambda path, devices, seconds: store.bare_cycles_per_second(Path(path), devices, seconds),
            "release": lambda path, job: release(Path(path), job),
            "fill": fill,
            "refill": lambda path, jobs: store.fill(Path(path), jobs),
            "transition": transition,
            "bytes": lambda path: store.bytes_per_execution(Path(path)),
        }
    )


if __name__ == "__main__":
    _main()
