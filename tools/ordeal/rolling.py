"""Two servers behind a balancer are stopped and started again in turn while devices and operators work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.mqtt import codec
from tools.ordeal import Row
from tools.ordeal._acknowledged import Server
from tools.ordeal._served import postgres

_PAUSE_S = 0.5
_AGAIN_S = 0.1
_OPERATORS = 4


class Balancer:
    """Passes TCP on to whoever takes it, in turn. On a thread of its own."""

    def __init__(self, targets: Callable[[], list[int]]) -> None:
        """``targets`` are the ports of the servers there are at the moment."""
        self._targets = targets
        self._turn = 0
        self._over = threading.Event()
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self.port = self._started.result()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._started.set_result(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(self._over.wait)
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports = self._targets()
        self._turn += 1
        for port in ports[self._turn % len(ports) :] + ports[: self._turn % len(ports)]:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            for each in (writer, far_writer):
                each.transport.abort()

    def close(self) -> None:
        """Take no more."""
        self._over.set()
        self._thread.join()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


class Device:
    """Asks for its jobs again and again, and connects again when its connection ends; how long each answer took."""

    def __init__(self, port: int, context: ssl.SSLContext, name: str) -> None:
        self.waits: list[float] = []
        self._port, self._context, self._name = port, context, name

    async def work(self, over: asyncio.Event) -> None:
        link: _Link | None = None
        while not over.is_set():
            began = time.monotonic()
            while True:
                try:
                    if link is None:
                        link = await _Link.to(self._port, self._context, self._name)
                    await link.ask(f"$aws/things/{self._name}/jobs/get")
                    break
                except (OSError, EOFError, ValueError, codec.ProtocolError):
                    if link is not None:
                        link.close()
                    link = None
                    await asyncio.sleep(_AGAIN_S)
            self.waits.append(time.monotonic() - began)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), _PAUSE_S)
        if link is not None:
            link.close()


class _Link:
    """One connection of a device."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._packets = codec.Reader(1 << 20)

    @classmethod
    async def to(cls, port: int, context: ssl.SSLContext, name: str) -> _Link:
        link = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost"))
        link._send(codec.Connect(codec.V311, name, keep_alive=600))
        try:
            if not isinstance(answer := await link._next(), codec.Connack) or answer.code:
                raise ValueError("not let in")
        except BaseException:
            link.close()
            raise
        return link

    async def ask(self, topic: str) -> None:
        """Publish a request at QoS 1 and wait for its answer."""
        self._send(codec.Publish(topic=topic, payload=b"{}", qos=1, packet_id=1))
        while not (isinstance(packet := await self._next(), codec.Publish) and packet.topic == f"{topic}/accepted"):
            pass
        if packet.qos:
            self._send(codec.Puback(packet.packet_id))

    def _send(self, packet: codec.Packet) -> None:
        self._writer.write(codec.encode(packet, codec.V311))

    async def _next(self) -> codec.Packet:
        while (packet := self._packets.next_packet()) is None:
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._packets.feed(data)
        return packet

    def close(self) -> None:
        self._writer.transport.abort()


class _Site:
    """Two servers, each with a data directory of its own, and the balancers before them."""

    def __init__(self, folder: Path, store: str) -> None:
        self._folder, self._store = folder, store
        self.servers: list[Server | None] = [None, None]
        for place in (0, 1):
            self.start(place)
        self.http = Balancer(lambda: [int(each.http.rpartition(":")[2]) for each in self.servers if each])
        self.mqtt = Balancer(lambda: [each.mqtt_port for each in self.servers if each])

    def start(self, place: int) -> None:
        self.servers[place] = Server(self._folder / str(place), self._store).wait()

    def replace(self, place: int) -> None:
        """Stop a server as an upgrade does, and start it again."""
        server = self.servers[place]
        assert server is not None
        server.stop()
        self.servers[place] = None
        self.start(place)

    def close(self) -> None:
        for balancer in (self.http, self.mqtt):
            balancer.close()
        for server in self.servers:
            if server is not None:
                server.kill()

    def iot(self) -> Any:
        """A client with boto3's own retries."""
        return boto3.session.Session("test", "test", region_name="us-east-1").client(
            "iot", endpoint_url=f"http://127.0.0.1:{self.http.port}"
        )


@contextlib.contextmanager
def _site(store: str) -> Iterator[_Site]:
    with tempfile.TemporaryDirectory(prefix="tidegate-rolling-") as folder:
        site = _Site(Path(folder), store)
        try:
            yield site
        finally:
            site.close()


def run(*, devices: int = 200, store: str = "") -> list[Row]:
    """Both servers are replaced while ``devices`` work; ``store`` is a PostgreSQL, by default one of its own."""
    if store:
        return _run(devices, store)
    with postgres() as database:
        return _run(devices, database.url)


def _run(devices: int, store: str) -> list[Row]:
    with _site(store) as site, tempfile.TemporaryDirectory() as folder:
        context = _fleet(site.iot(), devices, Path(folder))
        over = threading.Event()
        with ThreadPoolExecutor(_OPERATORS + 1) as threads:
            operators = [threads.submit(_operate, site.iot(), number, over) for number in range(_OPERATORS)]
            working = threads.submit(lambda: asyncio.run(_work(site.mqtt.port, context, devices, over)))
            try:
                time.sleep(1)
                for place in (0, 1):
                    site.replace(place)
                    time.sleep(1)
            finally:
                over.set()
            waits = working.result()
            answered, failed = (sum(each) for each in zip(*(each.result() for each in operators), strict=True))
    scenario = f"two servers are replaced in turn under {devices} devices"
    return [
        Row(scenario, "longest wait of a device for an answer", 5, max(waits), max(waits) <= 5),
        Row(scenario, f"failures of boto3, of {answered} calls answered", 0, failed, not failed and answered > 0),
    ]


def _fleet(iot: Any, devices: int, folder: Path) -> ssl.SSLContext:
    """Things, and one certificate for all of them."""
    made = iot.create_keys_and_certificate(setAsActive=True)
    allowed = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    iot.create_policy(policyName="all", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    iot.attach_policy(policyName="all", target=made["certificateArn"])
    for number in range(devices):
        iot.create_thing(thingName=f"device-{number}")
    path = folder / "device.pem"
    path.touch(0o600)
    path.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # each server has an authority of its own
    context.load_cert_chain(path)
    return context


async def _work(port: int, context: ssl.SSLContext, devices: int, over: threading.Event) -> list[float]:
    done = asyncio.Event()
    fleet = [Device(port, context, f"device-{number}") for number in range(devices)]
    working = [asyncio.ensure_future(each.work(done)) for each in fleet]
    await asyncio.to_thread(over.wait)
    done.set()
    await asyncio.gather(*working)
    assert all(each.waits for each in fleet)
    return [wait for each in fleet for wait in each.waits[1:] or each.waits]


def _operate(iot: Any, number: int, over: threading.Event) -> tuple[int, int]:
    """Make things and look at them; how many calls were answered, and how many failed for good."""
    answered = failed = 0
    while not over.is_set():
        name = f"made-{number}-{answered}-{failed}"
        try:
            iot.create_thing(thingName=name)
            iot.describe_thing(thingName=name)
            answered += 2
        except (BotoCoreError, ClientError):
            failed += 1
    return answered, failed
