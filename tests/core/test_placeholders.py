"""The grammar of placeholders: what is one, what is a shell's, and where one ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.fragments import fragments
from tidegate.core import placeholders
from tidegate.core.placeholders import Placeholder, PlaceholderError, joined, scan


@pytest.mark.parametrize("text", ["", "plain", "${HOME}", "${", "}", "$${x}", "${aws:ssm:x}", "${thingname}", "${HOME"])
def test_what_is_no_placeholder(text: str) -> None:
    assert scan(text) == ((text,) if text else ())


def test_several_in_one_text() -> None:
    first, between, second = scan("${aws:iot:a:b} and ${aws:iot:c}")
    assert isinstance(first, Placeholder)
    assert isinstance(second, Placeholder)
    assert (first.kind, first.argument, between) == ("a", ("b",), " and ")
    assert (second.kind, second.argument) == ("c", ())


def test_nested() -> None:
    (outer,) = scan("${aws:iot:s3-presigned-url-upload:https://h/b/${thingName}/${x}-${aws:iot:package:p}}")
    assert isinstance(outer, Placeholder)
    assert outer.kind == "s3-presigned-url-upload"
    assert [(inner.local, inner.kind) for inner in outer.nested] == [
        ("thingName", None),
        (None, None),
        (None, "package"),
    ]
    assert joined(outer.argument) == "https://h/b/${thingName}/${x}-${aws:iot:package:p}"


def test_one_inside_a_shells() -> None:
    before, inner, after = scan("${HOME:-${aws:iot:x:y}}")
    assert (before, after) == ("${HOME:-", "}")
    assert isinstance(inner, Placeholder)


@pytest.mark.parametrize(
    "text", ["${aws:iot:", "x ${aws:iot:a:${thingName} y", "${aws:iot:a} ${aws:iot:b", "${aws:iot:a${x}"]
)
def test_not_terminated(text: str) -> None:
    with pytest.raises(PlaceholderError, match="One or more parameters or placeholders are not terminated"):
        scan(text)


def test_too_deep() -> None:
    text = "${aws:iot:a:" * 20_000
    with pytest.raises(PlaceholderError, match=r"\$\{aws:iot:a\[...\]\} should not be the second layer pattern."):
        scan(text)


@given(fragments())
def test_parts_are_the_text_again(text: str) -> None:
    try:
        parts = scan(text)
    except PlaceholderError:
        return
    assert joined(parts) == text
    assert placeholders.scan(joined(parts)) == parts


@given(st.text())
def test_any_text(text: str) -> None:
    assert joined(scan(text)) == text
