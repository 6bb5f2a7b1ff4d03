"""A fleet that a job sends to one artifact at once, from a server that is killed in the middle: every byte is compared.

The job comes from a template with a package version; each device downloads by its own presigned URL, and reports."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from boto3.s3.transfer import TransferConfig

from bench.measure import Figure

_RANGE = 16 * 1024 * 1024
"""What a device asks for at once."""
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_LISTENERS = ("http", "https", "mqtts", "objects-listen")


def run(*, quick: bool) -> list[Figure]:
    """One such download."""
    size, devices = (1_000_000, 5) if quick else (200_000_000, 200)
    with tempfile.TemporaryDirectory() as name:
        data = os.urandom(size)
        with _Server(Path(name)) as server:
            upload = server.upload(data, Path(name) / "artifact")
            fleet = _Rollout(server)
            paths = fleet.begin(devices)
            rate, broken = asyncio.run(_fleet(server, data, paths))
            fleet.end()
    notes = (
        f"boto3 uploaded it in parts at {size / 1e6 / upload:.0f} MB/s",
        f"{broken} connections broke",
        "each by a presigned URL of a job's document; all executions SUCCEEDED, all shadows say so",
        f"ranges of {_RANGE >> 20} MiB, each device goes on at the byte it had reached; all bytes compared",
    )
    name = f"{devices} devices download {size / 1e6:.0f} MB at once, the server killed half-way"
    return [Figure(name, "MB/s together", (rate,), "", (), None, notes)]


class _Server:
    """``tidegate serve``, on the same ports every time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [_free_port() for _ in _LISTENERS]
        self.port, self.http = self._ports[-1], f"http://127.0.0.1:{self._ports[0]}"
        self._start()

    def _start(self) -> None:
        places = zip(_LISTENERS, self._ports, strict=True)
        ports = [part for name, port in places for part in (f"--{name}", f"127.0.0.1:{port}")]
        command = [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(self._folder / "data"), *ports]
        self._process = subprocess.Popen(
            [*command, "--log-level", "error"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline()

    def kill_and_start(self) -> None:
        """SIGKILL, then the same command again."""
        self._end()
        self._start()

    def upload(self, data: bytes, path: Path) -> float:
        """Put the artifact as an operator would; seconds."""
        path.write_bytes(data)
        s3 = boto3.session.Session("k", "s", region_name="us-east-1").client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}"
        )
        s3.create_bucket(Bucket="artifacts")
        begin = time.perf_counter()
        s3.upload_file(str(path), "artifacts", "firmware.bin", Config=TransferConfig(multipart_chunksize=8 << 20))
        seconds = time.perf_counter() - begin
        s3.close()
        return seconds

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


class _Rollout:
    """A job that brings the artifact to every device, by way of boto3."""

    def __init__(self, server: _Server) -> None:
        session = boto3.session.Session("000000000000", "s", region_name="us-east-1")
        self._iot, self._jobs, self._data = (
            session.client(name, endpoint_url=server.http) for name in ("iot", "iot-jobs-data", "iot-data")
        )
        self._names: list[str] = []

    def begin(self, devices: int) -> list[str]:
        """Roll it out; what each device is to ask for: path and query of the URL in its document."""
        iot, role = self._iot, "arn:aws:iam::000000000000:role/bench"
        package = iot.create_package(packageName="app")["packageArn"]
        place = {"s3Location": {"bucket": "artifacts", "key": "firmware.bin"}}
        iot.create_package_version(packageName="app", versionName="2.1", artifact=place)
        iot.update_package_version(packageName="app", versionName="2.1", action="PUBLISH")
        iot.update_package_configuration(versionUpdateByJobsConfig={"enabled": True, "roleArn": role})
        iot.create_thing_group(thingGroupName="fleet")
        self._names = [f"device-{number}" for number in range(devices)]
        for name in self._names:
            iot.create_thing(thingName=name)
            iot.add_thing_to_thing_group(thingName=name, thingGroupName="fleet")
        template = iot.create_job_template(
            jobTemplateId="install",
            description="Install",
            document=json.dumps({"url": "${aws:iot:package::version::artifact:s3-presigned-url}"}),
            presignedUrlConfig={"roleArn": role},
            destinationPackageVersions=[f"{package}/version/2.1"],
        )
        group = iot.describe_thing_group(thingGroupName="fleet")["thingGroupArn"]
        iot.create_job(jobId="install", targets=[group], jobTemplateArn=template["jobTemplateArn"])
        return [self._begun(name) for name in self._names]

    def _begun(self, name: str) -> str:
        while True:
            found = self._jobs.start_next_pending_job_execution(thingName=name).get("execution")
            if found is not None:
                url = urlsplit(json.loads(found["jobDocument"])["url"])
                return f"{url.path}?{url.query}"
            time.sleep(0.01)

    def end(self) -> None:
        """Every device reports; job and shadows must say so."""
        for name in self._names:
            self._jobs.update_job_execution(jobId="install", thingName=name, status="SUCCEEDED")
        for name in self._names:
            with self._data.get_thing_shadow(thingName=name, shadowName="$package")["payload"] as payload:
                assert json.load(payload)["state"]["reported"]["app"]["version"] == "2.1"
        while self._iot.describe_job(jobId="install")["job"]["status"] != "COMPLETED":
            time.sleep(0.01)
        for client in (self._iot, self._jobs, self._data):
            client.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class _Progress:
    def __init__(self) -> None:
        self.bytes = 0
        self.broken = 0


async def _fleet(server: _Server, data: bytes, paths: list[str]) -> tuple[float, int]:
    """All devices at once; MB a second together, and how often a connection broke."""
    progress = _Progress()
    begin = time.perf_counter()
    tasks = [asyncio.create_task(_device(server.port, path, data, progress)) for path in paths]
    while progress.bytes < len(paths) * len(data) // 2:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(server.kill_and_start)
    await asyncio.gather(*tasks)
    assert progress.bytes == len(paths) * len(data)
    return progress.bytes / 1e6 / (time.perf_counter() - begin), progress.broken


async def _device(port: int, path: str, data: bytes, progress: _Progress) -> None:
    have = 0
    while have < len(data):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        try:
            while have < len(data):
                end = min(have + _RANGE, len(data)) - 1
                head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nRange: bytes={have}-{end}\r\n\r\n"
                writer.write(head.encode())
                answer = await reader.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 206"), answer
                found = _LENGTH.search(answer)
                assert found is not None
                assert int(found[1]) == end - have + 1
                have = await _body(reader, data, have, end + 1, progress)
        except (OSError, asyncio.IncompleteReadError, _BrokenError) as error:
            progress.broken += 1
            have = error.args[0] if isinstance(error, _BrokenError) else have
        finally:
            writer.close()


class _BrokenError(Exception):
    """The connection broke; how far the device has got."""


async def _body(reader: asyncio.StreamReader, data: bytes, have: int, end: int, progress: _Progress) -> int:
    view = memoryview(data)
    while have < end:
        try:
            got = await reader.read(min(1 << 20, end - have))
        except OSError:
            got = b""
        if not got:
            raise _BrokenError(have)
        assert view[have : have + len(got)] == got, "wrong bytes"
        have += len(got)
        progress.bytes += len(got)
    return have
