"""What a process that holds keys owes them: nobody else reads what it writes, and its memory is in no file."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path
from typing import Final

_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE of prctl(2); Python has no name for it
_MMAP_THRESHOLD, _MMAP_MAX = -3, -4  # of mallopt(3)
_LARGE: Final = 256 * 1024
_MOST_APART: Final = 32 * 1024
"""The system maps 65,530 pieces for a process (``vm.max_map_count``), and others need some."""
_SECRETS: Final = ("*.key", "*.key.*", "tidegate.db", "tidegate.db-*", "objects/index.db", "objects/index.db-*")


def keep_private() -> None:
    """From now on files are its user's alone, and there are no core dumps, also where a program collects them.

    Only root can attach a debugger or a profiler to it then. Does not outlast an exec.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux has it
    if prctl is not None:
        prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def keep_large_apart() -> None:
    """From now on large pieces of memory are the system's again once they are free (glibc).

    uvloop reads each TLS connection into 256 KiB. Pieces that come and go among small ones leave holes in which the
    next one has no room, and the process grows with every client that comes back. Does not outlast an exec.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_MMAP_MAX, _MOST_APART)


def repair(folder: Path) -> list[str]:
    """Take secrets in a data directory away from other users; the names of those they could read.

    Raises:
        OSError: a file is another user's.
    """
    found = sorted({path for pattern in _SECRETS for path in folder.glob(pattern)})
    return [str(path.relative_to(folder)) for path in found if take_from_others(path)]


def take_from_others(path: Path) -> bool:
    """Let only its owner do anything with a file or directory; whether others could. Raises ``OSError``."""
    mode = path.stat().st_mode
    if mode & 0o077:
        path.chmod(mode & 0o700)
    return bool(mode & 0o077)
