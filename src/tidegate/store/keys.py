"""Access keys: who may sign requests. Secrets are opaque here: they come sealed and go sealed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from tidegate.store.database import Tx

ACTIVE, INACTIVE = "Active", "Inactive"


class AccessKey(NamedTuple):
    """The secret a caller signs with, whose it is, and how long it counts. Instants are epoch ms of the wall clock.

    The last three are set on temporary credentials only: ``token_digest`` is the hex SHA-256 of the session token,
    ``session_policy`` a policy document that takes away from what the principal may do.
    """

    secret: str
    principal: str
    status: str = ACTIVE
    last_used_at: int | None = None
    expires_at: int | None = None
    token_digest: str | None = None
    session_policy: str | None = None


class Listed(NamedTuple):
    """A key without its secrets."""

    key_id: str
    principal: str
    status: str
    created_at: int
    last_used_at: int | None
    expires_at: int | None


def insert(tx: Tx, key_id: str, key: AccessKey, created_at: int) -> bool:
    """Keep a key; False if its id is taken."""
    return tx.one("key_insert", {"key_id": key_id, "created_at": created_at, **key._asdict()}) is not None


def get(tx: Tx, key_id: str) -> AccessKey | None:
    """The key with this id."""
    row = tx.one("key_get", {"key_id": key_id})
    return AccessKey(*row) if row else None


def several(tx: Tx, key_ids: Collection[str]) -> dict[str, AccessKey]:
    """Those of the keys with these ids that exist."""
    rows = tx.all("key_get_all", {"key_ids": msgspec.json.encode(sorted(key_ids)).decode()})
    return {key_id: AccessKey(*row) for key_id, *row in rows}


def exist(tx: Tx) -> bool:
    """Whether there is any key."""
    return tx.one("key_any", {}) is not None


def every(tx: Tx) -> list[Listed]:
    """All keys, oldest first: operators have few."""
    return [Listed(*row) for row in tx.all("key_list", {})]


def active_ids(tx: Tx, most: int) -> frozenset[str]:
    """The ids of the keys that count, the newest so many."""
    return frozenset(key_id for (key_id,) in tx.all("key_ids", {"status": ACTIVE, "most": most}))


def secrets(tx: Tx) -> dict[str, str]:
    """Every secret as it is kept, by key id."""
    return dict(tx.all("key_secrets", {}))


def set_secret(tx: Tx, key_id: str, secret: str) -> None:
    """Keep a secret in another form."""
    tx.run("key_set_secret", {"key_id": key_id, "secret": secret})


def set_status(tx: Tx, key_id: str, status: str) -> bool:
    """Make a key ``Active`` or ``Inactive``; False if there is none."""
    return tx.run("key_set_status", {"key_id": key_id, "status": status}) == 1


def used(tx: Tx, key_id: str, at: int) -> None:
    """Note when a key was used."""
    tx.run("key_used", {"key_id": key_id, "last_used_at": at})


def delete(tx: Tx, key_id: str) -> bool:
    """Take a key away; False if there is none."""
    return tx.run("key_delete", {"key_id": key_id}) == 1


def delete_of(tx: Tx, principal: str) -> int:
    """Take away every key of a principal; how many."""
    return tx.run("key_delete_of", {"principal": principal})


def delete_expired(tx: Tx, before: int) -> int:
    """Forget temporary credentials that expired before an instant; how many."""
    return tx.run("key_delete_expired", {"before": before})
