"""A template's body: read and checked whole, every problem at once (reach reference 3.4)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning.functions import Items, Maps, Reader, Text, function_of

CERTIFICATE_ID: Final = "AWS::IoT::Certificate::Id"
_OF_CERTIFICATE: Final = "AWS::IoT::Certificate::"
_SUBJECT: Final = {
    "Country": "Country",
    "Organization": "Organization",
    "OrganizationalUnit": "OrganizationalUnit",
    "DistinguishedNameQualifier": "DistinguishedNameQualifier",
    "StateName": "State",
    "CommonName": "CommonName",
    "SerialNumber": "SerialNumber",
}
"""What JITP knows of a certificate's subject: the last word of a parameter, and what device policies call the same."""


class Kind(enum.StrEnum):
    """What a template is for."""

    FLEET = "FLEET_PROVISIONING"
    JITP = "JITP"
    REGISTRATION = "registration"
    """RegisterThing over HTTP and bulk registration, which bring the template with them."""


class Override(enum.StrEnum):
    """What becomes of what is there already."""

    DO_NOTHING = "DO_NOTHING"
    REPLACE = "REPLACE"
    FAIL = "FAIL"
    MERGE = "MERGE"


class Thing(NamedTuple):
    """``AWS::IoT::Thing``. What a property is absent of is None."""

    logical: str
    name: Text
    attributes: Mapping[str, Text] | None
    type_name: Text | None
    groups: Items | None
    billing_group: Text | None
    override_attributes: Override
    override_type: Override
    override_groups: Override


class Certificate(NamedTuple):
    """``AWS::IoT::Certificate``: by id, by signing request or by PEM."""

    logical: str
    certificate_id: Text | None
    signing_request: Text | None
    pem: Text | None
    ca_pem: Text | None
    status: Text
    override_status: Override


class Policy(NamedTuple):
    """``AWS::IoT::Policy``: one that exists by name, or a document, as nodes of a text or of JSON."""

    logical: str
    name: Text | None
    document: Any


class Template(NamedTuple):
    """A body that is in order."""

    kind: Kind
    parameters: Mapping[str, str | None]
    """Default by name."""
    maps: Maps
    thing: Thing | None
    certificate: Certificate | None
    policies: tuple[Policy, ...]
    device_configuration: Mapping[str, Text]


class InvalidTemplateError(Exception):
    """A body is not in order; the text of the exception names every problem."""


_PREDEFINED: Final = {
    Kind.FLEET: frozenset({CERTIFICATE_ID}),
    Kind.JITP: frozenset({CERTIFICATE_ID, *(f"{_OF_CERTIFICATE}{name}" for name in _SUBJECT)}),
    Kind.REGISTRATION: frozenset[str](),
}
_THING, _CERTIFICATE, _POLICY = "AWS::IoT::Thing", "AWS::IoT::Certificate", "AWS::IoT::Policy"
_TYPES: Final = (_THING, _CERTIFICATE, _POLICY)
_SECTIONS: Final = ("Parameters", "Mappings", "Resources", "DeviceConfiguration", "Version", "Description")
_RESOURCE: Final = ("Type", "Properties", "OverrideSettings")
_OF_THING: Final = ("ThingName", "AttributePayload", "ThingTypeName", "ThingGroups", "BillingGroup")
_WAYS: Final = ("CertificateId", "CertificateSigningRequest", "CertificatePem")
_OVERRIDES: Final = {
    "AttributePayload": tuple(Override),
    "ThingTypeName": (Override.DO_NOTHING, Override.REPLACE, Override.FAIL),
    "ThingGroups": tuple(Override),
    "Status": (Override.DO_NOTHING, Override.REPLACE, Override.FAIL),
}
_SPELLED: Final = {
    "ATTRIBUTE_PAYLOAD": "AttributePayload",
    "THING_TYPE_NAME": "ThingTypeName",
    "THING_GROUPS": "ThingGroups",
    "STATUS": "Status",
}
"""As the prose of AWS's guide writes what its samples write otherwise."""


def predefined(kind: Kind) -> frozenset[str]:
    """The parameters whose values come from the service and from nobody else."""
    return _PREDEFINED[kind]


