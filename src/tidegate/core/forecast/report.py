"""What many runs of one job come to: percentiles over the runs, and a chance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from tidegate.core.forecast import arrays, summary
from tidegate.core.forecast.crowd import Crowd
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.forecast.run import Run, Start
from tidegate.core.forecast.summary import SHARES, Curve, Summary

PERCENTILES: Final = (10, 50, 90)


class Spread(NamedTuple):
    """Percentiles over the runs; None for what did not come to pass in so many of them."""

    p10: float | None
    p50: float | None
    p90: float | None


class Curves(NamedTuple):
    """A point every ``width`` ms, ``begins_at`` (epoch ms) the first: medians over the runs, of ``ended`` a spread."""

    begins_at: int
    width: int
    released: list[int]
    in_progress: list[int]
    ended: list[int]
    ended_p10: list[int]
    ended_p90: list[int]


class Report(NamedTuple):
    """A forecast. Spans are in ms; see ``summary.Summary`` for what is counted.

    ``ended`` is by percent; ``abort_chance`` from 0 to 1; ``abort_after``, ``touched_at_abort``, ``released_at_abort``
    are of the runs that were aborted. ``things`` is by status.
    """

    start: Start
    runs: int
    seed: int
    ended: dict[int, Spread]
    rest: Spread
    completed: Spread
    abort_chance: float
    abort_after: Spread
    touched_at_abort: Spread
    released_at_abort: Spread
    things: dict[str, Spread]
    retries: Spread
    timed_out: Spread
    never: Spread
    downloads: Spread
    bytes_per_second: Spread
    curves: Curves
    findings: tuple[str, ...] = ()


def one(start: Start, fleet: Fleet, seed: int) -> Summary:
    """One run."""
    crowd = Crowd(fleet, seed)
    return summary.of(arrays.run(start, crowd), crowd, fleet.cohorts)


def of(start: Start, fleet: Fleet, *, runs: int, seed: int, each: Callable[[int], None] = lambda _: None) -> Report:
    """Forecast a job: so many runs, each with another seed. ``each`` is told of every run that is done."""
    found = []
    for number in range(runs):
        found.append(one(start, fleet, seed + number))
        each(number + 1)
    return _of(start, found, seed)


def happened(run: Run, fleet: Fleet) -> Report:
    """The same of what came of a job: each spread is of one run. The fleet says what was downloaded."""
    return _of(run.start, [summary.of(run, Crowd(fleet, 0), fleet.cohorts)], 0)


def _of(start: Start, found: list[Summary], seed: int) -> Report:
    runs = len(found)
    aborted = [each for each in found if each.aborted is not None]
    kinds = {kind: None for each in found for kind in each.things}
    return Report(
        start,
        runs,
        seed,
        ended={share: _spread([each.ended[place] for each in found]) for place, share in enumerate(SHARES)},
        rest=_spread([each.rest for each in found]),
        completed=_spread([each.completed for each in found]),
        abort_chance=len(aborted) / runs,
        abort_after=_spread([each.aborted for each in aborted]),
        touched_at_abort=_spread([each.touched for each in aborted]),
        released_at_abort=_spread([each.released for each in aborted]),
        things={kind: _spread([each.things.get(kind, 0) for each in found]) for kind in kinds},
        retries=_spread([each.retries for each in found]),
        timed_out=_spread([each.timed_out for each in found]),
        never=_spread([each.never for each in found]),
        downloads=_spread([each.downloads for each in found]),
        bytes_per_second=_spread([each.bytes_per_second for each in found]),
        curves=_curves(start.now, [each.curve for each in found]),
    )


def _spread(values: Sequence[float | None]) -> Spread:
    """Nearest rank; what did not come to pass is later than anything."""
    if not values:
        return Spread(None, None, None)
    ordered = sorted(math.inf if value is None else value for value in values)
    ranked = (ordered[max(0, -(-percent * len(ordered) // 100) - 1)] for percent in PERCENTILES)
    return Spread(*(None if value == math.inf else value for value in ranked))


def _curves(begins_at: int, found: list[Curve]) -> Curves:
    width = max(each.width for each in found)
    alike = [each.at_width(width) for each in found]
    points = max(len(each.released) for each in alike)

    def ranked(columns: list[Any], percent: int) -> list[int]:
        filled = np.array([np.pad(one, (0, points - len(one)), mode="edge") for one in columns])
        return [int(each) for each in np.percentile(filled, percent, axis=0, method="inverted_cdf")]

    return Curves(
        begins_at,
        width,
        ranked([each.released for each in alike], 50),
        ranked([each.in_progress for each in alike], 50),
        *(ranked([each.ended for each in alike], percent) for percent in (50, 10, 90)),
    )
