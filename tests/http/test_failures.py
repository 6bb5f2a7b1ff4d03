"""Failed signatures are throttled by address, on every edge, and good ones are not."""

from __future__ import annotations

import http.client
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.operators import admitted
from tests.s3.client import plain
from tests.servers import Started, options, started
from tidegate import rate_limited_log
from tidegate.net.failures import BURST, PER_SECOND, Failures
from tidegate.runtime.access_keys import AccessKeys
from tidegate.s3 import app
from tidegate.store import keys

SECRET = "a-secret-of-forty-characters-0123456789"
_numbers = itertools.count(1)
MANY = 10 * BURST


class Besieged:
    """A server with authentication, and the time by which failures are counted."""

    def __init__(self, server: Started) -> None:
        self.server = server
        self.at = 0.0
        self.access: AccessKeys = server.running.service.access_keys
        self.access.failures = Failures(lambda: self.at)
        self.access._misses = Failures(lambda: self.at)

    def key(self) -> str:
        made = f"AKIA{next(_numbers):016d}"
        admitted(self.server, made, SECRET, "arn:aws:iam::000000000000:user/operator")
        return made

    def ask(self, key: str, secret: str = SECRET) -> tuple[int, str]:
        """Status and code of the answer to a signed request."""
        request = AWSRequest(method="GET", url=f"{self.server.addresses.http}/things")
        SigV4Auth(Credentials(key, secret), "iot", "eu-west-1").add_auth(request)
        status, headers, _ = self.server.fetch("/things", headers=dict(request.headers.items()))
        return status, headers.get("x-amzn-errortype", "").rstrip(":")

    def exhaust(self, key: Callable[[], str] = lambda: f"AKIAUNKNOWN{next(_numbers):09d}") -> None:
        for _ in range(BURST):
            assert self.ask(key(), "wrong")[0] == 403


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    store = "sqlite"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS besieged WITH (FORCE)")
            connection.execute("CREATE DATABASE besieged")
        head, _, query = url.partition("?")
        store = f"{head.rpartition('/')[0]}/besieged" + (f"?{query}" if query else "")
    with started(options(tmp_path_factory.mktemp("besieged"), auth=True, store=store)) as running:
        yield running


@pytest.fixture
def besieged(server: Started) -> Besieged:
    return Besieged(server)


def test_guesses_are_throttled_and_good_signatures_are_not(besieged: Besieged) -> None:
    unused, used = besieged.key(), besieged.key()
    assert besieged.ask(used)[0] == 200
    besieged.exhaust()
    for _ in range(5):
        assert besieged.ask("AKIAUNKNOWN", "wrong") == (400, "ThrottlingException")
        assert besieged.ask(used, "wrong") == (400, "ThrottlingException")
        assert besieged.server.fetch("/things")[0] == 400, "unsigned"
        assert besieged.ask(used)[0] == 200
    assert besieged.ask(unused)[0] == 200, "a neighbour behind the same address may have this key"
    assert besieged.ask(besieged.key())[0] == 200, "one that was just made, too"
    besieged.at += 1 / PER_SECOND
    assert besieged.ask(used, "wrong") == (403, "InvalidSignatureException")
    assert besieged.ask(used, "wrong") == (400, "ThrottlingException")
    besieged.at += BURST / PER_SECOND
    assert besieged.ask("AKIAUNKNOWN", "wrong") == (403, "UnrecognizedClientException")


def test_guesses_leave_the_store_alone(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    besieged.exhaust()
    looked: list[str] = []
    monkeypatch.setattr(keys, "get", lambda _, key_id: looked.append(key_id))
    listed: list[Any] = []
    monkeypatch.setattr(keys, "active_ids", lambda *_: listed.append(0) or frozenset())
    monkeypatch.setattr("tidegate.runtime.access_keys.monotonic", lambda: 7.0)
    for number in range(50):
        assert besieged.ask(f"AKIAGUESS{number}", "wrong") == (400, "ThrottlingException")
    assert looked == []
    assert len(listed) <= 1, "one look at all keys a second"


def test_websocket_handshakes_are_throttled(besieged: Besieged) -> None:
    url = besieged.server.addresses.http
    request = AWSRequest(method="GET", url=f"{url}/mqtt")
    SigV4QueryAuth(Credentials("AKIAUNKNOWN", "wrong"), "iotdevicegateway", "eu-west-1").add_auth(request)
    shake = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("GET", request.prepare().url.removeprefix(url), headers={"Connection": "Upgrade", **shake})
        with connection.getresponse() as response:
            return response.status, response.read()

    found = [ask() for _ in range(BURST + 5)]
    assert [status for status, _ in found] == [403] * BURST + [429] * 5
    assert json.loads(found[-1][1])["message"] == "Rate exceeded"


def test_one_line_tells_of_it(
    besieged: Besieged, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    besieged.exhaust()
    monkeypatch.setattr(rate_limited_log, "_MINUTE_S", 0.0)  # whatever was told before
    besieged.ask("AKIAUNKNOWN", "wrong")
    monkeypatch.setattr(rate_limited_log, "_MINUTE_S", 1e9)
    assert "requests from 127.0.0.1 fail to sign too often" in caplog.messages[-1]
    caplog.clear()
    caplog.set_level(logging.WARNING)
    for _ in range(10):
        besieged.ask("AKIAUNKNOWN", "wrong")
    assert caplog.messages == []


@pytest.mark.parametrize("apart", [False, True])
def test_objects(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, apart: bool) -> None:
    monkeypatch.setattr(app, "Failures", Failures)
    wanted = options(tmp_path_factory.mktemp("objects"), auth=True, objects_apart=apart)
    with started(wanted) as server:
        made = Besieged(server)

        def ask(key: str, secret: str) -> tuple[int, str]:
            request = AWSRequest(method="GET", url=f"{server.addresses.objects}/")
            S3SigV4Auth(Credentials(key, secret), "s3", "eu-west-1").add_auth(request)
            answer = plain(server, "GET", "/", **dict(request.headers.items()))
            return answer.status, answer.code if answer.status >= 400 else ""

        good = made.key()
        answers = [ask(f"AKIAUNKNOWN{number}", "wrong") for number in range(MANY)]
        assert answers[:BURST] == [(403, "InvalidAccessKeyId")] * BURST
        assert set(answers) == {(403, "InvalidAccessKeyId"), (503, "SlowDown")}
        assert (503, "SlowDown") in {ask(good, "wrong") for _ in range(MANY)}
        assert ask(good, SECRET) == (200, "")
