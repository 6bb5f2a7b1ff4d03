"""Which permissions an operation takes: actions, and the resources a request names (control reference 1.8, 1.11).

One table, from AWS's list of actions and resource types of AWS IoT and, where that says nothing, the ARNs that the call
names. A caller needs every one of them. What an operation meets further inside (the things of a group, the template's
own role) is not asked for, as on AWS.

In a template ``{member}`` is the value of a request's member; of a list each value makes a resource of its own, and a
member that is unset makes none. ``{member}`` alone is an ARN given by the caller; a word and a colon name a special
case below. Where nothing is named, and for lists of everything, the resource is ``*``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from tidegate.core import location
from tidegate.core.arn import Names

ANY: Final = "*"
PASS_ROLE: Final = "iam:PassRole"  # noqa: S105 - an action
PASSED_TO: Final = "iot.amazonaws.com"
"""The value of ``iam:PassedToService``."""


class Need(NamedTuple):
    """One permission: an action, by the name AWS has for it and by others it is known by, on one resource."""

    actions: tuple[str, ...]
    resource: str


_JOB, _TEMPLATE, _THING = "job/{job_id}", "jobtemplate/{job_template_id}", "thing/{thing_name}"
_GROUP, _BILLING = "thinggroup/{thing_group_name}", "billinggroup/{billing_group_name}"
_NAMED_TYPE, _NAMED_PACKAGE = "thingtype/{thing_type_name}", "package/{package_name}"
_VERSION, _POLICY = "package/{package_name}/version/{version_name}", "policy/{policy_name}"
_PROVISIONING = "provisioningtemplate/{template_name}"
_COMMAND = "command/{command_id}"
_DOMAIN = "domainconfiguration/{domain_configuration_name}/*"
_ALIAS, _AUTHORIZER = "rolealias/{role_alias}", "authorizer/{authorizer_name}"
_CERTIFICATE, _AUTHORITY, _INDEX = "cert:{certificate_id}", "cacert:{certificate_id}", "index:{index_name}"

_CONTROL: Final[dict[str, tuple[str, ...]]] = {
    # Job templates and jobs
    "CreateJobTemplate": (_TEMPLATE, "{job_arn}", "{destination_package_versions}"),
    "DescribeJobTemplate": (_TEMPLATE,),
    "ListJobTemplates": (),
    "DeleteJobTemplate": (_TEMPLATE,),
    "ListManagedJobTemplates": (),
    "DescribeManagedJobTemplate": ("managed:{template_name}:{template_version}",),
    "CreateJob": (_JOB, "{targets}", "{job_template_arn}", "{destination_package_versions}"),
    "DescribeJob": (_JOB,),
    "UpdateJob": (_JOB,),
    "CancelJob": (_JOB,),
    "DeleteJob": (_JOB,),
    "AssociateTargetsWithJob": (_JOB, "{targets}"),
    "GetJobDocument": (_JOB,),
    "ListJobs": (),
    "DescribeJobExecution": (_JOB, _THING),
    "ListJobExecutionsForJob": (_JOB,),
    "ListJobExecutionsForThing": (_THING,),
    "CancelJobExecution": (_JOB, _THING),
    "DeleteJobExecution": (_JOB, _THING),
    # Things, types, groups
    "CreateThing": (_THING, _NAMED_TYPE, _BILLING),
    "DescribeThing": (_THING,),
    "UpdateThing": (_THING, _NAMED_TYPE),
    "DeleteThing": (_THING,),
    "ListThings": (),
    "CreateThingType": (_NAMED_TYPE,),
    "DescribeThingType": (_NAMED_TYPE,),
    "UpdateThingType": (_NAMED_TYPE,),
    "DeleteThingType": (_NAMED_TYPE,),
    "DeprecateThingType": (_NAMED_TYPE,),
    "ListThingTypes": (),
    "CreateThingGroup": (_GROUP, "thinggroup/{parent_group_name}"),
    "DescribeThingGroup": (_GROUP,),
    "UpdateThingGroup": (_GROUP,),
    "DeleteThingGroup": (_GROUP,),
    "ListThingGroups": (),
    "AddThingToThingGroup": (_THING, "{thing_arn}", _GROUP, "{thing_group_arn}"),
    "RemoveThingFromThingGroup": (_THING, "{thing_arn}", _GROUP, "{thing_group_arn}"),
    "ListThingsInThingGroup": (_GROUP,),
    "ListThingGroupsForThing": (_THING,),
    "UpdateThingGroupsForThing": (
        _THING,
        "thinggroup/{thing_groups_to_add}",
        "thinggroup/{thing_groups_to_remove}",
    ),
    "CreateDynamicThingGroup": (_GROUP, _INDEX),
    "UpdateDynamicThingGroup": (_GROUP, _INDEX),
    "DeleteDynamicThingGroup": (_GROUP,),
    "CreateBillingGroup": (_BILLING,),
    "DescribeBillingGroup": (_BILLING,),
    "UpdateBillingGroup": (_BILLING,),
    "DeleteBillingGroup": (_BILLING,),
    "ListBillingGroups": (),
    "AddThingToBillingGroup": (_THING, "{thing_arn}", _BILLING, "{billing_group_arn}"),
    "RemoveThingFromBillingGroup": (_THING, "{thing_arn}", _BILLING, "{billing_group_arn}"),
    "ListThingsInBillingGroup": (_BILLING,),
    # Fleet indexing
    "SearchIndex": (_INDEX,),
    "GetIndexingConfiguration": (),
    "UpdateIndexingConfiguration": (),
    "DescribeIndex": (_INDEX,),
    "ListIndices": (),
    "GetStatistics": (_INDEX,),
    "GetCardinality": (_INDEX,),
    "GetPercentiles": (_INDEX,),
    "GetBucketsAggregation": (_INDEX,),
    "GetThingConnectivityData": (_THING,),
    # Certificates
    "CreateKeysAndCertificate": (),
    "CreateCertificateFromCsr": (),
    "RegisterCertificate": (),
    "RegisterCertificateWithoutCA": (),
    "DescribeCertificate": (_CERTIFICATE,),
    "UpdateCertificate": (_CERTIFICATE,),
    "DeleteCertificate": (_CERTIFICATE,),
    "ListCertificates": (),
    "ListCertificatesByCA": (),
    "RegisterCACertificate": (),
    "DescribeCACertificate": (_AUTHORITY,),
    "UpdateCACertificate": (_AUTHORITY,),
    "DeleteCACertificate": (_AUTHORITY,),
    "ListCACertificates": (),
    "GetRegistrationCode": (),
    "DeleteRegistrationCode": (),
    "AttachThingPrincipal": (_THING, "{principal}"),
    "DetachThingPrincipal": (_THING, "{principal}"),
    "ListThingPrincipals": (_THING,),
    "ListThingPrincipalsV2": (_THING,),
    "ListPrincipalThings": ("{principal}",),
    "ListPrincipalThingsV2": ("{principal}",),
    # Devices' policies
    "CreatePolicy": (_POLICY,),
    "GetPolicy": (_POLICY,),
    "DeletePolicy": (_POLICY,),
    "ListPolicies": (),
    "CreatePolicyVersion": (_POLICY,),
    "ListPolicyVersions": (_POLICY,),
    "GetPolicyVersion": (_POLICY,),
    "SetDefaultPolicyVersion": (_POLICY,),
    "DeletePolicyVersion": (_POLICY,),
    "AttachPolicy": ("{target}",),
    "DetachPolicy": ("{target}",),
    "ListAttachedPolicies": ("{target}",),
    "ListTargetsForPolicy": (_POLICY,),
    "ListPolicyPrincipals": (_POLICY,),
    "AttachPrincipalPolicy": ("{principal}",),
    "DetachPrincipalPolicy": ("{principal}",),
    "ListPrincipalPolicies": ("{principal}",),
    "TestAuthorization": ("{principal}",),
    "GetEffectivePolicies": ("{principal}", _THING),
    # The account
    "DescribeEndpoint": (),
    "TagResource": ("{resource_arn}",),
    "UntagResource": ("{resource_arn}",),
    "ListTagsForResource": ("{resource_arn}",),
    "UpdateEventConfigurations": (),
    "DescribeEventConfigurations": (),
    # Role aliases (reach reference 4.1)
    "CreateRoleAlias": (_ALIAS,),
    "DescribeRoleAlias": (_ALIAS,),
    "UpdateRoleAlias": (_ALIAS,),
    "DeleteRoleAlias": (_ALIAS,),
    "ListRoleAliases": (),
    # Custom authorizers (device reference 2.10)
    "CreateAuthorizer": (_AUTHORIZER,),
    "DescribeAuthorizer": (_AUTHORIZER,),
    "UpdateAuthorizer": (_AUTHORIZER,),
    "DeleteAuthorizer": (_AUTHORIZER,),
    "ListAuthorizers": (),
    "SetDefaultAuthorizer": (_AUTHORIZER,),
    "DescribeDefaultAuthorizer": (),
    "ClearDefaultAuthorizer": (),
    "TestInvokeAuthorizer": (_AUTHORIZER,),
    # Domain configurations
    "CreateDomainConfiguration": (_DOMAIN,),
    "DescribeDomainConfiguration": (_DOMAIN,),
    "UpdateDomainConfiguration": (_DOMAIN,),
    "DeleteDomainConfiguration": (_DOMAIN,),
    "ListDomainConfigurations": (),
    # Provisioning (reach reference 3.8, 3.9)
    "CreateProvisioningTemplate": (_PROVISIONING,),
    "DescribeProvisioningTemplate": (_PROVISIONING,),
    "UpdateProvisioningTemplate": (_PROVISIONING,),
    "DeleteProvisioningTemplate": (_PROVISIONING,),
    "ListProvisioningTemplates": (),
    "StartThingRegistrationTask": (),
    "StopThingRegistrationTask": (),
    "DescribeThingRegistrationTask": (),
    "ListThingRegistrationTasks": (),
    "ListThingRegistrationTaskReports": (),
    "CreateProvisioningTemplateVersion": (_PROVISIONING,),
    "DescribeProvisioningTemplateVersion": (_PROVISIONING,),
    "ListProvisioningTemplateVersions": (_PROVISIONING,),
    "DeleteProvisioningTemplateVersion": (_PROVISIONING,),
    "CreateProvisioningClaim": (_PROVISIONING,),
    "RegisterThing": (),
    # Software packages
    "CreatePackage": (_NAMED_PACKAGE,),
    "GetPackage": (_NAMED_PACKAGE,),
    "UpdatePackage": (_NAMED_PACKAGE, "package/{package_name}/version/{default_version_name}"),
    "DeletePackage": (_NAMED_PACKAGE,),
    "ListPackages": (),
    "CreatePackageVersion": (_NAMED_PACKAGE, _VERSION),
    "GetPackageVersion": (_NAMED_PACKAGE, _VERSION),
    "UpdatePackageVersion": (_NAMED_PACKAGE, _VERSION),
    "DeletePackageVersion": (_NAMED_PACKAGE, _VERSION),
    "ListPackageVersions": (_NAMED_PACKAGE,),
    "GetPackageConfiguration": (),
    "UpdatePackageConfiguration": (),
    "AssociateSbomWithPackageVersion": (_NAMED_PACKAGE, _VERSION),
    "DisassociateSbomFromPackageVersion": (_NAMED_PACKAGE, _VERSION),
    "ListSbomValidationResults": (_NAMED_PACKAGE, _VERSION),
    # Streams and OTA updates
    "CreateStream": ("stream/{stream_id}",),
    "DescribeStream": ("stream/{stream_id}",),
    "UpdateStream": ("stream/{stream_id}",),
    "DeleteStream": ("stream/{stream_id}",),
    "ListStreams": (),
    "CreateOTAUpdate": ("otaupdate/{ota_update_id}",),
    "GetOTAUpdate": ("otaupdate/{ota_update_id}",),
    "DeleteOTAUpdate": ("otaupdate/{ota_update_id}",),
    "ListOTAUpdates": (),
    # Commands
    "CreateCommand": (_COMMAND,),
    "GetCommand": (_COMMAND,),
    "ListCommands": (),
    "UpdateCommand": (_COMMAND,),
    "DeleteCommand": (_COMMAND,),
    "GetCommandExecution": ("{target_arn}",),
    "ListCommandExecutions": ("{target_arn}", "{command_arn}"),
    "DeleteCommandExecution": ("{target_arn}",),
}

# Device reference 8.1.
_DATA: Final[dict[str, tuple[str, ...]]] = {
    "Publish": ("topic/{topic}",),
    "GetRetainedMessage": ("topic/{topic}",),
    "ListRetainedMessages": (),
    "DeleteConnection": ("client/{client_id}",),
    "GetConnection": ("client/{client_id}",),
    "SendDirectMessage": ("client/{client_id}",),
    "ListSubscriptions": ("client/{client_id}",),
    "GetThingShadow": ("shadow:{thing_name}",),
    "UpdateThingShadow": ("shadow:{thing_name}",),
    "DeleteThingShadow": ("shadow:{thing_name}",),
    "ListNamedShadowsForThing": (_THING,),
}
_DEVICE_JOBS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    (
        "GetPendingJobExecutions",
        "StartNextPendingJobExecution",
        "DescribeJobExecution",
        "UpdateJobExecution",
    ),
    (_THING,),
)

OPERATIONS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    **{("iot", name): resources for name, resources in _CONTROL.items()},
    **{("iot-data", name): resources for name, resources in _DATA.items()},
    **{("iot-jobs-data", name): resources for name, resources in _DEVICE_JOBS.items()},
    ("iot-jobs-data", "StartCommandExecution"): ("{command_arn}", "{target_arn}"),  # on both (reach reference 7.2)
}
"""Resource templates by (plane, operation)."""

OWN: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("tidegate", "PauseJob"): (_JOB,),
    ("tidegate", "ResumeJob"): (_JOB,),
    ("tidegate", "PutApprovalRule"): (),
    ("tidegate", "DeleteApprovalRule"): (),
    ("tidegate", "ListApprovalRules"): (),
    ("tidegate", "ListApprovals"): (),
    ("tidegate", "DescribeApproval"): (_JOB,),
    ("tidegate", "ApproveJob"): (_JOB,),
    ("tidegate", "PutBlackout"): (),
    ("tidegate", "DeleteBlackout"): (),
    ("tidegate", "ListBlackouts"): (),
    ("tidegate", "Lint"): (),
    ("tidegate", "Diff"): (),
    ("tidegate", "DescribeInWords"): (),
}
"""The same of the operations that AWS does not have."""

_ALSO: Final[dict[str, tuple[str, ...]]] = {
    # The newer forms of a list are allowed by the permission of the older one, says the service model.
    "ListThingPrincipalsV2": ("iot:ListThingPrincipals",),
    "ListPrincipalThingsV2": ("iot:ListPrincipalThings",),
    # The model's text spells the action otherwise than the operation.
    "DisassociateSbomFromPackageVersion": ("iot:DisassociateSbomWithPackageVersion",),
}
_COMMANDS: Final = frozenset({"StartCommandExecution", "UpdateCommandExecution"})
"""Those of the jobs data plane whose action is in the namespace ``iot`` (reach reference 7.2)."""
_INDEXED: Final = frozenset({"CreatePackage", "UpdatePackage", "CreatePackageVersion", "UpdatePackageVersion"})
"""Those that also take ``iot:GetIndexingConfiguration``, as the service model says."""

_ROLES: Final[dict[str, str]] = {
    "CreateJob": "presigned_url_config",
    "CreateJobTemplate": "presigned_url_config",
    "UpdateJob": "presigned_url_config",
    "UpdatePackageConfiguration": "version_update_by_jobs_config",
    "RegisterCACertificate": "registration_config",
    "UpdateCACertificate": "registration_config",
}
"""The member that holds a ``role_arn``: who hands a role to the service must be allowed to."""
_ROLE_ITSELF: Final[dict[str, str]] = {
    "CreateRoleAlias": "role_arn",
    "UpdateRoleAlias": "role_arn",
    "CreateProvisioningTemplate": "provisioning_role_arn",
    "UpdateProvisioningTemplate": "provisioning_role_arn",
    "StartThingRegistrationTask": "role_arn",
    "CreateStream": "role_arn",
    "UpdateStream": "role_arn",
    "CreateOTAUpdate": "role_arn",
    "CreateCommand": "role_arn",
}
"""The same where the member is the role's ARN."""


