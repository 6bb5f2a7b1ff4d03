"""Figures side by side: samples of the product and of its baseline in turn, and what they say together."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Aim(NamedTuple):
    """What a ratio should be: at least ``limit``, or at most."""

    limit: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Whether a ratio is as it should be."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


class Spread(NamedTuple):
    """Median and range of several samples."""

    median: float
    low: float
    high: float

    @property
    def noise(self) -> float:
        """The range as a part of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0

    def text(self) -> str:
        """``median (low to high)`` with about three significant digits."""
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


class Figure(NamedTuple):
    """One line of the report. The aim is about the ratio, or about the value where ``of_value`` says so."""

    name: str
    unit: str
    values: tuple[float, ...]
    baseline_name: str
    baseline: tuple[float, ...]
    aim: Aim | None
    notes: tuple[str, ...] = ()
    of_value: bool = False

    @property
    def value(self) -> Spread:
        """The product's own figure."""
        return spread(self.values)

    @property
    def against(self) -> Spread | None:
        """The baseline's figure, if there is one."""
        return spread(self.baseline) if self.baseline else None

    @property
    def ratio(self) -> Spread | None:
        """Value by baseline, round by round."""
        if not self.baseline:
            return None
        return spread([value / base for value, base in zip(self.values, self.baseline, strict=True)])

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        if self.aim is None:
            return None
        ratio = self.ratio
        return self.aim.met(self.value.median if ratio is None or self.of_value else ratio.median)


def side_by_side(
    rounds: int, product: Callable[[], float], baseline: Callable[[], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Samples of both, in turn: A B, then B A, so that a drift of the machine favours neither."""
    values: list[float] = []
    bases: list[float] = []
    for turn in range(rounds):
        if turn % 2:
            bases.append(baseline())
            values.append(product())
        else:
            values.append(product())
            bases.append(baseline())
    return tuple(values), tuple(bases)


def spread(samples: Sequence[float]) -> Spread:
    """Median and range."""
    return Spread(statistics.median(samples), min(samples), max(samples))


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which a ``share`` (0 to 1) of all lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def number(value: float) -> str:
    """About three significant digits, thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
