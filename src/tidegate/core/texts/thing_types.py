"""Thing types (control reference 17.2)."""

from __future__ import annotations

from typing import Final

MQTT5_ALONE: Final = "Can only update mqtt5Configuration."
"""[O] UpdateThingType with a description or searchable attributes (aws-cli issue 9884)."""


def thing_type_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing type {name} cannot be found."


def thing_type_exists(name: str) -> str:
    """[R] after the text for groups."""
    return f"Thing Type {name} already exists in current account with different properties"


def deprecated_for_new_thing(name: str) -> str:
    """[O] CreateThing, with AWS's own slip of the pen."""
    return f"Can not create new thing with depreated thing type:{name}"


def deprecated_for_thing(name: str) -> str:
    """[O] UpdateThing."""
    return f"Can not update a thing to use deprecated thing type: {name}"


def not_deprecated(name: str) -> str:
    """[R] DeleteThingType, after the text below."""
    return f"Cannot delete thing type : {name}. It must be deprecated first"


def deprecated_too_late(name: str, minutes: int) -> str:
    """[O] DeleteThingType; AWS's time is five minutes."""
    return f"Cannot delete thing type : {name}. Please wait for {minutes} minutes after deprecation and then retry"


def thing_type_in_use(name: str) -> str:
    """[R] DeleteThingType, after the text above."""
    return f"Cannot delete thing type : {name} when there are still things associated with it"


def too_many_searchable(limit: int) -> str:
    """[R]"""
    return f"searchableAttributes can have at most {limit} attributes"


def too_many_propagating(limit: int) -> str:
    """[R]"""
    return f"propagatingAttributes can have at most {limit} attributes"


def propagating_without_key(place: int) -> str:
    """[R] ``place`` counts from 1."""
    return f"propagatingAttributes.{place}: userPropertyKey is required"


def propagating_source(place: int) -> str:
    """[R] ``place`` counts from 1."""
    return f"propagatingAttributes.{place}: one of thingAttribute and connectionAttribute is required, not both"


def connection_attribute_unknown(place: int, name: str, known: tuple[str, ...]) -> str:
    """[R] ``place`` counts from 1."""
    return f"propagatingAttributes.{place}: connectionAttribute {name} is not one of {', '.join(known)}"
