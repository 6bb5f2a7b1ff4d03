"""What a template and a device's parameters come to: values, which ``ops`` carries out in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning import template
from tidegate.core.provisioning.functions import Evaluation, Text
from tidegate.core.provisioning.refusals import INVALID_PARAMETERS, PROVISIONING_FAILED, RefusedError
from tidegate.core.provisioning.template import Override, Template

_STATUSES: Final = ("ACTIVE", "INACTIVE")


class Thing(NamedTuple):
    """The thing a device is to be. What the template does not say is None."""

    logical: str
    name: str
    attributes: dict[str, str] | None
    type_name: str | None
    groups: list[str] | None
    billing_group: str | None
    override_attributes: Override
    override_type: Override
    override_groups: Override


class Certificate(NamedTuple):
    """The certificate it is to have: exactly one of the first three is set. ``status`` is ACTIVE or INACTIVE."""

    logical: str
    certificate_id: str | None
    signing_request: str | None
    pem: str | None
    ca_pem: str | None
    status: str
    override_status: Override


class Policy(NamedTuple):
    """A policy of the certificate; with a ``document`` it is made if there is none of its name."""

    logical: str
    name: str
    document: str | None


class Plan(NamedTuple):
    """All that a device is to get."""

    thing: Thing | None
    certificate: Certificate | None
    policies: tuple[Policy, ...]
    device_configuration: dict[str, str]


def evaluate(found: Template, given: Mapping[str, str | None], predefined: Mapping[str, str]) -> Plan:
    """The plan for a device.

    Args:
        found: the template.
        given: the parameters that came with the request, after the hook; None leaves one without value.
        predefined: what the service says; nobody overrides it.

    Raises:
        RefusedError: the template comes to nothing with these parameters.
    """
    ours = template.predefined(found.kind)
    lacking = [name for name in found.parameters if name in ours and name not in predefined]
    if lacking:  # a certificate without a part of its name that the template declares (reach reference 3.4)
        raise RefusedError(INVALID_PARAMETERS, texts.provisioning.unresolved(lacking[0]))
    defaults = {name: value for name, value in found.parameters.items() if value is not None}
    named = {name: value for name, value in given.items() if name in found.parameters}
    values = {name: value for name, value in {**defaults, **named}.items() if value is not None}
    evaluation = Evaluation({**values, **predefined}, found.maps)
    return Plan(
        None if found.thing is None else _thing(found.thing, evaluation),
        None if found.certificate is None else _certificate(found.certificate, evaluation),
        tuple(_policy(each, evaluation) for each in found.policies),
        {name: evaluation.text(value) for name, value in found.device_configuration.items()},
    )


def _thing(wanted: template.Thing, evaluation: Evaluation) -> Thing:
    attributes = wanted.attributes
    return Thing(
        wanted.logical,
        evaluation.text(wanted.name),
        None if attributes is None else {name: evaluation.text(value) for name, value in attributes.items()},
        _text(wanted.type_name, evaluation),
        None if wanted.groups is None else list(dict.fromkeys(evaluation.items(wanted.groups))),
        _text(wanted.billing_group, evaluation),
        wanted.override_attributes,
        wanted.override_type,
        wanted.override_groups,
    )


def _certificate(wanted: template.Certificate, evaluation: Evaluation) -> Certificate:
    # AWS's own samples write Active, ACTIVE and active (reach reference 0.2).
    status = evaluation.text(wanted.status).upper()
    if status not in _STATUSES:
        raise RefusedError(PROVISIONING_FAILED, texts.provisioning.status_invalid(status))
    return Certificate(
        wanted.logical,
        _text(wanted.certificate_id, evaluation),
        _text(wanted.signing_request, evaluation),
        _text(wanted.pem, evaluation),
        _text(wanted.ca_pem, evaluation),
        status,
        wanted.override_status,
    )


def _policy(wanted: template.Policy, evaluation: Evaluation) -> Policy:
    if wanted.name is not None:
        return Policy(wanted.logical, evaluation.text(wanted.name), None)
    made = evaluation.tree(wanted.document)
    document = made if isinstance(made, str) else msgspec.json.encode(made).decode()
    # Equal documents share a policy: its name is made of the document (reach reference 3.4).
    return Policy(wanted.logical, f"provisioned-{hashlib.sha256(document.encode()).hexdigest()[:40]}", document)


def _text(node: Text | None, evaluation: Evaluation) -> str | None:
    return None if node is None else evaluation.text(node)
