"""The pages of the operations that AWS does not have: holds, and what `why` says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.http.test_permissions import SECRET, Operator, document
from tests.http.test_why import Fleet
from tests.servers import Started, options, started
from tidegate.http import own as pages
from tidegate.ops import audit, own
from tidegate.ops.audit import Entry
from tidegate.store.database import Tx


@pytest.fixture
def fleet(movable: Started) -> Fleet:
    return Fleet(movable)


def ask(server: Started, path: str, body: Any = None, *, method: str = "POST", by: Operator | None = None) -> Any:
    """(status, answer) of a page, signed if an operator asks."""
    headers = {}
    if by is not None:
        url = f"{server.addresses.http}{path}"
        request = AWSRequest(method, url, data=None if body is None else json.dumps(body))
        SigV4Auth(Credentials(by.key_id, SECRET), "iot", "eu-west-1").add_auth(request)
        headers = dict(request.headers.items())
    status, _, answer = server.fetch(path, method, body, headers)
    return status, json.loads(answer)


def in_region(fleet: Fleet, path: str, **body: Any) -> Any:
    """As a caller of eu-west-1, which an unsigned request says in its scope."""
    scope = "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/iot/aws4_request, SignedHeaders=host, Signature=0"
    status, _, answer = fleet.server.fetch(path, "POST", body, {"authorization": scope})
    return status, json.loads(answer)


def entries(fleet: Fleet) -> list[Entry]:
    """The audit log, what is not sealed yet at its end."""

    def read(tx: Tx) -> list[str]:
        return [*(bytes(each.entry).decode() for each in audit.exported(tx, 0)), *audit.unsealed(tx)]

    unit = fleet.server.running.service.unit
    return [audit.read(text) for text in fleet.server.on_loop(lambda: unit.read(read))]


def test_every_page_has_its_operation() -> None:
    named = {name for methods in pages.PAGES.values() for name in methods.values()}
    assert named == {name for _, name in own.HANDLERS} == set(own.REQUESTS)


def test_pause_and_why_and_resume(fleet: Fleet) -> None:
    fleet.job(fleet.things(3), jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    status, held = in_region(fleet, "/_tidegate/pause", jobId="j", comment="a noise")
    assert (status, held["status"], held["hold"], held["comment"]) == (200, "SCHEDULED", "PAUSED", "a noise")
    for found in (fleet.why("j"), fleet.why("j", "t0"), fleet.why("j", "t2")):
        assert (found["reason"], found["until"]) == ("PAUSED", None)
        assert "anonymous paused it since 2026-01-01T00:00:01+00:00: a noise" in found["text"]
    job = fleet.iot.describe_job(jobId="j")["job"]
    assert (job["status"], job["reasonCode"], job["comment"]) == ("SCHEDULED", "PAUSED", "a noise")
    assert in_region(fleet, "/_tidegate/pause", jobId="j")[0] == 409
    assert in_region(fleet, "/_tidegate/resume", jobId="j") == (200, {"jobId": "j", "status": "IN_PROGRESS"})
    assert in_region(fleet, "/_tidegate/resume", jobId="j") == (409, {"message": "Job j is not held."})
    assert in_region(fleet, "/_tidegate/resume", jobId="none")[0] == 404
    last = entries(fleet)[-2:]
    assert [each.operation for each in last] == ["tidegate:PauseJob", "tidegate:ResumeJob"]
    assert all(each.edge == "http" and each.resources[0].endswith(":job/j") for each in last)


def test_why_of_a_job_that_a_criterion_holds(fleet: Fleet) -> None:
    criterion = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 1}
    tags = [{"Key": "tidegate:on-abort", "Value": "pause"}]
    fleet.job(fleet.things(3), abortConfig={"criteriaList": [criterion]}, tags=tags)
    fleet.data.update_job_execution(jobId="j", thingName="t0", status="FAILED")
    found = fleet.why("j", "t1")
    assert found["reason"] == "PAUSED_BY_ABORT_CRITERION"
    assert "100.00 percent of the finished executions ended as FAILED" in found["text"]


def test_everything_that_is_wrong_is_told_at_once(movable: Started) -> None:
    status, answer = ask(movable, "/_tidegate/pause", {"job": "j", "comment": 7})
    assert status == 400
    for part in ("There is no member job: there is jobId, comment.", "comment: Expected `str", "jobId is missing."):
        assert part in answer["message"]
    assert "not JSON" in ask(movable, "/_tidegate/pause", b"{")[1]["message"]
    assert "not a JSON object" in ask(movable, "/_tidegate/pause", [])[1]["message"]
    assert ask(movable, "/_tidegate/pause", method="GET")[0] == 405


def test_with_authentication_it_takes_a_permission_on_the_job(tmp_path: Path) -> None:
    with started(options(tmp_path, auth=True, clock="movable")) as server:
        boss = Operator(server, document(("Allow", "*", "*")))
        iot = boss.client()
        arn = iot.create_thing(thingName="t")["thingArn"]
        made = iot.create_job(jobId="j", targets=[arn], document="{}")["jobArn"]
        body = {"jobId": "j"}
        assert ask(server, "/_tidegate/pause", body)[0] == 403
        other = Operator(server, document(("Allow", "iot:*", "*"), ("Allow", "tidegate:PauseJob", f"{made}x")))
        status, refused = ask(server, "/_tidegate/pause", body, by=other)
        assert (status, "tidegate:PauseJob on resource: " + made in refused["message"]) == (403, True)
        only = Operator(server, document(("Allow", "tidegate:PauseJob", made)))
        status, held = ask(server, "/_tidegate/pause", body, by=only)
        assert (status, held["by"]) == (200, only.arn)
        assert ask(server, "/_tidegate/resume", body, by=only)[0] == 403
        assert ask(server, "/_tidegate/resume", body, by=boss)[0] == 200


def test_an_approval_takes_another_principal_and_its_own_permission(tmp_path: Path) -> None:
    with started(options(tmp_path, auth=True, clock="movable")) as server:
        boss = Operator(server, document(("Allow", "*", "*")))
        rule = {"ruleName": "all", "noAbortCriterion": True}
        assert ask(server, "/_tidegate/approval-rules", rule, by=boss)[0] == 200
        creator = Operator(server, document(("Allow", "iot:*", "*"), ("Allow", "tidegate:*", "*")))
        iot = creator.client()
        made = iot.create_job(jobId="j", targets=[iot.create_thing(thingName="t")["thingArn"]], document="{}")["jobArn"]
        assert iot.describe_job(jobId="j")["job"]["reasonCode"] == "AWAITING_APPROVAL"
        body = {"jobId": "j"}
        assert ask(server, "/_tidegate/approve", body)[0] == 403
        status, refused = ask(server, "/_tidegate/approve", body, by=creator)
        assert (status, f"{creator.arn} asked for job j" in refused["message"]) == (403, True)
        lacks = Operator(server, document(("Allow", "iot:*", "*"), ("Allow", "tidegate:ListApprovals", "*")))
        assert ask(server, "/_tidegate/approve", body, by=lacks)[0] == 403
        status, listed = ask(server, "/_tidegate/approvals?waiting=true", method="GET", by=lacks)
        assert (status, [each["askedBy"] for each in listed["approvals"]]) == (200, [[creator.arn]])
        approver = Operator(server, document(("Allow", "tidegate:ApproveJob", made)))
        assert ask(server, "/_tidegate/approve", body, by=approver) == (200, {"jobId": "j", "status": "IN_PROGRESS"})
        assert "reasonCode" not in iot.describe_job(jobId="j")["job"]
        status, left = ask(server, "/_tidegate/approval-rules?ruleName=all", method="DELETE", by=boss)
        assert (status, left) == (200, {"rules": []})
