"""Files by the SHA-256 of what is in them: ``blobs/ab/ab12…``.

A blob appears whole or not at all: it is written under ``incoming``, made durable there, and renamed. No name that a
client chose is ever part of a path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tidegate import files, process
from tidegate.objects.checksums import Digests


class Incoming:
    """A file that is being written; ``discard`` unless it is kept."""

    def __init__(self, path: Path, digests: Digests) -> None:
        self.path = path
        self.digests = digests
        self._file: BinaryIO = open(  # noqa: SIM115 - closed by finish and discard
            path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600)
        )

    def write(self, data: bytes) -> None:
        """Take in more. Blocks.

        Raises:
            OSError: the disk does not take it.
        """
        self.digests.update(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> None:
        """Make it durable. Blocks."""
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Leave nothing. Harmless once it has been kept."""
        self._file.close()
        with suppress(FileNotFoundError):
            self.path.unlink()


class Blobs:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._kept = folder / "blobs"

    def prepare(self) -> None:
        """Make the directories, and remove what a process that died left half-written."""
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._incoming.mkdir(mode=0o700, exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink()
        private([self._kept, self._incoming, *self._kept.glob("*")])
        private(self._kept.glob("*/*"))

    def begin(self, name: str, digests: Digests) -> Incoming:
        """A file to write to; ``name`` is a token of ours."""
        return Incoming(self._incoming / name, digests)

    def keep(self, incoming: Incoming) -> str:
        """Publish a finished file; its name. Blocks until the name is durable, too."""
        name = incoming.digests.sha256
        directory = self._path(name).parent
        if not directory.exists():
            directory.mkdir(mode=0o700, exist_ok=True)
            files.sync(self._kept)
        os.replace(incoming.path, self._path(name))
        files.sync(directory)
        return name

    def open(self, name: str) -> int:
        """A descriptor to read from.

        Raises:
            FileNotFoundError: there is no such blob (any more).
        """
        return os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def remove(self, name: str) -> None:
        """Take a blob away; who has it open reads on."""
        with suppress(FileNotFoundError):
            self._path(name).unlink()

    def names(self) -> Iterator[str]:
        """Every blob."""
        for directory in self._kept.iterdir():
            yield from (entry.name for entry in directory.iterdir())

    def _path(self, name: str) -> Path:
        return self._kept / name[:2] / name


def private(paths: Iterable[Path]) -> None:
    """Take from others what an older version, or another umask, let them do with what is there."""
    for path in paths:
        with suppress(FileNotFoundError, PermissionError):  # of another user: his to change
            process.take_from_others(path)
