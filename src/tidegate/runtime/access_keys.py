"""Who an access key is and what it may do: read from the store, remembered for a second.

A busy caller's key is thus read once a second and not for every request. What a command changes (``tidegate keys``,
``tidegate access``) counts a second later at most, what this server or another on the store changes at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from tidegate.clock import Millis, monotonic, wall_now
from tidegate.core import arn
from tidegate.core.iam import decisions, documents
from tidegate.core.iam.decisions import Asked, Decision
from tidegate.core.iam.documents import Policy
from tidegate.net.failures import Failures
from tidegate.ops.effects import Acting, Missed, OperatorsChanged, PrincipalChanged, StoreEmptied
from tidegate.ops.iam import name_of, token_digest
from tidegate.pki.vault import Vault, VaultError
from tidegate.runtime.unit import Unit
from tidegate.store import device_sessions, keys, principals
from tidegate.store.database import Tx
from tidegate.store.device_sessions import DeviceSession
from tidegate.store.keys import AccessKey
from tidegate.store.principals import Standing

log = logging.getLogger("tidegate.access")

_REMEMBERED_S = 1.0
_ANYBODY = ""
"""Whoever asks for keys that do not exist."""
_MOST_IDS = 100_000
_NOTED_MS = 10 * 60_000
"""How old the note of a key's last use may become before it is written again."""
_TAGS: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])
_DENY_ALL = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'


