"""One server's shared parts, and the path of every call through them: build it, run the handler, await durability."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from tidegate.clock import Clock, Ids, monotonic
from tidegate.core import arn as arns
from tidegate.core.injected import Faults
from tidegate.core.leniency import Leniency
from tidegate.net import allow_list
from tidegate.net.hooks import Hook, HookFaultError, Hooks
from tidegate.ops import audit
from tidegate.ops.audit import Entry
from tidegate.ops.broker import MessageBroker
from tidegate.ops.call import Authority, Call, Endpoints, Objects, Origin, Refused, unlimited
from tidegate.ops.effects import Acting, Missed, StoreEmptied
from tidegate.ops.handler import (
    AtBroker,
    Computed,
    ComputedInParts,
    Consulted,
    Handler,
    InParts,
    P,
    Prepared,
    Q,
    Question,
    R,
    Ranged,
    Read,
    Report,
    Unfinished,
    Write,
)
from tidegate.ops.quotas import Limits
from tidegate.pki.vault import Vault
from tidegate.runtime.access_keys import AccessKeys
from tidegate.runtime.injector import Injector
from tidegate.runtime.refusals import Refusals
from tidegate.runtime.relay import Relay
from tidegate.runtime.threads import Threads
from tidegate.runtime.unit import Unit
from tidegate.store import scopes
from tidegate.store.database import Lane, Tx, Work, in_lane

_NOWHERE = Origin()
_READERS = 4
"""Ranges of objects that are read at once: each is in memory until it is sent."""
_PART_S = 0.005
"""How long a part of an operation takes that is carried out in parts; what it looks at last may take it beyond."""


class Settings(NamedTuple):
    """What an operator chooses that handlers can see."""

    account: str = "000000000000"
    """The account of callers that name none: devices and unsigned requests."""
    region: str = "us-east-1"
    """The region of callers that name none."""
    partition: str = "aws"
    limits: Limits = Limits()
    endpoints: Endpoints = Endpoints()
    leniency: Leniency = Leniency()
    on_abort: str = "cancel"
    """What an abort criterion that is met does to a job whose tags do not say: ``cancel`` or ``pause``."""
    enforce_expiry: bool = True
    """Whether client certificates count within their validity only."""
    hooks: Mapping[str, Hook] = MappingProxyType({})
    """Where the functions that resources name by ARN are reached."""
    hook_hosts: tuple[str, ...] = ()


class BrokerCall(MessageBroker, Protocol):
    """The message broker for one call."""

    async def carry_out(self, handler: AtBroker[Q, R], call: Call, request: Q) -> R:
        """Run an operation; returns when what it asked for is done and durable.

        Raises:
            WireError: what it answers.
            StoreError: the store cannot take it.
        """
        ...


class Service:
    """What the edges share. Lives on one event loop."""

    def __init__(
        self,
        unit: Unit,
        clock: Clock,
        ids: Ids,
        settings: Settings,
        authority: Authority | None = None,
        objects: Objects | None = None,
        vault: Vault | None = None,
        relay: Relay | None = None,
    ) -> None:
        """``relay`` is the way to the other servers on the store; None where there can be none."""
        self.unit = unit
        self.clock = clock
        self.ids = ids
        self.settings = settings
        self.authority = authority
        self.objects = objects
        self.relay = relay
        self.vault = vault
        self.access_keys = AccessKeys(unit, vault)
        self.refusals = Refusals()
        self.injector: Injector | None = None
        """Faults that happen on purpose; None: none do."""
        self.objects_apart = False
        """Whether objects are served by another process, where faults of this one do not reach."""
        self.injecting: list[Callable[[], None]] = []
        """Those who want to know that other faults were chosen."""
        self.authorized: Counter[str] = Counter()
        """What custom authorizers made of clients: ``accepted``, or why not."""
        self.hooks = Hooks(settings.hook_hosts)
        self._scopes: dict[tuple[str, str], int] = {}
        self._parts = asyncio.Lock()
        self._threads = Threads(max(2, os.cpu_count() or 2), "devices")
        self._readers = Threads(_READERS, "ranges")
        unit.subscribe(Acting(dict.fromkeys((StoreEmptied, Missed), lambda _: self._scopes.clear())))

    def reached_at(self, endpoints: Endpoints) -> None:
        """Say where devices reach this server; that is known when its listeners are bound."""
        self.settings = self.settings._replace(endpoints=endpoints)

    def choose(self, limits: Limits, hooks: Mapping[str, Hook], hook_hosts: tuple[str, ...]) -> None:
        """Go on with other quotas and hooks; calls under way keep those they began with."""
        if hook_hosts != self.settings.hook_hosts:
            self.hooks = Hooks(hook_hosts)
        self.settings = self.settings._replace(limits=limits, hooks=hooks, hook_hosts=hook_hosts)

    def inject(self, faults: Faults | None) -> None:
        """Let faults happen from now on, counted anew; None: no more."""
        self.injector = None if faults is None else Injector(faults, self.clock)
        for told in self.injecting:
            told()

    def hooks_of(self, account: str) -> Mapping[str, Hook]:
        """The hooks whose ARNs are of an account: nobody has another's functions judge, or asks them what they say."""
        found = self.settings.hooks
        return {name: hook for name, hook in found.items() if arns.account_of(name) == account} if found else found

    async def invoke(
        self,
        handler: Handler,
        request: Any,
        *,
        account: str,
        region: str,
        principal: str,
        origin: Origin,
        refused: Refused | None = None,
        lane: Lane = Lane.OPERATORS,
        broker: Callable[[], BrokerCall] | None = None,
    ) -> Any:
        """Run an operation for a caller; returns its response once it is durable, and so is its entry in the audit log.

        ``refused`` tells what of what the operation meets inside the caller may not do; None if it may do all.
        ``broker`` opens the message broker for the call; to be given where an operation may be one ``AtBroker``.

        Raises:
            WireError: what the operation answers.
            StoreError: the store could not take it; nothing was kept, unless it says so (``OutcomeUnknown``).
        """
        call = await self.call(account, region, principal, origin)
        if refused is not None:
            call = call._replace(refused=refused)
        if isinstance(handler, AtBroker):
            assert broker is not None, "whoever offers operations at the broker hands it over"
            return await self._at_broker(handler, call, request, broker())
        return await self.carry_out(handler, call, request, lane=lane)

    async def carry_out(self, handler: Handler, call: Call, request: Any, *, lane: Lane = Lane.OPERATORS) -> Any:
        """The same for a call that is made, of an operation that is not ``AtBroker``."""
        match handler:  # what comes most often first
            case Read():
                return await self.unit.read(in_lane(lane, handler.transaction(call, request), call.account))
            case Write() | Report():
                work = self.work(handler, call, request)
            case ComputedInParts():
                found = await self._in_parts(handler, call, request, lane)
                return await asyncio.to_thread(handler.compute, call, request, found)
            case InParts():
                return await self._in_parts(handler, call, request, lane)
            case Computed():
                found = await self.unit.read(in_lane(lane, lambda tx: handler.read(tx, call, request), call.account))
                return await asyncio.to_thread(handler.compute, call, request, found)
            case Ranged():
                return await self._ranged(handler, call, request, lane)
            case Consulted():
                work = self.work(handler, call, request, await self._consulted(handler, call, request, lane))
            case Prepared():
                work = self.work(handler, call, request, await self._prepared(handler, call, request, lane))
            case _:
                work = self.work(handler, call, request)
        return await self.unit.transact(in_lane(lane, work, call.account))

    @staticmethod
    def work(handler: Handler, call: Call, request: Any, prepared: Any = None) -> Work[Any]:
        """What an operation does in its transaction, with its entry in the audit log if it leaves one."""
        work = handler.transaction(call, request, prepared)
        if audit.counts(handler, call, request):
            work = audit.recorded(work, handler, call, request)
        return work

    async def _ranged(self, handler: Ranged[Q, Any, R], call: Call, request: Q, lane: Lane) -> R:
        chosen = await self.unit.read(in_lane(lane, lambda tx: handler.choose(tx, call, request), call.account))
        held = handler.held(call, request, chosen)
        if held is not None:
            return held
        return await self._readers.run(call.account, partial(handler.read, call, request, chosen))

    async def _in_parts(self, handler: InParts[Q, Any], call: Call, request: Q, lane: Lane) -> Any:
        """An operation that looks at much, a little at a time: one part of one such call in a turn of the loop."""
        so_far: Unfinished | None = None
        while True:
            async with self._parts:
                answer = await self.unit.read(in_lane(lane, _part(handler, call, request, so_far), call.account))
                if not isinstance(answer, Unfinished):
                    return answer
                so_far = answer
                await asyncio.sleep(0)

    async def _at_broker(self, handler: AtBroker[Q, R], call: Call, request: Q, broker: BrokerCall) -> R:
        if audit.counts(handler, call, request):
            await self.unit.transact(audit.asked(call, request))
        return await broker.carry_out(handler, call, request)

    async def _prepared(self, handler: Prepared[Q, Any, P, R], call: Call, request: Q, lane: Lane) -> P | None:
        """What a handler does before its transaction; None if it finds nothing to do.

        Devices have threads of their own for it: when thousands want a key at once, no operator waits behind them, nor
        another account's devices behind all of them.
        """
        look, found = handler.look, None
        if look is not None:
            found = await self.unit.read(lambda tx: look(tx, call, request))
            if found is None:
                return None
        act = partial(handler.prepare, call, request, found)
        return await (self._threads.run(call.account, act) if lane is Lane.DEVICES else asyncio.to_thread(act))

    async def _consulted(self, handler: Consulted[Q, Any, P, R], call: Call, request: Q, lane: Lane) -> P:
        """The answer that a handler wants before its transaction."""
        found = await self.unit.read(in_lane(lane, lambda tx: handler.look(tx, call, request), call.account))
        question = handler.question(call, request, found)
        if question is None:
            return handler.read(None)
        try:
            answer: bytes | HookFaultError = await self._answer(question)
        except HookFaultError as error:
            answer = error
        return handler.read(answer)

    async def _answer(self, question: Question) -> bytes:
        where = question.hook.url
        if where.startswith(allow_list.SCHEME):
            return await asyncio.to_thread(allow_list.answer, where.removeprefix(allow_list.SCHEME), question.body)
        return await self.hooks.call(question.hook, question.body, timeout_s=question.timeout_s)

    async def note(self, entry: Entry) -> None:
        """Put an entry into the audit log of what no transaction covers; returns once it is durable."""
        await self.unit.transact(lambda tx: audit.append(tx, entry))

    async def call(self, account: str, region: str, principal: str, origin: Origin = _NOWHERE) -> Call:
        """What a handler is told about a call that arrives now."""
        scope = self._scopes.get((account, region))
        if scope is None:
            scope = await self._scope(account, region)
        return self.call_at(scope, account, region, principal, origin)

    def call_at(self, scope: int, account: str, region: str, principal: str, origin: Origin = _NOWHERE) -> Call:
        """The same for a scope whose id is known."""
        settings = self.settings
        return Call(  # by position: every request makes one
            scope,
            account,
            region,
            self.clock.now(),
            self.ids,
            principal,
            settings.partition,
            settings.limits,
            settings.endpoints,
            self.authority,
            self.objects,
            settings.leniency,
            unlimited,
            self.hooks_of(account) if settings.hooks else settings.hooks,
            origin,
            settings.on_abort,
        )

    async def _scope(self, account: str, region: str) -> int:
        work: Work[int] = lambda tx: scopes.ensure(tx, account, region)  # noqa: E731
        scope = await self.unit.transact(work)
        self._scopes[account, region] = scope
        return scope

    async def reset(self) -> None:
        """Empty the store, and the object storage if it is the server's own."""
        await self.unit.reset()
        if self.objects is not None:
            await asyncio.to_thread(self.objects.reset)
        self._scopes.clear()
        self.access_keys.forget()
        if self.relay is not None:
            self.relay.tell([StoreEmptied()])


def _part(handler: InParts[Q, Any], call: Call, request: Q, so_far: Unfinished | None) -> Work[Any]:
    def work(tx: Tx) -> Any:
        until = monotonic() + _PART_S
        return handler.run(tx, call, request, so_far, lambda: monotonic() >= until)

    return work
