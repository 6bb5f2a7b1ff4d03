"""One client: its connection and the session that may outlive it. No sockets, no clock.

A ``Connection`` is fed bytes and ``now``; it answers with bytes in its output and with effects: what only others can
do, such as asking who the client is or handing a message to other clients. A ``Session`` holds what MQTT keeps between
connections: subscriptions, unacknowledged messages, messages waiting.

    CONNECTING --CONNECT--> IDENTIFYING --accept--> CONNECTED --DISCONNECT, error, loss--> CLOSED

A packet that has no handler in the present state is a protocol error. Rules: device reference 2.1 to 2.4, 2.7, 3.3.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from tidegate import clock
from tidegate.mqtt import codec, subscriptions, topics
from tidegate.mqtt.codec import Properties, ProtocolError, Reason
from tidegate.mqtt.plane import Identity, Scope
from tidegate.mqtt.settings import Settings

Subscription = subscriptions.Subscription["Session"]


class Ending(enum.StrEnum):
    """Why a connection ended, in AWS's words (device reference 2.8)."""

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENTID"
    FORBIDDEN_ACCESS = "FORBIDDEN_ACCESS"
    KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED = "SERVER_INITIATED_DISCONNECT"
    API_INITIATED = "API_INITIATED_DISCONNECT"
    THROTTLED = "THROTTLED"


