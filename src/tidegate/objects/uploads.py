"""Statements about multipart uploads and their parts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from tidegate.clock import Millis
from tidegate.objects.versions import About, decode_about, encode_about


class Upload(NamedTuple):
    """A multipart upload that is under way.

    ``about`` is the coming object's; its ``checksums`` has the algorithm as the only key if one was chosen.
    """

    upload_id: str
    bucket: str
    key: str
    initiated_at: Millis
    about: About

    @property
    def algorithm(self) -> str | None:
        """The checksum every part has."""
        return next(iter(self.about.checksums), None)


class Part(NamedTuple):
    """A part that has arrived; ``etag`` is the MD5 in hex."""

    number: int
    blob: str
    size: int
    etag: str
    checksum: str | None
    modified_at: Millis


def _upload(row: Sequence[Any]) -> Upload:
    upload_id, bucket, key, initiated_at, about = row
    return Upload(upload_id, bucket, key, initiated_at, decode_about(about))


def insert(tx: sqlite3.Connection, upload: Upload) -> None:
    """Begin an upload."""
    tx.execute("INSERT INTO upload VALUES (?, ?, ?, ?, ?)", (*upload[:4], encode_about(upload.about)))


def get(tx: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> Upload | None:
    """The upload of this id, if it is of this object."""
    row = tx.execute(
        "SELECT upload_id, bucket, key, initiated_at, about FROM upload WHERE upload_id = ? AND bucket = ? AND key = ?",
        (upload_id, bucket, key),
    ).fetchone()
    return _upload(row) if row else None


def delete(tx: sqlite3.Connection, upload_id: str) -> list[str]:
    """Forget an upload and its parts; the blobs they were."""
    blobs = [row[0] for row in tx.execute("SELECT blob FROM part WHERE upload_id = ?", (upload_id,))]
    tx.execute("DELETE FROM part WHERE upload_id = ?", (upload_id,))
    tx.execute("DELETE FROM upload WHERE upload_id = ?", (upload_id,))
    return blobs


def listed(
    tx: sqlite3.Connection, bucket: str, start: str, before: str | None, *, after: bool, limit: int
) -> list[Upload]:
    """Uploads by key, those of one key by id."""
    query = (
        "SELECT upload_id, bucket, key, initiated_at, about FROM upload WHERE bucket = ?"  # noqa: S608 - our operators
        f" AND key {'>' if after else '>='} ?{' AND key < ?' if before is not None else ''}"
        " ORDER BY key, upload_id LIMIT ?"
    )
    bound = (bucket, start, limit) if before is None else (bucket, start, before, limit)
    return [_upload(row) for row in tx.execute(query, bound)]


def following(tx: sqlite3.Connection, bucket: str, key: str, upload_id: str, *, limit: int) -> list[Upload]:
    """Uploads of one key after the one named."""
    query = (
        "SELECT upload_id, bucket, key, initiated_at, about FROM upload"
        " WHERE bucket = ? AND key = ? AND upload_id > ? ORDER BY upload_id LIMIT ?"
    )
    rows = tx.execute(query, (bucket, key, upload_id, limit))
    return [_upload(row) for row in rows]


def abandoned(tx: sqlite3.Connection, before: Millis, limit: int) -> list[str]:
    """Ids of uploads that were begun before an instant and have got no part since."""
    query = (
        "SELECT upload_id FROM upload WHERE initiated_at < ?1 AND NOT EXISTS"
        " (SELECT 1 FROM part WHERE part.upload_id = upload.upload_id AND part.modified_at >= ?1) LIMIT ?2"
    )
    return [row[0] for row in tx.execute(query, (before, limit))]


def part_put(tx: sqlite3.Connection, upload_id: str, part: Part) -> str | None:
    """Keep a part; the blob of an earlier one with its number."""
    old = tx.execute("SELECT blob FROM part WHERE upload_id = ? AND number = ?", (upload_id, part.number)).fetchone()
    tx.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?)", (upload_id, *part))
    return old[0] if old else None


def parts(tx: sqlite3.Connection, upload_id: str, after: int = 0, limit: int = 10_000) -> list[Part]:
    """Parts with numbers above ``after``, in order."""
    query = (
        "SELECT number, blob, size, etag, checksum, modified_at FROM part"
        " WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?"
    )
    return [Part(*row) for row in tx.execute(query, (upload_id, after, limit))]
