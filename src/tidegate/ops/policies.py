"""Policies (device reference 8): documents in versions, one in force, attached to certificates and thing groups.

What a document means stands in ``core.policy``; here it is only refused or kept. The operations named after principals
are the older half of AWS's interface; attaching, it knows certificates alone.
"""

from __future__ import annotations

import re

from tidegate.core import arn, policy, texts
from tidegate.ops import certificates, tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged, PrincipalChanged
from tidegate.ops.handler import Handler, following, page
from tidegate.store import groups, policies
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.wire import iot

_NO_COGNITO = "certificates and thing groups only, no Cognito identities"


# --- policies -------------------------------------------------------------------------------------------------------


def create_policy(tx: Tx, call: Call, request: iot.CreatePolicyRequest) -> iot.CreatePolicyResponse:
    """A policy with its first version, which is the default."""
    name, document = request.policy_name or "", request.policy_document or ""
    wrong = tags.problems(request.tags, call.limits.tags_per_resource)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    _check_document(call, name, document)
    name_arn = call.arn(f"policy/{name}")
    policy_id = policies.insert(tx, call.scope, name, uuid=call.ids.uuid(), now=call.now)
    if policy_id is None:
        raise iot.ResourceAlreadyExistsException(
            texts.policies.policy_exists(name), resource_id=name, resource_arn=name_arn
        )
    policies.insert_version(tx, policy_id, 1, document, uuid=call.ids.uuid(), now=call.now)
    stored_tags.put(tx, call.scope, name_arn, tags.as_map(request.tags))
    return iot.CreatePolicyResponse(
        policy_name=name, policy_arn=name_arn, policy_document=document, policy_version_id="1"
    )


def get_policy(tx: Tx, call: Call, request: iot.GetPolicyRequest) -> iot.GetPolicyResponse:
    """A policy with the document that is in force."""
    found = _policy(tx, call, request.policy_name)
    return iot.GetPolicyResponse(
        policy_name=found.name,
        policy_arn=call.arn(f"policy/{found.name}"),
        policy_document=_version(tx, found, str(found.default_version)).document,
        default_version_id=str(found.default_version),
        creation_date=found.created_at / 1000,
        last_modified_date=found.updated_at / 1000,
        generation_id=found.uuid,
    )


def delete_policy(tx: Tx, call: Call, request: iot.DeletePolicyRequest) -> None:
    """Only without attachments and with no version but the default."""
    found = _policy(tx, call, request.policy_name)
    if policies.is_attached(tx, found.id):
        raise iot.DeleteConflictException(texts.policies.policy_attached(found.name))
    if policies.count_versions(tx, found.id) > 1:
        raise iot.DeleteConflictException(texts.policies.policy_has_versions(found.name))
    policies.delete(tx, found)
    stored_tags.delete_all(tx, call.scope, call.arn(f"policy/{found.name}"))


def list_policies(tx: Tx, call: Call, request: iot.ListPoliciesRequest) -> iot.ListPoliciesResponse:
    """From new to old unless ascending order is asked for."""
    rows, marker = certificates.by_age(
        ["ListPolicies", call.scope],
        request,
        upward=lambda after, limit: policies.page(tx, call.scope, after, limit),
        downward=lambda before, limit: policies.page_newest(tx, call.scope, before, limit),
    )
    return iot.ListPoliciesResponse(policies=_named(call, rows), next_marker=marker)


# --- versions -------------------------------------------------------------------------------------------------------


def create_policy_version(
    tx: Tx, call: Call, request: iot.CreatePolicyVersionRequest
) -> iot.CreatePolicyVersionResponse:
    """A further document, in force at once if asked. At most five are kept; none is dropped unasked."""
    document = request.policy_document or ""
    _check_document(call, request.policy_name or "", document)
    found = _policy(tx, call, request.policy_name)
    if policies.count_versions(tx, found.id) >= call.limits.policy_versions:
        raise iot.VersionsLimitExceededException(
            texts.policies.policy_versions_full(found.name, call.limits.policy_versions)
        )
    number = found.last_version + 1
    policies.insert_version(tx, found.id, number, document, uuid=call.ids.uuid(), now=call.now)
    if request.set_as_default:
        _put_in_force(tx, call, found, number)
    return iot.CreatePolicyVersionResponse(
        policy_arn=call.arn(f"policy/{found.name}"),
        policy_document=document,
        policy_version_id=str(number),
        is_default_version=bool(request.set_as_default),
    )


def list_policy_versions(tx: Tx, call: Call, request: iot.ListPolicyVersionsRequest) -> iot.ListPolicyVersionsResponse:
    """Newest first, all at once."""
    found = _policy(tx, call, request.policy_name)
    return iot.ListPolicyVersionsResponse(
        policy_versions=[
            iot.PolicyVersion(
                version_id=str(version.version),
                is_default_version=version.version == found.default_version,
                create_date=version.created_at / 1000,
            )
            for version in policies.versions(tx, found.id)
        ]
    )


