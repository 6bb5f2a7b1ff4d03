"""``GET /mqtt``: the handshake to the letter, and MQTT in frames, against a whole server (device reference 2.9)."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import itertools
import json
import socket
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from websockets.frames import Frame, Opcode

from tests.operators import admitted
from tests.servers import Started
from tidegate.http import callers
from tidegate.mqtt import codec
from tidegate.ops import iam

SECRET = "a-secret-of-forty-characters-0123456789"
KEY = base64.b64encode(bytes(range(16))).decode()
HANDSHAKE = {
    "Host": "localhost",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Protocol": "mqtt",
}


class Client:
    """Bytes over TCP, and frames when the handshake is over."""

    def __init__(self, plain: socket.socket) -> None:
        self.socket = plain
        self._data = b""
        self._packets = codec.Reader(1 << 20)
        self.level = 4

    def ask(self, target: str = "/mqtt", method: str = "GET", after: bytes = b"", **changes: str | None) -> bytes:
        """Send a handshake and return the head of the answer."""
        headers = HANDSHAKE | {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value)]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + after)
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        return head

    def _more(self) -> bool:
        more = self.socket.recv(65_536)
        self._data += more
        return bool(more)

    def body(self) -> dict[str, str]:
        while not self._data.endswith(b"}"):
            assert self._more()
        found: dict[str, str] = json.loads(self._data)
        return found

    def send(self, data: bytes, opcode: Opcode = Opcode.BINARY, *, fin: bool = True) -> None:
        self.socket.sendall(Frame(opcode, data, fin).serialize(mask=True, extensions=[]))

    def frame(self) -> tuple[Opcode, bytes] | None:
        """The next frame; None at the end."""
        if not self._has(2):
            return None
        first, size, start = self._data[0], self._data[1], 2
        assert first & 0xF0 == 0x80, "one frame, no extension"
        if size == 126:
            assert self._has(4)
            size, start = int.from_bytes(self._data[2:4], "big"), 4
        assert size < 127 or start == 4, "answers of these tests are short"
        if not self._has(start + size):
            return None
        payload, self._data = self._data[start : start + size], self._data[start + size :]
        return Opcode(first & 0xF), payload

    def _has(self, size: int) -> bool:
        """Whether so many bytes come before the end."""
        while len(self._data) < size:
            try:
                if not self._more():
                    return False
            except ConnectionResetError:
                return False
        return True

    def packet(self) -> codec.Packet:
        self._packets.level = self.level
        while (found := self._packets.next_packet()) is None:
            frame = self.frame()
            assert frame is not None
            assert frame[0] is Opcode.BINARY
            self._packets.feed(frame[1])
        return found

    def connected(self, client_id: str) -> None:
        self.ask()
        self.send(codec.encode(codec.Connect(4, client_id), 4))
        assert self.packet() == codec.Connack(0)


@contextlib.contextmanager
def opened(server: Started) -> Iterator[Client]:
    host, _, port = server.addresses.http.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), 20) as plain:
        yield Client(plain)


@pytest.fixture
def client(server: Started) -> Iterator[Client]:
    with opened(server) as client:
        yield client


def _accept(key: str) -> bytes:
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def test_the_answer_to_a_handshake(client: Client) -> None:
    head = client.ask(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: upgrade",
        b"sec-websocket-accept: " + _accept(KEY),
        b"sec-websocket-protocol: mqtt",
    ]


def test_a_key_of_128_bytes_and_the_old_sub_protocol(client: Client) -> None:
    """12.18: as Python v1 asks."""
    key = base64.b64encode(bytes(range(128))).decode()
    head = client.ask(Sec_WebSocket_Key=key, Sec_WebSocket_Protocol="mqttv3.1")
    assert b"sec-websocket-accept: " + _accept(key) in head.split(b"\r\n")
    assert b"sec-websocket-protocol: mqttv3.1" in head.split(b"\r\n")
    assert len(head) + 4 <= 1024


@pytest.mark.parametrize(
    ("offered", "chosen"), [("graphql-ws, mqttv3.1, mqtt", b"mqttv3.1"), ("mqtt,mqttv3.1", b"mqtt"), (None, None)]
)
def test_the_first_known_sub_protocol_is_echoed(client: Client, offered: str | None, chosen: bytes | None) -> None:
    found = [line for line in client.ask(Sec_WebSocket_Protocol=offered).split(b"\r\n") if b"-protocol" in line]
    assert found == ([] if chosen is None else [b"sec-websocket-protocol: " + chosen])


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (400, {"Sec_WebSocket_Protocol": "graphql-ws"}),
        (400, {"Sec_WebSocket_Key": None}),
        (400, {"Sec_WebSocket_Key": "A" * 600}),
        (400, {"method": "POST"}),
        (426, {"Sec_WebSocket_Version": "8"}),
        (426, {"Sec_WebSocket_Version": None}),
    ],
)
def test_broken_handshakes(client: Client, status: int, changes: dict[str, str | None]) -> None:
    head = client.ask(**changes)  # type: ignore[arg-type]
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert client.body().keys() == {"message", "traceId"}


def test_elsewhere_an_upgrade_is_a_request_like_any_other(client: Client) -> None:
    assert client.ask("/other").startswith(b"HTTP/1.1 404 ")


def test_packets_need_not_mind_frames(client: Client) -> None:
    client.ask()
    data = b"".join(
        codec.encode(packet, 4)
        for packet in (
            codec.Connect(4, "cutter"),
            codec.Subscribe(1, (codec.Filter("a/b", 1),)),
            codec.Publish("a/b", b"hello", 1, 7),
        )
    )
    client.send(data[:3], fin=False)
    client.send(b"", Opcode.CONT, fin=False)
    client.send(data[3:9], Opcode.CONT)
    client.send(b"ping", Opcode.PING)
    client.send(data[9:])
    assert client.frame() == (Opcode.PONG, b"ping")
    found = [client.packet() for _ in range(4)]
    assert found[0] == codec.Connack(0)
    assert found[1] == codec.Suback(1, (1,))
    assert codec.Puback(7) in found[2:]
    assert any(isinstance(each, codec.Publish) and each.payload == b"hello" for each in found[2:])


def test_bytes_right_behind_the_handshake_are_not_lost(client: Client) -> None:
    connect = Frame(Opcode.BINARY, codec.encode(codec.Connect(4, "eager"), 4)).serialize(mask=True, extensions=[])
    client.ask(after=connect)
    assert client.packet() == codec.Connack(0)


def test_text_frames_end_the_connection(client: Client) -> None:
    client.connected("texter")
    client.send(b"hello", Opcode.TEXT)
    frame = client.frame()
    assert frame is not None
    assert (frame[0], frame[1][:2]) == (Opcode.CLOSE, (1003).to_bytes(2, "big"))
    assert client.frame() is None


def test_unmasked_frames_end_the_connection(client: Client) -> None:
    client.connected("bare")
    client.socket.sendall(Frame(Opcode.BINARY, b"\xc0\x00").serialize(mask=False, extensions=[]))
    frame = client.frame()
    assert frame is not None
    assert (frame[0], frame[1][:2]) == (Opcode.CLOSE, (1002).to_bytes(2, "big"))


def test_a_frame_too_large_is_refused_by_its_head(client: Client) -> None:
    client.connected("giant")
    client.socket.sendall(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask")
    frame = client.frame()
    assert frame is not None
    assert (frame[0], frame[1][:2]) == (Opcode.CLOSE, (1009).to_bytes(2, "big"))


@pytest.mark.parametrize(
    "broken",
    [
        Frame(Opcode.TEXT, b"hello").serialize(mask=True, extensions=[]),
        Frame(Opcode.BINARY, b"\xc0\x00").serialize(mask=False, extensions=[]),
    ],
    ids=["text", "unmasked"],
)
def test_what_is_no_mqtt_over_websocket_is_the_clients_error(server: Started, broken: bytes) -> None:
    with opened(server) as watcher, opened(server) as client:
        watcher.connected("witness")
        watcher.send(codec.encode(codec.Subscribe(1, (codec.Filter("$aws/events/presence/disconnected/odd", 0),)), 4))
        assert watcher.packet() == codec.Suback(1, (0,))
        client.connected("odd")
        client.socket.sendall(broken)
        told = watcher.packet()
        assert isinstance(told, codec.Publish)
        assert json.loads(told.payload)["disconnectReason"] == "CLIENT_ERROR"


@pytest.mark.parametrize("polite", [True, False])
def test_a_close_frame_is_a_farewell_and_a_lost_socket_is_not(server: Started, polite: bool) -> None:
    with opened(server) as watcher, opened(server) as client:
        watcher.connected(f"watcher-{polite}")
        watcher.send(codec.encode(codec.Subscribe(1, (codec.Filter("will/#", 0),)), 4))
        assert watcher.packet() == codec.Suback(1, (0,))
        client.ask()
        will = codec.Will(f"will/{polite}", b"gone")
        client.send(codec.encode(codec.Connect(4, f"mortal-{polite}", will=will), 4))
        assert client.packet() == codec.Connack(0)
        if polite:
            client.send((1000).to_bytes(2, "big"), Opcode.CLOSE)
            assert client.frame() == (Opcode.CLOSE, (1000).to_bytes(2, "big"))
            assert client.frame() is None
            watcher.send(codec.encode(codec.Publish("will/none", b"fence"), 4))
        else:
            client.socket.close()
        received = watcher.packet()
        assert isinstance(received, codec.Publish)
        assert received.payload == (b"fence" if polite else b"gone")


# -- who it is --------------------------------------------------------------------------------------------------------


def _signed(key_id: str, secret: str = SECRET, service: str = "iotdevicegateway", **extra: str) -> str:
    """A target as the SDKs sign it, written from device reference 2.9."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/eu-west-1/{service}/aws4_request"
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key_id}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-SignedHeaders": "host",
    } | {name.replace("_", "-"): value for name, value in extra.items()}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
    canonical = f"GET\n/mqtt\n{query}\nhost:localhost\n\nhost\n{hashlib.sha256().hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], "eu-west-1", service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"/mqtt?{query}&X-Amz-Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"


