"""Executions, as operators and as devices over HTTPS see them."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from tidegate.conformance.assertions import absent, holds, same
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import CHOICE, DOCUMENT, MODEL, REPORT, THIRD_HAND, Chapter

chapter = Chapter("executions")
expects = chapter.expects


def _whole(answer: dict[str, Any]) -> dict[str, Any]:
    holds("execution" in answer, "an execution", answer)
    found: dict[str, Any] = answer["execution"]
    return found


# -- on the control plane ---------------------------------------------------------------------------------------------


@expects("queued", "A new execution is QUEUED, number 1, version 1", "control 15.2", REPORT)
def _(at: Endpoint) -> None:
    found = at.execution(*at.job_of_one())
    same((found["status"], found["executionNumber"], found["versionNumber"]), ("QUEUED", 1, 1), "status and numbers")


@expects(
    "not-started", "An execution that waits has no startedAt and no seconds before it times out", "control 15.2", REPORT
)
def _(at: Endpoint) -> None:
    absent(at.execution(*at.job_of_one()), ["startedAt", "approximateSecondsBeforeTimedOut"])


@expects("details-nested", "On the control plane statusDetails are nested in detailsMap", "control 1.2", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, "IN_PROGRESS", statusDetails={"step": "one"})
    same(at.execution(job, thing).get("statusDetails"), {"detailsMap": {"step": "one"}}, "statusDetails")


@expects(
    "by-number", "DescribeJobExecution takes an execution number, and an unknown one is a 404", "control 15.3", MODEL
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    same(at.execution(job, thing, executionNumber=1)["executionNumber"], 1, "executionNumber")
    more = {"jobId": job, "thingName": thing, "executionNumber": 7}
    at.refused("iot", "DescribeJobExecution", "ResourceNotFoundException", 404, **more)


@expects("unknown-job", "DescribeJobExecution of an unknown job is a 404", "control 15.3", THIRD_HAND)
def _(at: Endpoint) -> None:
    thing, job = at.thing(), at.name()
    found = at.refused("iot", "DescribeJobExecution", "ResourceNotFoundException", 404, jobId=job, thingName=thing)
    same(found.message, f"Job execution cannot be found as the Job {job} does not exist.", "message")


@expects("not-in-job", "DescribeJobExecution of a thing outside the job is a 404", "control 15.3", THIRD_HAND)
def _(at: Endpoint) -> None:
    thing, job = at.thing(), at.job()
    found = at.refused("iot", "DescribeJobExecution", "ResourceNotFoundException", 404, jobId=job, thingName=thing)
    same(found.message, f"Job execution for thing {thing} cannot be found within job {job}.", "message")


@expects(
    "list-for-job", "ListJobExecutionsForJob has thingArn and a summary with retryAttempt 0", "control 15.3", MODEL
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    [found] = at.executions(job)
    same(found["thingArn"], at.thing_arn(thing), "thingArn")
    summary = found["jobExecutionSummary"]
    same((summary["status"], summary["executionNumber"]), ("QUEUED", 1), "status and number")
    same(summary.get("retryAttempt", 0), 0, "retryAttempt")


@expects("list-for-job-by-status", "ListJobExecutionsForJob filters by status", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, _ = at.job_of_one()
    for status, number in (("QUEUED", 1), ("FAILED", 0)):
        found = at.ask("iot", "ListJobExecutionsForJob", jobId=job, status=status)["executionSummaries"]
        same(len(found), number, f"number of {status} executions")


@expects("list-for-thing", "ListJobExecutionsForThing has all jobs of a thing", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    thing = at.thing()
    jobs = {at.job([at.thing_arn(thing)]) for _ in range(2)}
    for job in jobs:
        at.released(thing, job)
    found = at.ask("iot", "ListJobExecutionsForThing", thingName=thing)["executionSummaries"]
    same({each["jobId"] for each in found}, jobs, "jobs")


@expects(
    "list-for-unknown-thing",
    "ListJobExecutionsForThing of an unknown thing is an empty list",
    "control 15.3",
    THIRD_HAND,
)
def _(at: Endpoint) -> None:
    answer = at.ask("iot", "ListJobExecutionsForThing", thingName=at.name())
    same(answer.get("executionSummaries"), [], "executionSummaries")


@expects("cancel-queued", "CancelJobExecution cancels what is queued, and the job completes", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.ask("iot", "CancelJobExecution", jobId=job, thingName=thing)
    same(at.execution(job, thing)["status"], "CANCELED", "status")
    same(at.pending(thing), [], "pending jobs")


@expects("cancel-running", "CancelJobExecution of what is in progress needs force", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.start(thing)
    at.refused("iot", "CancelJobExecution", "InvalidStateTransitionException", 409, jobId=job, thingName=thing)
    at.ask("iot", "CancelJobExecution", jobId=job, thingName=thing, force=True)
    same(at.execution(job, thing)["status"], "CANCELED", "status")


@expects("cancel-ended", "CancelJobExecution of what has ended is a 409", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, "SUCCEEDED")
    at.refused("iot", "CancelJobExecution", "InvalidStateTransitionException", 409, jobId=job, thingName=thing)


@expects(
    "cancel-version",
    "CancelJobExecution with another expectedVersion is a VersionConflictException",
    "control 15.3",
    MODEL,
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    more = {"jobId": job, "thingName": thing, "expectedVersion": 9}
    at.refused("iot", "CancelJobExecution", "VersionConflictException", 409, **more)


@expects("cancel-details", "CancelJobExecution sets statusDetails", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.ask("iot", "CancelJobExecution", jobId=job, thingName=thing, statusDetails={"why": "wrong"})
    same(at.execution(job, thing)["statusDetails"], {"detailsMap": {"why": "wrong"}}, "statusDetails")


@expects("delete-running", "DeleteJobExecution of what is in progress needs force", "control 15.3", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.start(thing)
    more = {"jobId": job, "thingName": thing, "executionNumber": 1}
    at.refused("iot", "DeleteJobExecution", "InvalidStateTransitionException", 409, **more)
    at.ask("iot", "DeleteJobExecution", **more, force=True)
    at.refused("iot", "DescribeJobExecution", "ResourceNotFoundException", 404, jobId=job, thingName=thing)


# -- as a device over HTTPS -------------------------------------------------------------------------------------------


@expects("http-pending", "GetPendingJobExecutions has inProgressJobs and queuedJobs apart", "device 4", MODEL)
def _(at: Endpoint) -> None:
    thing = at.thing()
    first = at.job([at.thing_arn(thing)])
    at.released(thing, first)
    at.start(thing)
    second = at.job([at.thing_arn(thing)])
    at.released(thing, second)
    found = at.ask("iot-jobs-data", "GetPendingJobExecutions", thingName=thing)
    ids = [[each["jobId"] for each in found.get(kind, [])] for kind in ("inProgressJobs", "queuedJobs")]
    same(ids, [[first], [second]], "jobs in progress and queued")


@expects("http-pending-members", "A summary has neither status nor document nor thing", "device 3.2", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    [found] = at.ask("iot-jobs-data", "GetPendingJobExecutions", thingName=thing)["queuedJobs"]
    same(found["jobId"], job, "jobId")
    absent(found, ["status", "jobDocument", "thingName"])
    holds(isinstance(found["queuedAt"], int), "queuedAt in whole seconds", found)


@expects("http-pending-ten", "GetPendingJobExecutions shows ten at most", "device 3.4", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    for _ in range(12):
        job = at.job([at.thing_arn(thing)])
        at.until(partial(at.executions, job), "the release")
    same(len(at.pending(thing)), 10, "number of pending executions")


@expects("http-start", "StartNextPendingJobExecution starts the oldest and shows it whole", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"do":["this"]}')
    found = at.start(thing)
    shown = (found.get("jobId"), found.get("status"), found.get("versionNumber"), found.get("jobDocument"))
    same(shown, (job, "IN_PROGRESS", 2, '{"do":["this"]}'), "jobId, status, version and document")
    same(found.get("thingName"), thing, "thingName")


@expects("http-start-again", "A second start returns the same execution, unchanged", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    first = at.start(thing, statusDetails={"a": "1"})
    second = at.start(thing, statusDetails={"a": "2"})
    members = ("jobId", "executionNumber", "versionNumber", "statusDetails")
    same([second.get(name) for name in members], [first.get(name) for name in members], "the same execution")


@expects("http-start-nothing", "With nothing pending the answer has no execution", "device 4", DOCUMENT)
def _(at: Endpoint) -> None:
    absent(at.ask("iot-jobs-data", "StartNextPendingJobExecution", thingName=at.thing()), ["execution"])


@expects("http-next", "`$next` shows the head of the list without starting it", "device 3.6", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    found = _whole(at.ask("iot-jobs-data", "DescribeJobExecution", thingName=thing, jobId="$next"))
    same((found["jobId"], found["status"]), (job, "QUEUED"), "jobId and status")


@expects("http-next-nothing", "`$next` with nothing pending is a 200 without execution", "device 3.6", DOCUMENT)
def _(at: Endpoint) -> None:
    absent(at.ask("iot-jobs-data", "DescribeJobExecution", thingName=at.thing(), jobId="$next"), ["execution"])


@expects("http-describe-document", "The document comes when it is asked for", "device 4", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"x":1}')
    more = {"thingName": thing, "jobId": job}
    with_it = _whole(at.ask("iot-jobs-data", "DescribeJobExecution", **more, includeJobDocument=True))
    same(with_it.get("jobDocument"), '{"x":1}', "jobDocument")
    absent(_whole(at.ask("iot-jobs-data", "DescribeJobExecution", **more, includeJobDocument=False)), ["jobDocument"])


@expects("http-describe-unknown", "DescribeJobExecution of an unknown job is a 404", "device 4", THIRD_HAND)
def _(at: Endpoint) -> None:
    thing, job = at.thing(), at.name()
    more = {"thingName": thing, "jobId": job}
    found = at.refused("iot-jobs-data", "DescribeJobExecution", "ResourceNotFoundException", 404, **more)
    same(found.message, f"Job {job} not found for {thing}", "message")


@expects(
    "http-describe-ended",
    "DescribeJobExecution of what has ended is a TerminalStateException (410)",
    "device 3.6",
    CHOICE,
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, "SUCCEEDED")
    at.refused("iot-jobs-data", "DescribeJobExecution", "TerminalStateException", 410, thingName=thing, jobId=job)


STATUSES = ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")


def _reported(at: Endpoint, status: str, started: bool) -> None:
    job, thing = at.job_of_one()
    if started:
        at.start(thing)
    before = at.execution(job, thing)["versionNumber"]
    at.report(thing, job, status)
    found = at.execution(job, thing)
    same((found["status"], found["versionNumber"]), (status, before + 1), "status and version")


def _not_reported(at: Endpoint, first: str, second: str) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, first)
    more = {"jobId": job, "thingName": thing, "status": second}
    found = at.refused("iot-jobs-data", "UpdateJobExecution", "InvalidStateTransitionException", 409, **more)
    same(at.execution(job, thing)["status"], first, "status after the refusal")
    del found


for _status in STATUSES:
    for _started in (False, True):
        _from = "IN_PROGRESS" if _started else "QUEUED"
        chapter.expects(
            f"{_from}-to-{_status}", f"A device takes an execution from {_from} to {_status}", "device 3.7", DOCUMENT
        )(partial(_reported, status=_status, started=_started))
for _first in STATUSES[1:]:
    for _second in STATUSES:
        chapter.expects(
            f"{_first}-to-{_second}",
            f"An execution that is {_first} cannot become {_second}: 409 InvalidStateTransitionException",
            "device 3.7",
            MODEL,
        )(partial(_not_reported, first=_first, second=_second))


def _service_only(at: Endpoint, status: str) -> None:
    job, thing = at.job_of_one()
    before = at.execution(job, thing)["versionNumber"]
    answer = at._call("iot-jobs-data", "UpdateJobExecution", {"jobId": job, "thingName": thing, "status": status})
    holds(not isinstance(answer, dict), "a refusal", answer)
    found = at.execution(job, thing)
    same((found["status"], found["versionNumber"]), ("QUEUED", before), "status and version after the refusal")


for _status in ("QUEUED", "TIMED_OUT", "REMOVED", "CANCELED"):
    chapter.expects(f"not-{_status}", f"A device cannot report {_status}", "control 15.1", DOCUMENT)(
        partial(_service_only, status=_status)
    )


@expects("http-update-bare", "UpdateJobExecution answers with nothing that was not asked for", "device 3.7", THIRD_HAND)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    absent(at.report(thing, job, "IN_PROGRESS"), ["executionState", "jobDocument"])


@expects("http-update-state", "… with the state after the update and the document when asked", "device 3.7", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"x":1}')
    answer = at.report(
        thing, job, "IN_PROGRESS", includeJobExecutionState=True, includeJobDocument=True, statusDetails={"a": "b"}
    )
    state = answer.get("executionState", {})
    same((state.get("status"), state.get("versionNumber")), ("IN_PROGRESS", 2), "status and version")
    same((state.get("statusDetails"), answer.get("jobDocument")), ({"a": "b"}, '{"x":1}'), "details and document")


@expects("http-version", "Another expectedVersion is refused and changes nothing", "device 4", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    answer = at._call(
        "iot-jobs-data",
        "UpdateJobExecution",
        {"jobId": job, "thingName": thing, "status": "SUCCEEDED", "expectedVersion": 77},
    )
    holds(not isinstance(answer, dict), "a refusal", answer)
    same(at.execution(job, thing)["status"], "QUEUED", "status")


@expects("http-version-code", "… with 400 `Expected version 77 but found version 1`", "device 4", THIRD_HAND)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    more = {"jobId": job, "thingName": thing, "status": "SUCCEEDED", "expectedVersion": 77}
    found = at.refused("iot-jobs-data", "UpdateJobExecution", "InvalidRequestException", 400, **more)
    same(found.message, "Expected version 77 but found version 1", "message")


@expects("http-details-replaced", "statusDetails replace what was there; left out, they stay", "device 3.7", CHOICE)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.report(thing, job, "IN_PROGRESS", statusDetails={"a": "1", "b": "2"})
    at.report(thing, job, "IN_PROGRESS", statusDetails={"c": "3"})
    at.report(thing, job, "IN_PROGRESS")
    same(at.execution(job, thing)["statusDetails"], {"detailsMap": {"c": "3"}}, "statusDetails")


@expects("http-details-eleven", "More than ten statusDetails are refused", "device 3.2", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    details = {f"k{number}": "v" for number in range(11)}
    more = {"jobId": job, "thingName": thing, "status": "IN_PROGRESS", "statusDetails": details}
    at.refused("iot-jobs-data", "UpdateJobExecution", "InvalidRequestException", 400, **more)


@expects("http-out-of-order", "A device may start a job that is not the head of its list", "device 3.7", REPORT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    jobs = [at.job([at.thing_arn(thing)]) for _ in range(2)]
    for job in jobs:
        at.released(thing, job)
    at.report(thing, jobs[1], "IN_PROGRESS")
    same(at.pending(thing), [jobs[1], jobs[0]], "pending jobs: what is in progress first")


@expects("order", "Pending jobs come in the order in which they were queued", "device 3.9", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    jobs = []
    for _ in range(3):
        jobs.append(at.job([at.thing_arn(thing)]))
        at.released(thing, jobs[-1])
        time.sleep(0.01)
    same(at.pending(thing), jobs, "pending jobs")


@expects("removed", "Deleting a thing makes its executions REMOVED", "control 13", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.ask("iot", "DeleteThing", thingName=thing)
    at.until(
        lambda: at.described(job)["jobProcessDetails"]["numberOfRemovedThings"] == 1, "numberOfRemovedThings to be 1"
    )
