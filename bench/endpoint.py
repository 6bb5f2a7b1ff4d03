"""The device endpoint: request/response pairs, connections, a fleet that comes back at once, CreateJob to ``notify``.

Pairs stand beside mosquitto with a stateless responder behind it, where mosquitto is installed: a broker in C and a
program that knows no device, no job and no policy.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import machine
from bench.measure import Aim, Figure, number, side_by_side
from bench.processes import Child

_CLIENTS = (1, 100, 5000)
_FLEET = 5000


def run(*, quick: bool) -> list[Figure]:
    """All of them."""
    clients = (1, 5) if quick else _CLIENTS
    fleet = 20 if quick else _FLEET
    rounds, seconds = (1, 0.2) if quick else (5, 3.0)
    figures = [_pairs(count, rounds, seconds) for count in clients]
    figures += _connecting(fleet, 1 if quick else 3)
    figures.append(_told(fleet, 1 if quick else 5))
    return figures


def _pairs(clients: int, rounds: int, seconds: float) -> Figure:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        cores = machine.cores()
        server = stack.enter_context(Child("bench.serving", cores.server, data=folder))
        server.ask("fleet", devices=clients)
        ours = stack.enter_context(Child("bench.pairs_load", cores.load))
        ours.ask("connect", port=server.ready["mqtt"], clients=clients)
        latencies: list[dict[str, float]] = []

        def tidegate() -> float:
            got = ours.ask("pairs", seconds=seconds)
            latencies.append(got)
            return float(got["rate"])

        name = f"Request/response pairs over MQTT, {clients:,} {'device' if clients == 1 else 'devices'}"
        port = stack.enter_context(_mosquitto())
        if port is None:
            values = tuple(tidegate() for _ in range(rounds))
            return Figure(name, "pairs/s", values, "", (), None, ("mosquitto is not installed: no baseline",))
        stack.enter_context(Child("bench.responder", cores.server, port=port))
        theirs = stack.enter_context(Child("bench.pairs_load", cores.load))
        theirs.ask("connect", port=port, clients=clients, prefix="things/", listens="get/accepted")
        values, baseline = side_by_side(rounds, tidegate, lambda: float(theirs.ask("pairs", seconds=seconds)["rate"]))
    last = latencies[-1]
    notes = (
        f"GetPendingJobExecutions with state and policy, plain TCP, QoS 0; p50 {number(last['p50'])} ms, "
        f"p99 {number(last['p99'])} ms; the broker and its responder share the server's core",
    )
    return Figure(
        name, "pairs/s", values, "mosquitto and a stateless responder", baseline, Aim(1.5, at_least=True), notes
    )


def _connecting(fleet: int, rounds: int) -> list[Figure]:
    """Full handshakes in a row, and the whole fleet at once."""
    rates, storms, retries = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            cores = machine.cores()
            with (
                Child("bench.serving", cores.server, data=folder) as server,
                Child("bench.pairs_load", cores.load) as load,
            ):
                issued = server.ask("fleet", devices=fleet)
                tls = {"ca": server.ready["ca"], **issued}
                seconds = load.ask("connect", port=server.ready["mqtts"], clients=fleet, tls=tls)
                rates.append(fleet / seconds)
                got = load.ask("storm")
                storms.append(fleet / got["seconds"])
                retries.append(got["retries"])
    return [
        Figure(
            "Mutual-TLS MQTT connections",
            "connections/s",
            tuple(rates),
            "",
            (),
            None,
            ("CONNECT included; 50 abreast",),
        ),
        Figure(
            f"A reconnect storm of {fleet:,} devices",
            "connections/s",
            tuple(storms),
            "50 abreast",
            tuple(rates),
            Aim(0.7, at_least=True),
            (f"all at once; every device is back; tries repeated: {', '.join(str(each) for each in retries)}",),
        ),
    ]


def _told(fleet: int, rounds: int) -> Figure:
    p50s, p99s = [], []
    with tempfile.TemporaryDirectory() as folder:
        cores = machine.cores()
        with Child("bench.serving", cores.server, data=folder) as server, Child("bench.pairs_load", cores.load) as load:
            server.ask("fleet", devices=fleet)
            load.ask("connect", port=server.ready["mqtt"], clients=fleet, listens="notify-next")
            for _ in range(rounds):
                load.ask("expect")
                since = time.perf_counter()  # one clock for all processes of a machine
                server.tell("jobs", count=1)
                got = load.ask("noticed", since=since)
                server.answer()
                p50s.append(got["p50"])
                p99s.append(got["p99"])
                load.ask("expect")
                server.tell("clear")
                load.ask("noticed", since=since)
                server.answer()
    return Figure(
        f"From CreateJob to notify-next, {fleet:,} devices, p99",
        "ms",
        tuple(p99s),
        "p50",
        tuple(p50s),
        None,
        ("one job for all of them, without a rate limit: the last device is told when everybody has been",),
    )


@contextmanager
def _mosquitto() -> Iterator[int | None]:
    """A mosquitto on a free port of loopback and on the server's core; None where it is not installed."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "mosquitto.conf")
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n"
            f"persistence false\nlog_type none\n"
        )
        broker = subprocess.Popen([found, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.sched_setaffinity(broker.pid, {machine.cores().server})
        try:
            _await(port)
            yield port
        finally:
            broker.terminate()
            broker.wait(10)


def _await(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("mosquitto does not answer")
