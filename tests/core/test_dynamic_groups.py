"""Which dynamic groups a thing gets: control reference 17.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import dynamic_groups


@pytest.mark.parametrize(
    ("matching", "static", "granted"),
    [
        ([], 0, []),
        ([3, 1], 0, [1, 3]),
        (range(12), 0, list(range(10))),
        ([9, 4, 7], 8, [4, 7]),
        ([1], 10, []),
        ([1], 11, []),
    ],
)
def test_granted(matching: list[int], static: int, granted: list[int]) -> None:
    assert dynamic_groups.granted(matching, static, 10) == granted


def as_the_guide_has_it(members: list[int], group: int, static: int) -> list[int]:
    """AWS's own steps for one more group that wants a thing."""
    if static + len(members) < 10:
        return [*members, group]
    if members and group < max(members):
        return [*[one for one in members if one != max(members)], group]
    return members


@given(st.lists(st.integers(0, 30), unique=True), st.integers(0, 10))
def test_the_formula_is_where_the_steps_of_the_guide_end(matching: list[int], static: int) -> None:
    members: list[int] = []
    for group in matching:
        members = as_the_guide_has_it(members, group, static)
    assert sorted(members) == dynamic_groups.granted(matching, static, 10)
