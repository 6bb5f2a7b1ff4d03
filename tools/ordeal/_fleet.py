"""A server in a process of its own, and a fleet, a health page and an operator that work beside what happens to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import boto3

from tidegate.mqtt import codec

PATIENCE = 30.0
_START_S = 120.0


class Server(NamedTuple):
    """A running server."""

    data: Path
    pid: int
    addresses: dict[str, str]

    def port(self, listener: str) -> int:
        """Where a listener is."""
        return int(self.addresses[listener].rpartition(":")[2])

    def processor(self) -> float:
        """Seconds of processor that the server and the processes that it has made have taken."""
        return sum(_processor(pid) for pid in self.processes())

    def processes(self) -> list[int]:
        """The server and the processes that it has made."""
        found = [self.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found

    def memory(self) -> dict[str, float]:
        """Resident MiB of the server and of each process that it has made."""
        server, *others = self.processes()
        return {"the server": _resident(server), **{f"process {pid}": _resident(pid) for pid in others}}


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


@contextlib.contextmanager
def server(*options: str, files: int = 0, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """``tidegate serve`` on free ports; ended with the block. ``files``: how many it may open; 0: no matter."""
    # The server shall raise its limit itself; ours is raised for the sockets that we open.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="tidegate-ordeal-") as folder:
        data = Path(folder)
        listeners = [f"--{name}=127.0.0.1:0" for name in ("http", "https", "mqtts", "shared", "objects-listen")]
        command = [sys.executable, "-m", "tidegate.cli", "serve", f"--data={data}", *listeners, *options]
        if files:
            command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        try:
            deadline = time.monotonic() + _START_S
            while not (data / "addresses.json").exists():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("the server does not start")
                time.sleep(0.05)
            yield Server(data, process.pid, json.loads((data / "addresses.json").read_text()))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def device(running: Server) -> ssl.SSLContext:
    """A certificate that may do everything, as a context to connect with."""
    iot = boto3.client(
        "iot",
        endpoint_url=running.addresses["http"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    made = iot.create_keys_and_certificate(setAsActive=True)
    allowed = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    iot.create_policy(policyName="all", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    iot.attach_policy(policyName="all", target=made["certificateArn"])
    path = running.data / "device.pem"
    path.touch(0o600)
    path.write_text(made["certificatePem"] + made["keyPair"]["PrivateKey"])
    context = ssl.create_default_context(cafile=running.addresses["ca"])
    context.load_cert_chain(path)
    return context


class Device:
    """A connected device that publishes and waits for the acknowledgement."""

    def __init__(self, port: int, context: ssl.SSLContext, name: str) -> None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.tls = context.wrap_socket(plain, server_hostname="localhost")
        self._reader = codec.Reader(1 << 20)
        self._send(codec.Connect(codec.V311, name, keep_alive=600))
        if not isinstance(self._read(), codec.Connack):
            raise ConnectionError("not let in")

    def _send(self, packet: codec.Packet) -> None:
        self.tls.sendall(codec.encode(packet, codec.V311))

    def _read(self) -> codec.Packet:
        while (packet := self._reader.next_packet()) is None:
            data = self.tls.recv(65_536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._reader.feed(data)
        return packet

    def work(self) -> None:
        """Publish at QoS 1, and wait for the PUBACK."""
        self._send(codec.Publish(topic="canary", payload=b"alive", qos=1, packet_id=1))
        self._read()

    def ask(self, topic: str, payload: bytes) -> codec.Publish:
        """Publish a request at QoS 1; the reply, accepted or rejected."""
        self._send(codec.Publish(topic=topic, payload=payload, qos=1, packet_id=1))
        while not (isinstance(packet := self._read(), codec.Publish) and packet.topic.startswith(f"{topic}/")):
            pass
        if packet.qos:
            self._send(codec.Puback(packet.packet_id))
        return packet

    def close(self) -> None:
        """Go."""
        self.tls.close()


def health(running: Server) -> None:
    """Ask the health page over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port("http"), timeout=PATIENCE)
    connection.request("GET", "/_tidegate/health")
    if connection.getresponse().status != 200:
        raise ConnectionError("the health page says no")
    connection.close()


class Watched:
    """Something done again and again on a thread; how long each time took."""

    def __init__(self, act: Callable[[], None], pause_s: float = 0.02) -> None:
        self.seconds: list[float] = []
        self.failures: list[Exception] = []
        self._act, self._pause = act, pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self._act()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(error)
                self.seconds.append(PATIENCE)
                return
            self.seconds.append(time.monotonic() - began)
            self._over.wait(self._pause)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)

    def share(self, part: float = 0.99) -> float:
        """What this part of all times did not exceed."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * part))]
