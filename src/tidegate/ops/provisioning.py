"""What a provisioning template comes to, carried out (reach reference 3.5): in one transaction, whole or not at all.

Every way in ends in ``apply``: RegisterThing over HTTP and MQTT, bulk registration, just-in-time provisioning. It
calls the operations that an operator would call one by one, so that registry events, continuous jobs and dynamic groups
follow as they always do. Types, groups, billing groups and policies that a template names must be there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning import plan as planning
from tidegate.core.provisioning import template as language
from tidegate.core.provisioning.plan import Plan
from tidegate.core.provisioning.refusals import INVALID_PARAMETERS, PROVISIONING_FAILED, RefusedError
from tidegate.core.provisioning.template import InvalidTemplateError, Kind, Override
from tidegate.ops import certificates, groups, policies, policy_targets, principals, things
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged
from tidegate.ops.handler import Handlers, Prepared
from tidegate.pki import certificates as x509
from tidegate.store import billing_groups, thing_types
from tidegate.store import certificates as stored_certificates
from tidegate.store import groups as stored_groups
from tidegate.store import policies as stored_policies
from tidegate.store import things as stored_things
from tidegate.store.certificates import Certificate
from tidegate.store.database import Tx
from tidegate.store.things import Thing
from tidegate.wire import constraints, iot
from tidegate.wire.errors import WireError

_THING_NAME: Final = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_REVOKED: Final = "REVOKED"
Q = TypeVar("Q", bound=msgspec.Struct)


class Applied(NamedTuple):
    """What a device has got; ``arns`` by the template's logical names."""

    thing_name: str | None
    certificate_pem: str | None
    arns: dict[str, str]
    device_configuration: dict[str, str]


class Change(NamedTuple):
    """What has to be done to have a thing as a template wants it."""

    create: iot.CreateThingRequest | None
    update: iot.UpdateThingRequest | None
    joins: list[str]
    leaves: list[str]


class Brought(NamedTuple):
    """A plan over HTTP, with the certificate that was made or read for it before the transaction."""

    plan: Plan
    certificate: x509.Certificate | None


# --- RegisterThing over HTTP ----------------------------------------------------------------------------------------


def prepare_register_thing(call: Call, request: iot.RegisterThingRequest, _found: None) -> Brought:
    """Evaluate the template and sign what it asks to be signed: neither needs the store."""
    return brought(call, request.template_body, request.parameters or {})


def register_thing(
    tx: Tx, call: Call, request: iot.RegisterThingRequest, prepared: Brought
) -> iot.RegisterThingResponse:
    """Carry out the template that came with the request; all or nothing."""
    done = apply_brought(tx, call, prepared)
    return iot.RegisterThingResponse(certificate_pem=done.certificate_pem, resource_arns=done.arns)


def brought(call: Call, body: str, parameters: Mapping[str, str]) -> Brought:
    """What a template of HTTP or bulk registration comes to with these parameters.

    Raises:
        InvalidRequestException: the template or a parameter is not in order.
        ResourceRegistrationFailureException: it comes to nothing, or the signing request is no good.
    """
    try:
        plan = planning.evaluate(language.parse(body, Kind.REGISTRATION), parameters, {})
    except InvalidTemplateError as error:
        raise iot.InvalidRequestException(str(error)) from error
    except RefusedError as error:
        raise as_http(error) from error
    wanted = plan.certificate
    try:
        if wanted is not None and wanted.signing_request is not None:
            return Brought(plan, certificates.sign(call, wanted.signing_request))
        if wanted is not None and wanted.pem is not None:
            return Brought(plan, x509.parse(wanted.pem))
    except WireError as error:
        raise iot.ResourceRegistrationFailureException(error.message) from error
    except x509.InvalidCertificateError as error:
        raise iot.ResourceRegistrationFailureException(texts.certificates.CERTIFICATE_UNREADABLE) from error
    return Brought(plan, None)


def apply_brought(tx: Tx, call: Call, prepared: Brought) -> Applied:
    """Carry out what ``brought`` made.

    Raises:
        ResourceRegistrationFailureException: the registry refuses.
    """
    try:
        return apply(tx, call, prepared.plan, lambda: _certificate_of(tx, call, prepared))
    except RefusedError as error:
        raise as_http(error) from error


def as_http(error: RefusedError) -> WireError:
    """A refusal as the control plane answers it."""
    if error.reason == INVALID_PARAMETERS:
        return iot.InvalidRequestException(error.message)
    answer = iot.ResourceRegistrationFailureException(error.message)
    answer.by_a_part = True
    return answer


