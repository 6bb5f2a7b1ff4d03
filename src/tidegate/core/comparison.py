"""The operators of policy conditions: how the value of a key is compared with what a statement names.

The same for policies of devices (``policy``) and of operators (``iam``), which differ in what a missing key means.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tidegate.core import wildcards


class Operator(NamedTuple):
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


def truth(text: str) -> bool:
    """A truth value, in any case. Raises ValueError."""
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


@functools.lru_cache(maxsize=256)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _within(network: str, address: str) -> bool:
    found = ipaddress.ip_address(address)
    # A listener on both protocols sees an IPv4 peer as ::ffff:a.b.c.d.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in _network(network)


def _arn_like(pattern: str, text: str) -> bool:
    """Each of the six parts by itself: a wildcard does not reach over a colon."""
    asked, given = pattern.split(":", 5), text.split(":", 5)
    return len(asked) == len(given) == 6 and all(map(wildcards.matches, asked, given))


def _compared(read: Callable[[str], Any], test: Callable[[Any, Any], bool], *, negated: bool = False) -> Operator:
    return Operator(lambda operand, value: test(read(value), read(operand)), negated=negated, read=read)


def _ordered(name: str, read: Callable[[str], Any]) -> dict[str, Operator]:
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


OPERATORS: Final[dict[str, Operator]] = {
    "StringEquals": Operator(str.__eq__),
    "StringNotEquals": Operator(str.__eq__, negated=True),
    "StringEqualsIgnoreCase": Operator(_same_but_case),
    "StringNotEqualsIgnoreCase": Operator(_same_but_case, negated=True),
    "StringLike": Operator(wildcards.matches, wildcards=True),
    "StringNotLike": Operator(wildcards.matches, negated=True, wildcards=True),
    "ArnEquals": Operator(_arn_like, wildcards=True),
    "ArnLike": Operator(_arn_like, wildcards=True),
    "ArnNotEquals": Operator(_arn_like, negated=True, wildcards=True),
    "ArnNotLike": Operator(_arn_like, negated=True, wildcards=True),
    "Bool": _compared(truth, lambda value, operand: value is operand),
    "IpAddress": Operator(_within, read=_network),
    "NotIpAddress": Operator(_within, negated=True, read=_network),
    **_ordered("Numeric", number),
    **_ordered("Date", instant),
}
"""Those that both languages have."""


def satisfies(operator: Operator, operands: list[str], value: str) -> bool:
    """Whether one value of a key meets an operator with one of several operands."""
    return any(_holds(operator, operand, value) for operand in operands) != operator.negated


def _holds(operator: Operator, operand: str, value: str) -> bool:
    try:
        return operator.holds(operand, value)
    except ValueError:  # a value of another kind: "abc" where a number or an address is compared
        return False
