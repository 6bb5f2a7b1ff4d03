"""What a query is made of. A leaf's ``field`` is None where the query names none: then any field may match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Number = int | float


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``: every document."""


@dataclass(frozen=True, slots=True)
class Present:
    """``field:*``: the field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Term:
    """A value has this word (lower case), or is this number."""

    field: str | None
    word: str
    number: Number | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A value has a word of this form: pieces of lower-case text, and ``*`` or ``?`` between them.

    ``pieces`` is text and wildcards in turn; a wildcard is marked by being in ``WILDCARDS`` and at an odd place.
    """

    field: str | None
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A value has these words (lower case) one after another."""

    field: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: its text in lower case, the number it is if it is one, and whether it is inside."""

    text: str
    number: Number | None
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A value lies between; None is an open end.

    Compared as numbers if every end is one, else as text, word by word.
    """

    field: str | None
    low: Bound | None
    high: Bound | None

    @property
    def numeric(self) -> bool:
        """Whether numbers are asked for."""
        return all(bound.number is not None for bound in (self.low, self.high) if bound is not None)


@dataclass(frozen=True, slots=True)
class Not:
    """What the operand does not match."""

    operand: Node


@dataclass(frozen=True, slots=True)
class And:
    """What all of these match."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What any of these matches."""

    operands: tuple[Node, ...]


Leaf = Everything | Present | Term | Pattern | Phrase | Range
Node = Leaf | Not | And | Or


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf of a tree, from left to right."""
    if isinstance(node, Not):
        yield from leaves(node.operand)
    elif isinstance(node, And | Or):
        for operand in node.operands:
            yield from leaves(operand)
    else:
        yield node
