"""Makes a data directory, and a PostgreSQL, of a backup: checked before anything is written, compared afterwards.

All is put together in ``restoring`` within the directory and moved to its place at the end. While ``restoring`` is
there no server starts on the directory; a restore that was killed is given again and starts afresh. On PostgreSQL
everything is one transaction.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidegate import files
from tidegate.backup import format as layout
from tidegate.backup.format import BackupError, Manifest, Table
from tidegate.objects import index
from tidegate.server import directory
from tidegate.server.directory import RESTORING
from tidegate.store import raw
from tidegate.store.database import StoreError
from tidegate.store.raw import Applied, Snapshot

_OURS = frozenset({"lock", ".pki.lock", RESTORING})
"""What an empty data directory may hold."""


class Restored(NamedTuple):
    """What was brought back."""

    manifest: Manifest
    rows: int
    blobs: int


def latest(path: Path) -> Path:
    """A backup, or the latest of a folder of backups. Raises ``BackupError`` if it is neither."""
    if (path / layout.MANIFEST).exists():
        return path
    found = layout.backups(path)
    if not found:
        raise BackupError(f"{path} is no backup, and holds none")
    return found[-1]


def check(backup: Path) -> Manifest:
    """Look at every byte of a backup.

    Raises:
        BackupError: what is missing, damaged or too many, all of it.
    """
    manifest = layout.read_manifest(backup)
    problems = [*_files(backup, manifest), *_blobs(backup)]
    if not problems:
        problems = list(_rows(backup, manifest))
    if problems:
        raise BackupError("\n".join([f"{backup} is damaged:", *problems]))
    return manifest


def restore(backup: Path, data: Path, store: str) -> Restored:
    """Bring a backup back into an empty data directory, made if need be, and into an empty store.

    Raises:
        BackupError: the backup is damaged, the directory is not empty, or what was written is not what was read.
        StoreError: the store is not empty or cannot be written, or this tidegate does not know the backup's schema.
        InUseError: a server runs on the directory.
    """
    manifest = check(backup)
    data.mkdir(parents=True, exist_ok=True)
    with directory.alone(data, restoring=True):
        work = data / RESTORING
        _empty(data, work)
        work.mkdir()
        files.sync(data)
        objects = work / "objects"
        if manifest.objects:
            _objects(backup, manifest, objects)
        for path in (backup / "keys").iterdir():
            layout.write(work / path.name, path.read_bytes())
        _store(backup, manifest, work / "tidegate.db", store)
        _compare(manifest, work, store)
        _move(work, data)
    rows = sum(table.count for table in (*manifest.store.values(), *manifest.objects.values()))
    return Restored(manifest, rows, manifest.blobs)


def _files(backup: Path, manifest: Manifest) -> Iterator[str]:
    there = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()} - {layout.MANIFEST}
    for name in sorted(there - manifest.files.keys()):
        yield f"{name} is no part of it"
    for name, expected in sorted(manifest.files.items()):
        if name not in there:
            yield f"{name} is gone"
        elif layout.digest(backup / name) != expected:
            yield f"{name} is not what was written"


def _blobs(backup: Path) -> Iterator[str]:
    try:
        wanted = layout.listed(backup)
    except (OSError, ValueError):
        return  # told with the files
    for name in sorted(wanted):
        path = layout.blob(backup.parent / "blobs", name)
        if not path.exists():
            yield f"{path} is gone"
        elif layout.digest(path) != name:
            yield f"{path} is not what was written"


def _rows(backup: Path, manifest: Manifest) -> Iterator[str]:
    """What a manifest says of rows that are not so: it is signed by nobody, and may have been changed."""
    for part, tables in (("store", manifest.store), ("objects", manifest.objects)):
        for name, table in tables.items():
            path = backup / part / f"{name}.rows.gz"
            try:
                if layout.counted(layout.read_rows(path)) != (table.count, table.sum):
                    yield f"{part}/{name}: its rows are not those that were counted"
            except (OSError, EOFError, gzip.BadGzipFile, msgspec.MsgspecError):
                yield f"{part}/{name}.rows.gz cannot be read"


def _empty(data: Path, work: Path) -> None:
    """See that nothing is in the way; a restore that was killed is undone."""
    if work.exists():
        for path in data.iterdir():
            if path.name not in _OURS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(work)
    others = sorted(path.name for path in data.iterdir() if path.name not in _OURS)
    if others:
        raise BackupError(f"{data} is not empty ({', '.join(others[:5])}): restore into another directory")


def _objects(backup: Path, manifest: Manifest, folder: Path) -> None:
    folder.mkdir()
    for name in layout.listed(backup):
        path = layout.blob(folder / "blobs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(layout.blob(backup.parent / "blobs", name), path)
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    with index.filling(folder / "index.db") as fill:
        for name, table in manifest.objects.items():
            fill(name, table.columns, layout.read_rows(backup / "objects" / f"{name}.rows.gz"))


def _store(backup: Path, manifest: Manifest, path: Path, store: str) -> None:
    applied = [Applied(*msgspec.structs.astuple(step)) for step in manifest.schema]
    try:
        with raw.filling(path, store, applied) as target:
            for name, table in manifest.store.items():
                target.fill(name, table.columns, layout.read_rows(backup / "store" / f"{name}.rows.gz"))
                if table.sequence:
                    target.number(name, table.sequence)
            _same("store", manifest.store, target.snapshot)
    except raw.NotEmptyError:
        # A restore that was killed after PostgreSQL had taken everything.
        with raw.snapshot(path.parent, store) as found:
            if set(found.columns()) != set(manifest.store):
                raise StoreError("the PostgreSQL store is not empty: restore into an empty database") from None
            try:
                _same("store", manifest.store, found)
            except BackupError:
                raise StoreError("the PostgreSQL store is not empty: restore into an empty database") from None


def _compare(manifest: Manifest, work: Path, store: str) -> None:
    """Read again what is on disk now."""
    with raw.snapshot(work, store) as found:
        _same("store", manifest.store, found)
    if manifest.objects:
        with raw.sqlite_snapshot(work / "objects" / "index.db") as found:
            _same("objects", manifest.objects, found)


def _same(part: str, tables: dict[str, Table], found: Snapshot) -> None:
    wrong = [
        f"{part}/{name}: {table.count} rows were backed up, and what is there now is not the same"
        for name, table in tables.items()
        if layout.counted(found.rows(name, table.columns)) != (table.count, table.sum)
    ]
    if wrong:
        raise BackupError("\n".join(wrong))


def _move(work: Path, data: Path) -> None:
    """Put everything in its place; ``restoring`` goes last."""
    for path in sorted(work.iterdir()):
        path.rename(data / path.name)
    files.sync(data)
    work.rmdir()
    files.sync(data)
