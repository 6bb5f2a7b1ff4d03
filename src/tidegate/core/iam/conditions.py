"""The ``Condition`` element: operators, their operands, and what a missing key means.

A key that the request does not have fails every operator, except: the negated ones (``StringNotEquals`` …), those with
``IfExists``, ``ForAllValues:``, and ``Null``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tidegate.core.iam import patterns
from tidegate.core.iam.patterns import Context, Template


class _Operator(NamedTuple):
    """``holds(operand, value)``, both texts; ``read`` raises ValueError for an operand that makes no sense."""

    holds: Callable[[str, str], bool]
    negated: bool = False
    wildcards: bool = False
    read: Callable[[str], object] = str


def number(text: str) -> float:
    """A number of a Numeric condition. Raises ValueError."""
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text, re.ASCII):
        raise ValueError(text)
    return float(text)


def instant(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 date or of a number of seconds. Raises ValueError."""
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return float(text)
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _within(operand: str, value: str) -> bool:
    address = ipaddress.ip_address(value)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address) in _network(operand)


def _arn_like(operand: str, value: str) -> bool:
    """Each of the six parts by itself, so that a wildcard does not reach over a colon."""
    asked, given = operand.split(":", 5), value.split(":", 5)
    return len(asked) == len(given) == 6 and all(map(patterns.matches, asked, given))


def _compared(read: Callable[[str], Any], test: Callable[[Any, Any], bool], *, negated: bool = False) -> _Operator:
    return _Operator(lambda operand, value: test(read(value), read(operand)), negated=negated, read=read)


def _ordered(name: str, read: Callable[[str], Any]) -> dict[str, _Operator]:
    return {
        f"{name}Equals": _compared(read, lambda value, operand: bool(value == operand)),
        f"{name}NotEquals": _compared(read, lambda value, operand: bool(value == operand), negated=True),
        f"{name}LessThan": _compared(read, lambda value, operand: bool(value < operand)),
        f"{name}LessThanEquals": _compared(read, lambda value, operand: bool(value <= operand)),
        f"{name}GreaterThan": _compared(read, lambda value, operand: bool(value > operand)),
        f"{name}GreaterThanEquals": _compared(read, lambda value, operand: bool(value >= operand)),
    }


def _same_but_case(operand: str, value: str) -> bool:
    return operand.lower() == value.lower()


OPERATORS: Final[dict[str, _Operator]] = {
    "StringEquals": _Operator(str.__eq__),
    "StringNotEquals": _Operator(str.__eq__, negated=True),
    "StringEqualsIgnoreCase": _Operator(_same_but_case),
    "StringNotEqualsIgnoreCase": _Operator(_same_but_case, negated=True),
    "StringLike": _Operator(patterns.matches, wildcards=True),
    "StringNotLike": _Operator(patterns.matches, negated=True, wildcards=True),
    "ArnEquals": _Operator(_arn_like, wildcards=True),
    "ArnLike": _Operator(_arn_like, wildcards=True),
    "ArnNotEquals": _Operator(_arn_like, negated=True, wildcards=True),
    "ArnNotLike": _Operator(_arn_like, negated=True, wildcards=True),
    "Bool": _compared(_truth, lambda value, operand: value is operand),
    "BinaryEquals": _Operator(str.__eq__),
    "IpAddress": _Operator(_within, read=_network),
    "NotIpAddress": _Operator(_within, negated=True, read=_network),
    "Null": _Operator(str.__eq__, read=_truth),
    **_ordered("Numeric", number),
    **_ordered("Date", instant),
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
        """Whether a request meets it. Raises ``patterns.UnresolvedError``."""
        values = context.get(self.key, ())
        operands = [patterns.substituted(operand, context) for operand in self.operands]
        if self.operator == "Null":
            return any(_truth(operand) != bool(values) for operand in operands)
        operator = OPERATORS[self.operator]
        if not values:
            missing = self.if_exists or operator.negated
            return self.quantifier == "ForAllValues" or (missing and self.quantifier == "") or self.if_exists
        tests = [_single(operator, operands, value) for value in values]
        every = self.quantifier == "ForAllValues" or (operator.negated and self.quantifier == "")
        return all(tests) if every else any(tests)


def _single(operator: _Operator, operands: list[str], value: str) -> bool:
    return any(_holds(operator, operand, value) for operand in operands) != operator.negated


def _holds(operator: _Operator, operand: str, value: str) -> bool:
    try:
        return operator.holds(operand, value)
    except ValueError:  # a value of another kind: "abc" where a number or an address is compared
        return False


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
