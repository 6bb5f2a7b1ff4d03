"""Text in which ``*``, ``?`` and ``${variables}`` stand for other text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

Context = Mapping[str, Sequence[str]]
"""Condition keys, folded to lower case, with their values."""

_STAR: Final = "\udc00"
_HOLE: Final = "\udc01"
"""The two wildcards inside a pattern. Lone surrogates never occur in text decoded from UTF-8 or JSON."""

_SPECIAL = re.compile(r"\$\{([^{}]*)\}|[*?]")
_VARIABLE = re.compile(r"([^\s,']+)(?:\s*,\s*'([^']*)')?")
_ESCAPES: Final = frozenset("*?$")


class Variable(NamedTuple):
    """``${key}`` or ``${key, 'default'}``; the key is folded to lower case."""

    key: str
    default: str | None


Template = tuple[str | Variable, ...]
"""A pattern before substitution: literal parts, with wildcards marked, and variables."""


class UnresolvedError(Exception):
    """A variable has no value in this request."""


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
    return text.replace("*", _STAR).replace("?", _HOLE)


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


def _value(variable: Variable, context: Context) -> str:
    values = context.get(variable.key, ())
    if not values and variable.default is not None:
        return variable.default
    if len(values) != 1 or _STAR in values[0] or _HOLE in values[0]:
        raise UnresolvedError(variable.key)
    return values[0]


def matches(pattern: str, text: str) -> bool:
    """Whether a text is one of those a pattern stands for. Quadratic at worst, whatever the number of stars."""
    if _HOLE in pattern:
        return _walk(pattern, text)
    if _STAR not in pattern:
        return pattern == text
    first, *middle, last = pattern.split(_STAR)
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for segment in middle:  # the leftmost place of each is enough
        at = text.find(segment, at, end)
        if at < 0:
            return False
        at += len(segment)
    return True


def _walk(pattern: str, text: str) -> bool:
    """Character by character: what a ``?`` stands for cannot be searched for."""
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == _STAR:
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in (text[at], _HOLE):
            at, place = at + 1, place + 1
        elif star >= 0:  # let the last star take one character more: an earlier one need never be tried again
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return pattern[place:].strip(_STAR) == ""
