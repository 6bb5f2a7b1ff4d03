"""A forecast over arrays against the same forecast event by event: CPU seconds a run, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from bench.measure import Aim, Figure, side_by_side
from tidegate.core import abort, retry
from tidegate.core.forecast import draws, exact, model
from tidegate.core.forecast import run as runs
from tidegate.core.forecast.run import Start
from tidegate.core.job import Plan

_NOW = 1_767_225_600_000
_SEED = 7
_FLEET = model.parse(
    {
        "online": 0.9,
        "start": {"p50": "5s", "p99": "10m"},
        "run": {"p50": "2m", "p90": "4m", "p100": "30m"},
        "failed": 0.01,
        "silent": 0.01,
        "stuck": 0.002,
        "artifactBytes": 20_000_000,
        "bytesPerSecond": 250_000,
    }
)
_PLAN = Plan(abort=(abort.Criterion("FAILED", Decimal(20), 100),), retries=(retry.Criterion("ALL", 2),))


def run(*, quick: bool) -> list[Figure]:
    """A run of a million things beside the form event by event, of a twentieth of them; and its summary."""
    from tidegate.core.forecast import arrays, report  # numpy is an extra
    from tidegate.core.forecast.crowd import Crowd

    things, part, rounds = (20_000, 10, 1) if quick else (1_000_000, 20, 3)
    whole, few = _start(things), _start(things // part)

    def over_arrays() -> float:
        return _seconds(lambda: arrays.run(whole, Crowd(_FLEET, _SEED)))

    def by_event() -> float:
        return part * _seconds(lambda: exact.run(few, draws.Devices(_FLEET, _SEED)))

    over_arrays()  # what is loaded and allocated the first time
    values, baseline = side_by_side(rounds, over_arrays, by_event)
    summed = tuple(_seconds(lambda: report.one(whole, _FLEET, _SEED)) for _ in range(rounds))
    notes = (
        "retries, an abort criterion and a timeout; both give the same executions, one by one",
        f"event by event: a {part}th of the things, times {part}",
    )
    aim = Aim(0.02, at_least=False)
    return [
        Figure(f"A run of {things:,} things", "s CPU", values, "event by event", baseline, aim, notes),
        Figure(
            f"A run of {things:,} things with its summary",
            "s CPU",
            summed,
            "none",
            (),
            Aim(0.5, at_least=False),
            ("percentiles, curve, downloads at their peak",),
            of_value=True,
        ),
    ]


def _start(things: int) -> Start:
    return runs.of_new_job(_PLAN, _NOW, things, timeout_minutes=20)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
