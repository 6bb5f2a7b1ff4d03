"""When too many executions went wrong for a job to go on (control reference 10).

What counts are executions that have finished, not things that were notified: the other reading of AWS's documents would
abort a large rollout at its first failure. CANCELED and REMOVED executions were never tried and count nowhere. Each
attempt of a retried execution counts. The comparison is exact in decimal.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from tidegate.core.lifecycle import ExecutionStatus

ALL = "ALL"
EXECUTED: Final = frozenset(
    {ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.REJECTED, ExecutionStatus.TIMED_OUT}
)
"""The ends that count, and after which the criteria are judged."""
_HUNDREDTH = Decimal("0.01")
_ALL_PERCENT = Decimal(100)


class Criterion(NamedTuple):
    """One of ``abortConfig.criteriaList``; its only action is CANCEL."""

    failure_type: str
    threshold_percentage: Decimal
    min_executed: int


class Counts(NamedTuple):
    """How many executions of the job ended each way."""

    succeeded: int = 0
    failed: int = 0
    rejected: int = 0
    timed_out: int = 0

    @property
    def executed(self) -> int:
        """All that finished."""
        return sum(self)

    def since(self, before: Counts) -> Counts:
        """What of these is not in earlier counts; nothing is less than none, for executions can be deleted."""
        return Counts(*(max(0, now - then) for now, then in zip(self, before, strict=True)))

    def of(self, failure_type: str) -> int:
        """Those that ended as FAILED, REJECTED or TIMED_OUT, or in any of these ways (ALL)."""
        by_type = {"FAILED": self.failed, "REJECTED": self.rejected, "TIMED_OUT": self.timed_out}
        return sum(by_type.values()) if failure_type == ALL else by_type[failure_type]


def counts(by_status: Mapping[ExecutionStatus, int]) -> Counts:
    """Of a job's executions by status those that count."""
    return Counts(
        succeeded=by_status.get(ExecutionStatus.SUCCEEDED, 0),
        failed=by_status.get(ExecutionStatus.FAILED, 0),
        rejected=by_status.get(ExecutionStatus.REJECTED, 0),
        timed_out=by_status.get(ExecutionStatus.TIMED_OUT, 0),
    )


def decide(criteria: Iterable[Criterion], counts: Counts) -> Criterion | None:
    """The first criterion, in the order of the list, that the counts meet; None if the job may go on."""
    return next((criterion for criterion in criteria if _met(criterion, counts)), None)


def percentage(criterion: Criterion, counts: Counts) -> Decimal:
    """The share of finished executions a criterion looks at, in percent with two digits: for the comment of the job."""
    if not counts.executed:
        return Decimal("0.00")
    share = Decimal(100 * counts.of(criterion.failure_type)) / counts.executed
    return share.quantize(_HUNDREDTH, ROUND_HALF_UP)


def more_until(criterion: Criterion, counts: Counts) -> int | None:
    """How many executions in a row must go wrong, as the criterion means it, until it is met; 0 if it is.

    None: it cannot be met any more, for it asks for all, and some went another way.
    """
    if criterion.threshold_percentage >= _ALL_PERCENT and counts.of(criterion.failure_type) < counts.executed:
        return None
    kind = {"FAILED": "failed", "REJECTED": "rejected", "TIMED_OUT": "timed_out"}.get(criterion.failure_type, "failed")

    def met(more: int) -> bool:
        return _met(criterion, counts._replace(**{kind: getattr(counts, kind) + more}))

    if met(0):
        return 0
    most = 1
    while not met(most):
        most *= 2
    return bisect.bisect_left(range(most), True, lo=1, key=met)


def _met(criterion: Criterion, counts: Counts) -> bool:
    executed = counts.executed
    if executed < max(criterion.min_executed, 1):
        return False
    numerator, denominator = criterion.threshold_percentage.as_integer_ratio()
    return 100 * counts.of(criterion.failure_type) * denominator >= numerator * executed
