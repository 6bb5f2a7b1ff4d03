"""Handshakes cost little, storms of reconnections are absorbed: over real sockets, on loopback, in small numbers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pathlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from tests.mqtt.live import PATIENCE, Certificates, Live, RawClient
from tests.mqtt.rig import SCOPE, Someone
from tidegate.mqtt.codec import Connack
from tidegate.mqtt.settings import Settings
from tidegate.net.admission import LIMITS, Admission, Limits, Ticket
from tidegate.net.entrance import Entrance
from tidegate.net.room import Room


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(pathlib.Path(tmp_path_factory.mktemp("certificates")))


@contextlib.contextmanager
def _live(certificates: Certificates, limits: Limits = LIMITS) -> Iterator[Live]:
    live = Live(certificates, Settings(close_timeout=1), limits)
    live.start()
    try:
        yield live
    finally:
        live.stop()


def _bare(live: Live, stack: contextlib.ExitStack) -> socket.socket:
    """A connection that says nothing."""
    return stack.enter_context(socket.create_connection(("127.0.0.1", live.port), PATIENCE))


def _closed(plain: socket.socket) -> bool:
    """Whether the far end closes it."""
    try:
        return plain.recv(1) == b""
    except ConnectionResetError:
        return True


def _states(live: Live) -> dict[str, int]:
    return live.call(lambda: live.server.admission.seen().sockets)


def _sent_away(live: Live) -> dict[str, int]:
    return live.call(lambda: {reason: count for _, reason, count in live.server.admission.seen().sent_away})


def test_the_silent_take_no_place(certificates: Certificates) -> None:
    with _live(certificates, Limits(max_handshakes_per_address=1)) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        _silent = [_bare(live, stack) for _ in range(5)]
        with live.raw(context) as client:
            assert client.connect("lamp") == Connack()
        assert _states(live) == {"silent": 5, "waiting": 0, "handshaking": 0}


def test_half_a_client_hello_is_silence(certificates: Certificates) -> None:
    with _live(certificates, Limits(max_handshakes_per_address=1)) as live, contextlib.ExitStack() as stack:
        context, halves = live.device("lamp"), [_bare(live, stack) for _ in range(3)]
        for each, said in zip(halves, (b"\x16", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01"), strict=True):
            each.sendall(said)
        with live.raw(context) as client:
            assert client.connect("lamp") == Connack()
        assert _states(live)["silent"] == 3
        halves[0].close()
        live.until(lambda: live.server.admission.seen().sockets["silent"] == 2)


def test_a_client_hello_in_pieces_is_as_good(certificates: Certificates) -> None:
    with _live(certificates) as live, contextlib.ExitStack() as stack:
        context, plain = live.device("lamp"), _bare(live, stack)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        for at in range(0, len(hello), 100):
            assert _states(live)["handshaking"] == 0
            plain.sendall(hello[at : at + 100])
        incoming.write(plain.recv(65_536))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        assert tls.version() is not None


def test_the_silent_are_given_up(certificates: Certificates) -> None:
    with _live(certificates, Limits(silence_s=0)) as live, contextlib.ExitStack() as stack:
        silent = [_bare(live, stack) for _ in range(2)]
        assert all(_closed(each) for each in silent)
        assert _sent_away(live) == {"silent": 2}


def test_the_oldest_silent_one_makes_room(certificates: Certificates) -> None:
    """Whether sockets are counted or descriptors: who comes last gets in."""
    for limits in (Limits(bare=3, silence_s=PATIENCE), Limits(room=Room(3), silence_s=PATIENCE)):
        with _live(certificates, limits) as live, contextlib.ExitStack() as stack:
            context, silent = live.device("lamp"), [_bare(live, stack) for _ in range(5)]
            assert all(_closed(each) for each in silent[:2])
            with live.raw(context) as client:
                assert client.connect("lamp") == Connack()
            assert _sent_away(live)["silent"] >= 2


def _as_one_of(live: Live, stack: contextlib.ExitStack, account: str) -> RawClient:
    """A client of an account that is about to connect."""
    context = live.device(f"of-{account}", Someone(scope=(account, SCOPE[1])))
    return stack.enter_context(live.raw(context))


def test_an_account_leaves_room_for_others(certificates: Certificates) -> None:
    """Of 16 connections one account gets 14, a second one what lets it have no more than seven times the rest."""
    with _live(certificates, Limits(room=Room(16))) as live, contextlib.ExitStack() as stack:
        many = [_as_one_of(live, stack, "1") for number in range(14)]
        assert [client.connect(f"a{number}") for number, client in enumerate(many)] == [Connack()] * 14
        assert _as_one_of(live, stack, "1").connect("late", 5) == Connack(151)
        assert _as_one_of(live, stack, "1").connect("late") == Connack(3)
        live.until(lambda: live.server.connection_count == 14)
        assert _as_one_of(live, stack, "2").connect("b") == Connack()
        assert _sent_away(live) == {"account": 2}
        # Whoever takes a connection over needs no more room, and what one leaves others may have.
        assert _as_one_of(live, stack, "1").connect("a0") == Connack()
        for client in many[1:4]:
            client.tls.close()
        live.until(lambda: live.server.connection_count == 12)
        assert _as_one_of(live, stack, "2").connect("b1") == Connack()
        assert _as_one_of(live, stack, "1").connect("a1") == Connack()


def test_there_is_always_room_for_the_next_account() -> None:
    async def scenario() -> list[int]:
        admission, way = Admission(Limits(room=Room(1000))), Bare()
        admitted: dict[str, list[Ticket]] = {}
        for account in "abc":
            own = admitted.setdefault(account, [])
            while admission.has_share(account):
                ticket = admission.admit(way, "127.0.0.1", lambda: None)
                assert ticket is not None
                admission.spoke(ticket)
                ticket.enter(account)
                own.append(ticket)
        counts = [len(own) for own in admitted.values()]
        for ticket in [ticket for own in admitted.values() for ticket in own]:
            ticket.gone()
        assert admission.has_share("d")
        return [*counts, admission.taken]

    assert asyncio.run(scenario()) == [875, 110, 14, 0]


class Bare:
    """A way in that is nobody's."""

    name, operators, weight, placed = "bare", False, 1, False

    def begin(self, ticket: Ticket) -> None:
        pass


