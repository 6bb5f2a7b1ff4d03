"""Worked scenarios 7 to 11 of control reference 23: retries, timeouts and aborts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.scene import Scene


def retries(**budgets: int) -> dict[str, Any]:
    criteria = [{"failureType": kind, "numberOfRetries": count} for kind, count in budgets.items()]
    return {"jobExecutionsRetryConfig": {"criteriaList": criteria}}


def timeout(minutes: int) -> dict[str, Any]:
    return {"timeoutConfig": {"inProgressTimeoutInMinutes": minutes}}


def abort(kind: str, percentage: float, least: int) -> dict[str, Any]:
    criterion = {
        "failureType": kind,
        "action": "CANCEL",
        "thresholdPercentage": percentage,
        "minNumberOfExecutedThings": least,
    }
    return {"abortConfig": {"criteriaList": [criterion]}}


def test_07_retry(scene: Scene) -> None:
    scene.create("j", scene.things(1), **retries(FAILED=2))
    for status in ("FAILED", "FAILED", "SUCCEEDED"):
        assert scene.status("j") == "IN_PROGRESS"
        scene.report("t1", status)
    assert scene.attempts("t1") == [(1, 0, "FAILED"), (2, 1, "FAILED"), (3, 2, "SUCCEEDED")]
    assert scene.status("j") == "COMPLETED"
    assert scene.counts("j") == {"Failed": 2, "Succeeded": 1}


@pytest.mark.parametrize("budgets", [{"FAILED": 2}, {"ALL": 5}])
def test_07_a_rejection_is_not_tried_again(scene: Scene, budgets: dict[str, int]) -> None:
    scene.create("j", scene.things(1), **retries(**budgets))
    scene.report("t1", "REJECTED")
    assert scene.attempts("t1") == [(1, 0, "REJECTED")]
    assert scene.status("j") == "COMPLETED"


def test_08_retry_and_timeout(scene: Scene) -> None:
    scene.create("j", scene.things(1), **timeout(5), **retries(TIMED_OUT=1))
    scene.start("t1")
    scene.minutes(4.99)
    assert scene.state("t1") == "IN_PROGRESS"
    scene.minutes(0.01)
    assert scene.attempts("t1") == [(1, 0, "TIMED_OUT"), (2, 1, "QUEUED")]
    scene.minutes(600)
    assert scene.state("t1") == "QUEUED"
    again = scene.start("t1")
    assert (again["executionNumber"], again["approximateSecondsBeforeTimedOut"]) == (2, 300)
    scene.minutes(5)
    assert scene.attempts("t1") == [(1, 0, "TIMED_OUT"), (2, 1, "TIMED_OUT")]
    assert scene.status("j") == "COMPLETED"


def test_09_timer_update(scene: Scene) -> None:
    scene.create("j", scene.things(2), **timeout(20))
    scene.start("t1")
    scene.iot.update_job(jobId="j", **timeout(5))
    scene.start("t2")
    scene.minutes(5)
    assert (scene.state("t1"), scene.state("t2")) == ("IN_PROGRESS", "TIMED_OUT")
    scene.minutes(15)
    assert scene.state("t1") == "TIMED_OUT"


@pytest.mark.parametrize("order", ["SSSSF", "FSSSS"])
def test_10_abort(scene: Scene, order: str) -> None:
    scene.create("j", scene.things(10), **abort("FAILED", 20.0, 5))
    for number, end in enumerate(order, 1):
        assert scene.status("j") == "IN_PROGRESS"
        scene.report(f"t{number}", {"S": "SUCCEEDED", "F": "FAILED"}[end])
    job = scene.described()
    assert (job["status"], job["reasonCode"], job["forceCanceled"]) == ("CANCELED", "ABORT_CRITERIA_MET", False)
    assert scene.counts("j") == {"Succeeded": 4, "Failed": 1, "Canceled": 5}


@pytest.mark.parametrize(("threshold", "status"), [(50.00, "CANCELED"), (50.01, "IN_PROGRESS")])
def test_11_abort_all(scene: Scene, threshold: float, status: str) -> None:
    scene.create("j", scene.things(5), **abort("ALL", threshold, 4), **timeout(1))
    scene.start("t1")
    scene.report("t2", "REJECTED")
    scene.report("t3", "SUCCEEDED")
    scene.minutes(1)
    assert scene.status("j") == "IN_PROGRESS"
    scene.report("t4", "SUCCEEDED")
    assert scene.counts("j")["TimedOut"] == 1
    assert scene.status("j") == status
