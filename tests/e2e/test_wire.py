"""How bytes travel, on every way in: records of TLS, and acknowledgements of TCP that nothing is sent along with."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awscrt import mqtt
from awsiot import mqtt_connection_builder
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.fleet import PATIENCE, Account, Maker
from tests.e2e.mqtt import Device
from tests.servers import options, started
from tidegate.mqtt import codec
from tidegate.mqtt.codec import Connack, Connect, Disconnect, Filter, Packet, Puback, Publish, Reason, Suback, Subscribe

_DELAYED_S = 0.035
"""The kernel waits 40 ms at least before it acknowledges what nobody answers; each cycle of many would show that."""
_CYCLES, _WARM = 25, 5
_JOBS = "$aws/things/pump/jobs"
_HEADER, _APPLICATION_DATA = 5, 23

_WITHOUT = b"tidegate_mqtt_connections_without_subscription "

WAYS = ["mqtts", "shared", "websocket"]


def _port(account: Account, way: str) -> int:
    if way == "mqtts":
        return account.mqtt_port
    url = account.server.addresses.shared
    assert url is not None
    return account.https_port if way == "websocket" else int(url.rpartition(":")[2])


class ByRecord:
    """A client that takes the socket's word for whether there is more: it reads one TLS record at a time."""

    def __init__(self, account: Account, way: str, version: ssl.TLSVersion) -> None:
        context = account.tls(account.device("pump"))
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["http/1.1" if way == "websocket" else "x-amzn-mqtt-ca"])
        self._plain = socket.create_connection(("localhost", _port(account, way)), PATIENCE)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._framed = way == "websocket"
        while not self._handshaken():
            self._flush()
            self._incoming.write(self._record()[1])
        self._flush()
        if self._framed:
            self._upgrade()

    def _handshaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def _upgrade(self) -> None:
        asked = (
            "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        self._tls.write(asked.encode())
        self._flush()
        assert self.next_record().startswith(b"HTTP/1.1 101")

    def _flush(self) -> None:
        self._plain.sendall(self._outgoing.read())

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._plain.recv(size - len(data))
            assert more, "the server closed the connection"
            data += more
        return data

    def _record(self) -> tuple[int, bytes]:
        header = self._exactly(_HEADER)
        return header[0], header + self._exactly(int.from_bytes(header[3:5], "big"))

    def next_record(self) -> bytes:
        """What the next record holds for the application."""
        while True:
            kind, record = self._record()
            assert kind == _APPLICATION_DATA
            self._incoming.write(record)
            try:
                return self._tls.read(1 << 20)
            except ssl.SSLWantReadError:  # a session ticket
                continue

    def next(self) -> Packet:
        """The one whole packet in the next record."""
        data = self.next_record()
        if self._framed:
            begin, size = (2, data[1]) if data[1] < 126 else (4, int.from_bytes(data[2:4], "big"))
            assert len(data) == begin + size, "one message"
            data = data[begin:]
        reader = codec.Reader(1 << 20)
        reader.feed(data)
        found = reader.next_packet()
        assert found is not None
        assert reader.next_packet() is None, "one packet a record"
        assert codec.encode(found, codec.V311) == data
        return found

    def send(self, *packets: Packet) -> None:
        data = b"".join(codec.encode(packet, codec.V311) for packet in packets)
        if self._framed:
            assert len(data) < 126
            data = bytes((0x82, 0x80 | len(data), 0, 0, 0, 0)) + data
        self._tls.write(data)
        self._flush()

    def close(self) -> None:
        self._plain.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("way", WAYS)
def test_each_packet_has_a_record_of_its_own(account: Account, way: str, version: ssl.TLSVersion) -> None:
    device = ByRecord(account, way, version)
    device.send(Connect(4, "pump"))
    assert device.next() == Connack(0)
    device.send(Subscribe(1, (Filter(f"{_JOBS}/x/+/+", 0),)))
    assert device.next() == Suback(1, (0,))
    rejected = f"{_JOBS}/x/get/rejected"
    requests = [Publish(f"{_JOBS}/x/get", b"{}", 1, number) for number in (7, 8)]
    for sent in (requests[:1], requests):  # the reply follows its PUBACK in the same turn
        device.send(*sent)
        found = [device.next() for _ in range(2 * len(sent))]
        assert [each for each in found if isinstance(each, Puback)] == [Puback(each.packet_id) for each in sent]
        assert [each.topic for each in found if isinstance(each, Publish)] == [rejected] * len(sent)
    device.close()


@pytest.fixture
def answered() -> queue.Queue[bytes]:
    return queue.Queue()


def _fastest(cycles: Iterator[float]) -> float:
    """Of many cycles, each of which would be delayed but for the first; a busy machine delays some of them."""
    return min(list(cycles)[_WARM:])


def _paho(account: Account, way: str, answered: queue.Queue[bytes], requests: int) -> Iterator[float]:
    ready: queue.Queue[Any] = queue.Queue()
    how = {"transport": "websockets"} if way == "websocket" else {}
    client = paho.Client(CallbackAPIVersion.VERSION2, "pump", **how)  # type: ignore[arg-type]
    context = account.tls(account.device("pump"))
    context.set_alpn_protocols(["http/1.1" if way == "websocket" else "x-amzn-mqtt-ca"])
    client.tls_set_context(context)
    client.ws_set_options("/mqtt")
    client.on_message = lambda _c, _d, message: answered.put(message.payload)
    client.on_subscribe = lambda *_told: ready.put(True)
    client.on_connect = lambda *_told: client.subscribe(f"{_JOBS}/get/+", 1)
    client.connect("localhost", _port(account, way))
    client.loop_start()
    ready.get(timeout=PATIENCE)
    for _ in range(_CYCLES):
        began = time.perf_counter()
        client.publish(f"{_JOBS}/get", b"{}", requests)
        answered.get(timeout=PATIENCE)
        yield time.perf_counter() - began
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("requests", [0, 1])
@pytest.mark.parametrize("way", WAYS)
def test_a_device_that_acknowledges_does_not_wait_with_its_next_request(
    account: Account, answered: queue.Queue[bytes], way: str, requests: int
) -> None:
    """paho leaves Nagle's algorithm on: after its PUBACK it sends nothing before the server's kernel has that."""
    assert _fastest(_paho(account, way, answered, requests)) < _DELAYED_S


def test_nor_does_the_device_sdk(account: Account, answered: queue.Queue[bytes]) -> None:
    credentials = account.device("pump")
    connection = mqtt_connection_builder.mtls_from_path(
        cert_filepath=str(credentials.certificate),
        pri_key_filepath=str(credentials.key),
        ca_filepath=account.server.addresses.ca,
        endpoint="localhost",
        port=account.mqtt_port,
        client_id="pump",
    )
    connection.connect().result(PATIENCE)

    def told(payload: bytes, **_more: Any) -> None:
        answered.put(payload)

    subscribed, _ = connection.subscribe(f"{_JOBS}/get/+", mqtt.QoS.AT_LEAST_ONCE, told)
    subscribed.result(PATIENCE)

    def cycles() -> Iterator[float]:
        for _ in range(_CYCLES):
            began = time.perf_counter()
            connection.publish(f"{_JOBS}/get", b"{}", mqtt.QoS.AT_LEAST_ONCE)
            answered.get(timeout=PATIENCE)
            yield time.perf_counter() - began

    assert _fastest(cycles()) < _DELAYED_S
    connection.disconnect().result(PATIENCE)


def test_a_request_whose_body_comes_by_itself_is_answered_at_once(account: Account) -> None:
    """HTTP clients on microcontrollers send head and body apart, with Nagle's algorithm on."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    account.policy("device", {"Version": "2012-10-17", "Statement": [everything]})
    context = account.tls(account.device("pump"))
    connection = http.client.HTTPSConnection("localhost", account.https_port, context=context, timeout=PATIENCE)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    body = json.dumps({"clientToken": "t"}).encode()

    def cycles() -> Iterator[float]:
        for _ in range(_CYCLES):
            began = time.perf_counter()
            connection.putrequest("PUT", "/things/pump/jobs/$next")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            connection.send(body)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            yield time.perf_counter() - began

    assert _fastest(cycles()) < _DELAYED_S
    connection.close()


def test_clients_that_subscribe_to_nothing_are_counted(tmp_path: Path, maker: Maker) -> None:
    """A client that does not subscribe again after it reconnected hears nothing, and nobody hears of it."""
    with started(options(tmp_path)) as server:
        account = Account(server, maker, tmp_path)

        def counted() -> int:
            _, _, text = server.fetch("/metrics")
            line = next(each for each in text.splitlines() if each.startswith(_WITHOUT))
            return int(float(line.split()[1]))

        assert counted() == 0
        device = Device(account, account.device("pump"), "pump")
        assert counted() == 1
        device.subscribe(f"{_JOBS}/notify")
        assert counted() == 0
        gone: queue.Queue[bool] = queue.Queue()
        device.client.on_unsubscribe = lambda *_told: gone.put(True)
        device.client.unsubscribe(f"{_JOBS}/notify")
        gone.get(timeout=PATIENCE)
        assert counted() == 1
        device.close()


@pytest.mark.parametrize("asleep", [False, True], ids=["nobody waits", "somebody who is away waits"])
@pytest.mark.parametrize("level", [4, 5])
def test_whatever_was_sent_at_once_is_acknowledged_before_the_connection_ends(
    account: Account, level: int, asleep: bool
) -> None:
    """Far more publishes than may be under way, then a breach of the protocol. What waits is on disk first."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    account.policy("device", {"Version": "2012-10-17", "Statement": [everything]})
    credentials = account.device("pump")
    if asleep:
        sleeper = Device(account, credentials, "sleeper", clean=False)
        sleeper.subscribe("a")
        sleeper.close()
    numbers = range(1, 331)
    packets: list[Packet] = [Connect(level, "pump"), *(Publish("a", b"", 1, number) for number in numbers)]
    packets.append(Subscribe(1, (Filter("a/#/b", 0),)))
    with (
        socket.create_connection(("localhost", account.mqtt_port), PATIENCE) as plain,
        account.tls(credentials).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=True) as tls,
    ):
        tls.sendall(b"".join(codec.encode(each, level) for each in packets))
        reader = codec.Reader(1 << 20, level)
        found: list[Packet] = []
        while data := tls.recv(65_536):
            reader.feed(data)
            while (packet := reader.next_packet()) is not None:
                found.append(packet)
    farewell = [Disconnect(Reason.TOPIC_FILTER_INVALID)] if level == 5 else []
    assert found[1:] == [*(Puback(number) for number in numbers), *farewell]
