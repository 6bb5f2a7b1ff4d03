"""Patterns with ``*`` and ``?``: what they match, and that no pattern takes much longer than its text."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import wildcards


def marked(pattern: str) -> str:
    return pattern.replace("*", wildcards.STAR).replace("?", wildcards.HOLE)


def expected(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(st.text(alphabet="ab*?", max_size=9), st.text(alphabet="ab", max_size=9))
def test_patterns_match_what_file_names_do(pattern: str, text: str) -> None:
    assert wildcards.matches(marked(pattern), text) is expected(pattern, text)


@given(st.text(alphabet="ab*?", max_size=9), st.text(alphabet="ab", max_size=30))
def test_texts_longer_than_a_window_are_searched_to_their_end(pattern: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wildcards, "_WINDOW", 3)
        assert wildcards.matches(marked(pattern), text) is expected(pattern, text)


def steps(work: Callable[[], Any]) -> int:
    """Lines of Python that are run."""
    count = 0

    def tracer(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "dearest",
    [
        lambda n: marked("*" + "?a" * (n // 4) + "b*"),
        lambda n: marked("*" + "a?" * (n // 4) + "b"),
        lambda n: marked("*?a" * (n // 4) + "b"),
        lambda n: marked("*a" * n + "b?"),
        lambda n: marked("a?" * (n // 2)),
        lambda n: marked("*" + "a" * (n // 2) + "?b*"),
    ],
)
def test_twice_the_length_takes_twice_the_steps(dearest: Callable[[int], str]) -> None:
    def cost(length: int) -> int:
        pattern, text = dearest(length), "a" * length
        wildcards._places.cache_clear()
        return steps(lambda: wildcards.matches(pattern, text))

    assert cost(2000) < 2.5 * cost(1000) + 100
