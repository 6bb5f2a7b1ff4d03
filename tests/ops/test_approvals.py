"""Approvals: which jobs wait for one, who may give it, and what is kept of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.test_holds import Operated
from tests.ops.world import MINUTE, abort_when
from tidegate.core import schedule
from tidegate.ops import why
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.store import approvals
from tidegate.store.database import Database
from tidegate.wire import iot
from tidegate.wire.errors import AccessDeniedException

PROD = [iot.Tag(key="env", value="prod")]


class Team(Operated):
    """A world in which ann asks and bob approves."""

    def rule(self, name: str = "rule", **conditions: Any) -> None:
        self.own("PutApprovalRule", rule_name=name, **conditions)

    def by(self, name: str) -> Team:
        self.call = self.call._replace(principal=name)
        return self

    def approve(self, by: str = "bob", **members: Any) -> Any:
        self.by(by)
        return self.own("ApproveJob", job_id="j", **members)

    def waits(self) -> bool:
        return self.job().reason_code == "AWAITING_APPROVAL"


@pytest.fixture
def team(run: Run, database: Database, call: Call) -> Team:
    return Team(run, database, call)


def test_a_job_that_a_rule_catches_waits_for_another_principal(team: Team, database: Database) -> None:
    team.rule("many", more_than_things=2)
    team.create(3)
    job = team.job()
    assert (job.status, job.reason_code) == ("SCHEDULED", "AWAITING_APPROVAL")
    assert job.comment == "It waits for an approval (many: it is aimed at more than 2 things)."
    team.minutes(60)
    assert (team.counts(), team.start("t1")) == ({}, False)
    asked = why.Asked(team.call.account, team.call.region, "j")
    told = database.read(lambda tx: why.why(tx, asked, team.now, Limits()))
    assert (told.reason, told.until) == ("AWAITING_APPROVAL", None)
    assert told.text.endswith("Whoever may tidegate:ApproveJob and is not ann approves it.")
    with pytest.raises(iot.InvalidStateTransitionException, match="it is approved, not resumed"):
        team.resume()
    with pytest.raises(AccessDeniedException, match="ann asked for job j"):
        team.approve(by="ann")
    assert team.approve(comment="looks right").status == "IN_PROGRESS"
    assert team.counts() == {"queued": 3}
    found = team.own("DescribeApproval", job_id="j")
    assert (found.waiting, found.asked_by, found.approved_by, found.comment) == (False, ["ann"], "bob", "looks right")
    with pytest.raises(iot.InvalidStateTransitionException, match="does not wait"):
        team.approve(by="cyd")


def test_a_job_that_no_rule_catches_begins_as_ever(team: Team) -> None:
    team.rule("many", more_than_things=3)
    team.create(3)
    assert (team.job().status, team.counts()) == ("IN_PROGRESS", {"queued": 3})
    with pytest.raises(iot.ResourceNotFoundException, match="No approval of job j"):
        team.approve()


@pytest.mark.parametrize(
    ("rule", "members", "waits"),
    [
        ({"no_abort_criterion": True}, {}, True),
        ({"no_abort_criterion": True}, {"abort_config": abort_when("FAILED", "10", 5)}, False),
        ({"tag": "env=prod"}, {"tags": PROD}, True),
        ({"tag": "env=prod"}, {"tags": [iot.Tag(key="env", value="test")]}, False),
        ({"tag": "env=prod", "more_than_things": 5}, {"tags": PROD}, False),
        ({"tag": "env=prod", "more_than_things": 1}, {"tags": PROD}, True),
    ],
)
def test_conditions(team: Team, rule: dict[str, Any], members: dict[str, Any], waits: bool) -> None:
    team.rule(**rule)
    team.create(2, **members)
    assert team.waits() is waits


def test_tags_of_groups_above_and_below_count(team: Team) -> None:
    team.rule(tag="env=prod")
    team("CreateThingGroup", thing_group_name="top")
    team("CreateThingGroup", thing_group_name="middle", parent_group_name="top")
    team("CreateThingGroup", thing_group_name="bottom", parent_group_name="middle")
    for tagged in ("top", "bottom", "middle"):
        arn = team.call.arn(f"thinggroup/{tagged}")
        team("TagResource", resource_arn=arn, tags=PROD)
        team("CreateJob", job_id=tagged, targets=[team.call.arn("thinggroup/middle")], document="{}")
        assert team.job(tagged).reason_code == "AWAITING_APPROVAL"
        team("UntagResource", resource_arn=arn, tag_keys=["env"])


def test_more_targets_need_an_approval_again(team: Team) -> None:
    team.rule(more_than_things=2)
    names = [arn.rpartition("/")[2] for arn in team.things(4)]
    first, second = team.group("first", *names[:2]), team.group("second", *names[2:])
    team("CreateJob", job_id="j", targets=[first], document="{}", target_selection="CONTINUOUS")
    assert team.counts() == {"queued": 2}
    team.by("bob")("AssociateTargetsWithJob", job_id="j", targets=[second])
    assert (team.waits(), team.counts()) == (True, {"queued": 2})
    with pytest.raises(AccessDeniedException):
        team.approve(by="bob")
    team.approve(by="ann")
    assert team.counts() == {"queued": 4}


def test_who_changes_a_job_that_waits_cannot_approve_it(team: Team) -> None:
    team.rule(no_abort_criterion=True)
    team.create(2)
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=1)
    team.by("bob")("UpdateJob", job_id="j", job_executions_rollout_config=rate)
    for name in ("ann", "bob"):
        with pytest.raises(AccessDeniedException, match="another principal"):
            team.approve(by=name)
    team.approve(by="cyd")
    assert team.counts() == {"queued": 1}


def test_the_start_and_the_end_of_a_job_that_waits(team: Team) -> None:
    team.rule(no_abort_criterion=True)
    times = iot.SchedulingConfig(
        start_time=schedule.text_of(NOW + 40 * MINUTE),
        end_time=schedule.text_of(NOW + 100 * MINUTE),
        end_behavior="STOP_ROLLOUT",
    )
    team.create(2, scheduling_config=times)
    team.minutes(60)
    assert (team.waits(), team.counts()) == (True, {})
    team.minutes(60)
    assert team.job().status == "COMPLETED"
    with pytest.raises(iot.InvalidStateTransitionException):
        team.approve()


def test_the_list_of_requests_page_by_page(team: Team) -> None:
    team.rule(no_abort_criterion=True)
    [thing] = team.things(1)
    for number in range(3):
        team("CreateJob", job_id=f"j{number}", targets=[thing], document="{}")
    first = team.own("ListApprovals", max_results=2)
    assert [each.job_id for each in first.approvals] == ["j2", "j1"]
    second = team.own("ListApprovals", max_results=2, next_token=first.next_token)
    assert ([each.job_id for each in second.approvals], second.next_token) == (["j0"], None)
    team.by("bob").own("ApproveJob", job_id="j1")
    assert [each.job_id for each in team.own("ListApprovals", waiting=True).approvals] == ["j2", "j0"]
    team("CancelJob", job_id="j0")
    assert [each.job_id for each in team.own("ListApprovals", waiting=True).approvals] == ["j2"]
    team("DeleteJob", job_id="j1", force=True)
    assert [each.job_id for each in team.own("ListApprovals").approvals] == ["j2", "j0"]


def test_rules(team: Team) -> None:
    with pytest.raises(iot.InvalidRequestException) as caught:
        team.rule("", more_than_things=-1, tag="=x")
    assert str(caught.value) == "ruleName has 1 to 128 characters. moreThanThings is not negative. tag is key=value."
    with pytest.raises(iot.InvalidRequestException, match="or several of them"):
        team.rule("empty")
    team.rule("a", more_than_things=1)
    team.rule("a", more_than_things=7)
    team.rule("b", tag="env=prod")
    assert [(each.rule_name, each.more_than_things, each.tag) for each in team.own("ListApprovalRules").rules] == [
        ("a", 7, None),
        ("b", None, "env=prod"),
    ]
    team.own("DeleteApprovalRule", rule_name="a")
    with pytest.raises(iot.ResourceNotFoundException):
        team.own("DeleteApprovalRule", rule_name="a")


def test_the_forecast_comes_with_the_request_and_is_kept_with_the_approval(team: Team, database: Database) -> None:
    pytest.importorskip("numpy")
    team.rule(no_abort_criterion=True)
    team.create(30, job_executions_rollout_config=iot.JobExecutionsRolloutConfig(maximum_per_minute=10))
    found = team.own("DescribeApproval", job_id="j")
    assert (found.waiting, found.forecast["things"]) == (True, 30)
    assert found.forecast["findings"][0].startswith("The job is held (AWAITING_APPROVAL)")
    assert found.forecast["curve"]["released"][-1] == 30
    team.approve()
    [kept] = database.read(lambda tx: approvals.page(tx, team.call.scope, 1 << 62, 10))
    assert json.loads(kept.forecast or "") == found.forecast
    assert team.own("DescribeApproval", job_id="j").forecast == found.forecast
