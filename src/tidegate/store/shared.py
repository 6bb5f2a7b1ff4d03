"""What the works of one transaction share: what they read first is read once for all, what they write is written once.

A device's request begins with reading its thing's pending list and ends with moving one row of it. Works that say so
(``together``) have their lists read by one statement before the first of them runs (``ahead``), rows that are the same
for many are asked for once (``recall``), and their moves wait until somebody reads the table or the transaction ends
(``later``). A work cannot tell the difference from running alone; ADR 0024 has the reasons and the figures.

What keeps that true is looked up in the statements' own text:

* before a statement that names a table with rows that wait, these are written;
* after a statement that writes a table, nothing is remembered of it; a row that waits makes its thing's list forgotten;
* if a row that waited finds nothing to write to, the transaction is undone and each work runs by itself (``Spoiled``).

A single work that goes through many things has the same for itself (``Tx.read_ahead``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tidegate.store.database import First, Marked, Params, Row, Spoiled, Tx, Work, Written
from tidegate.store.statements import Statement

FEW = 8
"""Fewer works than this are as cheap one by one."""

_LISTS = "execution_pending_all"
_LISTS_BY_ID = "execution_pending_of"

WriteAll = Callable[[str, Sequence[Written]], int]
"""Runs a ``later`` statement for all rows; returns how many it touched."""


class Shared:
    """What has been read ahead, and what waits to be written."""

    __slots__ = ("_lists", "_names", "_read", "_rows", "_statements", "_unwritten", "_waiting", "_write_all")

    def __init__(self, known: Mapping[str, Statement], write_all: WriteAll) -> None:
        self._statements = known
        self._write_all = write_all
        self._lists: dict[First | int, list[Row]] = {}
        self._names: dict[int, First] = {}
        self._rows: dict[tuple[str, tuple[Hashable, ...]], Row | None] = {}
        self._read: set[str] = set()
        self._waiting: dict[str, dict[tuple[int, int, int], Written]] = {}
        self._unwritten: set[str] = set()

    def read(self, tx: Tx, firsts: Iterable[First]) -> None:
        """Read the lists that works will begin with."""
        by_scope: dict[int, dict[str, list[Row]]] = defaultdict(dict)
        for scope, thing_name in firsts:
            by_scope[scope][thing_name] = []
        for scope, lists in by_scope.items():
            names = msgspec.json.encode(list(lists)).decode()
            for row in tx.all(_LISTS, {"scope": scope, "names": names}):
                lists[row[-1]].append(row)
            for name, rows in lists.items():
                first = (scope, name)
                self._lists[first] = rows
                if rows:
                    self._names[rows[0][0]] = first
        self._read |= self._statements[_LISTS].words

    def read_things(self, tx: Tx, things: Collection[int]) -> None:
        """Read the lists of things known by their ids."""
        lists: dict[First | int, list[Row]] = {thing: [] for thing in things}
        for row in tx.all(_LISTS_BY_ID, {"things": msgspec.json.encode(list(lists)).decode()}):
            lists[row[0]].append(row)
        self._lists |= lists
        self._read |= self._statements[_LISTS_BY_ID].words

    def ahead(self, first: First | int) -> list[Row] | None:
        """A list that was read, if nothing has changed it since."""
        return self._lists.get(first)

    def recall(self, query: str, params: Params, ask: Callable[[str, Params], Row | None]) -> Row | None:
        """A row that was read before, or what ``ask`` says."""
        key = query, tuple(params.values())
        if key not in self._rows:
            self._rows[key] = ask(query, params)
            self._read |= self._statements[query].words
        return self._rows[key]

    def later(self, query: str, row: Written) -> None:
        """Keep a row to be written."""
        waiting = self._waiting.get(query)
        if waiting is None:
            waiting = self._waiting[query] = {}
            self._unwritten |= self._statements[query].written
        waiting[row[:3]] = row  # a second move finds another version than its own when it is written: Spoiled
        first = self._names.pop(row[0], None)
        if first is not None:
            self._lists.pop(first, None)
        self._lists.pop(row[0], None)

    def before(self, statement: Statement) -> None:
        """Make way for a statement that is about to run."""
        if self._waiting and not (statement.words and self._unwritten.isdisjoint(statement.words)):
            self.write()
        if statement.writes and not self._read.isdisjoint(statement.written):
            self._lists.clear()
            self._rows.clear()
            self._read.clear()

    def write(self) -> None:
        """Write every row that waits, in the order of their keys.

        Raises:
            Spoiled: one of them found nothing to write to.
        """
        waiting, self._waiting = self._waiting, {}
        self._unwritten.clear()
        for query, rows in waiting.items():
            if self._write_all(query, [row for _, row in sorted(rows.items())]) != len(rows):
                raise Spoiled


def firsts(works: Sequence[Work[Any]]) -> list[First] | None:
    """Where works begin, if enough of them say so to be worth a statement for all."""
    if len(works) < FEW:
        return None
    found = [work.first for work in works if isinstance(work, Marked) and work.first is not None]
    return found if len(found) >= FEW else None
