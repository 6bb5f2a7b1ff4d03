"""Artifacts: how fast they go out beside a plain file server, presigning, and what jobs notice of a download."""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import beside, machine, resume
from bench.measure import Aim, Figure, number, side_by_side, spread
from bench.processes import Child
from tidegate.aws.sigv4 import Key
from tidegate.core.location import Location
from tidegate.objects import presign
from tidegate.objects.presign import Site

_PATH = "/artifacts/firmware.bin"
_SITE, _KEY = Site("http://127.0.0.1:9000", "us-east-1"), Key("TIDEGATEPRESIGNED000", "s" * 40)


def run(*, quick: bool) -> list[Figure]:
    """All of them."""
    size, rounds, times = (2_000_000, 2, 1) if quick else (64_000_000, 7, 4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").write_bytes(os.urandom(size))
        return [
            *(_throughput(folder, connections, rounds, times) for connections in ((2,) if quick else (1, 16))),
            _presigns(rounds, 100 if quick else 20_000),
            _starts(folder, rounds=1 if quick else 5, window=0.2 if quick else 5.0, apart=True),
            _starts(folder, rounds=1 if quick else 3, window=0.2 if quick else 5.0, apart=False),
            *resume.run(quick=quick),
        ]


def _put(port: int, file: Path) -> None:
    base = f"http://127.0.0.1:{port}"
    for path, data in (("/artifacts", None), (_PATH, file.read_bytes())):
        urllib.request.urlopen(urllib.request.Request(base + path, data, method="PUT")).close()


def _throughput(folder: Path, connections: int, rounds: int, times: int) -> Figure:
    cores, file = machine.cores(), folder / "file"
    with (
        Child("bench.download_load", cores.load) as load,
        Child("bench.files", cores.server, path=str(file)) as plain,
        Child("bench.serving", cores.server, data=str(folder / f"data-{connections}")) as tidegate,
    ):
        _put(tidegate.ready["objects"], file)

        cpu: dict[int, list[float]] = {}

        def rate(port: int, pid: int) -> float:
            before = machine.cpu_seconds_in_all(pid)
            got = load.ask("run", port=port, path=_PATH, connections=connections, times=times)
            volume = connections * times * file.stat().st_size / 1e9
            cpu.setdefault(pid, []).append((machine.cpu_seconds_in_all(pid) - before) * 1000 / volume)
            return float(got) / 1e6

        endpoint = machine.child(tidegate.pid)

        def ours() -> float:
            return rate(tidegate.ready["objects"], endpoint)

        def theirs() -> float:
            return rate(plain.ready["port"], plain.pid)

        ours(), theirs()  # warm
        values, baseline = side_by_side(rounds, ours, theirs)
    mine, bare = spread(cpu[endpoint][1:]).median, spread(cpu[plain.pid][1:]).median
    notes = (
        f"{file.stat().st_size / 1e6:.0f} MB, in the page cache, over and over on each connection",
        f"CPU a gigabyte: {number(mine)} ms, the file server {number(bare)} ms: ratio {bare / max(mine, 0.001):.2f}",
    )
    name = f"Artifact downloads, {connections} connection{'s' if connections > 1 else ''}"
    return Figure(name, "MB/s", values, "plain file server", baseline, Aim(0.8, at_least=True), notes)


def _presigns(rounds: int, count: int) -> Figure:
    location = Location("artifacts", "firmware/2.4.0/image.bin")
    now = int(time.time() * 1000)

    def ours() -> float:
        begin = time.perf_counter()
        for index in range(count):
            presign.url(_SITE, _KEY, "GET", location, signed_at=now + index * 1000, expires_s=3600)
        return count / (time.perf_counter() - begin)

    def theirs() -> float:
        signer: Any = S3SigV4QueryAuth(Credentials(_KEY.key_id, _KEY.secret), "s3", _SITE.region, 3600)
        few = max(1, count // 10)
        begin = time.perf_counter()
        for _ in range(few):
            signer.add_auth(AWSRequest("GET", f"{_SITE.base}/{location.bucket}/{location.key}"))
        return few / (time.perf_counter() - begin)

    values, baseline = side_by_side(rounds, ours, theirs)
    day = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%d")
    notes = (f"each for another second from {day} on",)
    return Figure("Presigned URLs", "URLs/s", values, "botocore's signer", baseline, None, notes)


def _starts(folder: Path, *, rounds: int, window: float, apart: bool) -> Figure:
    cores = machine.cores()
    data = folder / f"starts-{apart}"
    with (
        Child("bench.serving", cores.server, data=str(data), objects_apart=apart) as server,
        Child("bench.mqtt_load", cores.load) as devices,
        Child("bench.download_load", cores.load) as downloads,
    ):
        _put(server.ready["objects"], folder / "file")
        server.ask("fleet", devices=beside.FEW, name="device")
        noticed = beside.start_next(
            server,
            devices,
            rounds=rounds,
            window=window,
            begin=lambda: downloads.ask("begin", port=server.ready["objects"], path=_PATH, connections=4),
            end=lambda: downloads.ask("end") / 1e6,
        )
    where = "a process of their own" if apart else "the server's process"
    notes = (f"{noticed.note}; 4 downloads at {number(noticed.moved)} MB/s together",)
    name = f"p99 of start-next beside full-speed downloads from {where}"
    aim = Aim(2, at_least=False) if apart else None
    return Figure(name, "ms", noticed.values, "without a download", noticed.baseline, aim, notes)
