"""Charts as shapes of an SVG, computed here and drawn by a template: polylines, areas, ticks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tidegate.console.render import count, span
from tidegate.core.course import Series
from tidegate.core.lifecycle import ExecutionStatus

WIDTH: Final = 720
HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 8, 8, 24
_STEPS: Final = (1, 2, 5)
_MOST_TICKS: Final = 6
_SPANS: Final = tuple(
    1000 * each
    for each in (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)
)
DRAWN: Final = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.TIMED_OUT,
    ExecutionStatus.REJECTED,
    ExecutionStatus.CANCELED,
    ExecutionStatus.REMOVED,
    ExecutionStatus.IN_PROGRESS,
    ExecutionStatus.QUEUED,
)
"""From the bottom to the top."""


class Tick(NamedTuple):
    """A mark of an axis: where, and what it says."""

    at: float
    text: str


class Line(NamedTuple):
    """A polyline, or the outline of an area: its class, and its points as SVG has them."""

    name: str
    points: str


class Chart(NamedTuple):
    """A chart; coordinates are of a view box of ``WIDTH`` by ``HEIGHT``."""

    lines: list[Line]
    areas: list[Line]
    across: list[Tick]
    up: list[Tick]
    now: float | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


Curve = Sequence[tuple[int, float]]
"""Points: ms after the beginning, and how much."""


class _Scale(NamedTuple):
    span: int
    most: float

    def x(self, milliseconds: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, milliseconds / self.span), 1)

    def y(self, much: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(1.0, much / self.most), 1)


def release(actual: Curve, planned: Curve | None, *, goes_on: bool) -> Chart:
    """What was released, and what was planned. ``goes_on``: more is to come, and the last point is now."""
    ends = [each[-1] for each in (actual, planned or ()) if each]
    scale = _Scale(max([1000, *(at for at, _ in ends)]), max([1, *(much for _, much in ends)]))
    lines = [] if not planned else [Line("planned", _points(scale, planned))]
    lines.append(Line("released", _points(scale, actual)))
    now = scale.x(actual[-1][0]) if goes_on and actual else None
    return Chart(lines, [], _across(scale), _up(scale), now)


def stacked(series: Series, passed: int) -> Chart:
    """What executions were, one status upon the other; ``passed`` is how far (ms) it goes."""
    scale = _Scale(max(passed, series.width), max([1, *series.released]))
    areas, below = [], [0] * len(series.released)
    for status in DRAWN:
        values = series.by_status[status]
        if not any(values):
            continue
        above = [one + other for one, other in zip(below, values, strict=True)]
        upper, lower = _points(scale, points(series, above, passed)), points(series, below, passed)
        areas.append(Line(status.name.lower(), f"{upper} {_points(scale, lower[::-1])}"))
        below = above
    return Chart([], areas, _across(scale), _up(scale))


def points(series: Series, values: Sequence[int], passed: int) -> list[tuple[int, float]]:
    """A curve out of values at the ends of spans; the last span is as long as has passed of it."""
    return [(0, 0), *((min(passed, (at + 1) * series.width), value) for at, value in enumerate(values))]


def rows(series: Series, passed: int, most: int = 24) -> list[tuple[str, Mapping[str, int]]]:
    """The numbers of a chart, at most so many: the time that had passed, and how many by status and in all."""
    last = len(series.released) - 1
    every = max(1, -(-last // (most - 1)))
    chosen = sorted({*range(0, last, every), last})
    return [
        (
            span(min(passed, (at + 1) * series.width)),
            {"released": series.released[at], **{s.name: series.by_status[s][at] for s in ExecutionStatus}},
        )
        for at in chosen
    ]


def _points(scale: _Scale, curve: Curve) -> str:
    return " ".join(f"{scale.x(at):g},{scale.y(much):g}" for at, much in curve)


def _across(scale: _Scale) -> list[Tick]:
    step = next((each for each in _SPANS if scale.span / each <= _MOST_TICKS), _SPANS[-1])
    return [Tick(scale.x(at), span(at)) for at in range(0, scale.span + 1, step)]


def _up(scale: _Scale) -> list[Tick]:
    step = next(
        unit * 10**power for power in range(12) for unit in _STEPS if scale.most / (unit * 10**power) <= _MOST_TICKS - 1
    )
    return [Tick(scale.y(much), count(much)) for much in range(0, int(scale.most) + 1, step)]
