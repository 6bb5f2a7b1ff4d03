"""The text of a job document, and the strings in it: what is not replaced stays as it is, byte for byte.

Placeholders are looked for in string values, however deep, not in the names of members. A string is read as JSON
reads it, so that a placeholder written with escapes is one too, and what is put in its place is escaped in turn: the
result is JSON whenever the document was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?(?P<name>\s*+:)?', re.DOTALL)
"""A string that is not closed runs to the end, lest the next one be looked for from each quote behind it."""
_WHOLE_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can write it with an escape, but neither a key nor an answer can carry it."""
_OPENING: Final = "${"
_ESCAPED: Final = "\\u00"
"""How both characters of an opening may begin when they are written with escapes."""


class Value(NamedTuple):
    """A string value that may hold placeholders: where its JSON text stands, quotes included, and what it says."""

    start: int
    end: int
    text: str


def length(document: str) -> int:
    """The characters of a document. White space between its values is not counted, that inside a string is."""
    between = "".join(_WHOLE_STRING.split(document))
    return len(document) - len(between) + sum(map(len, between.split()))


def values(document: str) -> Iterator[Value]:
    """The string values of a document that have an opening ``${``, in order."""
    if not _may_open(document):
        return
    for match in _STRING.finditer(document):
        if match["name"] is None and _may_open(match.group()):
            text = _text(match.group())
            if _OPENING in text:
                yield Value(match.start(), match.end(), text)


def replaced(document: str, json_of: Callable[[str], str | None]) -> str:
    """A document with other JSON in place of some of its string values; None keeps one as it is written."""
    pieces = []
    at = 0
    for value in values(document):
        written = json_of(value.text)
        if written is not None:
            pieces += [document[at : value.start], written]
            at = value.end
    return "".join([*pieces, document[at:]]) if pieces else document


def quoted(text: str) -> str:
    """A string as JSON."""
    return json.dumps(text, ensure_ascii=False)


def inside(text: str) -> str:
    """The same without the quotes."""
    return quoted(text)[1:-1]


def _may_open(written: str) -> bool:
    return _OPENING in written or _ESCAPED in written


def _text(written: str) -> str:
    try:
        text: str = json.loads(written)
    except ValueError:  # no JSON: the document is refused for that elsewhere
        return ""
    return text if text.isprintable() else _HALF_PAIR.sub("\ufffd", text)