def actions(plane: str, name: str) -> tuple[str, ...]:
    """The names of an operation's action, the one AWS tells first."""
    if plane == "tidegate":
        return (f"tidegate:{name}",)
    if plane == "iot-jobs-data" and name not in _COMMANDS:
        # Older policies name the job operations in the iot namespace (device reference 8.1).
        return f"iotjobsdata:{name}", f"iot:{name}"
    return f"iot:{name}", *_ALSO.get(name, ())


def named(plane: str, name: str, request: Any, names: Names, *, unmodelled: tuple[str, ...] = ()) -> list[str]:
    """The ARNs of what a request names; ``*`` if it names nothing.

    ``unmodelled`` are the templates of an operation that stands in no service model and is asked for by a message.
    """
    return _resources(OPERATIONS.get((plane, name)) or OWN.get((plane, name), unmodelled), request, names)


def needs(plane: str, name: str, request: Any, names: Names, *, hosts: Collection[str] = ()) -> list[Need]:
    """Every permission a request takes.

    Args:
        plane: of the operation.
        name: of the operation.
        request: its decoded request.
        names: builds the ARNs of the caller's account and region.
        hosts: the server's own object storage, as ``host`` or ``host:port``.
    """
    action = actions(plane, name)
    found = [Need(action, resource) for resource in named(plane, name, request, names)]
    if plane != "iot":
        return found + [Need(("iot:RetainPublish",), need.resource) for need in found if getattr(request, "retain", 0)]
    role = getattr(getattr(request, _ROLES.get(name, ""), None), "role_arn", None)
    role = getattr(request, _ROLE_ITSELF.get(name, ""), role)
    if role is not None:
        found.append(Need((PASS_ROLE,), role))
    source = getattr(request, "document_source", None)
    if source is not None:  # who may not read an object must not read it through a job either
        found += _reading(source, hosts, names)
    if name != "TagResource" and getattr(request, "tags", None):  # what is made with tags is tagged
        made = _CONTROL[name][1:2] if name == "CreatePackageVersion" else _CONTROL[name][:1]
        found += [Need(("iot:TagResource",), resource) for resource in _resources(made, request, names)]
    if name in _INDEXED:
        found.append(Need(("iot:GetIndexingConfiguration",), ANY))
    return found


