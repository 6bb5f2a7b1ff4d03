"""Real servers for tests: in this process, on a thread with an event loop of its own, on free ports."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import boto3
import uvloop
from botocore.config import Config

from tidegate.net.failures import Failures
from tidegate.s3 import app
from tidegate.server import Address, Options, assembly
from tidegate.server.assembly import Running

T = TypeVar("T")

ANY = Address("127.0.0.1", 0)
"""A free port on loopback."""

PATIENCE_S = 300
"""After this long something hangs, however busy the machine is."""


def options(data: Path, **changes: Any) -> Options:
    """Options of a server that disturbs nobody."""
    alone = Options(data=data, http=ANY, https=ANY, mqtts=ANY, shared=ANY, objects_listen=ANY, objects_apart=False)
    return alone._replace(**changes)


class Patient(Failures):
    """Tests fail to sign as often as they like; those of the throttling itself put the real thing back."""

    def note(self, address: str) -> None:
        """Forget it."""


app.Failures = Patient  # type: ignore[misc]


class Started:
    """A running server, seen from the test's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, running: Running) -> None:
        self._loop = loop
        self.running = running
        access_keys = running.service.access_keys
        access_keys.failures, access_keys._misses = Patient(), Patient()
        self.addresses = running.addresses

    def on_loop(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function on the server's loop."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=PATIENCE_S)

    def client(self, service: str, **changes: Any) -> Any:
        """A boto3 client that does not retry and signs with made-up credentials unless told otherwise."""
        settings = {
            "endpoint_url": self.addresses.objects if service == "s3" else self.addresses.http,
            "region_name": "eu-west-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        return boto3.session.Session().client(service, **{**settings, **changes})

    @contextmanager
    def storing(self, objects: Any) -> Iterator[Any]:
        """Have operations know this object storage, or none, instead of the server's own until the block is left."""
        service = self.running.service
        own, service.objects = service.objects, objects
        try:
            yield objects
        finally:
            service.objects = own

    def fetch(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """A plain HTTP request: status, headers with lower-case names, body. ``body`` is sent as JSON."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.addresses.http + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, _lower(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers), error.read()


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def started(wanted: Options) -> Iterator[Started]:
    """Run a server until the block is left. What made it fail to start or to stop is raised here."""
    begun = threading.Event()
    result: dict[str, Any] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        result["stop"] = lambda: loop.call_soon_threadsafe(stop.set)
        loop = asyncio.get_running_loop()
        async with assembly.running(wanted) as running:
            result["started"] = Started(loop, running)
            begun.set()
            await stop.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve())
        except Exception as error:  # noqa: BLE001 - raised again on the test's thread
            result["error"] = error
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="tidegate-test-server")
    thread.start()
    begun.wait(timeout=PATIENCE_S)
    try:
        if "error" not in result:
            yield result["started"]
    finally:
        if "stop" in result and "error" not in result:
            result["stop"]()
        thread.join(timeout=PATIENCE_S)
    if "error" in result:
        raise result["error"]
