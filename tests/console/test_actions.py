"""What the console does to jobs: it counts first, and it does no more than whoever signed in may do."""

from __future__ import annotations

import html
import re

import pytest

from tests.console.browser import Browser
from tests.console.test_job import Rollout
from tests.console.test_jobs import XSS, dangers
from tests.console.test_sign_in import SECRET, admit, noted
from tests.servers import Started
from tidegate.ops import own
from tidegate.ops.approvals import PutApprovalRuleRequest
from tidegate.ops.call import Origin


@pytest.fixture
def rollout(server: Started) -> Rollout:
    return Rollout(server)


@pytest.fixture
def browser(server: Started) -> Browser:
    return Browser(server)


def test_canceling_counts_whom_it_concerns(rollout: Rollout, browser: Browser) -> None:
    rollout.create()
    rollout.data.start_next_pending_job_execution(thingName="t0")
    seen = browser.get("/jobs/j/cancel").words
    assert "5 devices never get the job" in seen
    assert "4 executions that wait are canceled" in seen
    assert "1 devices are at work" in seen
    assert rollout.iot.describe_job(jobId="j")["job"]["status"] == "IN_PROGRESS", "nothing is done by looking"
    told = browser.post("/jobs/j/cancel", reason="CODE_1", comment=XSS)
    assert (told.status, "Comment" in told.words) == (200, False)
    job = rollout.iot.describe_job(jobId="j")["job"]
    assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "CODE_1", XSS)
    assert ("iot:CancelJob", "", "console") in noted(rollout.server)
    assert dangers(told.text) == []
    rollout.advance(1)
    assert browser.get("/jobs/j/things/t0").words.count("IN PROGRESS") == 1, "without force it goes on"
    again = browser.get("/jobs/j/things/t0/cancel")
    assert "Its device is at work: only with force is it canceled" in again.words
    assert browser.post("/jobs/j/things/t0/cancel").status == 409, "the API's own answer"
    browser.get("/jobs/j/things/t0/cancel")
    assert "CANCELED" in browser.post("/jobs/j/things/t0/cancel", force="yes").words


def test_force_cancels_what_is_at_work(rollout: Rollout, browser: Browser) -> None:
    rollout.create()
    rollout.data.start_next_pending_job_execution(thingName="t0")
    browser.get("/jobs/j/cancel")
    browser.post("/jobs/j/cancel", force="yes")
    rollout.advance(1)
    found = rollout.iot.describe_job_execution(jobId="j", thingName="t0")["execution"]
    assert (found["status"], found["forceCanceled"]) == ("CANCELED", True)


def test_a_job_is_paused_and_goes_on(rollout: Rollout, browser: Browser) -> None:
    rollout.create()
    assert "Resume" not in browser.get("/jobs/j").words
    assert "5 executions that wait cannot be begun meanwhile" in browser.get("/jobs/j/pause").words
    seen = browser.post("/jobs/j/pause", comment=XSS)
    assert ("Resume …" in seen.words, "Pause …" in seen.words, dangers(seen.text)) == (True, False, [])
    assert rollout.iot.describe_job(jobId="j")["job"]["reasonCode"] == "PAUSED"
    rollout.advance(300)
    assert "5 devices get the job, at its rate" in browser.get("/jobs/j/resume").words
    assert "Pause …" in browser.post("/jobs/j/resume").words
    rollout.advance(1)
    assert "10 queued" in browser.get("/jobs/j").words
    done = [name for name, _, edge in noted(rollout.server) if edge == "console"]
    assert done[-2:] == ["tidegate:PauseJob", "tidegate:ResumeJob"]