def get_policy_version(tx: Tx, call: Call, request: iot.GetPolicyVersionRequest) -> iot.GetPolicyVersionResponse:
    """One version. It never changes, so that its last modification is its creation."""
    found = _policy(tx, call, request.policy_name)
    version = _version(tx, found, request.policy_version_id)
    return iot.GetPolicyVersionResponse(
        policy_arn=call.arn(f"policy/{found.name}"),
        policy_name=found.name,
        policy_document=version.document,
        policy_version_id=str(version.version),
        is_default_version=version.version == found.default_version,
        creation_date=version.created_at / 1000,
        last_modified_date=version.created_at / 1000,
        generation_id=version.uuid,
    )


def set_default_policy_version(tx: Tx, call: Call, request: iot.SetDefaultPolicyVersionRequest) -> None:
    """Put a version in force."""
    found = _policy(tx, call, request.policy_name)
    number = _version(tx, found, request.policy_version_id).version
    if number != found.default_version:
        _put_in_force(tx, call, found, number)


def delete_policy_version(tx: Tx, call: Call, request: iot.DeletePolicyVersionRequest) -> None:
    """Any version but the default."""
    found = _policy(tx, call, request.policy_name)
    number = _version(tx, found, request.policy_version_id).version
    if number == found.default_version:
        raise iot.DeleteConflictException(texts.policies.POLICY_VERSION_DEFAULT)
    policies.delete_version(tx, found.id, number)


# --- attachments ----------------------------------------------------------------------------------------------------


def attach_policy(tx: Tx, call: Call, request: iot.AttachPolicyRequest) -> None:
    """To a certificate or a thing group; once is enough, repeating it changes nothing."""
    target = _target(request.target)
    found = _policy(tx, call, request.policy_name)
    _attach(tx, call, found, _existing(tx, call, target))


def attach_principal_policy(tx: Tx, call: Call, request: iot.AttachPrincipalPolicyRequest) -> None:
    """To a certificate."""
    principal = certificates.principal_arn(request.principal)
    found = _policy(tx, call, request.policy_name)
    _attach(tx, call, found, _existing(tx, call, principal))


def detach_policy(tx: Tx, call: Call, request: iot.DetachPolicyRequest) -> None:
    """What is not attached, or not even there, is detached: the model gives this operation no way to say otherwise."""
    target = _target(request.target)
    found = policies.get(tx, call.scope, request.policy_name or "")
    if found is not None:
        _detach(tx, call, found, str(target))


def detach_principal_policy(tx: Tx, call: Call, request: iot.DetachPrincipalPolicyRequest) -> None:
    """From a certificate or, as the model's text says, a thing group; it and the policy must exist."""
    target = _target(request.principal)
    found = _policy(tx, call, request.policy_name)
    _detach(tx, call, found, _existing(tx, call, target))


def list_attached_policies(
    tx: Tx, call: Call, request: iot.ListAttachedPoliciesRequest
) -> iot.ListAttachedPoliciesResponse:
    """The policies of a certificate or group; ``recursive`` adds those of the group's ancestors: they apply too."""
    target = _target(request.target)
    name = _existing(tx, call, target)
    listing = ["ListAttachedPolicies", call.scope, name, bool(request.recursive)]
    wanted = page(listing, token=request.marker, size=request.page_size, start=[0])
    after, limit = int(wanted.position[0]), wanted.size + 1
    if request.recursive and target.resource_type == "thinggroup":
        rows = policies.of_group_line(tx, call.scope, call.arn("thinggroup/"), target.resource_id, after, limit)
    else:
        rows = policies.of_target(tx, call.scope, name, after, limit)
    return iot.ListAttachedPoliciesResponse(
        policies=_named(call, rows[: wanted.size]),
        next_marker=following(listing, rows, wanted.size, lambda row: [row.id]),
    )


def list_principal_policies(
    tx: Tx, call: Call, request: iot.ListPrincipalPoliciesRequest
) -> iot.ListPrincipalPoliciesResponse:
    """The policies of a certificate or thing group, from new to old unless ascending order is asked for."""
    name = _existing(tx, call, _target(request.principal))
    rows, marker = certificates.by_age(
        ["ListPrincipalPolicies", call.scope, name],
        request,
        upward=lambda after, limit: policies.of_target(tx, call.scope, name, after, limit),
        downward=lambda before, limit: policies.of_target_newest(tx, call.scope, name, before, limit),
    )
    return iot.ListPrincipalPoliciesResponse(policies=_named(call, rows), next_marker=marker)


def list_targets_for_policy(
    tx: Tx, call: Call, request: iot.ListTargetsForPolicyRequest
) -> iot.ListTargetsForPolicyResponse:
    """What a policy is attached to, in the order of attaching."""
    found = _policy(tx, call, request.policy_name)
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
    """The certificates a policy is attached to, the latest first unless ascending order is asked for.

    A policy that is not there has none: seen on AWS (moto pull request 5309), whatever the model says.
    """
    found, certificate = policies.get(tx, call.scope, request.policy_name or ""), call.arn("cert/")
    if found is None:
        return iot.ListPolicyPrincipalsResponse(principals=[])
    rows, marker = certificates.by_age(
        ["ListPolicyPrincipals", call.scope, found.id],
        request,
        upward=lambda after, limit: policies.targets(tx, found.id, after, limit, prefix=certificate),
        downward=lambda before, limit: policies.targets_newest(tx, found.id, before, limit, prefix=certificate),
    )
    return iot.ListPolicyPrincipalsResponse(principals=[row.target_arn for row in rows], next_marker=marker)


