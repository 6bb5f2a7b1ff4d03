"""What the endpoint asks of the service behind it. It knows MQTT and topics; devices, policies and jobs are theirs.

All calls are made on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import msgspec

from tidegate.clock import Millis
from tidegate.mqtt import topics

Scope = tuple[str, str]
"""(account, region). Sessions, publishes and subscriptions of different scopes never meet."""


class Identity(Protocol):
    """Who is on a connection, after TLS."""

    @property
    def principal(self) -> str:
        """The certificate id: lower-case hex SHA-256 of the certificate in DER."""
        ...

    @property
    def scope(self) -> Scope:
        """The account and region the certificate belongs to."""
        ...

    def connects(self, client_id: str, *, persistent: bool, will_topic: str | None) -> bool:
        """Whether the policies allow this CONNECT: ``iot:Connect`` on ``client/…``, with what it alone tells.

        ``persistent``: it asks for a session that outlives it. Asked once, before anything else.
        """
        ...

    def allows(self, action: str, resource: str, client_id: str) -> bool:
        """Whether the policies allow an action (device reference 8.1).

        ``action`` is ``iot:Publish``, ``iot:RetainPublish``, ``iot:Subscribe`` or ``iot:Receive``; ``resource`` is the
        ARN without its prefix: ``topic/…`` or ``topicfilter/…``. Called for every message: answer from memory.
        """
        ...

    @property
    def ends_at(self) -> Millis | None:
        """When what let it in counts no more, in epoch ms of the wall clock; None: it has no end of its own."""
        ...

    @property
    def exclusive_thing(self) -> str | None:
        """The thing the certificate is attached to exclusively: lifecycle events name it (device reference 7.4)."""
        ...


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a job request; ``payload`` is the JSON to be sent on the accepted or rejected topic."""

    accepted: bool
    payload: bytes


class Signer(msgspec.Struct, frozen=True):
    """Who opened a WebSocket: the principal of the key that signed the handshake, in the scope it signed for.

    With authentication off, who the client says it is, and no key. ``tls``: the handshake was encrypted.
    """

    principal: str
    scope: Scope
    key_id: str | None = None
    tls: bool = False


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

    async def authenticate(
        self, username: str | None, password: bytes | None, client_id: str, server_name: str | None, peer: str
    ) -> Identity | None:
        """The same for a client that a custom authorizer is to judge (device reference 2.10)."""
        ...

    def request(self, identity: Identity, request: topics.JobsRequest, payload: bytes) -> Awaitable[Reply]:
        """Carry out one of the four job operations; ``payload`` is what the device sent, unparsed.

        Called in the order of arrival, without waiting for earlier replies; the service carries out the requests of
        one connection in the order of the calls. Publishing is authorised already. Every outcome that can be put into
        words is a Reply; an exception is logged and answered ``InternalError``.
        """
        ...
