"""Who the client of a connection is: asked at CONNECT, when that may have changed, and when an answer's time is over.

Nothing is read from the client meanwhile, so that what it sends after a change is judged by the change.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from tidegate.clock import Clock, Millis, wall_now
from tidegate.core import authorizers
from tidegate.devices.changes import Changes
from tidegate.devices.plane import Plane, Shown, Signer
from tidegate.devices.replies import fault, outcome
from tidegate.faults import Unavailable
from tidegate.mqtt.broker import Broker
from tidegate.mqtt.codec import Reason
from tidegate.mqtt.identity import Identity, Renewed, Scope
from tidegate.mqtt.session import Ask, Connection, Effect, Ending, State
from tidegate.rate_limited_log import RateLimitedLog

_AGAIN_S = 1.0
"""When it is asked again who a client is of whom the store says nothing; nothing is read from it meanwhile."""
Asking = Coroutine[Any, Any, Identity | None]


class Host(Protocol):
    """What authentication needs of that which has all connections."""

    plane: Plane
    clock: Clock
    broker: Broker
    loop: asyncio.AbstractEventLoop
    limited_log: RateLimitedLog
    changes: Changes
    summon: Callable[[Scope, str], Coroutine[Any, Any, None]] | None
    """Has the session of a client that is identified brought here from another server."""

    def end(self, connection: Connection, ending: Ending, code: Reason, message: str, *, will: bool = True) -> None:
        """End a connection from this side."""
        ...

    def ask(self, who: Callable[[], Coroutine[Any, Any, Identity | None]], then: Callable[[Any], None]) -> None:
        """Find out who a client is whose connection is over, and call back."""
        ...

    def identified(self, connection: Connection, identity: Identity) -> None:
        """Who a client is was found out, or is somebody else by now."""
        ...

    def connected(self, connection: Connection, address: str) -> None:
        """A client was let in."""
        ...

    def unidentified(self, certificate_der: bytes, server_name: str | None, peer: str) -> None:
        """A CONNECT was refused because nobody knows the certificate."""
        ...

    def tls_facts(self, transport: asyncio.Transport) -> tuple[bytes | None, str | None]:
        """The client's certificate in DER and the server name it asked for."""
        ...


class Client(Protocol):
    """What authentication needs of the socket whose client it is about."""

    connection: Connection
    transport: asyncio.Transport | None
    peer: str

    def carry_out(self, effects: list[Effect], now: Millis) -> None:
        """Do what came of an answer."""
        ...

    def refresh(self) -> None:
        """Ask again who this is, and read nothing meanwhile."""
        ...

    def lasts_until(self, ends_at: Millis | None) -> None:
        """Have the connection ended at an instant of the wall clock."""
        ...

    async def turn(self, identity: Identity) -> None:
        """Wait until it is its account's turn."""
        ...

    def has_room(self, identity: Identity) -> bool:
        """Whether the door has room for one more of its account."""
        ...

    def admitted(self, identity: Identity) -> None:
        """Who this is was found out at CONNECT: read on, if it was let in."""
        ...

    def confirmed(self) -> None:
        """The client may stay: read on."""
        ...


