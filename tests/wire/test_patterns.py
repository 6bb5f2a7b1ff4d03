"""Each pattern of the models by example: Java's meaning, whole string (control reference 1.6)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.wire import patterns
from tidegate.wire.shapes import Text

ZWJ, LINE_SEPARATOR, NO_BREAK_SPACE = "\u200d", "\u2028", "\u00a0"
NAME_TRAPS = ["", "a\n", "\na", "a\tb", f"a{ZWJ}", "a b", "é", "a/b"]

EXAMPLES: dict[str, tuple[list[str], list[str]]] = {
    r"(0x)?[a-fA-F0-9]+": (["0xAf09", "af", "0"], ["0x", "x1", "0xg", "0X1", "a\n", ""]),
    r"[$a-zA-Z0-9:_-]+": (["$package", "a:b_c-d"], NAME_TRAPS),
    r"[0-9]+": (["0", "0123"], ["", "1\n", "-1", "\u0661", "1.0"]),
    r"[A-Z0-9_-]+": (["A-Z_09", "-"], ["", "a", "$A", "É", "A B", "A\n", "\u0661"]),
    r"[^\p{C}]*": (["", "a b", "é ß", NO_BREAK_SPACE], ["a\n", "\ta", f"a{ZWJ}b", "\x00", "\ud800"]),
    r"^[.$a-zA-Z0-9_-]+$": (["$a.b_C-1", "."], ["", "a b", "a\n", "a:b", "é"]),
    r"^[0-9]*$": (["", "0123"], ["1\n", "-1", "\u0661", "1.0"]),
    r"^[\x21-\x7E]+$": (["!~", "a/b"], ["", "a b", "a\n", "é", "\x7f", "\t"]),
    r"[A-Za-z0-9+/]+={0,2}": (["YQ==", "ab+/"], ["", "=", "a===", "a=b", "a-b", "YQ==\n"]),
    r"[\p{Graph}\x20]*": (["", "a b~!", "\\"], ["é", "a\n", "\t", "\x7f", NO_BREAK_SPACE, ZWJ]),
    r"[\p{Upper}\p{Digit}_]+": (["TEST_1", "0"], ["", "a", "É", "A B", "A\n", "\u0661"]),
    r"[\s\S]*": (["", "a\n\t", f"{ZWJ}{LINE_SEPARATOR}\x00"], []),
    r"[\w+=,.@-]+": (["a_Z9+=,.@-"], ["", "é", "a b", "a\n", "a/b"]),
    r"[^\p{C}]+": (
        ["a b", "é ß", "漢字", "😀", NO_BREAK_SPACE, LINE_SEPARATOR, "e\u0301"],
        [
            "",
            "line1\nline2",
            "a\n",
            "\ta",
            "a\r",
            f"a{ZWJ}b",
            "\u200b",
            "\ufeff",
            "\x00",
            "\x7f",
            "\ue000",
            "\ud800",
            "\u0378",
        ],
    ),
    r"[a-zA-Z0-9]+": (["aZ9"], [*NAME_TRAPS, "a_b", "a-b", "a.b"]),
    patterns._ACM: (
        [
            "arn:aws:acm:us-east-1:123456789012:certificate/a-1",
            "arn:aws-cn:acm:cn-north-1:123456789012:certificate/a/b",
        ],
        ["", "arn:aws:acm:us-east-1:12345678901:certificate/a", "arn:aws:iam::123456789012:server-certificate/a"],
    ),
    r"[a-zA-Z0-9._-]+": (["a_.-9"], [*NAME_TRAPS, "a:b", "a+b"]),
    r"[a-zA-Z0-9!_.*'()-\/]+": (["a/b!_.*'()-9", "a+b,c"], ["", "a b", "a:b", "a\n", "é"]),
    r"[\w.-]+": (["a_.-9"], [*NAME_TRAPS, "a:b", "a+b"]),
    r"[\w.:-]+": (["a_.:-9", "iot:Data-ATS"], [*NAME_TRAPS, "a+b", "a@b"]),
    r"[\w=,@-]+": (["a_=,@-9"], [*NAME_TRAPS, "a.b", "a+b", "a:b"]),
    r"[a-zA-Z0-9-_.]+": (["a-b_c.d", "-", "."], [*NAME_TRAPS, "a:b", "a,b", "$default"]),
    r"[a-zA-Z0-9:$.]+": (["a:$.1"], ["", "a_b", "a-b", "a\n"]),
    r"[a-zA-Z0-9:.]+": (["a:.1"], ["", "a$", "a-b", "a\n"]),
    r"[a-zA-Z0-9:_-]+": (["a:b_c-d"], [*NAME_TRAPS, "a.b", "$a"]),
    r"[a-zA-Z0-9\-]+": (["a-1"], ["", "a_b", "a\n"]),
    r"[a-zA-Z0-9_-]+": (["a_b-c"], [*NAME_TRAPS, "a:b", "a.b", "$next"]),
    r"[a-zA-Z0-9_-]+|^\$next": (["a_b-c", "$next"], [*NAME_TRAPS, "$nex", "$next1", "$next\n", "a$next"]),
    r"[a-zA-Z0-9_.,@/:#-]+": (["a_.,@/:#-"], ["", "a b", "a=b", "[a]", "a\n", "é"]),
    r"[a-zA-Z0-9_.,@/:#=\[\]-]*": (["", "a=[b]", "_.,@/:#-"], ["a b", "a\n", "é", "{", "\\"]),
    r"\S{36,64}": (
        ["x" * 36, "é" * 64, NO_BREAK_SPACE * 40],
        ["x" * 35, "x" * 65, "x" * 36 + " ", "x" * 36 + "\n", ""],
    ),
    r"^[0-9-]+$": (["2020-04-01", "-"], ["", "a", "1\n", "1 "]),
    r"^[0-9A-Za-z_-]+$": (["a_-9"], ["", "a\n", "a b", "a:b"]),
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": (
        ["", "a b", "Ключ", "漢字", "½ ² Ⅷ", NO_BREAK_SPACE, LINE_SEPARATOR, "_.:/=+-@"],
        ["a\n", "a\tb", f"a{ZWJ}", "a#b", "a,b", "😀", "e\u0301"],
    ),
    r"^[1-9]+.[0-9]+": (["1.0", "9x99", "1 0"], ["", "0.1", "1.", "1\n0", f"1{LINE_SEPARATOR}0", "1\u00850", "1.0\n"]),
    r"^[^$].*": (["a", "a$b", "\n", "a b"], ["", "$a", "a\nb", "a\n", f"a{LINE_SEPARATOR}"]),
    r"^arn:[!-~]+$": (["arn:aws:iot:x:1:job/a"], ["", "arn:", "arn:a b", "arn:a\n", "arn:é", "xarn:a"]),
}


def test_every_pattern_has_examples() -> None:
    assert EXAMPLES.keys() == patterns.TRANSLATIONS.keys() | patterns.FUNCTIONS.keys()


@pytest.mark.parametrize("pattern", EXAMPLES)
def test_pattern_examples(pattern: str) -> None:
    good, bad = EXAMPLES[pattern]
    matches = patterns.matcher(pattern)
    assert [value for value in good if not matches(value)] == []
    assert [value for value in bad if matches(value)] == []


def test_an_unreviewed_pattern_is_refused() -> None:
    with pytest.raises(KeyError):
        patterns.matcher("[a-z]+")


def test_device_details_may_hold_lines() -> None:
    matches = patterns.test_of(Text(pattern=r"[^\p{C}]+", multiline=True))
    assert [value for value in ("out\r\n\terr", "\n", "a") if not matches(value)] == []
    assert [value for value in ("", "a\x00", f"a{ZWJ}", "\x1b[0m", "\x0b") if matches(value)] == []


def test_an_empty_package_description_passes() -> None:
    matches = patterns.test_of(Text(pattern=r"[^\p{C}]+", or_empty=True))
    assert matches("")
    assert matches("a")
    assert not matches("\n")


@settings(max_examples=300, derandomize=True, database=None)
@given(st.text(st.characters(), max_size=5))
def test_the_shortcuts_change_nothing(value: str) -> None:
    categories = [unicodedata.category(character) for character in value]
    assert bool(patterns.without_other(value)) == (value != "" and not any(c[0] == "C" for c in categories))
    tagged = all(c[0] in "LZN" or character in "_.:/=+-@" for c, character in zip(categories, value, strict=True))
    assert bool(patterns.tag_text(value)) == tagged