_numbers = itertools.count(1)


def _key(guarded: Started, *statements: dict[str, object]) -> str:
    """A new access key whose principal may do what these statements say; everything without any."""
    number = next(_numbers)
    key_id, principal = f"AKIABROWSER{number}", f"arn:aws:iam::123456789012:user/browser-{number}"
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        admitted(guarded, key_id, SECRET, principal, {"browser": document})
    else:
        admitted(guarded, key_id, SECRET, principal)
    return key_id


@pytest.fixture
def key_id(guarded: Started) -> str:
    return _key(guarded)


@pytest.mark.parametrize("service", ["iotdevicegateway", "iotdata"])
def test_a_signed_handshake_is_taken(guarded: Started, key_id: str, service: str) -> None:
    with opened(guarded) as client:
        assert client.ask(_signed(key_id, service=service)).startswith(b"HTTP/1.1 101 ")
        client.send(codec.encode(codec.Connect(4, f"signed-{service}"), 4))
        assert client.packet() == codec.Connack(0)
    scope = ("123456789012", "eu-west-1")
    assert guarded.running.devices.server.broker.session(scope, "nobody") is None


@pytest.mark.parametrize("target", ["none", "secret", "service", "key"])
def test_unsigned_and_wrongly_signed_handshakes_are_refused(guarded: Started, key_id: str, target: str) -> None:
    targets = {
        "none": "/mqtt",
        "secret": _signed(key_id, secret="another"),
        "service": _signed(key_id, service="iot"),
        "key": _signed("AKIANOBODY"),
    }
    with opened(guarded) as client:
        assert client.ask(targets[target]).startswith(b"HTTP/1.1 403 Forbidden")
        assert client.body().keys() == {"message", "traceId"}


