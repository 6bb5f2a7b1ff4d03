"""Access keys: who may sign requests."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.database import Tx


class AccessKey(NamedTuple):
    """The secret a caller signs with, and who it is."""

    secret: str
    principal: str


def insert(tx: Tx, key_id: str, key: AccessKey, created_at: int) -> bool:
    """Keep a key; False if its id is taken."""
    values = {"key_id": key_id, "secret": key.secret, "principal": key.principal, "created_at": created_at}
    return tx.one("key_insert", values) is not None


def get(tx: Tx, key_id: str) -> AccessKey | None:
    """The key with this id."""
    row = tx.one("key_get", {"key_id": key_id})
    return AccessKey(*row) if row else None


def exist(tx: Tx) -> bool:
    """Whether there is any key."""
    return tx.one("key_any", {}) is not None
