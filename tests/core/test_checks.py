"""What is wrong with a configuration."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import abort, checks, retry, rollout, texts

ARN = "arn:aws:iot:eu-west-1:123456789012:package"


@pytest.mark.parametrize("minutes", [None, 1, 60, 10_080])
def test_timeout(minutes: int | None) -> None:
    assert checks.timeout(minutes) == []


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (0, "Provide valid timeout value, inProgressTimeoutInMinutes cannot be 0."),
        (-1, "Provide valid timeout value, inProgressTimeoutInMinutes must be between 1 and 10080, not -1."),
        (10_081, "Provide valid timeout value, inProgressTimeoutInMinutes must be between 1 and 10080, not 10081."),
    ],
)
def test_timeout_refuses(minutes: int, expected: str) -> None:
    assert checks.timeout(minutes) == [expected]


@pytest.mark.parametrize(("minutes", "count"), [(None, 0), (-1, 0), (1, 0), (10_080, 0), (0, 1), (-2, 1), (10_081, 1)])
def test_step_timeout(minutes: int | None, count: int) -> None:
    assert len(checks.step_timeout(minutes)) == count


@pytest.mark.parametrize(
    ("literal", "digits"),
    [
        ("5", 0), ("5.0", 0), ("1.5", 1), ("1.50", 1), ("1.55", 2), ("10.999", 3), ("0.000", 0), ("100", 0),
        ("1E+2", 0), ("1.5E-1", 2), ("150E-1", 0), ("0E-9", 0), ("1.10", 1), ("1." + "0" * 60 + "1", 61), ("10.990", 2),
    ],
)  # fmt: skip
def test_digits_after_point(literal: str, digits: int) -> None:
    assert checks.digits_after_point(Decimal(literal)) == digits


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(-(10**9), 10**9), st.integers(0, 6), st.integers(0, 4))
def test_trailing_zeros_need_no_digits(value: int, point: int, zeros: int) -> None:
    number = Decimal(value).scaleb(-point)
    digits = checks.digits_after_point(number)
    assert checks.digits_after_point(Decimal(f"{value * 10**zeros}E-{point + zeros}")) == digits
    assert number == round(number, digits)
    assert digits == 0 or number != round(number, digits - 1)


def exponential(
    base: int = 50, factor: str = "2", notified: int | None = 1000, succeeded: int | None = None
) -> rollout.Exponential:
    return rollout.Exponential(base, Decimal(factor), notified, succeeded)


@pytest.mark.parametrize(
    ("maximum", "rate", "expected"),
    [
        (None, None, []),
        (1000, None, []),
        (1001, None, ["maximumPerMinute must be at most 1000, not 1001."]),
        (None, exponential(), []),
        (None, exponential(notified=None, succeeded=1), []),
        (None, exponential(succeeded=1), []),
        (None, exponential(factor="1.50"), []),
        (None, exponential(base=1001), ["baseRatePerMinute must be at most 1000, not 1001."]),
        (None, exponential(factor="1.55"), ["incrementFactor can have at most 1 digit after the decimal point: 1.55."]),
        (None, exponential(notified=None), [texts.settings.RATE_WITHOUT_CRITERION]),
    ],
)
def test_rollout_rate(maximum: int | None, rate: rollout.Exponential | None, expected: list[str]) -> None:
    assert checks.rollout_rate(maximum, rate) == expected


def test_rollout_limit_is_a_setting() -> None:
    assert checks.rollout_rate(5000, exponential(base=5000), limit=5000) == []
    assert len(checks.rollout_rate(11, exponential(base=11, factor="1.55", notified=None), limit=10)) == 4


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        ("0.01", []),
        ("100", []),
        ("50.50", []),
        ("0", ["thresholdPercentage must be greater than 0, not 0."]),
        ("-1", ["thresholdPercentage must be greater than 0, not -1."]),
        ("10.999", ["thresholdPercentage can have at most 2 digits after the decimal point: 10.999."]),
    ],
)
def test_abort_criteria(threshold: str, expected: list[str]) -> None:
    fine = abort.Criterion("ALL", Decimal(20), 1)
    assert checks.abort_criteria([fine, fine._replace(threshold_percentage=Decimal(threshold))]) == expected


def test_retry_criteria() -> None:
    assert checks.retry_criteria([retry.Criterion("FAILED", 11)]) == [texts.settings.retries_above_limit(11, 10)]


@pytest.mark.parametrize("minutes", [1, 60, 1430])
def test_maintenance_windows(minutes: int) -> None:
    assert checks.maintenance_windows([("cron(0 10 * * ? *)", minutes), ("0 18 ? * MON-FRI *", 60)]) == []


def test_maintenance_windows_refuse() -> None:
    assert checks.maintenance_windows([("0 10 * * ? *", 0), ("0 25 * * ? *", 1431)]) == [
        "durationInMinutes must be between 1 and 1430, not 0.",
        "durationInMinutes must be between 1 and 1430, not 1431.",
        "Invalid cron expression 0 25 * * ? *: hours 25: values must be from 0 to 23.",
    ]
    assert checks.maintenance_windows([("0 10 * * ? *", 60)], continuous=False) == [
        texts.settings.WINDOWS_NEED_CONTINUOUS
    ]
    assert checks.maintenance_windows([], continuous=False) == []


def test_start_and_end() -> None:
    assert checks.start_and_end(None, None, now=0) == []
    assert checks.start_and_end("1970-01-01 00:00", None, now=0) == [
        "startTime 1970-01-01 00:00 must be at least 30 minutes from now."
    ]


@pytest.mark.parametrize("inherited", [False, True])
def test_sources(inherited: bool) -> None:
    for document, source in ((True, False), (False, True)):
        assert checks.job_sources(document=document, document_source=source, template=inherited) == []
        assert checks.template_sources(document=document, document_source=source, job=inherited) == []
    both = ["Job document and job document source cannot be specified at the same time."]
    assert checks.job_sources(document=True, document_source=True, template=inherited) == both
    assert checks.template_sources(document=True, document_source=True, job=inherited) == both


def test_no_source() -> None:
    assert checks.job_sources(document=False, document_source=False, template=True) == []
    assert checks.template_sources(document=False, document_source=False, job=True) == []
    assert checks.job_sources(document=False, document_source=False, template=False) == [
        "document is required if you do not specify a value for documentSource"
    ]
    assert checks.template_sources(document=False, document_source=False, job=False) == [
        "Neither job document nor job document source is specified."
    ]


@pytest.mark.parametrize(
    "document",
    [
        "{}", "[]", '"text"', "null", "-0.5e3", ' \t\r\n{"a": 1} ', '{"a": 1, "a": 2}', '{"s": "\\ud800"}', '{"":""}',
        "1" * 5000, "[" + "9" * 5000 + ".5]", '"' + "[" * 5000 + '"', "[" * 500 + "]" * 500,
        "[" + ",".join(["{}"] * 2000) + "]", '{"o":' * 500 + "1" + "}" * 500, '"\\"' + "[" * 600 + '"',
    ],
)  # fmt: skip
def test_documents(document: str) -> None:
    assert checks.job_document(document) == []


@pytest.mark.parametrize(
    "document",
    [
        "", " ", "{", "{'a': 1}", '{"a": NaN}', "Infinity", "-Infinity", '{"a": 1,}', '{"a": 1} x', "01", "+1", ".5",
        "1.", '"line\nbreak"', "\ufeff{}", '"\ud800"', "\u00a0{}", "True", "nul", '"\\x"', "[1 2]", "// x\n{}", "\x00",
        '"' + '\\"' * 16_000 + "[" * 501,
    ],
)  # fmt: skip
def test_documents_that_are_no_json(document: str) -> None:
    assert checks.job_document(document) == ["Job document located at request input is an invalid JSON document."]


def test_a_document_counts_bytes() -> None:
    fits = '"' + "ä" * 16_383 + '"'
    assert checks.job_document(fits) == []
    assert checks.job_document(fits + " ") == ["Job document of 32769 bytes is longer than the limit of 32768 bytes."]
    assert checks.job_document('"aa"', limit=3) == ["Job document of 4 bytes is longer than the limit of 3 bytes."]


@pytest.mark.parametrize("opening", ["[", '{"o":', '[{"o":'])
def test_a_document_nested_too_deep_is_refused_and_crashes_nothing(opening: str) -> None:
    document = opening * 5000
    assert checks.job_document(document) == [texts.documents.document_too_deep(500)]
    assert checks.job_document("[" * 501 + "]" * 501) == [texts.documents.document_too_deep(500)]


def test_a_fetched_document_names_its_source() -> None:
    assert checks.job_document("x", found_at="https://s3.amazonaws.com/b/k") == [
        "Job document located at https://s3.amazonaws.com/b/k is an invalid JSON document."
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(JSON, st.booleans())
def test_whatever_json_is_written_is_accepted(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert checks.job_document(text) == []


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.text(alphabet='[]{}",:\\ 01ae.-tru\n', max_size=60))
def test_documents_agree_with_a_strict_parser(text: str) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text, parse_constant=refuse)
        valid = True
    except ValueError:
        valid = False
    assert (checks.job_document(text) == []) is valid


def test_document_sources() -> None:
    assert checks.document_source("https://s3.amazonaws.com/bucket/key") == []
    assert checks.document_source("http://localhost:9000/bucket/key", hosts={"localhost:9000"}) == []
    source = "https://localhost/bucket/key"
    assert checks.document_source(source) == [f"Job document source {source} is not a valid S3 URL."]


@pytest.mark.parametrize("role", [None, "arn:aws:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/p/a"])
def test_roles(role: str | None) -> None:
    assert checks.presigned_url_role(role) == []


@pytest.mark.parametrize(
    "role",
    ["", "role", "arn:aws:iam::123456789012:user/a", "arn:aws:iam::a:role/a", "arn:aws:iam::123456789012:role/a b"],
)
def test_roles_refused(role: str) -> None:
    assert checks.presigned_url_role(role) == [f"presignedUrlConfig role ARN {role} is not the ARN of an IAM role."]


def test_an_account_of_a_role_has_twelve_digits_where_it_must() -> None:
    role = "arn:aws:iam::1:role/a"
    assert checks.presigned_url_role(role) == []
    assert checks.presigned_url_role(role, any_account=False) != []


def test_document_source_length() -> None:
    longest = "https://s3.amazonaws.com/bucket/k" + "%6b" * 439
    assert checks.document_source(longest) == []
    assert checks.document_source(longest + "k") == [texts.documents.document_source_too_long(1351, 1350)]


@pytest.mark.parametrize("version", ["1.0.0", "$default", "$null", "a_b-c", "v" * 64])
def test_package_version(version: str) -> None:
    expected = checks.PackageVersion("aws", "eu-west-1", "123456789012", "app", version)
    assert checks.package_version(f"{ARN}/app/version/{version}") == expected


@pytest.mark.parametrize(
    "arn",
    [
        f"{ARN}/app", f"{ARN}/app/package", f"{ARN}/app/version/", f"{ARN}//version/1", f"{ARN}/app/version/$latest",
        f"{ARN}/app/version/1/2", f"{ARN}/app/version/" + "v" * 65, f"{ARN}/app/version/1\n", "arn:aws:iot:x:1:package",
        "arn:aws:s3:eu-west-1:123456789012:package/app/version/1", "arn:aws:iot:eu-west-1::package/app/version/1",
    ],
)  # fmt: skip
def test_package_version_refused(arn: str) -> None:
    assert checks.package_version(arn) is None
    assert checks.package_versions([arn]) == [f"{arn} is not the ARN of a package version."]


def test_package_versions() -> None:
    many = [f"{ARN}/app{n}/version/1" for n in range(26)]
    assert checks.package_versions([]) == []
    assert checks.package_versions(many[:25]) == []
    assert checks.package_versions(many) == ["destinationPackageVersions can have at most 25 elements, not 26."]
    assert checks.package_versions([f"{ARN}/app/version/1", f"{ARN}/app/version/$null"]) == [
        "destinationPackageVersions names package app more than once."
    ]


def test_tags() -> None:
    assert checks.tags(["a", "A", "aws", "team:aws:x"]) == []
    assert checks.tags(["a", "b", "a", "b", "c"]) == ["Duplicate tag keys: a, b."]
    assert checks.tags(["aws:x", "AWS:y"]) == [texts.tags.tag_reserved("aws:x"), texts.tags.tag_reserved("AWS:y")]
