"""An MQTT client (paho) whose callbacks a test can wait for."""

from __future__ import annotations

import itertools
import json
import queue
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tidegate.conformance.assertions import UnmetError, UnobservedError, shortened
from tidegate.conformance.capture import Recorder

PATIENCE_S = 15.0


class Message(NamedTuple):
    """A message as it arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def body(self) -> Any:
        """Its JSON."""
        return json.loads(self.payload)


class Device:
    """A client, connected once it is made."""

    def __init__(
        self,
        host: str,
        port: int,
        ca: str | None,
        certificate: str,
        key: str,
        client_id: str,
        *,
        level: int = 5,
        clean: bool = True,
        keep_alive: int = 60,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        """Connect, by mutual TLS. ``level``: 4 or 5.

        Raises:
            UnmetError: the endpoint refuses the client.
            UnobservedError: paho-mqtt is not installed.
        """
        try:
            from paho.mqtt import client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UnobservedError("paho-mqtt is not installed: pip install 'tidegate[conformance]'") from None
        self.client_id, self._v5 = client_id, level == 5
        self.recorder: Recorder | None = None
        self.messages: queue.Queue[Message] = queue.Queue()
        self.ended: queue.Queue[int] = queue.Queue()
        self._connected: queue.Queue[tuple[bool, int, Any]] = queue.Queue()
        self._granted: queue.Queue[list[int]] = queue.Queue()
        self._acknowledged: queue.Queue[int] = queue.Queue()
        self._tokens = itertools.count(1)
        options: dict[str, Any] = {} if self._v5 else {"clean_session": clean}
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            **options,
        )
        client.tls_set_context(_context(ca, certificate, key))
        if will is not None:
            client.will_set(will[0], will[1], 1)
        self._hear()
        client.connect(host, port, keep_alive, **(_start(clean=clean) if self._v5 else {}))
        client.loop_start()
        try:
            self.present, code, self.properties = self._connected.get(timeout=PATIENCE_S)
        except queue.Empty:
            self.close()
            raise UnmetError("an MQTT connection", "no CONNACK") from None
        if code:
            self.close()
            raise UnmetError("an MQTT connection", f"CONNACK {code}")

    def _hear(self) -> None:
        """Have paho's thread put what arrives into the queues."""
        client = self.client
        client.on_connect = lambda _c, _d, flags, code, found: self._connected.put(
            (flags.session_present, code.value, found)
        )
        client.on_message = lambda _c, _d, m: self.messages.put(Message(m.topic, bytes(m.payload), m.qos, m.retain))
        client.on_subscribe = lambda _c, _d, _i, codes, _p: self._granted.put([code.value for code in codes])
        client.on_publish = lambda _c, _d, _i, code, _p: self._acknowledged.put(code.value)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self.ended.put(code.value)

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Subscribe and wait for the answer: a code for each filter."""
        self.client.subscribe([(each, qos) for each in filters])
        codes: list[int] = self._taken(self._granted, f"SUBACK for {filters}")
        return codes

    def publish(self, topic: str, body: Any = None, *, qos: int = 1, retain: bool = False) -> int:
        """Publish JSON (or bytes) and wait for the acknowledgement; returns its reason code."""
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.client.publish(topic, payload, qos, retain)
        code: int = self._taken(self._acknowledged, f"PUBACK for {topic}")
        return code

    def request(self, topic: str, body: Any = None) -> Message:
        """Publish to a jobs or shadow topic and wait for what comes to its accepted or rejected topic."""
        self.publish(topic, {} if body is None else body)
        while True:
            found = self.next(f"an answer to {topic}")
            if found.topic in (f"{topic}/accepted", f"{topic}/rejected"):
                if self.recorder is not None:
                    code = str(found.body.get("code")) if found.topic.endswith("/rejected") else ""
                    self.recorder.note(f"MQTT {topic}", body, 0, code, found.body)
                return found

    def accepted(self, topic: str, body: Any = None) -> Any:
        """The answer to a request that must be accepted."""
        found = self.request(topic, body)
        if not found.topic.endswith("/accepted"):
            raise UnmetError(f"{topic} to be accepted", shortened(found.payload.decode(errors="replace")))
        return found.body

    def rejected(self, topic: str, code: object, body: Any = None) -> Any:
        """The answer to a request that must be rejected with a code."""
        found = self.request(topic, body)
        if not found.topic.endswith("/rejected") or found.body.get("code") != code:
            raise UnmetError(f"{topic} to be rejected with {code}", shortened(f"{found.topic} {found.payload!r}"))
        return found.body

    def next(self, what: str = "a message", seconds: float = PATIENCE_S) -> Message:
        """The next message. Raises ``UnmetError`` if none comes."""
        found: Message = self._taken(self.messages, what, seconds)
        return found

    def heard(self, marker: str) -> list[Message]:
        """All messages up to one that this client now publishes to itself on a topic it has subscribed to."""
        token = f"m{next(self._tokens)}".encode()
        self.subscribe(marker)
        self.publish(marker, token)
        found: list[Message] = []
        while True:
            message = self.next("our own marker")
            if message.topic == marker and message.payload == token:
                return found
            found.append(message)

    def token(self) -> str:
        """A client token nobody has."""
        return f"token-{next(self._tokens)}"

    def _taken(self, source: queue.Queue[Any], what: str, seconds: float = PATIENCE_S) -> Any:
        try:
            return source.get(timeout=seconds)
        except queue.Empty:
            raise UnmetError(what, f"nothing in {seconds:g} s") from None

    def vanish(self) -> None:
        """End the connection without a word."""
        sock = self.client.socket()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def _context(ca: str | None, certificate: str, key: str) -> ssl.SSLContext:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "certificate.pem", Path(folder) / "key.pem"]
        for file, text in zip(files, (certificate, key), strict=True):
            file.write_text(text)
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(files[0], files[1])
    return context


def _start(*, clean: bool) -> dict[str, Any]:
    """How an MQTT 5 session starts."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0 if clean else 3600
    return {"clean_start": clean, "properties": properties}
