"""Operators: principals, their policies and their access keys. What ``tidegate keys`` and ``tidegate access`` do.

No operation of AWS IoT: IAM is another service. The functions are those of the command line and run in its process, on
the store of a server that may be running. Instants are epoch ms of the wall clock, by which credentials expire.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from tidegate.clock import Ids, Millis
from tidegate.core.iam import documents, managed
from tidegate.faults import ToldError
from tidegate.ops.effects import OperatorsChanged
from tidegate.pki.vault import Vault, is_sealed
from tidegate.store import device_sessions, keys, principals
from tidegate.store.database import Tx
from tidegate.store.keys import AccessKey
from tidegate.store.principals import Principal

MOST_POLICIES: Final = 10
"""Of one principal, as IAM's managed policies."""
SHORTEST_SESSION_S, LONGEST_SESSION_S = 60, 36 * 3600
"""IAM's GetSessionToken has 15 minutes to 36 hours; a test wants to see one expire."""

SHORTEST_OF_DEVICES_S, LONGEST_OF_DEVICES_S = 900, 43_200
"""credentialDurationSeconds of a role alias (reach reference 4.1)."""

_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_POLICY_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:user/(.+)")


class RefusedError(ToldError):
    """What was asked for cannot be done; the message says why."""


class Credentials(NamedTuple):
    """What a caller signs with; shown once. ``token`` is set if they are temporary."""

    key_id: str
    secret: str
    token: str | None = None


# --- principals -----------------------------------------------------------------------------------------------------


def arn(account: str, name: str) -> str:
    """The ARN of a principal. Raises ``RefusedError`` for a name IAM would not take."""
    if not _NAME.fullmatch(name):
        raise RefusedError(f"{name!r} is no name of a principal: 1 to 64 letters, digits or _+=,.@- are.")
    return f"arn:aws:iam::{account}:user/{name}"


def name_of(principal: str) -> str:
    """The name at the end of a principal's ARN; the text itself if it is none."""
    found = _ARN.fullmatch(principal)
    return found[1] if found else principal


