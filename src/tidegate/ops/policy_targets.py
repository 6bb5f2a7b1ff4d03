"""What holds policies (device reference 8): certificates and thing groups, by ARN, and Cognito identities, by id.

The operations named after principals are the older half of AWS's interface: they attach to no groups. A Cognito
identity (``region:uuid``) holds policies like a certificate, and TestAuthorization counts them; there is no identity
pool here, so that nobody connects as one.
"""

from __future__ import annotations

import re

from tidegate.core import arn, texts
from tidegate.ops import policies as policy_documents
from tidegate.ops import principals
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged, PrincipalChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import by_age, following, page
from tidegate.store import dynamic_groups, groups, policies
from tidegate.store.database import Tx
from tidegate.wire import iot

Target = arn.Arn | str
"""What a policy is attached to: a certificate or group by its ARN, a Cognito identity by its id."""

_COGNITO = re.compile(r"[\w-]{1,55}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def target_of(text: str | None) -> Target:
    """A target as requests name it. Whether it exists is not looked at.

    Raises:
        InvalidRequestException: it is none.
    """
    if _COGNITO.fullmatch(text or ""):
        return text or ""
    target = arn.parse(text or "")
    if target is None or target.service != "iot" or target.resource_type not in ("cert", "thinggroup"):
        raise iot.InvalidRequestException(texts.policies.NOT_A_POLICY_TARGET)
    return target


def principal_of(text: str | None) -> Target:
    """The same of a principal: not a group."""
    return text or "" if _COGNITO.fullmatch(text or "") else principals.principal_arn(text)


def _existing(tx: Tx, call: Call, target: Target) -> str:
    """The name of a target that must exist, if it is of a kind that this server keeps."""
    if isinstance(target, str):
        return target
    if target.resource_type == "cert":
        principals.principal(tx, call, target)
    elif str(target) != call.arn(target.resource) or groups.find(tx, call.scope, target.resource_id) is None:
        raise iot.ResourceNotFoundException(texts.groups.group_missing(target.resource_id))
    return str(target)


def _refuse_dynamic(tx: Tx, call: Call, target: Target) -> None:
    """Dynamic groups have no policies (control reference 17.4)."""
    group = None if isinstance(target, str) else groups.find(tx, call.scope, target.resource_id)
    if group and str(target) == call.arn(f"thinggroup/{group.name}") and dynamic_groups.find(tx, group.id):
        raise iot.InvalidRequestException(texts.fleet_index.group_is_dynamic(str(target)))


# --- attachments ----------------------------------------------------------------------------------------------------


def attach_policy(tx: Tx, call: Call, request: iot.AttachPolicyRequest) -> None:
    """To a certificate or a thing group; once is enough, repeating it changes nothing."""
    target = target_of(request.target)
    found = policy_documents.named(tx, call, request.policy_name)
    name = _existing(tx, call, target)
    _refuse_dynamic(tx, call, target)
    _attach(tx, call, found, name)


def attach_principal_policy(tx: Tx, call: Call, request: iot.AttachPrincipalPolicyRequest) -> None:
    """To a certificate."""
    principal = principal_of(request.principal)
    found = policy_documents.named(tx, call, request.policy_name)
    _attach(tx, call, found, _existing(tx, call, principal))


def detach_policy(tx: Tx, call: Call, request: iot.DetachPolicyRequest) -> None:
    """What is not attached, or not even there, is detached: the model gives this operation no way to say otherwise."""
    target = target_of(request.target)
    found = policies.get(tx, call.scope, request.policy_name)
    if found is not None:
        _detach(tx, call, found, str(target))


def detach_principal_policy(tx: Tx, call: Call, request: iot.DetachPrincipalPolicyRequest) -> None:
    """From whatever holds it: the model's text names groups here too. It and the policy must exist."""
    target = target_of(request.principal)
    found = policy_documents.named(tx, call, request.policy_name)
    _detach(tx, call, found, _existing(tx, call, target))


def list_attached_policies(
    tx: Tx, call: Call, request: iot.ListAttachedPoliciesRequest
) -> iot.ListAttachedPoliciesResponse:
    """The policies of a certificate or group; ``recursive`` adds those of the group's ancestors: they apply too."""
    target = target_of(request.target)
    name = _existing(tx, call, target)
    listing = ["ListAttachedPolicies", call.scope, name, bool(request.recursive)]
    wanted = page(listing, token=request.marker, size=request.page_size, start=[0])
    after, limit = int(wanted.position[0]), wanted.size + 1
    if request.recursive and isinstance(target, arn.Arn) and target.resource_type == "thinggroup":
        rows = policies.of_group_line(tx, call.scope, call.arn("thinggroup/"), target.resource_id, after, limit)
    else:
        rows = policies.of_target(tx, call.scope, name, after, limit)
    return iot.ListAttachedPoliciesResponse(
        policies=policy_documents.shown(call, rows[: wanted.size]),
        next_marker=following(listing, rows, wanted.size, lambda row: [row.id]),
    )


def list_principal_policies(
    tx: Tx, call: Call, request: iot.ListPrincipalPoliciesRequest
) -> iot.ListPrincipalPoliciesResponse:
    """The policies of a certificate or, as the model's text says, a group, from new to old unless told otherwise."""
    name = _existing(tx, call, target_of(request.principal))
    rows, marker = by_age(
        ["ListPrincipalPolicies", call.scope, name],
        request,
        upward=lambda after, limit: policies.of_target(tx, call.scope, name, after, limit),
        downward=lambda before, limit: policies.of_target_newest(tx, call.scope, name, before, limit),
    )
    return iot.ListPrincipalPoliciesResponse(policies=policy_documents.shown(call, rows), next_marker=marker)


def list_targets_for_policy(
    tx: Tx, call: Call, request: iot.ListTargetsForPolicyRequest
) -> iot.ListTargetsForPolicyResponse:
    """What a policy is attached to, in the order of attaching."""
    found = policy_documents.named(tx, call, request.policy_name)
    listing = ["ListTargetsForPolicy", call.scope, found.id]
    wanted = page(listing, token=request.marker, size=request.page_size, start=[0])
    rows = policies.targets(tx, found.id, int(wanted.position[0]), wanted.size + 1)
    return iot.ListTargetsForPolicyResponse(
        targets=[row.target_arn for row in rows[: wanted.size]],
        next_marker=following(listing, rows, wanted.size, lambda row: [row.id]),
    )


def list_policy_principals(
    tx: Tx, call: Call, request: iot.ListPolicyPrincipalsRequest
) -> iot.ListPolicyPrincipalsResponse:
    """What a policy is attached to but groups, the latest first unless ascending order is asked for.

    A policy that is not there has none: seen on AWS (moto pull request 5309), whatever the model says.
    """
    found, group = policies.get(tx, call.scope, request.policy_name), call.arn("thinggroup/")
    if found is None:
        return iot.ListPolicyPrincipalsResponse(principals=[])
    rows, marker = by_age(
        ["ListPolicyPrincipals", call.scope, found.id],
        request,
        upward=lambda after, limit: policies.targets(tx, found.id, after, limit, without=group),
        downward=lambda before, limit: policies.targets_newest(tx, found.id, before, limit, without=group),
    )
    return iot.ListPolicyPrincipalsResponse(principals=[row.target_arn for row in rows], next_marker=marker)


# --- changes --------------------------------------------------------------------------------------------------------


def _attach(tx: Tx, call: Call, found: policies.Policy, target: str) -> None:
    most = call.limits.policies_per_target
    if policies.count_of_target(tx, call.scope, target) >= most and not _attached(tx, call, found, target):
        raise iot.LimitExceededException(
            texts.requests.limit_exceeded("policies of a certificate or thing group", most)
        )
    if policies.attach(tx, call.scope, found.id, target):
        _announce(tx, call, target)


def _attached(tx: Tx, call: Call, found: policies.Policy, target: str) -> bool:
    next_ones = policies.of_target(tx, call.scope, target, found.id - 1, 1)
    return any(one.id == found.id for one in next_ones)


def _detach(tx: Tx, call: Call, found: policies.Policy, target: str) -> None:
    if policies.detach(tx, found.id, target):
        _announce(tx, call, target)


def _announce(tx: Tx, call: Call, target: str) -> None:
    certificate = call.arn("cert/")
    if target.startswith(certificate):
        tx.effects.append(PrincipalChanged(call.scope, target.removeprefix(certificate)))
    elif target.startswith(call.arn("thinggroup/")):
        tx.effects.append(PoliciesChanged(call.scope))


HANDLERS: Handlers = {
    ("iot", "AttachPolicy"): Write(attach_policy),
    ("iot", "AttachPrincipalPolicy"): Write(attach_principal_policy),
    ("iot", "DetachPolicy"): Write(detach_policy),
    ("iot", "DetachPrincipalPolicy"): Write(detach_principal_policy),
    ("iot", "ListAttachedPolicies"): Read(list_attached_policies),
    ("iot", "ListPrincipalPolicies"): Read(list_principal_policies),
    ("iot", "ListTargetsForPolicy"): Read(list_targets_for_policy),
    ("iot", "ListPolicyPrincipals"): Read(list_policy_principals),
}
