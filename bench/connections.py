"""Memory of an idle MQTT connection with mutual TLS, against a bare TLS echo server with the same certificates."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import machine
from bench.measure import Aim, Figure
from bench.processes import Child

_CONNECTIONS = 10_000
_WARM = 50


def run(*, quick: bool) -> list[Figure]:
    """Resident memory of the server process, before and after."""
    rounds, connections = (1, 20) if quick else (3, _CONNECTIONS)
    values, baseline = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours, echo = _grown(Path(folder), connections)
        values.append(ours)
        baseline.append(echo)
    notes = (f"{connections:,} connections, each subscribed to its notify-next topic; {_WARM} others came first",)
    return [
        Figure(
            "Memory of an idle mutual-TLS MQTT connection",
            "KiB",
            tuple(values),
            "uvloop TLS echo",
            tuple(baseline),
            Aim(40, at_least=False),
            notes,
            of_value=True,
        )
    ]


def _grown(folder: Path, connections: int) -> tuple[float, float]:
    """KiB a connection of tidegate and of the echo server."""
    cores = machine.cores()
    with Child("bench.serving", cores.server, data=str(folder)) as server:
        issued = server.ask("fleet", devices=connections + _WARM)
        tls = {"ca": server.ready["ca"], **issued}
        ours = _growth(server, server.ready["mqtts"], connections, tls, speaks=True)
    with Child("bench.echo", cores.server, data=str(folder)) as echo:
        return ours, _growth(echo, echo.ready["port"], connections, tls, speaks=False)


def _growth(server: Child, port: int, connections: int, tls: dict[str, str], *, speaks: bool) -> float:
    with Child("bench.mqtt_load", machine.cores().load) as load:
        load.ask("connect", port=port, devices=_WARM, tls=tls, speaks=speaks)
        before = server.memory
        load.ask("connect", port=port, devices=connections, tls=tls, speaks=speaks)
        return (server.memory - before) / connections / 1024
