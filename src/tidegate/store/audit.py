"""The audit log: rows of entries, and the chain of those that are sealed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.core.audit import Head, Sealed
from tidegate.store.database import Tx

_EVER = 1 << 62
_TOGETHER = 32
"""Entries in a row."""


class Unsealed(NamedTuple):
    """A row that is not sealed yet."""

    id: int
    entries: str


def put(tx: Tx, entry: str) -> None:
    """Add an entry, JSON on one line; it is there if and only if the rest of the transaction is."""
    tx.gather("audit", list, _put_all).append(entry)


def _put_all(tx: Tx, entries: list[str]) -> None:
    rows = [entries[first : first + _TOGETHER] for first in range(0, len(entries), _TOGETHER)]
    tx.many("audit_put", [{"entry_count": len(row), "entries": "\n".join(row)} for row in rows])


def take_turn(tx: Tx) -> bool:
    """Whether nobody else is sealing; nobody else will until the transaction ends."""
    return tx.one("audit_turn", {}) is not None


def unsealed(tx: Tx, limit: int = _EVER) -> list[Unsealed]:
    """The first rows to be sealed, in the order they were begun in."""
    return [Unsealed(*row) for row in tx.all("audit_unsealed", {"limit": limit})]


def seal(tx: Tx, rows: Iterable[tuple[int, Sealed]]) -> None:
    """Put rows, by their ids, into the chain."""
    tx.many("audit_seal", [{"id": one, "seq": row.seq, "hash": row.hash, "mac": row.mac} for one, row in rows])


def head(tx: Tx) -> Head:
    """The end of the chain."""
    row = tx.one("audit_last", {})
    return Head(*row) if row else Head()


def first(tx: Tx) -> int:
    """The lowest number there is; 1 if there is none."""
    row = tx.one("audit_first", {})
    return row[0] if row and row[0] is not None else 1


def page(tx: Tx, after: int, limit: int) -> list[Sealed]:
    """The next rows whose first entry comes after a number."""
    return [Sealed(*row) for row in tx.all("audit_page", {"after": after, "limit": limit})]


def holding(tx: Tx, seq: int) -> Sealed | None:
    """The row that holds an entry."""
    row = tx.one("audit_holding", {"seq": seq})
    return Sealed(*row) if row else None


def prune(tx: Tx, seq: int) -> None:
    """Remove the rows before the one that begins with a number, and the text of that one."""
    tx.run("audit_delete_before", {"seq": seq})
    tx.run("audit_empty", {"seq": seq})
