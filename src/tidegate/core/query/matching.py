"""Whether a document is what a query asks for.

A document is values by field name. A value is its words in lower case and, if it is a number, that number; a field may
have several values (an array), and matches if one of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from tidegate.core import wildcards
from tidegate.core.query import parser, scanner
from tidegate.core.query.tree import (
    And,
    Bound,
    Everything,
    Node,
    Not,
    Number,
    Or,
    Pattern,
    Phrase,
    Present,
    Range,
    Term,
)

Scalar = str | int | float | bool


class Value(NamedTuple):
    """One value of a field, ready to be compared."""

    words: tuple[str, ...]
    number: Number | None
    text: str = ""
    """As it was written."""


Document = Mapping[str, Sequence[Value]]


def value(scalar: Scalar) -> Value:
    """A value as a query sees it. A text that reads as a number is one too (control reference 18.2)."""
    if isinstance(scalar, str):
        return Value(scanner.words(scalar), parser.number(scalar), scalar)
    text = msgspec.json.encode(scalar).decode()
    return Value((text.lower(),), parser.number(text), text)


def matches(node: Node, document: Document) -> bool:
    """Whether a document is among those a query finds."""
    return _MATCHERS[type(node)](node, document)


def _candidates(field: str | None, document: Document) -> Iterable[Value]:
    if field is not None:
        return document.get(field, ())
    return (one for values in document.values() for one in values)


def _not(node: Not, document: Document) -> bool:
    return not matches(node.operand, document)


def _and(node: And, document: Document) -> bool:
    return all(matches(operand, document) for operand in node.operands)


def _or(node: Or, document: Document) -> bool:
    return any(matches(operand, document) for operand in node.operands)


def _everything(_node: Everything, _document: Document) -> bool:
    return True


def _present(node: Present, document: Document) -> bool:
    return bool(document.get(node.field))


def _term(node: Term, document: Document) -> bool:
    return any(
        node.word in one.words or (node.number is not None and node.number == one.number)
        for one in _candidates(node.field, document)
    )


def _pattern(node: Pattern, document: Document) -> bool:
    segments = _segments(node.pieces)
    return any(wildcards.glob(segments, word) for one in _candidates(node.field, document) for word in one.words)


def _phrase(node: Phrase, document: Document) -> bool:
    return any(_follow_each_other(node.words, one.words) for one in _candidates(node.field, document))


def _follow_each_other(wanted: tuple[str, ...], words: tuple[str, ...]) -> bool:
    length = len(wanted)
    return any(words[start : start + length] == wanted for start in range(len(words) - length + 1))


def _range(node: Range, document: Document) -> bool:
    candidates = _candidates(node.field, document)
    if node.numeric:
        return any(one.number is not None and _between_numbers(node, one.number) for one in candidates)
    return any(_between_texts(node, word) for one in candidates for word in one.words)


def _between_numbers(node: Range, number: Number) -> bool:
    return _above(node.low, number, lambda bound: bound.number) and _below(
        node.high, number, lambda bound: bound.number
    )


def _between_texts(node: Range, word: str) -> bool:
    return _above(node.low, word, lambda bound: bound.text) and _below(node.high, word, lambda bound: bound.text)


def _above(bound: Bound | None, found: Any, of: Callable[[Bound], Any]) -> bool:
    return bound is None or bool(found >= of(bound) if bound.inclusive else found > of(bound))


def _below(bound: Bound | None, found: Any, of: Callable[[Bound], Any]) -> bool:
    return bound is None or bool(found <= of(bound) if bound.inclusive else found < of(bound))


@lru_cache(maxsize=1024)
def _segments(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """What lies between the stars of a pattern."""
    marked = [_MARKS[piece] if position % 2 else piece for position, piece in enumerate(pieces)]
    return tuple("".join(marked).split(wildcards.STAR))


_MARKS = {"*": wildcards.STAR, "?": wildcards.HOLE}


_MATCHERS: dict[type, Callable[[Any, Document], bool]] = {
    Not: _not,
    And: _and,
    Or: _or,
    Everything: _everything,
    Present: _present,
    Term: _term,
    Pattern: _pattern,
    Phrase: _phrase,
    Range: _range,
}