class State(enum.Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    IDENTIFYING = "identifying"
    CONNECTED = "connected"
    CLOSED = "closed"


class Message(msgspec.Struct, gc=False):
    """An application message on its way to subscribers. ``expires_at`` in epoch milliseconds.

    ``newest_only``: a later message on the topic makes a waiting one worthless. ``reply``: never kept for a client
    that is not there (device reference 3.3).
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties | None = None
    expires_at: int | None = None
    newest_only: bool = False
    reply: bool = False

    @property
    def size(self) -> int:
        """Bytes it weighs in a queue, roughly."""
        return len(self.payload) + len(self.topic) + 64


# -- effects ----------------------------------------------------------------------------------------------------------


class Identify(msgspec.Struct):
    """A proper CONNECT arrived: find out who it is, then ``Broker.admit`` or ``Connection.shut``."""

    client_id: str


class Request(msgspec.Struct):
    """A job request to be carried out."""

    request: topics.JobsRequest
    payload: bytes
    qos: int


class Misaddressed(msgspec.Struct):
    """A publish under a thing's jobs topics that is no operation; answered with InvalidTopic."""

    topic: str
    payload: bytes
    qos: int


class Reserved(msgspec.Struct):
    """A publish to a reserved topic of another AWS feature; carried to no subscriber."""

    topic: str
    payload: bytes


class Publication(msgspec.Struct):
    """A message for the subscribers of the client's scope."""

    message: Message


class Subscribed(msgspec.Struct):
    """A filter took effect; ``fresh`` if the session did not have it. ``replay``: send the retained message."""

    subscription: Subscription
    fresh: bool
    replay: bool


class Unsubscribed(msgspec.Struct):
    """A filter is gone."""

    subscription: Subscription


class Closed(msgspec.Struct):
    """The connection is over. ``will`` is what the client asked to have published for this case."""

    ending: Ending
    code: int
    message: str
    will: Publication | Request | Reserved | None = None


Effect = Identify | Request | Misaddressed | Reserved | Publication | Subscribed | Unsubscribed | Closed


# -- session ----------------------------------------------------------------------------------------------------------


class Delivery(msgspec.Struct, gc=False):
    """A message for one session, with its QoS and RETAIN flag there."""

    message: Message
    qos: int
    retain: bool


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
        "scope",
        "subscriptions",
        "v5",
    )

    def __init__(self, scope: Scope, client_id: str, v5: bool, settings: Settings) -> None:
        self.scope = scope
        self.client_id = client_id
        self.v5 = v5
        self.expiry = 0
        self.expires_at: clock.Millis | None = None
        self.connection: Connection | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.dropped = 0
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

    def subscribe(self, topic_filter: str, options: int) -> tuple[Subscription, bool]:
        """Add a subscription or replace its options; True if it is new."""
        self._grants = None
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
        return self.subscriptions.pop(topic_filter, None)

    def granted(self, topic: str) -> int | None:
        """The QoS of the best subscription that matches a topic; None if none does."""
        grants = self._grants
        if grants is None or len(grants) > 64:
            grants = self._grants = {}
        if topic not in grants:
            found = (each.qos for name, each in self.subscriptions.items() if topics.matches(name, topic))
            grants[topic] = max(found, default=None)
        return grants[topic]

    def deliver(self, message: Message, qos: int, retain: bool, now: clock.Millis) -> None:
        """Send a message to the client, or keep it as far as the session and the message allow."""
        connection = self.connection
        if connection is None:
            if qos and self.expiry and not message.reply:
                self._enqueue(Delivery(message, qos, retain))
        elif qos == 0:
            if message.reply or not connection.flooded:
                connection.send(message, 0, 0, retain, False, now)
        else:
            delivery = Delivery(message, qos, retain)
            if self._queue or not self._send(delivery, connection, now):
                self._enqueue(delivery)

    def acknowledged(self, packet_id: int, now: clock.Millis) -> None:
        """The client has a QoS 1 message; the next may go. Unknown packet ids are ignored."""
        if self._in_flight is not None:
            self._in_flight.pop(packet_id, None)
            if not self._in_flight:
                self._in_flight = None
        self.pump(now)

    def resume(self, now: clock.Millis) -> None:
        """Send again what was never acknowledged, then what waited [MQTT-4.4.0-1]."""
        connection = self.connection
        for packet_id, each in list((self._in_flight or {}).items()):
            if connection is None or not connection.send(each.message, each.qos, packet_id, each.retain, True, now):
                assert self._in_flight is not None
                del self._in_flight[packet_id]
        self.pump(now)

    def pump(self, now: clock.Millis) -> None:
        """Send waiting messages while the client takes them."""
        queue = self._queue
        while queue and self.connection is not None:
            key = next(iter(queue))
            if not self._send(queue[key], self.connection, now):
                return
            self._queued_bytes -= queue.pop(key).message.size
        if not queue:
            self._queue = None

    def detach(self) -> None:
        """Forget the connection, and with it replies nobody can receive any more."""
        self.connection = None
        self._grants = None
        if self._in_flight is not None:
            self._in_flight = {key: each for key, each in self._in_flight.items() if not each.message.reply} or None
        for key, each in list((self._queue or {}).items()):
            if each.message.reply:
                self._discard(key)

    def _send(self, delivery: Delivery, connection: Connection, now: clock.Millis) -> bool:
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
        return True

    def _free_id(self) -> int:
        taken = self._in_flight or ()
        while True:
            self._next_id = self._next_id % 0xFFFF + 1
            if self._next_id not in taken:
                return self._next_id

    def _enqueue(self, delivery: Delivery) -> None:
        """Keep for later; of snapshots only the newest, also against one sent but not acknowledged (11.3)."""
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

    def _supersede(self, topic: str) -> None:
        """While the client is away, an unacknowledged older snapshot must not reach it after all."""
        if self.connection is not None or self._in_flight is None:
            return
        for packet_id, each in list(self._in_flight.items()):
            if each.message.newest_only and each.message.topic == topic:
                del self._in_flight[packet_id]

    def _discard(self, key: str | int) -> None:
        assert self._queue is not None
        self._queued_bytes -= self._queue.pop(key).message.size


# -- connection -------------------------------------------------------------------------------------------------------

_CONNACK_V3 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.QUOTA_EXCEEDED: 3,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.NOT_AUTHORIZED: 5,
}
"""Reasons a 3.1.1 client can be told; for every other it sees a closed socket (device reference 2.1)."""

_ENDINGS = {
    Reason.NOT_AUTHORIZED: Ending.FORBIDDEN_ACCESS,
    Reason.QUOTA_EXCEEDED: Ending.THROTTLED,
}
_FAILED_V3 = 0x80


def _idle() -> None:
    """Nobody waits for output."""


