"""What waits for the members of a shared subscription is nobody's own: it goes to whoever is there (AWS's guide, MQTT).

A QoS 1 message that finds no member connected waits in the session of one that is away. The first member to return or
to join gets it, and also what a member that left has not acknowledged [MQTT 5, 4.8.2]. Whom a policy keeps from
receiving it is passed over.
"""

from __future__ import annotations

from tidegate import clock
from tidegate.mqtt.session import Message, Session
from tidegate.mqtt.subscriptions import RETAIN_AS_PUBLISHED, Group, Index, Subscription


def hand_over(message: Message, subscription: Subscription[Session], now: clock.Millis) -> None:
    """Deliver a message by the subscription that wants it."""
    retain = message.retain and bool(subscription.options & RETAIN_AS_PUBLISHED)
    share = subscription.filter if subscription.filter.startswith("$share/") else ""
    subscription.session.deliver(message, min(message.qos, subscription.qos), retain, now, share)


def hand_to_one(group: Group[Session], message: Message, now: clock.Millis) -> bool:
    """Deliver a message to one of the members; False if none of them gets it."""
    member = group.pick(message.topic, message.qos)
    if member is not None:
        hand_over(message, member, now)
    return member is not None


def collect(index: Index[Session], topic_filter: str, now: clock.Millis) -> None:
    """A member is there: what waits for those who are away is its."""
    group = index.group(topic_filter)
    for member in list(group.members) if group is not None else ():
        if not member.online:
            bequeath(index, member, topic_filter, now)


def relieve(index: Index[Session], session: Session, now: clock.Millis) -> None:
    """A member left: what it did not acknowledge goes to one who is there, if any is."""
    for name in session.subscriptions:
        group = index.group(name)
        if group is not None and group.online:
            bequeath(index, session, name, now)


def pass_on(index: Index[Session], session: Session, now: clock.Millis) -> None:
    """A member is there, or its policies have changed: what it may not receive is for the others."""
    for name in session.subscriptions:
        if name.startswith("$share/"):
            bequeath(index, session, name, now, barred=True)


def bequeath(
    index: Index[Session], session: Session, topic_filter: str, now: clock.Millis, *, barred: bool = False
) -> None:
    """Hand what a session has of a shared subscription to the members; ``barred``: what its client may not receive."""
    group = index.group(topic_filter)
    if group is None:
        return
    for each in session.surrender(topic_filter, barred=barred):
        hand_to_one(group, each.message, now)
