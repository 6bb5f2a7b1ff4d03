"""What can happen to a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tidegate.core.job.acts import Release
from tidegate.core.job.state import Facts, Hold
from tidegate.core.lifecycle import ExecutionStatus


class Look(NamedTuple):
    """Its time has come, or something about it has changed."""

    facts: Facts = Facts()


class Extended(NamedTuple):
    """It was given more targets."""

    facts: Facts = Facts()


class Released(NamedTuple):
    """A ``Release`` was carried out: so many were queued; ``finished`` if no target is left, with the counts then."""

    release: Release
    count: int  # type: ignore[assignment]  # a field, in the place of tuple.count
    finished: bool
    facts: Facts = Facts()


class TookAway(NamedTuple):
    """A ``TakeAway`` was carried out; ``finished`` if no execution is left to look at, with the counts then."""

    finished: bool
    facts: Facts = Facts()


class Erased(NamedTuple):
    """An ``Erase`` was carried out; ``finished`` if no execution is left."""

    finished: bool


class Ended(NamedTuple):
    """An execution has ended.

    Args:
        cause: as what.
        attempt: how often it had been tried again before.
        after_failed: how many of those retries followed a FAILED one.
        member: False if its thing is no longer a target of a continuous job.
        counts: executions by status, this one among them; needed only if there are abort criteria.
    """

    cause: ExecutionStatus
    attempt: int = 0
    after_failed: int = 0
    member: bool = True
    counts: Mapping[ExecutionStatus, int] | None = None


class Settled(NamedTuple):
    """The executions that end together have all ended."""

    facts: Facts


class Judged(NamedTuple):
    """New abort criteria were given."""

    counts: Mapping[ExecutionStatus, int]


class Joined(NamedTuple):
    """A thing became a target of a continuous job; ``active`` if it has an execution that has not ended."""

    active: bool


class Cancel(NamedTuple):
    """An operator cancels it."""

    force: bool = False
    reason_code: str | None = None
    comment: str | None = None


class Delete(NamedTuple):
    """An operator deletes it."""

    force: bool = False


class Pause(NamedTuple):
    """It is held."""

    hold: Hold


class Resume(NamedTuple):
    """It is let go on; ``counts`` are its executions by status, which abort criteria then count from."""

    counts: Mapping[ExecutionStatus, int]


Event = (
    Look
    | Extended
    | Released
    | TookAway
    | Erased
    | Ended
    | Settled
    | Judged
    | Joined
    | Cancel
    | Delete
    | Pause
    | Resume
)
