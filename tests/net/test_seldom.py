"""Lines anybody can cause."""

from __future__ import annotations

from tidegate.net.seldom import Seldom


def test_one_line_of_each_cause_a_minute() -> None:
    now = 5.0
    seldom = Seldom(lambda: now)
    assert seldom.due("Host") == 0
    assert [seldom.due("Host") for _ in range(7)] == [None] * 7
    assert seldom.due("Origin") == 0
    now += 60
    assert seldom.due("Host") == 7
    assert seldom.due("Host") is None
