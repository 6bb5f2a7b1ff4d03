"""Text with variables: ``${iot:ClientId}``, ``${*}``, and the context that gives variables their values.

Substituted text is literal. A variable without a usable value makes its statement match nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from tidegate.core import wildcards as marks
from tidegate.core.policy import malformed
from tidegate.core.variables import UnresolvedError

ContextValues = Mapping[str, str | Sequence[str]]
"""Condition keys and policy variables with their values, spelled as policies spell them; case is ignored."""

Refuses = Callable[[str, str], bool]
"""``(folded key, value)``: true if the value must not be substituted for a variable."""


class Variable(NamedTuple):
    """``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None


Template = str | tuple[str | Variable, ...]
"""A pattern with marks; a plain string if it holds no variable."""

_SPECIAL = re.compile(r"\$\{([^{}]*)\}|[*?]")
_VARIABLE = re.compile(r"([^\s,'\[\]]+(?:\[[^\]]+\])?)(?:\s*,\s*'([^']*)')?\Z")
_ESCAPES: Final = frozenset("*?$")
_MARKS: Final = {"*": marks.STAR, "?": marks.HOLE}


def parse(text: str, *, wildcards: bool) -> Template:
    """Read a pattern; ``wildcards`` says whether ``*`` and ``?`` are any here. Raises ``MalformedPolicyError``."""
    parts: list[str | Variable] = []
    literal = ""
    end = 0
    for found in _SPECIAL.finditer(text):
        literal += _plain(text[end : found.start()])
        end = found.end()
        name = found[1]
        if name is None:
            literal += _MARKS[found[0]] if wildcards else found[0]
        elif name in _ESCAPES:
            literal += name
        else:
            parts += [literal, _variable(name)]
            literal = ""
    literal += _plain(text[end:])
    return (*parts, literal) if parts else literal


def _plain(text: str) -> str:
    if "${" in text:
        raise malformed.syntax(f"a variable is not closed in {text!r}")
    return text


def _variable(text: str) -> Variable:
    found = _VARIABLE.match(text.strip())
    if not found:
        raise malformed.syntax(f"${{{text}}} is no variable")
    return Variable(found[1], found[2])


def keys(template: Template) -> list[str]:
    """The keys whose values a template needs, folded."""
    if isinstance(template, str):
        return []
    return [fold(part.key) for part in template if isinstance(part, Variable)]


def substituted(template: Template, context: Context) -> str:
    """The pattern with marks, its variables replaced. Raises ``UnresolvedError``."""
    if isinstance(template, str):
        return template
    return "".join([part if isinstance(part, str) else context.substitute(part) for part in template])


def refuses_for_iot(key: str, value: str) -> bool:
    """Values a client chooses must not smuggle wildcards into a policy (device reference 8.3)."""
    if not (key.startswith("iot:certificate.") or key == "iot:clientid"):
        return False
    return len(value) > 1024 or not _WILD.isdisjoint(value)


_WILD: Final = frozenset("*$+?#")


class Context:
    """The keys and values of one principal."""

    __slots__ = ("_names", "_refuses", "_values")

    def __init__(self, values: ContextValues, refuses: Refuses) -> None:
        self._refuses = refuses
        self._names = frozenset(values)
        self._values = {
            fold(key): (value,) if isinstance(value, str) else tuple(value) for key, value in values.items()
        }

    def values(self, key: str) -> tuple[str, ...]:
        """Every value of a condition key; none if it has none."""
        return self._values.get(fold(key), ())

    def substitute(self, variable: Variable) -> str:
        """The text for a variable. Raises ``UnresolvedError``.

        Other than a condition key, one of IoT's own is written in just one way: users of the live service found that
        ``${iot:clientId}`` has no value.
        """
        key = fold(variable.key)
        misspelt = key.startswith("iot:") and variable.key not in self._names
        values = () if misspelt else self._values.get(key, ())
        if not values and variable.default is not None:
            return variable.default
        if len(values) != 1:
            raise UnresolvedError(f"${{{variable.key}}} has no value", variable.key)
        if self._refuses(key, values[0]) or not marks.MARKED.isdisjoint(values[0]):
            raise UnresolvedError(f"the value of ${{{variable.key}}} holds wildcards or is too long")
        return values[0]


def fold(key: str) -> str:
    """A key as it is compared."""
    # Attribute names between brackets keep their case: two attributes may differ in nothing else.
    head, bracket, rest = key.partition("[")
    return head.lower() + bracket + rest
