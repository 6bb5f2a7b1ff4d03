"""File streams: blocks a second beside ranged GETs of the same file, a whole image to a fleet, and what jobs notice."""

from __future__ import annotations

import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import beside, machine
from bench.measure import Aim, Figure, number, side_by_side, spread
from bench.processes import Child

_KEY = "/artifacts/firmware.bin"


class _Size(NamedTuple):
    """``block`` bytes, ``at_once`` of them to a request."""

    block: int
    at_once: int

    def __str__(self) -> str:
        more = f", {self.at_once} to a request" if self.at_once > 1 else ""
        return f"blocks of {self.block // 1024} KiB{more}"


_FREERTOS, _LARGE = _Size(4096, 1), _Size(16_384, 8)


def run(*, quick: bool) -> list[Figure]:
    """All of them."""
    length, devices, rounds = (300_001, 3, 2) if quick else (50_000_000, 200, 5)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "image")
        file.write_bytes(os.urandom(length))
        figures = []
        for size in (_FREERTOS, _LARGE):
            with _fleet(file, Path(name, f"data-{size.block}"), devices) as fleet:
                blocks = 4 if quick else 64_000_000 // devices // size.block
                figures.append(_rates(fleet, size, devices, blocks, rounds))
        with _fleet(file, Path(name, "data"), devices) as fleet:
            figures.append(_image(fleet, length, devices))
            figures.append(_starts(fleet, rounds=1 if quick else 3, window=0.2 if quick else 5.0))
        return figures


class _Fleet(NamedTuple):
    """``plain`` serves the same file without a question."""

    server: Child
    plain: Child
    load: Child


@contextmanager
def _fleet(file: Path, data: Path, devices: int) -> Iterator[_Fleet]:
    """A server with a stream of the file, and devices that are connected."""
    cores = machine.cores()
    with (
        Child("bench.serving", cores.server, data=str(data), stream_file_size=10**9) as server,
        Child("bench.files", cores.server, path=str(file)) as plain,
        Child("bench.stream_load", cores.load, path=str(file)) as load,
    ):
        base = f"http://127.0.0.1:{server.ready['objects']}"
        for path, body in (("/artifacts", None), (_KEY, file.read_bytes())):
            urllib.request.urlopen(urllib.request.Request(base + path, body, method="PUT")).close()
        server.ask("fleet", devices=beside.FEW + devices, name="device", with_streams=True)
        server.ask("stream", stream_id="s", bucket="artifacts", key="firmware.bin")
        at = {"mqtt": server.ready["mqtt"], "http": server.ready["objects"], "bare": plain.ready["port"], "path": _KEY}
        load.ask("connect", **at, first=beside.FEW, devices=devices, name="device", stream="s")
        yield _Fleet(server, plain, load)


def _rates(fleet: _Fleet, size: _Size, devices: int, blocks: int, rounds: int) -> Figure:
    server, load = fleet.server, fleet.load
    pids = {"mqtt": server.pid, "http": machine.child(server.pid), "bare": fleet.plain.pid}
    cpu: dict[str, list[float]] = {how: [] for how in pids}
    bare: list[float] = []

    def rate(how: str) -> float:
        before = machine.cpu_seconds_in_all(pids[how])
        took = load.ask("read", how=how, first=0, blocks=blocks, size=size.block, at_once=size.at_once)
        spent = machine.cpu_seconds_in_all(pids[how]) - before
        cpu[how].append(spent * 1e6 / (devices * blocks))
        return devices * blocks / float(took)

    def ours() -> float:
        bare.append(rate("bare"))
        return rate("mqtt")

    ours(), rate("http")  # warm
    values, baseline = side_by_side(rounds, ours, lambda: rate("http"))
    each = {how: number(spread(seen[1:]).median) for how, seen in cpu.items()}
    notes = (
        f"{devices} devices, the same {blocks * size.block / 1e6:.1f} MB each, plain TCP, CBOR, every byte compared",
        f"a plain file server's ranges, sent by the kernel: {number(spread(bare[1:]).median)} blocks/s",
        f"CPU a block: {each['mqtt']} µs, the ranged GETs {each['http']} µs, the plain file server {each['bare']} µs",
    )
    aim = Aim(0.5, at_least=True)
    return Figure(
        f"File blocks over MQTT, {size}", "blocks/s", values, "ranged GETs of the storage", baseline, aim, notes
    )


def _image(fleet: _Fleet, length: int, devices: int) -> Figure:
    server, load = fleet.server, fleet.load
    memory = server.memory
    blocks = -(-length // _LARGE.block)
    took = load.ask("read", how="mqtt", first=0, blocks=blocks, size=_LARGE.block, at_once=_LARGE.at_once)
    notes = (
        f"{length / 1e6:.0f} MB to each in {number(float(took))} s, {_LARGE}, every byte compared; "
        f"the server's memory grew by {(server.memory - memory) / 1e6:.0f} MB to {server.memory / 1e6:.0f}",
    )
    rate = length * devices / 1e6 / float(took)
    return Figure(f"An image by MQTT to {devices} devices", "MB/s", (rate,), "", (), None, notes)


def _starts(fleet: _Fleet, *, rounds: int, window: float) -> Figure:
    server, load, cores = fleet.server, fleet.load, machine.cores()
    with Child("bench.mqtt_load", cores.load) as devices:
        noticed = beside.start_next(
            server,
            devices,
            rounds=rounds,
            window=window,
            begin=lambda: load.ask("begin", blocks=8, size=_FREERTOS.block, at_once=1),
            end=lambda: load.ask("end"),
        )
    notes = (f"{noticed.note}; {number(noticed.moved)} blocks of 4 KiB a second beside",)
    name = "p99 of start-next while a fleet reads a file as fast as it can"
    return Figure(name, "ms", noticed.values, "without", noticed.baseline, Aim(2, at_least=False), notes)