def test_who_is_at_work_stays(certificates: Certificates) -> None:
    with _live(certificates, Limits(room=Room(2), grace_s=PATIENCE)) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        working = [stack.enter_context(live.raw(context)) for _ in range(2)]
        for number, client in enumerate(working):
            assert client.connect(f"lamp-{number}") == Connack()
        assert _closed(_bare(live, stack))
        assert _sent_away(live) == {"full": 1}
        assert live.server.connection_count == 2


def test_a_handshake_that_others_wait_for_loses_its_place(certificates: Certificates) -> None:
    with (
        _live(certificates, Limits(max_handshakes_per_address=2, contested_s=0)) as live,
        contextlib.ExitStack() as stack,
    ):
        context = live.device("lamp")
        slow = [stack.enter_context(live.raw(context)) for _ in range(2)]  # through TLS, and then nothing
        with live.raw(context) as client:
            assert client.connect("lamp") == Connack()
        assert all(client.read() is None for client in slow)


class Placed(Bare):
    """One whose handshakes take places."""

    placed = True


def test_handshakes_that_were_made_in_vain_are_made_fewer_at_a_time() -> None:
    """Who waits for us until it has to go was begun too early; when nobody waits all places are there again."""

    async def scenario() -> None:
        admission, way = Admission(Limits(max_handshakes_per_address=32, contested_s=0, silence_s=PATIENCE)), Placed()
        everybody: list[Ticket] = []

        def places_after(*, ready: bool) -> int:
            for _ in range(40):
                ticket = admission.admit(way, "192.0.2.1", lambda: None)
                assert ticket is not None
                ticket.ready = ready
                admission.spoke(ticket)
                everybody.append(ticket)
            admission.sweep()
            return admission._places_of("192.0.2.1")

        assert places_after(ready=False) == 32, "whoever says nothing is to blame"
        assert [places_after(ready=True) for _ in range(3)] == [16, 8, 8]
        began = [each for each in everybody if each.state == "handshaking"]
        assert len(began) == 8
        for each in began:
            each.release()
        assert 8.9 < admission._fewer["192.0.2.1"] < 9
        for each in everybody:
            each.gone()
        admission.sweep()
        assert admission._places_of("192.0.2.1") == 32

    asyncio.run(scenario())


