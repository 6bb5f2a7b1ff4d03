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


# --- what a type puts on the messages of its things ---

CONNECTED = {"iot:ClientId": "c-1", "iot:Thing.ThingName": "lamp"}


def propagated(*given: dict[str, str], attributes: dict[str, str] | None = None) -> tuple[tuple[str, str], ...]:
    chosen = [iot.PropagatingAttribute(**one) for one in given]
    configuration = iot.Mqtt5Configuration(propagating_attributes=chosen or None)
    return thing_types.propagated(configuration, attributes or {}, CONNECTED)


def test_attributes_and_the_connection_in_the_order_of_the_type() -> None:
    found = propagated(
        {"user_property_key": "b", "thing_attribute": "site"},
        {"user_property_key": "a", "connection_attribute": "iot:ClientId"},
        {"user_property_key": "b", "connection_attribute": "iot:Thing.ThingName"},
        attributes={"site": "Kiel", "other": "x"},
    )
    assert found == (("b", "Kiel"), ("a", "c-1"), ("b", "lamp"))


def test_what_a_thing_does_not_have_is_left_out() -> None:
    assert propagated({"user_property_key": "a", "thing_attribute": "none"}) == ()
    assert propagated({"thing_attribute": "site"}, attributes={"site": "x"}) == ()
    assert propagated() == ()
