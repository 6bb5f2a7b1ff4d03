"""Operators for tests: access keys whose secret the test chooses."""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers import Started
from tidegate.core.iam import managed
from tidegate.ops import iam
from tidegate.ops.iam import Credentials
from tidegate.pki.vault import Vault
from tidegate.store import principals
from tidegate.store.database import Tx

ADMINISTRATOR = {managed.ADMINISTRATOR: managed.POLICIES[managed.ADMINISTRATOR]}


def admit(
    tx: Tx,
    vault: Vault,
    key_id: str,
    secret: str,
    principal: str,
    policies: Mapping[str, str] = ADMINISTRATOR,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Keep an access key of a principal, who is made if need be and may do everything unless told otherwise."""
    if principals.find(tx, principal) is None:
        iam.create_principal(tx, principal, 1, policies=policies, tags=tags or {})
    iam.keep_key(tx, vault, Credentials(key_id, secret), principal, 1)


def vault_of(server: Started) -> Vault:
    """A running server's vault."""
    vault = server.running.service.access_keys._vault
    assert vault is not None
    return vault


def admitted(
    server: Started,
    key_id: str,
    secret: str,
    principal: str,
    policies: Mapping[str, str] = ADMINISTRATOR,
    tags: Mapping[str, str] | None = None,
) -> None:
    """The same on a running server."""
    unit, vault = server.running.service.unit, vault_of(server)
    server.on_loop(lambda: unit.transact(lambda tx: admit(tx, vault, key_id, secret, principal, policies, tags)))