class Connection:
    """One network connection. ``wake`` is called when output appears or the connection closes."""

    __slots__ = (
        "_aliases_in",
        "_aliases_out",
        "_connect",
        "_effects",
        "_ids",
        "_max_aliases_out",
        "_max_packet",
        "_output",
        "_settings",
        "_unsent",
        "_wake",
        "_will",
        "backlog",
        "client_id",
        "identity",
        "keep_alive",
        "level",
        "publishes",
        "reader",
        "session",
        "state",
        "subscribes",
        "window",
    )

    def __init__(self, settings: Settings, ids: clock.Ids, wake: Callable[[], None] = _idle) -> None:
        self.reader = codec.Reader(settings.max_packet)
        self.state = State.CONNECTING
        self.level = codec.V311
        self.client_id = ""
        self.keep_alive = settings.max_keep_alive
        self.identity: Identity | None = None
        self.session: Session | None = None
        self.window = settings.max_unacknowledged
        self.backlog = 0
        self.publishes = 0
        self.subscribes = 0
        self._settings = settings
        self._ids = ids
        self._wake = wake
        self._output: list[bytes] = []
        self._unsent = 0
        self._effects: list[Effect] = []
        self._connect: codec.Connect | None = None
        self._will: codec.Will | None = None
        self._max_packet = 0
        self._aliases_in: dict[int, str] | None = None
        self._aliases_out: dict[str, int] | None = None
        self._max_aliases_out = 0

    @property
    def v5(self) -> bool:
        """Whether the client speaks MQTT 5."""
        return self.level == codec.V5

    @property
    def full(self) -> bool:
        """Whether QoS 1 messages had better wait. ``backlog`` is what the network has not taken, kept by the edge."""
        return self.backlog + self._unsent > self._settings.write_high_water

    @property
    def flooded(self) -> bool:
        """Whether QoS 0 messages are to be dropped."""
        return self.backlog + self._unsent > self._settings.write_limit

    # -- bytes --

    def receive(self, data: bytes, now: clock.Millis) -> list[Effect]:
        """Take bytes from the client."""
        self.reader.feed(data)
        return self.advance(now)

    def advance(self, now: clock.Millis) -> list[Effect]:
        """Handle the whole packets that have arrived, as far as the state permits."""
        effects: list[Effect] = []
        self._effects = effects
        try:
            while (handlers := _HANDLERS.get(self.state)) is not None:
                packet = self.reader.next_packet()
                if packet is None:
                    break
                handler = handlers.get(type(packet))
                if handler is None:
                    raise ProtocolError(Reason.PROTOCOL_ERROR, f"{type(packet).__name__} while {self.state.value}")
                handler(self, packet, now)
        except ProtocolError as error:
            self._broken(error, now)
        self._effects = []
        return effects

    def take_output(self) -> bytes:
        """The bytes to be written now."""
        output = self._output
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        self._unsent = 0
        return data

    def _write(self, data: bytes) -> None:
        if not self._output:
            self._wake()
        self._output.append(data)
        self._unsent += len(data)

    # -- the end --

    def shut(self, ending: Ending, code: Reason, message: str, now: clock.Millis, *, will: bool = True) -> list[Effect]:
        """End the connection from this side: tell an MQTT 5 client why, publish the will unless told otherwise."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.CONNECTED and self.v5:
            self._write(codec.encode(codec.Disconnect(code), codec.V5))
        return [self._close(ending, code, message, now, will=will)]

    def lost(self, now: clock.Millis) -> list[Effect]:
        """The network connection is gone."""
        if self.state is State.CLOSED:
            return []
        return [self._close(Ending.CONNECTION_LOST, 0, "connection lost", now)]

    def _close(self, ending: Ending, code: int, message: str, now: clock.Millis, *, will: bool = True) -> Closed:
        published = None
        if will and self._will is not None and self.state is State.CONNECTED:
            published = self._will_publication(self._will, now)
        self.state = State.CLOSED
        self._will = self._connect = None
        self._wake()
        return Closed(ending, code, message, published)

    def _broken(self, error: ProtocolError, now: clock.Millis) -> None:
        ending = _ENDINGS.get(error.code, Ending.CLIENT_ERROR)
        if self.state is State.CONNECTING:
            if error.code is Reason.UNSUPPORTED_PROTOCOL_VERSION:
                self._write_refusal(error.code)  # [MQTT-3.1.2-2]
            self._effects.append(self._close(ending, error.code, str(error), now))
            return
        self._effects.extend(self.shut(ending, error.code, str(error), now))

    # -- CONNECT --

    def _on_connect(self, packet: codec.Connect, now: clock.Millis) -> None:
        self.level = packet.level
        refusal = self._refusal(packet)
        if refusal is not None:
            code, message = refusal
            self._effects.append(self.refuse(code, message, now))
            return
        self.client_id = packet.client_id or self._ids.uuid()
        self._connect = packet
        self.state = State.IDENTIFYING
        self._effects.append(Identify(self.client_id))

    def _refusal(self, packet: codec.Connect) -> tuple[Reason, str] | None:
        """What is wrong with a CONNECT in itself (device reference 2.1)."""
        client_id, will = packet.client_id, packet.will
        if client_id.startswith("$") or len(client_id.encode()) > self._settings.max_client_id:
            return Reason.CLIENT_IDENTIFIER_NOT_VALID, "client id reserved or too long"
        if not client_id and not self.v5 and not packet.clean_start:
            return Reason.CLIENT_IDENTIFIER_NOT_VALID, "empty client id with a persistent session"
        if packet.properties is not None and packet.properties.authentication_method is not None:
            return Reason.BAD_AUTHENTICATION_METHOD, "enhanced authentication"
        if will is not None and will.qos > 1:
            return Reason.QOS_NOT_SUPPORTED, "will QoS 2"
        if will is not None and (len(will.payload) > self._settings.max_payload or not _open_to_clients(will.topic)):
            return Reason.TOPIC_NAME_INVALID, "will topic"
        return None

    def authorise(self, identity: Identity) -> str | None:
        """What the policies forbid about this CONNECT; None if nothing."""
        connect = self._connect
        assert connect is not None
        will = connect.will
        expiry = connect.properties.session_expiry_interval if connect.properties is not None else None
        persistent = not connect.clean_start or bool(expiry)
        if not identity.connects(self.client_id, persistent=persistent, will_topic=will.topic if will else None):
            return "iot:Connect"
        if will is None:
            return None
        for action in ("iot:Publish", "iot:RetainPublish")[: 1 + will.retain]:
            if not identity.allows(action, f"topic/{will.topic}", self.client_id):
                return f"{action} for the will"
        return None

    def refuse(self, code: Reason, message: str, now: clock.Millis, *, silent: bool = False) -> Closed:
        """Answer a CONNECT with a refusal, if this client has one for it and ``silent`` is not set, and close."""
        if not silent:
            self._write_refusal(code)
        ending = Ending.AUTH_ERROR if code is Reason.NOT_AUTHORIZED else Ending.CLIENT_ERROR
        return self._close(ending, code, message, now)

    def _write_refusal(self, code: Reason) -> None:
        if self.v5:
            self._write(codec.encode(codec.Connack(code), codec.V5))
        elif code in _CONNACK_V3:
            self._write(codec.encode(codec.Connack(_CONNACK_V3[code]), codec.V311))

    @property
    def wants_clean_start(self) -> bool:
        """Whether the client wants no earlier session."""
        return self._connect is None or self._connect.clean_start

    def accept(self, identity: Identity, session: Session, present: bool, now: clock.Millis) -> None:
        """Enter the session: CONNACK, then what the session has for the client."""
        connect = self._connect
        assert connect is not None
        asked = connect.properties or Properties()
        self.identity, self.session = identity, session
        self._connect, self._will = None, connect.will
        self.state = State.CONNECTED
        self._agree(connect, asked, session)
        session.connection, session.expires_at = self, None
        properties = self._offer(connect, asked, session) if self.v5 else None
        self._write(codec.encode(codec.Connack(0, present, properties), self.level))
        session.resume(now)

    def _agree(self, connect: codec.Connect, asked: Properties, session: Session) -> None:
        settings = self._settings
        wanted = connect.keep_alive or settings.max_keep_alive
        self.keep_alive = min(max(wanted, settings.min_keep_alive), settings.max_keep_alive)
        if not self.v5:
            session.expiry = 0 if connect.clean_start else settings.max_session_expiry
            return
        session.expiry = min(asked.session_expiry_interval or 0, settings.max_session_expiry)
        self.window = min(asked.receive_maximum or 0xFFFF, settings.max_unacknowledged)
        self._max_packet = asked.maximum_packet_size or 0
        self._max_aliases_out = min(asked.topic_alias_maximum or 0, settings.max_topic_aliases)

    def _offer(self, connect: codec.Connect, asked: Properties, session: Session) -> Properties:
        """The CONNACK properties of device reference 2.7."""
        settings = self._settings
        return Properties(
            session_expiry_interval=None if asked.session_expiry_interval is None else session.expiry,
            receive_maximum=settings.max_unacknowledged,
            maximum_qos=1,
            retain_available=1,
            maximum_packet_size=settings.max_packet,
            assigned_client_identifier=None if connect.client_id else self.client_id,
            topic_alias_maximum=settings.max_topic_aliases,
            wildcard_subscription_available=1,
            subscription_identifier_available=0,
            shared_subscription_available=1,
            server_keep_alive=self.keep_alive,
        )

    # -- PUBLISH from the client --

    def _on_publish(self, packet: codec.Publish, now: clock.Millis) -> None:
        self.publishes += 1
        if packet.qos == 2:
            if self.v5:
                raise ProtocolError(Reason.QOS_NOT_SUPPORTED, "PUBLISH at QoS 2")
            return  # a 3.1.1 client never gets an answer to it (2.4)
        if len(packet.payload) > self._settings.max_payload:
            raise ProtocolError(Reason.PACKET_TOO_LARGE, "payload larger than permitted")
        if self.v5:
            self._resolve(packet)
        code, effect = self._judge(packet, now)
        if packet.qos and (code is Reason.SUCCESS or self.v5):
            self._write(codec.encode_puback(self.level, packet.packet_id, code))
        elif code is not Reason.SUCCESS:
            raise ProtocolError(code, f"PUBLISH to {packet.topic}")
        if effect is not None:
            self._effects.append(effect)

    def _resolve(self, packet: codec.Publish) -> None:
        """Topic aliases and the properties a client must not send [MQTT-3.3.2-7] to [MQTT-3.3.4-6]."""
        properties = packet.properties
        alias = properties.topic_alias if properties is not None else None
        if properties is not None:
            _check_message_properties(properties)
        if alias is None:
            return
        if alias > self._settings.max_topic_aliases:
            raise ProtocolError(Reason.TOPIC_ALIAS_INVALID, "topic alias above the maximum")
        if self._aliases_in is None:
            self._aliases_in = {}
        if packet.topic:
            self._aliases_in[alias] = packet.topic
        elif alias in self._aliases_in:
            packet.topic = self._aliases_in[alias]
        else:
            raise ProtocolError(Reason.PROTOCOL_ERROR, "unknown topic alias")

    def _judge(self, packet: codec.Publish, now: clock.Millis) -> tuple[Reason, Effect | None]:
        """What a publish is worth: a reason code and, if it is carried out, what is to be done."""
        topic = packet.topic
        if not topics.valid_topic(topic):
            return Reason.TOPIC_NAME_INVALID, None
        identity = self.identity
        assert identity is not None
        resource = f"topic/{topic}"
        if not identity.allows("iot:Publish", resource, self.client_id):
            return Reason.NOT_AUTHORIZED, None
        effect = self._meaning(topic, packet.payload, packet.qos, packet.retain, packet.properties, now)
        if effect is None:
            return Reason.NOT_AUTHORIZED, None
        retained = packet.retain and type(effect) is Publication
        if retained and not identity.allows("iot:RetainPublish", resource, self.client_id):
            return Reason.NOT_AUTHORIZED, None
        return Reason.SUCCESS, effect

    def _meaning(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Properties | None, now: clock.Millis
    ) -> Request | Misaddressed | Reserved | Publication | None:
        """The effect of a permitted publish; None where only the service may. RETAIN has no effect below ``$``."""
        found = topics.classify(topic)
        if type(found) is topics.JobsRequest:
            return Request(found, payload, qos)
        if found is topics.Kind.ORDINARY:
            forwarded, expires_at = self._forwarded(properties, now)
            return Publication(Message(topic, payload, qos, retain, forwarded, expires_at))
        if type(found) is topics.InvalidTopic:
            return Misaddressed(topic, payload, qos)
        return Reserved(topic, payload) if found is topics.Kind.RESERVED else None

    def _forwarded(
        self, properties: Properties | None, now: clock.Millis
    ) -> tuple[Properties | None, clock.Millis | None]:
        """What of a publisher's properties travels on, and when the message expires (2.7)."""
        if properties is None:
            return None, None
        kept = Properties(
            payload_format_indicator=properties.payload_format_indicator,
            content_type=properties.content_type,
            response_topic=properties.response_topic,
            correlation_data=properties.correlation_data,
            user_property=properties.user_property,
        )
        interval = properties.message_expiry_interval
        expires_at = None
        if interval is not None:
            expires_at = now + 1000 * min(max(interval, 1), self._settings.max_message_expiry)
        return (None if kept == Properties() else kept), expires_at

    def _will_publication(self, will: codec.Will, now: clock.Millis) -> Publication | Request | Reserved | None:
        found = self._meaning(will.topic, will.payload, will.qos, will.retain, will.properties, now)
        assert not isinstance(found, Misaddressed)  # refused at CONNECT
        return found

    def _on_puback(self, packet: codec.Puback, now: clock.Millis) -> None:
        assert self.session is not None
        self.session.acknowledged(packet.packet_id, now)

    # -- SUBSCRIBE and UNSUBSCRIBE --

    def _on_subscribe(self, packet: codec.Subscribe, now: clock.Millis) -> None:
        self.subscribes += 1
        if len(packet.filters) > self._settings.max_filters:
            raise ProtocolError(Reason.QUOTA_EXCEEDED, "too many filters in a SUBSCRIBE")
        if packet.properties is not None and packet.properties.subscription_identifier is not None:
            raise ProtocolError(Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, "subscription identifier")
        codes = [self._subscribe(each) for each in packet.filters]
        self._write(codec.encode(codec.Suback(packet.packet_id, tuple(codes)), self.level))

    def _subscribe(self, wanted: codec.Filter) -> int:
        """Put one filter into effect and return its SUBACK code."""
        code = self._subscribe_refusal(wanted)
        if code is not None:
            return code if self.v5 else _FAILED_V3
        session = self.session
        assert session is not None
        qos = min(1, wanted.options & subscriptions.QOS)
        kept = subscriptions.NO_LOCAL | subscriptions.RETAIN_AS_PUBLISHED
        subscription, fresh = session.subscribe(wanted.filter, wanted.options & kept | qos)
        handling = wanted.options >> 4 & 3
        replay = handling == 0 or (handling == 1 and fresh)
        self._effects.append(Subscribed(subscription, fresh, replay))
        return qos

    def _subscribe_refusal(self, wanted: codec.Filter) -> Reason | None:
        """Why a filter is refused; what ends the connection is raised (device reference 2.3)."""
        settings, session, identity = self._settings, self.session, self.identity
        assert session is not None
        assert identity is not None
        name = wanted.filter
        if wanted.options & subscriptions.QOS == 2 and not settings.lenient_qos2:
            raise ProtocolError(Reason.QOS_NOT_SUPPORTED, "SUBSCRIBE at QoS 2")
        if not topics.valid_filter(name):
            return Reason.TOPIC_FILTER_INVALID
        if not topics.subscribable(name):
            raise ProtocolError(Reason.NOT_AUTHORIZED, f"SUBSCRIBE to {name}")
        if wanted.options & subscriptions.NO_LOCAL and name.startswith("$share/"):  # [MQTT-3.8.3-4]
            raise ProtocolError(Reason.PROTOCOL_ERROR, "No Local on a shared subscription")
        if not identity.allows("iot:Subscribe", f"topicfilter/{name}", self.client_id):
            if settings.strict_aws and not self.v5:
                raise ProtocolError(Reason.NOT_AUTHORIZED, f"SUBSCRIBE to {name}")
            return Reason.NOT_AUTHORIZED
        if name not in session.subscriptions and len(session.subscriptions) >= settings.max_subscriptions > 0:
            return Reason.QUOTA_EXCEEDED
        return None

    def _on_unsubscribe(self, packet: codec.Unsubscribe, now: clock.Millis) -> None:
        if len(packet.filters) > self._settings.max_filters:
            raise ProtocolError(Reason.QUOTA_EXCEEDED, "too many filters in an UNSUBSCRIBE")
        session = self.session
        assert session is not None
        codes = []
        for name in packet.filters:
            gone = session.unsubscribe(name)
            codes.append(Reason.NO_SUBSCRIPTION_EXISTED if gone is None else Reason.SUCCESS)
            if gone is not None:
                self._effects.append(Unsubscribed(gone))
        self._write(codec.encode(codec.Unsuback(packet.packet_id, tuple(codes)), self.level))

    # -- the rest --

    def _on_pingreq(self, _packet: codec.Pingreq, _now: clock.Millis) -> None:
        self._write(codec.PINGRESP)

    def _on_disconnect(self, packet: codec.Disconnect, now: clock.Millis) -> None:
        session = self.session
        assert session is not None
        expiry = packet.properties.session_expiry_interval if packet.properties is not None else None
        if expiry is not None:
            if expiry and not session.expiry:  # [MQTT-3.14.2-2]
                raise ProtocolError(Reason.PROTOCOL_ERROR, "session expiry raised from 0")
            session.expiry = min(expiry, self._settings.max_session_expiry)
        will = packet.code == Reason.DISCONNECT_WITH_WILL
        self._effects.append(self._close(Ending.CLIENT_INITIATED, packet.code, "", now, will=will))

    # -- messages to the client --

    def reply(self, topic: str, payload: bytes, request_qos: int, now: clock.Millis) -> None:
        """Answer a job request on the connection that made it, subscribed or not (device reference 3.3)."""
        session = self.session
        if session is None or self.state is not State.CONNECTED:
            return
        granted = session.granted(topic)
        qos = min(1, request_qos if granted is None else granted)
        session.deliver(Message(topic, payload, qos, reply=True), qos, False, now)

    def send(self, message: Message, qos: int, packet_id: int, retain: bool, dup: bool, now: clock.Millis) -> bool:
        """Write a PUBLISH; False if it must not be sent: expired, not to be received, or too large for the client."""
        if message.expires_at is not None and message.expires_at <= now and not dup:
            return False
        identity, topic = self.identity, message.topic
        if identity is None or not identity.allows("iot:Receive", f"topic/{topic}", self.client_id):
            return False
        if self.v5:
            return self._send_v5(message, qos, packet_id, retain, dup, now)
        self._write(codec.encode_publish(self.level, topic, message.payload, qos, packet_id, retain, dup))
        return True

    def _send_v5(self, message: Message, qos: int, packet_id: int, retain: bool, dup: bool, now: clock.Millis) -> bool:
        topic, properties = message.topic, message.properties
        alias, known = self._alias(topic)
        if alias or message.expires_at is not None:
            properties = Properties() if properties is None else msgspec.structs.replace(properties)
            properties.topic_alias = alias
            if message.expires_at is not None:
                properties.message_expiry_interval = max(0, message.expires_at - now) // 1000
        name = "" if known else topic
        data = codec.encode_publish(self.level, name, message.payload, qos, packet_id, retain, dup, properties)
        if self._max_packet and len(data) > self._max_packet:  # discarded as if delivered [MQTT-3.1.2-25]
            return False
        if alias and not known:
            assert self._aliases_out is not None
            self._aliases_out[topic] = alias
        self._write(data)
        return True

    def _alias(self, topic: str) -> tuple[int | None, bool]:
        """The alias of a topic for this client, and whether the client knows it. The first topics get them for good."""
        if not self._max_aliases_out:
            return None, False
        aliases = self._aliases_out
        if aliases is None:
            aliases = self._aliases_out = {}
        alias = aliases.get(topic)
        if alias is not None:
            return alias, True
        return (len(aliases) + 1, False) if len(aliases) < self._max_aliases_out else (None, False)


