"""What time costs: an engine with nothing to do in a large store, timers that fall due at once, a month run ahead."""

from __future__ import annotations

import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench import store
from bench.measure import Aim, Figure, side_by_side
from tidegate.ops import sweeps
from tidegate.ops.quotas import Limits
from tidegate.store.database import Tx, locks_rows, transact
from tidegate.testing.server import serving

_SMALL = 1000
_LIMITS = Limits()
_CHUNK = sweeps.EXPIRE_CHUNK
_BARE_EXPIRY = """
UPDATE execution SET status = 4, version = version + 1, updated_at = :now, deadline = NULL, run_deadline = NULL
WHERE (thing_id, job_id, number) IN (
  SELECT thing_id, job_id, number FROM execution WHERE deadline <= :now ORDER BY deadline LIMIT :limit)
"""
_BARE_COUNT = """
INSERT INTO job_counter (job_id, status, shard, count) VALUES (1, 1, 0, -:count), (1, 4, 0, :count)
ON CONFLICT (job_id, status, shard) DO UPDATE SET count = count + excluded.count
"""


def run(*, quick: bool) -> list[Figure]:
    """All three."""
    stored, timers, days = (2000, 500, 3) if quick else (1_000_000, 100_000, 30)
    with tempfile.TemporaryDirectory() as folder:
        return [
            _idle(Path(folder), stored, rounds=1 if quick else 5),
            _expiry(Path(folder), timers, rounds=1 if quick else 3),
            _month(Path(folder), days, rounds=1 if quick else 3),
        ]


def _idle(folder: Path, stored: int, *, rounds: int) -> Figure:
    paths = {things: folder / f"idle-{things}.db" for things in (_SMALL, stored)}
    for things, path in paths.items():
        store.populate(path, things, 1)
        store.fill(path, 1)

    def tick(things: int) -> float:
        with store.opened(paths[things]) as database:
            began = time.process_time()
            for _ in range(1000):
                transact(database, locks_rows(_sweep))
            return 1000 * (time.process_time() - began)

    values, baseline = side_by_side(rounds, lambda: tick(stored), lambda: tick(_SMALL))
    return Figure(
        f"An idle tick with {stored:,} executions stored",
        "µs of CPU",
        values,
        f"with {_SMALL:,}",
        baseline,
        Aim(1.5, at_least=False),
        ("one transaction that finds nothing due",),
    )


def _sweep(tx: Tx) -> int | None:
    return sweeps.sweep(tx, store.NOW, _LIMITS)


def _expiry(folder: Path, timers: int, *, rounds: int) -> Figure:
    path = folder / "timers.db"
    store.populate(path, timers, 1)

    def start_timers() -> None:
        store.fill(path, 1)
        with store.raw(path) as connection:
            connection.execute("BEGIN")
            connection.execute(
                "UPDATE execution SET status = 1, started_at = :now, run_deadline = :now, deadline = :now",
                {"now": store.NOW},
            )
            connection.execute("INSERT INTO job_counter VALUES (1, 1, 0, ?)", (timers,))
            connection.execute("COMMIT")

    def by_the_engine() -> float:
        start_timers()
        with store.opened(path) as database:
            began = time.perf_counter()
            while (again := transact(database, locks_rows(_sweep))) is not None and again <= store.NOW:
                pass
            return 1_000_000 * (time.perf_counter() - began) / timers

    def bare() -> float:
        start_timers()
        with store.raw(path) as connection:
            began = time.perf_counter()
            count = 1
            while count:
                connection.execute("BEGIN IMMEDIATE")
                count = connection.execute(_BARE_EXPIRY, {"now": store.NOW, "limit": _CHUNK}).rowcount
                connection.execute(_BARE_COUNT, {"count": count})
                connection.execute("COMMIT")
            return 1_000_000 * (time.perf_counter() - began) / timers

    values, baseline = side_by_side(rounds, by_the_engine, bare)
    return Figure(
        f"{timers:,} timers that fall due at once",
        "µs each",
        values,
        f"bare updates of {_CHUNK} to a commit",
        baseline,
        None,
        ("TIMED_OUT, counters, abort and retry decided, devices' lists compared; durable",),
    )


def _month(folder: Path, days: int, *, rounds: int) -> Figure:
    values = tuple(_run_ahead(folder / f"month-{number}", days) for number in range(rounds))
    return Figure(
        f"{days} days of a job with a daily maintenance window",
        "virtual seconds a second",
        values,
        "",
        (),
        None,
        ("a whole server on the movable clock, stopped at each due instant; ten things, a window of an hour each day",),
    )


def _run_ahead(folder: Path, days: int) -> float:
    with serving(folder) as server:
        iot = server.client("iot")
        group = iot.create_thing_group(thingGroupName="g")["thingGroupArn"]
        for number in range(10):
            iot.create_thing(thingName=f"t{number}")
            iot.add_thing_to_thing_group(thingGroupName="g", thingName=f"t{number}")
        window = {"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}
        iot.create_job(
            jobId="j",
            targets=[group],
            targetSelection="CONTINUOUS",
            document="{}",
            schedulingConfig={"maintenanceWindows": [window]},
        )
        began = time.perf_counter()
        server.clock.advance(days=days)
        return timedelta(days=days).total_seconds() / (time.perf_counter() - began)
