"""This tree against another commit of it: both servers alive, rounds in turn, CPU of the server and wall for each work.

The load is this tree's for both; each side's server is assembled by its own ``bench.serving``. Which form a side has,
compiled or pure, stands with its name. A commit from before the compiled form has the pure one.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import machine
from bench.measure import Spread, number, spread
from bench.processes import Child, Tree

ROOT: Final = Path(__file__).resolve().parent.parent
DOCUMENT: Final = json.dumps({"operation": "install", "steps": [{"run": "x" * 60, "index": at} for at in range(10)]})


class Size(NamedTuple):
    """How much is done; ``devices`` work, ``many`` are connected or told."""

    rounds: int
    devices: int
    many: int
    requests: int
    seconds: float


FULL: Final = Size(rounds=5, devices=100, many=2000, requests=3000, seconds=1.0)
QUICK: Final = Size(rounds=1, devices=3, many=5, requests=20, seconds=0.1)


class Sample(NamedTuple):
    """Of one round: microseconds of the server's CPU, and of wall time, for each operation."""

    cpu: float
    wall: float


class Side:
    """One of the two servers, with a load of its own."""

    def __init__(self, server: Child, load: Child, size: Size) -> None:
        self.server, self.load, self.size = server, load, size

    def timed(self, work: Callable[[], int]) -> Sample:
        """Do something, and see what the server spent for each of the operations it counts."""
        cpu, begin = self.server.cpu_seconds, time.perf_counter()
        count = work()
        wall = time.perf_counter() - begin
        return Sample((self.server.cpu_seconds - cpu) / count * 1e6, wall / count * 1e6)


class Work(NamedTuple):
    """What is compared: the load that does it, what comes first, once, and a round of it."""

    name: str
    load: str
    begin: Callable[[Side], None]
    round: Callable[[Side], Sample]
    options: Mapping[str, Any] = {}
    """Of the server."""


def _fleet(side: Side, count: int, *, tls: bool = False, **connect: Any) -> None:
    issued = side.server.ask("fleet", devices=count)
    files = {"ca": side.server.ready["ca"], **issued} if tls else None
    side.load.ask("connect", port=side.server.ready["mqtts" if tls else "mqtt"], tls=files, **connect)


def _pairs(side: Side) -> Sample:
    seconds = side.size.seconds
    return side.timed(lambda: round(seconds * side.load.ask("pairs", seconds=seconds)["rate"]) or 1)


def _cycles(side: Side) -> Sample:
    side.server.ask("jobs", count=5)
    try:
        return side.timed(lambda: int(side.load.ask("work", jobs=5)["cycles"]))
    finally:
        side.server.ask("clear")


def _begin_cycles(**options: Any) -> Callable[[Side], None]:
    return lambda side: _fleet(side, side.size.devices, devices=side.size.devices, **options)


def _signed(kind: str) -> Callable[[Side], Sample]:
    def work(side: Side) -> Sample:
        port, count = side.server.ready["http"], side.size.requests
        side.load.ask("sign", kind=kind, count=count, host=f"127.0.0.1:{port}", document=DOCUMENT)

        def send() -> int:
            got = side.load.ask("run", port=port, connections=32)
            assert not got["refused"], f"{got['refused']} requests were refused"
            return count

        return side.timed(send)

    return work


def _connects(side: Side) -> Sample:
    port, count = side.server.ready["mqtt"], side.size.many

    def connect() -> int:
        side.load.ask("connect", port=port, clients=count)
        return count

    try:
        return side.timed(connect)
    finally:
        side.load.ask("drop")


def _told(side: Side) -> Sample:
    """The wall time is that by which half of the devices were told."""
    side.load.ask("expect")
    cpu, since = side.server.cpu_seconds, time.perf_counter()
    side.server.tell("jobs", count=1)
    got = side.load.ask("noticed", since=since)
    side.server.answer()
    sample = Sample((side.server.cpu_seconds - cpu) / side.size.many * 1e6, got["p50"] * 1e3)
    side.load.ask("expect")
    side.server.tell("clear")
    side.load.ask("noticed", since=since)
    side.server.answer()
    return sample


