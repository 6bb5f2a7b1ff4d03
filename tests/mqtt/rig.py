"""Clients without sockets: a broker, a clock that is a number, and devices that speak bytes to it."""

from __future__ import annotations

from collections.abc import Callable

from tidegate import clock
from tidegate.devices.table import TABLE
from tidegate.mqtt import codec
from tidegate.mqtt import session as sessions
from tidegate.mqtt.broker import Broker
from tidegate.mqtt.codec import Filter, Properties, Will
from tidegate.mqtt.session import Connection, Effect, FiltersChanged, Identify, Message, State
from tidegate.mqtt.settings import Settings

SCOPE = ("123456789012", "eu-west-1")
Rule = Callable[[str, str], bool]


class Someone:
    """An identity whose policy is a function of action and resource; it allows everything by default."""

    def __init__(self, allows: Rule | None = None, scope: tuple[str, str] = SCOPE, principal: str = "cert") -> None:
        self.principal = principal
        self.scope = scope
        self._allows = allows or (lambda _action, _resource: True)
        self.connected: tuple[bool, str | None] | None = None
        """What the last CONNECT told: whether it is persistent, and the topic of its will."""

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        self.connected = (persistent, will_topic)
        return self._allows("iot:Connect", f"client/{client_id}")

    exclusive_thing: str | None = None
    enrichment: tuple[tuple[str, str], ...] = ()
    ends_at: int | None = None

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        return self._allows(action, resource)


def denying(*denied: tuple[str, str]) -> Someone:
    """Everything is allowed but these (action, resource)."""
    return Someone(lambda action, resource: (action, resource) not in denied)


class Rig:
    """A broker and what it handed back."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.ids = clock.SequentialIds()
        self.now = 1_700_000_000_000
        self.left: list[Effect] = []
        self.interest: list[tuple[str, bool]] = []
        self.broker = Broker(
            self.settings,
            lambda _connection, effect: self.left.append(effect),
            lambda _scope, name, wanted: self.interest.append((name, wanted)),
            reserved=TABLE,
        )

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 1, *, newest_only: bool = False) -> None:
        self.broker.send(SCOPE, Message(topic, payload, qos, newest_only=newest_only), self.now)

    def device(
        self,
        client_id: str = "lamp",
        *,
        level: int = 4,
        clean: bool = True,
        identity: Someone | None = None,
        properties: Properties | None = None,
        will: Will | None = None,
        keep_alive: int = 60,
    ) -> Device:
        """A device that has sent its CONNECT and been identified."""
        device = Device(self, level)
        device.connect(codec.Connect(level, client_id, clean, keep_alive, None, None, will, properties), identity)
        return device

    def passes(self, seconds: float) -> None:
        self.now += int(1000 * seconds)
        self.broker.sweep(self.now)


class Device:
    """The far end of one connection."""

    def __init__(self, rig: Rig, level: int = 4) -> None:
        self.rig = rig
        self.level = level
        self.connection = Connection(rig.settings, rig.ids, reserved=TABLE)
        self.effects: list[Effect] = []
        self._reader = codec.Reader(1 << 20, level)

    @property
    def closed(self) -> bool:
        return self.connection.state is State.CLOSED

    def raw(self, data: bytes) -> None:
        self._carry_out(sessions.receive(self.connection, data, self.rig.now))
        while self.connection.paid:
            self._carry_out(sessions.go_on(self.connection, self.rig.now))

    def _carry_out(self, effects: list[Effect]) -> None:
        rest = self.rig.broker.carry_out(self.connection, effects, self.rig.now)
        self.effects += [each for each in rest if not isinstance(each, FiltersChanged)]

    def send(self, *packets: codec.Packet) -> list[codec.Packet]:
        self.raw(b"".join(codec.encode(packet, self.level) for packet in packets))
        return self.received()

    def connect(self, packet: codec.Connect, identity: Someone | None = None) -> None:
        self.raw(codec.encode(packet, packet.level))
        if self.effects and isinstance(self.effects[-1], Identify):
            self.effects.pop()
            self.identified(identity or Someone())

    def identified(self, identity: Someone) -> None:
        effects = self.rig.broker.admit(self.connection, identity, self.rig.now)
        self.effects += self.rig.broker.carry_out(self.connection, effects, self.rig.now)

    def received(self) -> list[codec.Packet]:
        """The packets that arrived since the last look."""
        self._reader.feed(self.connection.take_output())
        found = []
        while (packet := self._reader.next_packet()) is not None:
            found.append(packet)
        return found

    def subscribe(self, *filters: str, options: int = 1) -> tuple[int, ...]:
        packet = codec.Subscribe(1, tuple(Filter(name, options) for name in filters))
        answers = self.send(packet)
        suback = next(each for each in answers if isinstance(each, codec.Suback))
        return suback.codes

    def publishes(self) -> list[tuple[str, bytes]]:
        """Topics and payloads of the messages that arrived; QoS 1 ones are acknowledged."""
        found = []
        for packet in self.received():
            assert isinstance(packet, codec.Publish), packet
            found.append((packet.topic, packet.payload))
            if packet.qos:
                self.raw(codec.encode(codec.Puback(packet.packet_id), self.level))
        return found

    def lose(self) -> None:
        """The network drops the connection."""
        effects = self.connection.lost()
        self.effects += self.rig.broker.carry_out(self.connection, effects, self.rig.now)
