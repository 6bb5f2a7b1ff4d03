r"""The model's patterns in Python.

The models hold Java regular expressions, matched against the whole string even when unanchored (control reference 1.6).
Several do not compile in ``re`` and others mean something else there: ``\w`` and ``\S`` are ASCII in Java, ``.`` leaves
out five line terminators instead of one, ``$`` lets a trailing newline through. So each one is written down here,
reviewed, and used with ``fullmatch`` only. A pattern of a new model that is missing below fails at its first use and in
the tests.

``\p{C}`` and ``\p{L}\p{Z}\p{N}`` are Unicode categories, which ``re`` has no words for: those two are functions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from tidegate.wire.shapes import Text

Matcher = Callable[[str], object]
"""Truthy when the whole string matches."""

_ANY_IN_LINE = "[^\n\r\u0085\u2028\u2029]"

_ACM = (
    r"arn:aws(-cn|-us-gov|-iso-b|-iso)?:acm:[a-z]{2}-(gov-|iso-|isob-)?[a-z]{4,9}-\d{1}:\d{12}"
    r":certificate/[a-zA-Z0-9/-]+"
)

TRANSLATIONS: dict[str, str] = {
    r"(0x)?[a-fA-F0-9]+": r"(0x)?[a-fA-F0-9]+",
    r"[$a-zA-Z0-9:_-]+": r"[$a-zA-Z0-9:_-]+",
    r"[0-9]+": r"[0-9]+",
    r"[A-Z0-9_-]+": r"[A-Z0-9_-]+",
    r"[A-Za-z0-9+/]+={0,2}": r"[A-Za-z0-9+/]+={0,2}",
    r"[\p{Graph}\x20]*": r"[\x20-\x7e]*",
    r"[\p{Upper}\p{Digit}_]+": r"[A-Z0-9_]+",
    r"[\s\S]*": r"[\s\S]*",
    r"[a-zA-Z0-9]+": r"[a-zA-Z0-9]+",
    r"[a-zA-Z0-9._-]+": r"[a-zA-Z0-9._-]+",
    # Ends in a range, in Java as here: from ) to /.
    r"[a-zA-Z0-9!_.*'()-\/]+": r"[a-zA-Z0-9!_.*'()+,./-]+",
    _ACM: _ACM.replace(r"\d", "[0-9]"),
    r"[\w.-]+": r"[A-Za-z0-9_.-]+",
    r"[\w.:-]+": r"[A-Za-z0-9_.:-]+",
    r"[\w=,@-]+": r"[A-Za-z0-9_=,@-]+",
    r"[\w+=,.@-]+": r"[A-Za-z0-9_+=,.@-]+",
    r"[a-zA-Z0-9-_.]+": r"[a-zA-Z0-9_.-]+",
    r"[a-zA-Z0-9:$.]+": r"[a-zA-Z0-9:$.]+",
    r"[a-zA-Z0-9:.]+": r"[a-zA-Z0-9:.]+",
    r"[a-zA-Z0-9:_-]+": r"[a-zA-Z0-9:_-]+",
    r"[a-zA-Z0-9\-]+": r"[a-zA-Z0-9-]+",
    r"[a-zA-Z0-9_-]+": r"[a-zA-Z0-9_-]+",
    r"[a-zA-Z0-9_-]+|^\$next": r"[a-zA-Z0-9_-]+|\$next",
    r"[a-zA-Z0-9_.,@/:#-]+": r"[a-zA-Z0-9_.,@/:#-]+",
    r"[a-zA-Z0-9_.,@/:#=\[\]-]*": r"[a-zA-Z0-9_.,@/:#=\[\]-]*",
    r"\S{36,64}": r"[^ \t\n\x0b\f\r]{36,64}",
    r"^[0-9-]+$": r"[0-9-]+",
    r"^[.$a-zA-Z0-9_-]+$": r"[.$a-zA-Z0-9_-]+",
    r"^[0-9]*$": r"[0-9]*",
    r"^[\x21-\x7E]+$": r"[\x21-\x7e]+",
    r"^[0-9A-Za-z_-]+$": r"[0-9A-Za-z_-]+",
    # Where the dot is a digit all is digits: said apart, or the dot would be looked for in every place.
    r"^[1-9]+.[0-9]+": rf"[1-9][0-9]{{2,}}|[1-9]+(?![0-9]){_ANY_IN_LINE}[0-9]+",
    r"^[^$].*": rf"[^$]{_ANY_IN_LINE}*",
    r"^arn:[!-~]+$": r"arn:[!-~]+",
}


def without_other(value: str) -> bool:
    r"""``[^\p{C}]+``: no control, format, surrogate, private-use or unassigned character, and not empty."""
    # isprintable refuses these and the separators other than the space, in C; what it accepts is settled.
    if value.isprintable():
        return value != ""
    return not any(unicodedata.category(character)[0] == "C" for character in set(value))


def without_other_or_empty(value: str) -> bool:
    r"""``[^\p{C}]*``: the same, or nothing."""
    return value == "" or without_other(value)


def without_other_but_lines(value: str) -> bool:
    r"""``[^\p{C}]+`` that lets ``\n``, ``\r`` and ``\t`` through: the output of commands in status details."""
    if value.isprintable():
        return value != ""
    return not any(unicodedata.category(character)[0] == "C" for character in set(value).difference("\n\r\t"))


_PLAIN_TAG = re.compile(r"[A-Za-z0-9 _.:/=+\-@]*").fullmatch


def tag_text(value: str) -> bool:
    r"""``^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$``: letters, separators and numbers of any script, and some signs."""
    if _PLAIN_TAG(value):
        return True
    return all(unicodedata.category(character)[0] in "LZN" for character in set(value).difference("_.:/=+-@"))


ANYTHING = r"[\s\S]*"
"""The pattern that every text satisfies."""
FUNCTIONS: dict[str, Matcher] = {
    r"[^\p{C}]+": without_other,
    r"[^\p{C}]*": without_other_or_empty,
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": tag_text,
}


@cache
def matcher(pattern: str) -> Matcher:
    """The whole-string test for a pattern of the model. ``KeyError``: the pattern has no reviewed translation."""
    function = FUNCTIONS.get(pattern)
    return re.compile(TRANSLATIONS[pattern]).fullmatch if function is None else function


def test_of(rule: Text) -> Matcher:
    """The test of a string's pattern, with the leniency its rule grants."""
    assert rule.pattern is not None
    matches = matcher(rule.pattern)
    if rule.multiline:
        assert matches is without_other, "only this pattern has a lenient form"
        matches = without_other_but_lines
    return (lambda value: value == "" or matches(value)) if rule.or_empty else matches
