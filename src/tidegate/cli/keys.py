"""``tidegate keys``: the access keys that requests are signed with when authentication is on."""

from __future__ import annotations

import base64
import re
import uuid
from typing import Annotated, Any

from cyclopts import App, Parameter

from tidegate.cli import options
from tidegate.clock import Ids, RandomIds, wall_now
from tidegate.server import open_store
from tidegate.store import keys
from tidegate.store.database import Database, transact
from tidegate.store.keys import AccessKey

app = App(name="keys", help="Access keys for `tidegate serve --auth on`.")

_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


def _check_principal(_type: Any, text: str) -> None:
    if not _NAME.fullmatch(text):
        raise ValueError("a principal has 1 to 64 letters, digits or _+=,.@-")


@app.command
def create(
    *,
    principal: Annotated[str, Parameter(help="Who signs with the key.", validator=_check_principal)] = "operator",
    account: options.Account = "000000000000",
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> None:
    """Make an access key and print it as shell exports. The secret is shown this once."""
    data.mkdir(parents=True, exist_ok=True)
    ids = RandomIds()
    key = AccessKey(ids.token(40), f"arn:aws:iam::{account}:user/{principal}")
    database = open_store(data, store, wall_now())
    try:
        key_id = _insert(database, ids, key)
    finally:
        database.close()
    print(f"export AWS_ACCESS_KEY_ID={key_id}")
    print(f"export AWS_SECRET_ACCESS_KEY={key.secret}")


def _insert(database: Database, ids: Ids, key: AccessKey) -> str:
    """Keep a key under an id nobody has; the id."""
    key_id = _key_id(ids)
    if transact(database, lambda tx: keys.insert(tx, key_id, key, wall_now())):
        return key_id
    return _insert(database, ids, key)


def _key_id(ids: Ids) -> str:
    """Twenty characters as AWS's, ``AKIA`` in front."""
    return "AKIA" + base64.b32encode(uuid.UUID(ids.uuid()).bytes).decode()[:16]
