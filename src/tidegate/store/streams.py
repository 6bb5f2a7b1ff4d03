"""Streams: files that devices read in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tidegate.core.location import Location
from tidegate.store.database import Tx


class File(msgspec.Struct, array_like=True, frozen=True):
    """A file of a stream, with the size (bytes) and ETag that it had when it was put in."""

    file_id: int
    bucket: str
    key: str
    version_id: str | None
    size: int
    etag: str

    @property
    def location(self) -> Location:
        """Where it lies."""
        return Location(self.bucket, self.key, self.version_id)


class Stream(NamedTuple):
    """A stored stream; ``files`` is for ``decode``, instants are epoch ms."""

    id: int
    name: str
    description: str | None
    role_arn: str
    version: int
    files: str
    created_at: int
    updated_at: int


class Read(NamedTuple):
    """What a device's request needs of a stream; ``thing_id`` None: there is no such thing."""

    version: int
    description: str | None
    files: str
    thing_id: int | None


_FILES = msgspec.json.Decoder(list[File])


def encode(files: Sequence[File]) -> str:
    """The stored form of files."""
    return msgspec.json.encode(files).decode()


@lru_cache(maxsize=256)
def decode(files: str) -> dict[int, File]:
    """Stored files by their ids, in the order in which they were given. Callers share them: not to be changed."""
    return {file.file_id: file for file in _FILES.decode(files)}


def insert(
    tx: Tx, scope: int, name: str, description: str | None, role_arn: str, files: Sequence[File], now: int
) -> bool:
    """Keep a new stream, whose version is 1; False if the name is taken."""
    values = {"scope": scope, "name": name, "description": description, "role_arn": role_arn, "now": now}
    return tx.one("stream_insert", {**values, "files": encode(files)}) is not None


def get(tx: Tx, scope: int, name: str) -> Stream | None:
    """One stream by its name."""
    row = tx.one("stream_get", {"scope": scope, "name": name})
    return Stream(*row) if row else None


def of_device(tx: Tx, scope: int, thing: str, name: str) -> Read | None:
    """One stream as a thing's request needs it."""
    row = tx.one("stream_of_device", {"scope": scope, "thing": thing, "name": name})
    return Read(*row) if row else None


def update(tx: Tx, stream: Stream, now: int) -> None:
    """Write what can change of a stream."""
    tx.run("stream_update", {**stream._asdict(), "now": now})


def delete(tx: Tx, stream_id: int) -> None:
    """Remove a stream."""
    tx.run("stream_delete", {"id": stream_id})


def count(tx: Tx, scope: int) -> int:
    """How many there are."""
    row = tx.one("stream_count", {"scope": scope})
    return row[0] if row else 0


def upward(tx: Tx, scope: int, after: int, limit: int) -> list[Stream]:
    """From old to new, after an inner id."""
    return [Stream(*row) for row in tx.all("stream_list_up", {"scope": scope, "after": after, "limit": limit})]


def downward(tx: Tx, scope: int, before: int, limit: int) -> list[Stream]:
    """From new to old, before an inner id."""
    return [Stream(*row) for row in tx.all("stream_list_down", {"scope": scope, "before": before, "limit": limit})]
