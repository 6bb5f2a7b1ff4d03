"""Statistics over the values of one field (AWS guide, "Querying for aggregate data")."""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tidegate.core.query import Value
from tidegate.wire import iot

_TRUTH = {("true",): 1, ("false",): 0}


def numbers(kind: str, values: Iterable[Value]) -> list[int | float]:
    """Those values that are of a type, as numbers; a value of another type is passed over.

    A text counts as 0: only how many there are is asked of texts.
    """
    if kind == "Number":
        return [value.number for value in values if value.number is not None]
    if kind == "Boolean":
        return [_TRUTH[value.words] for value in values if value.words in _TRUTH]
    return [0 for _ in values]


Times = Mapping[int | float, int]
"""Values, and how often each is there."""


def statistics(kind: str, found: Times) -> iot.Statistics:
    """The statistics of a field of a type; of texts, and where nothing was found, only the count.

    Without a finite sum of squares there are none ("if the field values exceed the maximum double value, the statistics
    values are empty").
    """
    count = sum(found.values())
    if kind == "String" or not count:
        return iot.Statistics(count=count)
    try:
        total = math.fsum(one * times for one, times in found.items())
        squares = math.fsum(float(one) ** 2 * times for one, times in found.items())
        average = total / count
        variance = math.fsum((one - average) ** 2 * times for one, times in found.items()) / count
    except OverflowError:
        return iot.Statistics()
    return iot.Statistics(
        count=count,
        average=_decimal(average),
        sum=_decimal(total),
        minimum=_decimal(min(found)),
        maximum=_decimal(max(found)),
        sum_of_squares=_decimal(squares),
        variance=_decimal(variance),
        std_deviation=_decimal(math.sqrt(variance)),
    )


PERCENTS: Final = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
"""[D] GetPercentiles, unless others are asked for."""
BUCKETS: Final = 10
"""[D] GetBucketsAggregation, unless another number is asked for."""


_RUN = 5000
"""Values that are sorted in one go: others who wait for the interpreter have their turn in between."""


def percentiles(found: Times, percents: Iterable[float]) -> list[iot.PercentPair]:
    """The value below which each percent of the values lies, between two of them in proportion; nothing of nothing.

    Exact, where AWS promises an approximation.
    """
    values = list(found)
    ordered = list(heapq.merge(*(sorted(values[first : first + _RUN]) for first in range(0, len(values), _RUN))))
    if not ordered:
        return []
    until = list(itertools.accumulate(found[one] for one in ordered))
    return [iot.PercentPair(percent=_decimal(each), value=_decimal(_at(ordered, until, each))) for each in percents]


def _at(ordered: Sequence[int | float], until: Sequence[int], percent: float) -> float:
    """``until`` is how many there are up to each of the ordered values."""
    place = (until[-1] - 1) * float(percent) / 100
    low = math.floor(place)
    high, share = min(low + 1, until[-1] - 1), place - low
    lower, higher = (ordered[bisect.bisect_right(until, which)] for which in (low, high))
    return lower + (higher - lower) * share if share else float(lower)


def buckets(found: Mapping[str, int], most: int) -> list[iot.Bucket]:
    """How often each value is there, the commonest first, equals in the order of their texts."""
    counted = heapq.nsmallest(most, found.items(), key=lambda one: (-one[1], one[0]))
    return [iot.Bucket(key_value=key, count=count) for key, count in counted]


def _decimal(number: float) -> Decimal:
    return Decimal(repr(float(number)))
