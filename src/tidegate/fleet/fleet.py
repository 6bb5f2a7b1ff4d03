"""Many devices on one event loop: connect them at a bearable pace, keep them connected, count what they did."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self

from tidegate.fleet.agent import Agent, Execution, Watcher
from tidegate.fleet.behaviour import Behaves
from tidegate.fleet.device import ConnectionRefused, Device

_FIRST_RETRY_S = 1.0
_LONGEST_RETRY_S = 30.0


class Endpoint(NamedTuple):
    """Where devices connect; ``host`` must be a name in the server's certificate."""

    host: str
    port: int


class _Member(NamedTuple):
    device: Device
    context: ssl.SSLContext | None


class Fleet(Watcher):
    """Devices of one behaviour. A device that loses its connection comes back by itself, later and later.

    ``endings`` counts acknowledged terminal statuses, ``reported`` the same by when the execution was queued (epoch
    seconds), ``refusals`` rejected requests by code; ``ended`` holds for each (thing, job, execution number) the status
    the server acknowledged. ``changed`` is set whenever any of it changes.

        async with Fleet(Endpoint("localhost", 8883), Behaviour()) as fleet:
            await fleet.connect({"lamp": tls_context(ca, certificate, key)})
    """

    def __init__(self, endpoint: Endpoint, behaviour: Behaves, *, qos: int = 1, keep_alive_s: int = 1200) -> None:
        self.endings: Counter[str] = Counter()
        self.reported: Counter[int] = Counter()
        self.refusals: Counter[str] = Counter()
        self.ended: dict[tuple[str, str, int], str] = {}
        self.changed = asyncio.Event()
        self._endpoint = endpoint
        self._behaviour = behaviour
        self._qos = qos
        self._keep_alive_s = keep_alive_s
        self._members: dict[str, _Member] = {}
        self._silent: set[str] = set()
        self._returning: set[asyncio.Task[None]] = set()
        self._pinging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pinging = asyncio.create_task(self._keep_alive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def devices(self) -> list[Device]:
        """Every device, connected or not."""
        return [member.device for member in self._members.values()]

    @property
    def online(self) -> int:
        """How many devices have a connection."""
        return sum(member.device.online for member in self._members.values())

    @property
    def working_devices(self) -> int:
        """How many devices are busy with an execution."""
        return sum(member.device.execution is not None for member in self._members.values()) - len(self._silent)

    @property
    def silent_devices(self) -> int:
        """How many devices hold an execution of which they will never be heard again."""
        return len(self._silent)

    async def connect(self, things: Mapping[str, ssl.SSLContext | None], *, at_once: int = 32) -> None:
        """Connect a device for each thing, ``at_once`` at a time; returns when all have subscribed.

        Raises:
            ConnectionRefused: the server does not take one of them.
            OSError: a connection failed.
        """
        gate = asyncio.Semaphore(at_once)

        async def connect(member: _Member) -> None:
            async with gate:
                await member.device.connect(*self._endpoint, member.context)

        members = [_Member(self._make(name), context) for name, context in things.items()]
        self._members |= {member.device.thing_name: member for member in members}
        try:
            async with asyncio.TaskGroup() as group:
                for member in members:
                    group.create_task(connect(member))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    def _make(self, thing_name: str) -> Device:
        return Device(thing_name, self._behaviour, self, qos=self._qos, keep_alive_s=self._keep_alive_s)

    async def close(self) -> None:
        """Disconnect every device."""
        tasks = [*self._returning, *([self._pinging] if self._pinging else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(member.device.close() for member in self._members.values()))

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_s / 2)
            for member in self._members.values():
                member.device.ping()

    # -- what devices report --

    def connected(self, device: Agent) -> None:
        self.changed.set()

    def lost(self, device: Agent, error: Exception | None) -> None:
        self._silent.discard(device.thing_name)
        self.changed.set()
        task = asyncio.create_task(self._return(self._members[device.thing_name]))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(self, member: _Member) -> None:
        pause = _FIRST_RETRY_S
        while not member.device.online:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_RETRY_S)
            try:
                await member.device.connect(*self._endpoint, member.context)
            except (OSError, ConnectionRefused):
                self.refusals["connection"] += 1

    def started(self, device: Agent, execution: Execution) -> None:
        self._silent.discard(device.thing_name)
        self.changed.set()

    def silent(self, device: Agent, execution: Execution) -> None:
        self._silent.add(device.thing_name)
        self.changed.set()

    def dropped(self, device: Agent) -> None:
        self._silent.discard(device.thing_name)
        self.changed.set()

    def finished(self, device: Agent, execution: Execution, status: str) -> None:
        self.endings[status] += 1
        self.reported[execution.queued_at] += 1
        self.ended[device.thing_name, execution.job_id, execution.execution_number] = status
        self.changed.set()

    def refused(self, device: Agent, execution: Execution | None, code: str) -> None:
        self.refusals[code] += 1
        self.changed.set()
