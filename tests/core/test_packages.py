"""Package versions: control reference 16.2, device reference 9.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import packages, shadow
from tidegate.core.packages import Installed, Status
from tidegate.core.shadow import Document


@pytest.mark.parametrize(
    ("status", "action", "after"),
    [
        ("DRAFT", "PUBLISH", "PUBLISHED"),
        ("DRAFT", "DEPRECATE", None),
        ("PUBLISHED", "PUBLISH", "PUBLISHED"),
        ("PUBLISHED", "DEPRECATE", "DEPRECATED"),
        ("DEPRECATED", "PUBLISH", "PUBLISHED"),
        ("DEPRECATED", "DEPRECATE", "DEPRECATED"),
    ],
)
def test_moves(status: str, action: str, after: str | None) -> None:
    assert packages.MOVES.get((status, action)) == after


def test_nothing_leads_back_to_a_draft() -> None:
    assert Status.DRAFT not in packages.MOVES.values()


def test_weight_is_in_bytes() -> None:
    assert packages.weight({}) == 0
    assert packages.weight({"ab": "cd", "e": "é"}) == 7


def test_what_is_reported() -> None:
    before = {"app": {"version": "1", "attributes": {"a": "1", "b": "2"}}, "old": {"version": "3"}, "odd": 7}
    brought = [
        Installed("app", "2", {"b": "3", "c": "4"}),
        Installed("old", None, {}),
        Installed("odd", "1", {}),
        Installed("new", "1", {"x": "y"}),
    ]
    assert packages.reported(brought, before) == {
        "reported": {
            "app": {"version": "2", "attributes": {"a": None, "b": "3", "c": "4"}},
            "old": None,
            "odd": {"version": "1", "attributes": {}},
            "new": {"version": "1", "attributes": {"x": "y"}},
        }
    }


attributes = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"), max_size=4)


@given(st.lists(st.tuples(st.sampled_from("pq"), st.none() | st.sampled_from("12"), attributes), max_size=6))
def test_the_shadow_says_what_came_last(history: list[tuple[str, str | None, dict[str, str]]]) -> None:
    document, expected = Document({}, {}), {}
    for package, version, given_attributes in history:
        one = Installed(package, version, given_attributes if version else {})
        update = packages.reported([one], document.state.get("reported", {}))
        document = shadow.updated(document, update, now=1, limit=8192)
        expected[package] = one
    found = document.state.get("reported", {})
    for package, one in expected.items():
        if one.version is None:
            assert package not in found
        else:
            assert found[package] == {"version": one.version, "attributes": one.attributes}
