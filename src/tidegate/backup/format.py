"""What a folder of backups holds.

=================================== ===============================================================================
``blobs/ab/ab12…``                  objects' bytes by their SHA-256, once for all backups
``2026-01-31T120000Z/``             one backup; it has this name when all of it is there
``…/manifest.json``                 ``Manifest``
``…/store/TABLE.rows.gz``           rows of the store, each with its length before it, in MessagePack, gzipped
``…/objects/TABLE.rows.gz``         the same of the objects' index
``…/blobs.txt``                     the blobs it needs: SHA-256, a space, bytes
``…/keys/NAME``                     files of the data directory
``lock``                            held while a backup is taken
=================================== ===============================================================================

Rows are the same whichever engine they are of, and their sum does not depend on their order: so what was restored can
be compared with what was backed up, also from one engine to the other.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from tidegate.faults import ToldError

VERSION = 1
MANIFEST = "manifest.json"
BLOBS = "blobs.txt"
_LENGTH = struct.Struct(">I")
_SUM = 1 << 256


class BackupError(ToldError):
    """A backup cannot be taken, or one cannot be used: what is wrong, a line each."""


class Table(msgspec.Struct, frozen=True):
    """The rows of a table: how many, and the sum of their SHA-256s in hex."""

    columns: list[str]
    count: int
    sum: str
    sequence: int | None = None
    """The highest id that was ever given."""


class Step(msgspec.Struct, frozen=True):
    """A step of the schema."""

    number: int
    name: str
    checksum: str
    applied_at: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup consists of."""

    format: int
    tidegate: str
    taken_at: str
    """RFC 3339, UTC, by the wall clock."""
    engine: str
    schema: list[Step]
    store: dict[str, Table]
    objects: dict[str, Table]
    elsewhere: list[str]
    """Places of objects that are in an S3, and not in the backup."""
    blobs: int
    blob_bytes: int
    left_out: list[str]
    """Key files that the operator keeps elsewhere."""
    files: dict[str, str]
    """SHA-256 of every file beside the manifest, by its path in the backup."""


class Sum:
    """Counts and adds up rows."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def over(self, rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
        """Rows as they are written, one by one."""
        for row in rows:
            encoded = msgspec.msgpack.encode(list(row))
            self.count += 1
            self._sum = (self._sum + int.from_bytes(hashlib.sha256(encoded).digest())) % _SUM
            yield encoded

    @property
    def sum(self) -> str:
        """In hex."""
        return f"{self._sum:064x}"


def write_rows(path: Path, columns: list[str], rows: Iterable[Sequence[Any]], sequence: int | None) -> Table:
    """Write a table's rows; durable when it returns."""
    total = Sum()
    with open(path, "xb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
            for encoded in total.over(rows):
                packed.write(_LENGTH.pack(len(encoded)) + encoded)
        synced(file)
    return Table(columns, total.count, total.sum, sequence)


def read_rows(path: Path) -> Iterator[list[Any]]:
    """The rows of a file. Raises ``BackupError``."""
    decoder = msgspec.msgpack.Decoder(list[Any])
    with gzip.open(path, "rb") as file:
        while head := file.read(_LENGTH.size):
            yield decoder.decode(file.read(_LENGTH.unpack(head)[0]))


def counted(rows: Iterable[Sequence[Any]]) -> tuple[int, str]:
    """How many rows there are, and their sum."""
    total = Sum()
    for _ in total.over(rows):
        pass
    return total.count, total.sum


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def synced(file: IO[bytes]) -> None:
    """Have what was written on disk."""
    file.flush()
    os.fsync(file.fileno())


def write(path: Path, content: bytes) -> None:
    """Write a file; durable when it returns."""
    with open(path, "xb") as file:
        file.write(content)
        synced(file)


def blob(folder: Path, name: str) -> Path:
    """Where a blob lies below a folder of blobs."""
    return folder / name[:2] / name


def backups(folder: Path) -> list[Path]:
    """The complete backups of a folder, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))


def read_manifest(backup: Path) -> Manifest:
    """Raises ``BackupError`` if there is none, or a newer tidegate wrote it."""
    try:
        found = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupError(f"{backup / MANIFEST} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise BackupError(f"{backup / MANIFEST} is damaged: {error}") from None
    if found.format > VERSION:
        raise BackupError(f"{backup} was taken by a newer tidegate ({found.tidegate}): restore it with that one")
    return found


def listed(backup: Path) -> dict[str, int]:
    """The blobs a backup needs, with their sizes."""
    lines = (backup / BLOBS).read_text(encoding="ascii").splitlines()
    return {name: int(size) for name, size in (line.split() for line in lines)}
