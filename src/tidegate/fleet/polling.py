"""A simulated device without MQTT: it asks over HTTPS every so often whether there is something to do.

Each exchange has a connection of its own, as of a device that sleeps in between. They are blocking (``http.client``),
in a pool of threads that all devices share.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from tidegate.fleet.agent import Agent, Execution, Watcher, told
from tidegate.fleet.behaviour import Behaves

_THREADS = 16
_TIMEOUT_S = 30.0
_UNSIGNED = "AWS4-HMAC-SHA256 Credential=any/20260101/{}/iot-jobs-data/aws4_request, SignedHeaders=host, Signature=0"
"""What an endpoint that verifies nothing learns from a signature: which service is meant."""


class Answer(NamedTuple):
    """Of the service; ``code`` is "" if it took the request, else the error's name without ``Exception``."""

    code: str
    body: bytes


class Exchanges:
    """Where devices send requests; ``url`` is ``https://host:port``, or ``http://`` where anybody is taken."""

    def __init__(self, url: str, context: ssl.SSLContext | None, region: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "localhost", parts.port
        self.context = context
        self._tls = parts.scheme == "https"
        self._headers = {"Content-Type": "application/json"}
        if parts.scheme != "https":
            self._headers["Authorization"] = _UNSIGNED.format(region)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tidegate-poll")

    async def send(self, method: str, path: str, body: bytes | None) -> Answer:
        """One request.

        Raises:
            OSError: no answer came.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._exchange, method, path, body)

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        if self._tls:
            connection: HTTPConnection = HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT_S, context=self.context
            )
        else:
            connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, body, self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        if answer.status < 300:
            return Answer("", content)
        return Answer(_code(answer.headers.get("x-amzn-ErrorType"), answer.status), content)

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _code(named: str | None, status: int) -> str:
    return (named or f"HTTP {status}").partition(":")[0].removesuffix("Exception")


class Poller(Agent):
    """One device. ``come`` and ``close`` are its power switch."""

    __slots__ = ("_exchanges", "_interval_s", "_next", "_on", "_path", "_tasks")

    def __init__(
        self, thing_name: str, behaviour: Behaves, watcher: Watcher, exchanges: Exchanges, interval_s: float
    ) -> None:
        super().__init__(thing_name, behaviour, watcher)
        self._exchanges, self._interval_s = exchanges, interval_s
        self._path = f"/things/{quote(thing_name, safe='')}/jobs/"
        self._next: asyncio.TimerHandle | None = None
        self._on = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def online(self) -> bool:
        return self._on

    def come(self, after_s: float = 0.0) -> None:
        """Ask for the first time in a while, and then every ``interval_s`` seconds while there is nothing to do."""
        self._on = True
        self._watcher.connected(self)
        self._next = self._loop.call_later(after_s, self._poll)

    async def close(self) -> None:
        self._on = False
        self._rest()
        if self._next is not None:
            self._next.cancel()
        for task in self._tasks:
            task.cancel()

    def _poll(self) -> None:
        self._next = self._loop.call_later(self._interval_s, self._poll)
        if not self.busy:
            if self.execution is None:
                self._ask()
            else:  # it is silent about that one: is it still the next?
                self._ask_next()

    def _ask_next(self) -> None:
        self._send_off("GET", f"{self._path}$next", None, lambda body: self._look(_head(body)))

    def _ask_start(self) -> None:
        self._send_off("PUT", f"{self._path}$next", b"{}", lambda body: self._begin(told(body)))

    def _tell(self, job_id: str, update: bytes) -> None:
        self._send_off("POST", self._path + quote(job_id, safe=""), update, lambda _: self._accepted(job_id), job_id)

    def _send_off(
        self, method: str, path: str, body: bytes | None, took: Callable[[bytes], None], job_id: str | None = None
    ) -> None:
        task = self._loop.create_task(self._exchange(method, path, body, took, job_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(
        self, method: str, path: str, body: bytes | None, took: Callable[[bytes], None], job_id: str | None
    ) -> None:
        try:
            answer = await self._exchanges.send(method, path, body)
        except OSError as error:
            self._watcher.lost(self, error)
            return  # it is asked again when nobody has answered
        if not answer.code:
            took(answer.body)
        elif method == "GET" and answer.code == "ResourceNotFound":
            self._look(None)
        else:
            self._rejected(answer.code, job_id)


def _head(body: bytes) -> Execution | None:
    try:
        return told(body)
    except msgspec.DecodeError:
        return None
