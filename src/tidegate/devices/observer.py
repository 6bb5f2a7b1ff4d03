"""What a server of devices tells the service it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidegate import clock
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.session import Message
from tidegate.store.connectivity import Session


class Connectivity(NamedTuple):
    """A client came or went. ``at`` in epoch ms; ``reason`` of device reference 2.8 when it went.

    ``thing_name`` is the thing it is known to be: that of an exclusively attached certificate.
    """

    scope: Scope
    client_id: str
    thing_name: str | None
    principal: str
    connected: bool
    at: clock.Millis
    reason: str | None = None
    session: Session = Session()
    """How it came."""


def _ignore(*_what: Any) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told of what. Each is called on the event loop, and is not to wait."""

    interest: Callable[[Scope, str | None, bool], None] = _ignore
    """``(scope, thing_name, wanted)``: job notices of a thing begin or cease to have a subscriber, connected or asleep;
    ``thing_name`` None stands for filters that reach every thing."""
    unidentified: Callable[[bytes, str | None, str], None] = _ignore
    """``(certificate_der, server_name, peer)``: a CONNECT was refused because nobody knows the certificate."""
    came_or_went: Callable[[Connectivity], None] = _ignore
    event: Callable[[Scope, str, Callable[[], bytes]], None] = _ignore
    """Scope, topic and what makes the payload of each presence or subscription event, whether anybody here subscribes
    or not."""
    refused: Callable[[str, str], None] = _ignore
    """The address and the client id of a CONNECT that was refused."""
    retained: Callable[[Identity, Message], None] = _ignore
    """A client has had a message retained, or one deleted."""
