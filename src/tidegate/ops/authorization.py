"""What a principal may do, asked by an operator: TestAuthorization and GetEffectivePolicies (device reference 8.2).

They evaluate what the device endpoint evaluates (``ops.identity``, ``core.policy``), of committed state, whatever the
certificate's status is. A test has no connection: what only a connection knows, its address and the host name it
asked for, has no value, and is named among the missing values where a statement needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tidegate.core import arn, policy, texts
from tidegate.ops import identity, policy_targets, principals, things
from tidegate.ops.call import Call
from tidegate.ops.handler import Computed, Handlers, Read
from tidegate.store import certificates
from tidegate.store import groups as stored_groups
from tidegate.store import policies as stored_policies
from tidegate.store.database import Tx
from tidegate.store.policies import InForce
from tidegate.wire import iot

_ACTIONS: Final = {
    "CONNECT": "iot:Connect",
    "PUBLISH": "iot:Publish",
    "SUBSCRIBE": "iot:Subscribe",
    "RECEIVE": "iot:Receive",
}


_MOST_RESOURCES: Final = 100
"""Of all ``authInfos`` of a request."""
_MOST_SKIPPED: Final = 100


# --- TestAuthorization ----------------------------------------------------------------------------------------------


def _tested(tx: Tx, call: Call, request: iot.TestAuthorizationRequest) -> identity.Device:
    """Who is tested, with the policies as the request changes them.

    Raises:
        InvalidRequestException: the request makes no sense, or asks for too much.
        ResourceNotFoundException: there is no such principal or policy.
    """
    wrong = _problems(request, call.limits.policies_per_target)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    holder = _holder(tx, call, request.principal or "", request.client_id)
    return _changed(tx, call, holder, request.policy_names_to_add or (), request.policy_names_to_skip or ())


def test_authorization(
    call: Call, request: iot.TestAuthorizationRequest, holder: identity.Device
) -> iot.TestAuthorizationResponse:
    """One result for each action: ALLOWED if all its resources are, EXPLICIT_DENY if any is denied by a statement.

    A hundred resources against a page of patterns each: nothing for the loop's thread.
    """
    bound = holder.bind(request.client_id, None, lambda: call.now)
    names = list(dict.fromkeys(entry.name for entry in holder.applying))
    results = [_result(call, bound, names, info) for info in request.auth_infos]
    return iot.TestAuthorizationResponse(auth_results=results)


def _problems(request: iot.TestAuthorizationRequest, most_added: int) -> list[str]:
    wrong = [
        texts.authorization.too_many(member, most)
        for member, most, count in (
            ("resources", _MOST_RESOURCES, sum(len(info.resources or ()) for info in request.auth_infos)),
            ("policyNamesToAdd", most_added, len(request.policy_names_to_add or ())),
            ("policyNamesToSkip", _MOST_SKIPPED, len(request.policy_names_to_skip or ())),
        )
        if count > most
    ]
    if wrong:
        return wrong
    if not request.principal:
        wrong.append(texts.authorization.PRINCIPAL_MISSING)
    for position, info in enumerate(request.auth_infos, 1):
        if info.action_type is None:
            wrong.append(texts.authorization.action_type_missing(position))
        if not info.resources:
            wrong.append(texts.authorization.resources_missing(position))
        wrong += [
            texts.authorization.not_a_resource(position, text)
            for text in info.resources or ()
            if arn.parse(text) is None
        ]
    return wrong


def _holder(tx: Tx, call: Call, principal: str, client_id: str | None) -> identity.Device:
    target = policy_targets.target_of(principal)
    if isinstance(target, str):
        return _nobody(call, target, client_id)._replace(policies=_of_target(tx, call, target))
    if target.resource_type != "cert":
        raise iot.InvalidRequestException(texts.authorization.NOT_A_PRINCIPAL)
    found = principals.principal(tx, call, target)
    owner = certificates.Owner(
        call.scope,
        call.account,
        call.region,
        found.id,
        found.pem,
        found.status,
        found.mode,
        found.not_before,
        found.not_after,
    )
    known_as = found.certificate_id
    return identity.held(tx, owner, known_as, client_id=client_id, partition=call.partition, any_policy=True)


def _nobody(call: Call, name: str, client_id: str | None) -> identity.Device:
    """Somebody without certificate and thing."""
    return identity.Device(
        scope=call.scope,
        account=call.account,
        region=call.region,
        partition=call.partition,
        certificate_id=name,
        server_name=None,
        client_id=client_id,
        variables={},
        things=(),
        policies=(),
    )


def _of_target(tx: Tx, call: Call, target: str) -> tuple[policy.Policy, ...]:
    return identity.parsed(stored_policies.in_force(tx, call.scope, target))


def _changed(
    tx: Tx, call: Call, holder: identity.Device, added: Sequence[str], skipped: Sequence[str]
) -> identity.Device:
    """As if some policies were attached, and others were not, be it to a group."""
    more = identity.parsed(_named(tx, call, name) for name in added)
    for name in skipped:
        _named(tx, call, name)

    def kept(found: Iterable[policy.Policy]) -> tuple[policy.Policy, ...]:
        return tuple(entry for entry in found if entry.name not in skipped)

    return holder._replace(
        policies=kept(holder.policies) + more,
        things=tuple(thing._replace(policies=kept(thing.policies)) for thing in holder.things),
    )


def _named(tx: Tx, call: Call, name: str) -> InForce:
    found = stored_policies.named_in_force(tx, call.scope, name)
    if found is None:
        raise iot.ResourceNotFoundException(texts.policies.POLICY_MISSING)
    return found


def _result(call: Call, bound: identity.Bound, names: Sequence[str], info: iot.AuthInfo) -> iot.AuthResult:
    found = [bound.explain(_ACTIONS[info.action_type or ""], resource) for resource in info.resources or ()]
    allowing = {name for each in found for name in each.allowing}
    denying = {name for each in found for name in each.denying}
    silent = [name for name in names if name not in allowing | denying]
    return iot.AuthResult(
        auth_info=info,
        allowed=iot.Allowed(policies=_shown(call, names, allowing)),
        denied=iot.Denied(
            implicit_deny=iot.ImplicitDeny(policies=_shown(call, names, silent)),
            explicit_deny=iot.ExplicitDeny(policies=_shown(call, names, denying)),
        ),
        auth_decision=_decision(found),
        missing_context_values=list(dict.fromkeys(key for each in found for key in each.missing)),
    )


def _decision(found: Sequence[policy.Explanation]) -> str:
    if any(each.denying for each in found):
        return "EXPLICIT_DENY"
    return "ALLOWED" if all(each.decision.allowed for each in found) else "IMPLICIT_DENY"


def _shown(call: Call, names: Sequence[str], wanted: Iterable[str]) -> list[iot.Policy]:
    wanted = set(wanted)
    return [iot.Policy(policy_name=name, policy_arn=_arn(call, name)) for name in names if name in wanted]


# --- GetEffectivePolicies -------------------------------------------------------------------------------------------


def get_effective_policies(
    tx: Tx, call: Call, request: iot.GetEffectivePoliciesRequest
) -> iot.GetEffectivePoliciesResponse:
    """The policies of a principal and of the groups of a thing, ancestors included: each once, by name."""
    if not request.principal and request.thing_name is None:
        raise iot.InvalidRequestException(texts.authorization.NOTHING_NAMED)
    found = _of_principal(tx, call, request.principal) if request.principal else []
    if request.thing_name is not None:
        thing = things.found(tx, call, request.thing_name)
        found += stored_policies.in_force_for_thing(tx, call.scope, call.arn("thinggroup/"), thing.id)
    return iot.GetEffectivePoliciesResponse(
        effective_policies=[
            iot.EffectivePolicy(
                policy_name=entry.name, policy_arn=_arn(call, entry.name), policy_document=entry.document
            )
            for entry in sorted(set(found))
        ]
    )


def _of_principal(tx: Tx, call: Call, principal: str) -> list[InForce]:
    target = policy_targets.target_of(principal)
    if isinstance(target, str):
        return stored_policies.in_force(tx, call.scope, target)
    if target.resource_type == "cert":
        principals.principal(tx, call, target)
        return stored_policies.in_force(tx, call.scope, str(target))
    if str(target) != call.arn(target.resource) or stored_groups.find(tx, call.scope, target.resource_id) is None:
        raise iot.ResourceNotFoundException(texts.groups.group_missing(target.resource_id))
    return stored_policies.in_force_for_group(tx, call.scope, call.arn("thinggroup/"), target.resource_id)


def _arn(call: Call, name: str) -> str:
    return call.arn(f"policy/{name}")


HANDLERS: Handlers = {
    ("iot", "TestAuthorization"): Computed(_tested, test_authorization),
    ("iot", "GetEffectivePolicies"): Read(get_effective_policies),
}
