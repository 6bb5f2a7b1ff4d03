"""How many sockets there is room for: the limit of open files, raised as far as it goes, less what others need."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final, NamedTuple

_MANY: Final = 1 << 20
"""Asked for where no limit is set; Linux allows as many to a process (``fs.nr_open``)."""
_LEAST_BACK, _MOST_BACK = 64, 1024
"""Descriptors kept back for the store, files and what is about to be closed: an eighth, within these, at most half."""
_LEAST_OPERATORS, _MOST_OPERATORS = 16, 256
"""Of the sockets, so many are kept for operators and the health page: a thirty-second, within these."""


class Room(NamedTuple):
    """Descriptors for sockets, and how many of them devices cannot use up."""

    sockets: int
    operators: int = 0


def raise_limit() -> int:
    """Raise the limit of open files to the hard one; returns what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    for wanted in (_MANY, 65_536, 10_240) if unlimited else (hard,):
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                break
    return limit()


def limit() -> int:
    """Files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft


def room(files: int) -> Room:
    """What of so many descriptors sockets may take."""
    sockets = max(1, files - min(_MOST_BACK, max(min(_LEAST_BACK, files // 2), files // 8)))
    return Room(sockets, min(_MOST_OPERATORS, max(_LEAST_OPERATORS, sockets // 32), sockets // 2))
