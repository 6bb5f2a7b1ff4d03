"""``GET /mqtt`` with an upgrade to WebSocket: who asks, and the 101 that every client accepts (device reference 2.9).

Written by hand, because clients of AWS do what servers by the book refuse: Python v1 sends a key of 128 bytes, reads
the answer at once from at most 1,024 bytes and looks for ``sec-websocket-accept: `` in lower case. No extension is ever
accepted, also one that was offered.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from hashlib import sha1

import msgspec

from tidegate.aws import sigv4
from tidegate.core.authorizers import Shown
from tidegate.http import callers, devices, signatures
from tidegate.http.callers import Caller
from tidegate.net.http1.messages import Answer, Peer, Request, Switch
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store.database import StoreError
from tidegate.wire import iot
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.http")

PATH = b"/mqtt"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONGEST_KEY = 512
_SUBPROTOCOLS = (b"mqtt", b"mqttv3.1")

Open = Callable[[Caller | None, Peer, Shown | None], asyncio.Protocol]
"""Makes the protocol that takes the connection over, for whoever signed the handshake, or for what it shows to a custom
authorizer. None, None stands for the holder of the client certificate.
"""


class _Refused(Exception):  # noqa: N818 - it is caught where it is raised
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handshakes:
    """Judges handshakes."""

    def __init__(self, service: Service, opened: Open, *, auth: bool) -> None:
        self._service = service
        self._open = opened
        self._auth = auth
        self._keys = callers.Keys(service)
        self._limited_log = RateLimitedLog(log)

    async def upgrade(self, request: Request) -> Answer | Switch | None:
        """The answer to a request that asks for an upgrade; None if it is none for this place. Never raises."""
        if request.raw_path != PATH or not _mentions(request, b"upgrade", b"websocket"):
            return None
        try:
            head = _head(request, bare=self._service.settings.leniency.websocket_without_protocol)
            shown = self._shown(request)
            caller = None if shown is not None else await self._caller(request)
        except _Refused as refused:
            return self._refusal(refused.status, str(refused))
        except WireError as error:
            self._service.refusals.count(request.peer.address, "a WebSocket client", error.code)
            return self._refusal(429 if isinstance(error, iot.ThrottlingException) else 403, error.message)
        except StoreError as error:
            self._limited_log.error("a WebSocket client cannot be identified: %s", error)
            return self._refusal(503, "The service is temporarily unavailable.")
        if caller is None and request.peer.ticket is not None:  # who it is turns out at CONNECT
            await request.peer.ticket.place()
        return Switch(head, lambda: self._open(caller, request.peer, shown))

    def _shown(self, request: Request) -> Shown | None:
        """What a custom authorizer is to judge when the client connects; over TLS only, as everywhere.

        AWS's SDKs show nothing in the handshake and everything in the user name, so nothing is enough where there can
        be authorizers and unsigned requests are nobody's.
        """
        signed = sigv4.claimed(request.headers, request.query_string) is not None
        if signed or request.peer.certificate is not None or not request.peer.tls:
            return None
        named = devices.shown(request)
        return devices.facts(request) if named is None and self._auth and self._service.settings.hooks else named

    async def _caller(self, request: Request) -> Caller | None:
        claim = sigv4.claimed(request.headers, request.query_string)
        if claim is None and request.peer.certificate is not None:
            if self._service.settings.leniency.websocket_certificates:
                return None
            raise _Refused(403, "A WebSocket handshake is signed with SigV4.")
        if not self._auth:
            return callers.claimed(self._service, claim, None)
        caller, signed = await callers.signed(self._keys, self._service.settings.account, request)
        if signed.service not in signatures.WEBSOCKET_SERVICES:
            raise _Refused(403, "Credential should be scoped to correct service: 'iotdevicegateway'.")
        return caller

    def _refusal(self, status: int, message: str) -> Answer:
        body = msgspec.json.encode({"message": message, "traceId": self._service.ids.uuid()})
        headers = [(b"content-type", b"application/json")]
        if status == 426:
            headers += [(b"sec-websocket-version", b"13"), (b"upgrade", b"websocket")]
        return status, headers, body


def _head(request: Request, *, bare: bool) -> bytes:
    """The 101 for a handshake that is well formed [RFC 6455 4.2.1, but for the length of the key].

    ``bare``: it need not ask for a sub-protocol.
    """
    if request.method != "GET" or not _mentions(request, b"connection", b"upgrade"):
        raise _Refused(400, "A WebSocket handshake is a GET with Connection: Upgrade.")
    if request.header(b"sec-websocket-version") != b"13":
        raise _Refused(426, "WebSocket version 13 is spoken here.")
    key = (request.header(b"sec-websocket-key") or b"").strip()
    if not 0 < len(key) <= _LONGEST_KEY:
        raise _Refused(400, "The handshake lacks Sec-WebSocket-Key.")
    accept = base64.b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: upgrade",
        b"sec-websocket-accept: " + accept,
    ]
    chosen = _subprotocol(request)
    if chosen is None and not bare:
        raise _Refused(400, "The handshake lacks Sec-WebSocket-Protocol: mqtt.")
    if chosen is not None:
        lines.append(b"sec-websocket-protocol: " + chosen)
    return b"\r\n".join([*lines, b"", b""])


def _subprotocol(request: Request) -> bytes | None:
    """The first that is known of those asked for; None if none was asked for."""
    offered = _list(request, b"sec-websocket-protocol")
    for each in offered:
        if each in _SUBPROTOCOLS:
            return each
    if offered:
        raise _Refused(400, "The sub-protocol is mqtt or mqttv3.1.")
    return None


def _mentions(request: Request, header: bytes, token: bytes) -> bool:
    return token in [each.lower() for each in _list(request, header)]


def _list(request: Request, header: bytes) -> list[bytes]:
    return [each.strip() for name, value in request.headers if name == header for each in value.split(b",")]