def _certificate_of(tx: Tx, call: Call, prepared: Brought) -> Certificate | None:
    wanted, made = prepared.plan.certificate, prepared.certificate
    if wanted is None:
        return None
    if wanted.certificate_id is not None:
        found = stored_certificates.get(tx, call.scope, wanted.certificate_id.lower())
        if found is None:
            raise _failed(texts.certificates.certificate_missing(wanted.certificate_id))
        return found
    assert made is not None
    found = stored_certificates.get(tx, call.scope, made.certificate_id)
    if found is not None:  # a PEM that was registered before
        return found
    try:
        if wanted.pem is None:
            certificates.keep_issued(tx, call, made, wanted.status)
        else:
            request = iot.RegisterCertificateRequest(
                certificate_pem=wanted.pem, ca_certificate_pem=wanted.ca_pem, status=wanted.status
            )
            certificates.register_certificate(tx, call, _checked(request))
    except WireError as error:
        raise _failed(error.message) from error
    return stored_certificates.get(tx, call.scope, made.certificate_id)


# --- carrying out ---------------------------------------------------------------------------------------------------


def apply(tx: Tx, call: Call, plan: Plan, certificate: Callable[[], Certificate | None]) -> Applied:
    """Make, or change as the template's overrides say, all that a plan names, and tie it together.

    The same plan again changes nothing. ``certificate`` gives the one that the plan means, and may write. What can be
    told before the first write is looked at first; the quotas of the parts are not.

    Raises:
        RefusedError: the registry refuses. Some may be written: whoever calls lets the transaction fail.
    """
    try:
        _require_policies(tx, call, plan.policies)
        change = None if plan.thing is None else _change(tx, call, plan.thing)
        return _apply(tx, call, plan, change, certificate())
    except RefusedError:
        raise
    except WireError as error:
        raise _failed(texts.provisioning.workflow_ends(error.message)) from error


def _apply(tx: Tx, call: Call, plan: Plan, change: Change | None, certificate: Certificate | None) -> Applied:
    arns = {each.logical: _policy(tx, call, each) for each in plan.policies}
    if plan.thing is not None and change is not None:
        _thing(tx, call, plan.thing, change)
        arns[plan.thing.logical] = things.arn(call, plan.thing.name)
    if certificate is not None and plan.certificate is not None:
        principal = call.arn(f"cert/{certificate.certificate_id}")
        arns[plan.certificate.logical] = principal
        _activate(tx, call, plan.certificate, certificate)
        for each in plan.policies:
            policy_targets.attach_policy(tx, call, iot.AttachPolicyRequest(policy_name=each.name, target=principal))
        if plan.thing is not None:
            principals.attach_thing_principal(
                tx, call, iot.AttachThingPrincipalRequest(thing_name=plan.thing.name, principal=principal)
            )
    return Applied(
        plan.thing.name if plan.thing else None,
        certificate.pem if certificate else None,
        arns,
        plan.device_configuration,
    )


def _require_policies(tx: Tx, call: Call, wanted: Iterable[planning.Policy]) -> None:
    for each in wanted:
        if each.document is None and stored_policies.get(tx, call.scope, each.name) is None:
            raise _failed(texts.provisioning.POLICY_MISSING)


def _policy(tx: Tx, call: Call, wanted: planning.Policy) -> str:
    if wanted.document is not None and stored_policies.get(tx, call.scope, wanted.name) is None:
        request = iot.CreatePolicyRequest(policy_name=wanted.name, policy_document=wanted.document)
        policies.create_policy(tx, call, _checked(request))
    return call.arn(f"policy/{wanted.name}")


def _activate(tx: Tx, call: Call, wanted: planning.Certificate, found: Certificate) -> None:
    """Give a certificate its status. One that waited for this has it now; of others the override decides."""
    if found.status == wanted.status:
        return
    if not found.status.startswith("PENDING"):
        if wanted.override_status is Override.FAIL:
            raise _failed(texts.provisioning.status_conflicts(found.status, wanted.status))
        # Nobody undoes by a template what an operator has revoked.
        if wanted.override_status is not Override.REPLACE or found.status == _REVOKED:
            return
    stored_certificates.set_status(tx, found.id, wanted.status, now=call.now)
    tx.effects.append(PrincipalChanged(call.scope, found.certificate_id))


