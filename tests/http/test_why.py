"""Why a job, or its execution on a thing, does not go on: the reason, and that what it foresees is what happens."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.http.test_permissions import SECRET, Operator, document
from tests.servers import Started, options, started
from tidegate.runtime.service import Service
from tidegate.store import connectivity, scopes, things
from tidegate.store.database import Tx

PAGE = "/_tidegate/why"
WINDOW = {"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}


class Fleet:
    """An empty server whose clock stands at the start of 2026."""

    def __init__(self, server: Started) -> None:
        self.server = server
        self.iot, self.data = server.client("iot"), server.client("iot-jobs-data")
        self.post("/_tidegate/reset")
        self.post("/_tidegate/clock", freeze=True)
        self.post("/_tidegate/clock", set="2026-01-01T00:00:00Z")

    def post(self, path: str, **body: Any) -> Any:
        return json.loads(self.server.fetch(path, "POST", body)[2])

    def advance(self, seconds: float) -> None:
        self.post("/_tidegate/clock", advance=seconds)

    def until(self, instant: str) -> None:
        self.post("/_tidegate/clock", set=instant)

    def why(self, job: str, thing: str | None = None) -> Any:
        query = f"?job={job}&region=eu-west-1" + (f"&thing={thing}" if thing else "")
        status, _, body = self.server.fetch(PAGE + query)
        assert status == 200, body
        return json.loads(body)

    def things(self, count: int, group: str = "g") -> str:
        """A group of things t0, t1 …; its ARN."""
        arn: str = self.iot.create_thing_group(thingGroupName=group)["thingGroupArn"]
        for number in range(count):
            self.iot.create_thing(thingName=f"t{number}")
            self.iot.add_thing_to_thing_group(thingGroupName=group, thingName=f"t{number}")
        return arn

    def job(self, target: str, **members: Any) -> None:
        self.iot.create_job(jobId="j", targets=[target], document="{}", **members)
        self.advance(1)

    def connect(self, thing: str, *, connected: bool) -> None:
        """As the broker records it."""
        self.server.on_loop(lambda: _recorded(self.server.running.service, thing, connected=connected))


async def _recorded(service: Service, thing: str, *, connected: bool) -> None:
    def work(tx: Tx) -> None:
        scope = scopes.find(tx, service.settings.account, "eu-west-1")
        found = None if scope is None else things.find(tx, scope, thing)
        assert found is not None
        reason, session = None if connected else "CONNECTION_LOST", connectivity.Session(thing)
        connectivity.put(tx, found.id, connected=connected, at=service.clock.now(), reason=reason, session=session)

    await service.unit.transact(work)


@pytest.fixture
def fleet(movable: Started) -> Fleet:
    return Fleet(movable)


def test_before_the_start(fleet: Fleet) -> None:
    fleet.job(fleet.things(1), schedulingConfig={"startTime": "2026-01-02T00:00"})
    for found in (fleet.why("j"), fleet.why("j", "t0")):
        assert (found["reason"], found["until"]) == ("SCHEDULED", "2026-01-02T00:00:00.000Z")
    fleet.until("2026-01-02T00:00:01Z")
    assert fleet.why("j")["reason"] == "EXECUTIONS"


def test_outside_the_window(fleet: Fleet) -> None:
    config = {"targetSelection": "CONTINUOUS", "schedulingConfig": {"maintenanceWindows": [WINDOW]}}
    fleet.job(fleet.things(1), **config)
    assert (fleet.why("j")["reason"], fleet.why("j")["until"]) == ("WINDOW", "2026-01-01T02:00:00.000Z")
    fleet.until("2026-01-01T02:00:01Z")
    assert fleet.why("j", "t0")["reason"] == "NEVER_CONNECTED"
    fleet.until("2026-01-01T03:00:01Z")
    hidden = fleet.why("j", "t0")
    assert (hidden["reason"], hidden["until"]) == ("WINDOW", "2026-01-02T02:00:00.000Z")
    fleet.iot.create_thing(thingName="late")
    fleet.iot.add_thing_to_thing_group(thingGroupName="g", thingName="late")
    assert fleet.why("j", "late") == {
        "reason": "WINDOW",
        "text": "Its execution is queued when the next maintenance window opens.",
        "until": "2026-01-02T02:00:00.000Z",
        "place": None,
    }


def test_the_place_in_the_queue_is_when_it_comes(fleet: Fleet) -> None:
    """What it says will happen next is what happens next."""
    fleet.job(fleet.things(9), jobExecutionsRolloutConfig={"maximumPerMinute": 2})
    assert fleet.why("j")["reason"] == "RATE"
    released = _released(fleet)
    foreseen = {name: fleet.why("j", name) for name in (f"t{n}" for n in range(9)) if name not in released}
    assert sorted(each["place"] for each in foreseen.values()) == list(range(9 - len(released)))
    for name, found in sorted(foreseen.items(), key=lambda item: item[1]["place"]):
        assert found["reason"] == "RATE"
        if _before(fleet, found["until"]):
            assert name not in _released(fleet)
        fleet.until(found["until"])
        assert name in _released(fleet)


def _before(fleet: Fleet, instant: str) -> bool:
    """Go to a millisecond before an instant, unless it is there."""
    now = json.loads(fleet.server.fetch("/_tidegate/clock")[2])["epochMs"]
    left = datetime.fromisoformat(instant).timestamp() - now / 1000
    if left > 0.001:
        fleet.advance(round(left - 0.001, 3))
    return left > 0.001


def _released(fleet: Fleet) -> set[str]:
    found = fleet.iot.list_job_executions_for_job(jobId="j")["executionSummaries"]
    return {each["thingArn"].rpartition("/")[2] for each in found}


def test_behind_another_job(fleet: Fleet) -> None:
    arn = fleet.things(1)
    fleet.iot.create_job(jobId="first", targets=[arn], document="{}")
    fleet.advance(1)
    fleet.job(arn)
    assert fleet.why("j", "t0")["reason"] == "BEHIND"
    assert "Job first is before it" in fleet.why("j", "t0")["text"]
    fleet.data.update_job_execution(jobId="first", thingName="t0", status="SUCCEEDED")
    assert fleet.why("j", "t0")["reason"] == "NEVER_CONNECTED"


def test_the_connection(fleet: Fleet) -> None:
    fleet.job(fleet.things(1))
    assert fleet.why("j", "t0")["reason"] == "NEVER_CONNECTED"
    fleet.connect("t0", connected=True)
    assert fleet.why("j", "t0")["reason"] == "NOT_ASKED"
    fleet.advance(60)
    fleet.connect("t0", connected=False)
    found = fleet.why("j", "t0")
    assert found["reason"] == "NOT_CONNECTED"
    assert "(CONNECTION_LOST); it left at 2026-01-01T00:01:01+00:00" in found["text"]


@pytest.mark.parametrize(("minutes", "step", "timer"), [(10, None, "in-progress timer"), (10, 3, "step timer")])
def test_at_work(fleet: Fleet, minutes: int, step: int | None, timer: str) -> None:
    fleet.job(fleet.things(1), timeoutConfig={"inProgressTimeoutInMinutes": minutes})
    more = {} if step is None else {"stepTimeoutInMinutes": step}
    fleet.data.start_next_pending_job_execution(thingName="t0", **more)
    found = fleet.why("j", "t0")
    assert found["reason"] == "IN_PROGRESS"
    assert timer in found["text"]
    fleet.until(found["until"])
    fleet.advance(61)
    assert fleet.why("j", "t0")["reason"] == "TIMED_OUT"


def test_without_a_time_limit(fleet: Fleet) -> None:
    fleet.job(fleet.things(1))
    fleet.data.start_next_pending_job_execution(thingName="t0")
    found = fleet.why("j", "t0")
    assert (found["reason"], found["until"]) == ("IN_PROGRESS", None)


def test_ends(fleet: Fleet) -> None:
    criterion = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 1}
    fleet.job(fleet.things(3), abortConfig={"criteriaList": [criterion]})
    fleet.data.update_job_execution(jobId="j", thingName="t0", status="FAILED")
    fleet.advance(1)
    assert fleet.why("j")["reason"] == "ABORTED"
    assert fleet.why("j", "t0")["reason"] == "FAILED"
    assert fleet.why("j", "t1")["reason"] == "CANCELED"


def test_no_target_and_too_late(fleet: Fleet) -> None:
    fleet.job(fleet.things(1))
    fleet.iot.create_thing(thingName="other")
    assert fleet.why("j", "other")["reason"] == "NO_TARGET"
    fleet.iot.add_thing_to_thing_group(thingGroupName="g", thingName="other")
    assert fleet.why("j", "other")["reason"] == "JOINED_LATE"


def test_continuous_jobs_wait_for_their_groups(fleet: Fleet) -> None:
    fleet.job(fleet.things(1), targetSelection="CONTINUOUS")
    fleet.data.update_job_execution(jobId="j", thingName="t0", status="SUCCEEDED")
    fleet.advance(1)
    assert fleet.why("j")["reason"] == "GROUPS"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, "job takes the id of a job; thing, if it is given, the name of a thing."),
        ("?job=none", 404, "Job none cannot be found."),
        ("?job=j&thing=none&region=eu-west-1", 404, "Thing none cannot be found."),
    ],
)
def test_what_is_not_there(fleet: Fleet, query: str, status: int, message: str) -> None:
    fleet.job(fleet.things(1))
    found, _, body = fleet.server.fetch(PAGE + query)
    assert (found, json.loads(body)["message"]) == (status, message)


def test_with_authentication_it_takes_a_permission(tmp_path: Path) -> None:
    with started(options(tmp_path, auth=True, clock="movable")) as server:

        def ask(operator: Operator) -> int:
            request = AWSRequest("GET", f"{server.addresses.http}{PAGE}?job=j")
            SigV4Auth(Credentials(operator.key_id, SECRET), "iot", "eu-west-1").add_auth(request)
            return server.fetch(f"{PAGE}?job=j", headers=dict(request.headers.items()))[0]

        assert server.fetch(f"{PAGE}?job=j")[0] == 403
        assert ask(Operator(server, document(("Allow", "tidegate:ExplainJob", "*")))) == 404
        assert ask(Operator(server, document(("Allow", "iot:*", "*")))) == 403
