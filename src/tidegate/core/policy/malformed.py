"""What CreatePolicy refuses, in AWS's words."""

from __future__ import annotations

from typing import Final

DOCUMENT: Final = "Policy document is Malformed"
"""Not JSON, or not a policy at all."""
SYNTAX: Final = "Policy document is Malformed: Invalid policy syntax."


class MalformedPolicyError(ValueError):
    """A document CreatePolicy refuses. ``str(error)`` is the answer on the wire, ``detail`` says what is wrong."""

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(text)
        self.detail = detail


def syntax(detail: str) -> MalformedPolicyError:
    """A rule of the grammar is broken."""
    return MalformedPolicyError(SYNTAX, detail)


def resource(text: str) -> MalformedPolicyError:
    """A resource that is no ARN."""
    return MalformedPolicyError(f"{DOCUMENT}: The following resources are invalid : {text}", f"{text!r} is no resource")


def action(text: str) -> MalformedPolicyError:
    """An action that is none. By analogy with the text for resources, which was observed; not observed itself."""
    return MalformedPolicyError(f"{DOCUMENT}: The following actions are invalid : {text}", f"{text!r} is no action")
