"""The wall clock is set, back and ahead, by an hour and by a year (libfaketime): a rollout and a timer go on."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.ordeal import Row
from tools.ordeal._served import Canaries, Served, serving, until, within

_THINGS, _RATE = 9, 3
_JUMPS = {
    "back by an hour": "-1h",
    "ahead by an hour": "+1h",
    "back by a year": "-365d",
    "ahead by a year": "+365d",
}
"""In libfaketime's words."""


def run() -> list[Row]:
    """All at once, on a server each."""
    found = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), *Path("/usr/lib/faketime").glob("libfaketime.so.1")]
    if not found:
        return [Row("the wall clock is set", "not tried: libfaketime is not installed", 0, 0, ok=True)]
    with ThreadPoolExecutor(len(_JUMPS)) as threads:
        done = threads.map(lambda words: _set(found[0], *words), _JUMPS.items())
        return [row for rows in done for row in rows]


def _set(library: Path, words: str, jump: str) -> list[Row]:
    scenario = f"the wall clock is set {words}"
    with TemporaryDirectory(prefix="tidegate-ordeal-clock-") as name:
        offset = Path(name) / "offset"
        offset.write_text("+0\n")
        faked = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",  # else the file is read whenever somebody asks for the time
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        with serving("sqlite", faked) as (served, folder):
            canaries = Canaries(served, folder)
            rows = _watched(scenario, served, lambda: offset.write_text(f"{jump}\n"))
            return rows + canaries.rows(scenario)


def _watched(scenario: str, served: Served, jump: Any) -> list[Row]:
    iot = served.client("iot")
    targets = [iot.create_thing(thingName=f"t{number}")["thingArn"] for number in range(_THINGS)]
    iot.create_job(
        jobId="j",
        targets=targets,
        document="{}",
        jobExecutionsRolloutConfig={"maximumPerMinute": _RATE},
        timeoutConfig={"inProgressTimeoutInMinutes": 1},
    )
    data = served.client("iot-jobs-data")
    began = time.monotonic()
    data.start_next_pending_job_execution(thingName="t0")
    time.sleep(10)
    jump()
    jumped = time.monotonic()
    released = [(began, _RATE)]
    ended: float | None = None

    def done() -> bool:
        nonlocal ended
        found = len(iot.list_job_executions_for_job(jobId="j")["executionSummaries"])
        known = sum(count for _, count in released)
        if found > known:
            released.append((time.monotonic(), found - known))
        if ended is None:
            status = iot.describe_job_execution(jobId="j", thingName="t0")["execution"]["status"]
            ended = time.monotonic() if status == "TIMED_OUT" else None
        return found == _THINGS and ended is not None

    until(done, 200)
    apart = min(later - earlier for (earlier, _), (later, _) in itertools.pairwise(released)) if released[1:] else 0.0
    told = served.lines("the wall clock jumped")
    counted = "tidegate_clock_jumps_total 1.0" in served.ask("GET", "/metrics")[1]
    return [
        within(scenario, "the rollout goes on after", 62, (released[1][0] if released[1:] else 1e9) - jumped),
        Row(scenario, "never above its rate: a minute between two lots", 58.5, apart, apart >= 58.5),
        within(scenario, "a timer of a minute ends after", 65, (ended or 1e9) - began, ok=ended is not None),
        Row(scenario, "lines of the log, and a count in /metrics", 1, told, told == 1 and counted),
    ]
