"""The load process of the endpoint benchmarks: clients that ask for their pending jobs, wait to be told, or reconnect.

The server may also be a plain MQTT broker behind which a responder answers: then each client subscribes to its reply.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import uvloop

from bench import mqtt_client, processes
from bench.measure import percentile

_SUBACK, _UNSUBACK = 0x90, 0xB0
_SAMPLED = 20
"""One answer in so many is timed, of each client another: many clients get less than that many each."""


class _Asker(mqtt_client.Client):
    """Asks again when it is answered."""

    def __init__(self, name: str, prefix: str, listens: str | None, index: int, *, around: bool = False) -> None:
        own = f"{prefix}{name}/jobs/"
        super().__init__(name, (own + listens).encode() if listens else None)
        self.answered = 0
        self._timed = index % _SAMPLED
        self.latencies: list[float] = []
        self.told_at = 0.0
        self._get = mqtt_client.publish((own + "get").encode(), b'{"clientToken":"bench"}')
        self._until = 0.0
        self._sent_at = 0.0
        self._acks = 0
        own_topics = [mqtt_client.text(f"{own}get/{end}".encode()) for end in ("accepted", "rejected")]
        self._before = [mqtt_client.packet(0x82, b"\x00\x02" + each + b"\x01") for each in own_topics] if around else []
        self._after = [mqtt_client.packet(0xA2, b"\x00\x03" + each) for each in own_topics] if around else []

    def ask_until(self, instant: float) -> asyncio.Future[None]:
        """Ask, and again after each answer, until an instant of ``time.perf_counter``."""
        self.ended = asyncio.get_running_loop().create_future()
        self._until, self.answered, self.latencies = instant, 0, []
        self._ask()
        return self.ended

    def _ask(self) -> None:
        self._sent_at = time.perf_counter()
        if not self._before:
            self.write(self._get)
            return
        self._acks = 0
        for each in self._before:
            self.write(each)

    def _packet(self, head: int, body: bytes) -> None:
        if not self._before or head not in (_SUBACK, _UNSUBACK):
            super()._packet(head, body)
            return
        self._acks += 1
        if self._acks == len(self._before):
            self.write(self._get)
        elif self._acks == len(self._before) + len(self._after):
            self._answered()

    def await_notice(self) -> asyncio.Future[None]:
        """Resolves when something arrives that was not asked for."""
        self.ended = asyncio.get_running_loop().create_future()
        self.told_at = 0.0
        return self.ended

    def message(self, topic: bytes, payload: bytes) -> None:
        if not topic.endswith(b"/get/accepted"):
            self.told_at = self.told_at or time.perf_counter()
            self.done()
            return
        if self._after:
            for each in self._after:
                self.write(each)
        else:
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        self.answered += 1
        if self.answered % _SAMPLED == self._timed:
            self.latencies.append(now - self._sent_at)
        if now >= self._until:
            self.done()
        else:
            self._ask()


def _same(asker: _Asker) -> _Asker:
    return asker


class _Load:
    def __init__(self) -> None:
        self._askers: list[_Asker] = []
        self._again: dict[str, Any] = {}

    async def connect(
        self,
        port: int,
        clients: int,
        name: str = "t",
        prefix: str = "$aws/things/",
        listens: str | None = None,
        tls: dict[str, str] | None = None,
        abreast: int = 50,
        around: bool = False,
        first: int = 0,
    ) -> float:
        """Connect clients ``name0``…, or from ``first`` on, so many at a time; seconds until the last is ready.

        ``around``: they subscribe before each request and unsubscribe after it.
        """
        self._again = {"port": port, "clients": clients, "name": name, "prefix": prefix, "listens": listens, "tls": tls}
        context = mqtt_client.context(tls) if tls else None
        where: dict[str, Any] = {"ssl": context, "server_hostname": "localhost"} if context else {}
        if context:
            where["ssl_handshake_timeout"] = 60
        room = asyncio.Semaphore(abreast)
        loop = asyncio.get_running_loop()

        async def one(index: int) -> _Asker:
            async with room:
                asker = _Asker(f"{name}{first + index}", prefix, listens, index, around=around)
                await loop.create_connection(partial(_same, asker), "127.0.0.1", port, **where)
                await asker.ready
                return asker

        begin = time.perf_counter()
        self._askers += await asyncio.gather(*(one(index) for index in range(clients)))
        return time.perf_counter() - begin

    async def drop(self) -> None:
        """Drop every connection at once."""
        for asker in self._askers:
            asker.close()
        self._askers.clear()

    async def storm(self) -> dict[str, float]:
        """Drop every connection and have all clients come back at once, each trying again when it is refused.

        Seconds until the last one is ready, and how often a client had to try again.
        """
        await self.drop()
        again = dict(self._again)
        context = mqtt_client.context(again["tls"]) if again["tls"] else None
        where: dict[str, Any] = {"ssl": context, "server_hostname": "localhost"} if context else {}
        if context:
            where["ssl_handshake_timeout"] = 60
        loop = asyncio.get_running_loop()
        retries = 0

        async def one(index: int) -> _Asker:
            nonlocal retries
            pause = 0.1
            while True:
                asker = _Asker(f"{again['name']}{index}", again["prefix"], again["listens"], index)
                try:
                    await loop.create_connection(partial(_same, asker), "127.0.0.1", again["port"], **where)
                    await asker.ready
                except OSError:
                    retries += 1
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, 5)
                else:
                    return asker

        begin = time.perf_counter()
        self._askers += await asyncio.gather(*(one(index) for index in range(again["clients"])))
        return {"seconds": time.perf_counter() - begin, "retries": retries}

    async def pairs(self, seconds: float) -> dict[str, float]:
        """Requests and answers per second, and how long answers took (ms)."""
        begin = time.perf_counter()
        await asyncio.gather(*(asker.ask_until(begin + seconds) for asker in self._askers))
        elapsed = time.perf_counter() - begin
        taken = [1000 * latency for asker in self._askers for latency in asker.latencies] or [0.0]
        answered = sum(asker.answered for asker in self._askers)
        return {"rate": answered / elapsed, "p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}

    async def expect(self) -> int:
        """From now on everybody waits for a notice; how many they are."""
        self._expected = asyncio.gather(*(asker.await_notice() for asker in self._askers))
        return len(self._askers)

    async def noticed(self, since: float) -> dict[str, float]:
        """Wait until everybody was told; milliseconds since an instant of ``time.perf_counter``, in any process."""
        await self._expected
        taken = [1000 * (asker.told_at - since) for asker in self._askers]
        return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)}


async def _main() -> None:
    processes.options()
    load = _Load()
    processes.say("ready")
    await processes.obey(
        {
            "connect": load.connect,
            "drop": load.drop,
            "storm": load.storm,
            "pairs": load.pairs,
            "expect": load.expect,
            "noticed": load.noticed,
        }
    )


if __name__ == "__main__":
    uvloop.run(_main())
