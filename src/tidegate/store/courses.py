"""How the executions of a job went, summed up by the database; read in chunks, in the order of the queue."""

from __future__ import annotations

from typing import Final, NamedTuple

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.store.database import Tx

_STATUSES = tuple(ExecutionStatus)


class Place(NamedTuple):
    """An execution's place in that order; ``queued_at`` is epoch ms."""

    queued_at: int
    thing: int
    number: int


BEFORE: Final = Place(-1, -1, -1)
AFTER: Final = Place(2**62, 2**62, 2**62)


class Group(NamedTuple):
    """So many executions of a status that were queued, begun and changed last in the same spans; None: not begun."""

    status: ExecutionStatus
    queued: int
    started: int | None
    updated: int
    count: int  # type: ignore[assignment]


def end(tx: Tx, job_id: int, after: Place, size: int) -> Place | None:
    """The last of the next ``size`` executions of a job; None if there are fewer."""
    row = tx.one("course_end", {"job": job_id, **after._asdict(), "skip": size - 1})
    return None if row is None else Place(*row)


def counts(tx: Tx, job_id: int, after: Place, until: Place, since: int, width: int) -> list[Group]:
    """The executions behind a place, a second one included, by spans of ``width`` ms from ``since`` (epoch ms)."""
    given = {"job": job_id, **_between(after, until), "since": since, "width": width}
    return [Group(_STATUSES[row[0]], *row[1:]) for row in tx.all("course_counts", given)]


def reasons(
    tx: Tx, job_id: int, after: Place, until: Place, limit: int
) -> list[tuple[ExecutionStatus, str | None, int]]:
    """(status, statusDetails as JSON, how many) of those among them that failed, timed out or were rejected."""
    rows = tx.all("course_reasons", {"job": job_id, **_between(after, until), "limit": limit})
    return [(_STATUSES[row[0]], row[1], row[2]) for row in rows]


def failed(tx: Tx, job_id: int, after: Place, until: Place) -> list[str]:
    """The things whose last execution failed, timed out or was rejected, of those between two places."""
    return [row[0] for row in tx.all("course_failed", {"job": job_id, **_between(after, until)})]


def _between(after: Place, until: Place) -> dict[str, int]:
    return {**after._asdict(), **{f"{name}_end": value for name, value in until._asdict().items()}}
