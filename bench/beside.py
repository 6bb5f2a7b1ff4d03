"""What jobs notice of other work: p99 of start-next beside it, and without."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.measure import number, side_by_side
from bench.processes import Child

FEW = 20
"""Devices that ask: the first of a fleet whose names begin with ``device``."""
_PAUSE = 0.05


class Noticed(NamedTuple):
    """p99 in ms of each round beside the work and without, ``moved`` by the work in a second, and who asked."""

    values: Sequence[float]
    baseline: Sequence[float]
    moved: float
    note: str


def start_next(
    server: Child, devices: Child, *, rounds: int, window: float, begin: Callable[[], object], end: Callable[[], float]
) -> Noticed:
    """Have a few devices ask while the work that ``begin`` begins goes on; ``end`` tells how much it has moved."""
    server.ask("jobs", count=1, group="device")
    devices.ask("connect", port=server.ready["mqtt"], devices=FEW, name="device", qos=0, listens=False)
    middle: dict[str, float] = {}
    moved: list[float] = []

    def starts(name: str) -> float:
        devices.ask("begin_steps", pause=_PAUSE, starts=True)
        time.sleep(window)
        got = devices.ask("end_steps")
        assert not got["refused"], f"{got['refused']} requests were refused"
        middle[name] = got["p50"]
        p99: float = got["p99"]
        return p99

    def during() -> float:
        begin()
        began = time.perf_counter()
        p99 = starts("during")
        moved.append(end() / (time.perf_counter() - began))
        return p99

    starts("warm")
    values, baseline = side_by_side(rounds, during, lambda: starts("without"))
    note = (
        f"{FEW} devices that ask every {_PAUSE * 1000:.0f} ms each; median {number(middle['during'])} ms against "
        f"{number(middle['without'])} ms"
    )
    return Noticed(values, baseline, max(moved), note)
