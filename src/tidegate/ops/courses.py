"""How a job's executions went, read a little at a time: a job may have a million. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.core import course
from tidegate.core.course import Course
from tidegate.store import courses
from tidegate.store.courses import AFTER, Place
from tidegate.store.database import Tx

_CHUNK: Final = 500
_REASONS: Final = 100
"""Different statusDetails read of a chunk."""
MOST_REASONS: Final = 20_000
"""Failures whose statusDetails are read in all."""
_KINDS: Final = 500
"""Different reasons that are told apart; what comes later is counted as unexplained."""


def part(tx: Tx, job_id: int, so_far: Course, after: Place, enough: Callable[[], bool]) -> Place | None:
    """Read on behind a place until it is ``enough``; where to go on, None if there are no more."""
    while True:
        until = courses.end(tx, job_id, after, _CHUNK)
        failed = 0
        for group in courses.counts(tx, job_id, after, until or AFTER, so_far.since, so_far.width):
            so_far.add(*group)
            failed += group.count if group.status in (3, 4, 5) else 0
        if failed:
            _explain(tx, job_id, so_far, after, until or AFTER, failed)
        if until is None or enough():
            return until
        after = until


def failed(tx: Tx, job_id: int, found: list[str], after: Place, enough: Callable[[], bool]) -> Place | None:
    """Gather the things whose last execution failed, behind a place; where to go on, None if there are no more."""
    while True:
        until = courses.end(tx, job_id, after, _CHUNK)
        found += courses.failed(tx, job_id, after, until or AFTER)
        if until is None or enough():
            return until
        after = until


def _explain(tx: Tx, job_id: int, so_far: Course, after: Place, until: Place, failed: int) -> None:
    told = 0
    if so_far.reasons.total() < MOST_REASONS:
        for status, details, count in courses.reasons(tx, job_id, after, until, _REASONS):
            key = status, course.reason(details)
            if key in so_far.reasons or len(so_far.reasons) < _KINDS:
                so_far.reasons[key] += count
                told += count
    so_far.unexplained += failed - told
