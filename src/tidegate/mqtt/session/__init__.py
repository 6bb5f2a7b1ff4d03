"""One client: its connection and the session that may outlive it. No sockets, no clock.

``receive`` takes a client's bytes and ``now``; the ``Connection`` gathers the bytes for the client, and what only
others can do comes back as effects. A ``Session`` holds what MQTT keeps between connections. Rules: device reference
2.1 to 2.4, 2.7, 3.3.
"""

from tidegate.mqtt.session.connecting import accept, authorise
from tidegate.mqtt.session.connection import Ask, Connection, serving
from tidegate.mqtt.session.effects import (
    Answer,
    Broken,
    Closed,
    Effect,
    FiltersChanged,
    Identify,
    Publication,
    Request,
    Subscribed,
    Unsubscribed,
)
from tidegate.mqtt.session.messages import Ack, Delivery, Ending, Message, Retained, State
from tidegate.mqtt.session.publishing import denied_to_will, will_publication
from tidegate.mqtt.session.receiving import advance, go_on, receive
from tidegate.mqtt.session.session import Session, Subscription

__all__ = [
    "Ack",
    "Answer",
    "Ask",
    "Broken",
    "Closed",
    "Connection",
    "Delivery",
    "Effect",
    "Ending",
    "FiltersChanged",
    "Identify",
    "Message",
    "Publication",
    "Request",
    "Retained",
    "Session",
    "State",
    "Subscribed",
    "Subscription",
    "Unsubscribed",
    "accept",
    "advance",
    "authorise",
    "denied_to_will",
    "go_on",
    "receive",
    "serving",
    "will_publication",
]
