"""Writes ``src/tidegate/wire/{iot,jobs_data,iot_data}.py`` from botocore's service models.

The models say what travels where; the tables at the top say which operations are ours and where the documents of AWS
know more than its models. Everything else is mechanical: one struct per reachable shape, one alias per constrained
scalar, list or map, one class per error, one record per operation.
"""

from __future__ import annotations

import gzip
import json
import keyword
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
from botocore import xform_name

Model = dict[str, Any]
# ruff: noqa: SIM905 - the lists of operations are read and edited as text

ROOT = Path(__file__).resolve().parent.parent

JOBS = """
CreateJobTemplate DescribeJobTemplate ListJobTemplates DeleteJobTemplate
ListManagedJobTemplates DescribeManagedJobTemplate
CreateJob DescribeJob UpdateJob CancelJob DeleteJob AssociateTargetsWithJob GetJobDocument ListJobs
DescribeJobExecution ListJobExecutionsForJob ListJobExecutionsForThing CancelJobExecution DeleteJobExecution
""".split()
REGISTRY = """
CreateThing DescribeThing UpdateThing DeleteThing ListThings
CreateThingType DescribeThingType UpdateThingType DeleteThingType DeprecateThingType ListThingTypes
CreateThingGroup DescribeThingGroup UpdateThingGroup DeleteThingGroup ListThingGroups AddThingToThingGroup
RemoveThingFromThingGroup ListThingsInThingGroup ListThingGroupsForThing UpdateThingGroupsForThing
CreateDynamicThingGroup UpdateDynamicThingGroup DeleteDynamicThingGroup
CreateBillingGroup DescribeBillingGroup UpdateBillingGroup DeleteBillingGroup ListBillingGroups
AddThingToBillingGroup RemoveThingFromBillingGroup ListThingsInBillingGroup
""".split()
INDEXING = """
SearchIndex GetIndexingConfiguration UpdateIndexingConfiguration DescribeIndex ListIndices GetStatistics GetCardinality
GetPercentiles GetBucketsAggregation GetThingConnectivityData
""".split()
CERTIFICATES = """
CreateKeysAndCertificate CreateCertificateFromCsr RegisterCertificate RegisterCertificateWithoutCA DescribeCertificate
UpdateCertificate DeleteCertificate ListCertificates ListCertificatesByCA
RegisterCACertificate DescribeCACertificate UpdateCACertificate DeleteCACertificate ListCACertificates
GetRegistrationCode DeleteRegistrationCode
AttachThingPrincipal DetachThingPrincipal
ListThingPrincipals ListThingPrincipalsV2 ListPrincipalThings ListPrincipalThingsV2
""".split()
POLICIES = """
CreatePolicy GetPolicy DeletePolicy ListPolicies CreatePolicyVersion ListPolicyVersions GetPolicyVersion
SetDefaultPolicyVersion DeletePolicyVersion AttachPolicy DetachPolicy ListAttachedPolicies ListTargetsForPolicy
ListPolicyPrincipals AttachPrincipalPolicy DetachPrincipalPolicy ListPrincipalPolicies
TestAuthorization GetEffectivePolicies
""".split()
ACCOUNT = """
DescribeEndpoint TagResource UntagResource ListTagsForResource UpdateEventConfigurations DescribeEventConfigurations
""".split()
PACKAGES = """
CreatePackage GetPackage UpdatePackage DeletePackage ListPackages
CreatePackageVersion GetPackageVersion UpdatePackageVersion DeletePackageVersion ListPackageVersions
GetPackageConfiguration UpdatePackageConfiguration
AssociateSbomWithPackageVersion DisassociateSbomFromPackageVersion ListSbomValidationResults
""".split()
PROVISIONING = """
CreateProvisioningTemplate DescribeProvisioningTemplate UpdateProvisioningTemplate DeleteProvisioningTemplate
ListProvisioningTemplates CreateProvisioningTemplateVersion DescribeProvisioningTemplateVersion
ListProvisioningTemplateVersions DeleteProvisioningTemplateVersion CreateProvisioningClaim RegisterThing
StartThingRegistrationTask StopThingRegistrationTask DescribeThingRegistrationTask ListThingRegistrationTasks
ListThingRegistrationTaskReports
""".split()
STREAMS = """
CreateStream DescribeStream UpdateStream DeleteStream ListStreams
CreateOTAUpdate GetOTAUpdate DeleteOTAUpdate ListOTAUpdates
""".split()
COMMANDS = """
CreateCommand GetCommand ListCommands UpdateCommand DeleteCommand
GetCommandExecution ListCommandExecutions DeleteCommandExecution
""".split()
CREDENTIALS = """
CreateRoleAlias DescribeRoleAlias UpdateRoleAlias DeleteRoleAlias ListRoleAliases
CreateAuthorizer DescribeAuthorizer UpdateAuthorizer DeleteAuthorizer ListAuthorizers
SetDefaultAuthorizer DescribeDefaultAuthorizer ClearDefaultAuthorizer TestInvokeAuthorizer
CreateDomainConfiguration DescribeDomainConfiguration UpdateDomainConfiguration DeleteDomainConfiguration
ListDomainConfigurations
""".split()
DEVICE_JOBS = "GetPendingJobExecutions StartNextPendingJobExecution DescribeJobExecution UpdateJobExecution".split()
DEVICE_COMMANDS = ["StartCommandExecution"]
DEVICE_DATA = """
Publish GetRetainedMessage ListRetainedMessages DeleteConnection GetConnection
SendDirectMessage ListSubscriptions
GetThingShadow UpdateThingShadow DeleteThingShadow ListNamedShadowsForThing
""".split()

