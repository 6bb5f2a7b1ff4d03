"""What only others can do for a connection: ask who the client is, hand a message to other clients.

``receive`` returns these; the broker and the edge carry them out in order.
"""

from __future__ import annotations

import msgspec

from tidegate.mqtt.codec import ProtocolError, Will
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session.messages import Ack, Ending, Message
from tidegate.mqtt.session.session import Subscription


class Identify(msgspec.Struct):
    """A proper CONNECT arrived: find out who it is, then ``Broker.admit`` or ``Connection.shut``."""

    client_id: str


class Request(msgspec.Struct):
    """A publish to a topic that the service answers for."""

    claim: Claim
    message: Message


class Publication(msgspec.Struct):
    """A message for the subscribers of the client's scope. ``ack``: what the client is owed for it at QoS 1."""

    message: Message
    ack: Ack | None = None


class Answer(msgspec.Struct):
    """Bytes for the client as soon as what its packet changed is on disk."""

    data: bytes


class Subscribed(msgspec.Struct):
    """A filter took effect; ``fresh`` if the session did not have it. ``replay``: send the retained message."""

    subscription: Subscription
    fresh: bool
    replay: bool


class Unsubscribed(msgspec.Struct):
    """A filter is gone."""

    subscription: Subscription


class FiltersChanged(msgspec.Struct):
    """The filters of one packet took effect (``subscribed``) or are gone."""

    subscribed: bool
    filters: list[str]


class Broken(msgspec.Struct):
    """The client broke the protocol after publishes that are still to be acknowledged; then it is told."""

    error: ProtocolError


class Closed(msgspec.Struct):
    """The connection is over. ``will`` is what the client asked to have published for this case."""

    ending: Ending
    code: int
    message: str
    will: Will | None = None


Effect = Identify | Request | Publication | Answer | Subscribed | Unsubscribed | FiltersChanged | Broken | Closed
