"""From the text of a query to its tree, by recursive descent; every limit of control reference 18.2 is kept here.

::

    any     = either { either }
    either  = all { "OR" all }
    all     = one { "AND" one }
    one     = { "NOT" } ( "-" operand | operand )
    operand = "(" any ")" | field ":" value | field comparison | value        (only the last inside a field's group)
    value   = "(" any ")" | range | comparison | phrase | word
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from tidegate.core import texts
from tidegate.core.query import scanner
from tidegate.core.query.scanner import InvalidQueryError, Scanner, Word, words
from tidegate.core.query.tree import (
    And,
    Bound,
    Everything,
    Leaf,
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

MOST_TERMS: Final = 12
MOST_TERMS_OF_GROUP: Final = 5
_LONGEST: Final = 1000
_LONGEST_WITH_LEADING_WILDCARD: Final = 100
_MOST_STARS: Final = 2
_MOST_MARKS: Final = 5
_DEEPEST: Final = 50
"""Ours: AWS names no limit for parentheses in parentheses."""

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WIDEST_INTEGER: Final = 2**53
_OPERATORS: Final = ("AND", "OR", "NOT")
_COMPARISONS: Final = (">=", "<=", ">", "<")


@lru_cache(maxsize=1024)
def parse(text: str, most_terms: int = MOST_TERMS) -> Node:
    """The tree of a query.

    Raises:
        InvalidQueryError: it is none, or it breaks a limit.
    """
    if len(text) > _LONGEST:
        raise InvalidQueryError(texts.fleet_index.invalid_query(texts.fleet_index.too_long(_LONGEST), _LONGEST + 1))
    if "\x00" in text:  # no store could look for it
        problem = texts.fleet_index.unexpected_character("NUL")
        raise InvalidQueryError(texts.fleet_index.invalid_query(problem, text.index("\x00") + 1))
    return _Parser(text, most_terms).query()


def number(text: str) -> Number | None:
    """The number a text is, if it is one that JSON could hold and an index compares exactly."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match[2] is None and match[3] is None:
        whole = int(text) if len(text) < 18 else _WIDEST_INTEGER
        return whole if -_WIDEST_INTEGER <= whole < _WIDEST_INTEGER else None
    found = float(text)
    return found if math.isfinite(found) else None