PLANES: dict[str, tuple[str, list[str]]] = {
    "iot": (
        "iot",
        [
            *JOBS,
            *REGISTRY,
            *INDEXING,
            *CERTIFICATES,
            *POLICIES,
            *ACCOUNT,
            *PACKAGES,
            *PROVISIONING,
            *STREAMS,
            *COMMANDS,
            *CREDENTIALS,
        ],
    ),
    "jobs_data": ("iot-jobs-data", [*DEVICE_JOBS, *DEVICE_COMMANDS]),
    "iot_data": ("iot-data", DEVICE_DATA),
}

# Topics hold slashes, and the services take them unescaped although the model's label is an ordinary one.
GREEDY = {"/topics/{topic}": "/topics/{topic+}", "/retainedMessage/{topic}": "/retainedMessage/{topic+}"}

# Where the documents of AWS limit a value by a shape constraint and the model does not: by module and shape.
BEYOND_THE_MODEL: dict[tuple[str, str], dict[str, Any]] = {
    ("iot", "DetailsValue"): {"max": 1024},  # control reference 2.1
    ("iot", "DetailsMap"): {"max": 10},  # control reference 2.1
    ("iot", "NamespaceId"): {"max": 64},  # control reference 2.1
    ("iot", "DestinationPackageVersions"): {"max": 25},  # control reference 2.1
    ("iot", "SearchQueryMaxResults"): {"max": 500},  # control reference 18.3
    ("iot", "ResourceDescription"): {"or_empty": True},  # control reference 1.6
    ("jobs_data", "DetailsValue"): {"max": 1024, "multiline": True},  # device reference 3.2
    ("jobs_data", "DetailsMap"): {"max": 10},  # device reference 3.2
}

# Maxima that are quotas, which a self-hosted server may have otherwise: fields of ``Limits`` in ``ops/call.py``.
QUOTAS: dict[tuple[str, str], str] = {
    ("iot", "JobDocument"): "document_bytes",
    ("iot", "RolloutRatePerMinute"): "rollout_per_minute",
    ("iot", "NumberOfRetries"): "retries_per_execution",
    ("iot", "ExpiresInSec"): "presigned_url_seconds",
    ("iot", "DestinationPackageVersions"): "package_versions_per_job",
}

