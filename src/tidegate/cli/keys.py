"""``tidegate keys``: the access keys that requests are signed with when authentication is on.

The commands work on the store, whether or not a server runs on it; a running server follows within a second.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from tidegate.cli import options
from tidegate.cli.options import Data, MasterKey, Store
from tidegate.clock import RandomIds, wall_now
from tidegate.ops import iam
from tidegate.ops.iam import Credentials
from tidegate.server import open_vault
from tidegate.store import keys
from tidegate.store.database import Database, Tx, Work

app = App(name="keys", help="Access keys for `tidegate serve --auth on`.")

ADMINISTRATOR = "admin"
_LIFETIME = re.compile(r"(\d{1,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def lifetime(text: str) -> int:
    """Seconds of ``90s``, ``15m`` or ``12h``. Raises ValueError."""
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time such as 90s, 15m or 12h")
    return int(found[1]) * _SECONDS[found[2]]


def check_lifetime(_type: Any, text: str | None) -> None:
    """Raises ValueError for what is no lifetime."""
    if text is not None:
        lifetime(text)


KeyId = Annotated[str, Parameter(help="The access key id.")]


@app.command
def create(
    *,
    principal: Annotated[
        str, Parameter(help=f"Whose key it is: {ADMINISTRATOR}, who may do everything, or one that exists.")
    ] = ADMINISTRATOR,
    account: options.OwnAccount = None,
    expires: Annotated[
        str | None,
        Parameter(help="Make temporary credentials with a session token: 90s, 15m, 12h.", validator=check_lifetime),
    ] = None,
    policy: Annotated[
        Path | None, Parameter(help="With --expires: a policy that takes away from what the principal may do.")
    ] = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
    master_key: MasterKey = None,
) -> None:
    """Make an access key and print it as shell exports. The secret is shown this once."""
    if policy is not None and expires is None:
        raise iam.RefusedError("--policy narrows temporary credentials: say with --expires how long they last.")
    document = None if policy is None else policy.read_text(encoding="utf-8")
    name, ids = iam.arn(account or options.account_of(data), principal), RandomIds()
    with options.database(data, store) as database:
        vault = open_vault(data, master_key, ids)

        def work(tx: Tx) -> Credentials:
            now = wall_now()
            if principal == ADMINISTRATOR:
                iam.ensure_administrator(tx, name, now)
            if expires is None:
                return iam.create_key(tx, vault, ids, name, now)
            return iam.create_session(tx, vault, ids, name, now, lifetime_s=lifetime(expires), policy=document)

        asked = {"expires": expires} if expires else {}
        made = options.change(database, "CreateAccessKey", name, asked, work)
    print(f"export AWS_ACCESS_KEY_ID={made.key_id}")
    print(f"export AWS_SECRET_ACCESS_KEY={made.secret}")
    if made.token:
        print(f"export AWS_SESSION_TOKEN={made.token}")


@app.command(name="list")
def show(*, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """List the access keys, without their secrets."""
    table = Table("access key", "principal", "status", "created (UTC)", "last used (UTC)", "expires (UTC)")
    now = wall_now()
    with options.database(data, store) as database:
        for key in database.read(keys.every):
            status = "Expired" if key.expires_at is not None and key.expires_at <= now else key.status
            times = (key.created_at, key.last_used_at, key.expires_at)
            table.add_row(key.key_id, key.principal, status, *map(_time, times))
    # As wide as it must be: cut ids are of no use to scripts and pipes.
    Console(width=max(80, 20 + 60 + 10 + 3 * 20 + 20)).print(table)


@app.command
def revoke(key_id: KeyId, *, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Delete an access key: what it signs is refused within a second."""
    with options.database(data, store) as database:
        _change(database, "DeleteAccessKey", key_id, lambda tx: iam.revoke_key(tx, key_id))
    print(f"{key_id} is revoked.")


@app.command
def deactivate(key_id: KeyId, *, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Refuse what an access key signs until it is activated again."""
    _set_status(key_id, keys.INACTIVE, data, store)


@app.command
def activate(key_id: KeyId, *, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Take an access key that was deactivated again."""
    _set_status(key_id, keys.ACTIVE, data, store)


def _set_status(key_id: str, status: str, data: Path, store: str) -> None:
    with options.database(data, store) as database:
        _change(database, "UpdateAccessKey", key_id, lambda tx: iam.set_key_status(tx, key_id, status))
    print(f"{key_id} is {status}.")


def _change(database: Database, operation: str, key_id: str, work: Work[None]) -> None:
    principal = database.read(lambda tx: iam.owner(tx, key_id))
    options.change(database, operation, principal, {"accessKeyId": key_id}, work)


def _time(instant: int | None) -> str:
    return "" if instant is None else datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
