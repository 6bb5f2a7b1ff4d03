"""What may be configured of the fleet index: control reference 18.1."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core import index_configuration
from tidegate.wire import iot


def things(mode: str = "REGISTRY", **members: Any) -> iot.ThingIndexingConfiguration:
    return iot.ThingIndexingConfiguration(thing_indexing_mode=mode, **members)


def shadows(*names: str) -> dict[str, Any]:
    return {
        "named_shadow_indexing_mode": "ON",
        "filter": iot.IndexingFilter(named_shadow_names=list(names)),
    }


def custom(*names: str | None, kind: str | None = "Number") -> dict[str, Any]:
    return {"custom_fields": [iot.Field(name=name, type=kind) for name in names]}


@pytest.mark.parametrize(
    ("configured", "schema"),
    [
        (things(), "REGISTRY"),
        (things("REGISTRY_AND_SHADOW"), "REGISTRY_AND_SHADOW"),
        (things(thing_connectivity_indexing_mode="STATUS"), "REGISTRY_AND_CONNECTIVITY_STATUS"),
        (
            things("REGISTRY_AND_SHADOW", thing_connectivity_indexing_mode="STATUS"),
            "REGISTRY_AND_SHADOW_AND_CONNECTIVITY_STATUS",
        ),
        (things(**shadows("a")), "MULTI_INDEXING_MODE"),
        (things(device_defender_indexing_mode="VIOLATIONS"), "MULTI_INDEXING_MODE"),
    ],
)
def test_schema(configured: iot.ThingIndexingConfiguration, schema: str) -> None:
    assert index_configuration.schema(configured) == schema


@pytest.mark.parametrize(
    "wanted",
    [
        things("OFF"),
        things("OFF", thing_connectivity_indexing_mode="OFF", named_shadow_indexing_mode="OFF"),
        things(**custom("attributes.a", "attributes.b_c-1", "attributes.c", "attributes.d", "attributes.e")),
        things("REGISTRY_AND_SHADOW", **custom("shadow.desired.a", "shadow.reported.a.b")),
        things(**shadows("$package", *"abcdefghij")),
        things(**shadows(*"abcdefghij"), **custom("shadow.name.a.reported.x")),
        things(**shadows("$package"), **custom("shadow.name.$package.reported.p.version")),
        things(device_defender_indexing_mode="VIOLATIONS", **custom("deviceDefender.p.b.lastViolationValue.number")),
        things(managed_fields=[iot.Field(name="thingName", type="String")]),
    ],
)
def test_what_may_be_configured(wanted: iot.ThingIndexingConfiguration) -> None:
    assert index_configuration.problems(wanted) == []


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (
            things("OFF", thing_connectivity_indexing_mode="STATUS"),
            "thingConnectivityIndexingMode cannot be on while thingIndexingMode is OFF.",
        ),
        (things("OFF", **shadows("a")), "namedShadowIndexingMode cannot be on while thingIndexingMode is OFF."),
        (
            things("OFF", device_defender_indexing_mode="VIOLATIONS"),
            "deviceDefenderIndexingMode cannot be on while thingIndexingMode is OFF.",
        ),
        (things(**shadows(*"abcdefghijk")), "The indexing configuration cannot have more than 10 named shadows."),
        (
            things(**shadows("$package", *"abcdefghijk")),
            "The indexing configuration cannot have more than 10 named shadows.",
        ),
        (
            things(filter=iot.IndexingFilter(geo_locations=[iot.GeoLocationTarget(), iot.GeoLocationTarget()])),
            "The indexing configuration cannot have more than 1 geo locations.",
        ),
        (
            things(**custom(*[f"attributes.a{number}" for number in range(6)])),
            "The indexing configuration cannot have more than 5 custom fields.",
        ),
        (things(**custom("attributes.a", "attributes.a")), "Custom field attributes.a is given more than once."),
        (things(**custom("thingName")), "Custom field thingName is a managed field."),
        (things(**custom(None)), "Each of customFields needs a name and a type."),
        (things(**custom("attributes.a", kind=None)), "Each of customFields needs a name and a type."),
        (
            things(**custom("shadow.desired.a")),
            "Custom field shadow.desired.a is not indexed in the given indexing modes.",
        ),
        (
            things(**shadows("a"), **custom("shadow.name.b.desired.x")),
            "Custom field shadow.name.b.desired.x is not indexed in the given indexing modes.",
        ),
        (
            things(**custom("attributes.a b")),
            "Custom field attributes.a b is not indexed in the given indexing modes.",
        ),
        (
            things(managed_fields=[iot.Field(name="thingName", type="Number")]),
            "Managed fields cannot be modified: thingName is not one of them.",
        ),
    ],
)
def test_what_may_not(wanted: iot.ThingIndexingConfiguration, problem: str) -> None:
    assert index_configuration.problems(wanted) == [problem]


def test_the_index_of_groups() -> None:
    on = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="ON", **custom("attributes.a"))
    assert index_configuration.group_problems(on) == []
    off = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="OFF", **custom("attributes.a"))
    assert index_configuration.group_problems(off) == [
        "Custom field attributes.a is not indexed in the given indexing modes."
    ]
    named = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="ON", **custom("version"))
    assert index_configuration.group_problems(named) == ["Custom field version is a managed field."]


def test_managed_fields_follow_the_modes() -> None:
    assert index_configuration.managed_fields(things("OFF")) == {}
    registry = {"thingId", "thingName", "registry.version", "registry.thingTypeName", "registry.thingGroupNames"}
    assert set(index_configuration.managed_fields(things())) == registry
    everything = things(
        "REGISTRY_AND_SHADOW",
        thing_connectivity_indexing_mode="STATUS",
        device_defender_indexing_mode="VIOLATIONS",
        **shadows("a"),
    )
    assert set(index_configuration.managed_fields(everything)) == registry | {
        "shadow.version",
        "shadow.hasDelta",
        "shadow.name.*.version",
        "shadow.name.*.hasDelta",
        "connectivity.timestamp",
        "connectivity.version",
        "connectivity.connected",
        "connectivity.disconnectReason",
        "deviceDefender.violationCount",
    }


def test_the_type_of_a_field() -> None:
    managed = index_configuration.managed_fields(things(**shadows("a")))
    fields = [iot.Field(name="attributes.a", type="Boolean")]
    assert index_configuration.type_of("shadow.name.a.hasDelta", managed, fields) == "Boolean"
    assert index_configuration.type_of("registry.version", managed, fields) == "Number"
    assert index_configuration.type_of("attributes.a", managed, fields) == "Boolean"
    assert index_configuration.type_of("attributes.b", managed, fields) is None
