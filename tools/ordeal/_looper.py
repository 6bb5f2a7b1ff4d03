"""``python -m tools.ordeal._looper KIND HOST:PORT CA CERTIFICATE NAME SECONDS``: send without a pause.

It prints how many bytes the server has taken in, and the seconds that took. KIND is mqtt (messages), websocket (the
same within it), http (messages over HTTPS, each request sent before the answers to those before it) or s3 (uploads of a
mebibyte).
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import sys
import threading
import time

from tidegate.mqtt import codec

_BURST = 256 * 1024
_UPLOAD = 1024 * 1024
_PUBLISH = codec.encode(codec.Publish(topic="loop", payload=bytes(200)), codec.V311)
_PUBLISHES = _PUBLISH * (_BURST // len(_PUBLISH))
_FRAME = 16 * 1024
_ANSWER = b"HTTP/1.1 200"
_REQUEST = b"POST /topics/loop?qos=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200\r\n\r\n" + bytes(200)
_REQUESTS = _REQUEST * (_BURST // len(_REQUEST))
_UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)


class Mqtt:
    """Messages at QoS 0; a ping tells that all of them were taken in."""

    def __init__(self, tls: ssl.SSLSocket, name: str) -> None:
        self._tls = tls
        self._begin()
        self._say(codec.encode(codec.Connect(codec.V311, name, keep_alive=600), codec.V311))
        self._tls.recv(64)
        self._burst = self._framed(_PUBLISHES)

    def send(self) -> int:
        """Bytes that were sent."""
        self._tls.sendall(self._burst)
        return len(_PUBLISHES)

    def end(self, sent: int) -> int:
        """Wait until all is taken in; how much was."""
        self._say(codec.encode(codec.Pingreq(), codec.V311))
        if not self._tls.recv(64):
            raise ConnectionError("sent away")
        return sent

    def _begin(self) -> None:
        pass

    def _framed(self, data: bytes) -> bytes:
        return data

    def _say(self, data: bytes) -> None:
        self._tls.sendall(self._framed(data))


class WebSocket(Mqtt):
    """The same in binary frames of 16 KiB, masked with zeros."""

    def _begin(self) -> None:
        self._tls.sendall(_UPGRADE)
        if b" 101 " not in self._tls.recv(4096):
            raise ConnectionError("no WebSocket")

    def _framed(self, data: bytes) -> bytes:
        parts = (data[at : at + _FRAME] for at in range(0, len(data), _FRAME))
        return b"".join(b"\x82\xff" + len(part).to_bytes(8, "big") + bytes(4) + part for part in parts)


class Https:
    """Requests sent before the answers to those before them; what is answered counts."""

    def __init__(self, tls: ssl.SSLSocket, _name: str) -> None:
        self._tls = tls
        self._answers = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        end = b""
        while data := self._tls.recv(65_536):
            self._answers += (end + data).count(_ANSWER)
            end = data[1 - len(_ANSWER) :]

    def send(self) -> int:
        """Bytes that were sent."""
        self._tls.sendall(_REQUESTS)
        return len(_REQUESTS)

    def end(self, _sent: int) -> int:
        """How much was taken in."""
        return self._answers * len(_REQUEST)


class Uploads:
    """An object again and again."""

    def __init__(self, where: str, name: str) -> None:
        self._client = http.client.HTTPConnection(where, timeout=60)
        self._path = f"/loop/{name}"
        self._body = bytes(_UPLOAD)

    def send(self) -> int:
        """Bytes that were stored."""
        self._client.request("PUT", self._path, self._body)
        answer = self._client.getresponse()
        answer.read()
        if answer.status != 200:
            raise ConnectionError(answer.status)
        return len(self._body)

    def end(self, sent: int) -> int:
        """How much was taken in."""
        return sent


_TALK: dict[str, type[Mqtt | Https]] = {"mqtt": Mqtt, "websocket": WebSocket, "http": Https}


def main() -> None:
    """Do what the arguments say."""
    kind, where, authority, certificate, name, seconds = sys.argv[1:]
    talk: Mqtt | Https | Uploads
    if kind == "s3":
        talk = Uploads(where, name)
    else:
        host, _, port = where.rpartition(":")
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate)
        tls = context.wrap_socket(socket.create_connection((host, int(port)), 60), server_hostname="localhost")
        talk = _TALK[kind](tls, name)
    began, sent = time.monotonic(), 0
    while time.monotonic() - began < float(seconds):
        sent += talk.send()
    print(talk.end(sent), time.monotonic() - began, flush=True)
    os._exit(0)  # a thread may still be reading


if __name__ == "__main__":
    main()
