"""What is fuzzed: functions of bytes that raise only if the server is at fault.

The test suite runs them over the corpus and over data of its own; ``python -m tools.fuzz`` searches for more, guided by
coverage.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate import clock
from tidegate.devices.table import TABLE
from tidegate.mqtt import codec
from tidegate.mqtt import session as sessions
from tidegate.mqtt.broker import Broker
from tidegate.mqtt.codec import Properties, ProtocolError, Reader, Will
from tidegate.mqtt.session import Connection, Effect, Identify, Message, Request, State
from tidegate.mqtt.settings import Settings

Target = Callable[[bytes], None]
SCOPE = ("123456789012", "eu-west-1")
_LIMIT = 4096
_LEVELS = (codec.V31, codec.V311, codec.V5)


def read(data: bytes) -> None:
    """A reader takes any bytes; what it makes of them can be written and read again."""
    if not data:
        return
    level = _LEVELS[data[0] % 3]
    reader = Reader(_LIMIT, level)
    for chunk in _cut(data[1:]):
        reader.feed(chunk)
        try:
            while (packet := reader.next_packet()) is not None:
                _again(packet, reader.level)
        except ProtocolError:
            return


def _cut(data: bytes) -> list[bytes]:
    """The same bytes in pieces whose sizes depend on them."""
    pieces = []
    while data:
        size = data[0] % 64 + 1
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def _again(packet: codec.Packet, level: int) -> None:
    written = codec.encode(packet, level)
    reader = Reader(2 * _LIMIT, level)
    reader.feed(written)
    assert reader.next_packet() == packet, packet


class _Anybody:
    """An identity that may do nearly everything."""

    principal = "cert"
    scope = SCOPE
    exclusive_thing: str | None = None
    enrichment: tuple[tuple[str, str], ...] = ()
    ends_at: int | None = None

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        return not (resource.endswith("/denied") or (action == "iot:Receive" and resource.endswith("/unheard")))

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        return will_topic != "denied"


class _Client:
    """The far end of a connection, and its bookkeeping."""

    def __init__(self, world: _World, level: int) -> None:
        self.world = world
        self.connection = Connection(world.settings, world.ids, reserved=TABLE)
        self._reader = Reader(1 << 20, level)
        self.in_flight: set[int] = set()
        self.requests: list[Request] = []

    def carry_out(self, effects: list[Effect]) -> None:
        world = self.world
        for effect in world.broker.carry_out(self.connection, effects, world.now):
            if isinstance(effect, Identify):
                self.carry_out(world.broker.admit(self.connection, _Anybody(), world.now))
            elif isinstance(effect, Request):
                self.requests.append(effect)

    def receive(self, data: bytes) -> None:
        was_closed = self.connection.state is State.CLOSED
        effects = sessions.receive(self.connection, data, self.world.now)
        assert not (was_closed and effects), "a closed connection goes on"
        self._reader.level = self.connection.level
        self.carry_out(effects)
        while self.connection.paid:
            self.carry_out(sessions.go_on(self.connection, self.world.now))
        if self.connection.over_rate:
            self.connection.may_send_again()
            self.receive(b"")

    def check(self) -> None:
        """What it is sent are whole packets, no more unacknowledged ones than agreed."""
        self._reader.level = self.connection.level
        self._reader.feed(self.connection.take_output())
        while (packet := self._reader.next_packet()) is not None:
            if isinstance(packet, codec.Publish) and packet.qos:
                assert packet.packet_id not in self.in_flight or packet.dup, "a packet id twice"
                self.in_flight.add(packet.packet_id)
        assert len(self.in_flight) <= self.connection.window, "more under way than agreed"


class _World:
    """A broker, a few clients, and what may befall them."""

    def __init__(self) -> None:
        self.settings = Settings(max_queued=8, max_queued_bytes=4096, max_retained=8, max_packet=4096, max_payload=2048)
        self.ids = clock.SequentialIds()
        self.now = 1_700_000_000_000
        self.interest: dict[str, bool] = {}
        self.broker = Broker(self.settings, lambda _connection, _effect: None, self._interest, reserved=TABLE)
        self.clients: list[_Client] = []

    def _interest(self, _scope: tuple[str, str], name: str, wanted: bool) -> None:
        assert self.interest.get(name, False) is not wanted, "interest told twice"
        self.interest[name] = wanted

    def check(self) -> None:
        for client in self.clients:
            client.check()
            session = client.connection.session
            if session is not None:
                assert session.queued <= self.settings.max_queued

    def end(self) -> None:
        """When everybody has left and every session is over, nothing is left."""
        for client in self.clients:
            client.carry_out(client.connection.lost())
        self.now += 1000 * (self.settings.max_session_expiry + 10)
        self.broker.sweep(self.now)
        self.check()
        assert not any(self.interest.values()), "interest without a session"
        for topic in ("a", "a/b", "$aws/things/t/jobs/notify"):
            assert not self.broker.wanted(SCOPE, topic), "a subscription without a session"


_TOPICS = ("a", "a/b", "a/denied", "a/unheard", "$aws/things/t/jobs/notify", "$aws/things/t/jobs/notify-next")


def session(data: bytes) -> None:
    """A program for a small world: each byte says what happens next; some events take the bytes that follow."""
    world, at = _World(), 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return data[at - size : at]

    while at < len(data):
        what = take(1)[0]
        kind, which = what >> 4, what & 15
        _happen(world, kind, which, take)
        world.check()
    world.end()


def _happen(world: _World, kind: int, which: int, take: Callable[[int], bytes]) -> None:
    client = world.clients[which % len(world.clients)] if world.clients else None
    if kind < 3 or client is None:
        if len(world.clients) < 16:
            _connect(world, which, take)
    elif kind < 10:
        size = (take(1) or b"\0")[0]
        client.receive(take(size))
    elif kind == 10:
        client.carry_out(client.connection.lost())
    elif kind == 11:
        message = Message(_TOPICS[which % 6], bytes(which * 100), which & 1, newest_only=which % 6 > 3)
        world.broker.publish(SCOPE, message, world.now)
    elif kind == 12:
        world.now += 400_000 * which
        world.broker.sweep(world.now)
    elif kind == 13:
        _acknowledge(client, which)
    elif kind == 14:
        _reply(client, world)
    else:
        client.connection.backlog = 100_000 * (which & 1)


def _connect(world: _World, which: int, take: Callable[[int], bytes]) -> None:
    """A client connects as it should; what follows is up to the data."""
    flags = (take(1) or b"\0")[0]
    level = codec.V5 if flags & 1 else codec.V311
    properties = None
    if level == codec.V5:
        properties = Properties(
            session_expiry_interval=flags * 10,
            receive_maximum=which + 1,
            topic_alias_maximum=flags >> 4,
            maximum_packet_size=500 if flags & 2 else None,
        )
    will = None
    if flags & 8:
        delay = Properties(will_delay_interval=which * 60) if level == codec.V5 else None
        will = Will(_TOPICS[which % 4], b"will", which & 1, bool(which & 2), delay)
    client = _Client(world, level)
    world.clients.append(client)
    connect = codec.Connect(level, f"client-{which % 3}", bool(flags & 4), 60, None, None, will, properties)
    client.receive(codec.encode(connect, level))


def _acknowledge(client: _Client, which: int) -> None:
    for packet_id in sorted(client.in_flight)[: which + 1]:
        client.in_flight.discard(packet_id)
        client.receive(codec.encode(codec.Puback(packet_id), client.connection.level))


def _reply(client: _Client, world: _World) -> None:
    if client.requests:
        message = client.requests.pop(0).message
        client.connection.reply(message.topic + "/accepted", message.payload, message.qos, world.now)


TARGETS: dict[str, Target] = {"codec": read, "session": session}
