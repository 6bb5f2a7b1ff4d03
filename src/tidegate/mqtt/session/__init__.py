"""One client: its connection and the session that may outlive it. No sockets, no clock.

A ``Connection`` is fed bytes and ``now``; it answers with bytes in its output and with effects: what only others can
do. A ``Session`` holds what MQTT keeps between connections. Rules: device reference 2.1 to 2.4, 2.7, 3.3.
"""

from tidegate.mqtt.session.connection import Ask, Connection
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
    "denied_to_will",
    "will_publication",
]