def test_a_failed_handshake_is_told_with_its_reason(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    with _live(certificates) as live, contextlib.ExitStack() as stack, caplog.at_level("INFO", "tidegate.net"):
        for _ in range(3):
            plain = _bare(live, stack)
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while _receive(plain):
                pass
        live.until(lambda: [count for *_, count in live.server.admission.seen().failed] == [3])
        assert live.server.admission.seen().failed == [("mqtts", "not-tls", 3)]
        live.call(live.server.admission.ledger.tell)
    assert [record.getMessage() for record in caplog.records] == [
        "TLS handshake of 127.0.0.1 on mqtts failed: it speaks HTTP without TLS",
        "TLS handshakes failed in the last minute: 3 of 127.0.0.1 (not-tls)",
    ]


def test_a_line_a_minute_says_who_was_sent_away(certificates: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    with _live(certificates, Limits(silence_s=0)) as live, contextlib.ExitStack() as stack:
        assert all(_closed(each) for each in [_bare(live, stack) for _ in range(3)])
        for _ in range(2):
            live.call(live.server.admission.ledger.tell)
    told = [record.getMessage() for record in caplog.records if record.name == "tidegate.net"]
    assert told == ["sent away in the last minute: 3 of 127.0.0.1 (said nothing)"]


def test_who_is_known_counts_no_more(certificates: Certificates) -> None:
    settings = Limits(max_handshakes_per_address=1, max_handshakes=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        for number in range(10):
            client = stack.enter_context(live.raw(context))
            assert client.connect(f"lamp-{number}") == Connack()
        live.until(lambda: live.server.connection_count == 10)


def test_a_storm_is_absorbed(certificates: Certificates) -> None:
    """Far more at once than may be handshaking; all of them get in."""
    settings = Limits(max_handshakes_per_address=3, max_handshakes=4)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        context = live.device("lamp")
        plain = [_bare(live, stack) for _ in range(40)]
        for number, each in enumerate(plain):
            tls = stack.enter_context(context.wrap_socket(each, server_hostname="localhost"))
            tls.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" + b"%04d" % number)
            assert tls.recv(4) == b"\x20\x02\x00\x00"
        live.until(lambda: live.server.connection_count == 40)


def test_who_comes_stands_behind_what_its_account_has_under_way(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a fleet that connects would all be let in, and wait for answers longer than clients do."""
    done, at_entry = 0, []
    with _live(certificates) as live, live.raw(live.device("lamp")) as client:
        admission, identify, admit = live.server.admission, live.plane.identify, live.server.broker.admit

        def work() -> None:
            nonlocal done
            done += 1

        async def behind_others(*who: Any) -> Any:
            for _ in range(300):
                admission.scheduler.wait(SCOPE[0], work)
            return await identify(*who)

        def admitted(*who: Any) -> Any:
            at_entry.append((done, admission.seen().sockets["handshaking"]))
            return admit(*who)

        monkeypatch.setattr(live.plane, "identify", behind_others)
        monkeypatch.setattr(live.server.broker, "admit", admitted)
        assert client.connect("lamp") == Connack()
        assert at_entry == [(300, 1)]  # it has kept its place meanwhile, so that the next does not begin


def test_handshakes_without_a_certificate_make_room(certificates: Certificates) -> None:
    settings = Limits(max_handshakes_per_address=1, max_handshakes=1)
    with _live(certificates, settings) as live:
        for _ in range(3):
            with live.raw(certificates.client_context(None)) as client:
                assert client.connect("nobody") is None
        with live.raw(live.device("lamp")) as client:
            assert client.connect("lamp") == Connack()


def test_garbage_instead_of_tls_makes_room(certificates: Certificates) -> None:
    settings = Limits(max_handshakes_per_address=1, max_handshakes=1)
    with _live(certificates, settings) as live, contextlib.ExitStack() as stack:
        for _ in range(3):
            plain = _bare(live, stack)
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while plain_data := _receive(plain):
                assert plain_data
        with live.raw(live.device("lamp")) as client:
            assert client.connect("lamp") == Connack()


class Passing(asyncio.Protocol):
    """One of those who come at once; who comes when there is no room has the first of those who are there go."""

    there: dict[Passing, None]
    most: int
    """Descriptors of this process when there were most."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.there[self] = None
        type(self).most = max(self.most, len(os.listdir("/proc/self/fd")))

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ticket.gone()

    @classmethod
    def shed(cls, _count: int) -> int:
        if not cls.there:
            return 0
        first = next(iter(cls.there))
        del cls.there[first]
        first.ticket.send_away("idle")
        first.transport.abort()
        return 1


def test_where_each_takes_the_place_of_another_few_come_at_once() -> None:
    """Who was sent away has its descriptor for a turn or two more: 64 in a turn would be more than is kept back."""
    Passing.there, Passing.most, comes, room = {}, 0, 400, 128

    async def scenario() -> int:
        admission, all_came, came = Admission(Limits(room=Room(room))), asyncio.Event(), itertools.count(1)
        admit = admission.admit

        def counted(*who: Any) -> Ticket | None:
            if next(came) == comes:
                all_came.set()
            return admit(*who)

        admission.admit = counted  # type: ignore[method-assign]
        entrance = Entrance(admission, "plain", Passing)
        admission.sheds.append(Passing.shed)
        where = await entrance.open("127.0.0.1", 0)
        with contextlib.ExitStack() as stack:
            for _ in range(comes):  # none is accepted meanwhile
                stack.enter_context(socket.create_connection(where)).sendall(b"x")
            before = len(os.listdir("/proc/self/fd"))
            await all_came.wait()
        await entrance.close()
        return before

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        before = runner.run(scenario())
    assert Passing.most - before <= room + 16


def _receive(plain: socket.socket) -> bytes:
    try:
        return plain.recv(1024)
    except ConnectionResetError:
        return b""


def test_connections_per_address(certificates: Certificates) -> None:
    settings = Limits(per_address=2)
    with _live(certificates, settings) as live:
        context = live.device("lamp")
        with live.raw(context) as first, live.raw(context) as second:
            assert (first.connect("a"), second.connect("b")) == (Connack(), Connack())
            with contextlib.suppress(OSError), live.raw(context) as third:
                assert third.connect("c") is None
            first.tls.close()
            live.until(lambda: live.server.connection_count == 1)
            with live.raw(context) as fourth:
                assert fourth.connect("d") == Connack()


def test_stopping_with_handshakes_under_way(certificates: Certificates) -> None:
    settings = Limits(max_handshakes_per_address=1)
    with contextlib.ExitStack() as stack:
        with _live(certificates, settings) as live:
            bare = [_bare(live, stack) for _ in range(3)]
            live.until(lambda: True)
        assert all(_closed(each) for each in bare)


@pytest.mark.parametrize("turns", range(5))
def test_stopping_while_many_come(turns: int) -> None:
    """Who is let in at that very moment hears of the end, too."""

    async def scenario() -> None:
        opened, lost = [], []

        class Protocol(asyncio.Protocol):
            def __init__(self, ticket: Ticket) -> None:
                self.ticket = ticket

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport
                opened.append(self)

            def connection_lost(self, exc: Exception | None) -> None:
                self.ticket.gone()
                lost.append(self)

        entrance = Entrance(Admission(), "plain", Protocol)
        address = await entrance.open("127.0.0.1", 0)
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                plug = stack.enter_context(socket.create_connection(address, PATIENCE))
                plug.sendall(b"x")
            entrance._accept(entrance._sockets[0])
            for _ in range(turns):
                await asyncio.sleep(0)
            await entrance.close()
            for each in opened:
                each.transport.close()
            while len(lost) < len(opened):  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0)
            assert len(opened) == 20
            assert entrance.admission.taken == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scenario(), PATIENCE))


def test_nagle_is_off(certificates: Certificates) -> None:
    with _live(certificates) as live, live.raw(live.device("lamp")) as client:
        client.connect("lamp")
        (edge,) = live.server._edges
        assert edge.transport is not None
        plain = edge.transport.get_extra_info("socket")
        assert live.call(lambda: plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_tls_1_2_and_1_3(certificates: Certificates) -> None:
    with _live(certificates) as live:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = live.device("lamp")
            context.minimum_version = context.maximum_version = version
            with live.raw(context) as client:
                assert client.connect("lamp") == Connack()
