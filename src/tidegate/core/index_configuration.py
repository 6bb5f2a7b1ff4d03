"""What may be configured of the two indices, and what follows from it (control reference 18.1, AWS guide).

Managed fields are those the service keeps itself; custom fields are further ones that statistics may be asked of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.core import packages, texts
from tidegate.wire import iot

THINGS: Final = "AWS_Things"
GROUPS: Final = "AWS_ThingGroups"
QUERY_VERSION: Final = "2017-09-30"

_MOST_SHADOWS: Final = 10
"""Without ``$package``, which does not count (control reference 16.3)."""
_MOST_GEO_LOCATIONS: Final = 1
_MOST_CUSTOM_FIELDS: Final = 5
_CUSTOM_NAME: Final = r"[A-Za-z0-9_.$:-]+"

Fields = dict[str, str]
"""Types by field name."""

_REGISTRY: Final[Fields] = {
    "thingId": "String",
    "thingName": "String",
    "registry.version": "Number",
    "registry.thingTypeName": "String",
    "registry.thingGroupNames": "String",
}
_SHADOW: Final[Fields] = {"shadow.version": "Number", "shadow.hasDelta": "Boolean"}
_NAMED_SHADOW: Final[Fields] = {"shadow.name.*.version": "Number", "shadow.name.*.hasDelta": "Boolean"}
_CONNECTIVITY: Final[Fields] = {
    "connectivity.timestamp": "Number",
    "connectivity.version": "Number",
    "connectivity.connected": "Boolean",
    "connectivity.disconnectReason": "String",
}
_DEVICE_DEFENDER: Final[Fields] = {"deviceDefender.violationCount": "Number"}
_GROUPS: Final[Fields] = {
    "description": "String",
    "parentGroupNames": "String",
    "thingGroupId": "String",
    "thingGroupName": "String",
    "version": "Number",
}
_ALIASES: Final = {"registry.thingTypeName": "thingTypeName", "registry.thingGroupNames": "thingGroupNames"}
"""Managed fields whose values stand under another name where queries look."""

OFF: Final = iot.ThingIndexingConfiguration(
    thing_indexing_mode="OFF",
    thing_connectivity_indexing_mode="OFF",
    device_defender_indexing_mode="OFF",
    named_shadow_indexing_mode="OFF",
)
GROUPS_OFF: Final = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="OFF")


def is_on(configured: iot.ThingIndexingConfiguration) -> bool:
    """Whether there is an index of things."""
    return configured.thing_indexing_mode not in (None, "OFF")


def groups_on(configured: iot.ThingGroupIndexingConfiguration) -> bool:
    """Whether there is an index of thing groups."""
    return configured.thing_group_indexing_mode == "ON"


def classic_shadow(configured: iot.ThingIndexingConfiguration) -> bool:
    """Whether shadows without a name are indexed."""
    return configured.thing_indexing_mode == "REGISTRY_AND_SHADOW"


def connectivity(configured: iot.ThingIndexingConfiguration) -> bool:
    """Whether it is indexed who is connected."""
    return configured.thing_connectivity_indexing_mode == "STATUS"


def device_defender(configured: iot.ThingIndexingConfiguration) -> bool:
    """Whether violations are indexed."""
    return configured.device_defender_indexing_mode == "VIOLATIONS"


def named_shadows(configured: iot.ThingIndexingConfiguration) -> Sequence[str]:
    """The named shadows that are indexed."""
    if configured.named_shadow_indexing_mode != "ON" or configured.filter is None:
        return ()
    return configured.filter.named_shadow_names or ()


def schema(configured: iot.ThingIndexingConfiguration) -> str:
    """DescribeIndex's word for what the index of things holds."""
    if configured.named_shadow_indexing_mode == "ON" or device_defender(configured):
        return "MULTI_INDEXING_MODE"
    words = [configured.thing_indexing_mode or "OFF"]
    if connectivity(configured):
        words += ["AND_CONNECTIVITY_STATUS"]
    return "_".join(words)


# --- fields ---


def managed_fields(configured: iot.ThingIndexingConfiguration) -> Fields:
    """The managed fields of the index of things."""
    if not is_on(configured):
        return {}
    found = dict(_REGISTRY)
    if classic_shadow(configured):
        found |= _SHADOW
    if configured.named_shadow_indexing_mode == "ON":
        found |= _NAMED_SHADOW
    if connectivity(configured):
        found |= _CONNECTIVITY
    if device_defender(configured):
        found |= _DEVICE_DEFENDER
    return found


def group_managed_fields(configured: iot.ThingGroupIndexingConfiguration) -> Fields:
    """The managed fields of the index of thing groups."""
    return dict(_GROUPS) if groups_on(configured) else {}


