"""Questions across the socket between the endpoint's process and the server's: a JSON array a line, answered by number.

    endpoint -> server   [7, "credential", ["AKIA…", null]]
    server -> endpoint   [7, ["secret", "arn:…", "0000…", null], null]

Under the number 0 the endpoint tells what it has answered, and the server tells it to stop.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from tidegate.clock import Millis
from tidegate.core.contexts import Place

_AWAY: Final = "the store does not answer"


class AwayError(Exception):
    """Whoever answers cannot just now: the server's store is not there."""


class Credential(NamedTuple):
    """The secret of an access key, and whose it is."""

    secret: str
    principal: str
    account: str
    expires_at: Millis | None = None
    """Of temporary credentials, by the wall clock."""


class Act(NamedTuple):
    """What the holder of an access key is about to do."""

    account: str
    operation: str
    resource: str
    """An ARN."""
    request_id: str


class Gate(Protocol):
    """What the endpoint asks. What is to be awaited raises ``AwayError``."""

    async def credential(self, key_id: str, token: str | None) -> Credential | None:
        """The secret and the owner of an access key."""
        ...

    async def authorise(self, key_id: str, token: str | None, action: str, resource: str, place: Place) -> str | None:
        """None if a key's holder may do something to a resource (an ARN), else the sentence that refuses it."""
        ...

    async def note(self, key_id: str, token: str | None, act: Act, place: Place) -> None:
        """Put into the audit log what is about to be done; returns once that is durable."""
        ...

    def refused(self, address: str, who: str, code: str) -> None:
        """Count a refusal for the audit log."""
        ...

    async def now(self) -> Millis:
        """The service's clock."""
        ...


class Line:
    """The endpoint's end of the socket; a ``Gate``.

    Raises ``ConnectionError`` where the server is gone, ``AwayError`` where its store is, ``RuntimeError`` where
    it could not answer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.told_to_stop = asyncio.get_running_loop().create_future()
        """True once the server says so, False once it is gone without a word."""
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._ended = False

    async def run(self) -> None:
        """Take in answers until the server is gone."""
        try:
            while line := await self._reader.readline():
                self._take(*msgspec.json.decode(line))
        except ConnectionError:
            pass
        self._ended = True
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the server is gone"))
        if not self.told_to_stop.done():
            self.told_to_stop.set_result(False)

    def _take(self, number: int, value: Any, fault: str | None) -> None:
        waiting = self._open.pop(number, None) if number else self.told_to_stop
        if waiting is None or waiting.done():
            return
        if fault is None:
            waiting.set_result(value)
        else:
            waiting.set_exception(AwayError(fault) if fault == _AWAY else RuntimeError(fault))

    async def _ask(self, name: str, *arguments: Any) -> Any:
        if self._ended:
            raise ConnectionResetError("the server is gone")
        number = next(self._numbers)
        waiting = asyncio.get_running_loop().create_future()
        self._open[number] = waiting
        self._writer.write(msgspec.json.encode([number, name, arguments]) + b"\n")
        return await waiting

    def tell(self, name: str, *arguments: Any) -> None:
        """Say something that needs no answer; it is lost where the server is gone."""
        if not self._ended and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode([0, name, arguments]) + b"\n")

    async def credential(self, key_id: str, token: str | None) -> Credential | None:
        found = await self._ask("credential", key_id, token)
        return None if found is None else Credential(*found)

    async def authorise(self, key_id: str, token: str | None, action: str, resource: str, place: Place) -> str | None:
        told: str | None = await self._ask("authorise", key_id, token, action, resource, place)
        return told

    async def note(self, key_id: str, token: str | None, act: Act, place: Place) -> None:
        await self._ask("note", key_id, token, act, place)

    def refused(self, address: str, who: str, code: str) -> None:
        self.tell("refused", address, who, code)

    async def now(self) -> Millis:
        return int(await self._ask("now"))


STOP = msgspec.json.encode([0, True, None]) + b"\n"
"""What the server says when the endpoint shall finish what is under way, and end."""


async def answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    gate: Gate,
    told: Mapping[str, Callable[..., None]],
    failed: Callable[[Exception], None],
) -> None:
    """The server's end: answer until the endpoint is gone. ``failed`` hears of questions that could not be answered."""
    known: dict[str, Callable[..., Awaitable[Any]]] = {
        "credential": gate.credential,
        "authorise": lambda key_id, token, action, resource, place: gate.authorise(
            key_id, token, action, resource, Place(*place)
        ),
        "note": lambda key_id, token, act, place: gate.note(key_id, token, Act(*act), Place(*place)),
        "now": gate.now,
    }
    under_way: set[asyncio.Task[None]] = set()

    async def one(number: int, name: str, arguments: list[Any]) -> None:
        value = fault = None
        try:
            value = await known[name](*arguments)
        except AwayError:  # the other end writes its line
            fault = _AWAY
        except Exception as error:  # noqa: BLE001 - the endpoint must not wait for ever
            failed(error)
            fault = "the server could not answer"
        writer.write(msgspec.json.encode([number, value, fault]) + b"\n")

    while line := await reader.readline():
        number, name, arguments = msgspec.json.decode(line)
        if number == 0:
            told[name](*arguments)
            continue
        task = asyncio.get_running_loop().create_task(one(number, name, arguments))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
