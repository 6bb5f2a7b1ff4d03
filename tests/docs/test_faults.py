"""docs/faults.md, recipe by recipe: a small agent over paho-mqtt survives what its page says it must."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.docs.pages import snippets
from tidegate.testing.device import Credentials
from tidegate.testing.server import Server, serving

RECIPES = snippets("docs/faults.md")
_PATIENCE_S = 0.4
"""Of the agent: for an answer, and between two questions. Short, for the tests' sake."""
_ENOUGH_S = 240.0
_TRANSIENT = {"RequestThrottled", "InternalError"}


class Agent:
    """A device's program as it should be. ``installed`` is what it installed, ``seen`` the codes of refusals."""

    def __init__(self, credentials: Credentials) -> None:
        self.installed: list[tuple[str, int]] = []
        self.seen: list[str] = []
        self.connects = 0
        self.idle: Callable[[], None] = lambda: None
        self._root = f"$aws/things/{credentials.client_id}/jobs/"
        self._answers: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._next: queue.Queue[None] = queue.Queue()
        self._tokens = itertools.count(1)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, credentials.client_id, protocol=paho.MQTTv311)
        context = ssl.create_default_context(cafile=str(credentials.ca))
        context.load_cert_chain(credentials.certificate, credentials.key)
        self._client.tls_set_context(context)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect(credentials.host, credentials.port)

    @contextmanager
    def alive(self) -> Iterator[Agent]:
        self._client.loop_start()
        yield self
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, *_: Any) -> None:
        self.connects += 1
        self._client.subscribe(
            [(self._root + each, 1) for each in ("notify-next", "start-next/+", "+/update/+", "+/get/+")]
        )
        self._next.put(None)

    def _heard(self, _client: Any, _data: Any, message: Any) -> None:
        if message.topic.endswith("notify-next"):
            self._next.put(None)
        else:
            self._answers.put((message.topic, json.loads(message.payload)))

    def ask(self, what: str, **members: Any) -> tuple[bool, dict[str, Any]]:
        """Ask until there is an answer that is not for now: whether it was accepted, and what it says."""
        while True:
            token = str(next(self._tokens))
            self._client.publish(self._root + what, json.dumps({**members, "clientToken": token}), 1)
            found = self._answer(token)
            if found is None:
                continue
            topic, body = found
            accepted = topic.endswith("/accepted")
            if not accepted:
                self.seen.append(body["code"])
                if body["code"] in _TRANSIENT:
                    self.idle()
                    time.sleep(_PATIENCE_S / 4)
                    continue
            return accepted, body

    def _answer(self, token: str) -> tuple[str, dict[str, Any]] | None:
        until = time.monotonic() + _PATIENCE_S
        while (left := until - time.monotonic()) > 0:
            try:
                topic, body = self._answers.get(timeout=left)
            except queue.Empty:
                return None
            if body.get("clientToken") == token:
                return topic, body
        return None

    def work(self, done: Callable[[], bool]) -> None:
        """Do what there is to do until a test has seen enough."""
        deadline = time.monotonic() + _ENOUGH_S
        while not done():
            assert time.monotonic() < deadline, f"not survived: {self.seen}"
            _, body = self.ask("start-next")
            execution = body.get("execution")
            if execution:
                self._run(execution)
                continue
            with contextlib.suppress(queue.Empty):  # a notice may be lost: ask anyway
                self._next.get(timeout=_PATIENCE_S)

    def _run(self, execution: dict[str, Any]) -> None:
        job, number = execution["jobId"], execution["executionNumber"]
        if (job, number) not in self.installed:
            self._install(execution)
            self.installed.append((job, number))
        version = execution["versionNumber"]
        while True:
            accepted, body = self.ask(
                f"{job}/update", status="SUCCEEDED", expectedVersion=version, executionNumber=number
            )
            if accepted or body["code"] == "InvalidStateTransition":  # it had been carried out
                return
            if body["code"] != "VersionMismatch":
                return
            accepted, body = self.ask(f"{job}/get", executionNumber=number)
            if not accepted:  # TerminalStateReached: it had been carried out
                return
            version = body["execution"]["versionNumber"]

    def _install(self, execution: dict[str, Any]) -> None:
        have = b""
        url, size = execution["jobDocument"].get("url"), execution["jobDocument"].get("size", 0)
        while len(have) < size:
            request = urllib.request.Request(url, headers={"Range": f"bytes={len(have)}-"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    while piece := answer.read1(65_536):
                        have += piece
            except urllib.error.HTTPError as error:
                self.seen.append(f"HTTP {error.code}")
                self.idle()
                url = self.ask(f"{execution['jobId']}/get")[1]["execution"]["jobDocument"]["url"]
            except OSError:
                pass
        self.image = have


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(_served: Server) -> Server:
    _served.reset()
    return _served


class Trial:
    """An agent, a job for it, and the faults of a recipe."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.lamp = server, server.device("lamp")
        self.agent = Agent(server.credentials("lamp", folder))

    def job(self, document: Any = None, **members: Any) -> None:
        body = json.dumps(document or {"install": "2.0"})
        self.server.client("iot").create_job(jobId="update", targets=[self.lamp.arn], document=body, **members)
        self.server.clock.advance()

    def survive(self, recipe: str) -> Agent:
        """Let the faults of a recipe happen, and the agent work until its job has succeeded."""
        self.server.faults(*json.loads(RECIPES[recipe]), seed=7)
        with self.agent.alive() as agent:
            agent.work(lambda: self.lamp.status("update") == "SUCCEEDED")
        assert agent.installed == [("update", 1)]
        assert self.server.happened(), "no fault has happened"
        return agent


@pytest.fixture
def trial(server: Server, tmp_path: Path) -> Trial:
    return Trial(server, tmp_path)


@pytest.mark.parametrize(
    ("recipe", "fault", "seen"),
    [
        ("throttled", "throttle", ["RequestThrottled"] * 2),
        ("failing", "error", ["InternalError"] * 2),
        ("lost", "lose", ["VersionMismatch", "TerminalStateReached"]),
        ("late", "delay", []),
        ("conflict", "conflict", ["VersionMismatch"]),
    ],
)
def test_requests_go_wrong(trial: Trial, recipe: str, fault: str, seen: list[str]) -> None:
    trial.job()
    agent = trial.survive(recipe)
    assert {each.fault for each in trial.server.happened()} == {fault}
    assert agent.seen[: len(seen)] == seen


@pytest.mark.parametrize(("recipe", "fault"), [("unheard", "lose"), ("twice", "double")])
def test_notices_go_wrong(trial: Trial, recipe: str, fault: str) -> None:
    trial.server.faults(*json.loads(RECIPES[recipe]))
    with trial.agent.alive() as agent:
        agent.work(lambda: agent.connects > 0)  # it has subscribed, and there is nothing to do
        agent.ask("start-next")
        trial.job()
        agent.work(lambda: trial.lamp.status("update") == "SUCCEEDED")
    assert agent.installed == [("update", 1)]
    assert {each.fault for each in trial.server.happened()} == {fault}


def test_a_storm(trial: Trial) -> None:
    trial.server.faults(*json.loads(RECIPES["storm"]))
    with trial.agent.alive() as agent:
        agent.work(lambda: agent.connects > 2)
        trial.job()
        agent.work(lambda: trial.lamp.status("update") == "SUCCEEDED")
    assert [(each.fault, each.thing, each.number) for each in trial.server.happened()] == [
        ("disconnect", "lamp", 1),
        ("disconnect", "lamp", 2),
    ]


def test_a_url_that_expires(trial: Trial) -> None:
    image = bytes(range(256)) * 2000
    s3 = trial.server.client("s3")
    s3.create_bucket(Bucket="firmware-files")
    s3.put_object(Bucket="firmware-files", Key="lamp.bin", Body=image)
    place = "https://s3.us-east-1.amazonaws.com/firmware-files/lamp.bin"
    trial.job(
        {"url": f"${{aws:iot:s3-presigned-url:{place}}}", "size": len(image)},
        presignedUrlConfig={"roleArn": "arn:aws:iam::123456789012:role/jobs", "expiresInSec": 600},
    )
    trial.server.clock.advance(seconds=1)
    agent = trial.agent
    agent.idle = lambda: trial.server.clock.advance(seconds=1)
    agent = trial.survive("expired")
    assert agent.image == image
    assert "HTTP 403" in agent.seen


def test_an_outage(trial: Trial) -> None:
    trial.job()
    trial.agent.idle = lambda: trial.server.clock.advance(minutes=4)
    agent = trial.survive("outage")
    assert agent.seen == ["InternalError"] * 3
    assert {each.fault for each in trial.server.happened()} == {"unavailable", "skew"}
