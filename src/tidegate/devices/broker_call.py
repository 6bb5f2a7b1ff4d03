"""The broker as operations over HTTPS reach it (``ops.broker.MessageBroker``): one object for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import msgspec

from tidegate.core import message, texts
from tidegate.devices import clients, publications
from tidegate.devices.elsewhere import Elsewhere
from tidegate.devices.plane import Signer
from tidegate.devices.server import Server
from tidegate.devices.signers import Grant, SignerIdentity
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.reserved import Claim, Kind
from tidegate.mqtt.session import Retained as Kept
from tidegate.mqtt.session.keeping import Journal
from tidegate.mqtt.topics import valid_topic
from tidegate.ops.broker import Connected, Publication, Retained, Sent
from tidegate.ops.call import Call
from tidegate.ops.handler import AtBroker
from tidegate.store.database import OutcomeUnknown
from tidegate.wire import iot_data

Q = TypeVar("Q")
R = TypeVar("R")


class BrokerCall:
    """Serves one call. On the event loop's thread."""

    def __init__(self, server: Server, journal: Journal, elsewhere: Elsewhere | None = None) -> None:
        """``elsewhere`` has the other servers on the store carry out what is about one of their clients."""
        self.max_payload = server.settings.max_payload
        self.max_message_expiry = server.settings.max_message_expiry
        self._server = server
        self._journal = journal
        self._elsewhere = elsewhere
        self._changes = journal.changes
        self._due: list[Awaitable[Any]] = []

    def valid(self, topic: str) -> bool:
        return valid_topic(topic)

    def publish(self, call: Call, publication: Publication) -> bool:
        server = self._server
        found = server.broker.reserved.find(publication.topic)
        if found is Kind.DENIED:
            return False
        if found is Kind.ORDINARY:
            ticket = server.spread(publications.message(publication, retain=publication.retain), _scope(call))
            if ticket:
                self._due.append(self._safe(ticket))
        elif isinstance(found, Claim):  # a private answer has nobody to go to
            self._due.append(
                server.plane.request(_caller(call), found, publications.message(publication), None, server)
            )
        return True

    def retained(self, call: Call, topic: str) -> Retained | None:
        found = self._server.broker.retained(_scope(call)).get(topic)
        return None if found is None or _expired(found, call) else _retained(found)

    def retained_after(self, call: Call, topic: str, count: int) -> list[Retained]:
        kept = self._server.broker.retained(_scope(call))
        fresh = (name for name, each in kept.items() if not _expired(each, call))
        return [_retained(kept[name]) for name in message.after(fresh, topic, count)]

    def connection(self, call: Call, client_id: str) -> Connected | None:
        found = clients.describe(self._server, _scope(call), client_id)
        return None if found is None else Connected(*found)

    def subscriptions(self, call: Call, client_id: str) -> list[tuple[str, int]] | None:
        return clients.subscriptions(self._server, _scope(call), client_id)

    def send(self, call: Call, client_id: str, publication: Publication, *, confirm_s: int | None) -> Sent:
        if self._server.broker.reserved.find(publication.topic) is Kind.DENIED:
            return Sent.DENIED
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not confirmed.done():
                confirmed.set_result(None)

        message = msgspec.structs.replace(publications.message(publication), reply=True)
        sent = clients.send(self._server, _scope(call), client_id, message, done)
        if sent is Sent.SENT and confirm_s is not None:
            self._due.append(_confirmed(confirmed, confirm_s))
        return sent

    def disconnect(self, call: Call, client_id: str, *, clean_session: bool, prevent_will: bool) -> bool:
        return clients.delete(
            self._server, _scope(call), client_id, clean_session=clean_session, prevent_will=prevent_will
        )

    async def carry_out(self, handler: AtBroker[Q, R], call: Call, request: Q) -> R:
        """Run an operation; returns when what it asked for is carried out and what has to be kept is on disk.

        Raises:
            WireError: what it answers; GatewayTimeoutException: a client has not acknowledged what it was sent in time.
            StoreError: the store cannot take it.
        """
        if self._elsewhere is not None and handler.about_client:
            response = await self._elsewhere.carry_out(handler, self, call, request)
        else:
            response = handler.run(self, call, request)
        await self._settled()
        return response

    async def _settled(self) -> None:
        await asyncio.gather(*self._due)
        if self._journal.changes != self._changes:
            await self._written()

    async def _written(self) -> None:
        await self._safe(0)

    async def _safe(self, ticket: int) -> None:
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def done(written: bool) -> None:
            if not outcome.done():
                outcome.set_result(written)

        self._server.broker.when_safe(ticket, done)
        if not await outcome:
            raise OutcomeUnknown("what clients are to be sent could not be stored")


async def _confirmed(confirmed: asyncio.Future[None], seconds: int) -> None:
    try:
        await asyncio.wait_for(confirmed, seconds)
    except TimeoutError:
        raise iot_data.GatewayTimeoutException(texts.messages.not_confirmed(seconds)) from None


def _scope(call: Call) -> Scope:
    return call.account, call.region


def _caller(call: Call) -> SignerIdentity:
    """The caller as who sends a request; what it may do was asked when it was let in."""
    grant = Grant(lambda _action, _resource: False)
    return SignerIdentity(Signer(call.principal, _scope(call)), call.scope, grant, call.origin)


def _expired(found: Kept, call: Call) -> bool:
    return found.message.expires_at is not None and found.message.expires_at <= call.now


def _retained(found: Kept) -> Retained:
    one = found.message
    properties = one.properties.user_property if one.properties is not None else ()
    return Retained(one.topic, one.payload, one.qos, found.retained_at, properties)
