"""A forecast judged by conditions such as ``p90 > 6h`` or ``touched_at_abort > 200``, as a pipeline gives them.

``p10``, ``p50`` and ``p90`` are when the rollout is at rest; any other measure is its p90 unless it says otherwise
(``ended_99.p50``). What never comes to pass is later than any time; an abort that does not come has touched nobody.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tidegate.core.forecast import findings, model
from tidegate.core.forecast.report import Report, Spread

_CONDITION = re.compile(r"\s*([a-z_]+(?:\d+)?)(?:\.(p10|p50|p90))?\s*(>=|<=|>|<)\s*(\S+(?: [a-zA-Z/]+)?)\s*", re.ASCII)
_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s?(%|[kMG]?B(?:/s)?)?", re.ASCII)
_COMPARES: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_SIZES: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


class _Measure(NamedTuple):
    spread: Callable[[Report], Spread]
    span: bool = False
    absent: float = math.inf


def _thing(kind: str) -> _Measure:
    return _Measure(lambda found: found.things.get(kind, Spread(0, 0, 0)))


_ABORT = "abort"
_MEASURES: Final[dict[str, _Measure]] = {
    "rest": _Measure(lambda found: found.rest, span=True),
    **{
        f"ended_{share}": _Measure(lambda found, share=share: found.ended[share], span=True)  # type: ignore[misc]
        for share in (50, 90, 99, 100)
    },
    "completed": _Measure(lambda found: found.completed, span=True),
    "abort_after": _Measure(lambda found: found.abort_after, span=True),
    "touched_at_abort": _Measure(lambda found: found.touched_at_abort, absent=0),
    "released_at_abort": _Measure(lambda found: found.released_at_abort, absent=0),
    "never": _Measure(lambda found: found.never),
    "retries": _Measure(lambda found: found.retries),
    "timed_out": _Measure(lambda found: found.timed_out),
    "succeeded": _thing("SUCCEEDED"),
    "failed": _thing("FAILED"),
    "rejected": _thing("REJECTED"),
    "canceled": _thing("CANCELED"),
    "unreleased": _thing("UNRELEASED"),
    "downloads": _Measure(lambda found: found.downloads),
    "bytes_per_second": _Measure(lambda found: found.bytes_per_second),
}
NAMES: Final = ("p10", "p50", "p90", _ABORT, *_MEASURES)


class Gate(NamedTuple):
    """A condition under which a forecast is not good enough. ``value`` is in ms, a share of 1, or a plain number."""

    text: str
    measure: str
    percentile: str
    compares: str
    value: float
    percent: bool

    def failure(self, found: Report) -> str | None:
        """What the forecast says instead, if the condition is met."""
        if self.measure == _ABORT:
            known, shown = found.abort_chance, f"{found.abort_chance:.0%}"
        else:
            measure = _MEASURES[self.measure]
            value = getattr(measure.spread(found), self.percentile)
            known = measure.absent if value is None else value
            shown = findings.duration(value) if measure.span else f"{known:,.0f}"
            if self.percent:
                known = known / found.start.total if found.start.total else 0
        if not _COMPARES[self.compares](known, self.value):
            return None
        return f"{self.text}: it is {shown}"


def parse(text: str) -> Gate:
    """Read a condition.

    Raises:
        ValueError: it is none; says which measures and values there are.
    """
    match = _CONDITION.fullmatch(text)
    name = match[1] if match else ""
    if match is None or name not in NAMES or (match[2] and name.startswith("p")) or (match[2] and name == _ABORT):
        raise ValueError(
            f"{text!r} is no condition. Give a measure, one of > < >= <= and a value, such as 'p90 > 6h'. Measures are"
            f" {', '.join(NAMES)}; all but the first four may say .p10, .p50 or .p90."
        )
    measure, percentile = ("rest", name) if name in ("p10", "p50", "p90") else (name, match[2] or "p90")
    value, percent = _value(measure, match[4], text)
    return Gate(" ".join(text.split()), measure, percentile, match[3], value, percent)


def _value(measure: str, given: str, text: str) -> tuple[float, bool]:
    if measure != _ABORT and _MEASURES[measure].span:
        span = model.span(given)
        if span is None or given.isdigit():
            raise ValueError(f"{text!r}: {measure} is a time, such as 90s, 15m, 6h or 2d.")
        return span, False
    number = _NUMBER.fullmatch(given)
    if number is None:
        raise ValueError(f"{text!r}: {measure} takes a number, a percentage or a size such as 20MB.")
    unit = (number[2] or "").removesuffix("/s")
    if unit == "%":
        return float(number[1]) / 100, True
    return float(number[1]) * _SIZES.get(unit, 1), False
