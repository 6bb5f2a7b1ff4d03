"""The conditions of a statement, and what a key that a request does not have means for them."""

from __future__ import annotations

import functools
from typing import NamedTuple

from tidegate.core import comparison
from tidegate.core.policy import templates


class Condition(NamedTuple):
    """One operator on one key; ``operands`` are alternatives."""

    name: str
    operator: str
    quantifier: str
    if_exists: bool
    key: str
    operands: tuple[templates.Template, ...]

    def met(self, context: templates.Context) -> bool:
        """Whether the values of the key satisfy it. Raises ``UnresolvedError``."""
        values = context.values(self.key)
        operands = [templates.substituted(operand, context) for operand in self.operands]
        if self.operator == "Null":
            return any(operand.lower() == ("false" if values else "true") for operand in operands)
        if not values and self.if_exists:
            return True
        operator = comparison.OPERATORS[self.operator]
        single = functools.partial(comparison.satisfies, operator, operands)
        if self.quantifier == "ForAllValues":
            return all(map(single, values))
        if self.quantifier == "ForAnyValue":
            return any(map(single, values))
        if operator.negated:
            return all(map(single, values))
        return any(map(single, values))
