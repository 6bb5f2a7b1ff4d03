"""``POST /_tidegate/forecast``: what ``tidegate forecast`` says, asked of a running server.

Reading is done in a turn of the loop and bounded; the runs are done in a thread, one forecast at a time, for they want
a core. What takes longer than a caller should wait for is refused: the command has no such bounds.
"""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Any, Final

import msgspec

from tidegate.clock import monotonic
from tidegate.core.forecast import model
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.forecast.run import Start
from tidegate.ops import forecast
from tidegate.ops.call import Call
from tidegate.ops.forecast import Bounds, RefusedError, Wanted
from tidegate.runtime.service import Service
from tidegate.store.jobs import Job

_BOUNDS: Final = Bounds(present=20_000, learned=5_000)
_MOST_THINGS: Final = 20_000_000
"""In all runs together: about ten seconds."""
_MOST_RUNS: Final = 100
_PLANNED_RUNS: Final = 10
_MOST_PLANNED: Final = 1_000_000
"""Things in all runs together of a job that is looked at, beyond the first run: half a second."""
_MOST_DAYS: Final = 90
_MOST_JOBS: Final = 10
_LONGEST_S: Final = 30.0
_INSTEAD = "`tidegate forecast` takes more."
_TEXTS: Final = (list, "a list of texts")
_MEMBERS: Final[dict[str, tuple[type, str]]] = {
    "request": (dict, "an object"),
    "template": (str, "a text"),
    "job": (str, "a text"),
    "things": (int, "a number"),
    "group": (str, "a text"),
    "model": (dict, "an object"),
    "fromJobs": _TEXTS,
    "runs": (int, "a number"),
    "seed": (int, "a number"),
    "days": (int, "a number"),
    "failIf": _TEXTS,
}


class Forecasts:
    """The forecasts of one server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = asyncio.Lock()

    async def of(self, call: Call, body: bytes) -> dict[str, Any]:
        """What a request asks for, as JSON has it; ``failed`` are the conditions of ``failIf`` that hold.

        Raises:
            RefusedError: with everything that is wrong with it.
            WireError: what CreateJob would raise; of a template, job or group there is none.
        """
        asked = _asked(body)
        try:
            from tidegate.core.forecast import gates, shown  # numpy is an extra
        except ImportError:
            raise RefusedError(
                "This server cannot forecast: it needs numpy, pip install 'tidegate[forecast]'."
            ) from None
        try:
            conditions = [gates.parse(text) for text in asked.get("failIf", ())]
            given = model.parse(asked["model"]) if "model" in asked else Fleet()
        except ValueError as error:
            raise RefusedError(str(error)) from None
        runs, seed = asked.get("runs", 20), asked.get("seed", 1)
        names = ("request", "template", "job", "things", "group", "days")
        wanted = Wanted(**{name: asked[name] for name in names if name in asked})
        start = await self._service.unit.read(lambda tx: forecast.start(tx, call, wanted, _BOUNDS))
        if start.total * runs > _MOST_THINGS:
            raise RefusedError(f"At most {_MOST_THINGS:,} things in all runs together; {_INSTEAD}")
        fleet = await self._learned(call, asked["fromJobs"]) if asked.get("fromJobs") else given
        async with self._turn:
            found = await asyncio.to_thread(_run, start, fleet, runs, seed)
        failed = [failure for gate in conditions if (failure := gate.failure(found)) is not None]
        return shown.of(found) | {"failed": failed}

    async def planned(self, call: Call, row: Job) -> Any:
        """The forecast of a job as it was when it was created; None if this server cannot make one.

        Raises:
            RefusedError: it is too large, or takes too long.
        """
        if importlib.util.find_spec("numpy") is None:  # an extra
            return None
        start = await self._service.unit.read(lambda tx: forecast.planned(tx, call, row))
        if start.total > _MOST_THINGS:
            raise RefusedError(f"At most {_MOST_THINGS:,} things; {_INSTEAD}")
        runs = max(1, min(_PLANNED_RUNS, _MOST_PLANNED // max(1, start.total)))
        async with self._turn:
            return await asyncio.to_thread(_run, start, Fleet(), runs, 1)

    async def _learned(self, call: Call, names: list[str]) -> Fleet:
        return await self._service.unit.read(lambda tx: forecast.learned(tx, call, names, _BOUNDS))


def _run(start: Start, fleet: Fleet, runs: int, seed: int) -> Any:
    from tidegate.core.forecast import findings, report

    begun = monotonic()

    def in_time(_done: int) -> None:
        if monotonic() - begun > _LONGEST_S:
            raise RefusedError(f"This takes longer than {_LONGEST_S:.0f} s; {_INSTEAD}")

    found = report.of(start, fleet, runs=runs, seed=seed, each=in_time)
    return found._replace(findings=tuple(findings.of(found, fleet)))


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(body)
    except ValueError as error:
        raise RefusedError(f"The body is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise RefusedError("Give a JSON object.")
    problems = [f"There is no {name}: give {', '.join(_MEMBERS)}." for name in asked if name not in _MEMBERS]
    problems += [
        f"{name} takes {what}."
        for name, (kind, what) in _MEMBERS.items()
        if name in asked and not _fits(asked[name], kind)
    ]
    if not problems:
        problems += _bounds(asked)
    if problems:
        raise RefusedError(" ".join(problems))
    return asked


def _fits(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, kind) and not isinstance(value, bool)


def _bounds(asked: dict[str, Any]) -> list[str]:
    problems = [
        f"{name} is from 1 to {most} here; {_INSTEAD}"
        for name, most in (("runs", _MOST_RUNS), ("days", _MOST_DAYS))
        if not 1 <= asked.get(name, 1) <= most
    ]
    if len(asked.get("fromJobs", ())) > _MOST_JOBS:
        problems.append(f"fromJobs takes at most {_MOST_JOBS} jobs here; {_INSTEAD}")
    if asked.get("fromJobs") and "model" in asked:
        problems.append("Give model or fromJobs, not both.")
    return problems
