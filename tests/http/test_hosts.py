"""Host names of no use: as long as a header may be, they cost nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tidegate.http import planes
from tidegate.s3 import addressing
from tidegate.wire import patterns

LENGTH = 60_000
"""Characters of the longest header; a search that goes back takes seconds for so many."""


@pytest.mark.parametrize(
    "look",
    [
        lambda: planes.hosted(b"iot.us-" + b"a-" * (LENGTH // 2)),
        lambda: addressing.hosted_bucket("s3." * (LENGTH // 3) + "x", []),
        lambda: patterns.matcher("^[1-9]+.[0-9]+")("1" * LENGTH + "x"),
    ],
)
def test_no_search_goes_back(look: Callable[[], object]) -> None:
    started = time.thread_time()
    assert not look()
    assert time.thread_time() - started < 0.25


@pytest.mark.parametrize(
    ("text", "fits"), [("1.0", True), ("12", False), ("120", True), ("10.1", False), ("1x2", True), ("1\n2", False)]
)
def test_versions_of_managed_templates(text: str, fits: bool) -> None:
    assert bool(patterns.matcher("^[1-9]+.[0-9]+")(text)) is fits
