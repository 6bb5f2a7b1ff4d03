"""What the fleet index knows of a thing or a thing group: fields with values, and what a search shows of it.

Fields of shadows are named by their path (control reference 18.2). Indexed are texts, numbers, booleans and arrays of
them; not nulls, and no array with anything else in it. A field's metadata is indexed if the field is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import packages, query, shadow
from tidegate.core.query import Scalar, Value
from tidegate.wire import iot

CLASSIC: Final = ""
"""The name under which a thing's shadow without a name is kept."""

Stored = tuple[int, str]
"""A shadow: its version, and as JSON text ``{"state": {"desired", "reported"}, "metadata"}``."""

Json = Any
_PACKAGES: Final = f"shadow.name.{packages.SHADOW}.reported"
_SCALARS = (str, int, float, bool)


class Parts(NamedTuple):
    """What is known of a thing before it is indexed.

    ``groups`` are the names of its thing groups and of its billing group; ``shadows`` are those that are indexed,
    by name.
    """

    name: str
    uuid: str
    type_name: str | None
    groups: Sequence[str]
    attributes: Mapping[str, str]
    version: int
    shadows: Mapping[str, Stored]
    connectivity: iot.ThingConnectivity | None


class IndexedThing(NamedTuple):
    """A thing in the index: what queries see, what aggregations see besides, what a search answers."""

    fields: Mapping[str, list[Value]]
    versions: Mapping[str, int]
    shown: iot.ThingDocument


class IndexedGroup(NamedTuple):
    """A thing group in the index."""

    fields: Mapping[str, list[Value]]
    versions: Mapping[str, int]
    shown: iot.ThingGroupDocument


def thing(parts: Parts) -> IndexedThing:
    """Index a thing."""
    shadows = {name: _shadow(stored) for name, stored in parts.shadows.items()}
    fields: dict[str, list[Value]] = {}
    _put(fields, "thingName", [parts.name])
    _put(fields, "thingId", [parts.uuid])
    _put(fields, "thingTypeName", [parts.type_name] if parts.type_name else [])
    _put(fields, "thingGroupNames", parts.groups)
    _put_attributes(fields, parts.attributes)
    for name, one in shadows.items():
        for path, values in _shadow_fields(one):
            _put(fields, f"{_prefix(name)}.{path}", values)
    if packages.SHADOW in shadows:
        _put_packages(fields, shadows[packages.SHADOW].get("reported", {}))
    if parts.connectivity is not None:
        for member, connected in _connectivity_members(parts.connectivity):
            _put(fields, f"connectivity.{member}", [connected])
    versions = {f"{_prefix(name)}.version": one["version"] for name, one in shadows.items()}
    return IndexedThing(fields, {"registry.version": parts.version, **versions}, _shown(parts, shadows))


def group(shown: iot.ThingGroupDocument, version: int) -> IndexedGroup:
    """Index a thing group, static or dynamic. ``thingGroupNames`` is the guide's other word for its name."""
    fields: dict[str, list[Value]] = {}
    _put(fields, "thingGroupName", [shown.thing_group_name or ""])
    _put(fields, "thingGroupNames", [shown.thing_group_name or ""])
    _put(fields, "thingGroupId", [shown.thing_group_id or ""])
    described = [shown.thing_group_description] if shown.thing_group_description else []
    _put(fields, "thingGroupDescription", described)
    _put(fields, "description", described)
    _put(fields, "parentGroupNames", shown.parent_group_names or ())
    _put_attributes(fields, shown.attributes or {})
    return IndexedGroup(fields, {"version": version}, shown)


def _put(fields: dict[str, list[Value]], name: str, values: Iterable[Scalar]) -> None:
    for value in values:
        fields.setdefault(name, []).append(query.value(value))


