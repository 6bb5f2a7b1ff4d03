"""Which fields a query of the fleet index may name, given what is indexed.

A query that names anything else would find nothing for ever, and a dynamic group of it would stay empty, so it is
refused wherever one is taken (what users report of the live service, control reference 18.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.core import index_configuration, query, texts
from tidegate.wire import iot

_OF_THINGS: Final = frozenset({"thingName", "thingId", "thingTypeName", "thingGroupNames"})
_OF_GROUPS: Final = frozenset(
    {
        *("thingGroupName", "thingGroupNames", "thingGroupId", "thingGroupDescription", "description"),
        "parentGroupNames",
    }
)
_ATTRIBUTE: Final = re.compile(r"attributes\..+", re.DOTALL)
_CONNECTIVITY: Final = frozenset(
    f"connectivity.{member}"
    for member in (
        *("connected", "timestamp", "disconnectReason", "keepAliveDuration", "cleanSession", "sessionExpiry"),
        "clientId",
    )
)
_OF_A_SHADOW: Final = re.compile(r"(?:desired|reported|delta|metadata\.(?:desired|reported))\..+|hasDelta", re.DOTALL)
"""Behind ``shadow.`` or ``shadow.name.<name>.``; a version is indexed, but is not searched for."""
_NAMED: Final = "shadow.name."

Configured = iot.ThingIndexingConfiguration


def problem(node: query.Node, text: str, configured: Configured) -> str | None:
    """What is wrong with the first field of a query of the index of things that it cannot be asked for; None if none.

    ``text`` is the query as it was written, which the sentence repeats.
    """
    for field in _fields(node):
        needed = _off(field, configured)
        if needed is not None:
            return texts.fleet_index.not_indexed(needed, index_configuration.THINGS)
        if not _known(field, configured):
            return texts.fleet_index.field_unknown(field, text)
    return None


def group_problem(node: query.Node, text: str) -> str | None:
    """The same of a query of the index of thing groups."""
    for field in _fields(node):
        if field not in _OF_GROUPS and not _ATTRIBUTE.fullmatch(field):
            return texts.fleet_index.field_unknown(field, text)
    return None


def outgrown(queries: Sequence[str], before: Configured, after: Configured) -> list[str]:
    """Those queries of dynamic groups that fit one configuration and not the other, in words."""
    found = []
    for text in queries:
        node = query.parse(text, query.MOST_TERMS_OF_GROUP)
        told = problem(node, text, after)
        if told is not None and problem(node, text, before) is None:
            found.append(told)
    return found


def _fields(node: query.Node) -> Iterator[str]:
    for leaf in query.leaves(node):
        if not isinstance(leaf, query.Everything) and leaf.field is not None:
            yield leaf.field


def _off(field: str, configured: Configured) -> str | None:
    """The part of the index that a field belongs to, if it is switched off."""
    root = field.split(".", 1)[0]
    if root == "connectivity" and not index_configuration.connectivity(configured):
        return root
    if root == "deviceDefender" and not index_configuration.device_defender(configured):
        return root
    if field.startswith(_NAMED):
        return None if configured.named_shadow_indexing_mode == "ON" else "named shadow"
    if root == "shadow" and not index_configuration.classic_shadow(configured):
        return root
    return None


def _known(field: str, configured: Configured) -> bool:
    if field in _OF_THINGS or field in _CONNECTIVITY or _ATTRIBUTE.fullmatch(field):
        return True
    if field.startswith("deviceDefender."):
        return True
    if field.startswith(_NAMED):
        name, _, inner = field.removeprefix(_NAMED).partition(".")
        return name in index_configuration.named_shadows(configured) and _OF_A_SHADOW.fullmatch(inner) is not None
    root, _, inner = field.partition(".")
    return root == "shadow" and _OF_A_SHADOW.fullmatch(inner) is not None
