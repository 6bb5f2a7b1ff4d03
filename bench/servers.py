"""Two servers on one PostgreSQL against one: a message from client to client, and devices' cycles."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from bench import devices, machine, mqtt_client
from bench.measure import Aim, Figure, number, spread
from bench.processes import Child

_DEVICES = 100


@contextmanager
def _pair(folder: Path, url: str) -> Iterator[tuple[Child, Child]]:
    core = machine.cores().server
    with Child("bench.serving", core, data=str(folder / "one"), store=url) as one:
        with Child("bench.serving", core, data=str(folder / "two"), store=url, joins=True) as two:
            yield one, two


def run(*, quick: bool) -> list[Figure]:
    """What a second server costs, and how far away its clients are."""
    with tempfile.TemporaryDirectory() as folder, devices.postgres() as url:
        if url is None:
            return []
        with _pair(Path(folder), url) as (one, two):
            issued = one.ask("fleet", devices=_DEVICES, free=True)
            two.ask("recognise", certificate_id=issued["certificate_id"])
            figures = [
                asyncio.run(_messages(one.ready["mqtt"], two.ready["mqtt"], qos, 50 if quick else 1000))
                for qos in (0, 1)
            ]
            figures.append(_cycles(one, two, url, 2 if quick else 5))
        return figures


class _Listener(mqtt_client.Client):
    """Hears, and says when."""

    heard: asyncio.Future[float]

    def message(self, topic: bytes, payload: bytes) -> None:
        self.heard.set_result(time.perf_counter())


async def _messages(here: int, there: int, qos: int, count: int) -> Figure:
    """One message after the other from a client to one on the same server, and to one on the other, in turn."""
    loop = asyncio.get_running_loop()
    names = ((here, "t0", None), (here, "t1", b"same"), (there, "t2", b"other"))
    made = [_Listener(name, topic) for _, name, topic in names]
    for (port, _, _), each in zip(names, made, strict=True):
        await loop.create_connection(partial(_itself, each), "127.0.0.1", port)
        await each.ready
    speaker, *listeners = made
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for listener, topic, times in zip(listeners, (b"same", b"other"), took, strict=True):
            listener.heard = loop.create_future()
            begin = time.perf_counter()
            speaker.write(mqtt_client.publish(topic, b"x" * 200, qos))
            times.append((await listener.heard - begin) * 1e3)
            await asyncio.sleep(0.002)
    for each in made:
        each.close()
    same, other = took
    cut = len(same) // 5
    values = tuple(spread(other[start : start + cut]).median for start in range(0, 5 * cut, cut))
    baseline = tuple(spread(same[start : start + cut]).median for start in range(0, 5 * cut, cut))
    what = f"Message to a client on another server, QoS {qos}"
    return Figure(what, "ms", values, "to one on the same", baseline, Aim(3, at_least=False), ("200 bytes, plain TCP",))


def _itself(client: _Listener) -> _Listener:
    return client


def _cycles(one: Child, two: Child, url: str, rounds: int) -> Figure:
    """CPU of all servers and of PostgreSQL for a cycle: all devices on one server, and half of them on each."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        postmaster = int((Path(row[0]) / "postmaster.pid").read_text().split()[0])

    def cpu() -> float:
        own = [one.cpu_seconds, two.cpu_seconds, machine.cpu_seconds(postmaster)]
        return sum(own) + sum(machine.cpu_seconds(each) for each in machine.children(postmaster))

    def cost(load: Child) -> float:
        one.ask("jobs", count=devices.JOBS)
        before = cpu()
        got = load.ask("work", jobs=devices.JOBS)
        assert not got["refused"]
        spent = cpu() - before
        one.ask("clear")
        return spent / float(got["cycles"]) * 1e6

    values: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for ports, found in zip(((one, one), (one, two)), values, strict=True):
            with Child("bench.mqtt_load", machine.cores().load) as load:
                for server in ports:
                    load.ask("connect", port=server.ready["mqtt"], devices=_DEVICES // 2, qos=1, listens=True)
                cost(load)
                found.append(cost(load))
    alone, both = values
    notes = (f"{_DEVICES} devices, QoS 1 and notify-next; on one {number(spread(alone).median)} µs a cycle",)
    aim = Aim(2 / 1.6, at_least=False)
    return Figure(
        "CPU of a device cycle, two servers", "µs", tuple(both), "all on one of the two", tuple(alone), aim, notes
    )
