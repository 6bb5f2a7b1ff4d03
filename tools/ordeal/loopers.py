"""Four clients that send without a pause, over each protocol in turn: who notices, and what it costs in throughput.

Each is done on a server as it is and on one that takes in at once whatever a client has sent, by turns; what the
loopers get through in a second, and for a second of the server's processors, is compared.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import boto3

from tools.ordeal import Row
from tools.ordeal._fleet import PATIENCE, Device, Server, Watched, device, health, server

_LOOPERS = 4
_SECONDS = 6
_TURNS = 3
_BOUND_S = 0.1
_HEALTH_S = 0.25
"""Each time over a connection of its own, and with a write to the disk."""
_LEAST = 0.9
"""Of the throughput without slices; what is less is more than noise."""
_WHERE = {"mqtt": "mqtts", "websocket": "https", "http": "https", "s3": "objects"}
_WITHOUT = "from tidegate.net import slices\n\nslices.FIRST = 1 << 30\n"
"""Python reads it in each process of the server at its start."""


class _Taken(NamedTuple):
    """Bytes of the loopers that a server took in, in a second and for a second of its processors."""

    a_second: float
    a_processor_second: float


def run() -> list[Row]:
    """Each protocol."""
    return [row for kind in _WHERE for row in (*_noticed(kind), *_throughput(kind))]


def _noticed(kind: str) -> list[Row]:
    """What those see who have something else to do."""
    with server("--log-level=error") as running:
        context = device(running)
        canary = Device(running.port("mqtts"), context, "canary")
        operator = boto3.client(
            "iot",
            endpoint_url=running.addresses["http"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        watched = {
            "a device": Watched(canary.work),
            "an operator": Watched(operator.list_things),
            "a download": Watched(_object(running)),
            "the health page": Watched(partial(health, running)),
        }
        with contextlib.ExitStack() as stack:
            for each in watched.values():
                stack.enter_context(each)
            _loop(kind, running)
        canary.close()
    rows = []
    for who, each in watched.items():
        bound = _HEALTH_S if who == "the health page" else _BOUND_S
        well = each.share() <= bound and not each.failures
        rows.append(Row(_scenario(kind), f"p99 of {who}, {len(each.seconds)} times", bound, each.share(), well))
    return rows


def _throughput(kind: str) -> list[Row]:
    """What the loopers get through, with and without slices by turns."""
    sliced, whole = list[_Taken](), list[_Taken]()
    with tempfile.TemporaryDirectory(prefix="tidegate-ordeal-") as folder:
        (Path(folder) / "sitecustomize.py").write_text(_WITHOUT)
        for _ in range(_TURNS):
            for found, environment in ((sliced, {}), (whole, {"PYTHONPATH": folder})):
                with server("--log-level=error", environment=environment) as running:
                    device(running)
                    _object(running)
                    found.append(_loop(kind, running))
    rows = []
    for what, figure in (("a second", "a_second"), ("a second of processor", "a_processor_second")):
        mine, others = (statistics.median(getattr(each, figure) for each in found) / 1e6 for found in (sliced, whole))
        seen = f"MB in {what}, at least {_LEAST:g} of the {others:.2f} of a server that takes all in at once"
        rows.append(Row(_scenario(kind), seen, _LEAST * others, mine, mine >= _LEAST * others))
    return rows


def _scenario(kind: str) -> str:
    return f"{_LOOPERS} clients loop over {kind}"


def _loop(kind: str, running: Server) -> _Taken:
    """Let them."""
    command = [sys.executable, "-m", "tools.ordeal._looper", kind, f"localhost:{running.port(_WHERE[kind])}"]
    files = [running.addresses["ca"], str(running.data / "device.pem")]
    before = running.processor()
    loopers = [
        subprocess.Popen([*command, *files, f"looper-{number}", str(_SECONDS)], stdout=subprocess.PIPE, text=True)
        for number in range(_LOOPERS)
    ]
    told = [each.communicate(timeout=120)[0].split() for each in loopers]
    spent = running.processor() - before
    a_second = sum(int(taken) / float(took) for taken, took in told)
    return _Taken(a_second, sum(int(taken) for taken, _ in told) / spent)


def _object(running: Server) -> Callable[[], None]:
    """Gets a small object again and again, over one connection."""
    client = http.client.HTTPConnection("127.0.0.1", running.port("objects"), timeout=PATIENCE)

    def ask(method: str, path: str, body: bytes = b"") -> None:
        client.request(method, path, body)
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            raise ConnectionError(f"{method} {path}: {answer.status}")

    ask("PUT", "/loop")
    ask("PUT", "/loop/small", b"small")
    return partial(ask, "GET", "/loop/small")
