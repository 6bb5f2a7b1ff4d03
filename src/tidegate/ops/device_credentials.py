"""What the credential provider gives devices (reach reference 4.2): temporary credentials of a role, by an alias.

No operation of AWS IoT: a request of its own, behind a client certificate, answered on the devices' HTTPS. A role is a
principal of ours that devices may be (``tidegate access allow-devices``). Its credentials are access keys like others;
that the certificate is ACTIVE and the principal still may be a role is asked whenever they are used.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tidegate.clock import Ids, Millis
from tidegate.core import arn as arns
from tidegate.core import texts
from tidegate.core.arn import Names
from tidegate.core.audit import parameters
from tidegate.ops import audit, iam, identity
from tidegate.ops.iam import Credentials
from tidegate.ops.identity import Device
from tidegate.pki.vault import Vault
from tidegate.store import device_sessions, principals, role_aliases
from tidegate.store.database import Tx
from tidegate.store.device_sessions import DeviceSession

ACTION: Final = "iot:AssumeRoleWithCertificate"
_TOLD_MS: Final = 3600_000
"""How long their holders are told that credentials have expired, instead of that there are none."""

_AT_ONCE: Final = 100
"""Of credentials too many, so many go for new ones: there may be more than there should be."""


class RefusedError(Exception):
    """Why a device gets no credentials; ``reason`` is for the log where the answer does not say enough."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason


class Wanted(NamedTuple):
    """What a device asks for and how it comes: ``alias`` and ``thing`` as it wrote them."""

    alias: str
    certificate_id: str
    thing: str | None
    server_name: str | None
    address: str
    request_id: str = ""


class Given(NamedTuple):
    """What it gets; ``expires_at`` is epoch ms of the wall clock, on a whole second."""

    credentials: Credentials
    expires_at: Millis
    account: str


def assume(
    tx: Tx,
    vault: Vault,
    ids: Ids,
    wanted: Wanted,
    *,
    now: Millis,
    wall: Millis,
    enforce_expiry: bool,
    partition: str,
    most: int,
) -> Given:
    """Make credentials for a device. ``now`` is the service's clock, ``wall`` the wall clock.

    ``most``: how many a certificate may have; those it was given first go for new ones.

    Raises:
        RefusedError: it gets none. The policy is asked before the alias is looked up: nobody learns which exist.
    """
    device = _device(tx, wanted, wall if enforce_expiry else None, partition)
    if not _bound(device, wanted, now).allows(ACTION, f"rolealias/{wanted.alias}"):
        raise RefusedError(403, texts.credentials.ACCESS_DENIED, f"no policy allows {ACTION} on {wanted.alias}")
    alias = role_aliases.find(tx, device.scope, wanted.alias) if wanted.alias.isprintable() else None
    if alias is None:
        raise RefusedError(404, texts.credentials.ALIAS_UNKNOWN)
    principal = _role(tx, device, alias.role_arn)
    if alias.duration_s > principal.device_session_s:
        longest = f"{alias.duration_s} s, and {principal.arn} allows {principal.device_session_s}"
        raise RefusedError(400, texts.credentials.DURATION_EXCEEDED, longest)
    # Not longer than the certificate: whoever has it could ask for no others by then.
    end = wall + alias.duration_s * 1000
    if enforce_expiry and device.not_after is not None:
        end = min(end, device.not_after)
    end -= end % 1000
    made = iam.new_session(ids)
    device_sessions.delete_ended(tx, wall - _TOLD_MS)
    thing = device.thing
    device_sessions.insert(
        tx,
        DeviceSession(
            key_id=made.key_id,
            secret=vault.seal(made.key_id, made.secret),
            token_digest=iam.token_digest(made.token or ""),
            principal=principal.arn,
            scope=device.scope,
            certificate_id=device.certificate_id,
            thing_name=thing.name if thing and wanted.thing else None,
            thing_type=thing.type_name if thing and wanted.thing else None,
            expires_at=end,
        ),
        wall,
    )
    device_sessions.delete_surplus(tx, device.scope, device.certificate_id, most, _AT_ONCE)
    audit.append(tx, _entry(wanted, device, principal.arn, made.key_id, end, now=now, wall=wall))
    return Given(made, end, device.account)


def _entry(
    wanted: Wanted, device: Device, role: str, key_id: str, end: Millis, *, now: Millis, wall: Millis
) -> audit.Entry:
    """What the audit log says of credentials: whose they are, by their id, which is in the entries of what they do."""
    names = Names(device.partition, device.region, device.account)
    told = {"accessKeyId": key_id, "expiration": end, **({"thingName": wanted.thing} if wanted.thing else {})}
    return audit.Entry(
        time=wall,
        service_time=audit.service_time(now, wall),
        account=device.account,
        region=device.region,
        principal=names.certificate(device.certificate_id),
        source=wanted.address,
        edge="https",
        request_id=wanted.request_id,
        operation=ACTION,
        resources=[names.of("rolealias", wanted.alias), role],
        parameters=parameters(told),
    )


def _device(tx: Tx, wanted: Wanted, now: Millis | None, partition: str) -> Device:
    """Who presents the certificate, as the thing that it says it is."""
    device = identity.load(
        tx,
        wanted.certificate_id,
        now=now,
        server_name=wanted.server_name,
        client_id=wanted.thing,
        partition=partition,
    )
    if device is None:
        raise RefusedError(403, texts.credentials.CERTIFICATE_INVALID, "its certificate is unknown or not ACTIVE")
    if wanted.thing and (device.thing is None or device.thing.name != wanted.thing):
        raise RefusedError(
            403, texts.credentials.THING_NAME_INVALID, f"its certificate is not attached to {wanted.thing!a}"
        )
    return device


def _bound(device: Device, wanted: Wanted, now: Millis) -> identity.Bound:
    # The header says which thing it is; of a client id nothing is known.
    extra = identity.thing_variables(device.thing) if wanted.thing else {}
    return device._replace(client_id=None).bind(None, wanted.address, lambda: now, extra)


def _role(tx: Tx, device: Device, role_arn: str) -> principals.Principal:
    """The principal that a role's ARN means: of the same account, with the role's name."""
    named = arns.parse(role_arn)
    name = named.resource.rpartition("/")[2] if named else ""
    found = principals.find(tx, f"arn:aws:iam::{device.account}:user/{name}")
    if named is None or named.account != device.account or found is None or not found.device_session_s:
        todo = f"account {device.account} has no principal {name} that devices may be"
        raise RefusedError(
            400, texts.credentials.ROLE_UNUSABLE, f"{todo}: tidegate access allow-devices {name}, if they may"
        )
    return found
