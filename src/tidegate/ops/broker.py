"""What operations may ask of the message broker, which lives in this process and is no part of the store.

An ``AtBroker`` handler is called as ``run(broker, call, request)`` on the thread of the event loop, and once.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from tidegate.core.message import Pairs
from tidegate.ops.call import Call


class Publication(NamedTuple):
    """A message to be published. ``expires_at`` in epoch ms, ``payload_format_indicator`` as in MQTT 5."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    payload_format_indicator: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: Pairs = ()
    expires_at: int | None = None


class Retained(NamedTuple):
    """A retained message. ``retained_at`` in epoch ms."""

    topic: str
    payload: bytes
    qos: int
    retained_at: int
    user_properties: Pairs = ()


class Connected(NamedTuple):
    """What is known of a client id. Instants in epoch ms, durations in seconds; ends of a socket as (address, port)."""

    client_id: str
    connected: bool
    thing_name: str | None
    clean_session: bool
    keep_alive: int | None
    session_expiry: int
    connected_since: int | None
    disconnected_since: int | None
    disconnect_reason: str | None
    source: tuple[str, int] | None
    target: tuple[str, int] | None


class Sent(Enum):
    """What became of a message to one client."""

    SENT = 1
    ABSENT = 2
    """It is not connected."""
    DENIED = 3
    """It may not receive on the topic, or only the service speaks there."""


class MessageBroker(Protocol):
    """The broker as one call reaches it."""

    max_payload: int
    """Bytes."""
    max_message_expiry: int
    """Seconds."""

    def valid(self, topic: str) -> bool:
        """Whether a topic can be published to (device reference 2.4)."""
        ...

    def publish(self, call: Call, publication: Publication) -> bool:
        """Publish to a valid topic what the caller is allowed to; False where only the service may speak (2.5).

        A reserved topic means what it means over MQTT: a job or shadow request is carried out.
        """
        ...

    def subscriptions(self, call: Call, client_id: str) -> list[tuple[str, int]] | None:
        """Filters and granted QoS of a client id, by filter; None if it has no session."""
        ...

    def send(self, call: Call, client_id: str, publication: Publication, *, confirm_s: int | None) -> Sent:
        """Send a message to one client that is connected, subscribed or not; it is kept for nobody.

        ``confirm_s``: at QoS 1, and the call is answered with GatewayTimeoutException unless the client acknowledges it
        within so many seconds. None: at QoS 0.
        """
        ...

    def retained(self, call: Call, topic: str) -> Retained | None:
        """The retained message of a topic, unless it has expired."""
        ...

    def retained_after(self, call: Call, topic: str, count: int) -> list[Retained]:
        """The first ``count`` that have not expired and whose topic comes after ``topic``, by topic."""
        ...

    def connection(self, call: Call, client_id: str) -> Connected | None:
        """What is known of a client id; None if nothing is."""
        ...

    def disconnect(self, call: Call, client_id: str, *, clean_session: bool, prevent_will: bool) -> bool:
        """End a connection, with ``clean_session`` also its session; False if there is neither."""
        ...
