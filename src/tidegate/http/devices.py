"""Callers that present a client certificate: who they are and what their policies allow (device reference 4, 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from tidegate.clock import monotonic, wall_now
from tidegate.core import authorizers
from tidegate.http.callers import Caller
from tidegate.net.http1.messages import Request
from tidegate.ops import identity
from tidegate.ops.identity import Bound
from tidegate.pki.certificates import certificate_id
from tidegate.runtime import holders
from tidegate.runtime.authorizers import Admitted, Authorizers
from tidegate.runtime.service import Service
from tidegate.wire.errors import WireError
from tidegate.wire.iot_data import ForbiddenException, SendDirectMessageRequest
from tidegate.wire.shapes import Operation

Allows = Callable[[Operation, Mapping[str, str], object], bool]
"""Whether an operation with these path labels and this request is allowed."""


def forbidden() -> WireError:
    """The answer to a certificate that is unknown, not active, or not allowed: it does not say which."""
    return ForbiddenException("Forbidden")


async def judge(service: Service, request: Request, der: bytes) -> tuple[Caller, Allows]:
    """The caller behind a certificate, and its permissions.

    Both are read from the store for each request: a revoked or expired certificate is refused on connections it has
    open.

    Raises:
        ForbiddenException: its scope does not know the certificate as ACTIVE, or it is outside its validity.
        StoreError: the store cannot be read.
    """
    host = request.header(b"host")
    name = host.decode("latin-1").partition(":")[0] if host else None
    known_as, partition = certificate_id(der), service.settings.partition
    now = wall_now() if service.settings.enforce_expiry else None
    load = partial(identity.load, certificate_id=known_as, now=now, server_name=name, partition=partition)
    device = await holders.device(service.unit, load)
    if device is None:
        raise forbidden()
    principal = f"arn:{partition}:iot:{device.region}:{device.account}:cert/{known_as}"
    return Caller(device.account, device.region, principal), _permissions(service, request, device)


def _permissions(service: Service, request: Request, device: identity.Device) -> Allows:
    """What a caller may do, however it was let in."""
    address, now = request.peer.address, service.clock.now
    bound = device.bind(None, address, now)

    def allows(operation: Operation, labels: Mapping[str, str], asked: object) -> bool:
        if isinstance(asked, SendDirectMessageRequest):  # [D] policies may restrict on which topics one may be sent
            return _allows(device.bind(None, address, now, {"iot:Topic": asked.topic}), operation, labels, asked)
        return _allows(bound, operation, labels, asked)

    return allows


def shown(request: Request) -> authorizers.Shown | None:
    """What a request shows to a custom authorizer, in its headers or its query; None if it names none."""
    found = facts(request)
    return found if authorizers.NAME in found.parameters or authorizers.SIGNATURE in found.parameters else None


def facts(request: Request) -> authorizers.Shown:
    """What of a request an authorizer can go by.

    Header names are lower case here; the parameters have the token's key in the query's spelling, too.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    query = request.query_string.decode("latin-1")
    parameters = {**headers, **authorizers.of_query(query)}
    host = headers.get("host", "").partition(":")[0]
    return authorizers.Shown(parameters=parameters, server_name=host or None, headers=headers, query=query)


async def judge_shown(
    service: Service, asking: Authorizers, request: Request, given: authorizers.Shown
) -> tuple[Caller, Allows]:
    """The caller that a custom authorizer lets in, and its permissions (device reference 2.10).

    Raises:
        ForbiddenException: it is not let in.
        StoreError: the store cannot be read.
    """
    admitted = await _admitted(asking, request, given)
    if admitted is None:
        raise forbidden()
    device = identity.Device(
        scope=admitted.scope,
        account=admitted.account,
        region=admitted.region,
        partition=service.settings.partition,
        certificate_id=admitted.verdict.principal,
        server_name=given.server_name,
        client_id=None,
        variables={},
        things=(),
        policies=admitted.verdict.policies,
    )
    caller = Caller(admitted.account, admitted.region, admitted.verdict.principal)
    return caller, _permissions(service, request, device)


async def _admitted(asking: Authorizers, request: Request, given: authorizers.Shown) -> Admitted | None:
    """What an authorizer says of a request, or has said of the one before on this connection if that may be kept."""
    known, facts = request.peer.known, _facts(given)
    remembered: _Remembered | None = None if known is None else known.get(_REMEMBERED)
    counts = remembered is not None and remembered.facts == facts and monotonic() < remembered.until
    if remembered is not None and counts and await asking.stands(remembered.admitted):
        return remembered.admitted
    admitted = await asking.admit(given, request.peer.address)
    if known is not None:
        known.pop(_REMEMBERED, None)
        if admitted is not None and admitted.authorizer.caching:
            known[_REMEMBERED] = _Remembered(facts, admitted, monotonic() + admitted.verdict.refresh_s)
    return admitted


class _Remembered(NamedTuple):
    facts: tuple[Any, ...]
    admitted: Admitted
    until: float


def _facts(given: authorizers.Shown) -> tuple[Any, ...]:
    """All of what an authorizer may go by; headers that differ from request to request say nothing of who asks."""
    headers = {name: value for name, value in (given.headers or {}).items() if name not in _OF_REQUESTS}
    return given.server_name, given.query, headers


_REMEMBERED: Final = "authorizer"
_OF_REQUESTS: Final = frozenset({"accept", "accept-encoding", "content-length", "content-type", "date", "connection"})


def _allows(bound: Bound, operation: Operation, labels: Mapping[str, str], request: object) -> bool:
    if operation.name == "StartCommandExecution":  # on both (reach reference 7.2)
        named = (getattr(request, member).split(":", 5)[-1] for member in ("command_arn", "target_arn"))
        return all(bound.allows(f"iot:{operation.name}", resource) for resource in named)
    if operation.plane == "iot-jobs-data":
        # Older policies name the job operations in the iot namespace: one permission under two names.
        resource = f"thing/{labels.get('thingName', '')}"
        found = [bound.decide(f"{space}:{operation.name}", resource) for space in ("iotjobsdata", "iot")]
        return any(each.allowed for each in found) and not any(each.denied for each in found)
    resource = _resource(labels, request)
    retains = bool(getattr(request, "retain", None))  # takes a permission of its own in addition (2.6)
    actions = (operation.name, "RetainPublish") if retains else (operation.name,)
    return all(bound.allows(f"iot:{action}", resource) for action in actions)


def _resource(labels: Mapping[str, str], request: object) -> str:
    """What an operation of ``iot-data`` is about (8.1)."""
    if "topic" in labels:
        return f"topic/{labels['topic']}"
    if "clientId" in labels:
        return f"client/{labels['clientId']}"
    if "thingName" not in labels:
        return "*"
    shadow_name = getattr(request, "shadow_name", None)  # a named shadow is a resource of its own
    return f"thing/{labels['thingName']}" + (f"/{shadow_name}" if shadow_name else "")
