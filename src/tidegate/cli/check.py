"""``tidegate check``: is what is stored whole? Reads only, beside a running server or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tidegate.cli import options
from tidegate.cli.options import Data, Store
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.faults import explained
from tidegate.store import jobs
from tidegate.store.database import StoreError

_MOST = 100
_SOUND = "ok"


def check(*, data: Data = options.DATA, store: Store = "sqlite") -> int:
    """Look for damage in the store and in the objects' index. Ends with 0 if there is none, 1 if there is."""
    found = [*_files(data, store), *_counters(data, store)]
    print("\n".join(found) if found else "The store and the objects' index are whole.")
    if found:
        print("Stop the server, keep a copy of the files, and restore a backup.")
    return 1 if found else 0


def _files(data: Path, store: str) -> Iterator[str]:
    """What is wrong with the pages of SQLite's files; PostgreSQL looks after its own."""
    for path in ([data / "tidegate.db"] if store == "sqlite" else []) + [data / "objects" / "index.db"]:
        if path.exists():
            yield from (f"{path}: {problem}" for problem in _pages(path))
        elif path.name == "tidegate.db":
            yield f"{path}: it is not there"


def _pages(path: Path) -> Iterator[str]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            yield from (text for (text,) in connection.execute(f"PRAGMA integrity_check({_MOST})") if text != _SOUND)
            for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
                yield f"row {row} of {table} refers to nothing in {parent}"
    except sqlite3.Error as error:
        yield explained(error)


def _counters(data: Path, store: str) -> Iterator[str]:
    """Jobs whose counters are not what their executions are."""
    if store == "sqlite" and not (data / "tidegate.db").exists():
        return
    try:
        with options.database(data, store) as database:
            for job_id, status, counted, found in database.read(lambda tx: jobs.miscounted(tx, _MOST)):
                name = ExecutionStatus(status).name
                yield f"job number {job_id}: {counted} executions are counted as {name}, {found} are there"
    except StoreError as error:
        yield str(error)
