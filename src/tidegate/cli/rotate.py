"""``tidegate rotate``: other keys, while servers run and nobody is turned away.

Each command may be interrupted at any place and given again. A running server sees the files that it changes.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from tidegate.cli import options
from tidegate.cli.authority import note
from tidegate.cli.options import Data, MasterKey, Store
from tidegate.clock import RandomIds, wall_now
from tidegate.objects import credential
from tidegate.ops import iam
from tidegate.pki import authority as authorities
from tidegate.pki import succession, vault
from tidegate.store.database import Tx, transact

app = App(name="rotate", help="Change the server's own keys while it runs.")


@app.command(name="master-key")
def master_key(
    *,
    prepare: Annotated[
        bool, Parameter(negative=(), help="Only put the new key into the file: copy it to the other servers then.")
    ] = False,
    retire: Annotated[bool, Parameter(negative=(), help="Forget the old key.")] = False,
    data: Data = options.DATA,
    store: Store = "sqlite",
    master_key: MasterKey = None,
) -> None:
    """Seal the secrets of access keys with a new master key; the old one goes on opening until it is retired."""
    path, ids = master_key or data / vault.FILE, RandomIds()
    with authorities.locked(path.parent), options.database(data, store) as database:
        told = {"step": "prepare" if prepare else "retire" if retire else "advance"}
        before = {"key": vault.load(path, ids).fingerprint}
        options.file_change(database, "RotateMasterKey", path, told, before)
        if prepare:
            vault.prepare(path, ids)
            print(f"{path} holds the next key. Copy it to each server on the store, then give the command without it.")
            return
        if not retire:
            vault.advance(path, ids)
        opened = vault.load(path, ids)

        def work(tx: Tx) -> int:
            iam.seal_secrets(tx, opened)
            return iam.reseal(tx, opened)

        count = transact(database, work)
        if retire:
            vault.retire(path)
    print(f"The secrets of {count} access keys were sealed anew; {path} holds ", end="")
    print("one key." if retire else "the old key, too. Forget it with --retire.")


@app.command(name="presign-key")
def presign_key(*, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Sign presigned URLs with a new key; URLs of the old one hold for the hour that they may last."""
    with authorities.locked(data), options.database(data, store) as database:
        options.file_change(database, "RotatePresignKey", data / credential.FILE, {}, {})
        credential.rotate(data, RandomIds(), wall_now())
    print("URLs are signed with a new key.")


@app.command
def authority(
    *,
    retire: Annotated[
        bool, Parameter(negative=(), help="Let the old authority go, once every device has the present ca.pem.")
    ] = False,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Have a new authority issue devices' certificates. The server's own stay with the old one until it is retired."""
    note(data, store, "RotateAuthority", {"step": "retire" if retire else "rotate"})
    if retire:
        count = succession.retire(data)
        print(f"{count} certificates were taken out of {data / authorities.BUNDLE}; the server gets a new one.")
    else:
        succession.rotate(data, now=wall_now(), ids=RandomIds())
        print(f"Give every device the new {data / authorities.BUNDLE}, then retire the old authority with --retire.")
