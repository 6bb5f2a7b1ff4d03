"""The rules of lint: each speaks where it should, and is silent where it should."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tidegate.core import abort, cron, lint, retry, rollout, windows
from tidegate.core.forecast import model
from tidegate.core.job import Plan
from tidegate.core.lint import Linted
from tidegate.core.schedule import EndBehavior

NOW = 1_767_225_600_000
MINUTE = 60_000
DAY = 1440 * MINUTE
WINDOW = windows.Window(cron.parse("cron(0 2 * * ? *)"), 60)
SHORT = WINDOW._replace(duration_minutes=1)
CRITERION = abort.Criterion("FAILED", Decimal(10), 20)
GROWS = rollout.Exponential(5, Decimal(2), 10, None)

# What nobody could object to; each rule is given what it objects to, and something close by that it does not.
CAREFUL = Linted(
    Plan(per_minute=50, rate=GROWS, abort=(CRITERION,), retries=(retry.Criterion("FAILED", 1),)),
    NOW,
    timeout_minutes=30,
    document='{"operation": "install", "url": "https://example.com/a"}',
    description="Pumps get 2.1",
    things=1000,
)


def changed(**members: Any) -> Linted:
    """The careful one but for some members, of its plan too."""
    of_plan = {name: members.pop(name) for name in list(members) if name in Plan._fields}
    return CAREFUL._replace(plan=CAREFUL.plan._replace(**of_plan), **members)


NEVER = windows.Window(cron.parse("cron(0 2 1 1 ? 2020)"), 60)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no-timeout": ({"timeout_minutes": None}, {}, "IN_PROGRESS for ever"),
    "timeout-short": ({"timeout_minutes": 2}, {"timeout_minutes": 3}, "timeout of 2 min is shorter than the p90"),
    "retries-without-timeout": (
        {"timeout_minutes": None, "retries": (retry.Criterion("ALL", 2),)},
        {"timeout_minutes": None},
        "nothing ever times out",
    ),
    "retries-outlast-end": (
        {"ends_at": NOW + 50 * MINUTE},
        {"ends_at": NOW + 60 * MINUTE},
        "With 1 retries a device may take 60 min; the end comes after 50 min",
    ),
    "no-abort": ({"abort": ()}, {}, "no abort criterion"),
    "abort-never": ({"things": 9}, {"things": 10}, "wants 20 executions that have ended, and there are 9 things"),
    "abort-without-timeout": (
        {"timeout_minutes": None, "abort": (CRITERION._replace(failure_type="TIMED_OUT"),)},
        {"abort": (CRITERION._replace(failure_type="TIMED_OUT"),)},
        "without a timeout nothing times out",
    ),
    "abort-late": (
        {"abort": (CRITERION._replace(min_executed=400),)},
        {"abort": (CRITERION._replace(min_executed=80),)},
        "before about 410 devices have it",
    ),
    "rate-at-once": ({"rate": None, "per_minute": 1000}, {"rate": None, "per_minute": 999}, "nobody goes first"),
    "rate-faster-than-devices": (
        {"rate": None, "per_minute": 990},
        {"rate": None, "per_minute": 900},
        "after 2 min, before half of the first have ended",
    ),
    "rate-never-grows": ({"per_minute": 5}, {"per_minute": 6}, "5 is the most"),
    "end-before-start": (
        {"starts_at": NOW + 2 * DAY, "ends_at": NOW + DAY},
        {"starts_at": NOW + DAY, "ends_at": NOW + 2 * DAY},
        "before the start time",
    ),
    "end-too-soon": (
        {"rate": None, "ends_at": NOW + 10 * MINUTE},
        {"rate": None, "ends_at": NOW + 20 * MINUTE},
        "before 50 % are released",
    ),
    "window-short": ({"windows": (SHORT,)}, {"windows": (WINDOW,)}, "shorter than the p90 run time"),
    "window-never": (
        {"windows": (WINDOW,), "ends_at": NOW + 60 * MINUTE},
        {"windows": (WINDOW,), "ends_at": NOW + 180 * MINUTE},
        "ever opens before the end time",
    ),
    "window-many": (
        {"windows": (WINDOW,), "rate": None, "per_minute": 1, "things": 1861},
        {"windows": (WINDOW,), "rate": None, "per_minute": 1, "things": 1800},
        "It takes 32 windows to release 1,861 things",
    ),
    "window-zone": (
        {"windows": (WINDOW,), "start_time": "2026-01-02T02:00:00+02:00"},
        {"windows": (WINDOW,), "start_time": "2026-01-02T02:00:00Z"},
        "startTime is written in +02:00",
    ),
    "end-cuts": (
        {"ends_at": NOW + DAY, "end_behavior": EndBehavior.FORCE_CANCEL},
        {"ends_at": NOW + DAY, "end_behavior": EndBehavior.CANCEL},
        "in the middle of their work",
    ),
    "never-completes": ({"continuous": True}, {"continuous": True, "ends_at": NOW + DAY}, "until somebody cancels it"),
    "placeholder-unresolved": (
        {"document": '{"version": "${VERSION}"}'},
        {"document": '{"url": "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}"}'},
        "Nothing replaces ${VERSION}",
    ),
    "presigned-short": ({"expires_s": 120}, {"expires_s": 3600}, "60 s only"),
    "document-empty": ({"document": "{}"}, {"document": '{"a": 1}'}, "says nothing"),
    "plain-http": ({"document": '{"url": "http://a.example/x"}'}, {}, "fetch http://a.example/x without encryption"),
    "no-description": ({"description": ""}, {}, "no description"),
}


@pytest.mark.parametrize("name", lint.RULES)
def test_each_rule_speaks_and_is_silent(name: str) -> None:
    wrong, right, words = CASES[name]
    level, rule = lint.RULES[name]
    told = rule(changed(**wrong))
    assert told is not None
    assert words in told
    assert rule(changed(**right)) is None
    assert lint.Finding(name, level, told) in lint.of(changed(**wrong))
    assert name not in {each.rule for each in lint.of(changed(**wrong), [name])}


def test_what_is_careful_gets_no_word() -> None:
    assert lint.of(CAREFUL) == []


def test_the_gravest_comes_first() -> None:
    levels = [each.level for each in lint.of(Linted(Plan(windows=(NEVER,), continuous=True), NOW, document="{}"))]
    assert levels == sorted(levels, reverse=True)
    assert {*levels} == {*lint.Level}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ('{"a": "${aws:iot:parameter:x}"}', "${aws:iot:parameter:x}"),
        ('{"a": "${thingName}"}', "${thingName}"),
        ('{"a": "${aws:iot:s3-presigned-url-upload:https://b.s3.amazonaws.com/${thingName}/log}"}', None),
        ('{"a": "costs 5 $"}', None),
    ],
)
def test_placeholders(document: str, found: str | None) -> None:
    told = lint.RULES["placeholder-unresolved"][1](changed(document=document))
    assert (told is None) == (found is None)
    assert found is None or found in (told or "")


def test_words_that_name_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = lint.RULES["window-zone"][1]
    for text in ("at two o'clock CET", "02:00 Europe/Berlin", "02:00 UTC+1"):
        assert rule(changed(windows=(WINDOW,), description=text)) is not None
    for text in ("at two o'clock", "02:00 UTC", "best effort"):
        assert rule(changed(windows=(WINDOW,), description=text)) is None


def test_a_slow_fleet_is_known_by_its_model() -> None:
    slow = model.parse({"run": {"p50": "1h", "p90": "2h"}})
    assert {each.rule for each in lint.of(CAREFUL._replace(fleet=slow))} >= {"timeout-short"}
