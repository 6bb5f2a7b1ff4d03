"""Events, and commands for devices: from the outbox to those who subscribed, each at least once, in order.

Device reference 7, reach reference 7.3 and 7.6. What has an end (a command) is not published after it.

Events follow the notifications of the same change (3.11): a pass begins when those are out. A row is deleted after it
was published, so a server that dies in between publishes it again, under the same ``eventId``.

Two things are not as simple as that. What a server finds in the outbox when it starts was written by one that ended,
and nobody is connected yet: such an event waits for its first subscriber, but no longer than ``PATIENCE_S``. And where
several servers share a store, each has subscribers of its own: a row stays for ``LINGER_S``, in which every server
comes by, at once when it hears of the row and each second in any case; each remembers what it has published.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from tidegate import clock
from tidegate.core import events as wording
from tidegate.mqtt.codec import Properties
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Message
from tidegate.ops.effects import Acting, EventsWritten, Missed
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store import events
from tidegate.store.database import Lane, StoreError, Tx, in_lane
from tidegate.store.events import Event

log = logging.getLogger("tidegate.mqtt")

PATIENCE_S = 60.0
"""How long an event of a server that died waits for a subscriber."""
LINGER_S = 10.0
"""How long a published event stays for the other servers on the store."""
_LOOK_S = 1.0
_PAGE = 500


class Publisher(Protocol):
    """Sends service messages to those who subscribed and may receive them."""

    def deliver(self, message: Message, scope: Scope) -> None: ...

    def wanted(self, scope: Scope, topic: str) -> bool: ...


class EventPublisher:
    """Empties the outbox. Lives on the event loop."""

    def __init__(
        self,
        service: Service,
        publisher: Publisher,
        notices: Callable[[], Awaitable[None]],
        kept: Callable[[], Awaitable[None]],
        *,
        beat: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Wait with ``notices`` until the notifications of what is committed are out, with ``kept`` until what was
        published is on disk for those who are away. ``beat`` counts seconds.
        """
        self._service = service
        self._publisher = publisher
        self._notices = notices
        self._kept = kept
        self._beat = beat
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._linger = LINGER_S if service.unit.shared else 0.0
        self._published: dict[int, float] = {}
        self._latest = 0
        self._inherited = -1
        self._patient_until = beat() + PATIENCE_S
        self._waiting = False
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self.effects = Acting(dict.fromkeys((EventsWritten, Missed), self._written))
        """Takes note of what a transaction did."""

    def start(self) -> None:
        """Look at what an earlier server left behind."""
        self.look()

    async def stop(self) -> None:
        """End after the pass under way. What is in the outbox stays for the next start."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _written(self, _effect: EventsWritten | Missed) -> None:
        self._look(anew=False)

    def look(self) -> None:
        """Go through the outbox from its beginning."""
        self._look(anew=True)

    def _look(self, *, anew: bool) -> None:
        if anew:
            self._latest = 0
        self._wanted = True
        if self._task is None and not self._stopped:
            self._task = self._loop.create_task(self._run(), name="tidegate-events")

    async def settled(self) -> None:
        """Wait until every event that is committed by now was published, but for those without a subscriber yet."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._wanted and not self._stopped:
                self._wanted = False
                await self._notices()
                while await self._pass():
                    pass
        except StoreError as error:
            self._limited_log.error(
                "events could not be published: %s; they stay in the outbox and are tried again", error
            )
            self._waiting = True
        finally:
            self._task = None
            self._look_later()

    def _look_later(self) -> None:
        """Come back for what waits for a subscriber or for its end, and for what other servers wrote."""
        due = self._waiting or bool(self._published) or self._service.unit.shared
        if due and not self._stopped and self._timer is None:
            self._timer = self._loop.call_later(_LOOK_S, self._later)

    def _later(self) -> None:
        self._timer = None
        self.look()

    async def _pass(self) -> bool:
        """Publish one page of the outbox; whether there is another."""
        if self._inherited < 0:
            self._inherited = await self._service.unit.read(in_lane(Lane.HOUSE, events.last))
        after = self._latest
        if after == 0:
            self._waiting = False
        found = await self._service.unit.read(in_lane(Lane.HOUSE, lambda tx: events.underway(tx, after, _PAGE)))
        for event in found:
            self._latest = max(self._latest, event.id)
            if event.id not in self._published:
                self._publish(event)
        await self._forget()
        return len(found) == _PAGE

    def _publish(self, event: Event) -> None:
        scope = (event.account, event.region)
        orphan = event.id <= self._inherited and self._beat() < self._patient_until
        if orphan and not self._publisher.wanted(scope, event.topic):
            self._waiting = True
            return
        message = self._message(event)
        if message.expires_at is None or message.expires_at > self._service.clock.now():
            self._publisher.deliver(message, scope)
        self._published[event.id] = self._beat()

    def _message(self, event: Event) -> Message:
        if event.payload is None:
            return Message(event.topic, self._completed(event), 1)
        properties = None
        if event.content_type is not None:
            is_text = 1 if event.content_type == "application/json" else None
            properties = Properties(content_type=event.content_type, payload_format_indicator=is_text)
        return Message(event.topic, event.payload, 1, properties=properties, expires_at=event.expires_at)

    def _completed(self, event: Event) -> bytes:
        where = f"{event.region}:{event.account}"
        partition = self._service.settings.partition
        thing = None if event.thing_name is None else f"arn:{partition}:iot:{where}:thing/{event.thing_name}"
        return wording.complete(event.message, origin=f"{where} {event.id}", thing_arn=thing)

    async def _forget(self) -> None:
        """Delete what was published long enough ago."""
        before = self._beat() - self._linger
        ids = [each for each, at in self._published.items() if at <= before]
        if not ids:
            return
        await self._kept()

        def work(tx: Tx) -> None:
            events.delete(tx, ids)

        await self._service.unit.transact(in_lane(Lane.HOUSE, work))
        for each in ids:
            del self._published[each]
