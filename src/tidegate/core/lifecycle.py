"""The states of jobs and executions, and the moves between them (control reference 7 and 15.1, device reference 3.7).

A move is a key of a dictionary; a move that is not a key is illegal, and the caller says so in its plane's words.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class ExecutionStatus(IntEnum):
    """An execution's status. The values are stored, so they are for ever."""

    QUEUED = 0
    IN_PROGRESS = 1
    SUCCEEDED = 2
    FAILED = 3
    TIMED_OUT = 4
    REJECTED = 5
    REMOVED = 6
    CANCELED = 7


ACTIVE: Final = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS})
TERMINAL: Final = frozenset(ExecutionStatus) - ACTIVE


class Act(StrEnum):
    """What can happen to an execution."""

    REPORT_IN_PROGRESS = "report IN_PROGRESS"
    REPORT_SUCCEEDED = "report SUCCEEDED"
    REPORT_FAILED = "report FAILED"
    REPORT_REJECTED = "report REJECTED"
    CANCEL = "cancel"
    FORCE_CANCEL = "cancel with force"
    REMOVE = "remove"
    TIME_OUT = "time out"


_Q, _I = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS

EXECUTION_MOVES: Final[dict[tuple[ExecutionStatus, Act], ExecutionStatus]] = {
    (_Q, Act.REPORT_IN_PROGRESS): ExecutionStatus.IN_PROGRESS,
    (_Q, Act.REPORT_SUCCEEDED): ExecutionStatus.SUCCEEDED,
    (_Q, Act.REPORT_FAILED): ExecutionStatus.FAILED,
    (_Q, Act.REPORT_REJECTED): ExecutionStatus.REJECTED,
    (_Q, Act.CANCEL): ExecutionStatus.CANCELED,
    (_Q, Act.FORCE_CANCEL): ExecutionStatus.CANCELED,
    (_Q, Act.REMOVE): ExecutionStatus.REMOVED,
    (_I, Act.REPORT_IN_PROGRESS): ExecutionStatus.IN_PROGRESS,
    (_I, Act.REPORT_SUCCEEDED): ExecutionStatus.SUCCEEDED,
    (_I, Act.REPORT_FAILED): ExecutionStatus.FAILED,
    (_I, Act.REPORT_REJECTED): ExecutionStatus.REJECTED,
    (_I, Act.FORCE_CANCEL): ExecutionStatus.CANCELED,
    (_I, Act.REMOVE): ExecutionStatus.REMOVED,
    (_I, Act.TIME_OUT): ExecutionStatus.TIMED_OUT,
}

DEVICE_REPORTS: Final[dict[str, Act]] = {
    "IN_PROGRESS": Act.REPORT_IN_PROGRESS,
    "SUCCEEDED": Act.REPORT_SUCCEEDED,
    "FAILED": Act.REPORT_FAILED,
    "REJECTED": Act.REPORT_REJECTED,
}
"""The only statuses a device may report."""


class JobStatus(StrEnum):
    """A job's status, spelled as AWS spells it."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


class Stage(StrEnum):
    """What the engine is doing for a job: the work that is spread over several transactions."""

    ROLLOUT = "ROLLOUT"
    CANCEL = "CANCEL"
    END = "END"
    DELETE = "DELETE"
    NONE = "NONE"


class JobAct(StrEnum):
    """What can happen to a job."""

    START = "start"
    PAUSE = "pause"
    COMPLETE = "complete"
    CANCEL = "cancel"
    DELETE = "delete"
    FORCE_DELETE = "delete with force"


_S = JobStatus

JOB_MOVES: Final[dict[tuple[JobStatus, JobAct], JobStatus]] = {
    (_S.SCHEDULED, JobAct.START): _S.IN_PROGRESS,
    (_S.IN_PROGRESS, JobAct.PAUSE): _S.SCHEDULED,
    (_S.SCHEDULED, JobAct.COMPLETE): _S.COMPLETED,
    (_S.SCHEDULED, JobAct.CANCEL): _S.CANCELED,
    (_S.IN_PROGRESS, JobAct.CANCEL): _S.CANCELED,
    (_S.IN_PROGRESS, JobAct.COMPLETE): _S.COMPLETED,
    (_S.COMPLETED, JobAct.DELETE): _S.DELETION_IN_PROGRESS,
    (_S.CANCELED, JobAct.DELETE): _S.DELETION_IN_PROGRESS,
    (_S.SCHEDULED, JobAct.FORCE_DELETE): _S.DELETION_IN_PROGRESS,
    (_S.IN_PROGRESS, JobAct.FORCE_DELETE): _S.DELETION_IN_PROGRESS,
    (_S.COMPLETED, JobAct.FORCE_DELETE): _S.DELETION_IN_PROGRESS,
    (_S.CANCELED, JobAct.FORCE_DELETE): _S.DELETION_IN_PROGRESS,
}
