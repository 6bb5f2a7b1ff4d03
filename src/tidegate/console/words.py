"""What is so, in one line of words."""

from __future__ import annotations

from tidegate.core.lifecycle import ExecutionStatus
from tidegate.ops.glances import Glance

_TOLD = (
    (ExecutionStatus.SUCCEEDED, "succeeded"),
    (ExecutionStatus.FAILED, "failed"),
    (ExecutionStatus.TIMED_OUT, "timed out"),
    (ExecutionStatus.REJECTED, "rejected"),
    (ExecutionStatus.IN_PROGRESS, "in progress"),
    (ExecutionStatus.QUEUED, "queued"),
    (ExecutionStatus.CANCELED, "canceled"),
    (ExecutionStatus.REMOVED, "removed"),
)


def state(seen: Glance) -> str:
    """How a job stands, as a sentence: the reason why it waits, then what its executions did."""
    told = seen.why.text if seen.why is not None else f"It is {seen.job.status.replace('_', ' ')}."
    return f"{told} {executions(seen)}"


def executions(seen: Glance) -> str:
    """What the executions of a job did, as a sentence."""
    parts = [f"{seen.counts[status]:,} {word}" for status, word in _TOLD if seen.counts[status]]
    return f"{', '.join(parts)}." if parts else "No execution yet."
