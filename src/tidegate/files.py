"""Small files: they appear whole or not at all and are on disk before anybody builds on them; whether they changed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tidegate.clock import Ids

Seen = tuple[tuple[int, int, int] | None, ...]
"""What files looked like: inode, time of change, size; None for what is not there."""


def seen(paths: Iterable[Path]) -> Seen:
    """How files look now; a replaced or rewritten one looks different."""
    return tuple(map(_seen, paths))


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def replace(path: Path, text: str, *, mode: int) -> None:
    """Replace a file; it never exists with wider permissions than ``mode``. One writer at a time."""
    # What a crash left behind under this name is overwritten.
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    _write(partial, text, mode)
    partial.replace(path)
    sync(path.parent)


def create(path: Path, text: str, ids: Ids) -> None:
    """Make a file that its owner alone can read; of several processes that do so at once, the first decides."""
    partial = path.with_name(f"{path.name}.{ids.uuid()}")
    try:
        _write(partial, text, 0o600)
        with suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask is: what is public can be read
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
