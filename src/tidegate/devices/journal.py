"""What of sessions and retained messages outlives the server, and when it is on disk (ADR 20).

The broker works in memory. It tells the journal what has changed of that which is kept; the journal writes the last
state of it once a turn of the loop, everything of that turn in one commit. A session that ends with its connection
never gets here. If the store does not take it, the changes stay, joined by what comes after, and are tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from tidegate.mqtt import codec
from tidegate.mqtt.codec import Properties
from tidegate.mqtt.identity import Scope
from tidegate.mqtt.session.keeping import Done, SessionState, Stored
from tidegate.mqtt.session.messages import Delivery, Message, Retained
from tidegate.ops import audit
from tidegate.ops.audit import Entry
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.unit import Unit
from tidegate.store import mqtt as kept
from tidegate.store import scopes
from tidegate.store.database import Lane, StoreError, Tx, in_lane, locks_rows

log = logging.getLogger("tidegate.mqtt")

_RETRY_S = 1.0
_RESERVED = 1 << 24
_ADOPTED = 200
"""Sessions that change their node in one transaction."""


class _Session(msgspec.Struct):
    """The changes of one session; None stands for what is gone."""

    state: SessionState | None = None
    ended: bool = False
    filters: dict[str, int | None] = {}
    messages: dict[int, Delivery | None] = {}

    def joined(self, later: _Session) -> _Session:
        """These changes followed by later ones."""
        if later.ended:
            return later
        state = later.state or self.state
        return _Session(state, False, self.filters | later.filters, self.messages | later.messages)


class _Batch:
    """What is written with one commit, and who waits for it."""

    def __init__(self) -> None:
        self.sessions: dict[int, _Session] = {}
        self.retained: dict[tuple[Scope, str], Retained | None] = {}
        self.noted: list[Entry] = []
        self.waiting: list[Done] = []

    def of(self, number: int) -> _Session:
        found = self.sessions.get(number)
        if found is None:
            found = self.sessions[number] = _Session()
        return found

    @property
    def empty(self) -> bool:
        return not (self.sessions or self.retained or self.noted)

    def take_in(self, later: _Batch) -> None:
        """Add what came after."""
        for number, changes in later.sessions.items():
            known = self.sessions.get(number)
            self.sessions[number] = known.joined(changes) if known else changes
        self.retained |= later.retained
        self.noted += later.noted
        self.waiting += later.waiting

    def done(self, written: bool) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each(written)


class Written:
    """The journal of a server with a store. Lives on the event loop."""

    def __init__(self, unit: Unit, node: int) -> None:
        """``node`` tells servers on one store apart."""
        self.changes = 0
        self.alone = True
        self._unit = unit
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._limited_log = RateLimitedLog(log)
        self._numbers = 0
        self._batch = _Batch()
        self._writing: asyncio.Future[None] | None = None
        self._scheduled: asyncio.Handle | None = None

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def session(self, number: int, state: SessionState) -> None:
        self._batch.of(number).state = state
        self._changed()

    def ended(self, number: int) -> None:
        self._batch.sessions[number] = _Session(ended=True)
        self._changed()

    def subscription(self, session: int, topic_filter: str, options: int | None) -> None:
        self._batch.of(session).filters[topic_filter] = options
        self._changed()

    def message(self, session: int, number: int, delivery: Delivery | None) -> None:
        messages = self._batch.of(session).messages
        if delivery is None and number in messages:
            del messages[number]  # it came and went between two commits
        else:
            messages[number] = delivery
        self._changed()

    def retained(self, scope: Scope, topic: str, retained: Retained | None) -> None:
        self._batch.retained[scope, topic] = retained
        self._changed()

    def noted(self, entry: Entry) -> None:
        """Put an entry into the audit log with what is changed in this turn of the loop."""
        self._batch.noted.append(entry)
        self._changed()

    def when_written(self, done: Done) -> None:
        if self._batch.empty and self._writing is None:
            done(True)
        else:
            self._batch.waiting.append(done)
            self._schedule()

    def clear(self) -> None:
        """Forget what is not written: the store was emptied."""
        batch, self._batch = self._batch, _Batch()
        batch.done(True)

    async def settled(self) -> None:
        """Wait until everything is on disk, or the store has refused it."""
        settled: asyncio.Future[None] = self._loop.create_future()

        def done(_written: bool) -> None:
            if not settled.done():
                settled.set_result(None)

        self.when_written(done)
        await settled

    # -- writing --

    def _changed(self) -> None:
        self.changes += 1
        self._schedule()

    def _schedule(self) -> None:
        if self._scheduled is None and self._writing is None:
            self._scheduled = self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._scheduled = None
        batch, self._batch = self._batch, _Batch()
        if batch.empty:
            batch.done(True)
            return
        self._writing = self._unit.transact(in_lane(Lane.HOUSE, locks_rows(lambda tx: _put(tx, self._node, batch))))
        self._writing.add_done_callback(lambda future: self._written(future, batch))

    def _written(self, future: asyncio.Future[None], batch: _Batch) -> None:
        self._writing = None
        error = future.exception()
        if error is None:
            batch.done(True)
            if not self._batch.empty or self._batch.waiting:
                self._schedule()
            return
        expected = isinstance(error, StoreError)
        cause = None if expected else error
        self._limited_log.error("MQTT sessions could not be stored: %s; tried again", error, exc_info=cause)
        waiting, batch.waiting = batch.waiting, []
        batch.take_in(self._batch)
        self._batch = batch
        self._scheduled = self._loop.call_later(_RETRY_S, self._write)
        for each in waiting:
            each(False)

    # -- reading --

    async def load(self) -> tuple[list[Stored], list[tuple[Scope, str, Retained]]]:
        """The sessions of this node and the retained messages of all scopes, as they were last written."""
        sessions, retained, last = await self._unit.read(in_lane(Lane.HOUSE, lambda tx: _load(tx, self._node)))
        self._numbers = max(self._numbers, last)
        return sessions, retained

    # -- sessions of other servers --

    def reserve(self) -> int:
        """The first of many numbers that are given to nobody else."""
        first = self._numbers + 1
        self._numbers += _RESERVED
        return first

    async def take(self, node: int, session: int, to: int, first: int) -> list[Delivery]:
        """Move what a session on another node waits for to one of this node; ``first`` as ``reserve`` has given it.

        Raises:
            StoreError: it is not known whether it was moved.
        """

        def work(tx: Tx) -> list[kept.Message]:
            _, waiting = kept.take(tx, node, session, session)
            moved = [each._replace(session=to, id=first + place) for place, each in enumerate(waiting)]
            kept.move(tx, node, self._node, list(zip(waiting, moved, strict=True)))
            return moved

        moved = await self._unit.transact(in_lane(Lane.HOUSE, locks_rows(work)))
        return [_delivery(each) for each in moved]

    async def nodes(self) -> list[int]:
        """The other nodes that have sessions."""
        found = await self._unit.read(in_lane(Lane.HOUSE, kept.nodes))
        return [each for each in found if each != self._node]

    async def adopt(self, node: int) -> list[Stored]:
        """Move some of the sessions of a node that is no more, with all that is theirs, to this one; empty if none is
        left.
        """
        own, first = self._node, self.reserve()
        return await self._unit.transact(in_lane(Lane.HOUSE, locks_rows(lambda tx: _adopt(tx, node, own, first))))

    # -- retained messages --

    async def retained_messages(self) -> list[tuple[Scope, str, Retained]]:
        """Those of all scopes, as servers have written them by now."""
        return await self._unit.read(in_lane(Lane.HOUSE, lambda tx: list(_retained(kept.retained(tx)))))


def _adopt(tx: Tx, node: int, own: int, first: int) -> list[Stored]:
    page = kept.some_sessions(tx, node, _ADOPTED)
    if not page:
        return []
    taken, waiting = kept.take(tx, node, page[0][0].id, page[-1][0].id)
    numbers = {row.id: first + place for place, (row, _) in enumerate(page)}
    first += len(page)
    moved = [each._replace(session=numbers[each.session], id=first + place) for place, each in enumerate(waiting)]
    kept.move(tx, node, own, list(zip(waiting, moved, strict=True)))
    found: dict[int, Stored] = {}
    for row, subscriptions in page:
        if row.id in taken:
            number = numbers[row.id]
            found[number] = stored = _stored(row._replace(id=number))
            stored.filters = [(each.filter, each.options) for each in subscriptions]
    for each in moved:
        found[each.session].waiting.append(_delivery(each))
    scope = {one.state.scope: scopes.ensure(tx, *one.state.scope) for one in found.values()}
    kept.put_sessions(tx, own, [(scope[one.state.scope], _row(number, one.state)) for number, one in found.items()])
    rows = [kept.Subscription(number, *each) for number, one in found.items() for each in one.filters]
    kept.put_subscriptions(tx, own, rows)
    return list(found.values())


def _put(tx: Tx, node: int, batch: _Batch) -> None:
    known: dict[Scope, int] = {}

    def scope_id(scope: Scope) -> int:
        if scope not in known:
            known[scope] = scopes.ensure(tx, *scope)
        return known[scope]

    kept.delete_sessions(tx, node, [number for number, each in batch.sessions.items() if each.ended])
    states = ((number, each.state) for number, each in batch.sessions.items() if each.state is not None)
    kept.put_sessions(tx, node, [(scope_id(state.scope), _row(number, state)) for number, state in states])
    _put_subscriptions(tx, node, batch)
    _put_messages(tx, node, batch)
    _put_retained(tx, batch, scope_id)
    for entry in batch.noted:
        audit.append(tx, entry)


def _put_subscriptions(tx: Tx, node: int, batch: _Batch) -> None:
    changes = [(number, *each) for number, one in batch.sessions.items() for each in one.filters.items()]
    put = [kept.Subscription(number, name, options) for number, name, options in changes if options is not None]
    kept.put_subscriptions(tx, node, put)
    kept.delete_subscriptions(tx, node, [(number, name) for number, name, options in changes if options is None])


def _put_messages(tx: Tx, node: int, batch: _Batch) -> None:
    changes = [(number, *each) for number, one in batch.sessions.items() for each in one.messages.items()]
    kept.delete_messages(tx, node, [(number, which) for number, which, delivery in changes if delivery is None])
    rows = [_message(number, which, delivery) for number, which, delivery in changes if delivery is not None]
    kept.put_messages(tx, node, rows)


def _put_retained(tx: Tx, batch: _Batch, scope_id: Callable[[Scope], int]) -> None:
    rows, gone = [], []
    for (scope, topic), retained in batch.retained.items():
        if retained is None:
            gone.append((scope_id(scope), topic))
            continue
        message = retained.message
        properties = _properties(message)
        row = kept.Retained(
            *scope,
            scope_id(scope),
            topic,
            message.payload,
            message.qos,
            properties,
            message.expires_at,
            retained.retained_at,
        )
        rows.append(row)
    kept.put_retained(tx, rows)
    kept.delete_retained(tx, gone)


def _row(number: int, state: SessionState) -> kept.Session:
    return kept.Session(number, *state.scope, state.client_id, state.level, state.expiry, state.expires_at)


def _message(session: int, number: int, delivery: Delivery) -> kept.Message:
    one = delivery.message
    return kept.Message(
        session, number, one.topic, one.payload, delivery.retain, _properties(one), one.expires_at, one.newest_only
    )


def _properties(message: Message) -> bytes | None:
    return None if message.properties is None else codec.encode_properties(message.properties)


def _read_properties(data: bytes | None) -> Properties | None:
    return None if data is None else codec.decode_properties(data)


def _load(tx: Tx, node: int) -> tuple[list[Stored], list[tuple[Scope, str, Retained]], int]:
    found: dict[int, Stored] = {}
    last = 0
    for page, subscriptions, messages in kept.sessions(tx, node):
        for row in page:
            found[row.id] = _stored(row)
        for each in subscriptions:
            found[each.session].filters.append((each.filter, each.options))
        for one in messages:
            found[one.session].waiting.append(_delivery(one))
        last = max([last, page[-1].id, *(one.id for one in messages)])
    return list(found.values()), list(_retained(kept.retained(tx))), last


def _stored(row: kept.Session) -> Stored:
    state = SessionState((row.account, row.region), row.client_id, row.level, row.expiry_s, row.expires_at)
    return Stored(row.id, state, [], [])


def _delivery(row: kept.Message) -> Delivery:
    properties = _read_properties(row.properties)
    message = Message(row.topic, row.payload, 1, row.retain, properties, row.expires_at, row.newest_only)
    return Delivery(message, 1, row.retain, row.id)


def _retained(rows: Iterable[kept.Retained]) -> Iterable[tuple[Scope, str, Retained]]:
    for row in rows:
        properties = _read_properties(row.properties)
        message = Message(row.topic, row.payload, row.qos, True, properties, row.expires_at)
        yield (row.account, row.region), row.topic, Retained(message, row.retained_at)
