"""The retained messages of one scope: one for a topic, so many and so large at most (device reference 2.6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from tidegate import clock
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Message, Retained
from tidegate.mqtt.session.keeping import Journal
from tidegate.mqtt.settings import Settings

log = logging.getLogger("tidegate.mqtt")


class Retention:
    """Keeps them in memory and writes changes down."""

    __slots__ = ("_bytes", "_journal", "_scope", "_settings", "messages")

    def __init__(self, scope: Scope, settings: Settings, journal: Journal) -> None:
        self.messages: Mapping[str, Retained] = {}
        self._scope = scope
        self._settings = settings
        self._journal = journal
        self._bytes = 0

    def get(self, topic: str, now: clock.Millis) -> Message | None:
        """The retained message of a topic, unless its time is over."""
        found = self.messages.get(topic)
        if found is None:
            return None
        if found.message.expires_at is not None and found.message.expires_at <= now:
            self._change(topic, None)
            return None
        return found.message

    def retain(self, message: Message, now: clock.Millis) -> bool:
        """Take a message with RETAIN set; without a payload it deletes [MQTT-3.3.1-6]. False if a limit forbids it."""
        kept = Retained(message, now) if message.payload else None
        if kept is not None and not self._fits(message):
            log.warning("%s is not retained: the limit is reached", message.topic)
            return False
        self._change(message.topic, kept)
        return True

    def restore(self, topic: str, retained: Retained) -> None:
        """Take over what an earlier server wrote down."""
        self._put(topic, retained)

    def heard(self, message: Message, at: clock.Millis) -> None:
        """Another server has taken, and written down, a message with RETAIN set; the later one counts."""
        known = self.messages.get(message.topic)
        if known is None or known.retained_at <= at:
            self._put(message.topic, Retained(message, at) if message.payload else None)

    def clear(self) -> None:
        """The store was emptied."""
        self.messages = {}
        self._bytes = 0

    def _fits(self, message: Message) -> bool:
        if self._bytes + message.size > self._settings.max_retained_bytes:
            return False
        return message.topic in self.messages or len(self.messages) < self._settings.max_retained

    def _change(self, topic: str, retained: Retained | None) -> None:
        self._put(topic, retained)
        self._journal.retained(self._scope, topic, retained)

    def _put(self, topic: str, retained: Retained | None) -> None:
        messages = self.messages
        assert isinstance(messages, dict)
        former = messages.pop(topic, None)
        if former is not None:
            self._bytes -= former.message.size
        if retained is not None:
            messages[topic] = retained
            self._bytes += retained.message.size
