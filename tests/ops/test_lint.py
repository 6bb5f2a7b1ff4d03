"""Lint and diff of what is in the store: what is meant, and what is known of it. The rules: tests/core/test_lint.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_holds import Operated
from tests.ops.world import abort_when, timeout
from tidegate.ops.call import Call
from tidegate.ops.subjects import Named
from tidegate.store.database import Database
from tidegate.wire import iot

REQUEST = {
    "description": "d",
    "document": '{"steps": [{"do": "stop"}, {"do": "${WHAT}"}], "to": 1}',
    "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
}


@pytest.fixture
def world(run: Run, database: Database, call: Call) -> Operated:
    return Operated(run, database, call)


def lint(world: Operated, **asked: Any) -> dict[str, str]:
    return {each.rule: each.level for each in world.own("Lint", **asked).findings}


def test_a_request_a_template_and_a_job(world: Operated) -> None:
    assert lint(world, request=REQUEST) == {"placeholder-unresolved": "error", "no-abort": "warning"}
    world(
        "CreateJobTemplate",
        job_template_id="t",
        description="d",
        document="{}",
        timeout_config=timeout(1),
        abort_config=abort_when("FAILED", "50", 3),
    )
    assert lint(world, template="t", things=2) == {
        "abort-never": "error",
        "timeout-short": "warning",
        "document-empty": "warning",
    }
    group = world.group("g", *[arn.rpartition("/")[2] for arn in world.things(12)])
    world("CreateJob", job_id="j", targets=[group], document="{}")
    found = {"no-timeout": "warning", "no-abort": "warning", "rate-at-once": "warning", "document-empty": "warning"}
    assert lint(world, job="j") == {**found, "no-description": "note"}
    assert lint(world, job="j", ignore=["no-description", "no-abort"]) == {
        name: level for name, level in found.items() if name != "no-abort"
    }
    template = world.call.arn("jobtemplate/t")
    inherits = lint(world, request={"jobTemplateArn": template, "targets": [group]})
    assert inherits["timeout-short"] == "warning"


def test_what_create_job_would_refuse_is_an_error(world: Operated) -> None:
    windows = [{"startTime": "cron(0 2 * * * *)", "durationInMinutes": 60}]
    [found] = world.own("Lint", request={**REQUEST, "maintenanceWindows": windows}).findings
    assert (found.rule, found.level) == ("refused", "error")
    assert found.text.startswith("CreateJob would refuse it: ")
    [found] = world.own("Lint", request={"timeoutConfig": {"inProgressTimeoutInMinutes": 0}}).findings
    assert "inProgressTimeoutInMinutes" in found.text


def test_what_is_not_there(world: Operated) -> None:
    for asked in ({}, {"template": "t", "job": "j"}):
        with pytest.raises(iot.InvalidRequestException, match="Give one of request, template and job"):
            lint(world, **asked)
    for asked in ({"template": "none"}, {"job": "none"}, {"request": REQUEST, "group": "none"}):
        with pytest.raises(iot.ResourceNotFoundException):
            lint(world, **asked)
    with pytest.raises(iot.InvalidRequestException, match="There is no rule nonsense"):
        lint(world, request=REQUEST, ignore=["nonsense"])
    with pytest.raises(iot.InvalidRequestException):
        lint(world, request=REQUEST, model={"nonsense": 1})


def test_a_difference_in_words(world: Operated) -> None:
    rate = iot.JobExecutionsRolloutConfig(
        maximum_per_minute=100,
        exponential_rate=iot.ExponentialRolloutRate(
            base_rate_per_minute=5,
            increment_factor=Decimal("1.5"),
            rate_increase_criteria=iot.RateIncreaseCriteria(number_of_notified_things=10),
        ),
    )
    world("CreateJobTemplate", job_template_id="old", description="d", document='{"a": {"b": [1, 2]}, "c": 1}')
    world(
        "CreateJobTemplate",
        job_template_id="new",
        description="d",
        document='{"a": {"b": [1, 3]}, "d": true}',
        timeout_config=timeout(5),
        abort_config=abort_when("FAILED", "50.5", 3),
        job_executions_rollout_config=rate,
    )
    found = world.own("Diff", first=Named(template="old"), second=Named(template="new"))
    assert (found.first, found.second) == ("template old", "template new")
    assert found.differences == [
        "Rate: 5 a minute at first, times 1.5 at each 10 notified, 100 at most; before it was as fast as the server "
        "allows, 1000 a minute on AWS.",
        "Abort: it is canceled at 50.5 % FAILED of 3 or more; before there was none.",
        "Timeout: 5 min from the start of an execution; before there was none.",
        "Document a.b[1]: 3; before it was 2.",
        "Document c: none; before it was 1.",
        "Document d: true; before there was none.",
    ]
    assert world.own("Diff", first=Named(template="new"), second=Named(template="new")).differences == []


def test_a_template_and_the_job_made_of_it_differ_in_what_the_job_adds(world: Operated) -> None:
    world("CreateJobTemplate", job_template_id="t", description="d", document="{}")
    tags = [iot.Tag(key="env", value="prod")]
    template = world.call.arn("jobtemplate/t")
    world("CreateJob", job_id="j", targets=world.things(1), job_template_arn=template, tags=tags)
    found = world.own("Diff", first=Named(template="t"), second=Named(job="j")).differences
    assert found == ["Targets: thing/t1; before there was none.", "Tags: env = prod; before there was none."]
    words = world.own("DescribeInWords", job="j").words
    assert (words["Description"], words["Targets"]) == ("d", "thing/t1")