def _put_attributes(fields: dict[str, list[Value]], attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        _put(fields, f"attributes.{name}", [value])


def _put_packages(fields: dict[str, list[Value]], reported: Mapping[str, Json]) -> None:
    """What the index makes of a ``$package`` shadow besides (control reference 18.2).

    A version is its text, though it may read as a number: 2.1 is not 2.10, and neither is more than the other. How many
    packages there are is no member of the shadow, the index counts them.
    """
    for package in reported:
        name = f"{_PACKAGES}.{package}.version"
        if name in fields:
            fields[name] = [one._replace(number=None) for one in fields[name]]
    _put(fields, f"{_PACKAGES}.totalCount", [packages.count(reported)])


# --- shadows ---


def _prefix(name: str) -> str:
    return "shadow" if name == CLASSIC else f"shadow.name.{name}"


def _shadow(stored: Stored) -> dict[str, Json]:
    """A stored shadow as the index shows it: its sections side by side, with the delta."""
    version, text = stored
    decoded = {"state": {}, "metadata": {}, **msgspec.json.decode(text)}
    document = shadow.Document(decoded["state"], decoded["metadata"])
    difference = shadow.difference(document).state
    shown = {section: document.state[section] for section in ("desired", "reported") if document.state.get(section)}
    shown |= {"delta": difference} if difference else {}
    shown |= {"metadata": document.metadata} if document.metadata else {}
    return {**shown, "hasDelta": bool(difference), "version": version}


def _shadow_fields(shown: Mapping[str, Json]) -> Iterator[tuple[str, Iterable[Scalar]]]:
    for section in ("desired", "reported", "delta"):
        yield from _paths(section, shown.get(section))
    metadata = shown.get("metadata") or {}
    for section in ("desired", "reported"):
        yield from _metadata_paths(f"metadata.{section}", metadata.get(section), shown.get(section))
    yield "hasDelta", [shown["hasDelta"]]


def _paths(path: str, node: Json) -> Iterator[tuple[str, Iterable[Scalar]]]:
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _paths(f"{path}.{name}", inner)
    elif isinstance(node, list):
        if all(isinstance(item, _SCALARS) for item in node):
            yield path, node
    elif node is not None:
        yield path, [node]


def _metadata_paths(path: str, node: Json, state: Json) -> Iterator[tuple[str, Iterable[Scalar]]]:
    """The timestamps of the fields that are indexed; an array has one for each of its items."""
    if isinstance(state, dict) and isinstance(node, dict):
        for name, inner in state.items():
            yield from _metadata_paths(f"{path}.{name}", node.get(name), inner)
    elif isinstance(state, list):
        items = node if isinstance(node, list) else [node]
        if all(isinstance(item, _SCALARS) for item in state):
            for item in items:
                yield from _paths(path, item)
    elif isinstance(state, _SCALARS):
        yield from _paths(path, node)


# --- connectivity, and what a search shows ---

_CONNECTIVITY: Final = {
    "connected": "connected",
    "timestamp": "timestamp",
    "disconnect_reason": "disconnectReason",
    "keep_alive_duration": "keepAliveDuration",
    "clean_session": "cleanSession",
    "session_expiry": "sessionExpiry",
    "client_id": "clientId",
}


def _connectivity_members(connectivity: iot.ThingConnectivity) -> Iterator[tuple[str, Scalar]]:
    for attribute, member in _CONNECTIVITY.items():
        value = getattr(connectivity, attribute)
        if value is not None:
            yield member, value


def _shown(parts: Parts, shadows: Mapping[str, dict[str, Json]]) -> iot.ThingDocument:
    return iot.ThingDocument(
        thing_name=parts.name,
        thing_id=parts.uuid,
        thing_type_name=parts.type_name,
        thing_group_names=list(parts.groups) or None,
        attributes=dict(parts.attributes) or None,
        shadow=_shadows_text(shadows) if shadows else None,
        connectivity=parts.connectivity,
    )


def _shadows_text(shadows: Mapping[str, dict[str, Json]]) -> str:
    """The member ``shadow``: a JSON text in which named shadows stand below ``name`` (control reference 18.3)."""
    named = {name: one for name, one in shadows.items() if name != CLASSIC}
    whole = {**shadows.get(CLASSIC, {}), **({"name": named} if named else {})}
    return msgspec.json.encode(whole).decode()


# --- narrowing a search ---


class Narrowed(NamedTuple):
    """What the store can look for by itself, to read fewer things; each is true of every thing a query finds.

    ``name`` is a LIKE form of the lower-case name, ``!`` being its escape. ``group`` and ``type_name`` are lower-case
    names. ``attribute`` is an attribute's name, ``attribute_value`` its lower-case value.
    """

    name: str | None = None
    group: str | None = None
    type_name: str | None = None
    attribute: str | None = None
    attribute_value: str | None = None


def narrowed(node: query.Node) -> Narrowed:
    """What can be told of whatever a query finds."""
    found = Narrowed()
    for operand in _joined(node):
        found = _narrowed_by(found, operand)
    return found


def _joined(node: query.Node) -> Iterator[query.Node]:
    if isinstance(node, query.And):
        for operand in node.operands:
            yield from _joined(operand)
    else:
        yield node


def _narrowed_by(found: Narrowed, leaf: query.Node) -> Narrowed:
    if isinstance(leaf, query.Pattern) and leaf.field == "thingName":
        return found._replace(name=_like(leaf.pieces))
    if isinstance(leaf, query.Term):
        if leaf.field == "thingName" and leaf.number is None:
            return found._replace(name=_like((leaf.word,)))
        if leaf.field == "thingGroupNames" and leaf.number is None:
            return found._replace(group=leaf.word)
        if leaf.field == "thingTypeName" and leaf.number is None:
            return found._replace(type_name=leaf.word)
        if leaf.field is not None and leaf.field.startswith("attributes.") and leaf.number is None:
            return found._replace(attribute=leaf.field.removeprefix("attributes."), attribute_value=leaf.word)
    return found


def _like(pieces: tuple[str, ...]) -> str:
    signs = {"*": "%", "?": "_"}
    return "".join(
        signs[piece] if position % 2 else re.sub(r"([%_!])", r"!\1", piece) for position, piece in enumerate(pieces)
    )