class Authentication:
    """Of one connection."""

    __slots__ = ("_asking", "_custom", "_handshake", "_host", "_renewal", "_seen", "_shown", "_signer", "_since")

    def __init__(
        self, host: Host, client: Client, signer: Signer | None, *, custom: bool, handshake: authorizers.Shown | None
    ) -> None:
        """``signer``: who signed the WebSocket handshake. ``custom``: a custom authorizer is to judge, as of what the
        WebSocket ``handshake`` showed.
        """
        self._host = host
        self._seen = weakref.ref(client)  # which holds us: neither is to wait for the cycle collector
        self._signer = signer
        self._custom = custom or handshake is not None
        self._handshake = handshake
        self._shown: Shown | None = None  # what a custom authorizer judges, also later
        self._renewal: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[Identity | None] | None = None
        self._since = 0  # which changes it was asked after

    @property
    def _client(self) -> Client:
        """The socket's protocol, while it is there."""
        client = self._seen()
        assert client is not None
        return client

    @property
    def key_id(self) -> str | None:
        """The access key that stands for the client, if one does."""
        return self._signer.key_id if self._signer is not None else None

    def begin(self) -> None:
        """Find out who sent CONNECT, have its session here, and wait until what its account's others want is under way.

        So those who come never outrun those who are in: they would all be let in, to wait for answers in vain.
        """
        self._ask(self._in_turn).add_done_callback(self._identified)

    def again(self) -> None:
        """Ask again; a client no longer known is disconnected."""
        self._ask().add_done_callback(self._refreshed)

    def end(self) -> None:
        """The socket is gone: nothing is asked for its sake any more."""
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    def doubt(self, *, later: bool) -> Ask | None:
        """As a ``Holder``."""
        if not later and self._asking is None:
            return None
        return partial(self._host.ask, self._who())

    def _ask(self, then: Callable[[Asking], Asking] = lambda asking: asking) -> asyncio.Task[Identity | None]:
        self._since = self._host.changes.count
        self._asking = self._host.loop.create_task(then(self._who()()))
        return self._asking

    async def _in_turn(self, asking: Asking) -> Identity | None:
        identity = await asking
        client = self._seen()
        if identity is not None and client is not None:
            if self._host.summon is not None:
                await self._host.summon(identity.scope, client.connection.client_id)
            await client.turn(identity)
        return identity

    def _who(self) -> Callable[[], Coroutine[Any, Any, Identity | None]]:
        """What asks who this is, also when the socket is gone."""
        plane, connection, peer = self._host.plane, self._client.connection, self._client.peer
        if self._signer is not None:
            return partial(plane.identify_signer, self._signer, connection.client_id, peer)
        certificate, server_name = self._tls_facts()
        if self._custom:
            if self._shown is None:
                who = connection.username, connection.password
                self._shown = Shown(*who, server_name, peer, self._handshake)
            return partial(plane.authenticate, self._shown, connection.client_id, connection.identity)
        return partial(plane.identify, certificate, connection.client_id, server_name, peer)

    def _tls_facts(self) -> tuple[bytes | None, str | None]:
        """The client's certificate in DER and the server name it asked for."""
        transport = self._client.transport
        return (None, None) if transport is None else self._host.tls_facts(transport)

    # -- at CONNECT --

    def _identified(self, task: asyncio.Task[Identity | None]) -> None:
        self._asking = None
        client, host = self._seen(), self._host
        if client is None or client.connection.state is not State.IDENTIFYING:
            return
        connection = client.connection
        identity, now = outcome(task, "identify", host.limited_log), host.clock.now()
        principal = self._certificate_id() if identity is None else identity.principal
        if host.changes.outdated(self._since, principal, signs=self._signer is not None):
            self.begin()
            return
        if identity is None:
            self._refuse(task, now)
            return
        if not client.has_room(identity):
            refusal = connection.refuse(Reason.QUOTA_EXCEEDED, "its account has its share of the connections")
            client.carry_out([refusal], now)
            return
        host.identified(connection, identity)
        effects = host.broker.admit(connection, identity, now)
        if connection.session is not None:
            client.lasts_until(identity.ends_at)
            self._renew(identity)
            host.connected(connection, client.peer)
        client.carry_out(effects, now)
        client.admitted(identity)

    def _certificate_id(self) -> str | None:
        """The principal of whom its certificate alone would make somebody."""
        certificate, _ = (None, None) if self._custom else self._tls_facts()
        return None if certificate is None else hashlib.sha256(certificate).hexdigest()

    def _refuse(self, task: asyncio.Task[Identity | None], now: Millis) -> None:
        """Nobody is known to be this: say so, or that it is not the client's fault."""
        connection = self._client.connection
        if self._custom:
            refusal = connection.refuse(Reason.BAD_USERNAME_OR_PASSWORD, "no authorizer accepts it")
            self._client.carry_out([refusal], now)
        elif isinstance(fault(task), Unavailable):  # it says nothing about the client, who will try again
            refusal = connection.refuse(Reason.SERVER_UNAVAILABLE, "the store does not answer")
            self._client.carry_out([refusal], now)
        else:
            if not task.cancelled() and task.exception() is None:
                self._report_unidentified()
            self._host.broker.end(connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, "not identified", now)

    def _report_unidentified(self) -> None:
        certificate, server_name = self._tls_facts()
        if certificate is not None:
            self._host.unidentified(certificate, server_name, self._client.peer)

    # -- later --

    def _renew(self, identity: Identity) -> None:
        """Ask again who this is when its identity is to be renewed."""
        self.end()  # what an earlier answer asked for
        if isinstance(identity, Renewed) and self._client.transport is not None:
            left = max(0, identity.refresh_at - wall_now()) / 1000
            self._renewal = self._host.loop.call_later(left, self._client.refresh)

    def _refreshed(self, task: asyncio.Task[Identity | None]) -> None:
        client, host = self._seen(), self._host
        if client is None or task is not self._asking or client.connection.state is not State.CONNECTED:
            return
        connection = client.connection
        self._asking = None
        identity = outcome(task, "identify", host.limited_log)
        if identity is None and isinstance(fault(task), Unavailable):  # it says nothing about the client
            self._renewal = host.loop.call_later(_AGAIN_S, client.refresh)
            return
        if identity is None:
            host.end(connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, "no longer identified", will=False)
            return
        stays = self._may_stay(identity)
        host.identified(connection, identity)
        if not stays:
            host.end(connection, Ending.AUTH_ERROR, Reason.NOT_AUTHORIZED, "it may not connect any more")
            return
        client.lasts_until(identity.ends_at)
        self._renew(identity)
        host.broker.reconsider(connection, host.clock.now())
        client.confirmed()

    def _may_stay(self, identity: Identity) -> bool:
        """Whether a client may go on, as what it is by now.

        Of a device ``iot:Connect`` is asked at CONNECT alone, as on AWS; a key without it is worth as much as a revoked
        one.
        """
        connection = self._client.connection
        session, client_id = connection.session, connection.client_id
        if session is None or identity.scope != session.scope:  # its certificate means another account by now
            return False
        return self._signer is None or identity.allows("iot:Connect", f"client/{client_id}", client_id)
