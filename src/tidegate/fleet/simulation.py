"""Devices of a model, alive: they come and go by the hour of the day, do jobs, and everything they do is counted.

One process's part of a fleet. Time is real, and runs ``speed`` times as fast for them: an hour of their day, what they
wait and what their work takes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from tidegate.clock import monotonic
from tidegate.fleet.agent import Agent, Execution, Watcher
from tidegate.fleet.device import ConnectionRefused, Device
from tidegate.fleet.fleet import Endpoint
from tidegate.fleet.modelled import Modelled
from tidegate.fleet.polling import Exchanges, Poller

_HOUR_S = 3600.0
_TICK_S = 0.5
_AT_ONCE = 32
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 30.0
_KEEP_ALIVE_S = 1200


class Place(NamedTuple):
    """Where devices connect: MQTT at ``mqtt``, HTTPS at the URL ``https``. ``region`` is for unsigned requests."""

    mqtt: Endpoint | None
    https: str | None
    region: str = "us-east-1"


class Tally(NamedTuple):
    """What has become of a fleet, or of a part of it: counts that can be added up.

    Args:
        devices, online, busy: how many there are, are connected, hold an execution.
        happened: connected, lost, passed, started, silent, dropped, unanswered, tried in vain.
        ended: acknowledged ends by cohort and status.
        refused: by code.
    """

    devices: int
    online: int
    busy: int
    happened: Counter[str]
    ended: Counter[tuple[str, str]]
    refused: Counter[str]

    @classmethod
    def none(cls, devices: int = 0) -> Tally:
        """Nothing yet."""
        return cls(devices, 0, 0, Counter(), Counter(), Counter())

    @classmethod
    def of(cls, parts: Iterable[Tally]) -> Tally:
        """All of them together."""

        def plus(one: Tally, other: Tally) -> Tally:
            return cls(
                one.devices + other.devices,
                one.online + other.online,
                one.busy + other.busy,
                one.happened + other.happened,
                one.ended + other.ended,
                one.refused + other.refused,
            )

        return reduce(plus, parts, cls.none())


class Simulation(Watcher):
    """Some devices. ``run`` lets them live until it is canceled."""

    def __init__(
        self,
        names: Sequence[str],
        modelled: Modelled,
        place: Place,
        contexts: Callable[[str], ssl.SSLContext | None],
        *,
        begins_at: float,
        speed: float = 1.0,
    ) -> None:
        """``contexts`` gives the TLS context of a device; ``begins_at``: the devices' time, epoch seconds."""
        self._modelled, self._place, self._contexts = modelled, place, contexts
        self._begins_at, self._speed = begins_at, speed
        self._began = monotonic()
        self._happened: Counter[str] = Counter()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self.ends: dict[tuple[str, str, int], str] = {}
        """The status the service acknowledged, by thing, job and execution number."""
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._coming: dict[str, asyncio.Task[None]] = {}
        self._exchanges: list[Exchanges] = []
        self._wanted: dict[str, bool] = dict.fromkeys(names, False)
        self._devices = {name: self._device(name) for name in names}

    def _device(self, name: str) -> Agent:
        interval = self._modelled.polls(name)
        place = self._place
        if place.https is not None and (interval is not None or place.mqtt is None):
            exchanges = self._exchanges_of(name, place.https)
            return Poller(name, self._modelled, self, exchanges, interval or _KEEP_ALIVE_S / 4 / self._speed)
        return Device(name, self._modelled, self, keep_alive_s=_KEEP_ALIVE_S)

    def _exchanges_of(self, name: str, url: str) -> Exchanges:
        context = self._contexts(name)
        known = next((each for each in self._exchanges if each.context is context), None)
        if known is None:
            known = Exchanges(url, context, self._place.region)
            self._exchanges.append(known)
        return known

    @property
    def tally(self) -> Tally:
        """What has happened so far."""
        devices = self._devices.values()
        online, busy = sum(each.online for each in devices), sum(each.execution is not None for each in devices)
        return Tally(len(devices), online, busy, self._happened.copy(), self._ended.copy(), self._refused.copy())

    # -- coming and going --

    async def run(self) -> None:
        """Live."""
        pinged = self._began
        hour = None
        try:
            while True:
                if hour != self._hour:
                    hour = self._hour
                    self._wanted = {name: self._modelled.online(name, hour) for name in self._devices}
                    self._come()
                await self._go()
                if monotonic() - pinged > _KEEP_ALIVE_S / 2:
                    pinged = monotonic()
                    for device in self._devices.values():
                        if isinstance(device, Device):
                            device.ping()
                await asyncio.sleep(min(_TICK_S, _HOUR_S / self._speed))
        finally:
            await self._close()

    @property
    def _hour(self) -> int:
        """Of the devices' time, from the epoch."""
        return int((self._begins_at + (monotonic() - self._began) * self._speed) // _HOUR_S)

    def _come(self) -> None:
        for name, wanted in self._wanted.items():
            if wanted and not self._devices[name].online and name not in self._coming:
                task = self._coming[name] = asyncio.create_task(self._connect(name))
                task.add_done_callback(lambda _, name=name: self._coming.pop(name, None))  # type: ignore[misc]

    async def _go(self) -> None:
        """Let those leave whose hour is over, once they have done what they were at."""
        for name, device in self._devices.items():
            if not self._wanted[name] and device.online and not device.busy:
                await device.close()

    async def _connect(self, name: str) -> None:
        device, pause = self._devices[name], _FIRST_RETRY_S
        while self._wanted[name] and not device.online:
            async with self._gate:
                try:
                    await self._connected(device)
                except (OSError, ConnectionRefused):
                    self._happened["tried in vain"] += 1
            if not device.online:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_RETRY_S)

    async def _connected(self, device: Agent) -> None:
        if isinstance(device, Device):
            assert self._place.mqtt is not None, "a fleet without a place for MQTT has devices that poll"
            await device.connect(*self._place.mqtt, self._contexts(device.thing_name))
        elif isinstance(device, Poller):
            device.come()

    async def _close(self) -> None:
        coming = list(self._coming.values())
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        await asyncio.gather(*(device.close() for device in self._devices.values()))
        for exchanges in self._exchanges:
            exchanges.close()

    # -- what devices report --

    def connected(self, device: Agent) -> None:
        self._happened["connected"] += 1

    def lost(self, device: Agent, error: Exception | None) -> None:
        self._happened["lost"] += 1
        self._come()

    def passed(self, device: Agent, execution: Execution) -> None:
        self._happened["passed"] += 1

    def started(self, device: Agent, execution: Execution) -> None:
        self._happened["started"] += 1

    def silent(self, device: Agent, execution: Execution) -> None:
        self._happened["silent"] += 1

    def dropped(self, device: Agent) -> None:
        self._happened["dropped"] += 1

    def unanswered(self, device: Agent) -> None:
        self._happened["unanswered"] += 1

    def finished(self, device: Agent, execution: Execution, status: str) -> None:
        self._ended[self._modelled.cohort(device.thing_name).name, status] += 1
        self.ends[device.thing_name, execution.job_id, execution.execution_number] = status

    def refused(self, device: Agent, execution: Execution | None, code: str) -> None:
        self._refused[code] += 1
