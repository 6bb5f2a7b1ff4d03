"""What time does to jobs: rates, windows, timeouts, retries, aborts."""

from __future__ import annotations

from functools import partial
from typing import Any

from tidegate.conformance.assertions import holds, same
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import CHOICE, DOCUMENT, MODEL, REPORT, Chapter

chapter = Chapter("rollout")
expects = chapter.expects


def _retries(number: int, kind: str = "FAILED") -> dict[str, Any]:
    return {"criteriaList": [{"failureType": kind, "numberOfRetries": number}]}


def _abort(percentage: float, least: int, kind: str = "FAILED") -> dict[str, Any]:
    criterion = {
        "failureType": kind,
        "action": "CANCEL",
        "thresholdPercentage": percentage,
        "minNumberOfExecutedThings": least,
    }
    return {"criteriaList": [criterion]}


def _count(at: Endpoint, job: str) -> int:
    return len(at.executions(job))


@expects("rate", "No more executions a minute are created than maximumPerMinute says", "control 9.1", DOCUMENT)
def _(at: Endpoint) -> None:
    at.advance(0)
    _, arn, _ = at.group(7)
    job = at.job([arn], jobExecutionsRolloutConfig={"maximumPerMinute": 3})
    at.advance(30)
    holds(1 <= _count(at, job) <= 3, "1 to 3 executions in the first minute", _count(at, job))
    at.advance(60)
    holds(3 < _count(at, job) <= 6, "4 to 6 executions in the second minute", _count(at, job))
    at.advance(90)
    same(_count(at, job), 7, "number of executions")


