"""Shadows over MQTT (device reference 9.1): requests in, and everything that subscribers are told, whoever asked.

Replies are messages like any other: they reach whoever subscribed and may receive them, the requester among them. All
of them leave as effects of the request's transaction, so that they come in the order of the changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from tidegate.core import shadow, texts
from tidegate.core.shadow import Message
from tidegate.devices.turns import Turns
from tidegate.mqtt import session, topics
from tidegate.mqtt.plane import Scope
from tidegate.mqtt.topics import ShadowRequest
from tidegate.ops import audit, shadows
from tidegate.ops.audit import Entry
from tidegate.ops.call import Call, Origin
from tidegate.ops.effects import ShadowMessages, acting
from tidegate.runtime.service import Service
from tidegate.store.database import Tx
from tidegate.wire import iot_data
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.mqtt")

IN_FLIGHT = 10
"""Requests of one connection that may be under way (AWS's quota page); more are answered 429."""
_QOS = 1


class Publisher(Protocol):
    """Sends service messages to those who subscribed and may receive them."""

    def publish(self, topic: str, payload: bytes, qos: int, *, scope: Scope) -> None: ...

    def deliver(self, message: session.Message, scope: Scope, origin: session.Session | None = None) -> None: ...


class Requester(Protocol):
    """Who sends requests: the part of an identity that the operations need."""

    principal: str
    scope: Scope
    scope_id: int
    origin: Origin | None
    """None for a device, whose requests are no changes by an operator."""


class Shadows:
    """Carries out shadow requests for the endpoint, and publishes what becomes of shadows. Lives on the event loop."""

    def __init__(self, service: Service, publisher: Publisher) -> None:
        self._service = service
        self._publisher = publisher
        self._turns: Turns[None] = Turns(service.unit)
        self._in_flight: WeakKeyDictionary[Requester, int] = WeakKeyDictionary()
        self.effects = acting({ShadowMessages: self._happened})
        """Publishes what a transaction has to tell."""

    def _happened(self, effect: ShadowMessages) -> None:
        for message in effect.messages:
            self._publish((effect.account, effect.region), message)

    def request(
        self, identity: Requester, message: session.Message, origin: session.Session | None
    ) -> asyncio.Future[None] | None:
        """Carry out what a client published; None if it is no shadow request, or was refused at once.

        Unlike requests about jobs, those to shadows are seen by whoever subscribes to their topics.
        """
        request, payload = topics.shadow_request(message.topic), message.payload
        if request is None:
            return None
        self._publisher.deliver(message, identity.scope, origin)
        call = self._service.call_at(identity.scope_id, *identity.scope, identity.principal)
        if self._in_flight.get(identity, 0) >= IN_FLIGHT:
            refusal = _rejected(request, 429, texts.shadows.TOO_MANY_REQUESTS, shadow.token_of(payload))
            self._publish(identity.scope, refusal)
            return None
        self._in_flight[identity] = self._in_flight.get(identity, 0) + 1
        noted = None if identity.origin is None else _noted(call, identity.origin, request, payload)
        future = self._turns.run(identity, _work(call, request, payload, noted))
        future.add_done_callback(self._finished(identity, call, request, payload))
        return future

    def _finished(
        self, identity: Requester, call: Call, request: ShadowRequest, payload: bytes
    ) -> Callable[[asyncio.Future[None]], None]:
        def finished(future: asyncio.Future[None]) -> None:
            self._in_flight[identity] -= 1
            if not future.cancelled() and future.exception() is not None:
                token = shadow.token_of(payload)
                self._publish(identity.scope, _rejected(request, 500, texts.shadows.INTERNAL_FAILURE, token))

        return finished

    def _publish(self, scope: Scope, message: Message) -> None:
        self._publisher.publish(message.topic, message.payload, _QOS, scope=scope)


def _noted(call: Call, origin: Origin, request: ShadowRequest, payload: bytes) -> Entry | None:
    """What the audit log is told of a request of an operator."""
    asked: iot_data.UpdateThingShadowRequest | iot_data.DeleteThingShadowRequest
    if request.operation == "update":
        asked = iot_data.UpdateThingShadowRequest(
            thing_name=request.thing_name, shadow_name=request.shadow_name or None, payload=payload
        )
    else:
        asked = iot_data.DeleteThingShadowRequest(
            thing_name=request.thing_name, shadow_name=request.shadow_name or None
        )
    return None if request.operation == "get" else audit.of_message(call, origin, _CHANGES, asked)


def _work(call: Call, request: ShadowRequest, payload: bytes, noted: Entry | None) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        try:
            _OPERATIONS[request.operation](tx, call, request, payload)
            if noted is not None:
                audit.append(tx, noted)
        except WireError as error:  # every refusal comes before the first write: nothing has to be undone
            token = shadow.token_of(payload)
            _tell(tx, call, _rejected(request, error.http_status, error.message, token))

    return work


def _get(tx: Tx, call: Call, request: ShadowRequest, payload: bytes) -> None:
    token = shadow.asked(payload).token
    shown = shadows.shown(tx, call, request.thing_name, request.shadow_name, token)
    _tell(tx, call, Message(topics.accepted(request.topic), shown))


def _update(tx: Tx, call: Call, request: ShadowRequest, payload: bytes) -> None:
    wanted = shadow.update(payload, limit=call.limits.shadow_bytes)
    shadows.updated(tx, call, request.thing_name, request.shadow_name, wanted)


def _delete(tx: Tx, call: Call, request: ShadowRequest, payload: bytes) -> None:
    shadows.deleted(tx, call, request.thing_name, request.shadow_name, shadow.asked(payload))


_OPERATIONS: dict[str, Callable[[Tx, Call, ShadowRequest, bytes], None]] = {
    "get": _get,
    "update": _update,
    "delete": _delete,
}


_CHANGES: dict[type, tuple[str, str]] = {
    iot_data.UpdateThingShadowRequest: ("iot-data", "UpdateThingShadow"),
    iot_data.DeleteThingShadowRequest: ("iot-data", "DeleteThingShadow"),
}


def _tell(tx: Tx, call: Call, message: Message) -> None:
    tx.effects.append(ShadowMessages(call.account, call.region, [message]))


def _rejected(request: ShadowRequest, code: int, text: str, token: str | None) -> Message:
    payload = shadow.rejected(code, text, token=token)
    return Message(topics.rejected(request.topic), payload)
