"""CreateJobTemplate and DescribeJobTemplate: signed, checked and durable, against uvicorn answering a constant."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from bench import machine
from bench.measure import Aim, Figure, number, side_by_side, spread
from bench.processes import Child

CONNECTIONS = 32
_DOCUMENT = json.dumps({"operation": "install", "steps": [{"run": "x" * 60, "index": index} for index in range(10)]})
_AIMS = {"create": Aim(0.30, at_least=True), "describe": Aim(0.40, at_least=True)}
_SIZES = {"create": 150, "describe": 1350}
"""Bytes of tidegate's answers, about."""


class _Side:
    """One server and the load on it."""

    def __init__(self, server: Child, load: Child, port: int, kind: str, requests: int) -> None:
        self.server, self.load, self.port, self.kind, self.requests = server, load, port, kind, requests
        self.cpu: list[float] = []

    def rate(self) -> float:
        host = f"127.0.0.1:{self.port}"
        self.load.ask("sign", kind=self.kind, count=self.requests, host=host, document=_DOCUMENT)
        before = self.server.cpu_seconds
        got = self.load.ask("run", port=self.port, connections=CONNECTIONS)
        self.cpu.append((self.server.cpu_seconds - before) / self.requests * 1e6)
        assert not got["refused"], f"{got['refused']} requests were refused"
        rate: float = got["rate"]
        return rate


def run(*, quick: bool) -> list[Figure]:
    """Both operations."""
    cores = machine.cores()
    rounds, requests = (3, 400) if quick else (9, 6000)
    figures = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Child("bench.http_load", cores.load) as load,
        Child("bench.serving", cores.server, data=str(Path(folder) / "data"), auth=True) as tidegate,
    ):
        tidegate.ask("template", document=_DOCUMENT)
        for kind in ("create", "describe"):
            with Child("bench.constant", cores.server, size=_SIZES[kind]) as constant:
                ours = _Side(tidegate, load, tidegate.ready["http"], kind, requests)
                base = _Side(constant, load, constant.ready["port"], kind, requests)
                ours.rate(), base.rate()  # warm
                values, baseline = side_by_side(rounds, ours.rate, base.rate)
                figures.append(_figure(kind, values, baseline, ours, base))
    return figures


def _figure(kind: str, values: tuple[float, ...], baseline: tuple[float, ...], ours: _Side, base: _Side) -> Figure:
    cpu, constant = spread(ours.cpu[1:]).median, spread(base.cpu[1:]).median
    return Figure(
        f"{kind.capitalize()}JobTemplate",
        "requests/s",
        values,
        "uvicorn, constant answer",
        baseline,
        _AIMS[kind],
        (
            f"{CONNECTIONS} connections, keep-alive, one request each under way, signature verified",
            f"CPU a request: {number(cpu)} µs, the constant {number(constant)} µs: ratio {constant / cpu:.2f}",
        ),
    )
