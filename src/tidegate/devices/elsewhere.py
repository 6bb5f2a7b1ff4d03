"""Operations about a client that is connected to another server on the store: GetConnection and its like.

Whoever is asked for one and does not have the client connected asks the others, over their channel, to carry it out,
and each answers. The server that has the client connected is believed, then this one, then one that knows the client
otherwise. A server that does not answer in time counts as one that knows nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from tidegate.devices import clients
from tidegate.devices.server import Server
from tidegate.ops.broker import MessageBroker
from tidegate.ops.call import Call, Origin
from tidegate.ops.effects import Acting, ClientAnswered, ClientSought
from tidegate.ops.handler import AtBroker
from tidegate.ops.table import HANDLERS
from tidegate.runtime.relay import Relay
from tidegate.runtime.service import BrokerCall, Service
from tidegate.wire import iot_data
from tidegate.wire.errors import WireError
from tidegate.wire.routes import OPERATIONS

Q = TypeVar("Q")
R = TypeVar("R")

log = logging.getLogger("tidegate.mqtt")

_PATIENCE_S: Final = 2.0
"""For an answer, beside what the client has for its own."""
_CONFIRMATION_S: Final = 15
_NOTHING, _KNOWN, _CONNECTED = range(3)


class _Question:
    """What others are asked, and the best they have said."""

    def __init__(self, others: int) -> None:
        self.best: ClientAnswered | None = None
        self.settled = asyncio.Event()
        self._missing = others

    def hear(self, answer: ClientAnswered) -> None:
        self._missing -= 1
        if self.best is None or answer.knowledge > self.best.knowledge:
            self.best = answer
        if answer.knowledge == _CONNECTED or self._missing <= 0:
            self.settled.set()


class Elsewhere:
    """Asks, and answers. Lives on the event loop."""

    def __init__(self, service: Service, relay: Relay, server: Server, here: Callable[[], BrokerCall]) -> None:
        """``here`` opens this server's broker for a call, and no other's."""
        self._service = service
        self._relay = relay
        self._server = server
        self._here = here
        self._numbers = itertools.count()
        self._questions: dict[int, _Question] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self.effects = Acting({ClientSought: self._sought, ClientAnswered: self._answered})

    async def carry_out(self, handler: AtBroker[Q, R], broker: MessageBroker, call: Call, request: Q) -> R:
        """Run an operation where its client is.

        Raises:
            WireError: what it answers there.
        """
        if self._relay.alone or self._connected(call.account, call.region, request):
            return handler.run(broker, call, request)
        missing: iot_data.ResourceNotFoundException | None = None
        response: Any = None
        try:
            response = handler.run(broker, call, request)
        except iot_data.ResourceNotFoundException as error:
            missing = error
        found = await self._ask(call, request)
        if found is not None and (found.knowledge == _CONNECTED or (missing is not None and found.knowledge == _KNOWN)):
            return _read(call.origin.operation, found)  # type: ignore[no-any-return]
        if missing is not None:
            raise missing
        return response  # type: ignore[no-any-return]

    def _connected(self, account: str, region: str, request: Any) -> bool:
        return clients.connected(self._server, (account, region), request.client_id)

    async def _ask(self, call: Call, request: Any) -> ClientAnswered | None:
        question, number = _Question(self._relay.others), next(self._numbers)
        origin = call.origin
        sought = ClientSought(
            self._relay.name,
            number,
            origin.operation,
            call.account,
            call.region,
            call.principal,
            origin.request_id,
            msgspec.json.encode(request),
        )
        self._questions[number] = question
        patience = _PATIENCE_S + (_CONFIRMATION_S if getattr(request, "confirmation", None) else 0)
        try:
            self._relay.tell([sought])
            async with asyncio.timeout(patience):
                await question.settled.wait()
        except TimeoutError:
            log.warning("another server on the store did not say whether it has client %a", request.client_id)
        finally:
            del self._questions[number]
        return question.best

    def _answered(self, answer: ClientAnswered) -> None:
        question = self._questions.get(answer.number) if answer.asker == self._relay.name else None
        if question is not None:
            question.hear(answer)

    def _sought(self, sought: ClientSought) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(sought))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, sought: ClientSought) -> None:
        knowledge = _NOTHING
        more: dict[str, Any] = {}
        try:
            operation = ("iot-data", sought.operation)
            handler, request = HANDLERS[operation], _request(sought)
            assert isinstance(handler, AtBroker)
            connected = self._connected(sought.account, sought.region, request)
            origin = Origin(*operation, request_id=sought.request_id)
            call = await self._service.call(sought.account, sought.region, sought.principal, origin)
            knowledge = _CONNECTED if connected else _KNOWN
            response = await self._here().carry_out(handler, call, request)
            more = {"response": msgspec.json.encode(response)}
        except iot_data.ResourceNotFoundException:
            knowledge = _NOTHING
        except WireError as error:
            more = {"error": type(error).__name__, "message": error.message}
        except Exception:
            log.exception("%s for another server on the store failed", sought.operation)
            more = {"error": iot_data.InternalFailureException.__name__}
        self._relay.tell([ClientAnswered(sought.asker, sought.number, knowledge, **more)])


def _request(sought: ClientSought) -> Any:
    return msgspec.json.decode(sought.request, type=_FORMS[sought.operation][0])


def _read(operation: str, answer: ClientAnswered) -> Any:
    """What another server's answer says. Raises ``WireError``."""
    if answer.error:
        error: type[WireError] = getattr(iot_data, answer.error)
        raise error(answer.message)
    form = _FORMS[operation][1]
    return None if form is None else msgspec.json.decode(answer.response, type=form)


_FORMS: Final[dict[str, tuple[Any, Any]]] = {
    operation.name: (operation.request, operation.response) for operation in OPERATIONS["iot-data"].values()
}
