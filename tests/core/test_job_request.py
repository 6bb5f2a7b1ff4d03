"""All that is wrong with a request at once, in one order."""

from __future__ import annotations

from decimal import Decimal

from tidegate.core import abort, checks, job_request, retry, rollout, texts
from tidegate.core.job_request import Allowed, Asked, Creates, Sources

ALLOWED = Allowed(checks.Home("aws", "us-east-1", "123456789012"), role_accounts=False)
ABROAD = "arn:aws:iot:eu-west-1:123456789012:package/app/version/1"


def test_nothing_asked_is_nothing_wrong() -> None:
    assert job_request.problems(Asked(), ALLOWED, 0) == []


def test_every_member_is_told_of_in_one_order() -> None:
    asked = Asked(
        role_arn="arn:aws:iam::1:role/signs",
        timeout_minutes=0,
        per_minute=1001,
        rate=rollout.Exponential(1, Decimal("1.5"), None, None),
        abort=[abort.Criterion("ALL", Decimal(0), 1)],
        retries=[retry.Criterion("FAILED", 11)],
        windows=[("0 10 * * ? *", 0)],
        package_versions=[ABROAD],
        start_time="1970-01-01 00:00",
        tags=["a", "a"],
        sources=Sources(Creates.TEMPLATE),
    )
    assert job_request.problems(asked, ALLOWED, 0) == [
        texts.placeholders.role_invalid("arn:aws:iam::1:role/signs"),
        texts.settings.TIMEOUT_ZERO,
        texts.settings.rate_above_limit("maximumPerMinute", 1001, 1000),
        texts.settings.RATE_WITHOUT_CRITERION,
        texts.settings.threshold_not_positive(Decimal(0)),
        texts.settings.retries_above_limit(11, 10),
        texts.settings.window_duration(0, 1, 1430),
        texts.packages.package_version_foreign(ABROAD),
        texts.settings.time_too_early("startTime", "1970-01-01 00:00", 30),
        texts.tags.tags_duplicate(["a"]),
        texts.documents.TEMPLATE_WITHOUT_DOCUMENT,
    ]


def test_what_a_server_allows_is_asked() -> None:
    allowed = ALLOWED._replace(
        home=checks.Home("aws", "eu-west-1", "123456789012"), role_accounts=True, per_minute=5000, retries=20, lead=0
    )
    asked = Asked(
        role_arn="arn:aws:iam::1:role/signs",
        per_minute=5000,
        retries=[retry.Criterion("FAILED", 20)],
        package_versions=[ABROAD],
        start_time="1970-01-01 00:00",
    )
    assert job_request.problems(asked, allowed, 0) == []


def test_sources_are_those_of_what_is_created() -> None:
    def told(sources: Sources) -> list[str]:
        return job_request.problems(Asked(sources=sources), ALLOWED._replace(hosts=["objects:9000"]), 0)

    assert told(Sources(Creates.JOB)) == [texts.documents.JOB_WITHOUT_DOCUMENT]
    assert told(Sources(Creates.JOB, inherited=True)) == []
    assert told(Sources(Creates.TEMPLATE, inherited=True)) == []
    assert told(Sources(Creates.JOB, document=True, document_source="nowhere")) == [
        texts.documents.DOCUMENT_AND_SOURCE,
        texts.documents.document_source_invalid("nowhere"),
    ]
    assert told(Sources(Creates.TEMPLATE, document_source="http://objects:9000/bucket/key")) == []