# --- lookups --------------------------------------------------------------------------------------------------------


def _policy(tx: Tx, call: Call, name: str | None) -> policies.Policy:
    found = policies.get(tx, call.scope, name or "")
    if found is None:
        raise iot.ResourceNotFoundException(texts.policies.POLICY_MISSING)
    return found


def _version(tx: Tx, found: policies.Policy, text: str | None) -> policies.Version:
    # 18 digits always fit into a stored integer; more were never given out.
    number = int(text) if text and len(text) <= 18 else 0
    version = policies.version(tx, found.id, number)
    if version is None:
        raise iot.ResourceNotFoundException(texts.policies.policy_version_missing(found.name, text or ""))
    return version


def _target(text: str | None) -> arn.Arn:
    target = arn.parse(text or "")
    if target is None or target.service != "iot" or target.resource_type not in ("cert", "thinggroup"):
        raise iot.InvalidRequestException(texts.policies.NOT_A_POLICY_TARGET)
    return target


def _existing(tx: Tx, call: Call, target: arn.Arn) -> str:
    """The ARN of a target that must exist."""
    if target.resource_type == "cert":
        certificates.principal(tx, call, target)
    elif str(target) != call.arn(target.resource) or groups.find(tx, call.scope, target.resource_id) is None:
        raise iot.ResourceNotFoundException(texts.groups.group_missing(target.resource_id))
    return str(target)


# --- changes --------------------------------------------------------------------------------------------------------


def _check_document(call: Call, name: str, document: str) -> None:
    size = len(re.sub(r"\s+", "", document))
    if size > call.limits.policy_characters:
        raise iot.InvalidRequestException(texts.policies.policy_too_large(size, call.limits.policy_characters))
    try:
        policy.parse(document, name)
    except policy.MalformedPolicyError as error:
        raise iot.MalformedPolicyException(str(error)) from error


def _put_in_force(tx: Tx, call: Call, found: policies.Policy, number: int) -> None:
    policies.set_default(tx, found.id, number, now=call.now)
    tx.effects.append(PoliciesChanged(call.scope))


def _attach(tx: Tx, call: Call, found: policies.Policy, target: str) -> None:
    if not policies.attach(tx, call.scope, found.id, target):
        return
    most = call.limits.policies_per_target
    if policies.count_of_target(tx, call.scope, target) > most:
        raise iot.LimitExceededException(
            texts.requests.limit_exceeded("policies of a certificate or thing group", most)
        )
    _announce(tx, call, target)


def _detach(tx: Tx, call: Call, found: policies.Policy, target: str) -> None:
    if policies.detach(tx, found.id, target):
        _announce(tx, call, target)


def _announce(tx: Tx, call: Call, target: str) -> None:
    certificate = call.arn("cert/")
    if target.startswith(certificate):
        tx.effects.append(PrincipalChanged(call.scope, target.removeprefix(certificate)))
    else:
        tx.effects.append(PoliciesChanged(call.scope))


def _named(call: Call, rows: list[policies.PolicyName]) -> list[iot.Policy]:
    return [iot.Policy(policy_name=row.name, policy_arn=call.arn(f"policy/{row.name}")) for row in rows]


HANDLERS = {
    ("iot", "CreatePolicy"): Handler(create_policy),
    ("iot", "GetPolicy"): Handler(get_policy, reads=True),
    ("iot", "DeletePolicy"): Handler(delete_policy),
    ("iot", "ListPolicies"): Handler(list_policies, reads=True),
    ("iot", "CreatePolicyVersion"): Handler(create_policy_version),
    ("iot", "ListPolicyVersions"): Handler(list_policy_versions, reads=True),
    ("iot", "GetPolicyVersion"): Handler(get_policy_version, reads=True),
    ("iot", "SetDefaultPolicyVersion"): Handler(set_default_policy_version),
    ("iot", "DeletePolicyVersion"): Handler(delete_policy_version),
    ("iot", "AttachPolicy"): Handler(attach_policy, partial=_NO_COGNITO),
    ("iot", "AttachPrincipalPolicy"): Handler(attach_principal_policy, partial=_NO_COGNITO),
    ("iot", "DetachPolicy"): Handler(detach_policy, partial=_NO_COGNITO),
    ("iot", "DetachPrincipalPolicy"): Handler(detach_principal_policy, partial=_NO_COGNITO),
    ("iot", "ListAttachedPolicies"): Handler(list_attached_policies, reads=True, partial=_NO_COGNITO),
    ("iot", "ListPrincipalPolicies"): Handler(list_principal_policies, reads=True, partial=_NO_COGNITO),
    ("iot", "ListTargetsForPolicy"): Handler(list_targets_for_policy, reads=True),
    ("iot", "ListPolicyPrincipals"): Handler(list_policy_principals, reads=True),
}
TAGGABLE = {"policy": tags.named(policies.get)}
