"""Statements about buckets and the versions of their objects."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tidegate.clock import Millis

_COLUMNS = "seq, bucket, key, version_id, latest, marker, size, etag, modified_at, about"


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an object says about itself besides its bytes.

    ``headers`` are those given back as they came (``content-type``, ``cache-control`` …), ``checksums`` by algorithm as
    they are written in headers; ``checksum_type`` FULL_OBJECT or COMPOSITE.
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    checksums: dict[str, str] = {}
    checksum_type: str = "FULL_OBJECT"
    parts: int = 0
    """How many parts a multipart upload had; 0 for a simple one."""


class Bucket(NamedTuple):
    """A bucket; ``owner`` is an account."""

    name: str
    owner: str
    region: str
    created_at: Millis


class Version(NamedTuple):
    """A version of an object, or a delete marker."""

    seq: int
    bucket: str
    key: str
    version_id: str
    latest: bool
    marker: bool
    size: int
    etag: str
    modified_at: Millis
    about: About


class Segment(NamedTuple):
    """Bytes of a version: a whole blob."""

    blob: str
    size: int


def encode_about(about: About) -> bytes:
    """As it is stored."""
    return msgspec.json.encode(about)


_ABOUT = msgspec.json.Decoder(About)


def decode_about(stored: bytes) -> About:
    """What is stored."""
    return _ABOUT.decode(stored)


def _version(row: Sequence[Any]) -> Version:
    seq, bucket, key, version_id, latest, marker, size, etag, modified_at, about = row
    return Version(
        seq, bucket, key, version_id, bool(latest), bool(marker), size, etag, modified_at, decode_about(about)
    )


# ----------------------------------------------------------------------------------------------------------- buckets


def bucket_insert(tx: sqlite3.Connection, bucket: Bucket) -> bool:
    """Keep a bucket; False if the name is taken."""
    return tx.execute("INSERT INTO bucket VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", bucket).rowcount == 1


def bucket_get(tx: sqlite3.Connection, name: str) -> Bucket | None:
    """The bucket of this name."""
    row = tx.execute("SELECT name, owner, region, created_at FROM bucket WHERE name = ?", (name,)).fetchone()
    return Bucket(*row) if row else None


def bucket_list(tx: sqlite3.Connection) -> list[Bucket]:
    """All buckets by name."""
    rows = tx.execute("SELECT name, owner, region, created_at FROM bucket ORDER BY name").fetchall()
    return [Bucket(*row) for row in rows]


def bucket_is_empty(tx: sqlite3.Connection, name: str) -> bool:
    """Whether nothing lies in it: no version, no marker, no upload."""
    held = "SELECT 1 FROM version WHERE bucket = ?1 UNION ALL SELECT 1 FROM upload WHERE bucket = ?1 LIMIT 1"
    return tx.execute(held, (name,)).fetchone() is None


def bucket_delete(tx: sqlite3.Connection, name: str) -> None:
    """Forget a bucket."""
    tx.execute("DELETE FROM bucket WHERE name = ?", (name,))


# ---------------------------------------------------------------------------------------------------------- versions


def insert(tx: sqlite3.Connection, version: Version, segments: Sequence[Segment]) -> None:
    """Add a version, or a marker, as the latest of its key. ``seq`` and ``latest`` are chosen here."""
    tx.execute(
        "UPDATE version SET latest = 0 WHERE bucket = ? AND key = ? AND latest = 1", (version.bucket, version.key)
    )
    made = tx.execute(
        "INSERT INTO version (bucket, key, version_id, latest, marker, size, etag, modified_at, about)"
        " VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)",
        (
            version.bucket,
            version.key,
            version.version_id,
            version.marker,
            version.size,
            version.etag,
            version.modified_at,
            encode_about(version.about),
        ),
    )
    seq = made.lastrowid
    rows = [(seq, position, *segment) for position, segment in enumerate(segments)]
    tx.executemany("INSERT INTO segment VALUES (?, ?, ?, ?)", rows)


def latest(tx: sqlite3.Connection, bucket: str, key: str) -> Version | None:
    """The newest version of a key; it may be a marker."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM version WHERE bucket = ? AND key = ? AND latest = 1",  # noqa: S608 - our columns
        (bucket, key),
    ).fetchone()
    return _version(row) if row else None


