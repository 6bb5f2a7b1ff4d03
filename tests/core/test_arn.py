from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import arn

NAMES = arn.Names("aws", "eu-west-1", "123456789012")
PREFIX = "arn:aws:iot:eu-west-1:123456789012:"

# control reference 1.8
TABLE = [
    (NAMES.job("j-1"), "job/j-1", "job", "j-1", None),
    (NAMES.job_template("t_1"), "jobtemplate/t_1", "jobtemplate", "t_1", None),
    (NAMES.thing("a:b"), "thing/a:b", "thing", "a:b", None),
    (NAMES.thing_group("g"), "thinggroup/g", "thinggroup", "g", None),
    (NAMES.thing_type("t"), "thingtype/t", "thingtype", "t", None),
    (NAMES.billing_group("b"), "billinggroup/b", "billinggroup", "b", None),
    (NAMES.package("p.1"), "package/p.1", "package", "p.1", None),
    (NAMES.package_version("p", "$default"), "package/p/version/$default", "package", "p", "$default"),
    (NAMES.index("AWS_Things"), "index/AWS_Things", "index", "AWS_Things", None),
    (NAMES.certificate("ab" * 32), "cert/" + "ab" * 32, "cert", "ab" * 32, None),
    (NAMES.ca_certificate("ab" * 32), "cacert/" + "ab" * 32, "cacert", "ab" * 32, None),
    (NAMES.policy("p+=,.@-"), "policy/p+=,.@-", "policy", "p+=,.@-", None),
    (NAMES.client("c"), "client/c", "client", "c", None),
    (NAMES.topic("$aws/things/t/jobs/get"), "topic/$aws/things/t/jobs/get", "topic", "$aws/things/t/jobs/get", None),
    (NAMES.topic_filter("a/+/#"), "topicfilter/a/+/#", "topicfilter", "a/+/#", None),
]


@pytest.mark.parametrize(("text", "resource", "resource_type", "resource_id", "version"), TABLE)
def test_build_and_parse(text: str, resource: str, resource_type: str, resource_id: str, version: str | None) -> None:
    assert text == PREFIX + resource
    assert arn.parse(text) == arn.Arn(
        "aws", "iot", "eu-west-1", "123456789012", resource, resource_type, resource_id, version
    )


def test_a_managed_template_has_no_account() -> None:
    text = NAMES.managed_job_template("AWS-Reboot", "1.0")
    assert text == "arn:aws:iot:eu-west-1::jobtemplate/AWS-Reboot:1.0"
    parsed = arn.parse(text)
    assert parsed is not None
    assert (parsed.account, parsed.resource_id, parsed.version) == ("", "AWS-Reboot", "1.0")


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_partition_is_a_setting(partition: str) -> None:
    assert arn.Names(partition, "r", "1").thing("t") == f"arn:{partition}:iot:r:1:thing/t"


@pytest.mark.parametrize(
    "text",
    ["", "arn", "arn:aws:iot:r:1", "arn:aws:iot:r:1:", "arn::iot:r:1:thing/t", "arn:aws::r:1:x", "ARN:a:b:c:d:e"],
)
def test_what_is_no_arn(text: str) -> None:
    assert arn.parse(text) is None


def test_arns_of_other_services() -> None:
    role = arn.parse("arn:aws:iam::123456789012:role/service/presign")
    assert role is not None
    assert (role.service, role.region, role.resource_type, role.resource_id) == ("iam", "", "role", "service/presign")
    bucket = arn.parse("arn:aws:s3:::bucket")
    assert bucket is not None
    assert (bucket.resource_type, bucket.resource_id) == ("", "bucket")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PREFIX + "thing/t", "t"),
        (PREFIX + "thing/", None),
        (PREFIX + "thinggroup/t", None),
        ("arn:aws:iot:eu-west-1:999999999999:thing/t", None),
        ("arn:aws:iot:us-east-1:123456789012:thing/t", None),
        ("t", None),
    ],
)
def test_id_of_takes_only_this_scope(text: str, expected: str | None) -> None:
    assert NAMES.id_of("thing", text) == expected


@given(st.text(max_size=60))
def test_what_parses_prints_as_it_was(text: str) -> None:
    for candidate in (text, f"arn:aws:iot:r:1:{text}"):
        parsed = arn.parse(candidate)
        assert parsed is None or str(parsed) == candidate
