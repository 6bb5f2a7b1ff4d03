"""Every sentence the service says about a request that is well formed and still wrong.

One module, so that a capture from the live service replaces a sentence in one place. Each names its evidence:

* [O] seen from the live service;
* [third hand] given by another implementation that says it compares with the live service: better than a guess;
* [R] ours: AWS's sentence is not known. It names the member, the value and the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# --- things (control reference 17.1) --------------------------------------------------------------------------------

ATTRIBUTE_VALUE_ALONE: Final = "attributeValue can only be specified together with attributeName"
"""[R] ListThings."""

ATTRIBUTE_AND_TYPE: Final = "Listing things by the combination of attribute and thing type is not supported"
"""[O] ListThings."""

TYPE_SET_AND_REMOVED: Final = "thingTypeName cannot be specified when removeThingType is true"
"""[R] UpdateThing."""


def thing_missing(thing_name: str) -> str:
    """[third hand]"""
    return f"Thing {thing_name} cannot be found."


def thing_type_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing type {name} cannot be found."


def billing_group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Billing group {name} cannot be found."


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


# --- thing groups (17.3) --------------------------------------------------------------------------------------------

GROUP_UNNAMED: Final = " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them"
"""[O] with its leading space."""

GROUP_NAMED_TWICE: Final = "ThingGroupName thingGroupArn does not match specified thingGroupName in request"
"""[O] Name and ARN are of different groups."""

THING_UNNAMED: Final = " Both thingArn and thingName are empty. Need to specify at least one of them"
"""[R] after the text for groups."""

THING_NAMED_TWICE: Final = "ThingName thingArn does not match specified thingName in request"
"""[R] after the text for groups."""


def not_an_arn_of(kind: str, text: str) -> str:
    """[R] ``kind`` is what the member names: a thing or a thing group."""
    return f"{text} is not the ARN of a {kind} of this account and region."


def group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing group {name} cannot be found."


def group_exists(name: str) -> str:
    """[O]"""
    return f"Thing Group {name} already exists in current account with different properties"


def group_version_differs(name: str) -> str:
    """[R] after the text for things."""
    return f"The version for thing group {name} does not match the expected version."


def group_has_children(name: str) -> str:
    """[O] DeleteThingGroup."""
    return f"Cannot delete thing group : {name} when there are still child groups attached to it"


def group_too_deep(name: str, limit: int) -> str:
    """[R]"""
    return f"Thing group {name} would be deeper than {limit} levels"


def too_many_children(name: str, limit: int) -> str:
    """[R] ``name`` is the parent's."""
    return f"Thing group {name} cannot have more than {limit} direct child groups"


def thing_in_hierarchy(thing_name: str, name: str) -> str:
    """[R] ``name`` is the group's that the thing was to join."""
    return f"Thing {thing_name} already belongs to a thing group of the same hierarchy as {name}"


def thing_in_too_many_groups(thing_name: str, limit: int) -> str:
    """[R]"""
    return f"Thing {thing_name} cannot be in more than {limit} thing groups"


# --- tags (19) ------------------------------------------------------------------------------------------------------


def tags_duplicate(keys: Iterable[str]) -> str:
    """[R]"""
    return f"Duplicate tag keys: {', '.join(keys)}."


def tag_reserved(key: str) -> str:
    """[R]"""
    return f"Tag key {key} begins with aws:, which is reserved."


def too_many_tags(limit: int) -> str:
    """[R]"""
    return f"A resource cannot have more than {limit} tags"
