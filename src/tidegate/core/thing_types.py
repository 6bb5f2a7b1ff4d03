"""What the properties of a thing type may be (control reference 17.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.core import texts
from tidegate.core.message import Pairs
from tidegate.wire import iot

SEARCHABLE: Final = 3
"""[D] CloudFormation's ThingTypeProperties."""
PROPAGATING: Final = 20
CONNECTION_ATTRIBUTES: Final = ("iot:ClientId", "iot:Thing.ThingName")
"""[D] CloudFormation's PropagatingAttribute, as is that a user property key is required."""


def problems(properties: iot.ThingTypeProperties) -> list[str]:
    """Everything that is wrong with the properties of a request, beyond the shape of each member."""
    searchable = properties.searchable_attributes or []
    found = [texts.thing_types.too_many_searchable(SEARCHABLE)] if len(searchable) > SEARCHABLE else []
    return found + _mqtt5_problems(properties.mqtt5_configuration)


def propagated(
    configuration: iot.Mqtt5Configuration, attributes: Mapping[str, str], connection: Mapping[str, str | None]
) -> Pairs:
    """The user properties that a type puts on each message that one of its things publishes.

    ``attributes`` are the thing's, ``connection`` those of how it is connected, by ``CONNECTION_ATTRIBUTES``. What the
    thing does not have is left out.
    """
    found = []
    for one in configuration.propagating_attributes or ():
        if one.thing_attribute:
            value = attributes.get(one.thing_attribute)
        else:
            value = connection.get(one.connection_attribute or "")
        if value is not None and one.user_property_key:
            found.append((one.user_property_key, value))
    return tuple(found)


def _mqtt5_problems(configuration: iot.Mqtt5Configuration | None) -> list[str]:
    given = (configuration.propagating_attributes if configuration else None) or []
    found = [texts.thing_types.too_many_propagating(PROPAGATING)] if len(given) > PROPAGATING else []
    return found + [problem for place, one in enumerate(given, 1) for problem in _propagating_problems(place, one)]


def _propagating_problems(place: int, given: iot.PropagatingAttribute) -> list[str]:
    found = []
    if not given.user_property_key:
        found.append(texts.thing_types.propagating_without_key(place))
    if bool(given.thing_attribute) == bool(given.connection_attribute):
        found.append(texts.thing_types.propagating_source(place))
    elif given.connection_attribute and given.connection_attribute not in CONNECTION_ATTRIBUTES:
        known = CONNECTION_ATTRIBUTES
        found.append(texts.thing_types.connection_attribute_unknown(place, given.connection_attribute, known))
    return found