def as_fields(fields: Fields) -> list[iot.Field] | None:
    """Fields as a response lists them; None if there are none."""
    return [iot.Field(name=name, type=kind) for name, kind in fields.items()] or None


def type_of(name: str, managed: Fields, custom: Sequence[iot.Field] | None) -> str | None:
    """The type of a field that may be aggregated; None for any other."""
    known = {field.name: field.type for field in custom or ()}
    generic = re.sub(r"\Ashadow\.name\.[^.]+\.(version|hasDelta)\Z", r"shadow.name.*.\1", name)
    return managed.get(generic) or known.get(name)


def searched_name(name: str) -> str:
    """Where a managed or custom field's values stand in a document."""
    return _ALIASES.get(name, name)


# --- what is wrong with a configuration ---


def problems(wanted: iot.ThingIndexingConfiguration) -> list[str]:
    """Everything that is wrong with a configuration of the index of things, as sentences."""
    return [
        *_mode_problems(wanted),
        *_filter_problems(wanted),
        *_custom_problems(wanted.custom_fields or (), managed_fields(wanted), _custom_forms(wanted)),
        *_managed_problems(
            wanted.managed_fields or (), _REGISTRY | _SHADOW | _NAMED_SHADOW | _CONNECTIVITY | _DEVICE_DEFENDER
        ),
    ]


def group_problems(wanted: iot.ThingGroupIndexingConfiguration) -> list[str]:
    """The same for the index of thing groups."""
    forms = [rf"attributes\.{_CUSTOM_NAME}"] if groups_on(wanted) else []
    return [
        *_custom_problems(wanted.custom_fields or (), _GROUPS, forms),
        *_managed_problems(wanted.managed_fields or (), _GROUPS),
    ]


def _mode_problems(wanted: iot.ThingIndexingConfiguration) -> Iterator[str]:
    modes = {
        "thingConnectivityIndexingMode": wanted.thing_connectivity_indexing_mode,
        "deviceDefenderIndexingMode": wanted.device_defender_indexing_mode,
        "namedShadowIndexingMode": wanted.named_shadow_indexing_mode,
    }
    if not is_on(wanted):
        for member, mode in modes.items():
            if mode not in (None, "OFF"):
                yield texts.fleet_index.mode_needs_indexing(member)


def _filter_problems(configured: iot.ThingIndexingConfiguration) -> Iterator[str]:
    wanted = configured.filter or iot.IndexingFilter()
    if configured.named_shadow_indexing_mode == "ON" and not wanted.named_shadow_names:
        yield texts.fleet_index.NAMES_NEEDED
    counted = [name for name in wanted.named_shadow_names or () if name != packages.SHADOW]
    if len(counted) > _MOST_SHADOWS:
        yield texts.fleet_index.too_many("named shadows", _MOST_SHADOWS)
    if len(wanted.geo_locations or ()) > _MOST_GEO_LOCATIONS:
        yield texts.fleet_index.too_many("geo locations", _MOST_GEO_LOCATIONS)


def _custom_forms(wanted: iot.ThingIndexingConfiguration) -> list[str]:
    """What the names of custom fields may look like in the given modes."""
    if not is_on(wanted):
        return []
    forms = [rf"attributes\.{_CUSTOM_NAME}"]
    if classic_shadow(wanted):
        forms.append(rf"shadow\.(desired|reported)\.{_CUSTOM_NAME}")
    if wanted.named_shadow_indexing_mode == "ON":
        names = "|".join(re.escape(name) for name in named_shadows(wanted))
        forms.append(rf"shadow\.name\.({names})\.(desired|reported)\.{_CUSTOM_NAME}")
    if device_defender(wanted):
        forms.append(rf"deviceDefender\.{_CUSTOM_NAME}")
    return forms


def _custom_problems(custom: Sequence[iot.Field], managed: Fields, forms: Sequence[str]) -> Iterator[str]:
    if len(custom) > _MOST_CUSTOM_FIELDS:
        yield texts.fleet_index.too_many("custom fields", _MOST_CUSTOM_FIELDS)
    seen: set[str] = set()
    for field in custom:
        if not field.name or not field.type:
            yield texts.fleet_index.field_unnamed("customFields")
        elif field.name in managed:
            yield texts.fleet_index.field_is_managed(field.name)
        elif field.name in seen:
            yield texts.fleet_index.field_twice(field.name)
        elif not any(re.fullmatch(form, field.name) for form in forms):
            yield texts.fleet_index.field_not_indexed(field.name)
        seen.add(field.name or "")


def _managed_problems(given: Sequence[iot.Field], known: Fields) -> Iterator[str]:
    for field in given:
        if not field.name or not field.type:
            yield texts.fleet_index.field_unnamed("managedFields")
        elif known.get(field.name) != field.type:
            yield texts.fleet_index.managed_field_unknown(field.name)
