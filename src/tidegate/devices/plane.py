"""What the endpoint asks of the service behind it: who clients are, what they may do, and answers to their requests.

All calls are made on the event loop's thread.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from tidegate.core import authorizers
from tidegate.mqtt.identity import Identity, Scope
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session import Message, Session

Reply = tuple[tuple[str, bytes], ...]
"""What the connection that asked is sent: topics and payloads, in order."""


class Publisher(Protocol):
    """Sends messages to those who subscribed and may receive them."""

    def publish(self, topic: str, payload: bytes, qos: int, *, scope: Scope) -> None:
        """A message of the service."""
        ...

    def spread(self, message: Message, scope: Scope, origin: Session | None = None) -> int:
        """A message for the clients of all servers; ``origin`` is the session of the client that published it."""
        ...


class Signer(msgspec.Struct, frozen=True):
    """Who opened a WebSocket: the principal of the key that signed the handshake, in the scope it signed for.

    With authentication off, who the client says it is, and no key. ``tls``: the handshake was encrypted.
    """

    principal: str
    scope: Scope
    key_id: str | None = None
    tls: bool = False


class Shown(msgspec.Struct, frozen=True):
    """What a client shows in place of a certificate."""

    username: str | None
    password: bytes | None
    server_name: str | None
    peer: str
    handshake: authorizers.Shown | None = None
    """What it showed in the request that opened its WebSocket."""


class Plane(Protocol):
    """The service as the endpoint sees it."""

    async def identify(
        self, certificate_der: bytes | None, client_id: str, server_name: str | None, peer: str
    ) -> Identity | None:
        """Who presents this certificate, under this client id, from this address; None if unknown or not active.

        ``server_name`` is the TLS server name the client asked for, if any. Asked at every CONNECT and again after
        ``Server.refresh``; None closes the connection without an answer (device reference 2.1).
        """
        ...

    async def identify_signer(self, signer: Signer, client_id: str, peer: str) -> Identity | None:
        """The same for a client that came through a signed WebSocket handshake."""
        ...

    async def authenticate(self, shown: Shown, client_id: str, known: Identity | None) -> Identity | None:
        """The same for a client that a custom authorizer is to judge (device reference 2.10).

        ``known`` is who it was when it was asked before, on this connection.
        """
        ...

    async def turn(self, identity: Identity) -> None:
        """Wait, at a CONNECT, until what others of the account have asked for leaves room for one more of it."""
        ...

    def request(
        self, identity: Identity, claim: Claim, message: Message, origin: Session | None, publisher: Publisher
    ) -> asyncio.Future[Reply]:
        """Carry out a request to a topic that the service has claimed.

        Called in the order of arrival, without waiting for earlier replies; the service carries out the requests of
        one connection in the order of the calls. Publishing is authorised already. Every outcome that can be put into
        words is a Reply; for an exception ``failed`` is asked. The reply to a claim that is ``seen`` is empty: what
        subscribers are to see, the service hands to ``publisher``, the request itself included; ``origin`` is the
        session that it comes from, None if by no client's.
        """
        ...

    def failed(self, claim: Claim, payload: bytes, error: BaseException) -> Reply:
        """The reply to a request that failed with an exception, which is in the log."""
        ...