class _Parser:
    """One query on its way; ``field`` is what an enclosing field group names."""

    def __init__(self, text: str, most_terms: int) -> None:
        self._scan = Scanner(text)
        self._most_terms = most_terms
        self._terms = 0
        self._leading = False
        self._depth = 0

    def query(self) -> Node:
        tree = self._any(None)
        if self._scan.peek():
            raise self._unexpected()
        return tree

    # --- operators ---

    def _any(self, field: str | None) -> Node:
        found = [self._either(field)]
        while self._goes_on():
            found.append(self._either(field))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _either(self, field: str | None) -> Node:
        found = [self._all(field)]
        while self._keyword("OR"):
            found.append(self._all(field))
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _all(self, field: str | None) -> Node:
        found = [self._one(field)]
        while self._keyword("AND"):
            found.append(self._one(field))
        return found[0] if len(found) == 1 else And(tuple(found))

    def _goes_on(self) -> bool:
        """Whether another operand follows, joined by nothing."""
        self._scan.skip_spaces()
        return self._scan.peek() not in ("", ")")

    def _one(self, field: str | None) -> Node:
        negative = False
        while self._keyword("NOT"):
            negative = not negative
        scan = self._scan
        scan.skip_spaces()
        if scan.peek() == "-":
            scan.at += 1
            negative = not negative
            if not scan.peek() or scanner.is_space(scan.peek()):
                raise scan.fail(texts.fleet_index.NOTHING_EXCLUDED)
        operand = self._operand(field)
        return Not(operand) if negative else operand

    def _keyword(self, name: str) -> bool:
        self._scan.skip_spaces()
        return self._scan.keyword(name)

    # --- operands ---

    def _operand(self, field: str | None) -> Node:
        scan = self._scan
        if field is not None or scan.peek() in ("(", "[", "{", '"'):
            return self._value(field)
        start = scan.at
        name = self._word(value=False)
        scan.skip_spaces()
        if scan.peek() == ":":
            scan.at += 1
            scan.skip_spaces()
            return self._value(self._field(name))
        if scan.peek() in (">", "<"):
            return self._value(self._field(name))
        return self._counted(self._term(None, name), start)

    def _field(self, name: Word) -> str:
        if name.wild:
            raise self._scan.fail(texts.fleet_index.FIELD_WITH_WILDCARD, name.start)
        return name.text

    def _value(self, field: str | None) -> Node:
        scan = self._scan
        start = scan.at
        if scan.take("("):
            return self._group(field, start)
        if scan.peek() in ("[", "{"):
            return self._counted(self._range(field), start)
        if scan.peek() == '"':
            return self._counted(Phrase(field, self._phrase()), start)
        for sign in _COMPARISONS if field is not None else ():
            if scan.take(sign):
                return self._counted(self._comparison(field, sign), start)
        return self._counted(self._term(field, self._word(value=True)), start)

    def _group(self, field: str | None, start: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._scan.fail(texts.fleet_index.too_deep(_DEEPEST), start)
        tree = self._any(field)
        self._scan.skip_spaces()
        if not self._scan.take(")"):
            raise self._scan.fail(texts.fleet_index.GROUP_UNFINISHED, start)
        self._depth -= 1
        return tree

    def _word(self, *, value: bool) -> Word:
        word = self._scan.word(value=value)
        if not word.escaped and word.text in _OPERATORS:
            raise self._scan.fail(texts.fleet_index.operator_misplaced(word.text), word.start)
        return word

    def _phrase(self) -> tuple[str, ...]:
        start = self._scan.at
        found = words(self._scan.phrase())
        if not found:
            raise self._scan.fail(texts.fleet_index.PHRASE_EMPTY, start)
        return found

    def _term(self, field: str | None, word: Word) -> Leaf:
        if word.pieces == ("", "*", "") and not word.escaped:
            return Everything() if field is None else Present(field)
        pieces = tuple(piece.lower() for piece in word.pieces)
        if not word.wild:
            return Term(field, pieces[0], None if word.escaped else number(word.text))
        self._check_wildcards(word)
        return Pattern(field, pieces)

    def _check_wildcards(self, word: Word) -> None:
        signs = word.pieces[1::2]
        if signs.count("*") > _MOST_STARS or signs.count("?") > _MOST_MARKS:
            raise self._scan.fail(texts.fleet_index.too_many_wildcards(_MOST_STARS, _MOST_MARKS), word.start)
        if word.pieces[0]:
            return
        if self._leading:
            raise self._scan.fail(texts.fleet_index.LEADING_WILDCARD_TWICE, word.start)
        if len(self._scan.text) > _LONGEST_WITH_LEADING_WILDCARD:
            problem = texts.fleet_index.too_long_for_leading_wildcard(_LONGEST_WITH_LEADING_WILDCARD)
            raise self._scan.fail(problem, word.start)
        self._leading = True

    # --- ranges ---

    def _range(self, field: str | None) -> Leaf:
        scan = self._scan
        start = scan.at
        low_inside = scan.take("[")
        if not low_inside:
            scan.take("{")
        low = self._end(low_inside)
        if not self._keyword("TO"):
            raise scan.fail(texts.fleet_index.RANGE_MALFORMED, start)
        high = self._end(inclusive=True)
        scan.skip_spaces()
        if scan.take("}"):
            high = high and Bound(high.text, high.number, inclusive=False)
        elif not scan.take("]"):
            raise scan.fail(texts.fleet_index.RANGE_MALFORMED, start)
        if low is None and high is None:
            return Everything() if field is None else Present(field)
        return Range(field, low, high)

    def _end(self, inclusive: bool) -> Bound | None:
        """A bound; None for ``*``."""
        scan = self._scan
        scan.skip_spaces()
        if scan.peek() == '"':
            return Bound(" ".join(self._phrase()), None, inclusive)
        word = scan.word(value=True)
        if word.pieces == ("", "*", "") and not word.escaped:
            return None
        if word.wild:
            raise scan.fail(texts.fleet_index.RANGE_WITH_WILDCARD, word.start)
        return Bound(word.text.lower(), None if word.escaped else number(word.text), inclusive)

    def _comparison(self, field: str | None, sign: str) -> Leaf:
        start = self._scan.at
        bound = self._end(inclusive=sign.endswith("="))
        if bound is None:
            raise self._scan.fail(texts.fleet_index.RANGE_WITH_WILDCARD, start)
        return Range(field, bound, None) if sign.startswith(">") else Range(field, None, bound)

    # --- limits ---

    def _counted(self, leaf: Leaf, start: int) -> Leaf:
        self._terms += 1
        if self._terms > self._most_terms:
            raise self._scan.fail(texts.fleet_index.too_many_terms(self._most_terms), start)
        return leaf

    def _unexpected(self) -> InvalidQueryError:
        return self._scan.fail(texts.fleet_index.unexpected_character(self._scan.peek()))
