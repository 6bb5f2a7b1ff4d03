"""Persistent sessions of real clients that go from one server to another, and of a server that is killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Maker
from tests.e2e.mqtt import Device, connected
from tests.e2e.nodes import Nodes
from tests.e2e.test_sessions import World
from tests.servers import options, started
from tools.ordeal._acknowledged import Server
from tools.ordeal._proxy import Proxy


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, new_postgres: Callable[[str], str]
) -> Iterator[tuple[Any, Any, str]]:
    url = new_postgres("tidegate-moving")
    folder = tmp_path_factory.mktemp("moving")
    with started(options(folder / "first", store=url)) as one, started(options(folder / "second", store=url)) as two:
        yield one, two, url


@pytest.fixture
def nodes(pair: tuple[Any, Any, str], maker: Maker, tmp_path: Path) -> Nodes:
    """An account of its own at both."""
    first, second, url = pair
    return Nodes(first, second, url, maker, tmp_path)


@pytest.mark.parametrize("level", [4, 5])
def test_a_session_goes_with_its_client(nodes: Nodes, level: int) -> None:
    """What waits in it, its subscriptions; there and back, from a connection that stands, too."""
    lamp, sends = nodes.device("lamp"), nodes.device("sends")
    with connected(nodes.here, lamp, "lamp", clean=False, level=level) as device:
        assert not device.present
        device.subscribe("t/+")
    with connected(nodes.here, sends, "sends") as sender:
        for number in range(5):
            sender.publish("t/x", b"%d" % number)
        with connected(nodes.there, lamp, "lamp", clean=False, level=level) as device:
            assert device.present
            assert [device.next().payload for _ in range(5)] == [b"%d" % number for number in range(5)]
            sender.publish("t/x", b"live")
            assert device.next().payload == b"live"
            with connected(nodes.here, lamp, "lamp", clean=False, level=level) as again:
                assert again.present
                sender.publish("t/x", b"back")
                assert again.next().payload == b"back"
                assert again.messages.empty()
        with connected(nodes.there, lamp, "lamp", clean=True, level=level) as device:
            assert not device.present
            sender.publish("t/x", b"not asked for")
        with connected(nodes.here, lamp, "lamp", clean=False, level=level) as device:
            assert not device.present


def test_a_client_that_wanders_misses_nothing(nodes: Nodes) -> None:
    """Another publishes all the while: each message comes once or more, and in order."""
    lamp, sends = nodes.device("lamp"), nodes.device("sends")
    over = threading.Event()
    sent = 0

    def publish(sender: Device) -> None:
        nonlocal sent
        while not over.is_set():
            assert sender.publish("t", b"%d" % sent) == 0
            sent += 1

    got: list[int] = []
    with connected(nodes.here, sends, "sends") as sender:
        device = Device(nodes.here, lamp, "lamp", clean=False)
        device.subscribe("t")
        thread = threading.Thread(target=publish, args=(sender,))
        thread.start()
        try:
            for place in (nodes.there, nodes.here, nodes.there, nodes.here):
                got.append(int(device.next().payload))
                former, device = device, Device(place, lamp, "lamp", clean=False)
                assert device.present
                former.ended.get(timeout=60)
                got += [int(each.payload) for each in list(former.messages.queue) if each is not None]
                former.close()
        finally:
            over.set()
            thread.join(60)
        while not got or sent - 1 not in got:
            got.append(int(device.next().payload))
        device.close()
    assert set(got) == set(range(sent))


class Guest(World):
    """The second of two servers, which knows the first one's devices."""

    def __init__(self, folder: Path, store: str, host: World) -> None:
        super().__init__(folder, store)
        self.host = host

    def _credentials(self, name: str) -> tuple[Path, Path]:
        return self.host._credentials(name)


@pytest.fixture
def worlds(tmp_path: Path, new_postgres: Callable[[str], str]) -> Iterator[tuple[World, World]]:
    store = new_postgres("tidegate-killed")
    first = World(tmp_path / "first", store)
    second = Guest(tmp_path / "second", store, first)
    yield first, second
    for each in (first, second):
        each.server.kill()


def test_sessions_outlive_the_server_that_had_them(worlds: tuple[World, World]) -> None:
    """It is killed. Others take over, what was published meanwhile included; PUBACK says that it is safe."""
    first, second = worlds
    away, there = first.device("away", level=4), first.device("there", level=4)
    away.subscribe("t/+")
    there.subscribe("t/+")
    sender = second.device("sender", level=4, clean=True)
    away.close()
    assert sender.publish("t/x", b"before") == 0
    assert there.next().payload == b"before"
    first.server.kill()
    assert sender.publish("t/x", b"after") == 0
    for name in ("away", "there"):
        device = second.device(name, level=4)
        assert device.present
        found = {device.next().payload}
        while b"after" not in found:
            found.add(device.next().payload)
        assert name == "there" or found == {b"before", b"after"}
        device.close()
    first.server = Server(first.folder / "data", first.store).wait()
    device = first.device("away", level=4)
    assert device.present
    assert sender.publish("t/x", b"home again") == 0
    assert device.next().payload == b"home again"
    for each in (device, sender):
        each.close()


def test_who_was_only_cut_off_from_the_store_gets_its_sessions_together_again(
    tmp_path: Path, new_postgres: Callable[[str], str], maker: Maker
) -> None:
    """It was thought gone, and another has them: that of a client that stayed connected, and of one that was away."""
    url = new_postgres("tidegate-cut-off")
    proxy = Proxy(url)
    first, second = options(tmp_path / "first", store=proxy.url), options(tmp_path / "second", store=url)
    with started(first) as one, started(second) as two:
        nodes = Nodes(one, two, url, maker, tmp_path)
        names = ("stays", "away", "sends")
        stays, away, sends = [nodes.device(name) for name in names]
        with (
            connected(nodes.here, stays, "stays", clean=False) as device,
            connected(nodes.there, sends, "sends") as out,
        ):
            device.subscribe("t")
            with connected(nodes.here, away, "away", clean=False) as other:
                other.subscribe("t")
            out.publish("t", b"before")
            assert device.next().payload == b"before"
            proxy.fall_silent()
            assert out.publish("t", b"during") == 0, "once the sessions are taken over"
            proxy.heal()
            assert device.next().payload == b"during"
            out.publish("t", b"after")
            while device.next().payload != b"after":
                pass
            for place in (nodes.there, nodes.here):
                with connected(place, away, "away", clean=False) as other:
                    assert other.present
                    if place is nodes.there:
                        missing = {b"before", b"during", b"after"}
                        while missing:
                            missing.discard(other.next().payload)
        out.close()
    proxy.close()
