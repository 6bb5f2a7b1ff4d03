"""The conditions of a statement, and what a key that a request does not have means for them."""

from __future__ import annotations

import functools
from typing import NamedTuple

from tidegate.core import comparison, variables
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
        operator = comparison.OPERATORS.get(self.operator)
        negated = operator is not None and operator.negated
        substituted = functools.partial(templates.substituted, context=context)
        operands, _ = variables.usable(self.operands, substituted, exceptions=negated)
        if operator is None:  # Null
            return any(operand.lower() == ("false" if values else "true") for operand in operands)
        if not values and self.if_exists:
            return True
        single = functools.partial(comparison.satisfies, operator, operands)
        if self.quantifier == "ForAllValues":
            return all(map(single, values))
        if self.quantifier == "ForAnyValue":
            return any(map(single, values))
        if operator.negated:
            return all(map(single, values))
        return any(map(single, values))
