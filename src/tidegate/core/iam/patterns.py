"""Text in which ``*``, ``?`` and ``${variables}`` stand for other text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from tidegate.core import variables
from tidegate.core import wildcards as marks
from tidegate.core.variables import UnresolvedError

Context = Mapping[str, Sequence[str]]
"""Condition keys, folded to lower case, with their values."""

_SPECIAL = re.compile(r"\$\{([^{}]*)\}|[*?]")
_VARIABLE = re.compile(r"([^\s,']+)(?:\s*,\s*'([^']*)')?")
_ESCAPES: Final = frozenset("*?$")


class Variable(NamedTuple):
    """``${key}`` or ``${key, 'default'}``; the key is folded to lower case."""

    key: str
    default: str | None


Template = tuple[str | Variable, ...]
"""A pattern before substitution: literal parts, with wildcards marked, and variables."""


def template(text: str, *, wildcards: bool, variables: bool) -> Template:
    """Read a text of a policy.

    Args:
        text: as it stands in the document.
        wildcards: ``*`` and ``?`` stand for other characters.
        variables: ``${…}`` stands for a value (documents of version 2012-10-17).

    Raises:
        ValueError: a variable that is none; the message says what is wrong.
    """
    parts: list[str | Variable] = []
    literal, end = "", 0
    for found in _SPECIAL.finditer(text):
        name = found[1]
        if name is not None and not variables:
            continue
        literal += _plain(text[end : found.start()], variables, wildcards)
        end = found.end()
        if name is None:
            literal += _wild(found[0]) if wildcards else found[0]
        elif name in _ESCAPES:
            literal += name
        else:
            parts += [literal, _variable(name)]
            literal = ""
    return (*parts, literal + _plain(text[end:], variables, wildcards))


def _plain(text: str, variables: bool, wildcards: bool) -> str:
    if variables and "${" in text:
        raise ValueError(f"a variable is not closed in {text!r}")
    # A wildcard between the braces of what is no variable in this version of the language.
    return _wild(text) if wildcards and not variables else text


def _wild(text: str) -> str:
    return text.replace("*", marks.STAR).replace("?", marks.HOLE)


def _variable(text: str) -> Variable:
    found = _VARIABLE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"${{{text}}} is no variable")
    return Variable(found[1].lower(), found[2])


def keys(parts: Template) -> list[str]:
    """The keys whose values a template needs."""
    return [part.key for part in parts if isinstance(part, Variable)]


def substituted(parts: Template, context: Context) -> str:
    """The pattern for one request.

    Raises:
        UnresolvedError: a variable has no single value and no default.
    """
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return "".join([part if isinstance(part, str) else _value(part, context) for part in parts])


def usable(alternatives: Iterable[Template], context: Context, *, exceptions: bool) -> list[str]:
    """The patterns of those that have their values; see ``variables.usable``."""
    return variables.usable(alternatives, lambda parts: substituted(parts, context), exceptions=exceptions)[0]


def _value(variable: Variable, context: Context) -> str:
    values = context.get(variable.key, ())
    if not values and variable.default is not None:
        return variable.default
    if len(values) != 1 or not marks.MARKED.isdisjoint(values[0]):
        raise UnresolvedError(variable.key)
    return values[0]
