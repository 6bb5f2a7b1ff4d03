"""Things (control reference 17.1)."""

from __future__ import annotations

from typing import Final


def thing_missing(thing_name: str) -> str:
    """[third hand] A target of CreateJob."""
    return f"Thing {thing_name} cannot be found."


ATTRIBUTE_VALUE_ALONE: Final = "attributeValue can only be specified together with attributeName"
"""[R] ListThings."""

ATTRIBUTE_AND_TYPE: Final = "Listing things by the combination of attribute and thing type is not supported"
"""[O] ListThings."""

TYPE_SET_AND_REMOVED: Final = "thingTypeName cannot be specified when removeThingType is true"
"""[R] UpdateThing."""


def thing_exists(name: str) -> str:
    """[R] after the text for groups."""
    return f"Thing {name} already exists in current account with different properties"


def thing_version_differs(name: str) -> str:
    """[O]"""
    return f"The version for thing {name} does not match the expected version."


def thing_has_principals(name: str) -> str:
    """[O] DeleteThing."""
    return f"Cannot delete. Thing {name} is still attached to one or more principals"


def too_many_attributes(owner: str, limit: int) -> str:
    """[R] ``owner`` is the thing or group, named."""
    return f"{owner} cannot have more than {limit} attributes"
