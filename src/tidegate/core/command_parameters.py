"""What a command's parameters may be: types, values, conditions on values (reach reference 7.1, 7.2).

Each plane has value and parameter structs of its own with the same members; what is here works with those of either.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from tidegate.core import texts
from tidegate.wire import iot

_MEMBERS: Final = {"STRING": "s", "BOOLEAN": "b", "INTEGER": "i", "LONG": "l", "DOUBLE": "d", "BINARY": "bin"} | {
    "UNSIGNEDLONG": "ul"
}
_NUMERIC: Final = frozenset({"INTEGER", "LONG", "DOUBLE", "UNSIGNEDLONG"})
_MOST_UNSIGNED: Final = 2**64 - 1

_COMPARED: Final[dict[str, Callable[[Decimal, Decimal], bool]]] = {
    "EQUALS": lambda value, operand: value == operand,
    "NOT_EQUALS": lambda value, operand: value != operand,
    "LESS_THAN": lambda value, operand: value < operand,
    "LESS_THAN_EQUALS": lambda value, operand: value <= operand,
    "GREATER_THAN": lambda value, operand: value > operand,
    "GREATER_THAN_EQUALS": lambda value, operand: value >= operand,
}
_SETS: Final = frozenset({"IN_SET", "NOT_IN_SET"})
_OF_TEXTS: Final = _SETS | {"EQUALS", "NOT_EQUALS"}

Value = str | bool | int | Decimal | bytes


class Chosen(NamedTuple):
    """A parameter's final value, and the type that it is of."""

    type: str
    value: Value

    @property
    def text(self) -> str:
        """As it stands inside a longer text."""
        if isinstance(self.value, bytes):
            return base64.b64encode(self.value).decode()
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return str(self.value)


def declaration_problems(parameters: Sequence[iot.CommandParameter]) -> list[str]:
    """Everything that is wrong with the ``mandatoryParameters`` of a command with a template."""
    counts = Counter(each.name for each in parameters)
    found = [texts.commands.parameter_twice(name) for name, count in counts.items() if count > 1]
    for each in parameters:
        if each.type is None:
            found.append(texts.commands.parameter_without_type(each.name))
            continue
        for member, given in (("value", each.value), ("defaultValue", each.default_value)):
            if given is not None:
                found += _value_problems(f"{member} of parameter {each.name}", each.type, given)
        for condition in each.value_conditions or ():
            found += _condition_problems(each.name, each.type, condition)
    return found


def chosen(parameters: Sequence[iot.CommandParameter], given: Mapping[str, Any]) -> tuple[dict[str, Chosen], list[str]]:
    """The final value of each parameter of a command, and everything that is wrong with what was ``given``.

    A value of the request goes before the command's own, and that before the default.
    """
    known = {each.name: each for each in parameters}
    found = [texts.commands.parameter_unknown(name) for name in given if name not in known]
    values: dict[str, Chosen] = {}
    for name, each in known.items():
        final = given.get(name) or each.value or each.default_value
        if final is None:
            found.append(texts.commands.parameter_missing(name))
            continue
        assert each.type is not None
        wrong = _value_problems(f"parameter {name}", each.type, final)
        found += wrong
        if not wrong:
            values[name] = Chosen(each.type, _plain(each.type, final))
            found += [
                texts.commands.condition_failed(name, condition.comparison_operator)
                for condition in each.value_conditions or ()
                if not _holds(values[name], condition)
            ]
    return values, found


def _plain(kind: str, given: Any) -> Value:
    value: Value = getattr(given, _MEMBERS[kind])
    return int(value) if kind == "UNSIGNEDLONG" else value


def _value_problems(where: str, kind: str, given: Any) -> list[str]:
    """A value has one member, that of its type."""
    named = [member for member in _MEMBERS.values() if getattr(given, member) is not None]
    if named != [_MEMBERS[kind]]:
        return [texts.commands.value_of_other_type(where, kind, _MEMBERS[kind].upper())]
    value = getattr(given, named[0])
    if kind == "UNSIGNEDLONG" and int(value) > _MOST_UNSIGNED:
        return [texts.commands.unsigned_too_large(where)]
    if kind == "BINARY" and not value:
        return [texts.commands.binary_empty(where)]
    return []


def _condition_problems(name: str, kind: str, condition: iot.CommandParameterValueCondition) -> Iterable[str]:
    operator, operand = condition.comparison_operator, condition.operand
    if kind not in _NUMERIC and not (kind == "STRING" and operator in _OF_TEXTS):
        return [texts.commands.operator_not_of_type(name, operator, kind)]
    wanted = _operand_member(kind, operator)
    given = [member for member in operand.__struct_fields__ if getattr(operand, member) is not None]
    if given != [wanted]:
        return [texts.commands.operand_of_other_kind(name, operator, _CAMEL[wanted])]
    numbers = _numbers(condition) if kind in _NUMERIC else []
    if None in numbers:
        return [texts.commands.operand_no_number(name, operator)]
    if wanted == "number_range" and _bounds(condition)[0] > _bounds(condition)[1]:
        return [texts.commands.range_upside_down(name)]
    return []


_CAMEL: Final = {
    "number": "number",
    "numbers": "numbers",
    "string": "string",
    "strings": "strings",
    "number_range": "numberRange",
}


def _operand_member(kind: str, operator: str) -> str:
    if operator in _SETS:
        return "numbers" if kind in _NUMERIC else "strings"
    if operator in _COMPARED:
        return "number" if kind in _NUMERIC else "string"
    return "number_range"


def _numbers(condition: iot.CommandParameterValueCondition) -> list[Decimal | None]:
    operand = condition.operand
    bounds = operand.number_range
    given = [operand.number] if operand.number is not None else list(operand.numbers or ())
    return [_number(each) for each in (given if bounds is None else (bounds.min, bounds.max))]


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _bounds(condition: iot.CommandParameterValueCondition) -> tuple[Decimal, Decimal]:
    bounds = condition.operand.number_range
    assert bounds is not None
    return Decimal(bounds.min), Decimal(bounds.max)


def _holds(given: Chosen, condition: iot.CommandParameterValueCondition) -> bool:
    operator, operand = condition.comparison_operator, condition.operand
    if given.type == "STRING":
        wanted = [operand.string] if operand.string is not None else list(operand.strings or ())
        return (given.value in wanted) is not operator.startswith("NOT_")
    assert isinstance(given.value, int | Decimal)
    value = Decimal(given.value)
    if operator in _COMPARED:
        return _COMPARED[operator](value, Decimal(operand.number or ""))
    if operator in _SETS:
        found = value in {Decimal(each) for each in operand.numbers or ()}
    else:  # both ends belong to a range
        low, high = _bounds(condition)
        found = low <= value <= high
    return found is not operator.startswith("NOT_")
