"""Devices that start and finish jobs over MQTT, against the bare store loop and against a commit for each request."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import machine
from bench.measure import Aim, Figure, number, side_by_side, spread
from bench.processes import Child

DEVICES = 300
_FEW = 20
JOBS = 10
"""Jobs each device has when a round begins; the list it is shown gets shorter as the round goes on."""


class Fleet:
    """A server, its connected devices, and rounds of work for them."""

    def __init__(self, server: Child, load: Child, jobs: int) -> None:
        self.server, self.load = server, load
        self._jobs = jobs
        self.cpu: list[float] = []

    def cycles(self) -> float:
        """Release jobs, have them carried out, delete them; cycles per second of the middle part."""
        self.server.ask("jobs", count=self._jobs)
        before = self.server.cpu_seconds
        got = self.load.ask("work")
        self.cpu.append((self.server.cpu_seconds - before) / got["cycles"] * 1e6)
        assert not got["refused"], f"{got['refused']} requests were refused"
        self.server.ask("clear")
        rate: float = got["rate"]
        return rate


@contextmanager
def fleet(folder: Path, jobs: int, devices: int, *, tls: bool = False, **options: Any) -> Iterator[Fleet]:
    """A server and its devices; ``options`` are the load's ``connect`` and the server's ``commit_each``."""
    cores = machine.cores()
    commit_each = options.pop("commit_each", False)
    with (
        Child("bench.serving", cores.server, data=str(folder), commit_each=commit_each) as server,
        Child("bench.mqtt_load", cores.load) as load,
    ):
        issued = server.ask("fleet", devices=devices)
        files = {"ca": server.ready["ca"], **issued} if tls else None
        port = server.ready["mqtts" if tls else "mqtt"]
        load.ask("connect", port=port, devices=devices, tls=files, **options)
        yield Fleet(server, load, jobs)


def run(*, quick: bool) -> list[Figure]:
    """Over plain TCP, over TLS, and with a commit each."""
    rounds, jobs, devices = (2, 2, 20) if quick else (7, JOBS, DEVICES)
    figures = []
    for name, options in _KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            figures.append(_against_store(name, Path(folder), rounds, jobs, devices, options))
    with tempfile.TemporaryDirectory() as folder:
        figures.append(_against_commit_each(Path(folder), rounds, jobs))
    return figures


_KINDS: dict[str, dict[str, Any]] = {
    "plain TCP": {"qos": 0, "listens": False},
    "plain TCP, QoS 1 and notify-next": {"qos": 1, "listens": True},
    "mutual TLS": {"qos": 0, "listens": False, "tls": True},
    "mutual TLS, QoS 1 and notify-next": {"qos": 1, "listens": True, "tls": True},
}


def _against_store(name: str, folder: Path, rounds: int, jobs: int, devices: int, options: dict[str, Any]) -> Figure:
    core = machine.cores().server
    with (
        fleet(folder / "data", jobs, devices, **options) as ours,
        Child("bench.bare", core, path=str(folder / "bare.db"), devices=devices) as bare,
    ):
        ours.cycles(), bare.ask("cycles", jobs=jobs)  # warm
        values, baseline = side_by_side(rounds, ours.cycles, lambda: float(bare.ask("cycles", jobs=jobs)))
    note = f"{devices} devices, {jobs} jobs each a round, CPU a cycle: {number(spread(ours.cpu[1:]).median)} µs"
    aim = Aim(0.45, at_least=True)
    return Figure(f"Device cycles, {name}", "cycles/s", values, "bare store loop", baseline, aim, (note,))


def _against_commit_each(folder: Path, rounds: int, jobs: int) -> Figure:
    options: dict[str, Any] = {"qos": 0, "listens": False}
    with (
        fleet(folder / "together", jobs, _FEW, **options) as together,
        fleet(folder / "each", jobs, _FEW, commit_each=True, **options) as each,
    ):
        together.cycles(), each.cycles()  # warm
        values, baseline = side_by_side(rounds, together.cycles, each.cycles)
    aim = Aim(4, at_least=True)
    return Figure(
        f"Device cycles, {_FEW} devices", "cycles/s", values, "a commit for each request", baseline, aim, ("plain TCP",)
    )
