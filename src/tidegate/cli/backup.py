"""``tidegate backup``, ``restore`` and ``migrate``: what is stored, on its way from one place or schema to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from tidegate.backup import restore as restoring
from tidegate.backup import take as taking
from tidegate.backup.take import Place
from tidegate.cli import options
from tidegate.cli.options import Data, Store
from tidegate.clock import wall_now
from tidegate.pki import vault
from tidegate.store import migrations, raw

_PENDING = 3


def backup(
    into: Annotated[Path, Parameter(help="A folder of backups; made if it is not there.")],
    /,
    *,
    data: Data = options.DATA,
    store: Store = "sqlite",
    objects: Annotated[tuple[str, ...], options.OBJECTS] = (),
    without_master_key: Annotated[
        bool, Parameter(negative=(), help="Leave out master.key, which you keep elsewhere.")
    ] = False,
    keep: Annotated[
        int | None, Parameter(help="Then remove all but so many of the latest backups.", validator=Number(gte=1))
    ] = None,
) -> int:
    """Take a backup of store, objects and keys as they are at one instant, beside a running server or without one.

    Ends with 0, or 1 if objects are damaged.
    """
    left_out = [vault.FILE] if without_master_key else []
    taken = taking.take(Place(data, store, objects), into, wall_now(), leave_out=left_out)
    found = taken.manifest
    rows = sum(table.count for table in found.store.values())
    print(
        f"{taken.path}: {rows:,} rows of {len(found.store)} tables, {found.blobs:,} blobs ({found.blob_bytes:,} bytes),"
    )
    print(f"  of which {taken.copied:,} ({taken.copied_bytes:,} bytes) were not in an earlier backup.")
    if found.elsewhere:
        print(f"  Objects in {', '.join(found.elsewhere)} are not in it.")
    for name in taken.damaged:
        print(f"  DAMAGED: blob {name}: the objects made of it cannot be read.")
    for gone in taking.prune(into, keep) if keep else []:
        print(f"{gone} was removed.")
    return 1 if taken.damaged else 0


def restore(
    source: Annotated[Path, Parameter(help="A backup, or a folder of backups: its latest.")],
    /,
    *,
    data: Data = options.DATA,
    store: Store = "sqlite",
    check: Annotated[bool, Parameter(negative=(), help="Only look whether every byte of the backup is there.")] = False,
) -> None:
    """Bring a backup back into an empty data directory and an empty store, and compare every row.

    The store may be another one than that of the backup: a backup of SQLite goes into a PostgreSQL, and the reverse.
    """
    found = restoring.latest(source)
    if check:
        manifest = restoring.check(found)
        print(f"{found} is whole: taken at {manifest.taken_at} by tidegate {manifest.tidegate} on {manifest.engine}.")
        return
    done = restoring.restore(found, data, store)
    print(f"{found} is in {data}: {done.rows:,} rows and {done.blobs:,} blobs were compared with the backup.")
    for name in done.manifest.left_out:
        print(f"  {name} is not in the backup: put it into {data} before you start.")
    if done.manifest.elsewhere:
        print(f"  Objects are in {', '.join(done.manifest.elsewhere)}, as of now.")


def migrate(
    *,
    data: Data = options.DATA,
    store: Store = "sqlite",
    check: Annotated[bool, Parameter(negative=(), help="Only say what would be done.")] = False,
) -> int:
    """Bring the schema of a store up to date, as the start of a server does.

    With --check ends with 0 if there is nothing to do, with 3 if there is.
    """
    with raw.snapshot(data, store) as found:
        applied = [(step.number, step.checksum) for step in found.applied()]
        pending = migrations.pending(found.dialect, applied)
    for step in pending:
        print(f"{step.number:04} {step.name}")
    if check:
        print(f"{len(pending)} steps are to be done." if pending else "The schema is up to date.")
        return _PENDING if pending else 0
    with options.database(data, store):
        print(f"The schema is up to date; {len(pending)} steps were done.")
    return 0
