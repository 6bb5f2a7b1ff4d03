"""Callers that signed with an access key: what their policies allow (control reference 1.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.core import contexts, permissions, texts
from tidegate.core.arn import Names
from tidegate.core.contexts import Place
from tidegate.core.iam.decisions import Asked
from tidegate.http.callers import Caller
from tidegate.net.http1.messages import Request
from tidegate.ops.call import Refused
from tidegate.runtime.access_keys import Identity
from tidegate.runtime.service import Service
from tidegate.store import scopes, tags
from tidegate.store.database import Tx
from tidegate.wire.errors import AccessDeniedException, WireError
from tidegate.wire.iot_data import ForbiddenException, SendDirectMessageRequest
from tidegate.wire.shapes import Operation

Values = Mapping[str, tuple[str, ...]]

_RESOURCE_TAG = "aws:resourcetag/"


async def check(service: Service, caller: Caller, operation: Operation, members: Any, request: Request) -> None:
    """Let a request pass if its caller may do all that it asks for.

    Raises:
        WireError: AccessDeniedException, on the data planes ForbiddenException; the first permission that is lacking.
        StoreError: the tags of a resource cannot be read.
    """
    await check_named(service, caller, (operation.plane, operation.name), members, request)


async def check_named(
    service: Service, caller: Caller, operation: tuple[str, str], members: Any, request: Request
) -> None:
    """The same of an operation by its plane and name."""
    identity = caller.identity
    if identity is None or identity.unlimited:
        return
    names = Names(service.settings.partition, caller.region, caller.account)
    hosts = service.settings.endpoints.objects
    needs = permissions.needs(*operation, members, names, hosts=hosts)
    context = _context(service, identity, caller, members, request) if identity.keys else {}
    tagged = await _tags(service, caller, identity, [need.resource for need in needs])
    for need in needs:
        decision = identity.decide(Asked(need.actions, need.resource, {**context, **tagged.get(need.resource, {})}))
        if not decision.allowed:
            told = texts.operators.denied(
                caller.principal, need.actions[0], need.resource, decision.because(need.actions[0])
            )
            by = f"statement {decision.statement} of {decision.policy}" if decision.explicit else "no statement"
            raise _denied(operation[0], told, by)


def refused(service: Service, caller: Caller, members: Any, request: Request) -> Refused | None:
    """What an operation asks that meets more than its request names, as objects in a document; None if it need not."""
    identity = caller.identity
    if identity is None or identity.unlimited:
        return None

    def told(action: str, resource: str) -> str | None:
        context = _context(service, identity, caller, members, request) if identity.keys else {}
        decision = identity.decide(Asked((action,), resource, context))
        return (
            None
            if decision.allowed
            else texts.operators.denied(caller.principal, action, resource, decision.because(action))
        )

    return told


async def check_action(service: Service, caller: Caller, action: str, request: Request) -> None:
    """The same for an action of the server itself, on everything. Raises AccessDeniedException."""
    if caller.identity is None or caller.identity.unlimited:
        return
    context = _context(service, caller.identity, caller, None, request)
    decision = caller.identity.decide(Asked((action,), permissions.ANY, context))
    if not decision.allowed:
        told = texts.operators.denied(caller.principal, action, permissions.ANY, decision.because(action))
        raise AccessDeniedException(told)


def _denied(plane: str, told: str, by: str) -> WireError:
    """The control plane says what is lacking, the data planes do not (device reference 4)."""
    error: WireError = AccessDeniedException(told) if plane in ("iot", "tidegate") else ForbiddenException("Forbidden")
    error.add_note(f"{told} ({by})")
    return error


def _context(service: Service, identity: Identity, caller: Caller, members: Any, request: Request) -> Values:
    """The condition keys of a request."""
    peer = request.peer
    place = Place(caller.region, peer.address, peer.tls)
    found = {
        **identity.variables,
        **contexts.of(place, service.clock.now()),
        "iam:passedtoservice": (permissions.PASSED_TO,),
    }
    job_id = getattr(members, "job_id", None)
    if job_id is not None:  # [D] of iotjobsdata:DescribeJobExecution and UpdateJobExecution
        found["iot:jobid"] = (job_id,)
    if isinstance(members, SendDirectMessageRequest):  # [D] restricts on which topics one may be sent
        found["iot:topic"] = (members.topic,)
    given = _request_tags(members)
    if given:
        found["aws:tagkeys"] = tuple(given)
        found |= {f"aws:requesttag/{key.lower()}": (value,) for key, value in given.items()}
    return found


def _request_tags(members: Any) -> dict[str, str]:
    """The tags that a request sets, by key; those it removes have no value."""
    removed = dict.fromkeys(getattr(members, "tag_keys", None) or (), "")
    listed = getattr(members, "tags", None) or {}
    if isinstance(listed, dict):
        return {**removed, **listed}
    return {**removed, **{tag.key: tag.value or "" for tag in listed}}


async def _tags(service: Service, caller: Caller, identity: Identity, resources: list[str]) -> dict[str, Values]:
    """The tags that resources have, as condition keys by ARN. Only read for policies that look at them."""
    if not any(key.startswith(_RESOURCE_TAG) for key in identity.keys):
        return {}

    def read(tx: Tx) -> dict[str, Values]:
        scope = scopes.find(tx, caller.account, caller.region)
        if scope is None:
            return {}
        return {resource: _as_keys(tags.of(tx, scope, resource)) for resource in resources}

    return await service.unit.read(read)


def _as_keys(found: Mapping[str, str]) -> Values:
    return {_RESOURCE_TAG + key.lower(): (value,) for key, value in found.items()}
