"""Topics that are not for subscribers alone: what a service makes of a topic, as the sessions ask it.

MQTT knows nothing of a service's features. Whoever serves them says what a publish to a topic means, and which filters
it wants to hear of.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

EVERYTHING = "*"
"""The name for filters that reach what is watched under every name."""


class Kind(enum.Enum):
    """What a topic is to a publishing client, when nobody answers for it."""

    ORDINARY = "ordinary"
    DROPPED = "dropped"  # accepted, and seen by nobody
    DENIED = "denied"  # only the service may publish here, or it belongs to nobody


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A topic that the service answers for. A service makes its own subclass and gets it back with the request.

    ``seen``: subscribers see the request like any message, and its answers are messages like any other; else both are
    between the service and the connection that publishes. ``by_will``: a will may be published there.
    """

    topic: str
    seen: bool = False
    by_will: bool = True


class Reserved(Protocol):
    """A service's topics."""

    def find(self, topic: str) -> Claim | Kind:
        """What a publish to a topic, which is taken to be valid, means. Called for every one: answer from memory."""
        ...

    def watched(self, topic_filter: str) -> str | None:
        """Under which name the service wants to hear that a filter has subscribers; None if it does not."""
        ...


class _Nothing:
    """For an endpoint without features: ``$`` belongs to nobody (device reference 2.5)."""

    def find(self, topic: str) -> Claim | Kind:
        return Kind.DENIED if topic.startswith("$") else Kind.ORDINARY

    def watched(self, topic_filter: str) -> str | None:
        return None


NOTHING: Reserved = _Nothing()