SCALARS = {
    "string": "str",
    "integer": "Integer",
    "long": "Long",
    "double": "Decimal",
    "float": "Decimal",
    "boolean": "bool",
    "timestamp": "float",
    "blob": "bytes",
}
MARKERS = {"string": "Text", "integer": "Number", "long": "Number", "double": "Number", "list": "Size", "map": "Size"}
KINDS = {"string": "str", "integer": "int", "long": "long", "boolean": "bool"}
LOCATIONS = {"uri": "label", "querystring": "query", "header": "header"}

HEADER = '''"""{title}, version {version}.

Generated from the service model of botocore {botocore} by ``python -m tools.regen``. Do not edit: the tables to change
are at the top of ``tools/generate_wire.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import field

from tidegate.wire.errors import WireError
from tidegate.wire.shapes import MISSING, Integer, Long, Number, Operation, Required, Shape, Size, SparseShape, Text
from tidegate.wire.shapes import header, label, query
'''


TAKEN = set(re.findall(r"[A-Z]\w+", HEADER.split("__future__")[1]))
"""Names the generated modules import; a shape of such a name would hide one."""


def load_model(service: str) -> Model:
    """The newest service model botocore holds of a service."""
    folder = Path(botocore.__file__).parent / "data" / service
    newest = max(path for path in folder.iterdir() if path.is_dir())
    model: Model = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    return model


def class_name(shape_name: str) -> str:
    """The Python name of a shape; capitalised, so that it never meets a snake_case member."""
    return shape_name[0].upper() + shape_name[1:]


def camel(attribute: str) -> str:
    """What ``rename="camel"`` makes of an attribute."""
    first, *rest = attribute.split("_")
    return first + "".join(word.title() for word in rest)


