"""The path of every request that a device makes by a message: decode, carry out, encode, in the order of arrival.

What the operations are, ``table`` says; how they run is ``Service``'s business as it is for HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from tidegate.core.injected import Rule
from tidegate.core.shadow import Message as Told
from tidegate.devices.large_answers import LargeAnswers
from tidegate.devices.ordering import InOrder
from tidegate.devices.plane import Publisher, Reply
from tidegate.devices.route import NOWHERE, Asked, Demand, Family, TooManyError, UnreadableError
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session import Message, Session, serving
from tidegate.net.fairness import Queues
from tidegate.ops.call import Call, Origin
from tidegate.ops.effects import Acting, ShadowMessages
from tidegate.ops.handler import Handler, Read, Report, Write
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime import injector
from tidegate.runtime.service import Service
from tidegate.store.database import Lane, Marked, Tx, Work
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.mqtt")
_DEVICE = Origin(edge="mqtt", device=True)
_QOS = 1
_SILENCE: Reply = ()
_MANY = 64
"""Slow requests of an account that are under way when no further client of it is let in."""
_AT_ONCE = (Read, Write, Report)
"""Kinds of one transaction and nothing else."""


class Requester(Protocol):
    """Who sends requests: the part of an identity that the operations need."""

    principal: str
    scope: Scope
    scope_id: int
    origin: Origin | None
    """None for a device, whose requests are no changes by an operator."""


class Dispatch:
    """Carries out requests. Lives on the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._in_order: InOrder[Reply] = InOrder(service.unit)
        self._large = LargeAnswers()
        self._slow: Counter[str] = Counter()  # requests of more than one transaction, by account
        self._entering: Queues[str, asyncio.Future[None]] = Queues()
        self.outcomes: Counter[tuple[str, str, str]] = Counter()
        self.sent: Counter[str] = Counter()
        """Requests of families that tell of refusals, by operation and what became of them."""
        self._limited_log = RateLimitedLog(log)
        self._in_flight: WeakKeyDictionary[Requester, dict[str, int]] = WeakKeyDictionary()

    def request(
        self,
        who: Requester,
        asked: Asked,
        message: Message,
        origin: Session | None,
        publisher: Publisher,
        *,
        spared: bool = False,
    ) -> asyncio.Future[Reply]:
        """Carry out one request; it is over, and what it changed is durable, when the future resolves.

        The reply is for the connection that asked. What concerns a family that is ``seen`` goes to subscribers instead,
        the request first of all; ``origin`` is the session that published it. ``spared``: no fault is to happen to it.
        """
        if self._service.injector is not None and not spared and asked.route is not NOWHERE:
            fault = self._service.injector.fault(":".join(asked.route.operation), asked.labels.get("thingName", ""))
            if fault is not None:
                return self._faulty(fault, who, asked, message, origin, publisher)
        call = self._call(who, asked, origin)
        if asked.family.seen:
            return self._seen(who, call, asked, message, origin, publisher)
        payload = message.payload
        try:
            demand = asked.route.demand(asked, payload)
        except (UnreadableError, WireError) as error:
            self._count(asked, call, error)
            return _settled(self._refused(asked, call.now, payload, None, error))
        if demand.weight and origin is not None and origin.connection is not None:
            origin.connection.count_in(0, demand.weight, 0)
            return self._in_order.follow(who, partial(self._send_much, origin, call, asked, payload, demand))
        return self._run(who, call, asked, payload, demand)

    async def turn(self, account: str) -> None:
        """Wait until one more client of an account may come and ask for something slow."""
        while self._slow[account] >= _MANY:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._entering.put(account, turn)
            await turn

    def _faulty(
        self,
        fault: Rule,
        who: Requester,
        asked: Asked,
        message: Message,
        origin: Session | None,
        publisher: Publisher,
    ) -> asyncio.Future[Reply]:
        """A request to which a fault happens on purpose."""
        if fault.fault == "disconnect":
            if origin is not None and (connection := serving(origin)) is not None:
                connection.holder.abort()
            return _settled(_SILENCE)
        refused = None if fault.fault == "skew" else injector.refusal(fault, asked.route.operation[0])
        if refused is None:
            answer = self.request(who, asked, message, origin, publisher, spared=True)
            return injector.late(fault, injector.changed(answer, partial(injector.reply, fault)))
        try:
            token = asked.route.demand(asked, message.payload).token
        except (UnreadableError, WireError):  # it is refused for what it is
            return self.request(who, asked, message, origin, publisher, spared=True)
        reply = self._refused(asked, self._service.clock.now(), message.payload, token, refused)
        if asked.family.seen:
            _publish(publisher, who.scope, reply)
            return _settled(_SILENCE)
        return _settled(reply)

    def failed(self, asked: Asked, payload: bytes, error: BaseException) -> Reply:
        """The answer to a request that was not carried out, and the fault is ours."""
        return self._refused(asked, self._service.clock.now(), payload, None, error)

    def _call(self, who: Requester, asked: Asked, session: Session | None) -> Call:
        origin = who.origin
        if origin is None:
            origin = _DEVICE
        elif not origin.device:
            plane, operation = asked.route.operation
            origin = origin._replace(plane=plane, operation=operation, resources=asked.route.resources)
        if asked.family.asks_who and session is not None:
            connection = session.connection
            address = origin.source if connection is None else connection.address
            most = 0 if connection is None else connection.max_packet
            origin = origin._replace(client_id=session.client_id, source=address, max_packet=most)
        return self._service.call_at(who.scope_id, *who.scope, who.principal, origin)

    def _run(self, who: Requester, call: Call, asked: Asked, payload: bytes, demand: Demand) -> asyncio.Future[Reply]:
        handler = demand.handler
        if not isinstance(handler, _AT_ONCE):
            return self._counted(call.account, partial(self._carry_out, call, asked, payload, demand), who)
        # What a device does leaves no entry in the audit log, which spares its requests a detour.
        device = call.origin.device
        run = handler.run if device else self._recorded(handler)
        first = (who.scope_id, asked.labels["thingName"]) if asked.family.together else None
        work = self._answered(run, call, asked, payload, demand)
        reads = device and isinstance(handler, Read)
        return self._in_order.run(who, Marked(work, Lane.DEVICES, locks_rows=True, first=first, reads=reads))

    def _counted(self, account: str, begin: Callable[[], Awaitable[Reply]], who: Requester) -> asyncio.Future[Reply]:
        """Carry out what is slow; when it is done somebody may come in."""
        answer = self._in_order.follow(who, begin)
        self._slow[account] += 1

        def done(_answer: asyncio.Future[Reply]) -> None:
            self._slow[account] -= 1
            if self._slow[account] < _MANY:
                self._let_in(account)
            if not self._slow[account]:
                del self._slow[account]

        answer.add_done_callback(done)
        return answer

    def _let_in(self, account: str) -> None:
        """Let in the next of an account who still waits, or all if nothing is under way that would do it later."""
        while account in self._entering:
            turn = self._entering.take(account)
            if not turn.done():
                turn.set_result(None)
                if self._slow[account]:
                    return

    def _recorded(self, handler: Handler) -> Callable[[Tx, Call, Any], Any]:
        return lambda tx, call, request: self._service.work(handler, call, request)(tx)

    def _answered(
        self, run: Callable[[Tx, Call, Any], Any], call: Call, asked: Asked, payload: bytes, demand: Demand
    ) -> Work[Reply]:
        """A work that ends with the answer: refusals, too, which come before the first write, so nothing is undone."""

        def work(tx: Tx) -> Reply:
            try:
                response = run(tx, call, demand.request)
                reply = asked.route.answer(asked, call.now, demand.token, response)
            except WireError as error:
                reply = self._refused(asked, call.now, payload, demand.token, error)
            if reply and asked.family.seen:
                tx.effects.append(ShadowMessages(call.account, call.region, [Told(*each) for each in reply]))
                return _SILENCE
            return reply

        return work

    async def _carry_out(self, call: Call, asked: Asked, payload: bytes, demand: Demand) -> Reply:
        """A demand that takes more than one transaction. Of families that are not ``seen`` only."""
        try:
            response = await self._service.carry_out(demand.handler, call, demand.request, lane=Lane.DEVICES)
        except WireError as error:
            self._count(asked, call, error)
            return self._refused(asked, call.now, payload, demand.token, error)
        self._count(asked, call, None)
        reply = asked.route.answer(asked, call.now, demand.token, response)
        if asked.family.counted:
            self.sent[asked.family.counted] += sum(len(payload) for _, payload in reply)
        return reply

    async def _send_much(self, session: Session, call: Call, asked: Asked, payload: bytes, demand: Demand) -> Reply:
        """A demand with a large answer: not made before the client has taken the one before, and behind small ones."""
        await self._large.turn(call.account)
        while (connection := serving(session)) is not None:
            drained = connection.holder.drained()
            if drained is None:
                return await self._carry_out(call, asked, payload, demand)
            await drained
        return _SILENCE

    def _count(self, asked: Asked, call: Call, error: Exception | None) -> None:
        """Count what became of a request, and tell, where its family does so."""
        tell, route = asked.family.tell, asked.route
        if route is NOWHERE:
            return
        if asked.family.counted:
            outcome = "accepted" if error is None else getattr(error, "reason", type(error).__name__)
            self.outcomes[asked.family.counted, route.operation[1], outcome] += 1
        if tell is not None and isinstance(error, WireError):
            tell(asked, call, error, self._limited_log)

    def _refused(self, asked: Asked, now: int, payload: bytes, token: str | None, error: BaseException) -> Reply:
        refuse = asked.family.refuse
        return _SILENCE if refuse is None else refuse(asked, now, payload, token, error)

    # -- what subscribers see --

    def _seen(
        self,
        who: Requester,
        call: Call,
        asked: Asked,
        message: Message,
        origin: Session | None,
        publisher: Publisher,
    ) -> asyncio.Future[Reply]:
        family, payload = asked.family, message.payload
        publisher.spread(message, who.scope, origin)
        try:
            demand = asked.route.demand(asked, payload)
            self._enter(who, family)
        except (UnreadableError, WireError, TooManyError) as error:
            _publish(publisher, who.scope, self._refused(asked, call.now, payload, None, error))
            return _settled(_SILENCE)
        future = self._run(who, call, asked, payload, demand)

        def finished(future: asyncio.Future[Reply]) -> None:
            self._in_flight[who][family.root] -= 1
            error = None if future.cancelled() else future.exception()
            if error is not None:
                _publish(publisher, who.scope, self.failed(asked, payload, error))

        future.add_done_callback(finished)
        return future

    def _enter(self, who: Requester, family: Family) -> None:
        """Count a request, unless there are too many."""
        counts = self._in_flight.setdefault(who, {})
        count = counts.get(family.root, 0)
        if family.in_flight is not None and count >= family.in_flight:
            raise TooManyError
        counts[family.root] = count + 1


def telling(publisher: Publisher) -> Acting:
    """A listener to effects that publishes what transactions have to tell subscribers."""

    def told(effect: ShadowMessages) -> None:
        _publish(publisher, (effect.account, effect.region), effect.messages)

    return Acting({ShadowMessages: told})


def _publish(publisher: Publisher, scope: Scope, messages: Iterable[tuple[str, bytes]]) -> None:
    for topic, payload in messages:
        publisher.publish(topic, payload, _QOS, scope=scope)


def _settled(reply: Reply) -> asyncio.Future[Reply]:
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    future.set_result(reply)
    return future
