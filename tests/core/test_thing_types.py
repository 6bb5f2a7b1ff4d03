"""What the properties of a thing type may be."""

from __future__ import annotations

import pytest

from tidegate.core import thing_types
from tidegate.wire import iot


def propagating(**members: str) -> iot.PropagatingAttribute:
    return iot.PropagatingAttribute(**{"user_property_key": "k", **members})  # type: ignore[arg-type]


def problems(*given: iot.PropagatingAttribute, searchable: int = 0) -> list[str]:
    configuration = iot.Mqtt5Configuration(propagating_attributes=list(given))
    return thing_types.problems(
        iot.ThingTypeProperties(searchable_attributes=["a"] * searchable, mqtt5_configuration=configuration)
    )


def test_nothing_is_fine() -> None:
    assert thing_types.problems(iot.ThingTypeProperties()) == []
    assert problems() == []


@pytest.mark.parametrize(("count", "fine"), [(3, True), (4, False)])
def test_searchable_attributes(count: int, fine: bool) -> None:
    assert (problems(searchable=count) == []) is fine


@pytest.mark.parametrize(("count", "fine"), [(20, True), (21, False)])
def test_propagating_attributes(count: int, fine: bool) -> None:
    assert (problems(*[propagating(thing_attribute="a")] * count) == []) is fine


@pytest.mark.parametrize("name", ["iot:ClientId", "iot:Thing.ThingName"])
def test_connection_attributes(name: str) -> None:
    assert problems(propagating(connection_attribute=name)) == []


def test_each_fault_is_named_with_its_place() -> None:
    assert problems(
        propagating(thing_attribute="a"),
        propagating(),
        iot.PropagatingAttribute(thing_attribute="a", connection_attribute="iot:ClientId"),
        propagating(connection_attribute="iot:Certificate"),
    ) == [
        "propagatingAttributes.2: one of thingAttribute and connectionAttribute is required, not both",
        "propagatingAttributes.3: userPropertyKey is required",
        "propagatingAttributes.3: one of thingAttribute and connectionAttribute is required, not both",
        "propagatingAttributes.4: connectionAttribute iot:Certificate is not one of iot:ClientId, iot:Thing.ThingName",
    ]
