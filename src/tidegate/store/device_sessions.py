"""Temporary credentials that devices were given for a role. Secrets come sealed and go sealed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from tidegate.store.database import Tx


class DeviceSession(NamedTuple):
    """Credentials of a device; ``principal`` is the ARN of the one whose policies count.

    ``token_digest`` is the hex SHA-256 of the session token, ``expires_at`` epoch ms of the wall clock.
    """

    key_id: str
    secret: str
    token_digest: str
    principal: str
    scope: int
    certificate_id: str
    thing_name: str | None
    thing_type: str | None
    expires_at: int


def insert(tx: Tx, session: DeviceSession, now: int) -> None:
    """Keep new credentials."""
    tx.run("device_session_insert", {**session._asdict(), "now": now})


def good(tx: Tx, key_ids: Collection[str]) -> dict[str, DeviceSession]:
    """The sessions with these ids whose certificate is ACTIVE and whose principal devices may be; also ended ones."""
    rows = tx.all("device_session_get_all", {"key_ids": msgspec.json.encode(sorted(key_ids)).decode()})
    return {row[0]: DeviceSession(*row) for row in rows}


def ids(tx: Tx, most: int) -> frozenset[str]:
    """The ids of the newest so many."""
    return frozenset(key_id for (key_id,) in tx.all("device_session_ids", {"most": most}))


def secrets(tx: Tx) -> dict[str, str]:
    """Every secret as it is kept, by key id."""
    return dict(tx.all("device_session_secrets", {}))


def set_secret(tx: Tx, key_id: str, secret: str) -> None:
    """Keep a secret in another form."""
    tx.run("device_session_set_secret", {"key_id": key_id, "secret": secret})


def delete_surplus(tx: Tx, scope: int, certificate_id: str, most: int, limit: int) -> None:
    """Forget a certificate's oldest credentials, ``limit`` at most, beyond the newest ``most``."""
    values = {"scope": scope, "certificate_id": certificate_id, "most": most, "limit": limit}
    tx.run("device_session_delete_surplus", values)


def delete_ended(tx: Tx, before: int) -> None:
    """Forget credentials that ended before an instant."""
    tx.run("device_session_delete_ended", {"before": before})
