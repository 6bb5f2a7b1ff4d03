"""Billing groups (control reference 17.5)."""

from __future__ import annotations

from typing import Final

GROUP_UNNAMED: Final = "Both billingGroupName and billingGroupArn cannot be null"
"""[O]"""

THING_UNNAMED: Final = "Both thingName and thingArn cannot be null"
"""[O]"""

GROUP_NAMED_TWICE: Final = "BillingGroupName billingGroupArn does not match specified billingGroupName in request"
"""[R] after the text for thing groups."""


def billing_group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Billing group {name} cannot be found."


def billing_group_exists(name: str) -> str:
    """[R] after the text for thing groups."""
    return f"Billing Group {name} already exists in current account with different properties"


def billing_group_version_differs(name: str) -> str:
    """[R] after the text for things."""
    return f"The version for billing group {name} does not match the expected version."


def thing_in_other_group(thing_name: str, name: str) -> str:
    """[R] ``name`` is the group's that the thing is in."""
    return f"Thing {thing_name} already belongs to billing group {name}"
