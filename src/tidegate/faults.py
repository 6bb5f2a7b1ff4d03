"""What a failing file means for whoever runs the server, in a sentence that says what to do next; and what fails of
itself only for now.
"""

from __future__ import annotations

import errno
import sqlite3
from typing import Final

_FULL: Final = "the disk is full: make room, nothing else is needed"
_READ_ONLY: Final = "it is read-only: let the server's user write the file and its folder (mount, owner, mode)"
_DAMAGED: Final = "it is damaged: stop the server, see `tidegate check`, and restore a backup"
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look whether the file and its folder are there and may be used",
    sqlite3.SQLITE_IOERR: "the disk failed: look at its room and its health (df, dmesg)",
}
_OF_SYSTEM: Final = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EROFS: _READ_ONLY, errno.EACCES: _READ_ONLY}


class ToldError(Exception):
    """What keeps a command from its work, in words for whoever gave it: no trace is shown."""

    def sentence(self) -> str:
        """The words."""
        return str(self)


class Unavailable(Exception):  # noqa: N818 - a state of affairs
    """Something that is needed does not answer just now: it says nothing about who asked, who may try again."""


def explained(error: sqlite3.Error | OSError) -> str:
    """An error's own words, with advice if there is any."""
    if isinstance(error, OSError):
        advice = _OF_SYSTEM.get(error.errno or 0)
    else:
        advice = _ADVICE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
    return f"{error}; {advice}" if advice else str(error)
