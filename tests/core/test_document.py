"""Strings in JSON text: found where they are, replaced so that JSON stays JSON and everything else stays as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given

from tests.core.fragments import documents
from tidegate.core import document


def test_values_are_found_and_names_are_not() -> None:
    text = '{ "${name}" : ["a${b}", {"x": "plain"}], "c":"\\u0024{d}", "e": "\\"${f}" }'
    found = list(document.values(text))
    assert [value.text for value in found] == ["a${b}", "${d}", '"${f}']
    assert [text[value.start : value.end] for value in found] == ['"a${b}"', '"\\u0024{d}"', '"\\"${f}"']


def test_what_is_not_replaced_keeps_its_bytes() -> None:
    text = '{"a" :\t"x${1}\\/", "b":"${2}"  }'
    assert document.replaced(text, lambda value: None if "1" in value else '{"c": 1}') == (
        '{"a" :\t"x${1}\\/", "b":{"c": 1}  }'
    )
    assert document.replaced(text, lambda value: None) is text


def test_half_a_surrogate_pair_is_replaced_where_a_placeholder_is() -> None:
    (value,) = document.values('["\\ud800 ${x}\\ud83d\\ude00", "\\ud800"]')
    assert value.text == "\ufffd ${x}\U0001f600"


@given(documents())
def test_replacing_a_string_by_itself_changes_nothing(text: str) -> None:
    assert json.loads(document.replaced(text, document.quoted)) == json.loads(text)


@given(documents())
def test_every_value_is_found(text: str) -> None:
    expected: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, str) and "${" in value:
            expected.append(value)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(inner)

    collect(json.loads(text))
    assert [value.text for value in document.values(text)] == expected


def test_white_space_counts_inside_strings_only() -> None:
    assert document.length('{ "a b" : [ 1,\n"c\\" d" ] }') == len('{"a b":[1,"c\\" d"]}')


def seconds(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


@pytest.mark.parametrize(
    "hostile",
    ['"${' + '\\"' * 500_000, '"${' + '"' * 1_000_000, '"${"' + " " * 1_000_000, '${"' + "\\" * 1_000_001],
    ids=["escaped quotes", "quotes", "white space", "backslashes"],
)
def test_text_that_is_no_json_takes_no_longer_than_it_is_long(hostile: str) -> None:
    """Looked at once for each quote it would take hours; the bound is a hundred times what it takes."""
    assert seconds(lambda: list(document.values(hostile))) < 30
    assert seconds(lambda: document.length(hostile)) < 30
