"""Holds of jobs, which are this server's own: nothing of AWS says a word about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ON_ABORT: Final = "tidegate:on-abort"
"""The tag of a job that says what an abort criterion does when it is met."""
ON_ABORT_INVALID: Final = f"The tag {ON_ABORT} takes cancel or pause."


def not_pausable(job_id: str, status: str, held: str | None, *, ended: bool) -> str:
    """PauseJob of a job that can do nothing more, or is held already."""
    if held is not None:
        return f"Job {job_id} is held already: {held}."
    over = ", whose endTime has come," if ended and status == "IN_PROGRESS" else ""
    return f"Job {job_id}{over} is in status {status} and cannot be paused."


def not_held(job_id: str) -> str:
    """ResumeJob of a job that nothing holds."""
    return f"Job {job_id} is not held."


def needs_approval(job_id: str) -> str:
    """ResumeJob of a job that waits for an approval."""
    return f"Job {job_id} waits for an approval: it is approved, not resumed."


def awaits_approval(reasons: Iterable[str]) -> str:
    """The comment of a job that waits for an approval."""
    return f"It waits for an approval ({'; '.join(reasons)})."


def no_approval(job_id: str) -> str:
    """ApproveJob and DescribeApproval of a job that needs none."""
    return f"No approval of job {job_id} was asked for."


def not_waiting(job_id: str) -> str:
    """ApproveJob of a job that was approved, canceled, or has ended."""
    return f"Job {job_id} does not wait for an approval."


def own_approval(job_id: str, principal: str) -> str:
    """ApproveJob by somebody who had a hand in the request."""
    return f"{principal} asked for job {job_id} or changed it since: another principal approves it."
