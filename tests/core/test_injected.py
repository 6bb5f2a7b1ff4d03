from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tidegate.core import injected
from tidegate.core.injected import Faults, MalformedError, Rule
from tidegate.runtime.injector import KNOWN

UPDATE = "iot-jobs-data:UpdateJobExecution"
THINGS = [f"lamp-{number}" for number in range(500)]


def drawn(faults: Faults, thing: str, count: int = 20) -> list[int | None]:
    return [injected.decide(faults, UPDATE, thing, number, 0) for number in range(1, count + 1)]


def test_the_same_seed_gives_the_same_faults_on_every_machine() -> None:
    faults = injected.mixed(42)
    places = {thing: [place for place in drawn(faults, thing) if place is not None] for thing in THINGS[:6]}
    assert places == {
        "lamp-0": [3, 5, 0],
        "lamp-1": [0, 5, 3, 2, 5, 0],
        "lamp-2": [6],
        "lamp-3": [2, 3],
        "lamp-4": [3, 6, 1],
        "lamp-5": [3],
    }
    assert drawn(injected.mixed(43), "lamp-1", 200) != drawn(faults, "lamp-1", 200)


def test_order_of_arrival_changes_nothing() -> None:
    faults = Faults(7, (Rule("throttle", share=0.3), Rule("delay", share=0.3)))
    asked = [(thing, number) for thing in THINGS[:20] for number in range(1, 10)]
    there = {key: injected.decide(faults, UPDATE, *key, 0) for key in asked}
    random.Random(1).shuffle(asked)
    assert {key: injected.decide(faults, UPDATE, *key, 0) for key in asked} == there


def test_shares_are_kept_and_the_first_rule_decides() -> None:
    faults = Faults(1, (Rule("throttle", share=0.2), Rule("lose", share=0.5)))
    found = Counter(injected.decide(faults, UPDATE, thing, number, 0) for thing in THINGS for number in (1, 2, 3, 4))
    assert found[0] / 2000 == pytest.approx(0.2, abs=0.03)
    assert found[1] / 2000 == pytest.approx(0.4, abs=0.04)


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        (Rule("throttle", skip=1, most=2), [2, 3]),
        (Rule("throttle", most=0), []),
        (Rule("throttle", things=("lamp-?", "x")), [1, 2, 3, 4]),
        (Rule("throttle", things=("oven",)), []),
        (Rule("throttle", ("iot:*",)), []),
        (Rule("throttle", ("iot-jobs-data:Update*",), skip=3), [4]),
        (Rule("throttle", ("UpdateJobExecution",), since_ms=1), []),
        (Rule("throttle", until_ms=0.5), [1, 2, 3, 4]),
        (Rule("expire"), []),
    ],
)
def test_whom_a_rule_means(rule: Rule, hit: list[int]) -> None:
    faults = Faults(1, (rule,))
    assert [n for n in range(1, 5) if injected.decide(faults, UPDATE, "lamp-1", n, 0) is not None] == hit


def test_a_pattern_reaches_what_its_fault_can_happen_to() -> None:
    for fault, reached in {
        "lose": {"notify", "notify-next"},
        "double": {"notify", "notify-next"},
        "throttle": set(),
        "disconnect": set(),  # connections only by their name
        "expire": {"GetObject"},
    }.items():
        faults = Faults(1, (Rule(fault),))
        assert {one for one in injected.OTHERS if injected.decide(faults, one, "lamp", 1, 0) is not None} == reached
    assert injected.decide(Faults(1, (Rule("disconnect", ("connection",)),)), "connection", "lamp", 1, 0) == 0


def test_a_file() -> None:
    text = b"""
        seed = 42
        [[rules]]
        fault = "delay"
        operation = ["Update*", "notify"]
        thing = "lamp-*"
        share = 0.5
        skip = 1
        count = 3
        from = "1m"
        until = "10m"
        by = "2s"
    """
    [rule] = injected.read(text, KNOWN, toml=True).rules
    assert rule == Rule("delay", ("Update*", "notify"), ("lamp-*",), 0.5, 1, 3, 60_000, 600_000, 2000)
    assert injected.parse({"seed": 7}, KNOWN) == injected.mixed(7)


def test_everything_wrong_is_told_at_once() -> None:
    given: Any = {
        "seed": "x",
        "rules": [
            {"fault": "explode", "share": 2, "skip": -1, "operation": [], "by": 0, "what": 1},
            {"operation": "Nonsense", "thing": 3, "from": "soon"},
            {"fault": "expire", "operation": "notify", "from": "2m", "until": "1m", "part": True},
            7,
        ],
    }
    with pytest.raises(MalformedError) as refused:
        injected.parse(given, KNOWN)
    told = refused.value.problems
    assert told[0] == "seed takes a whole number."
    for wanted in (
        f"rules[0].fault takes one of {', '.join(injected.FAULTS)}.",
        "rules[0].share takes a number from 0 to 1.",
        "rules[0].skip takes a whole number from 0.",
        "rules[0].operation takes a name or pattern, or a list of them.",
        "rules[0].by takes a span of more than 0 and at most 1d.",
        "rules[1].operation: there is no Nonsense.",
        "rules[1].from takes a span such as 90s, 15m or 6h.",
        "rules[2]: expire happens to GetObject, not to notify.",
        "rules[2].until is not after from.",
        "rules[2].part takes a number from 0 to 1.",
        "rules[3] takes an object.",
    ):
        assert wanted in told
    assert any(each.startswith("There is no rules[0].what: give fault, operation,") for each in told)
    assert any(each.startswith("rules[1] has no fault: one of") for each in told)


@pytest.mark.parametrize("given", [[], {"rules": {}}, {"other": 1}, {"rules": [{"fault": "lose"}] * 101}])
def test_what_are_no_faults(given: Any) -> None:
    with pytest.raises(MalformedError):
        injected.parse(given, KNOWN)
