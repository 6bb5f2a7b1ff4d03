"""The endpoint in a process of its own: it is killed, and what was acknowledged is there and nothing else."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import uvloop
from botocore.config import Config

from tests.s3.client import plain
from tests.servers import options, started
from tidegate.clock import SequentialIds
from tidegate.core.location import Location
from tidegate.objects.folder import Folder
from tidegate.objects.listing import Question
from tidegate.s3.asking import Line

LISTENERS = ("http", "https", "mqtts", "objects-listen")


class Serving:
    """``tidegate serve`` on a data directory."""

    def __init__(self, process: subprocess.Popen[str], data: Path) -> None:
        self.process = process
        self.addresses: dict[str, Any] = json.loads((data / "addresses.json").read_text())
        self.url: str = self.addresses["objects"]
        self.host = urlsplit(self.url).netloc
        self.s3 = boto3.session.Session("k", "s", region_name="us-east-1").client(
            "s3", endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1})
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def endpoint(self) -> int:
        """The endpoint's process id."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        children += [child for task in threads for child in (task / "children").read_text().split()]
        return int(children[0])


@contextmanager
def serving(data: Path, *more: str) -> Iterator[Serving]:
    ports = [part for name in LISTENERS for part in (f"--{name}", "127.0.0.1:0")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(data), *ports, *more, "--log-level", "error"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "tidegate is running.\n"
        server = Serving(process, data)
        yield server
        server.s3.close()
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def contents(data: Path) -> dict[str, int]:
    """Keys and sizes by the folder itself, once it is free and repaired."""
    folder = Folder(data / "objects", SequentialIds())
    deadline = time.monotonic() + 20
    while not folder.try_to_own():
        assert time.monotonic() < deadline
    found = {version.key: version.size for version in folder.list_objects("bucket", Question()).found}
    folder.close()
    return found


def test_a_kill_during_uploads(tmp_path: Path) -> None:
    """Acknowledged objects are whole, the others are not there, and nothing half-written stays."""
    acknowledged: list[str] = []
    half_way = threading.Event()
    with serving(tmp_path) as server:
        server.s3.create_bucket(Bucket="bucket")

        def upload(worker: int) -> None:
            connection = http.client.HTTPConnection(server.host, timeout=30)
            with suppress(OSError, http.client.HTTPException):
                for number in range(1000):
                    connection.request("PUT", f"/bucket/{worker}-{number}", os.urandom(200_000))
                    response = connection.getresponse()
                    response.read()
                    if response.status == 200:
                        acknowledged.append(f"{worker}-{number}")
                        if len(acknowledged) >= 12:
                            half_way.set()
            connection.close()

        def slow() -> None:
            """Half of a large object has arrived, or less, when the kill comes."""
            host, port = server.host.split(":")
            with socket.create_connection((host, int(port)), timeout=30) as connection, suppress(OSError):
                connection.sendall(b"PUT /bucket/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
                connection.sendall(os.urandom(20_000_000))
                connection.recv(1)

        threads = [threading.Thread(target=upload, args=(worker,)) for worker in range(3)]
        threads.append(threading.Thread(target=slow))
        for thread in threads:
            thread.start()
        assert half_way.wait(60)
        server.kill()
        for thread in threads:
            thread.join(60)
    found = contents(tmp_path)
    assert set(acknowledged) <= set(found)
    assert len(found) <= len(acknowledged) + 3  # named on disk, and killed before the answer
    assert set(found.values()) == {200_000}
    assert list((tmp_path / "objects" / "incoming").iterdir()) == []
    blobs = list((tmp_path / "objects" / "blobs").glob("*/*"))
    assert len(blobs) == len(found)
    assert {blob.stat().st_size for blob in blobs} == {200_000}


def test_a_multipart_upload_goes_on_after_a_kill(tmp_path: Path) -> None:
    part = os.urandom(5 << 20)
    with serving(tmp_path) as server:
        server.s3.create_bucket(Bucket="bucket")
        named = {"Bucket": "bucket", "Key": "k"}
        named["UploadId"] = server.s3.create_multipart_upload(**named)["UploadId"]
        first = server.s3.upload_part(**named, PartNumber=1, Body=part)["ETag"]
        server.kill()
    with serving(tmp_path) as server:
        second = server.s3.upload_part(**named, PartNumber=2, Body=b"rest")["ETag"]
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in ((1, first), (2, second))]
        server.s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
        with server.s3.get_object(Bucket="bucket", Key="k")["Body"] as body:
            assert body.read() == part + b"rest"


def test_a_download_is_resumed_after_a_kill(tmp_path: Path) -> None:
    data = os.urandom(30_000_000)
    with serving(tmp_path) as server:
        server.s3.create_bucket(Bucket="bucket")
        etag = server.s3.put_object(Bucket="bucket", Key="k", Body=data)["ETag"]
        connection = http.client.HTTPConnection(server.host, timeout=30)
        connection.request("GET", "/bucket/k")
        response = connection.getresponse()
        got = response.read(1_000_000)
        server.kill()
        with suppress(OSError, http.client.HTTPException):
            while more := response.read1(1 << 16):
                got += more
        response.close()
        connection.close()
    assert len(got) < len(data)
    with serving(tmp_path) as server:
        rest = server.s3.get_object(Bucket="bucket", Key="k", Range=f"bytes={len(got)}-", IfMatch=etag)
        with rest["Body"] as body:
            assert got + body.read() == data


def test_the_endpoint_alone_is_killed(tmp_path: Path) -> None:
    """The server starts it again; who comes meanwhile waits."""
    with serving(tmp_path) as server:
        server.s3.create_bucket(Bucket="bucket")
        server.s3.put_object(Bucket="bucket", Key="k", Body=b"data")
        first = server.endpoint()
        os.kill(first, signal.SIGKILL)
        connection = http.client.HTTPConnection(server.host, timeout=30)
        while True:
            try:
                connection.request("GET", "/bucket/k")
                assert connection.getresponse().read() == b"data"
                break
            except (OSError, http.client.HTTPException):  # accepted by the one that was killed
                connection.close()
        connection.close()
        assert server.endpoint() != first


def test_it_ends_with_the_server(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving(tmp_path) as server:
            child = server.endpoint()
            server.process.send_signal(number)
            assert server.process.wait(30) == 0
            assert not Path(f"/proc/{child}").exists()


def test_it_asks_the_server_for_the_time_and_for_keys(tmp_path: Path) -> None:
    wanted = options(tmp_path, objects_apart=True, clock="movable", auth=True)
    with started(wanted) as server:
        service = server.running.service
        assert service.objects is not None
        now = service.clock.now()
        url = service.objects.presign("PUT", Location("none", "k"), signed_at=now, expires_s=60)
        path = url.removeprefix(server.addresses.objects)
        assert plain(server, "PUT", path, b"x").code == "NoSuchBucket"
        service.clock.advance(90_000)  # type: ignore[attr-defined]
        assert plain(server, "PUT", path, b"x").code == "AccessDenied"
        s3 = server.client("s3")
        with pytest.raises(s3.exceptions.ClientError, match="InvalidAccessKeyId"):
            s3.list_buckets()
        deadline = time.monotonic() + 20
        while b'operation="PutObject"' not in server.running.metrics.text():
            assert time.monotonic() < deadline
    assert b'plane="s3"' in server.running.metrics.text()


def test_a_folder_that_cannot_be_used_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "index.db").write_bytes(b"no database" * 100)
    command = [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(tmp_path)]
    ports = [part for name in LISTENERS for part in (f"--{name}", "127.0.0.1:0")]
    ran = subprocess.run([*command, *ports], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode != 0
    assert "index.db" in ran.stderr


def test_tls_with_the_servers_certificate(tmp_path: Path) -> None:
    with started(options(tmp_path, objects_tls=True)) as server:
        assert server.addresses.objects.startswith("https://127.0.0.1:")
        s3 = server.client("s3", verify=server.addresses.ca, region_name="us-east-1")
        data = os.urandom(3_000_000)
        s3.create_bucket(Bucket="secure")
        s3.put_object(Bucket="secure", Key="k", Body=data)
        assert s3.get_object(Bucket="secure", Key="k")["Body"].read() == data
        assert s3.get_object(Bucket="secure", Key="k", Range="bytes=1000000-")["Body"].read() == data[1_000_000:]


def test_urls_name_what_the_operator_says(tmp_path: Path) -> None:
    """And hold behind a proxy that changes the Host header."""
    with started(options(tmp_path, objects_url="https://files.example.com")) as server:
        server.client("s3", region_name="us-east-1").create_bucket(Bucket="bucket")
        service = server.running.service
        assert service.objects is not None
        url = service.objects.presign("PUT", Location("bucket", "k"), signed_at=service.clock.now(), expires_s=60)
        path = url.removeprefix("https://files.example.com")
        assert path != url
        assert plain(server, "PUT", path, b"x").status == 200
        assert plain(server, "PUT", path, b"x", host="files.example.com").status == 200


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A real one: nothing of the upload is to be seen, and what was there is served."""
    caplog.set_level(logging.CRITICAL)
    disk = tmp_path / "disk"
    with small_disk(disk, "6m"), started(options(tmp_path / "data", objects=(str(disk / "objects"),))) as server:
        s3 = server.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="small", Body=b"data")
        for body in (os.urandom(8_000_000), os.urandom(6_500_000)):
            answer = plain(server, "PUT", "/bucket/large", body)
            assert (answer.status, answer.code) == (507, "InsufficientStorage")
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["small"]
        assert list((disk / "objects" / "incoming").iterdir()) == []
        assert len(list((disk / "objects" / "blobs").glob("*/*"))) == 1
        assert s3.get_object(Bucket="bucket", Key="small")["Body"].read() == b"data"
        s3.put_object(Bucket="bucket", Key="fits", Body=b"x" * 1_000_000)


def test_questions_of_an_endpoint_whose_server_is_gone() -> None:
    async def ask() -> None:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=here)
        line = Line(reader, writer)
        running = asyncio.create_task(line.run())
        question = asyncio.create_task(line.now())
        await asyncio.sleep(0)
        there.close()
        with pytest.raises(ConnectionError):
            await question
        await running
        assert await line.told_to_stop is False
        with pytest.raises(ConnectionError):
            await line.now()
        writer.close()
        line.refused("127.0.0.1", "an S3 client", "AccessDenied")  # nobody is there to hear it

    uvloop.run(ask())
