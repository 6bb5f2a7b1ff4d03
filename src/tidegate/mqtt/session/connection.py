"""One network connection: its state, what it is owed, and the bytes it writes.

    CONNECTING --CONNECT--> IDENTIFYING --accept--> CONNECTED --DISCONNECT, error, loss--> CLOSED

``receiving`` hands it what its client sends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tidegate import clock
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Properties, ProtocolError, Reason
from tidegate.mqtt.identity import Identity
from tidegate.mqtt.reserved import NOTHING, Reserved
from tidegate.mqtt.session.effects import Closed, Effect
from tidegate.mqtt.session.messages import Ack, Ending, Message, State
from tidegate.mqtt.session.session import Session
from tidegate.mqtt.settings import Settings

_ENDINGS = {
    Reason.NOT_AUTHORIZED: Ending.FORBIDDEN_ACCESS,
    Reason.QUOTA_EXCEEDED: Ending.THROTTLED,
}

_CONNACK_V3 = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: 1,
    Reason.CLIENT_IDENTIFIER_NOT_VALID: 2,
    Reason.QUOTA_EXCEEDED: 3,
    Reason.SERVER_UNAVAILABLE: 3,
    Reason.BAD_USERNAME_OR_PASSWORD: 4,
    Reason.NOT_AUTHORIZED: 5,
}
"""Reasons a 3.1.1 client can be told; for every other it sees a closed socket (device reference 2.1)."""


_REFUSED = {
    Reason.NOT_AUTHORIZED: Ending.AUTH_ERROR,
    Reason.BAD_USERNAME_OR_PASSWORD: Ending.AUTH_ERROR,
    Reason.QUOTA_EXCEEDED: Ending.THROTTLED,
}


Ask = Callable[[Callable[[Identity | None], None]], None]
"""Finds out who a client is by now and calls back; with None if it is nobody any more."""


class Holder(Protocol):
    """What serves a connection."""

    def wake(self) -> None:
        """Output appeared, or the connection closed."""
        ...

    def pressed(self) -> bool:
        """Whether the client has had its time, and others are to have theirs before its next packet."""
        ...

    def drained(self) -> Awaitable[None] | None:
        """Resolves when the client has taken most of what it was sent, or is gone; None if it has."""
        ...

    def abort(self) -> None:
        """Drop the connection, with whatever is unsent."""
        ...

    def doubt(self, *, later: bool) -> Ask | None:
        """How to find out who the client is by now; None while its identity is known to be what it was found to be.

        ``later``: it is to be asked when the connection is long gone.
        """
        ...


class _Nobody:
    """Nobody waits for output, and nothing changes."""

    def wake(self) -> None:
        """Ignore it."""

    def pressed(self) -> bool:
        return False

    def drained(self) -> Awaitable[None] | None:
        return None

    def abort(self) -> None:
        """There is none."""

    def doubt(self, *, later: bool) -> Ask | None:
        return None


class Connection:
    """One network connection."""

    __slots__ = (
        "address",
        "aliases_in",
        "aliases_out",
        "backlog",
        "broken",
        "client_id",
        "connect",
        "deliveries",
        "effects",
        "holder",
        "identity",
        "ids",
        "keep_alive",
        "level",
        "max_aliases_out",
        "max_packet",
        "output",
        "over_rate",
        "owed",
        "publish_bytes",
        "publishes",
        "rated",
        "reader",
        "replays",
        "reserved",
        "session",
        "settings",
        "state",
        "stopped",
        "subscribes",
        "tired",
        "unseen",
        "unsent",
        "will",
        "window",
    )

    def __init__(
        self, settings: Settings, ids: clock.Ids, holder: Holder | None = None, reserved: Reserved = NOTHING
    ) -> None:
        """``reserved``: what the service makes of topics."""
        self.reserved = reserved
        self.reader = codec.Reader(settings.max_packet)
        self.state = State.CONNECTING
        self.level = codec.V311
        self.client_id = ""
        self.address = ""  # the client's, as far as the edge knows it
        self.keep_alive = settings.max_keep_alive
        self.identity: Identity | None = None
        self.session: Session | None = None
        self.window = settings.max_unacknowledged
        self.backlog = 0
        self.publishes = 0
        self.publish_bytes = 0
        self.rated = settings.publish_rate > 0 or settings.publish_bytes > 0
        self.over_rate = False  # nothing more is taken from it in this second
        self.deliveries = 0  # PUBLISHes sent since the last look, counted if there is a limit
        self.replays = 0  # those of them that had waited for the client
        self.owed: list[Ack] | None = None
        self.stopped = False  # nothing more is taken from it until it was paid what it is owed
        self.broken = False  # nor then: it broke the protocol, and is told when it was paid
        self.tired = False  # whole packets may have arrived that are not handled: others are to have their turn first
        self.unseen = 0  # PUBACKs written that the client cannot have seen yet
        self.subscribes = 0
        self.settings = settings
        self.ids = ids
        self.holder = holder or _NOBODY
        self.output: list[bytes] = []
        self.unsent = 0
        self.effects: list[Effect] = []
        self.connect: codec.Connect | None = None
        self.will: codec.Will | None = None
        self.max_packet = 0
        self.aliases_in: dict[int, str] | None = None
        self.aliases_out: dict[str, int] | None = None
        self.max_aliases_out = 0

    @property
    def v5(self) -> bool:
        """Whether the client speaks MQTT 5."""
        return self.level == codec.V5

    @property
    def full(self) -> bool:
        """Whether QoS 1 messages had better wait."""
        return self.crowded or self._exhausted

    @property
    def crowded(self) -> bool:
        """Whether the client has much to take. ``backlog`` is what the network has not taken, kept by the edge."""
        return self.backlog + self.unsent > self.settings.write_high_water

    @property
    def flooded(self) -> bool:
        """Whether QoS 0 messages are to be dropped."""
        return self.backlog + self.unsent > self.settings.write_limit or self._exhausted

    @property
    def _exhausted(self) -> bool:
        """Whether the client got as many messages in this second as it may."""
        return 0 < self.settings.deliver_rate <= self.deliveries

    @property
    def replayed(self) -> bool:
        """Whether it got as many of those that had waited."""
        return 0 < self.settings.replay_rate <= self.replays

    @property
    def counted(self) -> bool:
        """Whether something was counted that has to be forgotten when the second is over."""
        return self.deliveries > 0 or self.replays > 0

    def count_in(self, publishes: int, size: int, subscribes: int) -> None:
        """Count what the client sends, and asks for; beyond a rate the rest of it waits for ``may_send_again``."""
        settings = self.settings
        self.publishes += publishes
        self.publish_bytes += size
        self.subscribes += subscribes
        self.over_rate = (
            0 < settings.publish_rate <= self.publishes
            or 0 < settings.publish_bytes <= self.publish_bytes
            or 0 < settings.subscribe_rate <= self.subscribes
        )

    def may_send_again(self) -> None:
        """A second is over: the client may send again, once the bytes beyond a second's are paid by further ones."""
        self.publishes = self.subscribes = 0
        self.publish_bytes = max(0, self.publish_bytes - self.settings.publish_bytes)
        self.over_rate = 0 < self.settings.publish_bytes <= self.publish_bytes

    def deliver_again(self, now: clock.Millis) -> None:
        """Forget what was counted, and send what waited for that."""
        self.deliveries = self.replays = 0
        if self.session is not None and self.state is State.CONNECTED:
            self.session.pump(now)

    # -- bytes --

    @property
    def paid(self) -> bool:
        """Whether what has arrived waited for PUBACKs, and need not wait any more."""
        return self.stopped and self.owed is None and not self.broken

    def take_output(self) -> bytes:
        """The bytes to be written now."""
        output = self.output
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        self.unsent = self.unseen = 0
        return data

    def take_packets(self) -> list[bytes]:
        """The same, packet by packet."""
        packets, self.output = self.output, []
        self.unsent = self.unseen = 0
        return packets

    def write(self, data: bytes) -> None:
        if not self.output:
            self.holder.wake()
        self.output.append(data)
        self.unsent += len(data)

    def mute(self) -> None:
        """Nobody takes output any more. The holder is let go of: it has us, and a circle of the two would stay."""
        self.holder = _NOBODY

    # -- the end --

    def shut(self, ending: Ending, code: Reason, message: str, *, will: bool = True) -> list[Effect]:
        """End the connection from this side: tell an MQTT 5 client why, publish the will unless told otherwise."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.CONNECTED and self.v5:
            self.write(codec.encode(codec.Disconnect(code), codec.V5))
        return [self.close(ending, code, message, will=will)]

    def lost(self) -> list[Effect]:
        """The network connection is gone."""
        if self.state is State.CLOSED:
            return []
        return [self.close(Ending.CONNECTION_LOST, 0, "connection lost")]

    def close(self, ending: Ending, code: int, message: str, *, will: bool = True) -> Closed:
        left = self.will if will and self.state is State.CONNECTED else None
        self.state = State.CLOSED
        self.will = self.connect = None
        self.holder.wake()
        return Closed(ending, code, message, left)

    def breach(self, error: ProtocolError) -> list[Effect]:
        """End the connection of a client that broke the protocol."""
        ending = _ENDINGS.get(error.code, Ending.CLIENT_ERROR)
        if self.state is State.CONNECTING:
            if error.code is Reason.UNSUPPORTED_PROTOCOL_VERSION:
                self._write_refusal(error.code)  # [MQTT-3.1.2-2]
            return [self.close(ending, error.code, str(error))]
        return self.shut(ending, error.code, str(error))

    # -- entering --

    @property
    def wants_clean_start(self) -> bool:
        """Whether the client wants no earlier session."""
        return self.connect is None or self.connect.clean_start

    def refuse(self, code: Reason, message: str, *, silent: bool = False) -> Closed:
        """Answer a CONNECT with a refusal, if this client has one for it and ``silent`` is not set, and close."""
        if not silent:
            self._write_refusal(code)
        return self.close(_REFUSED.get(code, Ending.CLIENT_ERROR), code, message)

    def _write_refusal(self, code: Reason) -> None:
        if self.v5:
            self.write(codec.encode(codec.Connack(code), codec.V5))
        elif code in _CONNACK_V3:
            self.write(codec.encode(codec.Connack(_CONNACK_V3[code]), codec.V311))

    @property
    def username(self) -> str | None:
        """What the CONNECT that is being judged says; ignored but for custom authorizers."""
        return self.connect.username if self.connect is not None else None

    @property
    def password(self) -> bytes | None:
        """Likewise."""
        return self.connect.password if self.connect is not None else None

    # -- acknowledgements --

    @property
    def unacknowledged(self) -> int:
        """QoS 1 publishes of the client for which it can have seen no PUBACK."""
        return self.unseen + (len(self.owed) if self.owed else 0)

    def owes(self, packet_id: int) -> bool:
        """Whether a publish with this packet id still awaits its PUBACK."""
        return packet_id > 0 and any(each.packet_id == packet_id for each in self.owed or ())

    def owe(self, packet_id: int) -> Ack:
        """A PUBACK that must wait, and with it those that come after."""
        ack = Ack(packet_id)
        if self.owed is None:
            self.owed = [ack]
        else:
            self.owed.append(ack)
            # A strict server counts on, to see its Receive Maximum exceeded.
            if len(self.owed) >= self.settings.max_unacknowledged and (not self.v5 or self.settings.receive_maximum):
                self.stopped = True
        return ack

    def acknowledge(self, packet_id: int, code: int) -> None:
        """Write a PUBACK, in the order in which the publishes came [MQTT-4.6.0-2]."""
        if self.owed:
            self.owed.append(Ack(packet_id, code, ready=True))
        else:
            self._write_puback(packet_id, code)

    def pay(self, ack: Ack) -> None:
        """A PUBACK that had to wait may go, unless an earlier one still waits."""
        ack.ready = True
        owed = self.owed
        while owed and owed[0].ready:
            first = owed.pop(0)
            if self.state is State.CONNECTED:
                self._write_puback(first.packet_id, first.code)
        if not owed:
            self.owed = None

    def answer(self, data: bytes) -> None:
        """Write an answer that had to wait, if there is still somebody to read it."""
        if self.state is State.CONNECTED:
            self.write(data)

    def _write_puback(self, packet_id: int, code: int) -> None:
        self.unseen += 1
        self.write(codec.encode_puback(self.level, packet_id, code))

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
        if message.expires_at is not None and message.expires_at <= now:
            return False
        identity, topic = self.identity, message.topic
        if self.settings.deliver_rate:
            self.deliveries += 1
        if identity is None or not identity.allows("iot:Receive", f"topic/{topic}", self.client_id):
            return False
        if self.v5:
            return self._send_v5(message, qos, packet_id, retain, dup, now)
        self.write(codec.encode_publish(self.level, topic, message.payload, qos, packet_id, retain, dup))
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
        if self.max_packet and len(data) > self.max_packet:  # discarded as if delivered [MQTT-3.1.2-25]
            return False
        if alias and not known:
            assert self.aliases_out is not None
            self.aliases_out[topic] = alias
        self.write(data)
        return True

    def _alias(self, topic: str) -> tuple[int | None, bool]:
        """The alias of a topic for this client, and whether the client knows it. The first topics get them for good."""
        if not self.max_aliases_out:
            return None, False
        aliases = self.aliases_out
        if aliases is None:
            aliases = self.aliases_out = {}
        alias = aliases.get(topic)
        if alias is not None:
            return alias, True
        return (len(aliases) + 1, False) if len(aliases) < self.max_aliases_out else (None, False)


_NOBODY = _Nobody()


def serving(session: Session | None) -> Connection | None:
    """The connection that serves a session now."""
    found = None if session is None else session.connection
    assert found is None or isinstance(found, Connection)
    return found
