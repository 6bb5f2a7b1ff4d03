"""Jobs and their executions (control reference 6, 14, 15; device reference 3.8)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

# --- what exists and what does not (third hand, all of them) ----------------------------------------------------------


def job_exists(job_id: str) -> str:
    """[third hand] CreateJob."""
    return f"Job {job_id} already exists"


def job_missing(job_id: str) -> str:
    """[third hand], also reported by users of the live service."""
    return f"Job {job_id} cannot be found."


def execution_of_missing_job(job_id: str) -> str:
    """[third hand] DescribeJobExecution on the control plane."""
    return f"Job execution cannot be found as the Job {job_id} does not exist."


def execution_missing(thing_name: str, job_id: str) -> str:
    """[third hand] DescribeJobExecution on the control plane."""
    return f"Job execution for thing {thing_name} cannot be found within job {job_id}."


def device_execution_missing(thing_name: str, job_id: str) -> str:
    """[third hand] DescribeJobExecution on the device plane."""
    return f"Job {job_id} not found for {thing_name}"


# --- what a state does not allow (third hand, all of them) ------------------------------------------------------------


def job_not_deletable(job_id: str, status: str) -> str:
    """[third hand] DeleteJob without force; [R] without its last words, of a job that is being deleted already."""
    without = "" if status == "DELETION_IN_PROGRESS" else " without force"
    return f"Job {job_id} is in status {status} and cannot be deleted{without}"


def job_not_cancelable(job_id: str, status: str) -> str:
    """[third hand] CancelJob."""
    return f"Job {job_id} is in status {status} and cannot be canceled"


def job_not_updatable(job_id: str, status: str) -> str:
    """[third hand] UpdateJob."""
    return f"Job {job_id} in status {status} cannot be updated."


EXECUTION_NEEDS_FORCE: Final = "Job execution is IN_PROGRESS and cannot be canceled without force"
"""[third hand] CancelJobExecution."""


def execution_not_cancelable(thing_name: str, job_id: str) -> str:
    """[third hand] CancelJobExecution of a terminal execution."""
    return f"Job execution for thing {thing_name} within job {job_id} cannot be canceled."


DEVICE_TERMINAL: Final = "Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED"
"""[third hand] DescribeJobExecution on the device plane."""


def device_version_mismatch(expected: int, found: int) -> str:
    """[third hand] UpdateJobExecution."""
    return f"Expected version {expected} but found version {found}"


def device_status_not_allowed(status: str) -> str:
    """[third hand] UpdateJobExecution to a status that only the service sets."""
    return f"The status of job execution cannot be changed to be {status}"


def device_already_finished(thing_name: str, job_id: str, status: str) -> str:
    """[third hand] UpdateJobExecution of a terminal execution."""
    return f"Job {job_id} for {thing_name} has already finished with status {status}"


# --- what a request names ([R], all of them) --------------------------------------------------------------------------


def not_a_job_arn(text: str) -> str:
    """[R] ``jobArn`` of CreateJobTemplate."""
    return f"{text} is not the ARN of a job of this account and region."


def not_a_target(text: str) -> str:
    """[R] ``targets`` of CreateJob."""
    return f"{text} is not the ARN of a thing or thing group of this account and region."


def too_many_details(count: int, limit: int) -> str:
    """[R] ``statusDetails``."""
    return f"statusDetails has {count} entries, more than the limit of {limit}."


# --- what the engine says of a job ------------------------------------------------------------------------------------


ABORT_REASON: Final = "ABORT_CRITERIA_MET"
"""[R] reasonCode of a job that its abort criteria canceled."""


def aborted(failure_type: str, share: Decimal, threshold: Decimal) -> str:
    """[R] comment of a job that its abort criteria canceled; both in percent."""
    failed = "failed" if failure_type == "ALL" else f"ended as {failure_type}"
    return f"{share} percent of the finished executions {failed}, the threshold being {threshold} percent."


def job_not_continuous(job_id: str) -> str:
    """[R] AssociateTargetsWithJob."""
    return f"Job {job_id} is not a continuous job in progress; targets can only be associated with one."


def not_a_group_target(text: str) -> str:
    """[R] AssociateTargetsWithJob."""
    return f"{text} is not the ARN of a thing group of this account and region."


def execution_needs_force(status: str) -> str:
    """[R] DeleteJobExecution, after the text of CancelJobExecution."""
    return f"Job execution is {status} and cannot be deleted without force"


def details_on_lines(key: str) -> str:
    """[R] A control character in a value of statusDetails, which the model's pattern forbids."""
    return f"statusDetails value of {key} must satisfy regular expression pattern: [^\\p{{C}}]+"
