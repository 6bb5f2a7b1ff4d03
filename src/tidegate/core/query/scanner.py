"""The letters of a query: words with escapes and wildcards, phrases, and the few signs that mean something.

What a character means depends on where it stands (a colon ends a field's name but may be part of its value, a hyphen
excludes before a term but may be inside one), so there is no list of tokens: the parser asks for what may come next.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tidegate.core import texts

UNSUPPORTED: Final = frozenset("`@#%/';,")
"""AWS names these as not supported (control reference 18.2); quoted or after a backslash they are ordinary text."""

_RESERVED: Final = frozenset("!+^~&|=")
"""Signs of the language's larger relatives that mean nothing here; ``=`` may stand inside a field's value."""

_STRUCTURE: Final = frozenset('()[]{}"<>')
_SPACES: Final = frozenset("\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \u1680\u2028\u2029\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B) if code != 0x2007
}
"""What Java's ``Character.isWhitespace`` takes for white space: no no-break spaces."""


_SPACE: Final = re.compile(f"[{''.join(sorted(_SPACES))}]")


class InvalidQueryError(ValueError):
    """A text that is no query; the message says what is wrong and at which character, counted from 1."""


class Word(NamedTuple):
    """A run of characters without white space.

    ``pieces`` is text and wildcards in turn, beginning and ending with text; ``escaped`` tells if any of the text was
    written with a backslash, so that it is neither operator nor number.
    """

    pieces: tuple[str, ...]
    start: int
    escaped: bool

    @property
    def text(self) -> str:
        """The word as it was meant, wildcards included."""
        return "".join(self.pieces)

    @property
    def wild(self) -> bool:
        """Whether there are wildcards in it."""
        return len(self.pieces) > 1


def is_space(character: str) -> bool:
    """Whether words end here."""
    return character in _SPACES


class Scanner:
    """A query and the place in it that is read next."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, problem: str, at: int | None = None) -> InvalidQueryError:
        """The error for a problem, here or elsewhere."""
        return InvalidQueryError(texts.fleet_index.invalid_query(problem, (self.at if at is None else at) + 1))

    def skip_spaces(self) -> None:
        """Go to the next character that means something."""
        while self.at < len(self.text) and self.text[self.at] in _SPACES:
            self.at += 1

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, sign: str) -> bool:
        """Go past a sign if it comes next."""
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def keyword(self, name: str) -> bool:
        """Go past an operator if it comes next as a word of its own."""
        if not self.text.startswith(name, self.at):
            return False
        after = self.text[self.at + len(name) : self.at + len(name) + 1]
        if after and after not in _SPACES and after not in '()"-':
            return False
        self.at += len(name)
        return True

    def word(self, *, value: bool) -> Word:
        """The word that begins here: a field's name, which ends at a colon, or (``value``) a field's value.

        Raises:
            InvalidQueryError: there is none, or it has characters that may not stand there.
        """
        start, pieces, escaped = self.at, [""], False
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in _SPACES or character in _STRUCTURE or (character == ":" and not value):
                break
            if character in "*?":
                pieces += [character, ""]
            elif character == "\\":
                pieces[-1] += self._escaped()
                escaped = True
            else:
                self._check(character, value=value and self.at > start)
                pieces[-1] += character
            self.at += 1
        if self.at == start:
            raise self.fail(texts.fleet_index.UNEXPECTED_END if not self.peek() else _unexpected(self.peek()))
        return Word(tuple(pieces), start, escaped)

    def _escaped(self) -> str:
        self.at += 1
        if self.at >= len(self.text):
            raise self.fail(texts.fleet_index.NOTHING_ESCAPED)
        return self.text[self.at]

    def _check(self, character: str, *, value: bool) -> None:
        if character in UNSUPPORTED or (character in _RESERVED and not (character == "=" and value)):
            raise self.fail(texts.fleet_index.unsupported_character(character))

    def phrase(self) -> str:
        """What stands between quotation marks, the first of which comes next."""
        start, found = self.at, ""
        self.at += 1
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return found
            if character == "\\":
                character = self._escaped()
            found += character
            self.at += 1
        raise self.fail(texts.fleet_index.PHRASE_UNFINISHED, start)


def _unexpected(character: str) -> str:
    return texts.fleet_index.unexpected_character(character)


def words(text: str) -> tuple[str, ...]:
    """A value's words, in lower case."""
    return tuple(word for word in _SPACE.split(text.lower()) if word)
