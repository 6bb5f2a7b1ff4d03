"""The yes-or-no half of the constraint check, compiled.

Nearly every request violates nothing, and a walk over its plan costs several times what reading its JSON does. So
each struct type gets one function, written from its plan at first use the way dataclasses write theirs, that only says
whether there is anything to report. Its input is the checked-in annotations; nothing from a request enters the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tidegate.wire import patterns, plans
from tidegate.wire.plans import Entries, Items, Plan, Scalar
from tidegate.wire.shapes import Ceilings, Number, Size, Text

Accepts = Callable[[Any], bool]

_functions: dict[Ceilings, dict[type[msgspec.Struct], Accepts]] = {(): {}}


def accepts(value: msgspec.Struct, ceilings: Ceilings = ()) -> bool:
    """True when a generated struct violates no constraint, under the quotas of a server."""
    known = _functions.get(ceilings)
    function = known.get(type(value)) if known is not None else None
    return (function or _compile(type(value), ceilings))(value)


def source(struct: type[msgspec.Struct], ceilings: Ceilings = ()) -> tuple[str, dict[str, object]]:
    """The text of the function for a struct type, and the values its names stand for."""
    writer = _Writer(ceilings)
    lines = ["def function(value):", *writer.members(struct), "    return True", ""]
    return "\n".join(lines), writer.names


def _compile(struct: type[msgspec.Struct], ceilings: Ceilings) -> Accepts:
    text, names = source(struct, ceilings)
    exec(text, names)  # noqa: S102 - the text is written above from our own annotations
    function: Accepts = names["function"]  # type: ignore[assignment]
    _functions.setdefault(ceilings, {})[struct] = function
    return function


class _Writer:
    def __init__(self, ceilings: Ceilings) -> None:
        self.names: dict[str, object] = {"accepts": accepts, "ceilings": ceilings}
        self.ceilings = ceilings
        self.depth = 0

    def members(self, struct: type[msgspec.Struct]) -> Iterator[str]:
        for member in plans.of(struct, self.ceilings):
            body = list(self.lines(member.plan, "v", 8))
            if not body and not member.required:
                continue
            yield f"    v = value.{member.attribute}"
            if member.required:
                yield "    if v is None:"
                yield "        return False"
            if body:
                yield "    if v is not None:"
                yield from body

    def lines(self, plan: Plan | None, variable: str, indent: int) -> Iterator[str]:
        """Statements that return False when the variable's value violates something."""
        conditions: list[str] = []
        if isinstance(plan, Scalar):
            conditions = list(self.conditions(plan.rule, variable))
        elif isinstance(plan, (Items, Entries)):
            conditions = list(self.bounds(plan.size, f"len({variable})"))
        elif plan is not None:
            conditions = [f"accepts({variable}, ceilings)"]
        if conditions:
            yield f"{' ' * indent}if not ({' and '.join(conditions)}):"
            yield f"{' ' * indent}    return False"
        if isinstance(plan, Items):
            yield from self.loop(plan.element, variable, indent)
        elif isinstance(plan, Entries):
            yield from self.loop(plan.key, variable, indent)
            yield from self.loop(plan.value, f"{variable}.values()", indent)

    def loop(self, plan: Plan | None, iterable: str, indent: int) -> Iterator[str]:
        self.depth += 1
        variable = f"v{self.depth}"
        body = list(self.lines(plan, variable, indent + 4))
        if body:
            yield f"{' ' * indent}for {variable} in {iterable}:"
            yield from body

    def conditions(self, rule: Text | Number, variable: str) -> Iterator[str]:
        yield from self.bounds(rule, variable if isinstance(rule, Number) else f"len({variable})")
        if isinstance(rule, Text) and rule.pattern not in (None, patterns.ANYTHING):
            yield f"{self.named(patterns.test_of(rule))}({variable})"
        if isinstance(rule, Text) and rule.enum is not None:
            yield f"{variable} in {self.named(frozenset(rule.enum))}"

    def bounds(self, rule: Text | Number | Size, measure: str) -> Iterator[str]:
        low = None if rule.min == 0 and measure.startswith("len(") else rule.min
        if low is not None or rule.max is not None:
            below = "" if low is None else f"{self.named(low)} <= "
            above = "" if rule.max is None else f" <= {self.named(rule.max)}"
            yield f"{below}{measure}{above}"

    def named(self, constant: object) -> str:
        if isinstance(constant, int):
            return repr(constant)
        name = f"c{len(self.names)}"
        self.names[name] = constant
        return name
