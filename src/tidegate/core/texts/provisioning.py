"""Provisioning: templates, what they refuse, what devices are told (reach reference 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# --- templates as a resource ----------------------------------------------------------------------------------------


def template_exists(name: str) -> str:
    """[third hand] CreateProvisioningTemplate."""
    return f"Template with name {name} already exists"


def role_invalid(role: str) -> str:
    """[R] Of a template or a registration task."""
    return f"The role {role} is not the ARN of an IAM role."


def template_missing(name: str) -> str:
    """[third hand]"""
    return f"Unable to find template named {name}"


TEMPLATE_TO_DELETE_MISSING: Final = "Unable to delete template, template not found"
"""[third hand] DeleteProvisioningTemplate."""


def template_version_missing(name: str, version: int | None) -> str:
    """[R] Describe and DeleteProvisioningTemplateVersion."""
    return f"Unable to find version {version} of template {name}"


def default_version_missing(version: int) -> str:
    """[third hand] UpdateProvisioningTemplate."""
    return f"Unable to set version {version} as the default, version does not exist"


def default_version_stays(name: str, version: int) -> str:
    """[R] DeleteProvisioningTemplateVersion."""
    return f"Version {version} is the default version of template {name}. Set another as the default first."


def versions_full(name: str, most: int) -> str:
    """[R] CreateProvisioningTemplateVersion."""
    return f"Template {name} has {most} versions, the most there may be. Delete one first."


def template_used_by_ca(name: str, certificate_id: str) -> str:
    """[R] DeleteProvisioningTemplate."""
    return f"Template {name} is used by CA certificate {certificate_id}."


HOOK_SET_AND_REMOVED: Final = "preProvisioningHook and removePreProvisioningHook contradict each other."
"""[R] UpdateProvisioningTemplate."""


def hook_unsupported(kind: str) -> str:
    """[third hand] A hook of a JITP template."""
    return f"Provisioning hook is not supported for template type: {kind}"


def hook_version_unsupported(supported: str) -> str:
    """[third hand]"""
    return f"The hook version cannot be supported by AWS Iot, the supported versions are: [{supported}]"


def hook_unknown(arn: str) -> str:
    """[third hand] An ARN that this server's --hook does not map."""
    return f"Access denied during lambda validation: {arn}"


def claim_of_jitp(name: str) -> str:
    """[R] CreateProvisioningClaim."""
    return f"Template {name} is of type JITP: nobody claims by it."


def not_jitp(name: str) -> str:
    """[R] ``registrationConfig.templateName`` of an authority."""
    return f"Template {name} is not of type JITP."


TEMPLATE_NAMED_AND_GIVEN: Final = "registrationConfig has templateName and templateBody. Give one of them."
"""[R]"""


# --- what is wrong with a template ----------------------------------------------------------------------------------

BODY_INVALID: Final = "The template body is invalid"
"""[third hand] Not JSON, or no object."""
NO_CERTIFICATE: Final = "Template must have certificate resource."
"""[third hand]"""


def body_invalid(problems: Iterable[str]) -> str:
    """Every problem of a body at once: the form is [third hand], the problems but one are [R]."""
    return f"{BODY_INVALID}: {' '.join(problems)}"


NO_RESOURCES: Final = "Resources must be an object with one resource or more."


def too_deep(where: str, most: int) -> str:
    return f"{where} is nested more than {most} levels deep."


def not_an_object(where: str) -> str:
    return f"{where} must be an object."


def not_a_text(where: str) -> str:
    return f"{where} must be a string, a number, a boolean or a function that gives a string."


def not_a_list(where: str) -> str:
    return f"{where} must be a list or Fn::Split."


def unknown_member(where: str, name: str, known: Iterable[str]) -> str:
    return f"{where} has the unknown member {name}; known are {', '.join(known)}."


def not_offered(where: str, name: str) -> str:
    return f"{where} has {name}, which this server does not carry out."


def fleet_only(name: str) -> str:
    return f"{name} is for templates of type FLEET_PROVISIONING."


def parameter_type(name: str) -> str:
    return f"Parameter {name} must have the Type String."


def parameter_default(name: str) -> str:
    return f"The Default of parameter {name} must be a string."


def map_not_two_levels(name: str) -> str:
    return f"Mapping {name} must have two levels of names, with strings and no functions inside."


def unknown_function(where: str, name: str) -> str:
    return f"{where} has the unknown function {name}."


def wrong_arguments(where: str, name: str, form: str) -> str:
    return f"{name} in {where} must have the form {form}."


def undeclared(where: str, name: str) -> str:
    return f"{where} refers to {name}, which Parameters does not declare."


def unknown_map(where: str, name: str) -> str:
    return f"{where} looks into {name}, which Mappings does not have."


def resource_type(where: str, known: Iterable[str]) -> str:
    return f"{where} must have one of the types {', '.join(known)}."


def resource_twice(kind: str) -> str:
    return f"Template must not have more than one resource of type {kind}."


def property_missing(where: str, name: str) -> str:
    return f"{where} must have {name}."


def one_of(where: str, names: Iterable[str]) -> str:
    return f"{where} must have exactly one of {', '.join(names)}."


def certificate_id_only(where: str) -> str:
    return f"{where} must name the certificate by CertificateId in a template of this type."


def ca_without_certificate(where: str) -> str:
    return f"{where} has CACertificatePem without CertificatePem."


def override_invalid(where: str, name: str, allowed: Iterable[str]) -> str:
    return f"{where}.{name} must be one of {', '.join(allowed)}."


# --- why a device is not provisioned --------------------------------------------------------------------------------


def unresolved(name: str) -> str:
    """[third hand] A ``Ref`` without a value."""
    return f"Cannot resolve reference value: {name}"