class Identity(NamedTuple):
    """The holder of an access key.

    ``keys`` are the condition keys that its policies look at, ``variables`` those whose values are its own.
    ``unlimited`` is true if its policies allow everything, so that nothing need be asked. ``session`` is None for a
    lasting key. ``source`` differs when anything in the store differs that all this was made of.
    """

    key_id: str
    secret: str
    principal: str
    policies: tuple[Policy, ...]
    session: tuple[Policy, ...] | None
    keys: frozenset[str]
    variables: Mapping[str, tuple[str, ...]]
    unlimited: bool
    token_digest: str | None
    expires_at: Millis | None
    last_used_at: Millis | None
    source: bytes = b""
    certificate_id: str | None = None
    """The certificate that stands behind credentials of a device."""

    def decide(self, asked: Asked) -> Decision:
        """Put a question to its policies."""
        return decisions.decide(self.policies, self.session, asked)

    def allows(self, action: str, resource: str, context: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Whether it may do something; ``context`` are the condition keys of the request, in lower case."""
        return self.unlimited or self.decide(Asked((action,), resource, {**self.variables, **(context or {})})).allowed

    def expired(self, now: Millis) -> bool:
        """Whether its credentials counted until some time before ``now`` (the wall clock)."""
        return self.expires_at is not None and self.expires_at <= now


class Unknown(NamedTuple):
    """A key nobody may sign with; ``reason`` is for the log."""

    reason: str


class AccessKeys:
    """The access keys of a store. Lives on one event loop."""

    def __init__(self, unit: Unit, vault: Vault | None) -> None:
        self._unit = unit
        self._vault = vault
        self._known: dict[str, tuple[float, Identity]] = {}
        self._changes = 0
        self._misses = Failures()
        self._ids: tuple[float, asyncio.Future[frozenset[str]]] | None = None
        self.failures = Failures()
        """Signatures that did not hold, by the address they came from."""
        unit.subscribe(
            Acting(
                {
                    **dict.fromkeys((OperatorsChanged, Missed, StoreEmptied), lambda _: self.forget()),
                    PrincipalChanged: lambda effect: self._certificate_changed(effect.certificate_id),
                }
            )
        )

    def forget(self) -> None:
        """Read everything again: the store has changed."""
        self._known.clear()
        self._ids = None
        self._changes += 1

    def _certificate_changed(self, certificate_id: str) -> None:
        """Read again who has credentials by a certificate: it may have been revoked."""
        self._known = {key: kept for key, kept in self._known.items() if kept[1].certificate_id != certificate_id}
        self._changes += 1

    async def sources(self, key_ids: Collection[str]) -> dict[str, bytes]:
        """What the ``source`` of each of these keys' identities would be now; a key that nobody may use is missing.

        Raises ``StoreError``.
        """
        return await self._unit.read(lambda tx: _sources(tx, key_ids))

    async def find(self, key_id: str, token: str | None = None) -> Identity | Unknown:
        """Who holds a key: whoever proves to know its secret, if it has not ``expired``.

        ``token`` is the session token that came with the key id. Raises ``StoreError`` if the store cannot be read.
        """
        found = await self.holder(key_id)
        if isinstance(found, Identity) and not _token_fits(found.token_digest, token):
            return Unknown("its session token is not the one of its access key")
        return found

    async def holder(self, key_id: str) -> Identity | Unknown:
        """Who holds a key whose secret and token were proved before."""
        known = self._known.get(key_id)
        if known is not None and known[0] > monotonic():
            return known[1]
        if not key_id.isprintable():  # a NUL out of a query string is nothing a store could look for
            return Unknown("its access key id is none")
        if self._vault is None:
            return Unknown("this server has no master key")
        if self._misses.too_many(_ANYBODY) and not await self._exists(key_id):
            return Unknown("its access key does not exist")
        vault, changes = self._vault, self._changes
        found = await self._unit.read(lambda tx: load(tx, vault, key_id))
        self._known.pop(key_id, None)
        if isinstance(found, Unknown):
            self._misses.note(_ANYBODY)
        if isinstance(found, Identity) and self._changes == changes:  # else what was read may be of before the change
            self._known[key_id] = monotonic() + _REMEMBERED_S, found
        return found

    async def _exists(self, key_id: str) -> bool:
        """Whether there is such a key, from one look at all of them a second: made-up ids reach the store no more."""
        if self._ids is None or self._ids[0] <= monotonic():
            self._ids = (
                monotonic() + _REMEMBERED_S,
                asyncio.ensure_future(self._unit.read(_ids)),
            )
        return key_id in await asyncio.shield(self._ids[1])

    def used(self, identity: Identity) -> None:
        """Note that a key was used, now and then. Does not wait for the store."""
        now = wall_now()
        if identity.certificate_id is not None:  # of a device's, nobody lists the last use
            return
        if identity.last_used_at is not None and now - identity.last_used_at < _NOTED_MS:
            return
        key_id = identity.key_id
        known = self._known.get(key_id)
        if known is not None:
            self._known[key_id] = known[0], identity._replace(last_used_at=now)
        self._unit.transact(lambda tx: keys.used(tx, key_id, now)).add_done_callback(_noted)


def _token_fits(digest: str | None, token: str | None) -> bool:
    """Temporary credentials come with their token, lasting ones with none."""
    if digest is None or token is None:
        return digest is None and not token
    return hmac.compare_digest(digest, token_digest(token))


def _noted(future: asyncio.Future[None]) -> None:
    if not future.cancelled() and future.exception() is not None:
        log.info("the last use of an access key could not be noted: %s", future.exception())


def load(tx: Tx, vault: Vault, key_id: str) -> Identity | Unknown:
    """Who holds a key, from committed state."""
    session: DeviceSession | None = None
    key = keys.get(tx, key_id)
    if key is None:
        session = device_sessions.good(tx, [key_id]).get(key_id)
        key = None if session is None else _key_of(session)
    if key is None:
        behind = ", or the certificate or role behind it counts no more" if key_id.startswith("ASIA") else ""
        return Unknown(f"its access key does not exist{behind}")
    if key.status != keys.ACTIVE:
        return Unknown(f"its access key is {key.status}")
    try:
        secret = vault.open(key_id, key.secret)
    except VaultError as error:
        return Unknown(str(error))
    found = _identity(key_id, key, secret, principals.standing(tx, [key.principal]).get(key.principal))
    return found if session is None else _of_device(found, session)


def _key_of(session: DeviceSession) -> AccessKey:
    return AccessKey(
        session.secret, session.principal, expires_at=session.expires_at, token_digest=session.token_digest
    )


def _of_device(found: Identity, session: DeviceSession) -> Identity:
    """The holder of a device's credentials (reach reference 4.2): the role, in the session of a certificate."""
    named = arn.parse(session.principal)
    account, role = (named.account, name_of(session.principal)) if named else ("", "")
    own = {
        "aws:principalarn": f"arn:aws:iam::{account}:role/{role}",
        "aws:principaltype": "AssumedRole",
        "aws:username": "",
        "aws:userid": f"{role}:{session.certificate_id}",
        "credentials-iot:thingname": session.thing_name or "",
        "credentials-iot:thingtypename": session.thing_type or "",
        "credentials-iot:awscertificateid": session.certificate_id,
    }
    variables = {**found.variables, **{key: (value,) for key, value in own.items()}}
    return found._replace(
        principal=f"arn:aws:sts::{account}:assumed-role/{role}/{session.certificate_id}",
        variables={key: values for key, values in variables.items() if values != ("",)},
        certificate_id=session.certificate_id,
    )


def _ids(tx: Tx) -> frozenset[str]:
    return keys.active_ids(tx, _MOST_IDS) | device_sessions.ids(tx, _MOST_IDS)


def identity_of(tx: Tx, principal: str) -> Identity:
    """What a principal may do, whatever its keys: for asking ahead."""
    return _identity("", AccessKey("", principal), "", principals.standing(tx, [principal]).get(principal))


def _sources(tx: Tx, key_ids: Collection[str]) -> dict[str, bytes]:
    of_devices = {key_id: _key_of(each) for key_id, each in device_sessions.good(tx, key_ids).items()}
    found = {**of_devices, **keys.several(tx, key_ids)}
    holders = principals.standing(tx, {key.principal for key in found.values()})
    active = {key_id: key for key_id, key in found.items() if key.status == keys.ACTIVE}
    return {key_id: _source(key, holders.get(key.principal)) for key_id, key in active.items()}


def _source(key: AccessKey, holder: Standing | None) -> bytes:
    facts = (key.status, key.principal, key.expires_at, key.session_policy, holder)
    return hashlib.sha256(msgspec.json.encode(facts)).digest()


def _identity(key_id: str, key: AccessKey, secret: str, holder: Standing | None) -> Identity:
    # A principal that does not exist has no policies, and may do nothing.
    tags = _TAGS.decode(holder.tags) if holder else {}
    policies = tuple(_parsed(*entry) for entry in holder.policies) if holder else ()
    session = None if key.session_policy is None else (_parsed("session", key.session_policy),)
    looked_at = frozenset[str]().union(*[policy.keys for policy in (*policies, *(session or ()))])
    return Identity(
        key_id=key_id,
        secret=secret,
        principal=key.principal,
        policies=policies,
        session=session,
        keys=looked_at,
        variables=_variables(key.principal, tags),
        unlimited=session is None and _allow_everything(policies),
        token_digest=key.token_digest,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        source=_source(key, holder),
    )


def _parsed(name: str, document: str) -> Policy:
    try:
        return documents.parse(document, name)
    except documents.MalformedError as error:
        # It might have been a Deny.
        log.error("policy %s is none and denies everything: %s", name, error)
        return documents.parse(_DENY_ALL, name)


def _allow_everything(policies: tuple[Policy, ...]) -> bool:
    statements = [statement for policy in policies for statement in policy.statements]
    everything = documents.parse(_DENY_ALL).statements[0]
    whole = everything.actions, everything.resources
    return all(statement.effect == "Allow" for statement in statements) and any(
        (statement.actions, statement.resources) == whole
        and not (statement.conditions or statement.not_actions or statement.not_resources)
        for statement in statements
    )


def _variables(principal: str, tags: dict[str, str]) -> dict[str, tuple[str, ...]]:
    named = arn.parse(principal)
    own = {
        "aws:principalarn": principal,
        "aws:principalaccount": named.account if named else "",
        "aws:principaltype": "User",
        "aws:username": name_of(principal),
        "aws:userid": name_of(principal),
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
    }
    own |= {f"aws:principaltag/{key.lower()}": value for key, value in tags.items()}
    return {key: (value,) for key, value in own.items() if value}
