"""Every regular expression of the modules, put to hostile text that grows: none explodes."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import tidegate

SEEDS = (
    "a",
    "0",
    " ",
    '"',
    "\\",
    '\\"',
    "${",
    "*",
    ".",
    "-",
    ":",
    "/",
    "a.",
    "a-",
    "0.",
    ":a",
    " =",
    "(a",
    "[a",
    "\n",
    "&X-Amz-",
)
HEADS = (
    "",
    '"',
    "${",
    "${a",
    "arn:aws:iot:",
    "https://",
    "s3.",
    "Credential=",
    "attributes.",
    "a,'",
    "${aws:iot:package:",
)
LENGTH = 1_000
BOUND_S = 2.0
"""Far beyond what a quadratic search of this length takes, far below a cubic one or worse."""


def expressions() -> Iterator[Any]:
    for module in pkgutil.walk_packages(tidegate.__path__, "tidegate."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield pytest.param(value, id=f"{module.name}.{name}")


def seconds(pattern: re.Pattern[Any], text: str) -> float:
    subject: Any = text if isinstance(pattern.pattern, str) else text.encode()
    began = time.thread_time()
    pattern.fullmatch(subject)
    for _ in pattern.finditer(subject):
        pass
    return time.thread_time() - began


@pytest.mark.parametrize("pattern", list(expressions()))
def test_no_expression_is_slow(pattern: re.Pattern[Any]) -> None:
    for length in (LENGTH // 4, LENGTH):
        slowest = max(
            (seconds(pattern, head + seed * (length // len(seed)) + end), head, seed, end)
            for head in HEADS
            for seed in SEEDS
            for end in ("", "\0")
        )
        assert slowest[0] < BOUND_S, slowest[1:]
