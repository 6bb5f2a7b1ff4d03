"""What lies in the folder: an SQLite file of its own, so that a change of names is one durable transaction.

Keys are values here, never file names, and sort by their UTF-8 bytes as S3's do. One process writes; another may read.
The schema is below, the statements are in ``versions.py`` and ``uploads.py``.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tidegate.faults import ToldError, explained
from tidegate.objects.blobs import private

_SCHEMA = """
CREATE TABLE bucket (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,           -- account
  region TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE version (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of arrival: the highest of a key is its latest
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  version_id TEXT NOT NULL,
  latest INTEGER NOT NULL,
  marker INTEGER NOT NULL,       -- a delete marker
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  modified_at INTEGER NOT NULL,
  about BLOB NOT NULL            -- JSON of About
);
CREATE UNIQUE INDEX version_by_key ON version (bucket, key, seq DESC);
CREATE UNIQUE INDEX version_by_id ON version (bucket, key, version_id);
CREATE UNIQUE INDEX version_latest ON version (bucket, key) WHERE latest = 1;

CREATE TABLE segment (           -- the blobs of a version, in order
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  blob TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (seq, position)
) WITHOUT ROWID;
CREATE INDEX segment_by_blob ON segment (blob);

CREATE TABLE upload (
  upload_id TEXT PRIMARY KEY,
  bucket TEXT NOT NULL,
  key TEXT NOT NULL,
  initiated_at INTEGER NOT NULL,
  about BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX upload_by_key ON upload (bucket, key, upload_id);

CREATE TABLE part (
  upload_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  blob TEXT NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  checksum TEXT,
  modified_at INTEGER NOT NULL,
  PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;
CREATE INDEX part_by_blob ON part (blob);

PRAGMA user_version = 1;
"""
_TABLES = ("part", "upload", "segment", "version", "bucket")
_VERSION = 1
_PATIENCE_S = 10.0


class IndexFaultError(ToldError):
    """The index cannot be opened."""


class Index:
    """The index of a folder, for any thread: one connection that writes, one that reads and never waits for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # SQLite's other files take this mode
            private(path.with_name(path.name + more) for more in ("", "-wal", "-shm"))
            self._writer = _open(path)
            self._create(path)
            self._reader = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise IndexFaultError(f"the objects' index {path} cannot be opened: {explained(error)}") from None
        self._writing = threading.RLock()
        self._reading = threading.Lock()

    def _create(self, path: Path) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        found = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if found > _VERSION:
            raise IndexFaultError(f"{path} was written by a newer version of tidegate")
        if found == 0:
            for statement in _SCHEMA.split(";\n"):
                self._writer.execute(statement)
        self._writer.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is durable when the block is left, and has not happened if it raises. Blocks."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The committed state."""
        with self._reading:
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("COMMIT")

    def one(self, statement: str, parameters: Sequence[Any]) -> Any:
        """The first row that one statement finds in the committed state, or None."""
        with self._reading:
            return self._reader.execute(statement, parameters).fetchone()

    def empty(self) -> None:
        """Forget everything, in the present transaction of ``write``."""
        for table in _TABLES:
            self._writer.execute(f"DELETE FROM {table}")  # noqa: S608 - our tables

    def check(self) -> None:
        """Raise ``sqlite3.Error`` if the file cannot be read: as it is now, not as a connection remembers it."""
        with closing(sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)) as fresh:
            fresh.execute("SELECT 1 FROM bucket LIMIT 1").fetchone()

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
        self._writer.close()


@contextmanager
def filling(path: Path) -> Iterator[Callable[[str, Sequence[str], Iterable[Sequence[Any]]], None]]:
    """Make a new index of rows (``fill(table, columns, rows)``); durable when the block is left.

    Raises:
        IndexFaultError: it cannot be made.
    """
    made = Index(path)
    try:
        with made.write() as tx:

            def fill(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
                names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
                tx.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)  # noqa: S608

            yield fill
    except sqlite3.Error as error:
        raise IndexFaultError(f"the objects' index {path} cannot be written: {explained(error)}") from None
    finally:
        made.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection
