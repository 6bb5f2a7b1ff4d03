"""Writes ``docs/lifecycle.md``: the state machines of ``core.lifecycle`` as Mermaid diagrams and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from tidegate.core.lifecycle import ACTIVE, DEVICE_REPORTS, EXECUTION_MOVES, JOB_MOVES, Act, ExecutionStatus, JobStatus

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "lifecycle.md"

State = TypeVar("State", bound=Enum)
AnAct = TypeVar("AnAct", bound=Enum)

_HEAD = """\
# States of jobs and executions

<!-- Written by tools/generate_lifecycle.py from src/tidegate/core/lifecycle.py. Run: make regen -->

A move is a key of a dictionary in `core/lifecycle.py`. What is not drawn here is not possible: the operation that asks
for it is refused in its plane's words.
"""

_EXECUTIONS = """\
## Executions

An execution is made QUEUED, the moment the device can be told of it. A retry is not a move but a new execution with the
next number. A device may report {reports}; everything else is done by an
operator or by the engine.
"""

_JOBS = """\
## Jobs

A job begins IN_PROGRESS, or SCHEDULED if it has a start time or maintenance windows. A job with windows goes back and
forth between the two. DELETION_IN_PROGRESS ends with the job's row.
"""


def write() -> None:
    """Regenerate the page."""
    PAGE.write_text(render(), encoding="utf-8")


def render() -> str:
    """The page as it should be."""
    reports = ", ".join(f"`{status}`" for status in DEVICE_REPORTS)
    ends = [status for status in ExecutionStatus if status not in ACTIVE]
    executions = diagram(EXECUTION_MOVES, [ExecutionStatus.QUEUED], ends)
    jobs = diagram(JOB_MOVES, [JobStatus.SCHEDULED, JobStatus.IN_PROGRESS], [JobStatus.DELETION_IN_PROGRESS])
    parts = [
        _HEAD,
        _EXECUTIONS.format(reports=reports),
        *executions,
        "",
        *table(EXECUTION_MOVES, Act),
        "",
        _JOBS,
        *jobs,
    ]
    return "\n".join(parts) + "\n"


def diagram(
    moves: Mapping[tuple[State, AnAct], State], beginnings: Iterable[State], ends: Iterable[State]
) -> Iterator[str]:
    """A Mermaid state diagram; moves between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (source, act), target in moves.items():
        arrows.setdefault((source.name, target.name), []).append(str(act.value))
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from (f"    [*] --> {state.name}" for state in beginnings)
    yield from (f"    {source} --> {target}: {', '.join(acts)}" for (source, target), acts in arrows.items())
    yield from (f"    {state.name} --> [*]" for state in ends)
    yield "```"


def table(moves: Mapping[tuple[State, AnAct], State], acts: Iterable[AnAct]) -> Iterator[str]:
    """What each act makes of each state that has any move; "no" is an illegal move."""
    sources = list(dict.fromkeys(source for source, _ in moves))
    yield "| act | " + " | ".join(f"from {source.name}" for source in sources) + " |"
    yield "|---" * (len(sources) + 1) + "|"
    for act in acts:
        targets = [moves.get((source, act)) for source in sources]
        yield f"| {act.value} | " + " | ".join(target.name if target else "no" for target in targets) + " |"
