"""What real clients are told while the store is away, and how soon it goes on afterwards."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.fleet import Account, Maker
from tests.e2e.mqtt import RefusedError, connected
from tests.servers import Started, options, started
from tools.ordeal._proxy import Proxy

HEALTH_S = 2.0
ANSWER_S = 5.0


@pytest.fixture
def proxy(new_postgres: Callable[[str], str]) -> Iterator[Proxy]:
    proxy = Proxy(new_postgres("tidegate-outages"))
    yield proxy
    proxy.close()


@pytest.fixture
def server(proxy: Proxy, tmp_path: Path) -> Iterator[Started]:
    with started(options(tmp_path / "data", store=proxy.url)) as running:
        yield running


@pytest.fixture
def account(server: Started, maker: Maker, tmp_path: Path) -> Account:
    return Account(server, maker, tmp_path)


def refusal(call: Callable[[], Any]) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    found = call()
    return time.monotonic() - began, found


def test_a_lost_answer_to_commit_is_told_as_what_it_is(proxy: Proxy, account: Account) -> None:
    """Over HTTP and over MQTT: it happened, and nobody says that it did not."""
    credentials = account.device("d")
    account.job("j", "d")
    account.settle()
    with connected(account, credentials, "d") as device:
        assert [one["jobId"] for one in device.accepted("get")["queuedJobs"]] == ["j"]
        proxy.swallow_answers_to = b"COMMIT\x00"
        status, code, text = refusal(lambda: account.iot.create_thing(thingName="kept"))
        assert (status, code) == (503, "ServiceUnavailableException")
        assert "not known" in text
        assert "Nothing was changed" not in text
        rejected = json.loads(device.ask("start-next").payload)
        assert rejected["code"] == "InternalError"
        assert "not known" in rejected["message"]
        proxy.heal()
        assert account.iot.describe_thing(thingName="kept")["thingName"] == "kept"
        assert [one["jobId"] for one in device.accepted("get")["inProgressJobs"]] == ["j"]


def test_a_silent_store(
    proxy: Proxy, server: Started, account: Account, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    credentials = account.device("d")
    with connected(account, credentials, "d") as device:
        device.accepted("get")
        proxy.fall_silent()
        took, (status, _, body) = seconds(lambda: server.fetch("/_tidegate/health"))
        assert (status, json.loads(body)["status"]) == (503, "unavailable")
        assert took < HEALTH_S
        took, (status, code, text) = seconds(lambda: refusal(lambda: account.iot.create_thing(thingName="no")))
        assert (status, code) == (503, "ServiceUnavailableException")
        assert text == "The service is temporarily unavailable. Nothing was changed."
        assert took < ANSWER_S
        for number in range(30):
            assert refusal(lambda number=number: account.iot.create_thing(thingName=f"no-{number}"))[0] == 503
        assert json.loads(device.ask("get").payload)["code"] == "InternalError"
        with pytest.raises(RefusedError, match="3"), connected(account, credentials, "d2", thing="d"):
            pass
        proxy.heal()
        began = time.monotonic()
        while server.fetch("/_tidegate/health")[0] != 200:
            assert time.monotonic() - began < ANSWER_S
        account.iot.create_thing(thingName="again")
        assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}, "on the connection it had"
    lines = [record.getMessage() for record in caplog.records if "could not be stored" in record.getMessage()]
    assert len([line for line in lines if "CreateThing" in line]) == 1, "one line a minute"


def test_a_foreign_lock_on_the_sqlite_file(tmp_path: Path, maker: Maker) -> None:
    """Another process keeps the file: devices stay connected, reads are answered, writes in five seconds."""
    with started(options(tmp_path / "data")) as server:
        account = Account(server, maker, tmp_path)
        with connected(account, account.device("d"), "d") as device:
            other = sqlite3.connect(tmp_path / "data" / "tidegate.db", isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            took, (status, _, _) = seconds(lambda: server.fetch("/_tidegate/health"))
            assert status == 503
            assert took < HEALTH_S
            took, found = seconds(lambda: account.iot.list_things()["things"])
            assert [one["thingName"] for one in found] == ["d"]
            assert took < 1
            took, (status, _, text) = seconds(lambda: refusal(lambda: account.iot.create_thing(thingName="no")))
            assert (status, "Nothing was changed" in text) == (503, True)
            assert took < ANSWER_S
            other.execute("ROLLBACK")
            other.close()
            account.iot.create_thing(thingName="yes")
            assert device.accepted("get") == {"inProgressJobs": [], "queuedJobs": []}
