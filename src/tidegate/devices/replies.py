"""The replies a connection waits for, sent in the order of its requests, each as soon as those before it are out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from tidegate import clock
from tidegate.devices.plane import Reply
from tidegate.faults import Unavailable
from tidegate.mqtt.reserved import Claim
from tidegate.mqtt.session import Connection, Request
from tidegate.rate_limited_log import RateLimitedLog

log = logging.getLogger("tidegate.mqtt")
T = TypeVar("T")


class Replies:
    """The requests of one connection that are not answered yet. ``settled`` is called when some were answered."""

    __slots__ = ("_clock", "_connection", "_failed", "_limited_log", "_settled", "pending")

    def __init__(
        self,
        connection: Connection,
        time: clock.Clock,
        settled: Callable[[], None],
        failed: Callable[[Claim, bytes, BaseException], Reply],
        limited_log: RateLimitedLog,
    ) -> None:
        """``failed`` words the reply to a request that ended with an exception."""
        self._connection = connection
        self._limited_log = limited_log
        self._clock = time
        self._settled = settled
        self._failed = failed
        self.pending: deque[tuple[Request, asyncio.Future[Reply]]] = deque()
        """What awaits its reply, in the order of the requests."""

    def await_answer(self, request: Request, answer: asyncio.Future[Reply]) -> None:
        """Send the reply to a request when the service has it."""
        self.pending.append((request, answer))
        answer.add_done_callback(self._settle)

    @property
    def due(self) -> list[asyncio.Future[Reply]]:
        """The answers of the service that are still to come."""
        return [answer for _, answer in self.pending]

    def _settle(self, _answer: asyncio.Future[Reply]) -> None:
        """Send the replies that are due, none before its predecessor."""
        queue, now = self.pending, self._clock.now()
        while queue and queue[0][1].done():
            self._reply(*queue.popleft(), now)
        self._settled()

    def _reply(self, request: Request, answer: asyncio.Future[Reply], now: clock.Millis) -> None:
        message = request.message
        error = fault(answer)
        if error is None and not answer.cancelled():
            reply = answer.result()
        else:
            outcome(answer, message.topic, self._limited_log)
            reply = self._failed(request.claim, message.payload, error or asyncio.CancelledError())
        for topic, payload in reply:
            self._connection.reply(topic, payload, message.qos, now)


def outcome(future: asyncio.Future[T], what: str, limited_log: RateLimitedLog) -> T | None:
    """The result of a call on the service; None, and a log record, if it failed."""
    error = fault(future)
    if isinstance(error, Unavailable):
        limited_log.error("%s failed: %s", what, error)
    elif error is not None:
        log.error("%s failed", what, exc_info=error)
    if error is not None or future.cancelled():
        return None
    return future.result()


def fault(future: asyncio.Future[T]) -> BaseException | None:
    """What a call on the service failed with, if it failed and was not taken back."""
    return None if future.cancelled() else future.exception()
