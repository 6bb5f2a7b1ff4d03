"""Quotas of a server: AWS's, none, a file's; and that what they lift is lifted all the way down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.ops import quotas
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits, SettingsError
from tidegate.wire import constraints, iot
from tidegate.wire.errors import WireError

LIFTED = quotas.off()


def lifted(call: Call, **changes: int) -> Call:
    return call._replace(limits=Limits(**changes) if changes else LIFTED)


def test_names_and_what_is_not_named() -> None:
    assert quotas.parse("", json=False) == Limits()
    found = quotas.parse('job_templates = 7\ndocument_bytes = "off"\n', json=False)
    assert found == Limits(job_templates=7, document_bytes=quotas.LARGEST)
    assert quotas.parse('{"targets_per_job": 1}', json=True) == Limits(targets_per_job=1)
    assert Limits().ceilings() == ()
    assert found.ceilings() == (("job_templates", 7), ("document_bytes", quotas.LARGEST))


def test_off_lifts_every_quota_and_leaves_the_rules_of_the_engine() -> None:
    unlimited = {"commands", "running_commands_per_target"}  # whose numbers on AWS nobody knows (reach reference 11)
    assert all(getattr(LIFTED, name) > getattr(Limits(), name) for name in set(quotas.NAMES) - unlimited)
    assert all(getattr(LIFTED, name) == getattr(Limits(), name) == quotas.UNLIMITED for name in unlimited)
    assert [getattr(LIFTED, name) for name in sorted(quotas.RULES)] == [
        getattr(Limits(), name) for name in sorted(quotas.RULES)
    ]


def test_every_limit_is_known_to_be_a_quota_or_a_rule() -> None:
    """Whoever adds a limit decides: ``--quotas off`` makes a quota as good as endless."""
    assert set(quotas.NAMES) == {
        "rollout_per_minute", "job_templates", "targets_per_job", "document_bytes", "retries_per_execution",
        "presigned_url_seconds", "package_versions_per_job", "deleting_jobs", "active_jobs", "concurrent_jobs",
        "tags_per_resource", "policies_per_target", "policy_versions", "policy_characters", "billing_groups",
        "attributes_per_thing", "attributes_per_typed_thing", "attributes_per_group", "groups_per_thing",
        "thing_group_depth", "children_per_group", "packages", "package_versions", "attribute_bytes", "shadow_bytes",
        "ca_certificates_per_subject", "dynamic_groups", "provisioning_template_versions", "stream_file_size",
        "role_aliases", "authorizers", "domain_configurations", "commands", "running_commands_per_target",
        "unclaimed_certificates", "credentials_per_certificate",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "as_json", "problems"),
    [
        ("a = ", False, ["It is not TOML"]),
        ("[", True, ["It is not JSON"]),
        ("[]", True, ["It must be an object"]),
        (
            "templates = 1\njob_templates = 0\ntargets_per_job = true\ndocument_bytes = 99999999999\n"
            'active_jobs = "no"\nrelease_chunk = 5',
            False,
            [
                "There is no quota templates; there are rollout_per_minute, ",
                "job_templates must be a whole number from 1 to 2147483647, or off.",
                "targets_per_job must be a whole number",
                "document_bytes must be a whole number from 1 to 8388608, or off.",
                "active_jobs must be",
                "There is no quota release_chunk",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_is_told(text: str, as_json: bool, problems: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        quotas.parse(text, json=as_json)
    assert len(refused.value.problems) == len(problems)
    for told, expected in zip(refused.value.problems, problems, strict=True):
        assert told.startswith(expected)


def _large(size: int) -> str:
    return json.dumps("x" * (size - 2))


REQUESTS: list[tuple[str, Any, Any]] = [
    (
        "rollout_per_minute",
        lambda value: iot.ExponentialRolloutRate(base_rate_per_minute=value),
        "baseRatePerMinute",
    ),
    ("document_bytes", lambda value: iot.CreateJobRequest(document=_large(value)), "document"),
    ("retries_per_execution", lambda value: iot.RetryCriteria(number_of_retries=value), "numberOfRetries"),
    ("presigned_url_seconds", lambda value: iot.PresignedUrlConfig(expires_in_sec=value), "expiresInSec"),
    (
        "package_versions_per_job",
        lambda value: iot.CreateJobRequest(destination_package_versions=["arn:aws:iot:r:a:x"] * value),
        "destinationPackageVersions",
    ),
]


@pytest.mark.parametrize(("name", "request_of", "member"), REQUESTS)
def test_shape_constraints_give_way(name: str, request_of: Any, member: str) -> None:
    """One more than AWS's is refused under AWS's quotas and taken under others; one more than those is not."""
    default = getattr(Limits(), name)
    more = request_of(default + 1)

    def told(value: Any, limits: Limits) -> list[str]:
        return [text for text in constraints.violations(value, limits.ceilings()) if f"at '{member}' " in text]

    assert len(told(more, Limits())) == 1
    assert told(request_of(default), Limits()) == []
    assert told(more, LIFTED) == []
    assert told(more, Limits()._replace(**{name: default + 1})) == []
    assert (
        f"less than or equal to {default + 1}"
        in told(request_of(default + 2), Limits()._replace(**{name: default + 1}))[0]
    )
    assert len(told(request_of(default), Limits()._replace(**{name: default - 1}))) == 1


def _template(run: Any, call: Call, name: str, **members: Any) -> Any:
    return run("CreateJobTemplate", call=call, job_template_id=name, description="d", **{"document": "{}", **members})


def test_more_templates_than_aws_has(run: Any, call: Call) -> None:
    few = lifted(call, job_templates=2)
    for number in range(2):
        _template(run, few, f"t{number}")
    with pytest.raises(iot.LimitExceededException, match="The limit of 2 job templates is reached"):
        _template(run, few, "t2")
    _template(run, lifted(call), "t2")


def test_larger_documents_faster_rollouts_more_retries(run: Any, call: Call) -> None:
    document = _large(200_000)
    members = {
        "document": document,
        "job_executions_rollout_config": iot.JobExecutionsRolloutConfig(maximum_per_minute=50_000),
        "job_executions_retry_config": iot.JobExecutionsRetryConfig(
            criteria_list=[iot.RetryCriteria(failure_type="ALL", number_of_retries=25)]
        ),
    }
    with pytest.raises(WireError) as refused:
        _template(run, call, "t", **members)
    for clause in ("200000 bytes", "maximumPerMinute must be at most 1000", "retries must be at most 10, not 25"):
        assert clause in refused.value.message
    made = _template(run, lifted(call), "t", **members)
    assert run("DescribeJobTemplate", job_template_id="t").document == document
    thing = run("CreateThing", thing_name="thing").thing_arn
    run("CreateJob", call=lifted(call), job_id="j", targets=[thing], job_template_arn=made.job_template_arn)
    assert run("GetJobDocument", job_id="j").document == document


def test_attributes_and_groups(run: Any, call: Call) -> None:
    four = iot.AttributePayload(attributes={f"a{number}": "v" for number in range(4)})
    with pytest.raises(iot.InvalidRequestException, match="3"):
        run("CreateThing", thing_name="t", attribute_payload=four)
    run("CreateThing", call=lifted(call), thing_name="t", attribute_payload=four)
    narrow = lifted(call, groups_per_thing=1, thing_group_depth=2, children_per_group=1, attributes_per_group=1)
    for name in ("a", "b"):
        run("CreateThingGroup", call=narrow, thing_group_name=name)
    run("AddThingToThingGroup", call=narrow, thing_name="t", thing_group_name="a")
    run("CreateThingGroup", call=narrow, thing_group_name="a1", parent_group_name="a")
    properties = iot.ThingGroupProperties(attribute_payload=four)
    attempts = [
        ("AddThingToThingGroup", {"thing_name": "t", "thing_group_name": "b"}),
        ("CreateThingGroup", {"thing_group_name": "a2", "parent_group_name": "a"}),
        ("CreateThingGroup", {"thing_group_name": "a11", "parent_group_name": "a1"}),
        ("CreateThingGroup", {"thing_group_name": "c", "thing_group_properties": properties}),
    ]
    for operation, members in attempts:
        with pytest.raises(iot.InvalidRequestException):
            run(operation, call=narrow, **members)
        run(operation, call=lifted(call), **members)
