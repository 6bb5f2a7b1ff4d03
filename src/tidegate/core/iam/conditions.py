"""The ``Condition`` element: operators, their operands, and what a missing key means.

A key that the request does not have fails every operator, except: the negated ones (``StringNotEquals`` …), those with
``IfExists``, ``ForAllValues:``, and ``Null``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tidegate.core import comparison
from tidegate.core.comparison import Operator
from tidegate.core.iam import patterns
from tidegate.core.iam.patterns import Context, Template

OPERATORS: Final[dict[str, Operator]] = comparison.OPERATORS | {
    "BinaryEquals": Operator(str.__eq__),
    "Null": Operator(str.__eq__, read=comparison.truth),
}

_NAME = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")


class Condition(NamedTuple):
    """One operator on one key (folded to lower case); ``operands`` are alternatives."""

    operator: str
    quantifier: str
    if_exists: bool
    key: str
    operands: tuple[Template, ...]

    def needed(self) -> list[str]:
        """The keys whose values it needs."""
        return [self.key, *(key for operand in self.operands for key in patterns.keys(operand))]

    def met(self, context: Context) -> bool:
        """Whether a request meets it. Raises ``variables.UnresolvedError``."""
        values = context.get(self.key, ())
        operator = OPERATORS[self.operator]
        operands = patterns.usable(self.operands, context, exceptions=operator.negated)
        if self.operator == "Null":
            return any(comparison.truth(operand) != bool(values) for operand in operands)
        if not values:
            missing = self.if_exists or operator.negated
            return self.quantifier == "ForAllValues" or (missing and self.quantifier == "") or self.if_exists
        tests = [comparison.satisfies(operator, operands, value) for value in values]
        every = self.quantifier == "ForAllValues" or (operator.negated and self.quantifier == "")
        return all(tests) if every else any(tests)


def read(source: object, *, variables: bool, problems: list[str], where: str) -> tuple[Condition, ...]:
    """The conditions of a statement. What is wrong is appended to ``problems``, led by ``where``."""
    if not isinstance(source, dict):
        problems.append(f"{where}: Condition must be an object of operators.")
        return ()
    found = []
    for name, by_key in source.items():
        parts = _NAME.fullmatch(name)
        if parts is None or parts[2] not in OPERATORS or (parts[2] == "Null" and (parts[1] or parts[3])):
            problems.append(f"{where}: {name} is no condition operator.")
        elif not isinstance(by_key, dict) or not by_key:
            problems.append(f"{where}: {name} must be an object of condition keys.")
        else:
            for key, value in by_key.items():
                operands = _operands(parts[2], value, variables, problems, f"{where}: {name} of {key}")
                found.append(Condition(parts[2], parts[1] or "", bool(parts[3]), key.lower(), operands))
    return tuple(found)


def _operands(operator: str, value: object, variables: bool, problems: list[str], where: str) -> tuple[Template, ...]:
    found = []
    for item in value if isinstance(value, list) else [value]:
        try:
            parts = patterns.template(
                _scalar(item), wildcards=OPERATORS[operator].wildcards, variables=variables and operator != "Null"
            )
            if len(parts) == 1:
                OPERATORS[operator].read(str(parts[0]))
            found.append(parts)
        except ValueError:
            problems.append(f"{where} cannot be compared with {item!r}.")
    return tuple(found)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(value)
