"""When a failed execution is tried again (control reference 11, device reference 5.4).

A retry is a new execution, queued in the transaction that ended the previous one. Not here: which execution of a thing
is the latest, and forgetting what was used when a thing joins its group again (pass what was used since then).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from tidegate.core import texts
from tidegate.core.lifecycle import ExecutionStatus

ALL = "ALL"
MOST = 10
"""Retries of one job on one thing, whatever their causes: AWS's quota, looked at when a job is made."""

RETRYABLE: Final = {ExecutionStatus.FAILED: "FAILED", ExecutionStatus.TIMED_OUT: "TIMED_OUT"}
"""The only ends that are tried again, by the failure type that covers them."""

Used = Mapping[ExecutionStatus, int]
"""Retries made so far on a thing, by the end that caused them; an absent one is none."""


class Criterion(NamedTuple):
    """One of ``jobExecutionsRetryConfig.criteriaList``."""

    failure_type: str
    retries: int


class Retry(Enum):
    """What becomes of an execution that ended."""

    NOW = "now"
    AT_NEXT_WINDOW = "at the next window"
    NEVER = "never"


def may_retry(criteria: Sequence[Criterion], cause: ExecutionStatus, used: Used) -> bool:
    """Whether the budgets leave a retry: one budget for each type, or one shared budget (ALL).

    That they come to no more than the server allows was seen to when the job was made.
    """
    if cause not in RETRYABLE:
        return False
    by_type = {criterion.failure_type: criterion.retries for criterion in criteria}
    if ALL in by_type:
        return sum(used.values()) < by_type[ALL]
    return used.get(cause, 0) < by_type.get(RETRYABLE[cause], 0)


def decide(
    criteria: Sequence[Criterion],
    cause: ExecutionStatus,
    used: Used,
    *,
    job_active: bool,
    ended: bool = False,
    window_open: bool = True,
) -> Retry:
    """Whether and when an execution that ended is tried again.

    Args:
        criteria: of the job, as they are now.
        cause: how the execution ended.
        used: retries made before.
        job_active: the job is IN_PROGRESS, or SCHEDULED between windows; not canceled (or aborted), nor being deleted.
        ended: the job's endTime has passed.
        window_open: False while the job waits for its next maintenance window.
    """
    if not job_active or ended or not may_retry(criteria, cause, used):
        return Retry.NEVER
    return Retry.NOW if window_open else Retry.AT_NEXT_WINDOW


def queued_at(previous: int, now: int) -> int:
    """When a retry counts as queued: now, but in a later second than the execution before it.

    Agents drop an execution of a job they know unless its ``queuedAt``, in seconds, is greater (device reference 5.4).
    """
    return max(now, (previous // 1000 + 1) * 1000)


def problems(criteria: Sequence[Criterion], *, limit: int = MOST) -> list[str]:
    """What is wrong with a job's retry criteria, as messages; ``limit`` is the most retries the server allows."""
    if not criteria:
        return []
    counts = Counter(criterion.failure_type for criterion in criteria)
    found = [texts.settings.retry_duplicate(failure_type) for failure_type, count in counts.items() if count > 1]
    if ALL in counts and len(counts) > 1:
        found.append(texts.settings.RETRY_ALL_WITH_OTHERS)
    total = sum(criterion.retries for criterion in criteria)
    if total > limit:
        found.append(texts.settings.retries_above_limit(total, limit))
    return found
