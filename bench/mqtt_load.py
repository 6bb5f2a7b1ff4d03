"""The load process of the device benchmarks: MQTT 3.1.1 clients that carry out jobs as fast as they are answered.

A client knows only what it needs: CONNECT, one SUBSCRIBE to its notify-next topic, requests in QoS 1 or 0, and the
replies that AWS's rule sends to the requesting connection without a subscription (device reference 3.3).
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import Any

import uvloop

from bench import mqtt_client, processes
from bench.measure import percentile

_START, _REPORT = b'{"clientToken":"bench"}', b'{"status":"SUCCEEDED","clientToken":"bench"}'
_STEP = b'{"status":"IN_PROGRESS","statusDetails":{"step":"download"},"clientToken":"bench"}'
_CHANCE = random.Random(1)
_JOB_ID = b'"jobId":"'


class _Device(mqtt_client.Client):
    """One device. ``work`` and ``step`` say what it does; it reports to the run it belongs to."""

    def __init__(self, name: str, qos: int, *, listens: bool, speaks: bool = True) -> None:
        self._topic = b"$aws/things/" + name.encode() + b"/jobs/"
        super().__init__(name, self._topic + b"notify-next" if listens else None, speaks=speaks)
        self.cycles = 0
        self._last = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.pause = 0.0
        self._qos = qos
        self._start = self._publish(b"start-next", _START)
        self._step = b""
        self._stepping = False
        self._stopping = False
        self._starts = False
        self._sent_at = 0.0

    # -- what a run asks --

    def work(self, jobs: int) -> asyncio.Future[None]:
        """Start and finish so many jobs."""
        self.ended = asyncio.get_running_loop().create_future()
        self._last = self.cycles + jobs
        self._stepping = False
        self.write(self._start)
        return self.ended

    def step(self, pause: float, *, starts: bool = False) -> None:
        """Report progress on the running job again and again, ``pause`` seconds after each answer, until stopped.

        With ``starts`` it asks for its next job again and again instead.
        """
        self.pause = pause
        self._starts, self._step, self._sent_at = starts, self._start, time.perf_counter()
        self._stepping, self._stopping = True, False
        self.latencies = []
        self.write(self._start)

    def stop(self) -> asyncio.Future[None]:
        """Step no more; resolves with the last answer."""
        self.ended = asyncio.get_running_loop().create_future()
        self._stopping = True
        return self.ended

    # -- the protocol --

    def message(self, topic: bytes, payload: bytes) -> None:
        if topic.endswith(b"/accepted"):
            self._accepted(topic.endswith(b"start-next/accepted"), payload)
        elif topic.endswith(b"/rejected"):
            self.refused += 1
            self.done()

    def _accepted(self, started: bool, payload: bytes) -> None:
        if self._stepping:
            self._next_step(started, payload)
        elif not started:
            self.cycles += 1
            if self.cycles == self._last:
                self.done()
            else:
                self.write(self._start)
        else:
            job = self._job_of(payload)
            assert job is not None, "there is no job to start"
            self.write(self._publish(job + b"/update", _REPORT))

    def _next_step(self, started: bool, payload: bytes) -> None:
        if started and not self._starts:
            job = self._job_of(payload)
            assert job is not None, "there is no job to report on"
            self._step = self._publish(job + b"/update", _STEP)
        else:
            self.latencies.append(time.perf_counter() - self._sent_at)
        if self._stopping:
            self.done()
        elif self.pause:
            # Not all after the same pause: devices that were answered together would stay together for ever.
            asyncio.get_running_loop().call_later(self.pause * _CHANCE.uniform(0.5, 1.5), self._send_step)
        else:
            self._send_step()

    def _send_step(self) -> None:
        if self._stopping:
            self.done()
            return
        self._sent_at = time.perf_counter()
        self.write(self._step)

    @staticmethod
    def _job_of(payload: bytes) -> bytes | None:
        begin = payload.find(_JOB_ID)
        if begin < 0:
            return None
        begin += len(_JOB_ID)
        return payload[begin : payload.index(b'"', begin)]

    def _publish(self, rest: bytes, payload: bytes) -> bytes:
        return mqtt_client.publish(self._topic + rest, payload, self._qos)


def _same(device: _Device) -> _Device:
    return device


class _Load:
    def __init__(self) -> None:
        self._devices: list[_Device] = []

    async def connect(
        self,
        port: int,
        devices: int,
        name: str = "t",
        qos: int = 1,
        listens: bool = True,
        tls: dict[str, str] | None = None,
        speaks: bool = True,
        abreast: int = 50,
    ) -> int:
        """Connect devices, ``abreast`` at a time; how many are connected now. Without ``speaks`` none sends CONNECT."""
        context = mqtt_client.context(tls) if tls else None
        loop = asyncio.get_running_loop()
        first = len(self._devices)
        for begin in range(first, first + devices, abreast):
            chunk = [
                _Device(f"{name}{index}", qos, listens=listens, speaks=speaks)
                for index in range(begin, min(first + devices, begin + abreast))
            ]
            where: dict[str, Any] = {"ssl": context, "server_hostname": "localhost"} if context else {}
            await asyncio.gather(
                *(loop.create_connection(partial(_same, each), "127.0.0.1", port, **where) for each in chunk)
            )
            await asyncio.gather(*(each.ready for each in chunk))
            self._devices += chunk
        return len(self._devices)

    async def disconnect(self) -> None:
        """Drop every connection."""
        for device in self._devices:
            device.close()
        self._devices.clear()

    async def work(self, jobs: int) -> dict[str, Any]:
        """Have every device carry out so many jobs; how many that were, in how many seconds."""
        before = sum(device.cycles for device in self._devices)
        begin = time.perf_counter()
        await asyncio.gather(*(device.work(jobs) for device in self._devices))
        elapsed = time.perf_counter() - begin
        cycles = sum(device.cycles for device in self._devices) - before
        return {"elapsed": elapsed, "cycles": cycles, "refused": sum(device.refused for device in self._devices)}

    async def begin_steps(self, pause: float, starts: bool = False) -> None:
        """Have every device report progress (or start) again and again; with a pause they begin one after another."""
        for device in self._devices:
            device.step(pause, starts=starts)
            await asyncio.sleep(pause / len(self._devices))

    async def end_steps(self) -> dict[str, Any]:
        """Stop, and say how long the answers took: milliseconds."""
        await asyncio.gather(*(device.stop() for device in self._devices))
        taken = [latency * 1000 for device in self._devices for latency in device.latencies]
        refused = sum(device.refused for device in self._devices)
        return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99), "steps": len(taken), "refused": refused}


async def _main() -> None:
    processes.options()
    load = _Load()
    processes.say("ready")
    await processes.obey(
        {
            "connect": load.connect,
            "disconnect": load.disconnect,
            "work": load.work,
            "begin_steps": load.begin_steps,
            "end_steps": load.end_steps,
        }
    )


if __name__ == "__main__":
    uvloop.run(_main())