class Generator:
    """One module: walks the shapes its operations reach and prints them in the order of their names."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.service, self.names = PLANES[module]
        self.model = load_model(self.service)
        self.shapes: Model = self.model["shapes"]
        self.base = "Shape" if module == "iot" else "SparseShape"
        self.reached: dict[str, None] = {}
        for operation in self.operations():
            self.reach(operation["input"]["shape"])
            if "output" in operation:
                self.reach(operation["output"]["shape"])

    def operations(self) -> Iterator[Model]:
        for name in self.names:
            yield self.model["operations"][name]

    def reach(self, name: str) -> None:
        if name in self.reached:
            return
        assert class_name(name) not in TAKEN, f"{name} would hide an import"
        self.reached[name] = None
        for child in self.children(self.shapes[name]):
            self.reach(child)

    @staticmethod
    def children(shape: Model) -> Iterator[str]:
        for member in shape.get("members", {}).values():
            yield member["shape"]
        for part in ("member", "key", "value"):
            if part in shape:
                yield shape[part]["shape"]

    def constraints(self, name: str) -> Model:
        shape = self.shapes[name]
        found = {key: shape[key] for key in ("min", "max", "pattern", "enum") if key in shape}
        if shape["type"] in ("boolean", "blob", "timestamp", "structure"):
            return {}
        return found | BEYOND_THE_MODEL.get((self.module, name), {})

    def annotation(self, name: str) -> str:
        """How a member of this shape is annotated."""
        if self.shapes[name]["type"] == "structure" or self.constraints(name):
            return class_name(name)
        return self.bare(name)

    def bare(self, name: str) -> str:
        shape = self.shapes[name]
        if shape["type"] == "list":
            return f"list[{self.annotation(shape['member']['shape'])}]"
        if shape["type"] == "map":
            return f"dict[{self.annotation(shape['key']['shape'])}, {self.annotation(shape['value']['shape'])}]"
        return SCALARS[shape["type"]]

    def alias(self, name: str) -> str:
        shape, rules = self.shapes[name], self.constraints(name)
        if (self.module, name) in QUOTAS:
            rules = rules | {"quota": QUOTAS[self.module, name]}
        arguments = []
        for key, value in rules.items():
            arguments.append(f"{key}={literal(tuple(value) if key == 'enum' else value)}")
        return f"{class_name(name)} = Annotated[{self.bare(name)}, {MARKERS[shape['type']]}({', '.join(arguments)})]\n"

    def aliases(self) -> Iterator[str]:
        """Scalars before lists before maps: an alias is evaluated where it stands."""
        containers: list[str] = []
        for name in sorted(self.reached):
            if self.shapes[name]["type"] in ("list", "map"):
                containers.append(name)
            elif self.shapes[name]["type"] != "structure" and self.constraints(name):
                yield self.alias(name)
        self.containers = [name for name in containers if self.constraints(name)]

    def struct(self, name: str) -> str:
        shape = self.shapes[name]
        lines = [f"class {class_name(name)}({self.base}):"]
        required = [xform_name(member) for member in shape["members"] if member in shape.get("required", ())]
        if required:
            lines.append(f"    __required__: ClassVar[tuple[str, ...]] = {literal(tuple(required))}")
        for member, reference in shape["members"].items():
            attribute = xform_name(member)
            assert not keyword.iskeyword(attribute), f"{name}.{member}"
            unset = "MISSING" if attribute in required else "None"
            default = unset if camel(attribute) == member else f'field(default={unset}, name="{member}")'
            kind = self.annotation(reference["shape"])
            kind = f"Required[{kind}]" if attribute in required else f"{kind} | None"
            lines.append(f"    {attribute}: {kind} = {default}")
        if len(lines) == 1:
            lines.append("    pass")
        return "\n".join(lines) + "\n"

    def error_names(self) -> list[str]:
        return sorted({error["shape"] for operation in self.operations() for error in operation.get("errors", ())})

    def error(self, name: str) -> str:
        status = self.shapes[name]["error"]["httpStatusCode"]
        return (
            f'class {name}(WireError):\n    code = "{name}"\n    http_status = {status}\n    plane = "{self.service}"\n'
        )

    def binding(self, member: str, reference: Model) -> str:
        location = LOCATIONS[reference["location"]]
        kind = KINDS[self.shapes[reference["shape"]]["type"]]
        if reference.get("jsonvalue"):
            kind = "json"
        name = reference.get("locationName", member)
        name = name.lower() if location == "header" else name
        arguments = [xform_name(member), name] + ([] if kind == "str" else [kind])
        return f"{location}({', '.join(literal(argument) for argument in arguments)})"

    @staticmethod
    def family_error(operation: Model) -> str:
        """The newer families answer violations with an exception of their own (control reference 1.5, reach 7.1)."""
        newer = operation["name"] in PACKAGES + COMMANDS + DEVICE_COMMANDS
        return "ValidationException" if newer else "InvalidRequestException"

    def sensitive(self, name: str, above: tuple[str, ...] = ()) -> bool:
        """Whether the model marks a shape, or one within it, as not to be shown."""
        shape = self.shapes[name]
        if shape.get("sensitive") or name in above:
            return name not in above
        within = [*shape.get("members", {}).values(), *(shape[each] for each in ("member", "value") if each in shape)]
        return any(self.sensitive(each["shape"], (*above, name)) for each in within)

    def operation(self, operation: Model) -> str:
        request = self.shapes[operation["input"]["shape"]]
        outside = [self.binding(m, r) for m, r in request["members"].items() if "location" in r]
        payload = request.get("payload")
        uri = operation["http"]["requestUri"]
        fields = {
            "name": f'"{operation["name"]}"',
            "plane": f'"{self.service}"',
            "method": f'"{operation["http"]["method"]}"',
            "path": f'"{GREEDY.get(uri, uri)}"',
            "request": class_name(operation["input"]["shape"]),
        }
        if "output" in operation:
            response = self.shapes[operation["output"]["shape"]]
            elsewhere = {m: r["location"] for m, r in response["members"].items() if "location" in r}
            assert set(elsewhere.values()) <= {"statusCode"}, "responses are bodies, and at most a status"
            fields["response"] = class_name(operation["output"]["shape"])
            if "payload" in response:
                fields["response_payload"] = f'"{xform_name(response["payload"])}"'
            if elsewhere:
                assert len(elsewhere) == len(response["members"]), "a status comes alone"
                fields["response_status"] = f'"{xform_name(next(iter(elsewhere)))}"'
            if self.sensitive(operation["output"]["shape"]):
                fields["sensitive"] = "True"
        if outside:
            fields["outside"] = "(\n" + "".join(f"            {binding},\n" for binding in outside) + "        )"
        if payload:
            fields["payload"] = f'"{xform_name(payload)}"'
        elif len(outside) < len(request["members"]):
            fields["has_body"] = "True"
        errors = [error["shape"] for error in operation.get("errors", ())]
        fields["errors"] = wrapped(errors)
        fields["invalid"] = self.family_error(operation)
        assert operation["http"].get("responseCode", 200) == 200, "every operation answers 200 (control reference 1.1)"
        body = "".join(f"        {key}={value},\n" for key, value in fields.items())
        return f'    "{operation["name"]}": Operation(\n{body}    ),\n'

    def render(self) -> str:
        metadata = self.model["metadata"]
        title = f"Shapes, errors and operations of {metadata['serviceFullName']} (``{self.service}``)"
        parts = [HEADER.format(title=title, version=metadata["apiVersion"], botocore=botocore.__version__), "\n"]
        parts += [*self.aliases(), "\n"]
        parts += [
            f"\n\n{self.struct(name)}" for name in sorted(self.reached) if self.shapes[name]["type"] == "structure"
        ]
        parts.append("\n\n")
        parts += [self.alias(name) for name in self.containers_inside_out()]
        parts += [f"\n\n{self.error(name)}" for name in self.error_names()]
        parts.append("\n\nOPERATIONS: dict[str, Operation] = {\n")
        parts += [self.operation(operation) for operation in self.operations()]
        parts.append("}\n")
        return "".join(parts)

    def containers_inside_out(self) -> list[str]:
        done: list[str] = []

        def visit(name: str) -> None:
            for child in self.children(self.shapes[name]):
                if self.shapes[child]["type"] in ("list", "map"):
                    visit(child)
            if name in self.containers and name not in done:
                done.append(name)

        for name in self.containers:
            visit(name)
        return done


def wrapped(names: list[str]) -> str:
    """A tuple of names, as many to a line as fit."""
    lines = textwrap.wrap(", ".join(names) + ",", width=116, initial_indent=" " * 12, subsequent_indent=" " * 12)
    return "\n".join(["(", *lines, "        )"])


def literal(value: object) -> str:
    """A Python literal in double quotes."""
    if isinstance(value, str):
        return raw(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(literal(item) for item in value) + ("," if len(value) == 1 else "") + ")"
    return f'Decimal("{value}")' if isinstance(value, float) else repr(value)


def raw(value: str) -> str:
    assert '"' not in value, value
    return f'r"{value}"' if "\\" in value else f'"{value}"'


def unused_imports_removed(source: str) -> str:
    """Data planes need only some of the imports."""
    lines = source.split("\n")
    body = "\n".join(line for line in lines if not line.startswith("from "))
    for number, line in enumerate(lines):
        found = re.fullmatch(r"from (\S+) import (.+)", line)
        if found is None or found[1] == "__future__":
            continue
        body = "\n".join(other for other in lines if not other.startswith("from "))
        used = [name for name in found[2].split(", ") if re.search(rf"\b{name}\b", body)]
        lines[number] = f"from {found[1]} import {', '.join(used)}" if used else ""
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines))


def render(module: str) -> str:
    """The text of ``src/tidegate/wire/<module>.py``."""
    return unused_imports_removed(Generator(module).render())


def path_of(module: str) -> Path:
    """Where a generated module is checked in."""
    return ROOT / "src" / "tidegate" / "wire" / f"{module}.py"


def write() -> None:
    """Regenerate all modules."""
    for module in PLANES:
        path_of(module).write_text(render(module), encoding="utf-8")