def test_only_what_failed_is_tried_again(rollout: Rollout, browser: Browser) -> None:
    again = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    rollout.create(abortConfig=None, jobExecutionsRetryConfig=again)
    for status in ("FAILED", "SUCCEEDED"):
        rollout.report(0, status)  # it failed, and then it did not
    for _ in range(2):
        rollout.report(1, "FAILED")
    rollout.report(2, "REJECTED")
    rollout.report(3, "SUCCEEDED")
    seen = browser.get("/jobs/j/retry")
    assert "2 devices failed, timed out or rejected the job" in seen.words
    new = re.search(r'name="new"[^>]*value="([^"]+)"', seen.text)
    assert new is not None
    assert browser.post("/jobs/j/retry", new=new[1]).status == 200
    job = rollout.iot.describe_job(jobId=new[1])["job"]
    assert sorted(each.rpartition("/")[2] for each in job["targets"]) == ["t1", "t2"]
    assert job["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 5}
    assert job["jobExecutionsRetryConfig"] == again
    assert rollout.iot.get_job_document(jobId=new[1])["document"] == '{"do": "it"}'
    browser.get("/jobs/j/retry")
    assert browser.post("/jobs/j/retry", new=new[1]).status == 409


def test_more_than_a_job_may_have_targets_become_a_group(rollout: Rollout, browser: Browser) -> None:
    for number in range(10, 103):
        rollout.iot.create_thing(thingName=f"t{number}")
        rollout.iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{number}")
    rollout.create(jobExecutionsRolloutConfig={"maximumPerMinute": 1000}, abortConfig=None)
    for number in range(101):
        rollout.report(number, "FAILED")
    assert "a thing group is made of them" in browser.get("/jobs/j/retry").words
    assert browser.post("/jobs/j/retry", new="again").status == 200
    [target] = rollout.iot.describe_job(jobId="again")["job"]["targets"]
    assert target.endswith(":thinggroup/again")
    assert len(rollout.iot.list_things_in_thing_group(thingGroupName="again", maxResults=250)["things"]) == 101
    browser.get("/jobs/j/retry")
    assert browser.post("/jobs/j/retry", new="all").status == 409
    assert rollout.iot.describe_thing_group(thingGroupName="all"), "a group that was there stays"


def test_a_job_is_forecast_before_it_is_created(rollout: Rollout, browser: Browser) -> None:
    rollout.iot.create_job_template(
        jobTemplateId="slow",
        description="d",
        document="{}",
        jobExecutionsRolloutConfig={"maximumPerMinute": 1},
        abortConfig={
            "criteriaList": [
                {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50, "minNumberOfExecutedThings": 2}
            ]
        },
    )
    assert 'value="slow"' in browser.get("/jobs/new?template=slow").text
    given = {"job_id": "new", "template": "slow", "groups": "all", "description": XSS}
    seen = browser.post("/jobs/new", step="preview", failing="100", **given)
    assert "What it would do to 10 devices" in seen.words
    assert "Chance of an abort 100 %" in seen.words
    assert (XSS in html.unescape(seen.text), dangers(seen.text)) == (True, [])
    assert rollout.iot.list_jobs()["jobs"] == []
    assert browser.post("/jobs/new", step="create", **given).status == 200
    job = rollout.iot.describe_job(jobId="new")["job"]
    assert job["jobExecutionsRolloutConfig"]["maximumPerMinute"] == 1
    assert job["description"] == XSS


def test_what_is_wrong_with_a_job_is_said_beside_its_fields(rollout: Rollout, browser: Browser) -> None:
    browser.get("/jobs/new")
    seen = browser.post("/jobs/new", step="preview", job_id="new", groups="nothing")
    assert "cannot be found" in seen.words
    seen = browser.post("/jobs/new", step="create", job_id="a b<", things="t0", document="{}")
    assert (seen.status, "Member must satisfy regular expression" in seen.words) == (400, True)
    assert 'value="a b&lt;"' in seen.text, "what was typed is still there"


def test_who_may_not_cancel_cannot(guarded: Started) -> None:
    admin = admit(guarded)
    iot = guarded.client("iot", aws_access_key_id=admin, aws_secret_access_key=SECRET)
    iot.create_job(jobId="j", targets=[iot.create_thing(thingName="t")["thingArn"]], document="{}")
    browser = Browser(guarded)
    reader = admit(guarded, "iot:Describe*", "iot:List*")
    assert browser.sign_in(reader, SECRET, "/jobs/j/cancel").status == 200
    refused = browser.post("/jobs/j/cancel", force="yes")
    assert (refused.status, "is not authorized to perform: iot:CancelJob" in refused.words) == (403, True)
    assert iot.describe_job(jobId="j")["job"]["status"] == "IN_PROGRESS"
    operator = Browser(guarded)
    operator.sign_in(admin, SECRET, "/jobs/j/cancel")
    operator.post("/jobs/j/cancel")
    assert ("iot:CancelJob", admin, "console") in noted(guarded)


def test_a_job_that_waits_is_approved_by_somebody_else(guarded: Started) -> None:
    asker, other = admit(guarded), admit(guarded)
    iot = guarded.client("iot", aws_access_key_id=asker, aws_secret_access_key=SECRET)
    arn = iot.create_thing(thingName="prod")["thingArn"]
    browser, second = Browser(guarded), Browser(guarded)
    browser.sign_in(asker, SECRET, "/jobs")
    rule = PutApprovalRuleRequest(rule_name="prod", tag="env=prod")
    given = {"account": "000000000000", "region": "eu-west-1", "principal": "ann"}
    handler, origin = own.HANDLERS["tidegate", "PutApprovalRule"], Origin("tidegate", "PutApprovalRule")
    guarded.on_loop(lambda: guarded.running.service.invoke(handler, rule, **given, origin=origin))
    iot.create_job(jobId="held", targets=[arn], document="{}", tags=[{"Key": "env", "Value": "prod"}])
    assert "Approve …" in browser.get("/jobs/held").words
    seen = browser.get("/jobs/held/approve").words
    assert "Asked for by arn:aws:iam::000000000000:user/operator" in seen
    assert "1 devices get the job" in seen
    assert browser.post("/jobs/held/approve").status == 403, "nobody approves what he asked for"
    second.sign_in(other, SECRET, "/jobs/held/approve")
    assert "Approve …" not in second.post("/jobs/held/approve", comment=XSS).words
    assert iot.describe_job(jobId="held")["job"]["status"] == "IN_PROGRESS"
    assert ("tidegate:ApproveJob", other, "console") in noted(guarded)
