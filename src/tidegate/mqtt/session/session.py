"""What MQTT keeps between connections: subscriptions, unacknowledged messages, messages waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tidegate import clock
from tidegate.mqtt import codec, subscriptions, topics
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.session.keeping import Forgetful, Journal, SessionState
from tidegate.mqtt.session.messages import Delivery, Message
from tidegate.mqtt.settings import Settings

Subscription = subscriptions.Subscription["Session"]
_FORGETFUL = Forgetful()


class Link(Protocol):
    """A connection, as far as its session, and those who get a session, look at it."""

    identity: Identity | None
    address: str
    window: int
    replays: int
    max_packet: int

    @property
    def full(self) -> bool: ...
    @property
    def flooded(self) -> bool: ...
    @property
    def replayed(self) -> bool: ...

    def send(self, message: Message, qos: int, packet_id: int, retain: bool, dup: bool, now: clock.Millis) -> bool:
        """Write a PUBLISH; False if it must not be sent."""
        ...

    def count_in(self, publishes: int, size: int, subscribes: int) -> None:
        """Count what the client sends."""
        ...


class Session:
    """What is kept for one client id. ``expiry`` in seconds; 0 ends it with its connection."""

    __slots__ = (
        "_grants",
        "_in_flight",
        "_next_id",
        "_next_key",
        "_queue",
        "_queued_bytes",
        "_settings",
        "client_id",
        "connection",
        "dropped",
        "expires_at",
        "expiry",
        "journal",
        "number",
        "replaying",
        "scope",
        "subscriptions",
        "v5",
    )

    def __init__(
        self, scope: Scope, client_id: str, v5: bool, settings: Settings, journal: Journal | None = None
    ) -> None:
        self.scope = scope
        self.client_id = client_id
        self.v5 = v5
        self.expiry = 0
        self.expires_at: clock.Millis | None = None
        self.connection: Link | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.dropped = 0
        self.journal = journal or _FORGETFUL
        self.number = 0  # of its row; 0: it has none
        self.replaying = 0  # how many of those that wait have waited for the client to come
        self._settings = settings
        self._in_flight: dict[int, Delivery] | None = None
        self._queue: dict[str | int, Delivery] | None = None
        self._queued_bytes = 0
        self._next_id = 0
        self._next_key = 0
        self._grants: dict[str, int | None] | None = None

    @property
    def online(self) -> bool:
        """Whether a connection serves it."""
        return self.connection is not None

    @property
    def keeps(self) -> bool:
        """Whether it survives its connection."""
        return self.expiry > 0

    @property
    def queued(self) -> int:
        """Messages waiting."""
        return len(self._queue) if self._queue else 0

    def may_receive(self, topic: str) -> bool:
        """Whether its client is there and may receive messages on a topic."""
        connection = self.connection
        return (
            connection is not None
            and connection.identity is not None
            and connection.identity.allows("iot:Receive", f"topic/{topic}", self.client_id)
        )

    # -- what outlives the server --

    def keep(self) -> None:
        """Write down a session that is to outlive its connection, or erase one that is not."""
        if not self.expiry:
            self.erase()
            return
        self.number = self.number or self.journal.number()
        self._write_down()

    def erase(self) -> None:
        """Leave nothing of it in the store."""
        if self.number:
            self.journal.ended(self.number)
            self.number = 0

    def restored(self, number: int, waiting: list[Delivery]) -> None:
        """Take over what an earlier server wrote down."""
        self.number = number
        self._queue = {}
        for each in waiting:
            each.share = self._share_of(each.message.topic)
            self._put(each)
        self._queue = self._queue or None

    def inherit(self, waiting: list[Delivery], now: clock.Millis) -> None:
        """Take over what waited on another server, before what has come since."""
        for each in waiting:
            each.share = self._share_of(each.message.topic)
        self._put_first(waiting)
        self.pump(now)

    def hear(self, message: Message, now: clock.Millis) -> None:
        """Take a message that was meant for it while it was nobody's."""
        qos = self.granted(message.topic)
        if qos is not None:
            self.deliver(message, min(qos, message.qos), False, now)

    def _share_of(self, topic: str) -> str:
        """The shared subscription by which a message must have come; empty if one of its own wants it too."""
        found = [name for name in self.subscriptions if topics.matches(topics.split_share(name)[1], topic)]
        return found[0] if found and all(name.startswith("$share/") for name in found) else ""

    def _write_down(self) -> None:
        level = codec.V5 if self.v5 else codec.V311
        state = SessionState(self.scope, self.client_id, level, self.expiry, self.expires_at)
        self.journal.session(self.number, state)

    def _store(self, delivery: Delivery) -> None:
        if self.number and not delivery.number:
            delivery.number = self.journal.number()
            self.journal.message(self.number, delivery.number, delivery)

    def _unstore(self, delivery: Delivery) -> None:
        if self.number and delivery.number:
            self.journal.message(self.number, delivery.number, None)
            delivery.number = 0

    # -- subscriptions --

    def subscribe(self, topic_filter: str, options: int) -> tuple[Subscription, bool]:
        """Add a subscription or replace its options; True if it is new."""
        self._grants = None
        if self.number:
            self.journal.subscription(self.number, topic_filter, options)
        held = self.subscriptions.get(topic_filter)
        if held is not None:
            held.options = options
            return held, False
        added: Subscription = subscriptions.Subscription(self, topic_filter, options)
        self.subscriptions[topic_filter] = added
        return added, True

    def unsubscribe(self, topic_filter: str) -> Subscription | None:
        """Remove a subscription; None if there was none."""
        self._grants = None
        gone = self.subscriptions.pop(topic_filter, None)
        if gone is not None and self.number:
            self.journal.subscription(self.number, topic_filter, None)
        return gone

    def granted(self, topic: str) -> int | None:
        """The QoS of the best subscription that matches a topic; None if none does."""
        grants = self._grants
        if grants is None or len(grants) > 64:
            grants = self._grants = {}
        if topic not in grants:
            found = (each.qos for name, each in self.subscriptions.items() if topics.matches(name, topic))
            grants[topic] = max(found, default=None)
        return grants[topic]

    # -- messages --

    def deliver(self, message: Message, qos: int, retain: bool, now: clock.Millis, share: str = "") -> None:
        """Send a message to the client, or keep it as far as the session and the message allow."""
        connection = self.connection
        if connection is None:
            if qos and self.expiry and not message.reply:
                self._enqueue(Delivery(message, qos, retain, share=share))
        elif qos == 0:
            if message.reply or not connection.flooded:
                connection.send(message, 0, 0, retain, False, now)
        else:
            delivery = Delivery(message, qos, retain, share=share)
            if self._queue or not self._send(delivery, connection, now):
                self._enqueue(delivery)

    def send(self, message: Message, qos: int, done: Callable[[], None], now: clock.Millis) -> None:
        """Send a message to the client that is there, whatever it subscribes to; ``done`` when it has it at QoS 1.

        It is kept for nobody: ``message.reply`` is set.
        """
        assert message.reply
        connection = self.connection
        if connection is None:
            return
        if qos == 0:
            connection.send(message, 0, 0, False, False, now)
            return
        delivery = Delivery(message, qos, False, done=done)
        if self._queue or not self._send(delivery, connection, now):
            self._enqueue(delivery)

    def acknowledged(self, packet_id: int, now: clock.Millis) -> None:
        """The client has a QoS 1 message; the next may go. Unknown packet ids are ignored."""
        if self._in_flight is not None:
            taken = self._in_flight.pop(packet_id, None)
            if taken is not None:
                self._unstore(taken)
                if taken.done is not None:
                    taken.done()
            if not self._in_flight:
                self._in_flight = None
        self.pump(now)

    def resume(self, now: clock.Millis) -> None:
        """Send again what was never acknowledged, then what waited [MQTT-4.4.0-1].

        A client that takes fewer at once than before gets the rest later, under new packet ids.
        """
        connection = self.connection
        assert connection is not None
        under_way = list((self._in_flight or {}).items())
        self._in_flight = dict(under_way[: connection.window]) or None
        self._put_first([each for _, each in under_way[connection.window :]])
        for packet_id, each in under_way[: connection.window]:
            if not connection.send(each.message, each.qos, packet_id, each.retain, True, now):
                assert self._in_flight is not None
                self._unstore(self._in_flight.pop(packet_id))
        self.replaying = self.queued
        self.pump(now)

    def pump(self, now: clock.Millis) -> None:
        """Send waiting messages while the client takes them."""
        queue = self._queue
        while queue and self.connection is not None:
            key = next(iter(queue))
            if (self.replaying and self.connection.replayed) or not self._send(queue[key], self.connection, now):
                return
            self._queued_bytes -= queue.pop(key).message.size
            if self.replaying:
                self.replaying -= 1
                self.connection.replays += 1
        if not queue:
            self._queue = None

    def detach(self, now: clock.Millis) -> None:
        """Forget the connection, and with it replies nobody can receive any more; write the rest down."""
        self.connection = None
        self._grants = None
        if self._in_flight is not None:
            self._in_flight = {key: each for key, each in self._in_flight.items() if not each.message.reply} or None
        for key, each in list((self._queue or {}).items()):
            if each.message.reply:
                self._discard(key)
        if self.expiry:
            self.expires_at = now + 1000 * self.expiry
            self.rest()

    def surrender(self, share: str, *, barred: bool = False) -> list[Delivery]:
        """Give up what the client has not acknowledged of a shared subscription, and what waits for it.

        ``barred``: only what the client may not receive.
        """

        def goes(each: Delivery) -> bool:
            return each.share == share and not (barred and self.may_receive(each.message.topic))

        found = []
        for packet_id, each in list((self._in_flight or {}).items()):
            if goes(each):
                assert self._in_flight is not None
                self._unstore(self._in_flight.pop(packet_id))
                found.append(each)
        for key, each in list((self._queue or {}).items()):
            if goes(each):
                self._discard(key)
                found.append(each)
        return found

    def held(self, share: str) -> list[Delivery]:
        """What the client has not acknowledged of a shared subscription, and what waits for it."""
        held = [*(self._in_flight or {}).values(), *(self._queue or {}).values()]
        return [each for each in held if each.share == share]

    def drop(self, delivery: Delivery) -> None:
        """Another has got what was held for the client, if it is still held."""
        for packet_id, each in list((self._in_flight or {}).items()):
            if each is delivery:
                assert self._in_flight is not None
                self._unstore(self._in_flight.pop(packet_id))
        for key, each in list((self._queue or {}).items()):
            if each is delivery:
                self._discard(key)

    def rest(self) -> None:
        """Write down a session without a connection, and what it waits for."""
        if self.number:
            self._write_down()
            for waiting in (self._in_flight, self._queue):
                for each in (waiting or {}).values():
                    self._store(each)

    def _send(self, delivery: Delivery, connection: Link, now: clock.Millis) -> bool:
        """False if the client cannot take it now. A message it may not have counts as taken."""
        in_flight = self._in_flight
        if connection.full or (in_flight is not None and len(in_flight) >= connection.window):
            return False
        packet_id = self._free_id()
        message = delivery.message
        if connection.send(message, delivery.qos, packet_id, delivery.retain, False, now):
            if in_flight is None:
                in_flight = self._in_flight = {}
            in_flight[packet_id] = delivery
        else:
            self._unstore(delivery)
        return True

    def _free_id(self) -> int:
        taken = self._in_flight or ()
        while True:
            self._next_id = self._next_id % 0xFFFF + 1
            if self._next_id not in taken:
                return self._next_id

    def _enqueue(self, delivery: Delivery) -> None:
        """Keep for later, and beyond this server's life if nobody is connected."""
        self._put(delivery)
        if self.connection is None:
            self._store(delivery)

    def _put(self, delivery: Delivery) -> None:
        """Queue; of snapshots only the newest, also against one sent but not acknowledged (11.3)."""
        message = delivery.message
        queue = self._queue
        if queue is None:
            queue = self._queue = {}
        key: str | int
        if message.newest_only:
            key = message.topic
            if key in queue:
                self._discard(key)
            self._supersede(key)
        else:
            key = self._next_key = self._next_key + 1
        queue[key] = delivery
        self._queued_bytes += message.size
        while len(queue) > self._settings.max_queued or (
            self._queued_bytes > self._settings.max_queued_bytes and len(queue) > 1
        ):
            self.dropped += 1
            self._discard(next(iter(queue)))

    def _put_first(self, deliveries: list[Delivery]) -> None:
        """Queue before everything else."""
        if not deliveries:
            return
        waiting: dict[str | int, Delivery] = {}
        for each in deliveries:
            self._next_key += 1
            waiting[self._next_key] = each
            self._queued_bytes += each.message.size
        self._queue = waiting | (self._queue or {})

    def _supersede(self, topic: str) -> None:
        """While the client is away, an unacknowledged older snapshot must not reach it after all."""
        if self.connection is not None or self._in_flight is None:
            return
        for packet_id, each in list(self._in_flight.items()):
            if each.message.newest_only and each.message.topic == topic:
                self._unstore(self._in_flight.pop(packet_id))

    def _discard(self, key: str | int) -> None:
        assert self._queue is not None
        gone = self._queue.pop(key)
        self._queued_bytes -= gone.message.size
        self._unstore(gone)