def create_principal(
    tx: Tx, principal: str, now: Millis, *, policies: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Make a principal with its first policies (documents by name). Raises ``RefusedError``."""
    made = principals.insert(tx, principal, msgspec.json.encode(dict(tags)).decode(), now)
    if made is None:
        raise RefusedError(f"{principal} exists already.")
    for name, document in policies.items():
        attach_policy(tx, principal, name, document, now)
    tx.effects.append(OperatorsChanged())


def ensure_administrator(tx: Tx, principal: str, now: Millis) -> None:
    """Make a principal that may do everything in its account, unless it exists."""
    if principals.find(tx, principal) is None:
        policies = {managed.ADMINISTRATOR: managed.POLICIES[managed.ADMINISTRATOR]}
        create_principal(tx, principal, now, policies=policies, tags={})


def delete_principal(tx: Tx, principal: str) -> int:
    """Take away a principal, its policies and its keys; how many keys. Raises ``RefusedError``."""
    found = existing(tx, principal)
    principals.delete(tx, found.id)
    tx.effects.append(OperatorsChanged())
    return keys.delete_of(tx, principal)


def existing(tx: Tx, principal: str) -> Principal:
    """A principal that must exist. Raises ``RefusedError``."""
    found = principals.find(tx, principal)
    if found is None:
        raise RefusedError(f"There is no principal {principal}. Make it with: tidegate access create-principal")
    return found


def attach_policy(tx: Tx, principal: str, name: str, document: str, now: Millis) -> None:
    """Attach a policy, in place of one with the same name.

    Raises:
        RefusedError: no such principal, or too many policies, or no name.
        documents.MalformedError: the document is no policy; with every problem.
    """
    found = existing(tx, principal)
    if not _POLICY_NAME.fullmatch(name):
        raise RefusedError(f"{name!r} is no name of a policy: 1 to 128 letters, digits or _+=,.@- are.")
    documents.parse(document, name)
    names = {policy.name for policy in principals.policies(tx, found.id)} | {name}
    if len(names) > MOST_POLICIES:
        raise RefusedError(f"{principal} has {MOST_POLICIES} policies already.")
    principals.put_policy(tx, found.id, name, document, now)
    tx.effects.append(OperatorsChanged())


def detach_policy(tx: Tx, principal: str, name: str) -> None:
    """Detach a policy. Raises ``RefusedError``."""
    if not principals.delete_policy(tx, existing(tx, principal).id, name):
        raise RefusedError(f"{principal} has no policy {name}.")
    tx.effects.append(OperatorsChanged())


def allow_devices(tx: Tx, principal: str, longest_s: int) -> None:
    """Let devices be a principal, with credentials that last so long at most; 0 ends it, and what is out with it.

    Raises:
        RefusedError: no such principal, or a time out of range.
    """
    found = existing(tx, principal)
    if longest_s and not SHORTEST_OF_DEVICES_S <= longest_s <= LONGEST_OF_DEVICES_S:
        raise RefusedError("Credentials of devices last from 15 minutes to 12 hours.")
    principals.set_device_session(tx, found.id, longest_s)
    tx.effects.append(OperatorsChanged())


def image(tx: Tx, principal: str) -> dict[str, str]:
    """What the audit log shows of a principal: tags, policies, and keys without their secrets."""
    found = principals.find(tx, principal)
    if found is None:
        return {}
    held = {f"key {key.key_id}": _of_key(tx, key) for key in keys.every(tx) if key.principal == principal}
    documents = {f"policy {policy.name}": policy.document for policy in principals.policies(tx, found.id)}
    devices = {"devices": f"{found.device_session_s} s"} if found.device_session_s else {}
    return {"tags": found.tags, **devices, **documents, **held}


def _of_key(tx: Tx, key: keys.Listed) -> str:
    """A key's status; of temporary credentials also when they end, and the policy that narrows them."""
    kept = keys.get(tx, key.key_id)
    ends = "" if key.expires_at is None else f" until {key.expires_at}"
    narrowed = kept.session_policy if kept else None
    return key.status + ends + (f" with {narrowed}" if narrowed else "")


def owner(tx: Tx, key_id: str) -> str:
    """The principal of a key; empty if there is no such key."""
    found = keys.get(tx, key_id)
    return found.principal if found else ""


# --- keys -----------------------------------------------------------------------------------------------------------


def create_key(tx: Tx, vault: Vault, ids: Ids, principal: str, now: Millis) -> Credentials:
    """Make a lasting access key of a principal. Raises ``RefusedError``."""
    existing(tx, principal)
    made = Credentials(_key_id("AKIA", ids), ids.token(40))
    return _keep(tx, vault, made, AccessKey("", principal), now)


def create_session(
    tx: Tx, vault: Vault, ids: Ids, principal: str, now: Millis, *, lifetime_s: int, policy: str | None = None
) -> Credentials:
    """Make temporary credentials of a principal; ``policy`` is a document that takes away from what it may do.

    Raises:
        RefusedError: no such principal, or a lifetime out of range.
        documents.MalformedError: the policy is none.
    """
    existing(tx, principal)
    if not SHORTEST_SESSION_S <= lifetime_s <= LONGEST_SESSION_S:
        raise RefusedError("Temporary credentials last from one minute to 36 hours.")
    if policy is not None:
        documents.parse(policy)
    keys.delete_expired(tx, now - LONGEST_SESSION_S * 1000)  # for a while their holders are told that they expired
    made = new_session(ids)
    digest, end = token_digest(made.token or ""), now + lifetime_s * 1000
    return _keep(
        tx, vault, made, AccessKey("", principal, expires_at=end, token_digest=digest, session_policy=policy), now
    )


def new_session(ids: Ids) -> Credentials:
    """Temporary credentials, not kept yet."""
    return Credentials(_key_id("ASIA", ids), ids.token(40), ids.token(160))


def keep_key(tx: Tx, vault: Vault, credentials: Credentials, principal: str, now: Millis) -> None:
    """Keep a key whose id and secret are given (brought along, or agreed with a client). Raises ``RefusedError``."""
    existing(tx, principal)
    _keep(tx, vault, credentials, AccessKey("", principal), now)


def _keep(tx: Tx, vault: Vault, made: Credentials, key: AccessKey, now: Millis) -> Credentials:
    foreign = sealed_elsewhere(tx, vault)
    if foreign:  # the servers of this store could not open what is sealed here
        raise RefusedError(
            f"The access keys of this store ({foreign[0]} …) are sealed with another master key: name the servers' "
            "with --master-key, or revoke those keys."
        )
    sealed = key._replace(secret=vault.seal(made.key_id, made.secret))
    if not keys.insert(tx, made.key_id, sealed, now):
        raise RefusedError(f"There is an access key {made.key_id} already.")
    tx.effects.append(OperatorsChanged())
    return made


def _key_id(prefix: str, ids: Ids) -> str:
    """Twenty characters as AWS's."""
    return prefix + base64.b32encode(hashlib.sha256(ids.token(32).encode()).digest()).decode()[:16]


def token_digest(token: str) -> str:
    """What is kept of a session token."""
    return hashlib.sha256(token.encode()).hexdigest()


def revoke_key(tx: Tx, key_id: str) -> None:
    """Take a key away for good. Raises ``RefusedError``."""
    _had(keys.delete(tx, key_id), tx, key_id)


def set_key_status(tx: Tx, key_id: str, status: str) -> None:
    """Make a key ``Active`` or ``Inactive``. Raises ``RefusedError``."""
    _had(keys.set_status(tx, key_id, status), tx, key_id)


def _had(done: bool, tx: Tx, key_id: str) -> None:
    if not done:
        raise RefusedError(f"There is no access key {key_id}.")
    tx.effects.append(OperatorsChanged())


def seal_secrets(tx: Tx, vault: Vault) -> int:
    """Seal the secrets that an older tidegate kept as they are; how many."""
    clear = {key_id: secret for key_id, secret in keys.secrets(tx).items() if not is_sealed(secret)}
    for key_id, secret in clear.items():
        keys.set_secret(tx, key_id, vault.seal(key_id, secret))
    return len(clear)


def reseal(tx: Tx, vault: Vault) -> int:
    """Seal every secret with the master key that seals now; how many had another. Raises ``VaultError``."""
    return sum(_resealed(tx, vault, *kept) for kept in ((keys.secrets, keys.set_secret), _OF_DEVICES))


_OF_DEVICES = device_sessions.secrets, device_sessions.set_secret


def _resealed(
    tx: Tx, vault: Vault, secrets: Callable[[Tx], dict[str, str]], put: Callable[[Tx, str, str], None]
) -> int:
    old = {key_id: secret for key_id, secret in secrets(tx).items() if not vault.current(secret)}
    for key_id, secret in old.items():
        put(tx, key_id, vault.seal(key_id, vault.open(key_id, secret)))
    return len(old)


def sealed_elsewhere(tx: Tx, vault: Vault) -> list[str]:
    """The ids of keys that this master key does not open."""
    return [key_id for key_id, secret in keys.secrets(tx).items() if is_sealed(secret) and not vault.knows(secret)]
