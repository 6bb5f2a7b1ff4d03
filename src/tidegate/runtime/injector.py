"""Carries faults by seed out (``core.injected``): counts requests, words refusals, remembers what it did.

One server's. Nothing of it is asked while no faults are chosen: ``Service.injector`` is None then.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tidegate.clock import Clock
from tidegate.core import injected, texts
from tidegate.core.injected import Faults, Rule
from tidegate.ops import device
from tidegate.wire import iot, iot_data, jobs_data
from tidegate.wire.errors import InvalidSignatureException, WireError
from tidegate.wire.routes import OPERATIONS

KNOWN: Final = frozenset(f"{plane}:{name}" for plane, operations in OPERATIONS.items() for name in operations)
"""Operations that faults can be about."""
_REMEMBERED: Final = 1000
_TIMESTAMP: Final = re.compile(rb'("timestamp":)(\d+)')
_PLANES: Final[Mapping[str, Any]] = {"iot": iot, "iot-jobs-data": jobs_data, "iot-data": iot_data}
_FAILED: Final = "An unexpected error has occurred."
_AWAY: Final = "The service is temporarily unavailable. Nothing was changed."
_CHANGED: Final = "The resource was changed meanwhile: read it again."
_LATE: Final = "Signature expired: the clock of the client differs from that of the service by {} s"


class Injected(NamedTuple):
    """A fault that happened."""

    fault: str
    rule: int
    operation: str
    thing: str
    number: int


class Injector:
    """Faults that were chosen, and what has come of them. Lives on the event loop."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self.faults = faults
        self.last: deque[Injected] = deque(maxlen=_REMEMBERED)
        """What happened last, the oldest first."""
        self.total: Counter[str] = Counter()
        """How many of each fault."""
        self.expired: set[str] = set()
        """Signatures of URLs that have expired in the middle of a download."""
        self._clock, self._since = clock, clock.now()
        self._numbers: Counter[tuple[str, str]] = Counter()

    def fault(self, operation: str, thing: str) -> Rule | None:
        """What happens to a request; counts it."""
        key = thing, operation
        self._numbers[key] += 1
        number = self._numbers[key]
        place = injected.decide(self.faults, operation, thing, number, self._clock.now() - self._since)
        if place is None:
            return None
        rule = self.faults.rules[place]
        self.last.append(Injected(rule.fault, place, operation, thing, number))
        self.total[rule.fault] += 1
        return rule


def refusal(rule: Rule, plane: str) -> WireError | None:
    """What a caller is told instead of being served; None if the fault is no refusal."""
    errors = _PLANES[plane]
    match rule.fault:
        case "throttle":
            refused: WireError = errors.ThrottlingException(texts.operators.THROTTLED)
            return refused
        case "unavailable":
            away: WireError = errors.ServiceUnavailableException(_AWAY)
            return away
        case "error":
            return iot.InternalFailureException(_FAILED)
        case "skew":
            return InvalidSignatureException(_LATE.format(round(rule.by_ms / 1000)))
        case "conflict" if plane == "iot-jobs-data":
            return device.VersionMismatch(_CHANGED)
        case "conflict":
            kind = errors.VersionConflictException if plane == "iot" else errors.ConflictException
            changed_since: WireError = kind(_CHANGED)
            return changed_since
    return None


Reply = Sequence[tuple[str, bytes]]


def reply(rule: Rule, answers: Reply) -> Reply:
    """What is left of messages, topic and payload each, to which a fault happens."""
    match rule.fault:
        case "lose":
            return ()
        case "double":
            return (*answers, *answers)
        case "skew":
            off = round(rule.by_ms / 1000)
            return [
                (topic, _TIMESTAMP.sub(lambda m: b"%b%d" % (m[1], int(m[2]) + off), body)) for topic, body in answers
            ]
    return answers


def late(rule: Rule, answer: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """The same answer, later if that is the fault."""
    if rule.fault != "delay":
        return answer
    loop = asyncio.get_running_loop()
    made: asyncio.Future[Any] = loop.create_future()
    answer.add_done_callback(lambda done: loop.call_later(rule.by_ms / 1000, _hand_over, done, made, None))
    return made


def changed(answer: asyncio.Future[Any], change: Callable[[Any], Any]) -> asyncio.Future[Any]:
    """The same answer, its result changed."""
    made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answer.add_done_callback(lambda done: _hand_over(done, made, change))
    return made


def _hand_over(done: asyncio.Future[Any], made: asyncio.Future[Any], change: Callable[[Any], Any] | None) -> None:
    if made.done():
        return
    if done.cancelled():
        made.cancel()
    elif (error := done.exception()) is not None:
        made.set_exception(error)
    else:
        made.set_result(done.result() if change is None else change(done.result()))
