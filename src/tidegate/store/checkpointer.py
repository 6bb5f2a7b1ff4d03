"""Bounds what an SQLite file costs: the length of its write-ahead log, and the pages kept in memory."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from pathlib import Path

from tidegate.clock import monotonic
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.store")


_FORGETS_S = 600.0
"""How often pages in memory are let go. What is appended and hardly read again (the audit log, above all) would fill
the cache otherwise, and look like a leak for as many hours as that takes; what is needed is back at a few µs a page."""


class Checkpointer:
    """Moves the log into the file beside the writer.

    A passive pass by the thread leaves the log full but copied; the next passive pass by the *writer* finds nothing
    left to copy, costs microseconds, and lets it start the log anew. Past the limit the writer waits for the thread's
    pass and copies the rest itself: without that wait a fast writer would find every pass of its own refused and the
    log would have no bound.
    """

    def __init__(self, path: Path, limit: int, seconds: float) -> None:
        self._path = path
        self._log = f"{path}-wal"
        self._limit = limit
        self._seconds = seconds
        self._limited_log = RateLimitedLog(log)
        self._pass = threading.Lock()
        self._passed = threading.Event()
        self._stop = threading.Event()
        self._forgets_at = monotonic() + _FORGETS_S
        self._worker = threading.Thread(target=self._work, name="tidegate-checkpoint", daemon=True)
        self._worker.start()

    def _work(self) -> None:
        connection = sqlite3.connect(str(self._path), isolation_level=None)
        while not self._stop.wait(self._seconds):
            with self._pass:
                self._checkpoint(connection)
            self._passed.set()
        connection.close()

    def after_commit(self, connection: sqlite3.Connection) -> None:
        """Start the log anew if the thread has copied it; copy it if it is too long. Never fails: the commit stands."""
        if self._log_bytes() > self._limit:
            with self._pass:
                self._passed.clear()
                self._checkpoint(connection)
        elif self._passed.is_set():
            self._passed.clear()
            self._checkpoint(connection)
            if monotonic() >= self._forgets_at:
                self._forgets_at = monotonic() + _FORGETS_S
                with contextlib.suppress(sqlite3.Error):  # the commit stands
                    connection.execute("PRAGMA shrink_memory")

    def _log_bytes(self) -> int:
        try:
            return os.stat(self._log).st_size
        except OSError:
            return 0

    def stop(self) -> None:
        self._stop.set()
        self._worker.join()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._limited_log.warning(
                "the write-ahead log could not be moved into the database; it is kept and tried again: %s", error
            )
