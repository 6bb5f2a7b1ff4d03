"""Worked scenarios 12 to 16 of control reference 23: rates, continuous jobs, windows, schedules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.scene import DAY, Scene, refused

MINUTE = 60_000


def test_12_exponential_rate(scene: Scene, way: str) -> None:
    """4,000 things, without a server a tenth of everything; beside it the same job with a ceiling of 150."""
    unit = 10 if way == "server" else 1
    group = scene.crowd("g", 400 * unit)
    rate = {
        "baseRatePerMinute": 5 * unit,
        "incrementFactor": 2,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 100 * unit},
    }
    scene.create("free", [group], jobExecutionsRolloutConfig={"exponentialRate": rate})
    capped = {"exponentialRate": rate, "maximumPerMinute": 15 * unit}
    scene.create("capped", [group], jobExecutionsRolloutConfig=capped)
    released: dict[str, list[int]] = {"free": [], "capped": []}
    for minute in range(40):
        for job, known in released.items():
            known.append(scene.counts(job)["Queued"] / unit - sum(known))
        if minute == 10:
            job = scene.described("free")
            assert job["isConcurrent"] is True
            assert job["jobProcessDetails"]["processingTargets"] == [group]
        scene.minutes(1)
    assert released["free"] == [5] * 20 + [10] * 10 + [20] * 5 + [40, 40, 20, 0, 0]
    assert released["capped"] == [5] * 20 + [10] * 10 + [15] * 7 + [15] * 3
    job = scene.described("free")
    assert job["isConcurrent"] is False
    assert "processingTargets" not in job["jobProcessDetails"]


def test_13_continuous(scene: Scene) -> None:
    scene.things(2)
    group = scene.group("g", "t1")
    scene.create("j", [group], targetSelection="CONTINUOUS")
    scene.report("t1", "SUCCEEDED")
    assert scene.status("j") == "IN_PROGRESS"
    scene.iot.add_thing_to_thing_group(thingGroupName="g", thingName="t2")
    assert scene.state("t2") == "QUEUED"
    scene.iot.remove_thing_from_thing_group(thingGroupName="g", thingName="t2")
    assert scene.state("t2") == "REMOVED"
    assert scene.counts("j") == {"Succeeded": 1, "Removed": 1}
    scene.iot.add_thing_to_thing_group(thingGroupName="g", thingName="t2")
    assert scene.attempts("t2") == [(1, 0, "REMOVED"), (2, 0, "QUEUED")]
    scene.minutes(60 * 24 * 30)
    assert scene.status("j") == "IN_PROGRESS"


def test_14_window(scene: Scene) -> None:
    scene.things(3)
    group = scene.group("g", "t1", "t2")
    ten = scene.at(10)
    scene.until(scene.at(8))
    scene.create(
        "j",
        [group],
        targetSelection="CONTINUOUS",
        schedulingConfig={"maintenanceWindows": [{"startTime": "cron(0 10 * * ? *)", "durationInMinutes": 60}]},
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]},
    )
    job = scene.described()
    assert (job["status"], job["isConcurrent"]) == ("SCHEDULED", False)
    starts = [one["startTime"] for one in job["scheduledJobRollouts"]]
    assert starts == [scene.text(ten + day * DAY) for day in range(7)]
    assert scene.counts("j") == {}
    scene.until(ten - 1)
    assert scene.status("j") == "SCHEDULED"
    scene.until(ten)
    assert scene.status("j") == "IN_PROGRESS"
    assert scene.counts("j") == {"Queued": 2}
    assert scene.start("t1")["jobId"] == "j"
    scene.until(ten + 60 * MINUTE)
    assert scene.status("j") == "SCHEDULED"
    assert scene.counts("j") == {"Queued": 1, "InProgress": 1}
    assert (scene.pending("t1"), scene.pending("t2")) == ((0, 1), (0, 0))
    assert scene.start("t2") == {}
    scene.until(ten + 90 * MINUTE)
    scene.report("t1", "FAILED")
    scene.iot.add_thing_to_thing_group(thingGroupName="g", thingName="t3")
    scene.until(ten + DAY - 1)
    assert (scene.attempts("t1"), scene.attempts("t3")) == ([(1, 0, "FAILED")], [])
    assert scene.pending("t2") == (0, 0)
    scene.until(ten + DAY)
    assert scene.attempts("t1") == [(1, 0, "FAILED"), (2, 1, "QUEUED")]
    assert scene.attempts("t3") == [(1, 0, "QUEUED")]
    assert scene.pending("t2") == (1, 0)


@pytest.mark.parametrize(
    ("behavior", "counts"),
    [
        ("STOP_ROLLOUT", {"Queued": 1, "InProgress": 1}),
        ("CANCEL", {"Canceled": 1, "InProgress": 1}),
        ("FORCE_CANCEL", {"Canceled": 2}),
    ],
)
def test_15_end_time(scene: Scene, behavior: str, counts: dict[str, int]) -> None:
    scene.things(3)
    end = scene.at(1)
    scene.create(
        "j",
        [scene.group("g", "t1", "t2")],
        targetSelection="CONTINUOUS",
        jobExecutionsRolloutConfig={"maximumPerMinute": 1},
        schedulingConfig={"endTime": scene.text(end), "endBehavior": behavior},
    )
    scene.minutes(2)
    scene.start("t1")
    scene.until(end - 1)
    assert scene.counts("j") == {"Queued": 1, "InProgress": 1}
    scene.until(end)
    assert scene.counts("j") == counts
    scene.iot.add_thing_to_thing_group(thingGroupName="g", thingName="t3")
    assert scene.attempts("t3") == []
    if "InProgress" in counts:
        assert scene.status("j") == "IN_PROGRESS"
        scene.report("t1", "SUCCEEDED")
    if "Queued" in counts:
        assert scene.status("j") == "IN_PROGRESS"
        assert scene.start("t2")["jobId"] == "j"
        scene.report("t2", "SUCCEEDED")
    assert scene.status("j") == "COMPLETED"


def test_16_schedule_limits(scene: Scene) -> None:
    targets = scene.things(1)
    now = scene.now

    def scheduled(start: int | None = None, end: int | None = None) -> dict[str, Any]:
        times = {"startTime": start, "endTime": end}
        return {name: scene.text(now + minutes * MINUTE) for name, minutes in times.items() if minutes is not None}

    year = 365 * 24 * 60
    for plan in (scheduled(29), scheduled(366 * 24 * 60), scheduled(60, 89), scheduled(None, 29)):
        answer = refused(scene.iot.create_job, jobId="j", targets=targets, document="{}", schedulingConfig=plan)
        assert (answer.status, answer.code) == (400, "InvalidRequestException"), json.dumps(plan)
    for number, plan in enumerate((scheduled(30, 60), scheduled(year, 2 * year))):
        scene.create(f"j{number}", targets, schedulingConfig=plan)
        assert scene.status(f"j{number}") == "SCHEDULED"
        assert scene.described(f"j{number}")["schedulingConfig"] == plan
    scene.minutes(30)
    assert scene.status("j0") == "IN_PROGRESS"
