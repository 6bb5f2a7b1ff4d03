"""Payload templates of commands: reach reference 7.2."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import command_template
from tidegate.core.command_parameters import Chosen
from tidegate.wire import cbor


def at(name: str) -> str:
    return f"${{aws:iot:commandexecution::parameter:{name}}}"


TIMEOUT = "${aws:iot:commandexecution::executionTimeoutSec}"


def made(template: Any, output: Any = "JSON", **values: Chosen) -> Any:
    text = template if isinstance(template, str) else json.dumps(template)
    assert command_template.problems(text, output, set(values)) == []
    payload = command_template.payload(text, output, values, 30)
    return json.loads(payload) if output == "JSON" else cbor.decode(payload)


def test_a_text_that_is_a_placeholder_becomes_a_value() -> None:
    values = {"i": Chosen("INTEGER", 5), "b": Chosen("BOOLEAN", False), "s": Chosen("STRING", "5")}
    template = [at("i"), at("b"), at("s"), TIMEOUT, f" {at('i')}", f"{at('i')}{at('b')}", "$" + at("s")]
    assert made(template, **values) == [5, False, "5", 30, " 5", "5false", "$5"]


def test_case_matters() -> None:
    wrong = [at("i").upper(), TIMEOUT.lower(), "${aws:iot:commandexecution::executionTimeoutSec"]
    assert made([*wrong, TIMEOUT]) == [*wrong, 30]
    assert command_template.problems(json.dumps(wrong), "JSON", set()) != []


def test_names_of_members_and_escapes() -> None:
    escaped = at("i").replace("$", "\\u0024")
    template = f'{{"a-{at("i")}": "{escaped}", "{at("i")}": 1}}'
    assert made(template, i=Chosen("LONG", 7)) == {"a-7": 7, "7": 1}


def test_numbers_of_the_template_keep_their_digits() -> None:
    template = f'[1.10, 12345678901234567890123, 1E+2, "{TIMEOUT}"]'
    payload = command_template.payload(template, "JSON", {}, 30)
    assert payload == b"[1.10,12345678901234567890123,1E+2,30]"


def test_what_cbor_has() -> None:
    values = {"raw": Chosen("BINARY", b"\0"), "d": Chosen("DOUBLE", Decimal("0.5"))}
    template = f'[1, -1, 0.25, 1e400, 18446744073709551615, 18446744073709551616, null, "{at("raw")}", "{at("d")}"]'
    found = made(template, "CBOR", **values)
    assert found == [1, -1, 0.25, float("inf"), 2**64 - 1, float(2**64), None, b"\0", 0.5]
    assert made(f'["<{at("raw")}>"]', **values)[-1] == "<AA==>"


@pytest.mark.parametrize(
    ("template", "output", "wrong"),
    [
        ("{", "JSON", "not a JSON document"),
        ("[NaN]", "JSON", "not a JSON document"),
        ('"' + "x" * 32_767 + '"', "JSON", "32769"),
        ("{}", "JSON", "at least one placeholder"),
        (f'"{at("other")}"', "JSON", "parameter other"),
        (f'["\\ud800", "{TIMEOUT}"]', "JSON", "not a JSON document"),
        ("[" * 501 + f'"{TIMEOUT}"' + "]" * 501, "JSON", "deeper than 500"),
        ("[" * 17 + f'"{TIMEOUT}"' + "]" * 17, "CBOR", "deeper than 16 levels"),
    ],
)
def test_templates_that_are_refused(template: str, output: Any, wrong: str) -> None:
    (found,) = command_template.problems(template, output, {"p"})
    assert wrong in found


def test_a_deep_template_is_made() -> None:
    text = "[" * 500 + f'"{TIMEOUT}"' + "]" * 500
    assert command_template.payload(text, "JSON", {}, 30) == b"[" * 500 + b"30" + b"]" * 500


def test_a_payload_has_an_end() -> None:
    template = json.dumps([at("s")] * 600)
    with pytest.raises(command_template.TooLargeError):
        command_template.payload(template, "JSON", {"s": Chosen("STRING", "x" * 100_000)}, 30)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="ab$", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_no_placeholder_stays(tree: Any) -> None:
    assert made([tree, TIMEOUT]) == [tree, 30]
    assert made([tree, TIMEOUT], "CBOR") == [tree, 30]
