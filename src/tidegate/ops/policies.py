"""Policies (device reference 8): documents in versions, one in force. What holds them stands in ``policy_targets``.

What a document means stands in ``core.policy``; here it is only refused or kept.
"""

from __future__ import annotations

from typing import Any

from tidegate.core import policy, texts
from tidegate.core.audit import Image
from tidegate.core.document import length
from tidegate.ops import tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import by_age
from tidegate.store import policies
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.wire import iot

# --- policies -------------------------------------------------------------------------------------------------------


def create_policy(tx: Tx, call: Call, request: iot.CreatePolicyRequest) -> iot.CreatePolicyResponse:
    """A policy with its first version, which is the default."""
    name, document = request.policy_name, request.policy_document
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
    found = named(tx, call, request.policy_name)
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
    found = named(tx, call, request.policy_name)
    if policies.is_attached(tx, found.id):
        raise iot.DeleteConflictException(texts.policies.policy_attached(found.name))
    if policies.count_versions(tx, found.id) > 1:
        raise iot.DeleteConflictException(texts.policies.policy_has_versions(found.name))
    policies.delete(tx, found)
    stored_tags.delete_all(tx, call.scope, call.arn(f"policy/{found.name}"))


def list_policies(tx: Tx, call: Call, request: iot.ListPoliciesRequest) -> iot.ListPoliciesResponse:
    """From new to old unless ascending order is asked for."""
    rows, marker = by_age(
        ["ListPolicies", call.scope],
        request,
        upward=lambda after, limit: policies.page(tx, call.scope, after, limit),
        downward=lambda before, limit: policies.page_newest(tx, call.scope, before, limit),
    )
    return iot.ListPoliciesResponse(policies=shown(call, rows), next_marker=marker)


# --- versions -------------------------------------------------------------------------------------------------------


def create_policy_version(
    tx: Tx, call: Call, request: iot.CreatePolicyVersionRequest
) -> iot.CreatePolicyVersionResponse:
    """A further document, in force at once if asked. At most five are kept; none is dropped unasked."""
    document = request.policy_document
    _check_document(call, request.policy_name, document)
    found = named(tx, call, request.policy_name)
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
    found = named(tx, call, request.policy_name)
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
    found = named(tx, call, request.policy_name)
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
    found = named(tx, call, request.policy_name)
    number = _version(tx, found, request.policy_version_id).version
    if number != found.default_version:
        _put_in_force(tx, call, found, number)


def delete_policy_version(tx: Tx, call: Call, request: iot.DeletePolicyVersionRequest) -> None:
    """Any version but the default."""
    found = named(tx, call, request.policy_name)
    number = _version(tx, found, request.policy_version_id).version
    if number == found.default_version:
        raise iot.DeleteConflictException(texts.policies.POLICY_VERSION_DEFAULT)
    policies.delete_version(tx, found.id, number)


# --- lookups --------------------------------------------------------------------------------------------------------


def named(tx: Tx, call: Call, name: str | None) -> policies.Policy:
    """The policy of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
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


def shown(call: Call, rows: list[policies.PolicyName]) -> list[iot.Policy]:
    """Policies as lists show them."""
    return [iot.Policy(policy_name=row.name, policy_arn=call.arn(f"policy/{row.name}")) for row in rows]


def _image(tx: Tx, call: Call, request: Any) -> Image:
    """What the audit log shows of the policy that a request names: what is in force, and every version."""
    found = policies.get(tx, call.scope, request.policy_name or "")
    if found is None:
        return {}
    documents = {f"version {version.version}": version.document for version in policies.versions(tx, found.id)}
    in_force = documents.pop(f"version {found.default_version}")
    return {"version in force": str(found.default_version), "in force": in_force, **documents}


# --- changes --------------------------------------------------------------------------------------------------------


def _check_document(call: Call, name: str, document: str) -> None:
    size = length(document)
    if size > call.limits.policy_characters:
        raise iot.InvalidRequestException(texts.policies.policy_too_large(size, call.limits.policy_characters))
    try:
        policy.parse(document, name)
    except policy.MalformedPolicyError as error:
        raise iot.MalformedPolicyException(str(error)) from error


def _put_in_force(tx: Tx, call: Call, found: policies.Policy, number: int) -> None:
    policies.set_default(tx, found.id, number, now=call.now)
    tx.effects.append(PoliciesChanged(call.scope))


HANDLERS: Handlers = {
    ("iot", "CreatePolicy"): Write(create_policy, image=_image),
    ("iot", "GetPolicy"): Read(get_policy),
    ("iot", "DeletePolicy"): Write(delete_policy, image=_image),
    ("iot", "ListPolicies"): Read(list_policies),
    ("iot", "CreatePolicyVersion"): Write(create_policy_version, image=_image),
    ("iot", "ListPolicyVersions"): Read(list_policy_versions),
    ("iot", "GetPolicyVersion"): Read(get_policy_version),
    ("iot", "SetDefaultPolicyVersion"): Write(set_default_policy_version, image=_image),
    ("iot", "DeletePolicyVersion"): Write(delete_policy_version, image=_image),
}

TAGGABLE = {"policy": tags.named(policies.get)}