def test_an_expired_handshake_is_refused(guarded: Started, key_id: str) -> None:
    stale = _signed(key_id).replace("X-Amz-Date=20", "X-Amz-Date=19", 1)
    with opened(guarded) as client:
        assert client.ask(stale).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(("age", "status"), [(240, b"101"), (360, b"403")])
def test_a_presigned_handshake_is_good_for_five_minutes(
    guarded: Started, key_id: str, age: int, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _signed(key_id, X_Amz_Expires="86400")
    later = callers.wall_now() + age * 1000
    monkeypatch.setattr(callers, "wall_now", lambda: later)
    with opened(guarded) as client:
        assert client.ask(url).startswith(b"HTTP/1.1 " + status)


def test_with_authentication_off_the_scope_names_account_and_region(server: Started) -> None:
    with opened(server) as client:
        assert client.ask(_signed("123456789012", secret="whatever")).startswith(b"HTTP/1.1 101 ")
        client.send(codec.encode(codec.Connect(4, "claimed"), 4))
        assert client.packet() == codec.Connack(0)
        broker = server.running.devices.server.broker
        assert broker.session(("123456789012", "eu-west-1"), "claimed") is not None


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 101),
        ("http://localhost:80", 101),
        ("http://localhost:3000", 403),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("null", 403),
    ],
)
def test_with_authentication_off_pages_of_other_sites_are_kept_out(client: Client, origin: str, status: int) -> None:
    assert client.ask(Origin=origin).startswith(b"HTTP/1.1 %d " % status)


