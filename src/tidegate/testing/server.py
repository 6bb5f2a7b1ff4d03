"""A whole server in this process, on a thread with an event loop of its own, on free loopback ports.

    with serving(tmp_path) as server:
        server.client("iot").create_thing(thingName="lamp")
        server.clock.advance(minutes=5)

Its clock stands still at the present until it is moved, and authentication is off: any credentials are taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from tidegate.clock import MovableClock, wall_now
from tidegate.core import injected
from tidegate.core.injected import Faults
from tidegate.runtime.injector import KNOWN, Injected
from tidegate.server import Address, Addresses, Options, assembly
from tidegate.server.assembly import Running
from tidegate.testing.clock import Clock
from tidegate.testing.device import Credentials, Device, new_credentials

T = TypeVar("T")

_ANY_PORT = Address("127.0.0.1", 0)
_ANY_CREDENTIALS = ("test", "test")
_TIMEOUT_S = 30.0
_LONG_S = 120.0


class Server:
    """A running server, seen from the thread of the tests.

    ``addresses`` tell where it listens, ``clock`` moves its time. boto3 clients are kept and shared, since making one
    takes longer than most tests.
    """

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        assert isinstance(running.service.clock, MovableClock)
        self.addresses: Addresses = running.addresses
        self.clock = Clock(running.timeline, self._await)
        self._running = running
        self._loop = loop
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client for ``iot``, ``iot-jobs-data``, ``iot-data`` or ``s3``; it does not retry.

        Raises:
            ModuleNotFoundError: boto3 is not installed.
        """
        key = (service, region or self.addresses.region)
        if key not in self._clients:
            self._clients[key] = self._new_client(*key)
        return self._clients[key]

    def _new_client(self, service: str, region: str) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "tidegate's fixtures drive the server with boto3, which is not installed: pip install boto3",
                name=error.name,
            ) from None
        session = boto3.session.Session(*_ANY_CREDENTIALS, region_name=region)
        config = Config(retries={"total_max_attempts": 1})
        endpoint = self.addresses.objects if service == "s3" else self.addresses.http
        return session.client(service, endpoint_url=endpoint, config=config)

    def device(self, thing_name: str, *groups: str) -> Device:
        """A device for a test to play. Its thing and the thing groups are created if need be, and it joins them."""
        iot = self.client("iot")
        arn: str = iot.create_thing(thingName=thing_name)["thingArn"]
        for group in groups:
            with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):  # an earlier device made it
                iot.create_thing_group(thingGroupName=group)
            iot.add_thing_to_thing_group(thingName=thing_name, thingGroupName=group)
        return Device(thing_name, arn, iot, self.client("iot-jobs-data"))

    def credentials(self, thing_name: str, folder: Path) -> Credentials:
        """What an MQTT client needs to connect as a thing that exists: where to, and a new certificate in ``folder``.

        The certificate may do what a device does: connect under the thing's name and use the thing's own topics.
        """
        return new_credentials(self.client("iot"), self.addresses, thing_name, folder)

    def forecast(self, **asked: Any) -> dict[str, Any]:
        """What ``POST /_tidegate/forecast`` answers: ``forecast(request={…}, things=500, failIf=["p90 > 2h"])``.

        Raises:
            ValueError: it cannot be said; the message tells why.
        """
        body = json.dumps(asked).encode()
        request = urllib.request.Request(f"{self.addresses.http}/_tidegate/forecast", body, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_LONG_S) as answer:  # noqa: S310 - our own server
                told: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise ValueError(json.load(refused)["message"]) from None
        return told

    def faults(self, *rules: dict[str, Any], seed: int = 1) -> None:
        """Let faults happen from now on, as ``docs/faults.md`` says; without any, no more.

        Raises:
            injected.MalformedError: a rule says what it cannot say.
        """
        chosen = injected.parse({"seed": seed, "rules": list(rules)}, KNOWN) if rules else None
        self._await(self._inject(chosen))

    async def _inject(self, chosen: Faults | None) -> None:
        self._running.service.inject(chosen)

    def happened(self) -> list[Injected]:
        """The faults that have happened, the oldest first."""
        injector = self._running.service.injector
        return [] if injector is None else list(injector.last)

    def reset(self) -> None:
        """Empty the store, and set the clock to the present, standing still. Listeners and clients stay."""
        self._await(self._reset())

    async def _reset(self) -> None:
        clock = self._running.service.clock
        assert isinstance(clock, MovableClock)
        self._running.service.inject(None)
        await self._running.devices.journal.settled()
        await self._running.service.reset()
        self._running.devices.reset()
        clock.freeze()
        clock.set(wall_now())
        await self._running.timeline.present()

    def _await(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(_TIMEOUT_S)


@contextlib.contextmanager
def serving(data: Path, **changes: Any) -> Iterator[Server]:
    """Run a server until the block is left.

    Args:
        data: its data directory; created if need be.
        changes: fields of ``tidegate.server.Options`` to set otherwise, such as ``region`` or ``strict_aws``.

    Raises:
        Exception: what kept it from starting, or from stopping in order.
    """
    options = Options(
        data,
        http=_ANY_PORT,
        https=_ANY_PORT,
        mqtts=_ANY_PORT,
        objects_listen=_ANY_PORT,
        objects_apart=False,  # a process more would take longer to start than most tests
        clock="movable",
    )._replace(**changes)
    started: Future[tuple[Server, asyncio.Event]] = Future()
    ended: Future[None] = Future()
    thread = threading.Thread(target=_run, args=(options, started, ended), name="tidegate-server", daemon=True)
    thread.start()
    served, stop = started.result(_TIMEOUT_S)
    try:
        yield served
    finally:
        served._loop.call_soon_threadsafe(stop.set)
        ended.result(_TIMEOUT_S)
        thread.join(_TIMEOUT_S)


def _run(options: Options, started: Future[tuple[Server, asyncio.Event]], ended: Future[None]) -> None:
    """The server's thread. What goes wrong is raised where the future is waited for."""

    async def serve() -> None:
        stop = asyncio.Event()
        async with assembly.running(options) as running:
            started.set_result((Server(running, asyncio.get_running_loop()), stop))
            await stop.wait()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())
    except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
        (ended if started.done() else started).set_exception(error)
    else:
        ended.set_result(None)
