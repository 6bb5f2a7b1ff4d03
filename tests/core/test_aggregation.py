"""Statistics: AWS guide, "Querying for aggregate data"."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tidegate.core import aggregation, query
from tidegate.core.query import Scalar
from tidegate.wire import iot


def statistics(kind: str, *scalars: Scalar) -> iot.Statistics:
    return aggregation.statistics(kind, Counter(aggregation.numbers(kind, [query.value(scalar) for scalar in scalars])))


def test_the_example_of_the_guide() -> None:
    found = statistics("Number", "-125", 75.0, 150)
    assert found == iot.Statistics(
        count=3,
        average=Decimal("33.333333333333336"),
        sum=Decimal("100.0"),
        minimum=Decimal("-125.0"),
        maximum=Decimal("150.0"),
        sum_of_squares=Decimal("43750.0"),
        variance=found.variance,
        std_deviation=found.std_deviation,
    )
    assert float(found.variance or 0) == pytest.approx(13472.22222222222)
    assert float(found.std_deviation or 0) == pytest.approx(116.06990230986766)


def test_of_texts_there_is_only_a_count() -> None:
    assert statistics("String", "a", "5", "a") == iot.Statistics(count=3)


def test_booleans_are_nought_and_one() -> None:
    found = statistics("Boolean", True, False, "true", "x", 1)
    assert (found.count, found.sum, found.minimum, found.maximum) == (3, 2, 0, 1)
    assert statistics("Boolean", True, True).minimum == 1


def test_values_of_another_type_are_passed_over() -> None:
    assert statistics("Number", "x", True, 5).count == 1
    assert statistics("Number") == iot.Statistics(count=0)


def test_what_no_double_holds_has_no_statistics() -> None:
    assert statistics("Number", 1e200) == iot.Statistics()
