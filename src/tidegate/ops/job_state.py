"""A stored job as the machine takes it (``core.job``), and what the machine made of it as a row again."""

from __future__ import annotations

import msgspec

from tidegate.core import abort, rollout
from tidegate.core import job as machine
from tidegate.core.lifecycle import Stage
from tidegate.ops import blackouts, configuration
from tidegate.store.jobs import Job


class Bookmark(msgspec.Struct):
    """How far a rollout got: the target, the group in it, the last thing of that group; and the minute's rate.

    ``joined_by`` is the instant whose members a snapshot is of; None takes everyone.
    """

    position: int = 0
    group: int = 0
    thing: int = 0
    joined_by: int | None = None
    slice: rollout.Slice | None = None

    @classmethod
    def read(cls, row: Job) -> Bookmark:
        """The bookmark of a job in stage ROLLOUT."""
        return msgspec.json.decode(row.stage_cursor, type=cls) if row.stage_cursor else cls()

    def text(self) -> str:
        """What is kept in the job's row."""
        return msgspec.json.encode(self).decode()


class Held(msgspec.Struct, omit_defaults=True):
    """What is kept of a hold, and of holds before it."""

    hold: machine.Hold | None = None
    forgiven: abort.Counts = abort.Counts()


def held(row: Job) -> Held:
    """What holds a stored job."""
    return read_hold(row.hold)


def read_hold(text: str | None) -> Held:
    """The same from what is kept in its row."""
    return msgspec.json.decode(text, type=Held) if text else _FREE


def hold_text(hold: machine.Hold | None, forgiven: abort.Counts = abort.Counts()) -> str | None:  # noqa: B008 - immutable
    """What is kept in the job's row; None if that is nothing."""
    return None if hold is None and not any(forgiven) else msgspec.json.encode(Held(hold, forgiven)).decode()


_FREE = Held()


def of(row: Job) -> machine.Job:
    """How a stored job stands."""
    kept, plan = held(row), configuration.plan(row.config, row.target_selection)
    if row.blackouts is not None:
        plan = plan._replace(blackouts=blackouts.windows_of(row.blackouts))
    return machine.Job(  # by position: ends of jobs with abort criteria come by here
        plan,
        row.created_at,
        row.status,
        row.stage,
        row.updated_at,
        row.rollout_started_at,
        bool(row.ended),
        row.released,
        Bookmark.read(row).slice if row.stage is Stage.ROLLOUT else None,
        None if row.force_canceled is None else bool(row.force_canceled),
        row.completed_at,
        row.reason_code,
        row.comment,
        kept.hold,
        kept.forgiven,
    )


def saved(row: Job, job: machine.Job) -> Job:
    """The row of a job as the machine left it; a stage that begins has no bookmark yet, but for a rollout's."""
    return row._replace(
        status=job.status,
        stage=job.stage,
        updated_at=job.updated_at,
        rollout_started_at=job.began_at,
        ended=int(job.ended),
        released=job.released,
        stage_cursor=_cursor(row, job),
        force_canceled=None if job.force_canceled is None else int(job.force_canceled),
        completed_at=job.completed_at,
        reason_code=job.reason_code,
        comment=job.comment,
        hold=hold_text(job.hold, job.forgiven),
    )


def _cursor(row: Job, job: machine.Job) -> str | None:
    if job.stage != Stage.ROLLOUT:
        return row.stage_cursor if job.stage == row.stage else None
    bookmark = Bookmark.read(row)
    if bookmark.slice == job.slice:
        return row.stage_cursor
    bookmark.slice = job.slice
    return bookmark.text()