def _reading(source: str, hosts: Collection[str], names: Names) -> list[Need]:
    """What a ``documentSource`` takes; nothing for a URL that the operation refuses anyway."""
    found = location.parse(source, hosts=hosts)
    if found is None:
        return []
    action = "s3:GetObject" if found.version_id is None else "s3:GetObjectVersion"
    return [Need((action,), f"arn:{names.partition}:s3:::{found.bucket}/{found.key}")]


def _resources(templates: tuple[str, ...], request: Any, names: Names) -> list[str]:
    found: dict[str, None] = {}
    for template in templates:
        member, kind = _single(template)
        value = None if member is None else getattr(request, member)
        if member is None:
            found |= dict.fromkeys(_filled(template, request, names))
        elif type(value) is str and kind:
            found[names.of(kind, value)] = None
        elif value is not None:
            found |= dict.fromkeys(_filled(template, request, names))
    return list(found) or [ANY]


@cache
def _single(template: str) -> tuple[str | None, str]:
    """The one member that a template takes, if it is no special case; and the type of resource that it is the id of."""
    _, members = _read(template)
    if len(members) != 1 or template.partition(":")[0] in _SPECIAL:
        return None, ""
    kind, _, rest = template.partition("/")
    return members[0], kind if rest == f"{{{members[0]}}}" else ""


