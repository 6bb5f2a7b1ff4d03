"""Constraint violations in AWS's wording: all of a request, in one message (control reference 1.5).

The annotations of a struct are read once, at first use, into a plan. A request is first put to a function compiled from
the plan (``fastpath``); only when that says no is the plan walked to write sentences. Members come in the order of the
model, a null required member where it stands; for one value the pattern comes before the length. Elements and entries
that are scalars are reported once for the whole list or map, those that are structures each under their own path.

Rules about several members, or about what exists, are not shape constraints: they belong to the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

import msgspec

from tidegate.wire import fastpath, patterns, plans
from tidegate.wire.plans import Entries, Items, Plan, Scalar
from tidegate.wire.shapes import Ceilings, Number, Size, Text

_MOST_SENTENCES = 100
"""Structures in a list are looked at until there are so many. Ours: an answer need not be larger than its request."""
_MOST_SHOWN = 1000
"""Elements of a value that a sentence repeats, and that are looked at once something is wrong. Ours, likewise."""


def violations(request: msgspec.Struct, ceilings: Ceilings = ()) -> list[str]:
    """Every violated constraint of a generated struct, a sentence each; empty when there is none.

    ``ceilings`` are the quotas of a server that differ from AWS's.
    """
    if fastpath.accepts(request, ceilings):
        return []
    found: list[str] = []
    explain(request, found, ceilings)
    return found


def explain(request: msgspec.Struct, found: list[str], ceilings: Ceilings = ()) -> None:
    """Appends the sentences without asking first whether there are any."""
    _explain_struct(request, "", found, ceilings)


def message(found: Sequence[str]) -> str:
    """The text of the error that reports these violations."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"


def _explain_struct(value: msgspec.Struct, path: str, found: list[str], ceilings: Ceilings) -> None:
    for member in plans.of(type(value), ceilings):
        inner = getattr(value, member.attribute)
        at = f"{path}.{member.name}" if path else member.name
        if inner is not None:
            _explain(member.plan, inner, at, found, ceilings)
        elif member.required:
            found.append(f"Value null at '{at}' failed to satisfy constraint: Member must not be null")


def _explain(plan: Plan | None, value: Any, path: str, found: list[str], ceilings: Ceilings) -> None:
    if isinstance(plan, Scalar):
        found += [_sentence(value, path, clause) for clause in reversed(_failed(plan.rule, value))]
    elif isinstance(plan, Items):
        found += [_sentence(value, path, clause) for clause in _failed(plan.size, value)]
        inner = ((f"{path}.{number}.member", item) for number, item in enumerate(value, 1))
        _explain_inner(plan.element, inner, "Member", value, path, found, ceilings)
    elif isinstance(plan, Entries):
        found += [_sentence(value, path, clause) for clause in _failed(plan.size, value)]
        _explain_inner(plan.key, ((path, key) for key in value), "Map keys", value, path, found, ceilings)
        inner = ((f"{path}.{key}.member", item) for key, item in value.items())
        _explain_inner(plan.value, inner, "Map value", value, path, found, ceilings)
    elif plan is not None:
        _explain_struct(value, path, found, ceilings)


def _explain_inner(
    plan: Plan | None,
    inner: Iterable[tuple[str, Any]],
    noun: str,
    whole: Any,
    path: str,
    found: list[str],
    ceilings: Ceilings,
) -> None:
    """What stands in a list or map: scalars are reported with all their constraints, on the whole of it."""
    if not isinstance(plan, Scalar):
        for number, (at, item) in enumerate(inner):
            if len(found) >= _MOST_SENTENCES or (found and number >= _MOST_SHOWN):
                return
            if isinstance(plan, type) and fastpath.accepts(item, ceilings):  # which costs a tenth
                continue
            _explain(plan, item, at, found, ceilings)
    elif not _all_pass(plan.rule, islice(inner, _MOST_SHOWN if found else None)):
        clauses = ", ".join(clause for clause, _ in _tests(plan.rule))
        found.append(_sentence(whole, path, f"{noun} must satisfy constraint: [{clauses}]"))


def _all_pass(rule: Text | Number | Size, inner: Iterable[tuple[str, Any]]) -> bool:
    tests = [passes for _, passes in _tests(rule)]
    for _, item in inner:
        for passes in tests:
            if not passes(item):
                return False
    return True


_Test = tuple[str, Callable[[Any], object]]
"""The clause of a constraint and the test whose failure it reports."""


def _failed(rule: Text | Number | Size, value: Any) -> list[str]:
    return [clause for clause, passes in _tests(rule) if not passes(value)]


@cache
def _tests(rule: Text | Number | Size) -> list[_Test]:
    """In the order in which AWS lists them for elements and entries."""
    measure, noun = (_itself, "value") if isinstance(rule, Number) else (len, "length")
    low, high = rule.min, rule.max
    if isinstance(rule, Text) and high is not None and low is None:
        low = 0  # AWS names this one too where it lists all constraints: seen by users (aws-sdk-java issue 666)
    tests: list[_Test] = []
    if high is not None:
        tests.append((f"Member must have {noun} less than or equal to {high}", lambda value: measure(value) <= high))
    if low is not None:
        tests.append((f"Member must have {noun} greater than or equal to {low}", lambda value: measure(value) >= low))
    if isinstance(rule, Text) and rule.pattern is not None:
        tests.append((f"Member must satisfy regular expression pattern: {rule.pattern}", patterns.test_of(rule)))
    if isinstance(rule, Text) and rule.enum is not None:
        tests.append((f"Member must satisfy enum value set: [{', '.join(rule.enum)}]", rule.enum.__contains__))
    return tests


def _itself(value: Any) -> Any:
    return value


def _sentence(value: Any, path: str, clause: str) -> str:
    return f"Value '{java(value)}' at '{path}' failed to satisfy constraint: {clause}"


def _some(texts: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number == _MOST_SHOWN:
            yield "..."
            return
        yield text


def java(value: Any) -> str:
    """A value as Java prints it: ``[a, b]``, ``{k=v}``, ``Tag(key=a, value=null)``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return repr(float(value)).replace("inf", "Infinity")
    if isinstance(value, list):
        return f"[{', '.join(_some(java(item) for item in value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(_some(f'{key}={java(item)}' for key, item in value.items()))}}}"
    if isinstance(value, msgspec.Struct):
        members = [f"{member.name}={java(getattr(value, member.attribute))}" for member in plans.of(type(value))]
        return f"{type(value).__name__}({', '.join(members)})"
    return str(value)
