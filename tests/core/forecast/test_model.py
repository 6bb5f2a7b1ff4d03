"""What a model file says, and everything that is wrong with one."""

from __future__ import annotations

import pytest

from tidegate.core.forecast import model
from tidegate.core.forecast.fleet import Cohort, Fleet, Quantiles


def test_an_empty_model_is_a_fleet_of_quick_devices_that_succeed() -> None:
    assert model.parse({}) == Fleet((Cohort(),))


def test_a_cohort_overrides_what_it_names_and_the_rest_is_as_the_model_says() -> None:
    fleet = model.parse({"failed": 0.1, "run": "90s", "cohorts": [{"name": "old", "share": 0.25, "failed": 0.5}]})
    old, others = fleet.cohorts
    assert (old.name, old.share, old.failed) == ("old", 0.25, 0.5)
    assert (others.name, others.share, others.failed) == ("others", 0.75, 0.1)
    assert old.run == others.run == Quantiles((0.0, 1.0), (90_000.0, 90_000.0))


def test_quantiles_are_joined_by_straight_lines() -> None:
    spans = model.parse({"start": {"p50": "10s", "p90": 60, "p100": "1.5m"}}).cohorts[0].start
    assert spans == Quantiles((0.0, 0.5, 0.9, 1.0), (0.0, 10_000.0, 60_000.0, 90_000.0))
    assert [round(spans.value(share), 6) for share in (0.0, 0.25, 0.7)] == [0, 5000, 35_000]
    assert [round(spans.share(value), 9) for value in (-1, 0, 5000, 35_000, 90_000)] == [0, 0, 0.25, 0.7, 1]


def test_cohorts_that_come_to_one_leave_no_others() -> None:
    fleet = model.parse({"cohorts": [{"share": 0.4}, {"share": 0.6}]})
    assert [one.name for one in fleet.cohorts] == ["cohort 0", "cohort 1"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    given = {
        "onlin": 1,
        "online": [0.5],
        "failed": 1.5,
        "start": {"p50": "1m", "p90": "1s"},
        "run": {"median": 3},
        "artifactBytes": -1,
        "bytesPerSecond": 0,
        "cohorts": [{"name": "", "share": 0.9}, {"share": 0.2, "failed": 0.6, "stuck": 0.6}, {}],
    }
    with pytest.raises(model.MalformedError) as refused:
        model.parse(given)
    spans = 'a span such as 90s, 15m or 6h, at most 366d, or quantiles of one: {"p50": "20s", "p99": "5m"}'
    assert refused.value.problems == [
        "There is no onlin: give online, start, run, failed, rejected, silent, stuck, artifactBytes, bytesPerSecond,"
        " diesAt, loops, lies, stale, twice, deaf, https, poll, steps, cohorts.",
        "online takes a share, or one for each hour of the day.",
        "failed takes a number from 0 to 1.",
        "start takes quantiles that do not fall.",
        f"run takes {spans}.",
        "artifactBytes takes a number of bytes.",
        "bytesPerSecond takes a number above 0.",
        "cohorts[0].name takes a name.",
        "cohorts[1].failed + rejected + silent + stuck come to more than 1.",
        "cohort 2 has no share.",
        "The shares of the cohorts come to more than 1.",
    ]


@pytest.mark.parametrize("given", [None, [], 3, "x", {"cohorts": {}}, {"cohorts": [1]}, {"cohorts": [{}] * 101}])
def test_what_is_no_model(given: object) -> None:
    with pytest.raises(model.MalformedError):
        model.parse(given)


@pytest.mark.parametrize(
    ("given", "length"),
    [("90s", 90_000), ("1.5h", 5_400_000), (2, 2000), (0.5, 500), ("2 d", 172_800_000), ("250ms", 250)],
)
def test_spans(given: object, length: float) -> None:
    assert model.span(given) == length


@pytest.mark.parametrize("given", ["", "h", "-1s", "1w", -1, True, None, float("nan"), "400d", "\u0661s"])
def test_what_is_no_span(given: object) -> None:
    assert model.span(given) is None


def test_a_model_may_be_toml_and_says_how_devices_misbehave() -> None:
    text = b"""
        stuck = 0.1
        diesAt = 0.6
        poll = "1m"
        [[cohorts]]
        name = "bad"
        share = 0.5
        loops = 1
        steps = 7
    """
    bad, others = model.read(text, toml=True).cohorts
    assert (bad.name, bad.loops, bad.dies_at, bad.stuck, bad.steps) == ("bad", 1.0, 0.6, 0.1, 7)
    assert (others.loops, others.steps, others.poll.value(0.3)) == (0.0, 2, 60_000)


@pytest.mark.parametrize(
    ("text", "toml", "problem"),
    [
        (b"a = ", True, "That is not TOML"),
        (b"{", False, "That is not JSON"),
        (b'{"poll": 0}', False, "poll takes a span above 0"),
        (b'{"steps": 1.5}', False, "steps takes a whole number from 0 to 100"),
        (b'{"twice": 2}', False, "twice takes a number from 0 to 1"),
    ],
)
def test_what_a_file_says_wrong(text: bytes, toml: bool, problem: str) -> None:
    with pytest.raises(model.MalformedError, match=problem):
        model.read(text, toml=toml)
