"""Named statements: ``queries/<noun>.sql`` for both engines, ``queries/<noun>.<dialect>.sql`` where they must differ.

A statement starts at a line ``-- name: noun_verb`` and its parameters are written ``:like_this``. A dialect file may
only replace statements that the common file has, and says why in a ``-- Differs:`` line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Dialect = Literal["sqlite", "postgres"]

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*")
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_WRITES = re.compile(r"(?<!FOR )\b(INSERT|UPDATE|DELETE)\b")
_WRITTEN = re.compile(r"\b(?:INSERT INTO|(?<!FOR )UPDATE|DELETE FROM) (\w+)")
_WORD = re.compile(r"\w+")


class Statement(NamedTuple):
    """One named statement, in the engine's own parameter style."""

    sql: str
    writes: bool
    words: frozenset[str] = frozenset()
    """Every word of it but its parameters: the tables it reads or writes are among them."""
    written: frozenset[str] = frozenset()
    """The tables it writes."""
    locks: bool = False
    """It reads rows and holds them."""

    def numbered(self, fields: Sequence[str]) -> str:
        """The same for SQLite with parameters by position: a third cheaper where one statement runs many times."""
        return _PARAMETER.sub(lambda match: f"?{fields.index(match[1]) + 1}", self.sql)


@cache
def load(dialect: Dialect) -> dict[str, Statement]:
    """Every named statement for one engine."""
    common: dict[str, str] = {}
    special: dict[str, str] = {}
    for entry in sorted(files(__package__).joinpath("queries").iterdir(), key=lambda entry: entry.name):
        noun, _, kind = entry.name.removesuffix(".sql").partition(".")
        if not entry.name.endswith(".sql") or kind not in ("", dialect):
            continue
        found = _split(entry.name, entry.read_text())
        known = special if kind else common
        for name, (text, differs) in found.items():
            if kind and not differs:
                raise ValueError(f"{entry.name}: statement {name} does not say why it differs")
            if name in known:
                raise ValueError(f"{entry.name}: statement {name} ({noun}) is defined twice")
            known[name] = text
    stray = special.keys() - common.keys()
    if stray:
        raise ValueError(f"{dialect} statements without a common one: {sorted(stray)}")
    return {name: _statement(text, dialect) for name, text in (common | special).items()}


def _split(file: str, text: str) -> dict[str, tuple[str, bool]]:
    """Statements by name: the text without comments, and if it says why it differs."""
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}: a statement is defined twice")
    return {
        name: (_COMMENT.sub("", body).strip().rstrip(";"), "-- Differs:" in body)
        for name, body in zip(names, bodies, strict=True)
    }


def _statement(text: str, dialect: Dialect) -> Statement:
    sql = " ".join(text.split())
    writes = bool(_WRITES.search(sql))
    words, written = frozenset(_WORD.findall(_PARAMETER.sub("", sql))), frozenset(_WRITTEN.findall(sql))
    if dialect == "postgres":
        sql = _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))
    return Statement(sql, writes, words, written, "FOR UPDATE" in sql)
