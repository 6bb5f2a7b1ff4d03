"""Takes a backup beside a running server.

Store and objects are of one instant: nobody changes the objects' index between the beginnings of the two snapshots,
which takes milliseconds. From then on blobs stay in place until all are copied. What was copied by an earlier backup is
not copied again. A process that is killed leaves nothing that looks like a backup; the next one tidies up.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidegate import __version__, files
from tidegate.backup import format as layout
from tidegate.backup.format import BackupError, Manifest, Step, Table
from tidegate.clock import Millis
from tidegate.objects import credential, folder
from tidegate.pki import authority, vault
from tidegate.server.directory import SERVED
from tidegate.store import raw
from tidegate.store.raw import Snapshot

KEYS = (*authority.FILES, *SERVED, credential.FILE, vault.FILE, "node")
"""Files of the data directory that a backup holds, as far as they are there."""
_UNFINISHED = ".unfinished"
_STEP = 1 << 20


class Place(NamedTuple):
    """What is backed up."""

    data: Path
    store: str
    objects: tuple[str, ...] = ()
    """As of a server's options."""

    @property
    def elsewhere(self) -> bool:
        """Whether the objects are in an S3."""
        return bool(self.objects) and self.objects[0].startswith("s3://")

    @property
    def folder(self) -> Path:
        """Where the objects are, if not elsewhere."""
        return Path(self.objects[0]) if self.objects else self.data / "objects"


class Taken(NamedTuple):
    """A backup, and what it cost."""

    path: Path
    manifest: Manifest
    copied: int
    copied_bytes: int
    damaged: tuple[str, ...]
    """Blobs whose bytes are not what their names say, or that are gone: the objects made of them are lost."""


def take(place: Place, into: Path, now: Millis, *, leave_out: Sequence[str] = ()) -> Taken:
    """Take a backup into a folder of backups, made if need be.

    ``leave_out`` names files of keys that are kept elsewhere.

    Raises:
        BackupError: another backup is being taken into the folder, or there is one of this second.
        StoreError: the store cannot be read.
        OSError: the folder cannot be written.
    """
    into.mkdir(parents=True, exist_ok=True)
    taken_at = datetime.fromtimestamp(now // 1000, UTC)
    final = into / f"{taken_at:%Y-%m-%dT%H%M%SZ}"
    with alone(into):
        for left in into.glob(f".*{_UNFINISHED}"):
            shutil.rmtree(left)
        if final.exists():
            raise BackupError(f"{final} is there already")
        partial = into / f".{final.name}{_UNFINISHED}"
        partial.mkdir()
        with ExitStack() as stack:
            store, objects = _snapshots(place, stack)
            keys = _keys(place.data, partial / "keys", leave_out)
            tables = _tables(store, partial / "store")
            named = _tables(objects, partial / "objects") if objects else {}
            wanted = _blobs(objects) if objects else {}
            copied, damaged = _copy(place.folder / "blobs", into / "blobs", wanted)
            steps = [Step(*step) for step in store.applied()]
            engine = store.dialect
        (partial / layout.BLOBS).write_text("".join(f"{name} {size}\n" for name, size in wanted.items()))
        found = sorted(path for path in partial.rglob("*") if path.is_file())
        manifest = Manifest(
            format=layout.VERSION,
            tidegate=__version__,
            taken_at=taken_at.isoformat(),
            engine=engine,
            schema=steps,
            store=tables,
            objects=named,
            elsewhere=list(place.objects) if place.elsewhere else [],
            blobs=len(wanted),
            blob_bytes=sum(wanted.values()),
            left_out=[name for name in leave_out if name not in keys and (place.data / name).exists()],
            files={str(path.relative_to(partial)): layout.digest(path) for path in found},
        )
        layout.write(partial / layout.MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        _settle(partial)
        partial.rename(final)
        files.sync(into)
    return Taken(final, manifest, len(copied), sum(wanted[name] for name in copied), tuple(damaged))


def prune(into: Path, keep: int) -> list[Path]:
    """Remove all but the latest backups, and the blobs that none of them needs; those removed."""
    with alone(into):
        gone = layout.backups(into)[:-keep]
        for backup in gone:
            (backup / layout.MANIFEST).unlink()  # it is no backup from here on
            shutil.rmtree(backup)
        needed = {name for backup in layout.backups(into) for name in layout.listed(backup)}
        for path in into.glob("blobs/*/*"):
            if path.name not in needed:
                path.unlink()
    return gone


@contextmanager
def alone(into: Path) -> Iterator[None]:
    """Hold a folder of backups. Raises ``BackupError`` if another process does."""
    descriptor = os.open(into / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupError(f"another backup is being taken into {into}") from None
    finally:
        os.close(descriptor)


def _snapshots(place: Place, stack: ExitStack) -> tuple[Snapshot, Snapshot | None]:
    """The store and the objects' index as they are at one instant."""
    if place.elsewhere or not (place.folder / "index.db").exists():
        return stack.enter_context(raw.snapshot(place.data, place.store)), None
    stack.enter_context(folder.kept(place.folder))
    with folder.unchanged(place.folder):
        store = stack.enter_context(raw.snapshot(place.data, place.store))
        return store, stack.enter_context(raw.sqlite_snapshot(place.folder / "index.db"))


def _tables(found: Snapshot, path: Path) -> dict[str, Table]:
    path.mkdir()
    given = found.sequences()
    return {
        table: layout.write_rows(path / f"{table}.rows.gz", columns, found.rows(table, columns), given.get(table))
        for table, columns in found.columns().items()
    }


def _keys(data: Path, path: Path, leave_out: Sequence[str]) -> list[str]:
    """Copy what the data directory holds beside store and objects, while nobody changes it."""
    path.mkdir()
    with authority.locked(data):
        kept = [name for name in KEYS if name not in leave_out and (data / name).exists()]
        for name in kept:
            layout.write(path / name, (data / name).read_bytes())
    return kept


def _blobs(objects: Snapshot) -> dict[str, int]:
    """What versions and unfinished uploads are made of, with sizes."""
    return {name: size for table in ("segment", "part") for name, size in objects.rows(table, ("blob", "size"))}


def _copy(source: Path, target: Path, wanted: dict[str, int]) -> tuple[list[str], list[str]]:
    """Copy the blobs that are not there yet: those that were copied, and those that cannot be."""
    copied, damaged = [], []
    for name, size in sorted(wanted.items()):
        path = layout.blob(target, name)
        if path.exists() and path.stat().st_size == size:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        try:
            whole = _copied(layout.blob(source, name), partial) == name
        except FileNotFoundError:
            whole = False
        if whole:
            partial.replace(path)
            copied.append(name)
        else:
            damaged.append(name)
            partial.unlink(missing_ok=True)
    for parent in {layout.blob(target, name).parent for name in copied}:
        files.sync(parent)
    return copied, damaged


def _copied(source: Path, target: Path) -> str:
    """Copy a file durably; the SHA-256 of what was read."""
    seen = hashlib.sha256()
    with open(source, "rb") as read, open(target, "wb") as written:
        while step := read.read(_STEP):
            seen.update(step)
            written.write(step)
        layout.synced(written)
    return seen.hexdigest()


def _settle(folder: Path) -> None:
    """Have every name below a folder on disk."""
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        files.sync(path)
    with open(folder / layout.BLOBS, "rb") as file:
        os.fsync(file.fileno())
