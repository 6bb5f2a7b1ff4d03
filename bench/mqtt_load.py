"""The load process of the device benchmarks: MQTT 3.1.1 clients that carry out jobs as fast as they are answered.

A client knows only what it needs: CONNECT, one SUBSCRIBE to its notify-next topic, requests in QoS 1 or 0, and the
replies that AWS's rule sends to the requesting connection without a subscription (device reference 3.3).
"""

from __future__ import annotations

import asyncio
import random
import ssl
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvloop

from bench import processes
from bench.measure import percentile

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
_KEEP_ALIVE = 1200
_START, _REPORT = b'{"clientToken":"bench"}', b'{"status":"SUCCEEDED","clientToken":"bench"}'
_STEP = b'{"status":"IN_PROGRESS","statusDetails":{"step":"download"},"clientToken":"bench"}'
_CHANCE = random.Random(1)
_JOB_ID = b'"jobId":"'


def _packet(kind: int, body: bytes) -> bytes:
    length = len(body)
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((kind,)) + bytes(digits) + body


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


class _Device(asyncio.Protocol):
    """One connection. ``work`` and ``steps`` say what it does; it reports to the run it belongs to."""

    def __init__(self, name: str, qos: int, *, listens: bool, speaks: bool = True) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] | None = None
        self.cycles = 0
        self._last = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.pause = 0.0
        self._name = name.encode()
        self._qos = qos
        self._listens = listens
        self._speaks = speaks
        self._topic = b"$aws/things/" + self._name + b"/jobs/"
        self._start = self._publish(b"start-next", _START)
        self._step = b""
        self._stepping = False
        self._stopping = False
        self._starts = False
        self._sent_at = 0.0
        self._job = b""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    # -- what a run asks --

    def work(self, jobs: int) -> asyncio.Future[None]:
        """Start and finish so many jobs."""
        self.ended = asyncio.get_running_loop().create_future()
        self._last = self.cycles + jobs
        self._stepping = False
        self._write(self._start)
        return self.ended

    def step(self, pause: float, *, starts: bool = False) -> None:
        """Report progress on the running job again and again, ``pause`` seconds after each answer, until stopped.

        With ``starts`` it asks for its next job again and again instead.
        """
        self.pause = pause
        self._starts, self._step, self._sent_at = starts, self._start, time.perf_counter()
        self._stepping, self._stopping = True, False
        self.latencies = []
        self._write(self._start)

    def stop(self) -> asyncio.Future[None]:
        """Step no more; resolves with the last answer."""
        self.ended = asyncio.get_running_loop().create_future()
        self._stopping = True
        return self.ended

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- the protocol --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._speaks:
            self.ready.set_result(None)
            return
        head = _text(b"MQTT") + b"\x04\x02" + _KEEP_ALIVE.to_bytes(2, "big")
        self._write(_packet(_CONNECT, head + _text(self._name)))

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.ready, self.ended):
            if future is not None and not future.done():
                future.set_exception(ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin, shift = data[at + 1] & 0x7F, at + 2, 7
            while data[begin - 1] & 0x80 and begin < size:
                length |= (data[begin] & 0x7F) << shift
                begin, shift = begin + 1, shift + 7
            if begin + length > size or data[begin - 1] & 0x80:
                break
            self._packet(data[at], data[begin : begin + length])
            at = begin + length
        self._buffer = data[at:]

    def _packet(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == _PUBLISH:
            self._message(head, body)
        elif kind == _CONNACK:
            assert body[1] == 0, f"refused with {body[1]}"
            if self._listens:
                self._write(_packet(_SUBSCRIBE, b"\x00\x01" + _text(self._topic + b"notify-next") + b"\x01"))
            else:
                self.ready.set_result(None)
        elif kind == _SUBACK:
            assert body[2] != 0x80, "subscription refused"
            self.ready.set_result(None)

    def _message(self, head: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        if head & 0x06:
            self._write(b"\x40\x02" + body[end : end + 2])
            payload = body[end + 2 :]
        else:
            payload = body[end:]
        topic = body[2:end]
        if topic.endswith(b"/accepted"):
            self._accepted(topic.endswith(b"start-next/accepted"), payload)
        elif topic.endswith(b"/rejected"):
            self.refused += 1
            self._done()

    def _accepted(self, started: bool, payload: bytes) -> None:
        if self._stepping:
            self._next_step(started, payload)
        elif not started:
            self.cycles += 1
            if self.cycles == self._last:
                self._done()
            else:
                self._write(self._start)
        else:
            job = self._job_of(payload)
            assert job is not None, "there is no job to start"
            self._write(self._publish(job + b"/update", _REPORT))

    def _next_step(self, started: bool, payload: bytes) -> None:
        if started and not self._starts:
            job = self._job_of(payload)
            assert job is not None, "there is no job to report on"
            self._step = self._publish(job + b"/update", _STEP)
        else:
            self.latencies.append(time.perf_counter() - self._sent_at)
        if self._stopping:
            self._done()
        elif self.pause:
            # Not all after the same pause: devices that were answered together would stay together for ever.
            asyncio.get_running_loop().call_later(self.pause * _CHANCE.uniform(0.5, 1.5), self._send_step)
        else:
            self._send_step()

    def _send_step(self) -> None:
        if self._stopping:
            self._done()
            return
        self._sent_at = time.perf_counter()
        self._write(self._step)

    def _done(self) -> None:
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)

    @staticmethod
    def _job_of(payload: bytes) -> bytes | None:
        begin = payload.find(_JOB_ID)
        if begin < 0:
            return None
        begin += len(_JOB_ID)
        return payload[begin : payload.index(b'"', begin)]

    def _publish(self, rest: bytes, payload: bytes) -> bytes:
        if self._qos:
            return _packet(_PUBLISH | 0x02, _text(self._topic + rest) + b"\x00\x07" + payload)
        return _packet(_PUBLISH, _text(self._topic + rest) + payload)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


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
        context = _context(tls) if tls else None
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


def _context(tls: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls["ca"])
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "device.pem"), Path(folder, "device.key")
        certificate.write_text(tls["certificate"])
        key.write_text(tls["key"])
        context.load_cert_chain(certificate, key)
    return context


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