def _filled(template: str, request: Any, names: Names) -> Iterator[str]:
    """The resources that a template means in a request."""
    special = _SPECIAL.get(template.partition(":")[0])
    if special is not None:
        yield special(request, names)
        return
    text, members = _read(template)
    for values in itertools.product(*[_values(getattr(request, member)) for member in members]):
        filled = text % values
        yield filled if template.startswith("{") else names.of(*filled.split("/", 1))


_SPECIAL: Final[dict[str, Callable[[Any, Names], str]]] = {
    "command-execution": lambda request, names: names.of(*request.target),
    "managed": lambda request, names: names.managed_job_template(
        request.template_name, request.template_version or ANY
    ),
    "shadow": lambda request, names: names.thing(
        f"{request.thing_name}/{request.shadow_name}" if request.shadow_name else request.thing_name
    ),
    "index": lambda request, names: names.index(request.index_name or "AWS_Things"),
    # Certificates are found by their id in either case: a Deny must not be passed by in capitals.
    "cert": lambda request, names: names.certificate(request.certificate_id.lower()),
    "cacert": lambda request, names: names.ca_certificate(request.certificate_id.lower()),
}


@cache
def _read(template: str) -> tuple[str, tuple[str, ...]]:
    """A template as a format string, and the members it takes."""
    return re.sub(r"\{\w+\}", "%s", template), tuple(re.findall(r"\{(\w+)\}", template))


def _values(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