def test_a_signed_handshake_may_come_from_any_page(guarded: Started, key_id: str) -> None:
    with opened(guarded) as client:
        assert client.ask(_signed(key_id), Origin="https://app.example").startswith(b"HTTP/1.1 101 ")


def test_the_policies_of_a_key_hold_over_mqtt(guarded: Started) -> None:
    head = "arn:aws:iot:eu-west-1:123456789012:"
    key = _key(
        guarded,
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{head}client/page-*"},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{head}topic/room/*"},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{head}topicfilter/room/*"},
    )
    with opened(guarded) as client:
        client.ask(_signed(key))
        client.send(codec.encode(codec.Connect(4, "other"), 4))
        assert client.packet() == codec.Connack(5)
    with opened(guarded) as client:
        client.ask(_signed(key))
        client.send(codec.encode(codec.Connect(4, "page-1"), 4))
        assert client.packet() == codec.Connack(0)
        wanted = tuple(codec.Filter(name, 0) for name in ("room/+", "hall/+"))
        client.send(codec.encode(codec.Subscribe(1, wanted), 4))
        assert client.packet() == codec.Suback(1, (0, 0x80))
        client.send(codec.encode(codec.Publish("room/a", b"1"), 4))
        assert client.packet() == codec.Publish("room/a", b"1")
        client.send(codec.encode(codec.Publish("hall/a", b"1", 1, 1), 4))
        assert client.frame() == (Opcode.CLOSE, (1000).to_bytes(2, "big"))


def test_a_key_that_is_revoked_ends_its_connections(guarded: Started) -> None:
    key = _key(guarded)
    with opened(guarded) as client:
        client.ask(_signed(key))
        client.level = 5
        client.send(codec.encode(codec.Connect(5, "revoked"), 5))
        connack = client.packet()
        assert isinstance(connack, codec.Connack)
        unit = guarded.running.service.unit
        guarded.on_loop(lambda: unit.transact(lambda tx: iam.revoke_key(tx, key)))
        assert client.packet() == codec.Disconnect(codec.Reason.NOT_AUTHORIZED)