def get(tx: sqlite3.Connection, bucket: str, key: str, version_id: str) -> Version | None:
    """A version by its id."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM version WHERE bucket = ? AND key = ? AND version_id = ?",  # noqa: S608
        (bucket, key, version_id),
    ).fetchone()
    return _version(row) if row else None


def etag(bucket: str, key: str, version_id: str | None) -> tuple[str, tuple[str, ...]]:
    """The statement, with its parameters, that finds (ETag, whether it is a marker) of a version or the latest."""
    if version_id is None:
        return "SELECT etag, marker FROM version WHERE bucket = ? AND key = ? AND latest = 1", (bucket, key)
    return "SELECT etag, marker FROM version WHERE bucket = ? AND key = ? AND version_id = ?", (bucket, key, version_id)


def segments(tx: sqlite3.Connection, seq: int) -> list[Segment]:
    """The blobs of a version in order."""
    rows = tx.execute("SELECT blob, size FROM segment WHERE seq = ? ORDER BY position", (seq,)).fetchall()
    return [Segment(*row) for row in rows]


def delete(tx: sqlite3.Connection, version: Version) -> None:
    """Take a version away; the one before it becomes the latest."""
    tx.execute("DELETE FROM segment WHERE seq = ?", (version.seq,))
    tx.execute("DELETE FROM version WHERE seq = ?", (version.seq,))
    if version.latest:
        tx.execute(
            "UPDATE version SET latest = 1 WHERE seq ="
            " (SELECT seq FROM version WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1)",
            (version.bucket, version.key),
        )


def objects_from(
    tx: sqlite3.Connection, bucket: str, start: str, before: str | None, *, after: bool, limit: int
) -> list[Version]:
    """Present objects with keys from ``start`` on (after it, if so said) and below ``before``, in order."""
    return _listed(tx, "latest = 1 AND marker = 0", "key", (bucket, start, before), after=after, limit=limit)


def versions_from(
    tx: sqlite3.Connection, bucket: str, start: str, before: str | None, *, after: bool, limit: int
) -> list[Version]:
    """Versions and markers in the order of a listing: by key, the newest first."""
    return _listed(tx, "1", "key, seq DESC", (bucket, start, before), after=after, limit=limit)


def _listed(
    tx: sqlite3.Connection, which: str, order: str, span: tuple[str, str, str | None], *, after: bool, limit: int
) -> list[Version]:
    bucket, start, before = span
    query = (
        f"SELECT {_COLUMNS} FROM version WHERE bucket = ? AND {which} AND key {'>' if after else '>='} ?"  # noqa: S608
        f"{' AND key < ?' if before is not None else ''} ORDER BY {order} LIMIT ?"
    )
    bound = (bucket, start, limit) if before is None else (bucket, start, before, limit)
    return [_version(row) for row in tx.execute(query, bound)]


def older(tx: sqlite3.Connection, bucket: str, key: str, version_id: str, *, limit: int) -> list[Version]:
    """Versions of a key that are older than the one named, the newest first."""
    query = (
        f"SELECT {_COLUMNS} FROM version WHERE bucket = ?1 AND key = ?2 AND seq <"  # noqa: S608
        " (SELECT seq FROM version WHERE bucket = ?1 AND key = ?2 AND version_id = ?3) ORDER BY seq DESC LIMIT ?4"
    )
    return [_version(row) for row in tx.execute(query, (bucket, key, version_id, limit))]


def blob_is_used(tx: sqlite3.Connection, blob: str) -> bool:
    """Whether any version or part is made of a blob."""
    query = "SELECT 1 FROM segment WHERE blob = ?1 UNION ALL SELECT 1 FROM part WHERE blob = ?1 LIMIT 1"
    return tx.execute(query, (blob,)).fetchone() is not None
