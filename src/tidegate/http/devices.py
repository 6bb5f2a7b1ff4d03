"""Callers that present a client certificate: who they are and what their policies allow (device reference 4, 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tidegate.clock import wall_now
from tidegate.http.callers import Caller
from tidegate.net.http1.messages import Request
from tidegate.ops import identity
from tidegate.ops.identity import Bound
from tidegate.pki.certificates import certificate_id
from tidegate.runtime import holders
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
    request_from = request.peer.address
    bound = device.bind(None, request_from, service.clock.now)

    def allows(operation: Operation, labels: Mapping[str, str], request: object) -> bool:
        if isinstance(request, SendDirectMessageRequest):  # [D] policies may restrict on which topics one may be sent
            extra = {"iot:Topic": request.topic}
            return _allows(device.bind(None, request_from, service.clock.now, extra), operation, labels, request)
        return _allows(bound, operation, labels, request)

    principal = f"arn:{partition}:iot:{device.region}:{device.account}:cert/{known_as}"
    return Caller(device.account, device.region, principal), allows


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