def select_out_of_range(index: str, size: int) -> str:
    """[R]"""
    return f"Fn::Select has no element {index} in a list of {size}."


def not_in_map(name: str, first: str, second: str) -> str:
    """[R]"""
    return f"Fn::FindInMap finds no {second} of {first} in {name}."


SPLIT_BY_NOTHING: Final = "Fn::Split needs a delimiter."
"""[R]"""


def too_large(most: int) -> str:
    """[R]"""
    return f"The template makes more than {most} characters of these parameters."


def status_invalid(status: str) -> str:
    """[R]"""
    return f"Invalid certificate status {status}: must be ACTIVE or INACTIVE"


OTHER_CERTIFICATE: Final = "CertificateId must be the certificate of the ownership token"
"""[R]"""
NO_LONGER_WAITS: Final = "The certificate is not in status PENDING_ACTIVATION any more"
"""[R] Just-in-time provisioning."""
THING_NAME_INVALID: Final = "Invalid thingName: must match [a-zA-Z0-9:_-]{1,128}"
"""[third hand]"""


def workflow_ends(reason: str) -> str:
    """[third hand] The form of the reasons that follow."""
    return f"Register thing workflow execution terminates due to: {reason}"


def type_missing(account: str, name: str) -> str:
    """[third hand]"""
    return workflow_ends(f"Thing Type {account}:{name} not found.")


def group_missing(account: str, name: str) -> str:
    """[third hand]"""
    return workflow_ends(f"ThingGroup {account}:{name} not found.")


def billing_group_missing(account: str, name: str) -> str:
    """[R] after the texts for types and groups."""
    return workflow_ends(f"BillingGroup {account}:{name} not found.")


POLICY_MISSING: Final = "Register thing workflow execution terminates due to: Policy default version not found"
"""[third hand]"""


def attributes_conflict(existing: str, wanted: str) -> str:
    """[third hand] OverrideSettings say FAIL."""
    return f"Existing AttributePayload: {existing} conflicts with AttributePayload: {wanted} in Template."


def type_conflicts(existing: str | None, wanted: str) -> str:
    """[third hand]"""
    return f"Existing ThingType: {existing or 'null'} conflicts with ThingType: {wanted} in Template."


def groups_conflict(existing: Iterable[str], wanted: Iterable[str]) -> str:
    """[third hand]"""
    return (
        f"Existing ThingGroups: [{', '.join(existing)}] conflict with ThingGroups: [{', '.join(wanted)}] in Template."
    )


def status_conflicts(existing: str, wanted: str) -> str:
    """[R] after the texts for things."""
    return f"Existing Status: {existing} conflicts with Status: {wanted} in Template."


# --- what devices are told over MQTT --------------------------------------------------------------------------------

PAYLOAD_INVALID: Final = "Message cannot be parsed"
"""[third hand]"""
TOKEN_EMPTY: Final = "Certificate ownership token cannot be empty."  # noqa: S105 - a sentence
"""Seen on the live service."""
TOKEN_INVALID: Final = "Certificate ownership token is invalid."  # noqa: S105 - a sentence
"""[third hand]"""
ACCESS_DENIED: Final = "Access Denied"
"""[third hand] The hook said no, or a claim is for another template."""
CSR_INVALID: Final = "CSR violates constraints"
"""[third hand] for HTTP, [R] here."""
INTERNAL_FAILURE: Final = "The service could not carry out the request. Try again."
"""[R]"""
HOOK_UNREACHED: Final = "A failure occurred while invoking the provisioning hook."
"""[third hand]"""
HOOK_FAILED: Final = "The provisioning hook was not executed successfully."
"""[third hand]"""
HOOK_NOT_PERMITTED: Final = "Access denied while invoking Lambda function"
"""[third hand]"""
HOOK_UNREADABLE: Final = "Provisioning hook result is in an invalid format."
"""[third hand]"""
HOOK_SILENT: Final = "The provisioning hook did not return a response."
"""[third hand]"""


def template_unknown(name: str) -> str:
    """[third hand]"""
    return f"Template with name {name} does not exist."


def template_disabled(name: str) -> str:
    """[third hand]"""
    return f"Template {name} is not enabled."


def registration_failed(reason: str, request_id: str) -> str:
    """[third hand] A refusal of the registry, in the words of the client that AWS's service has inside."""
    return (
        f"{reason} (Service: AWSIot; Status Code: 400; Error Code: ResourceRegistrationFailureException;"
        f" Request ID: {request_id}; Proxy: null)"
    )


# --- bulk registration ----------------------------------------------------------------------------------------------


def task_missing(task_id: str) -> str:
    """[R]"""
    return f"Thing registration task {task_id} cannot be found."


def task_under_way(task_id: str) -> str:
    """[R] One at a time."""
    return f"Thing registration task {task_id} is in progress. One at a time can be."


def task_over(task_id: str, status: str) -> str:
    """[R] StopThingRegistrationTask."""
    return f"Thing registration task {task_id} is {status}."


LINE_INVALID: Final = "The line is not a JSON object of strings."
"""[R]"""
INPUT_STORED_NOWHERE: Final = "This server has no object storage to read an input file from."
"""[R]"""


def line_too_long(line: int, limit: int) -> str:
    """[R] A line of the input file that is read no further."""
    return f"Line {line} of the input file is longer than {limit} bytes. The lines before it were carried out."


def input_key_too_long(limit: int) -> str:
    """[R] Reports lie under the key of the input file."""
    return f"The key of the input file may have {limit} bytes at most."


def input_unreadable(where: str, reason: str) -> str:
    """[R]"""
    return f"The input file {where} cannot be read: {reason}."


def reports_unwritable(where: str, reason: str) -> str:
    """[R]"""
    return f"The reports cannot be written to {where}: {reason}."
