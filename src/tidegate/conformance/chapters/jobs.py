"""Jobs as operators create, see, change and end them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from tidegate.conformance.assertions import absent, holds, same
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import CHOICE, DOCUMENT, MODEL, REPORT, THIRD_HAND, Chapter

chapter = Chapter("jobs")
expects = chapter.expects
COUNTERS = (
    *("numberOfCanceledThings", "numberOfSucceededThings", "numberOfFailedThings", "numberOfRejectedThings"),
    *("numberOfQueuedThings", "numberOfInProgressThings", "numberOfRemovedThings", "numberOfTimedOutThings"),
)


def _retries(number: int) -> dict[str, Any]:
    return {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": number}]}


def _refused(at: Endpoint, code: str, status: int, **members: Any) -> Any:
    members.setdefault("targets", [at.thing_arn(at.thing())])
    if not members.keys() & {"document", "documentSource", "jobTemplateArn"} and not members.pop("bare", False):
        members["document"] = "{}"
    members.pop("bare", None)
    return at.refused("iot", "CreateJob", code, status, jobId=members.pop("jobId", None) or at.name("job"), **members)


@expects("create", "CreateJob answers with jobArn, jobId and description only", "control 6.1", MODEL)
def _(at: Endpoint) -> None:
    thing, name = at.thing_arn(at.thing()), at.name("job")
    answer = at.ask("iot", "CreateJob", jobId=name, targets=[thing], document="{}", description="d")
    at.later(lambda: at.iot.delete_job(jobId=name, force=True))
    same(sorted(answer), ["description", "jobArn", "jobId"], "members")
    holds(answer["jobArn"].endswith(f":job/{name}"), f"an ARN …:job/{name}", answer)


@expects("status", "A job without a schedule is IN_PROGRESS at once", "control 6.3", DOCUMENT)
def _(at: Endpoint) -> None:
    same(at.described(at.job())["status"], "IN_PROGRESS", "status")


@expects("defaults", "targetSelection is SNAPSHOT unless told otherwise", "control 6", MODEL)
def _(at: Endpoint) -> None:
    same(at.described(at.job()).get("targetSelection"), "SNAPSHOT", "targetSelection")


@expects(
    "empty-structures",
    "DescribeJob has presignedUrlConfig, rollout and timeout as {} when they were never set",
    "control 1.2",
    REPORT,
)
def _(at: Endpoint) -> None:
    found = at.described(at.job())
    for member in ("presignedUrlConfig", "jobExecutionsRolloutConfig", "timeoutConfig"):
        same(found.get(member), {}, member)
    absent(found, ["abortConfig", "jobExecutionsRetryConfig", "schedulingConfig"])


@expects("counters", "jobProcessDetails has all eight counters", "control 1.2", REPORT)
def _(at: Endpoint) -> None:
    found = at.described(at.job()).get("jobProcessDetails", {})
    same(sorted(set(COUNTERS) - found.keys()), [], "missing counters")


@expects("counts-queued", "numberOfQueuedThings counts the executions that wait", "control 7", MODEL)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(3)
    job = at.job([arn])
    for thing in things:
        at.released(thing, job)
    same(at.described(job)["jobProcessDetails"].get("numberOfQueuedThings"), 3, "numberOfQueuedThings")


@expects("processing-targets", "processingTargets is gone once the rollout has finished", "control 7", REPORT)
def _(at: Endpoint) -> None:
    job, _ = at.job_of_one()
    at.until(lambda: not at.described(job)["jobProcessDetails"].get("processingTargets"), "no processingTargets")


@expects("same-id", "A second job of an id is refused with ResourceAlreadyExistsException", "control 6.1", MODEL)
def _(at: Endpoint) -> None:
    job = at.job()
    found = _refused(at, "ResourceAlreadyExistsException", 409, jobId=job)
    same(found.message, f"Job {job} already exists", "message")


@expects("same-id-names", "… and names the job in resourceId and resourceArn", "control 1.4", MODEL)
def _(at: Endpoint) -> None:
    job = at.job()
    found = _refused(at, "ResourceAlreadyExistsException", 409, jobId=job)
    same(found.body.get("resourceId"), job, "resourceId")
    holds(str(found.body.get("resourceArn")).endswith(f":job/{job}"), "resourceArn", found.body)


@expects("unknown-thing", "A target that does not exist is a 404", "control 6.1", THIRD_HAND)
def _(at: Endpoint) -> None:
    name = at.name()
    arn = at.thing_arn(at.thing()).rpartition("/")[0] + "/" + name
    found = _refused(at, "ResourceNotFoundException", 404, targets=[arn])
    same(found.message, f"Thing {name} cannot be found.", "message")


@expects("no-target-arn", "A target that is no thing and no group is refused", "control 6.1", CHOICE)
def _(at: Endpoint) -> None:
    arn = at.thing_arn(at.thing()).replace(":thing/", ":policy/")
    _refused(at, "InvalidRequestException", 400, targets=[arn])


@expects("foreign-target", "A target of another account is refused", "control 6.1", DOCUMENT)
def _(at: Endpoint) -> None:
    parts = at.thing_arn(at.thing()).split(":")
    parts[4] = "999999999999"
    _refused(at, "InvalidRequestException", 400, targets=[":".join(parts)])


@expects(
    "too-many-targets",
    "More than a hundred targets are refused with LimitExceededException (410)",
    "control 6.1",
    CHOICE,
)
def _(at: Endpoint) -> None:
    arn = at.thing_arn(at.thing())
    _refused(at, "LimitExceededException", 410, targets=[f"{arn}{number}" for number in range(101)])


@expects("twice-the-same-target", "A target that is named twice counts once", "control 6.1", CHOICE)
def _(at: Endpoint) -> None:
    thing = at.thing()
    arn = at.thing_arn(thing)
    job = at.job([arn, arn])
    at.released(thing, job)
    same(len(at.executions(job)), 1, "number of executions")


@expects("no-document", "A job without document, source and template is refused", "control 6.1", THIRD_HAND)
def _(at: Endpoint) -> None:
    found = _refused(at, "InvalidRequestException", 400, bare=True)
    same(found.message, "document is required if you do not specify a value for documentSource", "message")


@expects("two-documents", "Document and source together are refused", "control 6.1", THIRD_HAND)
def _(at: Endpoint) -> None:
    found = _refused(
        at, "InvalidRequestException", 400, document="{}", documentSource="https://s3.amazonaws.com/bucket/key"
    )
    same(found.message, "Job document and job document source cannot be specified at the same time.", "message")


@expects("not-json", "A document that is not JSON is refused", "control 6.1", DOCUMENT)
def _(at: Endpoint) -> None:
    _refused(at, "InvalidRequestException", 400, document="no json")


@expects("timeout-zero", "inProgressTimeoutInMinutes 0 is refused", "control 6.1", THIRD_HAND)
def _(at: Endpoint) -> None:
    found = _refused(at, "InvalidRequestException", 400, timeoutConfig={"inProgressTimeoutInMinutes": 0})
    same(found.message, "Provide valid timeout value, inProgressTimeoutInMinutes cannot be 0.", "message")


@expects("retries-sum", "More than ten retries in all are refused", "control 6.1", DOCUMENT)
def _(at: Endpoint) -> None:
    criteria = [{"failureType": kind, "numberOfRetries": 6} for kind in ("FAILED", "TIMED_OUT")]
    _refused(at, "InvalidRequestException", 400, jobExecutionsRetryConfig={"criteriaList": criteria})


@expects("retries-all-and-more", "Retries for ALL and for another type together are refused", "control 6.1", CHOICE)
def _(at: Endpoint) -> None:
    criteria = [{"failureType": kind, "numberOfRetries": 1} for kind in ("ALL", "FAILED")]
    _refused(at, "InvalidRequestException", 400, jobExecutionsRetryConfig={"criteriaList": criteria})


@expects("window-of-snapshot", "Maintenance windows of a snapshot job are refused", "control 8.3", DOCUMENT)
def _(at: Endpoint) -> None:
    window = {"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}
    _refused(at, "InvalidRequestException", 400, schedulingConfig={"maintenanceWindows": [window]})


CRONS = {
    "no-cron": "at two",
    "five-fields": "cron(0 2 * * ?)",
    "two-days": "cron(0 2 1 * 2 *)",
    "hour-24": "cron(0 24 * * ? *)",
    "minute-60": "cron(60 2 * * ? *)",
    "day-8": "cron(0 2 ? * 8 *)",
    "two-hashes": "cron(0 2 ? * 3#1,6#3 *)",
}


def _bad_cron(at: Endpoint, start: str) -> None:
    window = {"startTime": start, "durationInMinutes": 60}
    more = {"targetSelection": "CONTINUOUS", "schedulingConfig": {"maintenanceWindows": [window]}}
    _refused(at, "InvalidRequestException", 400, **more)


for _name, _text in CRONS.items():
    chapter.expects(f"cron-{_name}", f"A window at `{_text}` is refused", "control 8.3", DOCUMENT)(
        partial(_bad_cron, start=_text)
    )


def _in(at: Endpoint, minutes: float) -> str:
    return (at.now() + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M")


def _schedule(at: Endpoint, minutes: Mapping[str, float]) -> None:
    schedule = {name: _in(at, value) for name, value in minutes.items()}
    _refused(at, "InvalidRequestException", 400, schedulingConfig=schedule)


for _name, _rule, _minutes in (
    ("start-too-soon", "A start in less than half an hour is refused", {"startTime": 5}),
    ("start-too-late", "A start in more than a year is refused", {"startTime": 366 * 24 * 60 + 60}),
    ("end-too-soon", "An end less than half an hour after the start is refused", {"startTime": 60, "endTime": 70}),
    ("end-before-start", "An end before the start is refused", {"startTime": 120, "endTime": 60}),
):
    chapter.expects(_name, _rule, "control 8.1", DOCUMENT)(partial(_schedule, minutes=_minutes))


@expects("scheduled", "A job with a start time is SCHEDULED, and IN_PROGRESS from then on", "control 6.3", DOCUMENT)
def _(at: Endpoint) -> None:
    job = at.job(schedulingConfig={"startTime": _in(at, 60)})
    same(at.described(job)["status"], "SCHEDULED", "status")
    if at.where.clock:
        at.advance(62 * 60)
        same(at.described(job)["status"], "IN_PROGRESS", "status after its start")


# -- reading ----------------------------------------------------------------------------------------------------------


def _unknown(at: Endpoint, operation: str) -> None:
    name = at.name()
    found = at.refused("iot", operation, "ResourceNotFoundException", 404, jobId=name)
    same(found.message, f"Job {name} cannot be found.", "message")


for _operation in ("DescribeJob", "GetJobDocument", "ListJobExecutionsForJob"):
    chapter.expects(
        f"unknown-{_operation}",
        f"{_operation} of an unknown job is a 404 with `Job x cannot be found.`",
        "control 14.1",
        THIRD_HAND,
    )(partial(_unknown, operation=_operation))


def _missing(at: Endpoint, operation: str, more: dict[str, Any]) -> None:
    at.refused("iot", operation, "ResourceNotFoundException", 404, jobId=at.name(), **more)


for _operation, _more in (
    ("CancelJob", {}),
    ("DeleteJob", {}),
    ("UpdateJob", {"description": "d"}),
):
    chapter.expects(f"unknown-{_operation}", f"{_operation} of an unknown job is a 404", "control 14", MODEL)(
        partial(_missing, operation=_operation, more=_more)
    )


@expects("document-beside", "DescribeJob has no document, and documentSource stands beside job", "control 14.1", MODEL)
def _(at: Endpoint) -> None:
    job = at.job()
    answer = at.ask("iot", "DescribeJob", jobId=job)
    absent(answer, ["document"])
    absent(answer["job"], ["document", "documentSource"])


@expects("document-verbatim", "GetJobDocument returns the text as it was given", "control 5.1", DOCUMENT)
def _(at: Endpoint) -> None:
    document = '{ "b": 1,   "a": [ 1.0 ] }'
    same(at.ask("iot", "GetJobDocument", jobId=at.job(document=document)).get("document"), document, "document")


@expects("list", "ListJobs has the job with status and targetSelection", "control 14.6", MODEL)
def _(at: Endpoint) -> None:
    job = at.job()
    found = [each for each in _jobs(at) if each["jobId"] == job]
    holds(len(found) == 1, f"one entry for {job}", found)
    same((found[0]["status"], found[0]["targetSelection"]), ("IN_PROGRESS", "SNAPSHOT"), "status and selection")


def _jobs(at: Endpoint, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = at.ask("iot", "ListJobs", **filters, **more)
        found += answer.get("jobs", [])
        if not answer.get("nextToken"):
            return found
        more = {"nextToken": answer["nextToken"]}


@expects("list-by-status", "ListJobs filters by status", "control 14.6", MODEL)
def _(at: Endpoint) -> None:
    running, canceled = at.job(), at.job()
    at.ask("iot", "CancelJob", jobId=canceled)
    ids = [each["jobId"] for each in _jobs(at, status="CANCELED")]
    holds(canceled in ids and running not in ids, f"{canceled} and not {running}", ids)


@expects("list-by-group", "ListJobs filters by the group that is a target", "control 14.6", MODEL)
def _(at: Endpoint) -> None:
    name, arn, _ = at.group(1)
    job, other = at.job([arn]), at.job()
    ids = [each["jobId"] for each in _jobs(at, thingGroupName=name)]
    holds(job in ids and other not in ids, f"{job} and not {other}", ids)


@expects("list-by-unknown-group", "ListJobs by an unknown group is a 404", "control 14.6", MODEL)
def _(at: Endpoint) -> None:
    at.refused("iot", "ListJobs", "ResourceNotFoundException", 404, thingGroupName=at.name())


@expects("list-by-selection", "ListJobs filters by target selection", "control 14.6", MODEL)
def _(at: Endpoint) -> None:
    _, arn, _ = at.group()
    job, other = at.job([arn], targetSelection="CONTINUOUS"), at.job()
    ids = [each["jobId"] for each in _jobs(at, targetSelection="CONTINUOUS")]
    holds(job in ids and other not in ids, f"{job} and not {other}", ids)


# -- changing ---------------------------------------------------------------------------------------------------------


@expects("update", "UpdateJob replaces what it is given and leaves the rest", "control 14.2", CHOICE)
def _(at: Endpoint) -> None:
    job = at.job(description="old", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    at.ask("iot", "UpdateJob", jobId=job, description="new")
    found = at.described(job)
    same((found["description"], found["timeoutConfig"]), ("new", {"inProgressTimeoutInMinutes": 5}), "what is kept")


@expects("update-ended", "UpdateJob of a job that has ended is refused", "control 14.2", THIRD_HAND)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, "SUCCEEDED")
    at.ended(job, "COMPLETED")
    found = at.refused("iot", "UpdateJob", "InvalidRequestException", 400, jobId=job, description="d")
    same(found.message, f"Job {job} in status COMPLETED cannot be updated.", "message")


@expects("update-retries", "Retries can be changed to 0 only", "control 14.2", THIRD_HAND)
def _(at: Endpoint) -> None:
    job = at.job(jobExecutionsRetryConfig=_retries(3))
    found = at.refused(
        "iot", "UpdateJob", "InvalidRequestException", 400, jobId=job, jobExecutionsRetryConfig=_retries(5)
    )
    same(found.message, "The number of retries cannot be updated to any number other than 0.", "message")
    at.ask("iot", "UpdateJob", jobId=job, jobExecutionsRetryConfig=_retries(0))


@expects("associate", "AssociateTargetsWithJob brings a continuous job to another group", "control 14.4", MODEL)
def _(at: Endpoint) -> None:
    _, first, _ = at.group()
    _, second, things = at.group(1)
    job = at.job([first], targetSelection="CONTINUOUS")
    at.ask("iot", "AssociateTargetsWithJob", jobId=job, targets=[second])
    at.released(things[0], job)


@expects("associate-snapshot", "AssociateTargetsWithJob refuses a snapshot job", "control 14.4", MODEL)
def _(at: Endpoint) -> None:
    _, arn, _ = at.group()
    at.refused("iot", "AssociateTargetsWithJob", "InvalidRequestException", 400, jobId=at.job(), targets=[arn])


# -- ending -----------------------------------------------------------------------------------------------------------


@expects("cancel", "CancelJob cancels the job and what is queued", "control 14.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    answer = at.ask("iot", "CancelJob", jobId=job, reasonCode="WRONG_ONE", comment="c")
    same(answer.get("jobId"), job, "jobId")
    found = at.ended(job, "CANCELED")
    same((found.get("reasonCode"), found.get("comment")), ("WRONG_ONE", "c"), "reasonCode and comment")
    at.until(lambda: at.execution(job, thing)["status"] == "CANCELED", "the execution to be CANCELED")


@expects("cancel-leaves", "CancelJob without force leaves what is in progress", "control 14.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.start(thing)
    at.ask("iot", "CancelJob", jobId=job)
    at.ended(job, "CANCELED")
    same(at.execution(job, thing)["status"], "IN_PROGRESS", "status of the execution")
    at.report(thing, job, "SUCCEEDED")
    same(at.execution(job, thing)["status"], "SUCCEEDED", "status of the execution")


@expects("cancel-force", "CancelJob with force cancels what is in progress and says so", "control 14.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.start(thing)
    at.ask("iot", "CancelJob", jobId=job, force=True)
    at.until(lambda: at.execution(job, thing)["status"] == "CANCELED", "the execution to be CANCELED")
    same(at.described(job).get("forceCanceled"), True, "forceCanceled of the job")
    same(at.execution(job, thing).get("forceCanceled"), True, "forceCanceled of the execution")


@expects("cancel-ended", "CancelJob of a job that has ended is refused", "control 14.3", THIRD_HAND)
def _(at: Endpoint) -> None:
    job = at.job()
    at.ask("iot", "CancelJob", jobId=job)
    at.ended(job, "CANCELED")
    found = at.refused("iot", "CancelJob", "InvalidRequestException", 400, jobId=job)
    same(found.message, f"Job {job} is in status CANCELED and cannot be canceled", "message")


@expects("delete-running", "DeleteJob of a running job without force is a 409", "control 14.5", MODEL)
def _(at: Endpoint) -> None:
    job = at.job()
    found = at.refused("iot", "DeleteJob", "InvalidStateTransitionException", 409, jobId=job)
    expected = f"Job {job} is in status IN_PROGRESS and cannot be deleted without force"
    same(found.message, expected, "message")


@expects("delete", "A deleted job is gone, and its id can be used again", "control 14.5", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.ask("iot", "DeleteJob", jobId=job, force=True)
    at.until(lambda: job not in [each["jobId"] for each in _jobs(at)], "the job to be gone", 30)
    at.refused("iot", "DescribeJob", "ResourceNotFoundException", 404, jobId=job)
    same(at.pending(thing), [], "pending jobs of its thing")
    at.job([at.thing_arn(thing)], jobId=job)


@expects("completes", "A snapshot job is COMPLETED once all its executions have ended", "control 7", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(2)
    job = at.job([arn])
    for thing, status in zip(things, ("SUCCEEDED", "FAILED"), strict=True):
        at.released(thing, job)
        at.report(thing, job, status)
    found = at.ended(job, "COMPLETED")
    holds("completedAt" in found, "completedAt", found)
    details = found["jobProcessDetails"]
    same((details["numberOfSucceededThings"], details["numberOfFailedThings"]), (1, 1), "counters")


@expects("continuous-stays", "A continuous job stays IN_PROGRESS when all have ended", "control 7", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(1)
    job = at.job([arn], targetSelection="CONTINUOUS")
    at.released(things[0], job)
    at.report(things[0], job, "SUCCEEDED")
    same(at.described(job)["status"], "IN_PROGRESS", "status")
