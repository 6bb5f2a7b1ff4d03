"""Thing groups (control reference 17.3)."""

from __future__ import annotations

from typing import Final


def group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing group {name} cannot be found."


GROUP_UNNAMED: Final = " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them"
"""[O] with its leading space."""

GROUP_NAMED_TWICE: Final = "ThingGroupName thingGroupArn does not match specified thingGroupName in request"
"""[O] Name and ARN are of different groups."""

THING_UNNAMED: Final = " Both thingArn and thingName are empty. Need to specify at least one of them"
"""[R] after the text for groups."""

THING_NAMED_TWICE: Final = "ThingName thingArn does not match specified thingName in request"
"""[R] after the text for groups."""


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


def too_many_groups_named(limit: int) -> str:
    """[R] UpdateThingGroupsForThing."""
    return f"A request cannot name more than {limit} thing groups."
