"""``tidegate audit``: the log of every change, whether or not a server runs on the store."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from tidegate.cli import options
from tidegate.cli.options import Data, MasterKey, Store
from tidegate.clock import RandomIds
from tidegate.core import audit
from tidegate.core.audit import Exported, Head, Proves
from tidegate.ops import audit as ops
from tidegate.ops.audit import Wanted
from tidegate.ops.iam import RefusedError
from tidegate.pki import vault
from tidegate.runtime.auditor import local_user
from tidegate.store import audit as stored
from tidegate.store.database import Tx, transact

app = App(name="audit", help="The log of every change: who, from where, what, before and after.")


def _instant(text: str) -> int:
    """Epoch ms of an ISO 8601 time; UTC where it does not say. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _check_instant(_type: Any, text: str | None) -> None:
    if text is not None:
        _instant(text)


def _check_head(_type: Any, text: str | None) -> None:
    if text is not None and audit.head(text) is None:
        raise ValueError(f"{text!r} is not SEQ:HASH, as `tidegate audit head` prints it")


def _when(text: str) -> Parameter:
    return Parameter(help=f"{text}: an ISO 8601 time such as 2026-01-31T12:00:00Z.", validator=_check_instant)


@app.command(name="list")
def show(
    *,
    since: Annotated[str | None, _when("Not before")] = None,
    until: Annotated[str | None, _when("Before")] = None,
    principal: Annotated[str | None, Parameter(help="Part of who did it: a name, an access key id.")] = None,
    operation: Annotated[str | None, Parameter(help="Part of what was done.")] = None,
    resource: Annotated[str | None, Parameter(help="Part of the ARN of what it was done to.")] = None,
    json: Annotated[bool, Parameter(help="Print whole entries, one JSON object a line.", negative=())] = False,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """List the entries, oldest first; those of the last second may not be sealed yet and are not shown."""
    wanted = Wanted(
        None if since is None else _instant(since),
        None if until is None else _instant(until),
        principal or "",
        operation or "",
        resource or "",
    )
    with options.database(data, store) as database:
        found = database.read(lambda tx: list(ops.find(tx, wanted)))
    if json:
        for one, _ in found:
            print(msgspec.json.encode(one).decode())
        return
    table = Table("seq", "time (UTC)", "principal", "from", "operation", "resources", "outcome")
    for one, entry in found:
        table.add_row(
            str(one.seq),
            datetime.fromtimestamp(entry.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            entry.principal,
            f"{entry.source} {entry.edge}".strip(),
            entry.operation,
            "\n".join(entry.resources),
            entry.outcome,
        )
    # As wide as it must be: cut ARNs are of no use to scripts and pipes.
    Console(width=max(80, table.__rich_measure__(Console(width=10_000), Console(width=10_000).options).maximum)).print(
        table
    )


@app.command
def export(
    *,
    since_seq: Annotated[int, Parameter(help="The first entry to be exported.")] = 1,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Print the sealed entries with their hashes, one JSON object a line, for another system to keep."""
    with options.database(data, store) as database:
        unsealed = database.read(lambda tx: _export(tx, since_seq))
    if unsealed:
        print(f"tidegate: {unsealed} entries are not sealed yet: a running server seals them.", file=sys.stderr)


def _export(tx: Tx, since_seq: int) -> int:
    for one in ops.exported(tx, since_seq - 1):
        print(msgspec.json.encode(one).decode())
    return len(ops.unsealed(tx))


@app.command
def head(*, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Print number and hash of the last sealed entry: noted elsewhere, it shows later whether the log was cut short."""
    with options.database(data, store) as database:
        print(database.read(stored.head))


@app.command
def verify(
    file: Annotated[Path | None, Parameter(help="What `export` printed; without it the store is verified.")] = None,
    *,
    expect: Annotated[
        str | None, Parameter(help="SEQ:HASH that was noted: the log must hold it.", validator=_check_head)
    ] = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
    master_key: MasterKey = None,
) -> int:
    """Say whether every sealed entry is as it was written, in its place, and none is missing. Exit status 0 if so."""
    proves, expected = _proves(data, master_key), None if expect is None else audit.head(expect)
    unsealed = 0
    if file is None:
        with options.database(data, store) as database:
            verdict, unsealed = database.read(lambda tx: _verify(tx, proves, expected))
    else:
        verdict = audit.verify_exported(_read(file), proves=proves, expected=expected)
    if verdict.fault is not None:
        print(f"tidegate: the audit log is broken: {verdict.fault}.", file=sys.stderr)
        return 1
    proof = "" if proves is not None else "; who sealed them was not checked, for want of the master key"
    print(f"{verdict.entries} entries are whole, up to {verdict.head}; {unsealed} are not sealed yet{proof}.")
    return 0


def _verify(tx: Tx, proves: Proves | None, expected: Head | None) -> tuple[audit.Verdict, int]:
    waiting = ops.unsealed(tx)
    return audit.verify(ops.following(tx, 0), waiting=waiting, proves=proves, expected=expected), len(waiting)


def _proves(data: Path, master_key: Path | None) -> Proves | None:
    """What judges who sealed an entry; None if there is no master key here. None is made for this."""
    path = master_key or data / vault.FILE
    if master_key is None and not path.exists():
        return None
    return vault.load(path, RandomIds()).proves


def _read(file: Path) -> list[Exported]:
    try:
        return [msgspec.json.decode(line, type=Exported) for line in file.read_bytes().splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise RefusedError(f"{file} is nothing that `tidegate audit export` printed: {error}") from None


@app.command
def prune(
    *,
    before: Annotated[str, _when("Remove the entries from before")],
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Remove old entries. The rest can still be verified, and an entry says what was removed."""
    instant, user = _instant(before), local_user()
    with options.database(data, store) as database:
        count = transact(database, lambda tx: ops.prune(tx, instant, user))
    print(f"{count} entries are removed.")
