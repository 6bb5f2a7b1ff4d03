"""paho-mqtt with its callbacks turned into queues that a test waits on."""

from __future__ import annotations

import itertools
import json
import os
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.e2e.fleet import PATIENCE, Account, Credentials


class Message(NamedTuple):
    """A message as it arrived."""

    topic: str
    payload: bytes
    qos: int
    retain: bool

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class RefusedError(Exception):
    """The server took the connection but not the client."""


class GoneError(Exception):
    """The connection ended while a message was awaited."""


class Device:
    """A connected client of one thing."""

    def __init__(
        self,
        account: Account,
        credentials: Credentials | None,
        client_id: str,
        *,
        thing: str | None = None,
        level: int = 4,
        clean: bool = True,
        will: tuple[str, bytes] | tuple[str, bytes, int, bool] | None = None,
        will_delay: int = 0,
        max_packet: int | None = None,
        signed: tuple[int, str] | None = None,
        authorized: tuple[int, str] | None = None,
    ) -> None:
        """In place of credentials: ``signed``, the port and the signed path of a WebSocket; ``authorized``, the shared
        port and the user name for a custom authorizer.
        """
        self.thing = thing or client_id
        self._account = account
        self.messages: queue.Queue[Message | None] = queue.Queue()
        self.ended: queue.Queue[int] = queue.Queue()
        self._outcome: queue.Queue[tuple[bool, int] | None] = queue.Queue()
        self._granted: queue.Queue[list[int]] = queue.Queue()
        self._acknowledged: queue.Queue[int] = queue.Queue()
        self._tokens = itertools.count(1)
        self._v5 = level == 5
        options: dict[str, Any] = {} if self._v5 else {"clean_session": clean}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=paho.MQTTv5 if self._v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            transport="tcp" if signed is None else "websockets",
            **options,
        )
        port = account.mqtt_port
        if signed is not None:
            port = signed[0]
            self.client.ws_set_options(signed[1])
        else:
            context = account.tls(credentials)
            if authorized is not None:
                port = authorized[0]
                context.set_alpn_protocols(["mqtt"])
                self.client.username_pw_set(authorized[1])
            self.client.tls_set_context(context)
        if will is not None:
            topic, payload, *rest = will
            delayed = Properties(PacketTypes.WILLMESSAGE) if will_delay else None
            if delayed is not None:
                delayed.WillDelayInterval = will_delay
            self.client.will_set(topic, payload, *(rest or [1]), properties=delayed)
        self._listen()
        start: dict[str, Any] = {}
        if self._v5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if clean else 3600
            if max_packet is not None:
                properties.MaximumPacketSize = max_packet
            start = {"clean_start": clean, "properties": properties}
        self.client.connect("localhost", port, 1200, **start)
        self.client.loop_start()
        outcome = self._outcome.get(timeout=PATIENCE)
        if outcome is None or outcome[1]:
            self.close()
            raise RefusedError("closed" if outcome is None else outcome[1])
        self.present = outcome[0]

    def _listen(self) -> None:
        client = self.client
        client.on_connect = lambda _c, _d, flags, code, _p: self._outcome.put((flags.session_present, code.value))
        client.on_message = lambda _c, _d, m: self.messages.put(Message(m.topic, m.payload, m.qos, m.retain))
        client.on_subscribe = lambda _c, _d, _id, codes, _p: self._granted.put([code.value for code in codes])
        client.on_publish = lambda _c, _d, _id, code, _p: self._acknowledged.put(code.value)
        client.on_disconnect = lambda _c, _d, _f, code, _p: self._gone(code.value)

    def _gone(self, code: int) -> None:
        self.ended.put(code)
        self._outcome.put(None)
        self._granted.put([])
        self._acknowledged.put(-1)
        self.messages.put(None)

    @property
    def prefix(self) -> str:
        return f"$aws/things/{self.thing}/jobs"

    def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Subscribe; what was granted, empty if the server ended the connection instead."""
        self.client.subscribe([(name, paho.SubscribeOptions(qos) if self._v5 else qos) for name in filters])
        return self._granted.get(timeout=PATIENCE)

    def publish(self, topic: str, payload: bytes = b"", qos: int = 1, *, retain: bool = False) -> int:
        """Publish; the acknowledgement's reason code, -1 if the server ended the connection instead."""
        self.client.publish(topic, payload, qos, retain)
        return self._acknowledged.get(timeout=PATIENCE)

    def ask(self, request: str, body: Any = None, **members: Any) -> Message:
        """Publish a job request and wait for the message that comes next.

        ``request`` is what follows ``jobs/``; ``body`` bytes are sent as they are, else a JSON object of ``members``.
        """
        payload = body if isinstance(body, bytes) else json.dumps(members).encode()
        code = self.publish(f"{self.prefix}/{request}", payload)
        assert code in (0, -1), code
        return self.next()

    def accepted(self, request: str, **members: Any) -> Any:
        """The body of an accepted reply; the client token is checked on the way."""
        return self._answered(request, "accepted", members)

    def rejected(self, request: str, **members: Any) -> Any:
        """The body of a rejected reply, likewise."""
        return self._answered(request, "rejected", members)

    def _answered(self, request: str, outcome: str, members: dict[str, Any]) -> Any:
        token = f"token-{next(self._tokens)}"
        reply = self.ask(request, **members, clientToken=token)
        assert reply.topic == f"{self.prefix}/{request}/{outcome}", reply
        body = reply.body
        assert body.pop("clientToken") == token
        assert isinstance(body.pop("timestamp"), int)
        return body

    def next(self) -> Message:
        """The next message.

        Raises:
            GoneError: the connection ended before one came.
        """
        message = self.messages.get(timeout=PATIENCE)
        if message is None:
            raise GoneError
        return message

    def silent(self) -> bool:
        """Whether nothing has come so far.

        The server is asked first to publish what it has to, and then a reply is awaited: it writes to a connection in
        order, so whatever was sent to this one before the reply has arrived by then.
        """
        self._account.settle()
        token = f"fence-{next(self._tokens)}"
        reply = self.ask("get", clientToken=token)
        fenced = reply.topic == f"{self.prefix}/get/accepted" and reply.body["clientToken"] == token
        return fenced and self.messages.empty()

    def close(self) -> None:
        """Leave politely."""
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """Leave without a word: the socket is gone, the session stays."""
        held: Any = self.client.socket()
        with socket.socket(fileno=os.dup(held.fileno())) as plain:  # whatever is spoken over it
            plain.shutdown(socket.SHUT_RDWR)
        self.ended.get(timeout=PATIENCE)
        self.client.loop_stop()


@contextmanager
def connected(account: Account, credentials: Credentials, client_id: str, **options: Any) -> Iterator[Device]:
    """A connected device, until the block is left."""
    device = Device(account, credentials, client_id, **options)
    try:
        yield device
    finally:
        device.close()


class Inbox:
    """Collects what a callback is called with."""

    def __init__(self) -> None:
        self._items: queue.Queue[Any] = queue.Queue()

    def put(self, item: Any) -> None:
        self._items.put(item)

    def get(self) -> Any:
        return self._items.get(timeout=PATIENCE)