@expects("rate-late", "A thing that joins later does not wait for the rate", "control 9.1", DOCUMENT)
def _(at: Endpoint) -> None:
    at.advance(0)
    group, arn, _ = at.group(4)
    job = at.job([arn], targetSelection="CONTINUOUS", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    at.advance(300)
    same(_count(at, job), 4, "number of executions")
    for thing in (at.thing(), at.thing(), at.thing()):
        at.join(group, thing)
    at.advance(5)
    same(_count(at, job), 7, "number of executions")


@expects("exponential", "The rate grows by the factor when as many have been notified", "control 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    at.advance(0)
    _, arn, _ = at.group(10)
    growth = {
        "baseRatePerMinute": 2,
        "incrementFactor": 2,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 2},
    }
    job = at.job([arn], jobExecutionsRolloutConfig={"maximumPerMinute": 100, "exponentialRate": growth})
    at.advance(30)
    same(_count(at, job), 2, "executions in the first minute")
    at.advance(60)
    holds(4 < _count(at, job) <= 6, "up to 4 more in the second minute", _count(at, job))


@expects("timeout", "An execution that is in progress for too long is TIMED_OUT", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(timeoutConfig={"inProgressTimeoutInMinutes": 5})
    at.start(thing)
    at.advance(4 * 60)
    same(at.execution(job, thing)["status"], "IN_PROGRESS", "status after four minutes")
    at.advance(2 * 60)
    same(at.execution(job, thing)["status"], "TIMED_OUT", "status after six minutes")


@expects("timeout-queued", "An execution that waits never times out", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(timeoutConfig={"inProgressTimeoutInMinutes": 1})
    at.advance(10 * 60)
    same(at.execution(job, thing)["status"], "QUEUED", "status")


@expects("timeout-fixed", "The in-progress timer is not extended by reports", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(timeoutConfig={"inProgressTimeoutInMinutes": 5})
    at.start(thing)
    at.advance(4 * 60)
    at.report(thing, job, "IN_PROGRESS")
    at.advance(2 * 60)
    same(at.execution(job, thing)["status"], "TIMED_OUT", "status")


@expects("timeout-seconds", "approximateSecondsBeforeTimedOut tells how long is left", "control 12", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(timeoutConfig={"inProgressTimeoutInMinutes": 10})
    at.start(thing)
    at.advance(60)
    left = at.execution(job, thing).get("approximateSecondsBeforeTimedOut", -1)
    holds(480 <= left <= 541, "about nine minutes", left)


@expects("timeout-changed", "UpdateJob's new timeout is for what starts afterwards", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, (first, second) = at.group(2)
    job = at.job([arn], timeoutConfig={"inProgressTimeoutInMinutes": 20})
    for thing in (first, second):
        at.released(thing, job)
    at.start(first)
    at.ask("iot", "UpdateJob", jobId=job, timeoutConfig={"inProgressTimeoutInMinutes": 2})
    at.start(second)
    at.advance(4 * 60)
    found = (at.execution(job, first)["status"], at.execution(job, second)["status"])
    same(found, ("IN_PROGRESS", "TIMED_OUT"), "statuses")


@expects("step", "A step timer ends an execution, and a new one replaces it", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(timeoutConfig={"inProgressTimeoutInMinutes": 20})
    at.start(thing)
    for minutes, step in ((5, 7), (5, 5), (3, 9)):
        at.advance(minutes * 60)
        at.report(thing, job, "IN_PROGRESS", stepTimeoutInMinutes=step)
    at.advance(6 * 60)  # 12:19 in the guide's example
    same(at.execution(job, thing)["status"], "IN_PROGRESS", "status after 19 minutes")
    at.advance(2 * 60)
    same(at.execution(job, thing)["status"], "TIMED_OUT", "status after 21 minutes")


@expects("step-removed", "stepTimeoutInMinutes -1 takes the step timer away", "control 12", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    at.start(thing, stepTimeoutInMinutes=2)
    at.report(thing, job, "IN_PROGRESS", stepTimeoutInMinutes=-1)
    at.advance(10 * 60)
    same(at.execution(job, thing)["status"], "IN_PROGRESS", "status")


@expects("retry", "A failed execution is followed by a new one, queued, with the next number", "control 11", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(jobExecutionsRetryConfig=_retries(1))
    at.report(thing, job, "FAILED")
    at.released(thing, job)
    found = at.execution(job, thing)
    same((found["status"], found["versionNumber"]), ("QUEUED", 1), "status and version")
    holds(found["executionNumber"] > 1, "a higher executionNumber", found)
    attempts = {each["jobExecutionSummary"].get("retryAttempt") for each in at.executions(job)}
    same(attempts, {0, 1}, "retryAttempt of the two")


@expects("retry-spent", "When the retries are spent the job completes, each attempt counted", "control 11", REPORT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(jobExecutionsRetryConfig=_retries(1))
    at.report(thing, job, "FAILED")
    at.released(thing, job)
    at.report(thing, job, "FAILED")
    found = at.ended(job, "COMPLETED")
    same(found["jobProcessDetails"]["numberOfFailedThings"], 2, "numberOfFailedThings")


@expects("retry-not-rejected", "A rejected execution is not retried", "control 11", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(jobExecutionsRetryConfig=_retries(3, "ALL"))
    at.report(thing, job, "REJECTED")
    at.ended(job, "COMPLETED")
    same(_count(at, job), 1, "number of executions")


@expects("retry-timed-out", "A timed-out execution is retried when TIMED_OUT is to be", "control 11", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(
        jobExecutionsRetryConfig=_retries(1, "TIMED_OUT"), timeoutConfig={"inProgressTimeoutInMinutes": 1}
    )
    at.start(thing)
    at.advance(3 * 60)
    found = at.execution(job, thing)
    same(found["status"], "QUEUED", "status of the latest execution")
    holds(found["executionNumber"] > 1, "a higher executionNumber", found)


@expects("retry-kind", "Retries for FAILED do not retry what timed out", "control 11", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(jobExecutionsRetryConfig=_retries(1), timeoutConfig={"inProgressTimeoutInMinutes": 1})
    at.start(thing)
    at.advance(3 * 60)
    same(at.execution(job, thing)["status"], "TIMED_OUT", "status")


@expects("abort", "A job is cancelled when the share of failures is reached", "control 10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(4)
    job = at.job([arn], abortConfig=_abort(50, 2))
    for thing in things:
        at.released(thing, job)
    at.report(things[0], job, "FAILED")
    same(at.described(job)["status"], "IN_PROGRESS", "status after one failure of one")
    at.report(things[1], job, "FAILED")
    at.ended(job, "CANCELED")
    at.until(lambda: at.execution(job, things[2])["status"] == "CANCELED", "what was queued to be CANCELED")


@expects("abort-leaves", "An abort leaves what is in progress", "control 10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(2)
    job = at.job([arn], abortConfig=_abort(50, 1))
    for thing in things:
        at.released(thing, job)
    at.start(things[1])
    at.report(things[0], job, "FAILED")
    at.ended(job, "CANCELED")
    same(at.execution(job, things[1])["status"], "IN_PROGRESS", "status")


@expects("abort-below", "Below the share nothing happens", "control 10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(4)
    job = at.job([arn], abortConfig=_abort(50, 3))
    for thing in things:
        at.released(thing, job)
    for thing, status in zip(things, ("SUCCEEDED", "SUCCEEDED", "FAILED"), strict=False):
        at.report(thing, job, status)
    same(at.described(job)["status"], "IN_PROGRESS", "status at 33 %")


def _aborts(at: Endpoint, kind: str, status: str) -> None:
    _, arn, things = at.group(2)
    job = at.job([arn], abortConfig=_abort(100, 1, kind))
    for thing in things:
        at.released(thing, job)
    at.report(things[0], job, status)
    at.ended(job, "CANCELED")


for _kind, _status in (("REJECTED", "REJECTED"), ("ALL", "REJECTED"), ("ALL", "FAILED")):
    chapter.expects(f"abort-{_kind}-{_status}", f"{_status} counts for a criterion on {_kind}", "control 10", DOCUMENT)(
        partial(_aborts, kind=_kind, status=_status)
    )


@expects("abort-other-kind", "A criterion on REJECTED is not met by failures", "control 10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, arn, things = at.group(2)
    job = at.job([arn], abortConfig=_abort(1, 1, "REJECTED"))
    for thing in things:
        at.released(thing, job)
    at.report(things[0], job, "FAILED")
    same(at.described(job)["status"], "IN_PROGRESS", "status")


@expects("joiner", "A thing that joins the target of a continuous job gets it", "control 13", DOCUMENT)
def _(at: Endpoint) -> None:
    group, arn, _ = at.group()
    job = at.job([arn], targetSelection="CONTINUOUS")
    thing = at.thing()
    at.join(group, thing)
    at.released(thing, job)


@expects("leaver", "A thing that leaves the target of a continuous job is REMOVED", "control 13", DOCUMENT)
def _(at: Endpoint) -> None:
    group, arn, [thing] = at.group(1)
    job = at.job([arn], targetSelection="CONTINUOUS")
    at.released(thing, job)
    at.ask("iot", "RemoveThingFromThingGroup", thingGroupName=group, thingName=thing)
    at.until(lambda: at.execution(job, thing)["status"] == "REMOVED", "the execution to be REMOVED")


@expects("snapshot-frozen", "A thing that joins later does not get a snapshot job", "control 13", DOCUMENT)
def _(at: Endpoint) -> None:
    group, arn, [first] = at.group(1)
    job = at.job([arn])
    at.released(first, job)
    thing = at.thing()
    at.join(group, thing)
    if at.where.clock:
        at.advance(120)
    same(at.pending(thing), [], "pending jobs")


@expects("children", "Things of child groups are targets, too", "control 9.3", DOCUMENT)
def _(at: Endpoint) -> None:
    parent, arn, _ = at.group()
    _, _, [thing] = at.group(1, parentGroupName=parent)
    at.released(thing, at.job([arn]))


@expects("once-each", "A thing that is reached through two targets gets one execution", "control 9.3", CHOICE)
def _(at: Endpoint) -> None:
    _, arn, [thing] = at.group(1)
    job = at.job([arn, at.thing_arn(thing)])
    at.released(thing, job)
    same(_count(at, job), 1, "number of executions")
