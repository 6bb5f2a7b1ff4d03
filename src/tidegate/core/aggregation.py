"""Statistics over the values of one field (AWS guide, "Querying for aggregate data")."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
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


def statistics(kind: str, found: Sequence[int | float]) -> iot.Statistics:
    """The statistics of a field of a type; of texts, and where nothing was found, only the count.

    Without a finite sum of squares there are none ("if the field values exceed the maximum double value, the statistics
    values are empty").
    """
    count = len(found)
    if kind == "String" or not count:
        return iot.Statistics(count=count)
    try:
        total, squares = math.fsum(found), math.fsum(float(one) ** 2 for one in found)
        average = total / count
        variance = math.fsum((one - average) ** 2 for one in found) / count
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


def percentiles(found: Sequence[int | float], percents: Iterable[float]) -> list[iot.PercentPair]:
    """The value below which each percent of the values lies, between two of them in proportion; nothing of nothing.

    Exact, where AWS promises an approximation.
    """
    ordered = sorted(found)
    if not ordered:
        return []
    return [iot.PercentPair(percent=_decimal(each), value=_decimal(_at(ordered, each))) for each in percents]


def _at(ordered: Sequence[int | float], percent: float) -> float:
    place = (len(ordered) - 1) * float(percent) / 100
    low = math.floor(place)
    high, share = min(low + 1, len(ordered) - 1), place - low
    return ordered[low] + (ordered[high] - ordered[low]) * share if share else float(ordered[low])


def buckets(found: Iterable[str], most: int) -> list[iot.Bucket]:
    """How often each value is there, the commonest first, equals in the order of their texts."""
    counted = sorted(Counter(found).items(), key=lambda one: (-one[1], one[0]))
    return [iot.Bucket(key_value=key, count=count) for key, count in counted[:most]]


def _decimal(number: float) -> Decimal:
    return Decimal(repr(float(number)))