def _open_to_clients(topic: str) -> bool:
    """Whether a client may publish here at all."""
    return (
        topics.valid_topic(topic)
        and not isinstance(topics.classify(topic), topics.InvalidTopic)
        and (topics.classify(topic) not in (topics.Kind.SERVER_ONLY, topics.Kind.UNKNOWN))
    )


def _check_message_properties(properties: Properties) -> None:
    if properties.subscription_identifier is not None:  # [MQTT-3.3.4-6]
        raise ProtocolError(Reason.PROTOCOL_ERROR, "subscription identifier from a client")
    response = properties.response_topic
    if response is not None and topics.is_wildcard(response):  # [MQTT-3.3.2-14]
        raise ProtocolError(Reason.PROTOCOL_ERROR, "wildcard in the response topic")


_Handler = Callable[[Connection, Any, clock.Millis], None]
_HANDLERS: dict[State, dict[type, _Handler]] = {
    State.CONNECTING: {codec.Connect: Connection._on_connect},
    State.CONNECTED: {
        codec.Publish: Connection._on_publish,
        codec.Puback: Connection._on_puback,
        codec.Subscribe: Connection._on_subscribe,
        codec.Unsubscribe: Connection._on_unsubscribe,
        codec.Pingreq: Connection._on_pingreq,
        codec.Disconnect: Connection._on_disconnect,
    },
}
