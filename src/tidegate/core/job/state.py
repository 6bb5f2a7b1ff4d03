"""What the machine knows of a job: what it was told, how it stands, and what must be counted to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from tidegate.core import abort, retry, rollout, windows
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.schedule import DEFAULT_END_BEHAVIOR, EndBehavior
from tidegate.core.timetable import Moment, Phase, Timetable

RETENTION: Final = 730 * 24 * 60 * 60 * 1000
"""How long (ms) a job that has ended is kept (control reference 14.6)."""

NOTHING_COUNTED: Final[Mapping[ExecutionStatus, int]] = MappingProxyType({})


class Plan(NamedTuple):
    """What a job was told to do. Instants are epoch ms; ``per_minute`` is None if it names no maximumPerMinute."""

    continuous: bool = False
    starts_at: int | None = None
    ends_at: int | None = None
    windows: tuple[windows.Window, ...] = ()
    end_behavior: EndBehavior = DEFAULT_END_BEHAVIOR
    per_minute: int | None = None
    rate: rollout.Exponential | None = None
    abort: tuple[abort.Criterion, ...] = ()
    retries: tuple[retry.Criterion, ...] = ()
    pauses: bool = False
    """An abort criterion that is met holds the job instead of canceling it."""
    blackouts: tuple[windows.Window, ...] = ()
    """When it does not go on, whatever its windows say."""

    def timetable(self, created_at: int) -> Timetable:
        """When a job that was created at an instant may run."""
        return Timetable(created_at, self.starts_at, self.ends_at, self.windows, self.blackouts)


class HoldKind(StrEnum):
    """What holds a job: the ``reasonCode`` it has meanwhile."""

    PAUSED = "PAUSED"
    CRITERION = "PAUSED_BY_ABORT_CRITERION"
    APPROVAL = "AWAITING_APPROVAL"


class Hold(NamedTuple):
    """A job is held: nothing of it is queued or started until somebody lets it go on.

    ``since`` is epoch ms, ``by`` the ARN of who held it, empty if the job did so itself.
    """

    kind: HoldKind
    since: int
    by: str = ""
    comment: str | None = None


class Job(NamedTuple):
    """How a job stands. Instants are epoch ms.

    ``began_at`` is when its rollout began, ``ended`` that its endTime has come, ``released`` how many executions the
    rollout has queued, ``slice`` the minute's rate, ``forgiven`` the ends that its abort criteria no longer count.
    """

    plan: Plan
    created_at: int
    status: JobStatus
    stage: Stage
    updated_at: int
    began_at: int | None = None
    ended: bool = False
    released: int = 0
    slice: rollout.Slice | None = None
    force_canceled: bool | None = None
    completed_at: int | None = None
    reason_code: str | None = None
    comment: str | None = None
    hold: Hold | None = None
    forgiven: abort.Counts = abort.Counts()

    def moment(self, now: int) -> Moment:
        """Where an instant lies. A job that has ended stays so, even if the clock goes back behind its end."""
        if self.ended:
            return Moment(Phase.OVER, None)
        return self.plan.timetable(self.created_at).at(now)


class Fact(Enum):
    """What a step may have to know that is not in the job."""

    COUNTS = "its executions by status"
    WAITING = "how many executions wait for a window"
    RELEASES = "what was released in the last minute"
    ROOM = "whether another job may run at once"


class Facts(NamedTuple):
    """What was counted; only what ``asks`` names need be true.

    ``waiting`` counts to ``batch`` at most, which is how many of those one step queues. ``room`` is False if as many
    jobs run at once as may. ``ceiling`` is the server's limit of a rate, ``chunk`` the most one step releases.
    """

    counts: Mapping[ExecutionStatus, int] = NOTHING_COUNTED
    waiting: int = 0
    recent: Sequence[tuple[int, int]] = ()
    room: bool = True
    ceiling: int = rollout.DEFAULT_PER_MINUTE
    chunk: int = rollout.DEFAULT_PER_MINUTE
    batch: int = 1000

    @property
    def active(self) -> int:
        """Executions QUEUED or IN_PROGRESS."""
        return active(self.counts)


def active(counts: Mapping[ExecutionStatus, int]) -> int:
    """How many executions are QUEUED or IN_PROGRESS."""
    return counts.get(ExecutionStatus.QUEUED, 0) + counts.get(ExecutionStatus.IN_PROGRESS, 0)