def subject_parameters(certificate_id: str, subject: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The pre-defined parameters of JITP for a certificate; ``subject`` has the values of each part of its name."""
    found = {f"{_OF_CERTIFICATE}{name}": next(iter(subject.get(part, ())), None) for name, part in _SUBJECT.items()}
    return {CERTIFICATE_ID: certificate_id, **{name: value for name, value in found.items() if value is not None}}


@lru_cache(maxsize=256)
def parse(body: str, kind: Kind) -> Template:
    """A template from its body.

    Raises:
        InvalidTemplateError: it is none, or not one of this kind.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidTemplateError(texts.provisioning.BODY_INVALID) from error
    if not isinstance(found, dict):
        raise InvalidTemplateError(texts.provisioning.BODY_INVALID)
    return _Body(found, kind).template()


class _Body:
    def __init__(self, body: dict[str, Any], kind: Kind) -> None:
        self._kind = kind
        self._early: list[str] = []
        self._known(body, "The template", _SECTIONS)
        if kind is not Kind.FLEET:  # reach reference 3.4
            only = [name for name in ("Mappings", "DeviceConfiguration") if name in body]
            self._early += [texts.provisioning.fleet_only(name) for name in only]
        self._parameters = self._declared(self._object(body.get("Parameters"), "Parameters"))
        self._maps = self._tables(self._object(body.get("Mappings"), "Mappings"))
        self._reader = Reader({*self._parameters, *_PREDEFINED[kind]}, self._maps)
        self._resources = body.get("Resources")
        self._configuration = self._object(body.get("DeviceConfiguration"), "DeviceConfiguration")

    def template(self) -> Template:
        things: list[Thing] = []
        certificates: list[Certificate] = []
        policies: list[Policy] = []
        if not isinstance(self._resources, dict) or not self._resources:
            self._wrong(texts.provisioning.NO_RESOURCES)
        else:
            for logical, resource in self._resources.items():
                self._resource(logical, resource, things, certificates, policies)
            if not certificates and self._kind is not Kind.REGISTRATION:
                self._wrong(texts.provisioning.NO_CERTIFICATE)
        for kind, rows in ((_THING, things), (_CERTIFICATE, certificates)):
            if len(rows) > 1:
                self._wrong(texts.provisioning.resource_twice(kind))
        configuration = self._texts(self._configuration, "DeviceConfiguration")
        problems = [*self._early, *self._reader.problems]
        if problems:
            raise InvalidTemplateError(texts.provisioning.body_invalid(dict.fromkeys(problems)))
        return Template(
            self._kind,
            self._parameters,
            self._maps,
            things[0] if things else None,
            certificates[0] if certificates else None,
            tuple(policies),
            configuration,
        )

    # --- sections ---------------------------------------------------------------------------------------------------

    def _declared(self, section: dict[str, Any]) -> dict[str, str | None]:
        for name, declared in section.items():
            if not isinstance(declared, dict) or declared.get("Type") != "String":
                self._early.append(texts.provisioning.parameter_type(name))
            elif not isinstance(declared.get("Default", ""), str):
                self._early.append(texts.provisioning.parameter_default(name))
        return {name: each.get("Default") if isinstance(each, dict) else None for name, each in section.items()}

    def _tables(self, section: dict[str, Any]) -> dict[str, Any]:
        for name, table in section.items():
            if not _is_two_levels(table):
                self._early.append(texts.provisioning.map_not_two_levels(name))
        return section

    def _resource(
        self,
        logical: str,
        resource: Any,
        things: list[Thing],
        certificates: list[Certificate],
        policies: list[Policy],
    ) -> None:
        where = f"Resources.{logical}"
        if not isinstance(resource, dict):
            self._wrong(texts.provisioning.not_an_object(where))
            return
        self._known(resource, where, _RESOURCE)
        properties = self._object(resource.get("Properties"), f"{where}.Properties")
        settings = self._object(resource.get("OverrideSettings"), f"{where}.OverrideSettings")
        match resource.get("Type"):
            case "AWS::IoT::Thing":
                things.append(self._thing(logical, properties, settings))
            case "AWS::IoT::Certificate":
                certificates.append(self._certificate(logical, properties, settings))
            case "AWS::IoT::Policy":
                policies.append(self._policy(logical, properties, settings))
            case _:
                self._wrong(texts.provisioning.resource_type(where, _TYPES))

    def _thing(self, logical: str, properties: dict[str, Any], settings: dict[str, Any]) -> Thing:
        where = f"Resources.{logical}.Properties"
        if "PackageVersions" in properties:
            self._wrong(texts.provisioning.not_offered(where, "PackageVersions"))
        self._known(properties, where, (*_OF_THING, "PackageVersions"))
        if "ThingName" not in properties:
            self._wrong(texts.provisioning.property_missing(where, "ThingName"))
        attributes, groups = properties.get("AttributePayload"), properties.get("ThingGroups")
        payload = f"{where}.AttributePayload"
        chosen = self._overrides(settings, f"Resources.{logical}", ("AttributePayload", "ThingTypeName", "ThingGroups"))
        return Thing(
            logical,
            self._reader.text(properties.get("ThingName", ""), f"{where}.ThingName"),
            None if attributes is None else self._texts(self._object(attributes, payload), payload),
            self._optional(properties, "ThingTypeName", where),
            None if groups is None else self._reader.items(groups, f"{where}.ThingGroups"),
            self._optional(properties, "BillingGroup", where),
            *chosen,
        )

    def _certificate(self, logical: str, properties: dict[str, Any], settings: dict[str, Any]) -> Certificate:
        where = f"Resources.{logical}.Properties"
        self._known(properties, where, (*_WAYS, "CACertificatePem", "Status"))
        given = [name for name in _WAYS if name in properties]
        if len(given) != 1:
            self._wrong(texts.provisioning.one_of(where, _WAYS))
        elif given != ["CertificateId"] and self._kind is not Kind.REGISTRATION:
            self._wrong(texts.provisioning.certificate_id_only(where))
        if "CACertificatePem" in properties and "CertificatePem" not in properties:
            self._wrong(texts.provisioning.ca_without_certificate(where))
        by_id, by_request, by_pem = (self._optional(properties, name, where) for name in _WAYS)
        ca_pem = self._optional(properties, "CACertificatePem", where)
        status = self._reader.text(properties.get("Status", "ACTIVE"), f"{where}.Status")
        (override,) = self._overrides(settings, f"Resources.{logical}", ("Status",))
        return Certificate(logical, by_id, by_request, by_pem, ca_pem, status, override)

    def _policy(self, logical: str, properties: dict[str, Any], settings: dict[str, Any]) -> Policy:
        where = f"Resources.{logical}.Properties"
        self._known(properties, where, ("PolicyName", "PolicyDocument"))
        if len(properties.keys() & {"PolicyName", "PolicyDocument"}) != 1:
            self._wrong(texts.provisioning.one_of(where, ("PolicyName", "PolicyDocument")))
        self._overrides(settings, f"Resources.{logical}", ())
        document = properties.get("PolicyDocument")
        if not isinstance(document, str | dict | None):
            self._wrong(texts.provisioning.not_an_object(f"{where}.PolicyDocument"))
        return Policy(
            logical,
            self._optional(properties, "PolicyName", where),
            self._reader.tree(document, f"{where}.PolicyDocument"),
        )

    # --- members ----------------------------------------------------------------------------------------------------

    def _overrides(self, settings: dict[str, Any], where: str, names: tuple[str, ...]) -> list[Override]:
        where = f"{where}.OverrideSettings"
        given = {_SPELLED.get(name, name): value for name, value in settings.items()}
        self._known(given, where, names)
        found = []
        for name in names:
            value = given.get(name, Override.DO_NOTHING)
            if value not in _OVERRIDES[name]:
                self._wrong(texts.provisioning.override_invalid(where, name, _OVERRIDES[name]))
                value = Override.DO_NOTHING
            found.append(Override(value))
        return found

    def _optional(self, properties: dict[str, Any], name: str, where: str) -> Text | None:
        given = properties.get(name)
        return None if given is None else self._reader.text(given, f"{where}.{name}")

    def _texts(self, given: dict[str, Any], where: str) -> dict[str, Text]:
        return {name: self._reader.text(value, f"{where}.{name}") for name, value in given.items()}

    def _object(self, given: Any, where: str) -> dict[str, Any]:
        if given is None:
            return {}
        if not isinstance(given, dict) or function_of(given) is not None:
            self._early.append(texts.provisioning.not_an_object(where))
            return {}
        return given

    def _known(self, given: Iterable[str], where: str, names: tuple[str, ...]) -> None:
        unknown = [name for name in given if name not in names]
        self._early += [texts.provisioning.unknown_member(where, name, names or ("none",)) for name in unknown]

    def _wrong(self, problem: str) -> None:
        self._early.append(problem)


def _is_two_levels(table: Any) -> bool:
    if not isinstance(table, dict):
        return False
    rows = [row for row in table.values() if isinstance(row, dict)]
    values = [value for row in rows for value in row.values()]
    return len(rows) == len(table) and all(isinstance(value, str) for value in values)
