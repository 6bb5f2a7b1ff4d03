"""Parameters of commands: types, and every operator on its border (reach reference 7.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tidegate.core import command_parameters
from tidegate.core.command_parameters import Chosen
from tidegate.wire import iot

Operand = iot.CommandParameterValueComparisonOperand
V = iot.CommandParameterValue

VALUES: dict[str, V] = {
    "STRING": V(s="x"),
    "BOOLEAN": V(b=False),
    "INTEGER": V(i=0),
    "LONG": V(l=0),
    "DOUBLE": V(d=Decimal("0.0")),
    "BINARY": V(bin=b"\0"),
    "UNSIGNEDLONG": V(ul="0"),
}


def condition(operator: str, **operand: Any) -> iot.CommandParameterValueCondition:
    if "range" in operand:
        low, high = operand.pop("range")
        operand["number_range"] = iot.CommandParameterValueNumberRange(min=low, max=high)
    return iot.CommandParameterValueCondition(comparison_operator=operator, operand=Operand(**operand))


def declared(kind: str | None, *conditions: iot.CommandParameterValueCondition, **members: Any) -> iot.CommandParameter:
    return iot.CommandParameter(name="p", type=kind, value_conditions=list(conditions) or None, **members)


def problems(kind: str | None, *conditions: iot.CommandParameterValueCondition, **members: Any) -> list[str]:
    return command_parameters.declaration_problems([declared(kind, *conditions, **members)])


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_of_its_type(kind: str) -> None:
    for other, value in VALUES.items():
        assert (problems(kind, value=value) == []) is (other == kind)
        assert (problems(kind, default_value=value) == []) is (other == kind)
    assert problems(kind, value=V()) != []


def test_edges_of_values() -> None:
    assert problems("UNSIGNEDLONG", value=V(ul=str(2**64 - 1))) == []
    assert problems("UNSIGNEDLONG", value=V(ul=str(2**64))) != []
    assert problems("BINARY", value=V(bin=b"")) != []


@pytest.mark.parametrize(
    ("operator", "operand", "holds"),
    [
        ("EQUALS", {"number": "5"}, {4: False, 5: True, 6: False}),
        ("NOT_EQUALS", {"number": "5.0"}, {4: True, 5: False, 6: True}),
        ("LESS_THAN", {"number": "5"}, {4: True, 5: False, 6: False}),
        ("LESS_THAN_EQUALS", {"number": "5"}, {4: True, 5: True, 6: False}),
        ("GREATER_THAN", {"number": "5"}, {4: False, 5: False, 6: True}),
        ("GREATER_THAN_EQUALS", {"number": "5"}, {4: False, 5: True, 6: True}),
        ("IN_SET", {"numbers": ["4", "6.00"]}, {4: True, 5: False, 6: True}),
        ("NOT_IN_SET", {"numbers": ["4", "6"]}, {4: False, 5: True, 6: False}),
        ("IN_RANGE", {"range": ("5", "6")}, {4: False, 5: True, 6: True, 7: False}),
        ("NOT_IN_RANGE", {"range": ("5", "6")}, {4: True, 5: False, 6: False, 7: True}),
    ],
)
@pytest.mark.parametrize("kind", ["INTEGER", "LONG", "DOUBLE", "UNSIGNEDLONG"])
def test_conditions_on_numbers(kind: str, operator: str, operand: dict[str, Any], holds: dict[int, bool]) -> None:
    wanted = declared(kind, condition(operator, **operand))
    assert command_parameters.declaration_problems([wanted]) == []
    for number, expected in holds.items():
        value = {"INTEGER": V(i=number), "LONG": V(l=number), "DOUBLE": V(d=Decimal(number))}.get(
            kind, V(ul=str(number))
        )
        assert (command_parameters.chosen([wanted], {"p": value})[1] == []) is expected


@pytest.mark.parametrize(
    ("operator", "operand", "yes", "no"),
    [
        ("EQUALS", {"string": "a"}, "a", "b"),
        ("NOT_EQUALS", {"string": "a"}, "b", "a"),
        ("IN_SET", {"strings": ["a", "b"]}, "b", "c"),
        ("NOT_IN_SET", {"strings": ["a", "b"]}, "c", "a"),
    ],
)
def test_conditions_on_texts(operator: str, operand: dict[str, Any], yes: str, no: str) -> None:
    wanted = declared("STRING", condition(operator, **operand))
    assert command_parameters.declaration_problems([wanted]) == []
    assert command_parameters.chosen([wanted], {"p": V(s=yes)})[1] == []
    assert command_parameters.chosen([wanted], {"p": V(s=no)})[1] != []


@pytest.mark.parametrize(
    ("kind", "operator", "operand", "wrong"),
    [
        ("STRING", "LESS_THAN", {"string": "a"}, "STRING cannot have a condition with LESS_THAN"),
        ("STRING", "IN_RANGE", {"range": ("1", "2")}, "cannot have a condition"),
        ("BOOLEAN", "EQUALS", {"string": "true"}, "BOOLEAN cannot have a condition"),
        ("BINARY", "EQUALS", {"string": "x"}, "BINARY cannot have a condition"),
        ("STRING", "EQUALS", {"number": "1"}, "member string alone"),
        ("INTEGER", "EQUALS", {"number": "1", "string": "1"}, "member number alone"),
        ("INTEGER", "IN_SET", {"number": "1"}, "member numbers alone"),
        ("INTEGER", "IN_RANGE", {}, "member numberRange alone"),
        ("INTEGER", "EQUALS", {"number": "one"}, "is not a number"),
        ("DOUBLE", "EQUALS", {"number": "NaN"}, "is not a number"),
        ("DOUBLE", "IN_SET", {"numbers": ["1", "Infinity"]}, "is not a number"),
        ("DOUBLE", "IN_RANGE", {"range": ("2", "1")}, "min above its max"),
    ],
)
def test_conditions_that_do_not_fit(kind: str, operator: str, operand: dict[str, Any], wrong: str) -> None:
    (found,) = problems(kind, condition(operator, **operand))
    assert wrong in found


def test_names_and_types() -> None:
    twice = command_parameters.declaration_problems([declared("STRING"), declared(None)])
    assert len(twice) == 2
    assert "more than once" in twice[0]
    assert "needs a type" in twice[1]


def test_which_value_counts() -> None:
    both = declared("STRING", value=V(s="own"), default_value=V(s="default"))
    assert command_parameters.chosen([both], {"p": V(s="given")})[0] == {"p": Chosen("STRING", "given")}
    assert command_parameters.chosen([both], {})[0] == {"p": Chosen("STRING", "own")}
    assert command_parameters.chosen([declared("STRING", default_value=V(s="d"))], {})[0]["p"].value == "d"
    assert "neither a value" in command_parameters.chosen([declared("STRING")], {})[1][0]
