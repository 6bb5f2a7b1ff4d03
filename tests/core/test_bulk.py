"""Lines of an input file, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.provisioning import bulk
from tidegate.core.provisioning.bulk import Line, LineTooLongError


@given(st.lists(st.binary(max_size=20).filter(lambda text: b"\n" not in text), max_size=120), st.booleans())
def test_every_byte_is_on_one_line(texts: list[bytes], ended: bool) -> None:
    whole = b"\n".join(texts) + (b"\n" if ended else b"")
    found: list[Line] = []
    while True:
        start, number = (found[-1].end, found[-1].number) if found else (0, 0)
        more = list(bulk.lines(whole[start:], start, number, last=True))
        if not more:
            break
        assert len(more) <= bulk.AT_ONCE
        found += more
    assert b"".join(line.text for line in found) == whole
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert all(line.text == whole[line.start : line.end] for line in found)


def test_a_line_that_is_cut_off_waits_for_the_next_piece() -> None:
    (line,) = bulk.lines(b"{}\n{", 7, 3, last=False)
    assert line == Line(4, 7, 10, b"{}\n")
    with pytest.raises(LineTooLongError):
        list(bulk.lines(b"{", 0, 0, last=False))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (b'{"a": "1"}\r\n', {"a": "1"}),
        (b"{}", {}),
        (b'{"a": 1}', None),
        (b'{"a": null}', None),
        (b"[]", None),
        (b'{"a": "\xff"}', None),
        (b"{", None),
    ],
)
def test_what_stands_on_a_line(text: bytes, parameters: dict[str, str] | None) -> None:
    line = Line(1, 0, len(text), text)
    assert line.parameters() == parameters
    assert not line.empty


def test_white_space_is_an_empty_line() -> None:
    assert Line(1, 0, 3, b" \r\n").empty
