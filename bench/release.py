"""A million executions released by the engine, against one bare statement, and what devices notice of it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench import bare, machine
from bench.devices import DEVICES
from bench.measure import Aim, Figure, number, side_by_side
from bench.processes import Child

_FEW = 20
_PAUSE = 0.05


def run(*, quick: bool) -> list[Figure]:
    """The release by itself; the steps of a busy fleet beside it; those of a quiet one."""
    things = 5_000 if quick else 1_000_000
    rounds, window, devices = (1, 0.2, 20) if quick else (3, 6.0, DEVICES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(bare.open_as_tidegate(folder / "prepared.db")) as connection:
            bare.populate(connection, things)
        return [
            _release(folder, things, rounds),
            _steps(folder, rounds, window, devices, 0.0),
            _steps(folder, rounds, window, _FEW, _PAUSE),
        ]


def _release(folder: Path, things: int, rounds: int) -> Figure:
    cores = machine.cores()

    def ours() -> float:
        with _prepared(folder) as data, Child("bench.serving", cores.server, data=str(data)) as server:
            return float(server.ask("release", group="everything"))

    def theirs() -> float:
        with _prepared(folder) as data, Child("bench.bare", cores.server) as process:
            return float(process.ask("release", path=str(data / "tidegate.db"), job=1))

    values, baseline = side_by_side(rounds, ours, theirs)
    notes = ("by the engine of a whole server, nobody connected, rollout ceiling lifted",)
    aim = Aim(1.5, at_least=False)
    return Figure(f"Release of {things:,} executions", "s", values, "INSERT … SELECT", baseline, aim, notes)


def _steps(folder: Path, rounds: int, window: float, devices: int, pause: float) -> Figure:
    cores = machine.cores()
    with (
        _prepared(folder) as data,
        Child("bench.serving", cores.server, data=str(data)) as server,
        Child("bench.mqtt_load", cores.load) as load,
    ):
        server.ask("fleet", devices=devices, name="device")
        server.ask("jobs", count=1, group="device")
        load.ask("connect", port=server.ready["mqtt"], devices=devices, name="device", qos=0, listens=False)
        middle: dict[str, float] = {}

        def steps(name: str) -> float:
            load.ask("begin_steps", pause=pause)
            time.sleep(window)
            got = load.ask("end_steps")
            assert not got["refused"], f"{got['refused']} requests were refused"
            middle[name] = got["p50"]
            p99: float = got["p99"]
            return p99

        def during() -> float:
            server.tell("release", group="everything")
            p99 = steps("during")
            server.answer()
            return p99

        steps("warm")
        values, baseline = side_by_side(rounds, during, lambda: steps("without"))
    kind = "each step following on the last" if not pause else f"a step every {pause * 1000:.0f} ms each"
    notes = (f"{devices} devices, {kind}; median {number(middle['during'])} ms against {number(middle['without'])} ms",)
    name = f"p99 of a device step during a release, {'busy' if not pause else 'quiet'} fleet"
    return Figure(name, "ms", values, "without a release", baseline, Aim(2, at_least=False), notes)


@contextmanager
def _prepared(folder: Path) -> Iterator[Path]:
    """A data directory with a copy of the prepared store, for one block."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        data = Path(name)
        shutil.copy(folder / "prepared.db", data / "tidegate.db")
        yield data
