"""The brokers of other servers, as a broker sees them: where several serve the same clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tidegate import clock
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session.keeping import Done
from tidegate.mqtt.session.messages import Message
from tidegate.mqtt.session.session import Session


class Others(Protocol):
    """Carries messages to the clients of others. A ticket stands for what they have been told; 0 for nothing."""

    def carry(self, scope: Scope, message: Message, now: clock.Millis, groups: Sequence[str]) -> int:
        """Have a message delivered by those who want it; returns a ticket, if somebody is to confirm it.

        ``groups``: shared subscriptions with members here to whom it is to be handed if ``ours`` says so then.
        """
        ...

    def share(self, scope: Scope, topic_filter: str) -> bool:
        """Whether others have members of a shared subscription."""
        ...

    def ours(self, scope: Scope, topic_filter: str, message: Message) -> bool:
        """Whether a message to a shared subscription is for a member that is here; all agree on that."""
        ...

    def changed(self, scope: Scope, topic_filter: str) -> None:
        """Who subscribes here to a filter has changed."""
        ...

    def held(self, session: Session) -> None:
        """A client came to a session or left it, or the session is over."""
        ...

    def announced(self) -> int:
        """A ticket for all that has changed."""
        ...

    def when_heard(self, ticket: int, done: Done) -> None:
        """Call back when those who were told have confirmed it."""
        ...


class _Nobody:
    """There are no others."""

    def carry(self, scope: Scope, message: Message, now: clock.Millis, groups: Sequence[str]) -> int:
        return 0

    def share(self, scope: Scope, topic_filter: str) -> bool:
        return False

    def ours(self, scope: Scope, topic_filter: str, message: Message) -> bool:
        return True

    def changed(self, scope: Scope, topic_filter: str) -> None:
        """Nobody wants to know."""

    def held(self, session: Session) -> None:
        """Nobody wants to know."""

    def announced(self) -> int:
        return 0

    def when_heard(self, ticket: int, done: Done) -> None:
        done(True)


NOBODY: Others = _Nobody()
