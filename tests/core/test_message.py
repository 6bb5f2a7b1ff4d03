"""MQTT 5 properties in HTTPS requests."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import message

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_user_properties_come_back_in_order(pairs: list[tuple[str, str]]) -> None:
    text = json.dumps([{name: value} for name, value in pairs])
    found = message.user_properties(text)
    assert found == tuple(pairs)
    assert message.user_properties(json.dumps(text)) == found
    shown = message.shown(found)
    assert (json.loads(shown) if shown else []) == json.loads(text)


@pytest.mark.parametrize("text", ["", "true", "0", '"\\"[]\\""', "[[]]", '[{"a":["b"]}]', '["\\ud800"]', "{" * 100_000])
def test_what_is_no_list_of_pairs(text: str) -> None:
    assert message.user_properties(text) is None


@pytest.mark.parametrize(("text", "data"), [("", b""), ("AA==", b"\0"), ("AA", None), ("A A=", None), ("é", None)])
def test_correlation_data(text: str, data: bytes | None) -> None:
    assert message.correlation_data(text) == data


def test_topics_after_one_in_order() -> None:
    assert message.after({"b", "a", "c", "ä"}, "a", 2) == ["b", "c"]
    assert message.after({"b", "a"}, "b", 2) == []


def test_names_of_format_indicators() -> None:
    assert [message.format_indicator(name) for name in (None, "UNSPECIFIED_BYTES", "UTF8_DATA")] == [None, 0, 1]