WORKS: Final = {
    "pairs": Work(
        "GetPending pairs",
        "bench.pairs_load",
        lambda side: _fleet(side, side.size.devices, clients=side.size.devices),
        _pairs,
    ),
    "cycles": Work("Device cycles, plain", "bench.mqtt_load", _begin_cycles(qos=0, listens=False), _cycles),
    "qos1": Work(
        "Device cycles, QoS 1 and notify-next", "bench.mqtt_load", _begin_cycles(qos=1, listens=True), _cycles
    ),
    "tls": Work("Device cycles, mutual TLS", "bench.mqtt_load", _begin_cycles(qos=0, listens=False, tls=True), _cycles),
    "create": Work(
        "CreateJobTemplate, signed, durable", "bench.http_load", lambda _: None, _signed("create"), {"auth": True}
    ),
    "describe": Work(
        "DescribeJobTemplate, signed",
        "bench.http_load",
        lambda side: side.server.ask("template", document=DOCUMENT),
        _signed("describe"),
        {"auth": True},
    ),
    "connects": Work(
        "Plain MQTT connects",
        "bench.pairs_load",
        lambda side: side.server.ask("fleet", devices=side.size.many),
        _connects,
    ),
    "told": Work(
        "CreateJob to notify-next (wall: p50)",
        "bench.pairs_load",
        lambda side: _fleet(side, side.size.many, clients=side.size.many, listens="notify-next"),
        _told,
    ),
}


class Comparison(NamedTuple):
    """What became of one work: this tree's samples and the base's, round by round."""

    name: str
    ours: tuple[Sample, ...]
    base: tuple[Sample, ...]

    def ratio(self, of: Callable[[Sample], float]) -> Spread:
        """How much more work this tree does for the same: base by ours."""
        return spread([of(base) / of(ours) for ours, base in zip(self.ours, self.base, strict=True)])

    def row(self) -> str:
        """A line of the table."""
        cpu, wall = self.ratio(lambda each: each.cpu), self.ratio(lambda each: each.wall)
        ours, base = spread([each.cpu for each in self.ours]), spread([each.cpu for each in self.base])
        noise = f"{number(base.median)}, noise {base.noise:.0%}"
        return f"| {self.name} | {number(ours.median)} | {noise} | {cpu.text()} | {wall.text()} |"


def compare(work: Work, ours: Tree, base: Tree, size: Size) -> Comparison:
    """Both servers with their loads; a warm round each, then A B, B A, …"""
    cores = machine.cores()
    with ExitStack() as stack:
        sides = []
        for tree in (ours, base):
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            server = Child("bench.serving", cores.server, tree=tree, data=str(Path(folder, "data")), **work.options)
            load = stack.enter_context(Child(work.load, cores.load))
            sides.append(Side(stack.enter_context(server), load, size))
            work.begin(sides[-1])
            work.round(sides[-1])
        samples: tuple[list[Sample], list[Sample]] = ([], [])
        for turn in range(size.rounds):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                samples[which].append(work.round(sides[which]))
    return Comparison(work.name, tuple(samples[0]), tuple(samples[1]))


@contextmanager
def commit(name: str, *, pure: bool) -> Iterator[Tree]:
    """A commit of this repository as it was, in a folder of its own."""
    archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        yield tree(Path(folder), pure=pure)


def tree(root: Path, *, pure: bool) -> Tree:
    """A source tree, to be run in its compiled form if it has one."""
    if pure or not (root / "hatch_build.py").exists():
        return Tree(root, root / "src")
    made = root / ".venv" / "against"
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made / "wheel")]
    subprocess.run(wheel, cwd=root, env={**os.environ, "TIDEGATE_BUILD": "compiled"}, check=True, capture_output=True)
    [found] = (made / "wheel").glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(found), str(made)], check=True)
    return Tree(root, made)


def told(where: Tree) -> str:
    """Version, form and Python of a tree, as it says itself."""
    script = (
        "import tidegate\ntry:\n from tidegate import form\n print(form.text())\nexcept ImportError:\n print('pure')"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=where.environment, capture_output=True, check=True)
    return ran.stdout.decode().strip()


def run(base: str, names: list[str], *, pure: bool, quick: bool, compiled: Path | None) -> None:
    """Print a table of ratios: more than 1 says that this tree does more for the same CPU, or in the same time."""
    ours = Tree(ROOT, compiled) if compiled is not None else tree(ROOT, pure=pure)
    with commit(base, pure=pure) as theirs:
        print(f"{machine.description()}\n\nthis tree: {told(ours)}\n{base}: {told(theirs)}\n")
        print("| work | CPU an operation, µs | base | times by CPU | times by wall |\n|---|---|---|---|---|")
        for name in names or WORKS:
            print(compare(WORKS[name], ours, theirs, QUICK if quick else FULL).row(), flush=True)