def _change(tx: Tx, call: Call, wanted: planning.Thing) -> Change:
    """What becomes of a thing, or why nothing may."""
    if not _THING_NAME.fullmatch(wanted.name):
        raise _failed(texts.provisioning.THING_NAME_INVALID)
    _require(tx, call, wanted)
    known = stored_things.find(tx, call.scope, wanted.name)
    if known is not None:
        return _override(tx, known, wanted)
    request = iot.CreateThingRequest(
        thing_name=wanted.name,
        thing_type_name=wanted.type_name,
        attribute_payload=_payload(wanted.attributes or {}, merge=False),
        billing_group_name=wanted.billing_group,
    )
    return Change(_checked(request), None, wanted.groups or [], [])


def _require(tx: Tx, call: Call, wanted: planning.Thing) -> None:
    """Refuse a thing whose type or groups are not there: they are not made (reach reference 3.5)."""
    if wanted.type_name and thing_types.find(tx, call.scope, wanted.type_name) is None:
        raise _failed(texts.provisioning.type_missing(call.account, wanted.type_name))
    for name in wanted.groups or ():
        if stored_groups.find(tx, call.scope, name) is None:
            raise _failed(texts.provisioning.group_missing(call.account, name))
    if wanted.billing_group and billing_groups.find(tx, call.scope, wanted.billing_group) is None:
        raise _failed(texts.provisioning.billing_group_missing(call.account, wanted.billing_group))


def _override(tx: Tx, known: Thing, wanted: planning.Thing) -> Change:
    """A thing of this name is there: change of it what the template's overrides say."""
    payload = _attributes_after(known, wanted)
    type_name = _type_after(known, wanted)
    update = None
    if payload is not None or type_name != known.type_name:
        update = _checked(
            iot.UpdateThingRequest(thing_name=known.name, thing_type_name=type_name, attribute_payload=payload)
        )
    if wanted.groups is None:
        return Change(None, update, [], [])
    current = [group.name for group in stored_groups.groups_of_thing(tx, known.id)]
    joins = [name for name in wanted.groups if name not in current]
    leaves = [name for name in current if name not in wanted.groups]
    match wanted.override_groups:
        case Override.FAIL if joins or leaves:
            raise _failed(texts.provisioning.groups_conflict(current, wanted.groups))
        case Override.MERGE:
            return Change(None, update, joins, [])
        case Override.REPLACE:
            return Change(None, update, joins, leaves)
    return Change(None, update, [], [])


def _thing(tx: Tx, call: Call, wanted: planning.Thing, change: Change) -> None:
    if change.create is not None:
        things.create_thing(tx, call, change.create)
    if change.update is not None:
        things.update_thing(tx, call, change.update)
    if change.joins or change.leaves:
        request = iot.UpdateThingGroupsForThingRequest(
            thing_name=wanted.name, thing_groups_to_add=change.joins, thing_groups_to_remove=change.leaves
        )
        groups.update_thing_groups_for_thing(tx, call, request)


def _attributes_after(known: Thing, wanted: planning.Thing) -> iot.AttributePayload | None:
    given = wanted.attributes
    if given is None or given == known.attributes:
        return None
    match wanted.override_attributes:
        case Override.FAIL:
            raise _failed(texts.provisioning.attributes_conflict(_json(known.attributes), _json(given)))
        case Override.MERGE if {**known.attributes, **given} != known.attributes:
            return _payload(given, merge=True)
        case Override.REPLACE:
            return _payload(given, merge=False)
    return None


def _type_after(known: Thing, wanted: planning.Thing) -> str | None:
    if wanted.type_name in (None, known.type_name):
        return known.type_name
    if wanted.override_type is Override.FAIL:
        raise _failed(texts.provisioning.type_conflicts(known.type_name, wanted.type_name or ""))
    return wanted.type_name if wanted.override_type is Override.REPLACE else known.type_name


# --- details --------------------------------------------------------------------------------------------------------


def _payload(given: dict[str, str], *, merge: bool) -> iot.AttributePayload:
    return iot.AttributePayload(attributes=given, merge=merge)


def _checked(request: Q) -> Q:
    """A request that did not come over the wire, with the constraints that it would have had to meet there."""
    found = constraints.violations(request)
    if found:
        raise iot.InvalidRequestException(constraints.message(found))
    return request


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _failed(reason: str) -> RefusedError:
    return RefusedError(PROVISIONING_FAILED, reason)


HANDLERS: Handlers = {("iot", "RegisterThing"): Prepared(register_thing, prepare=prepare_register_thing)}
