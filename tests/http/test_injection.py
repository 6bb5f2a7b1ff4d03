"""Faults by seed as callers meet them over HTTP, and the page on which they are chosen."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tidegate.testing.server import Server, serving


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(_served: Server) -> Server:
    _served.reset()
    return _served


def page(server: Server, method: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.addresses.http}/_tidegate/faults", data, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("throttle", 400, "ThrottlingException"),
        ("unavailable", 503, "ServiceUnavailableException"),
        ("error", 500, "InternalFailureException"),
        ("conflict", 409, "VersionConflictException"),
        ("skew", 403, "InvalidSignatureException"),
    ],
)
def test_refusals_are_awss_and_nothing_is_carried_out(server: Server, fault: str, status: int, code: str) -> None:
    server.faults({"fault": fault, "operation": "CreateThing", "count": 1})
    iot = server.client("iot")
    with pytest.raises(ClientError) as refused:
        iot.create_thing(thingName="lamp")
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert not iot.list_things()["things"]
    iot.create_thing(thingName="lamp")
    assert [each.fault for each in server.happened()] == [fault]


def test_a_lost_answer_was_carried_out_and_a_connection_cut_before_was_not(server: Server) -> None:
    server.faults(
        {"fault": "disconnect", "operation": "CreateThing", "thing": "oven"},
        {"fault": "lose", "operation": "CreateThing"},
    )
    iot = server.client("iot")
    for name in ("oven", "lamp"):
        with pytest.raises(ConnectionClosedError):
            iot.create_thing(thingName=name)
    assert [each["thingName"] for each in iot.list_things()["things"]] == ["lamp"]


def test_a_late_answer(server: Server) -> None:
    server.faults({"fault": "delay", "operation": "ListThings", "by": "50ms", "count": 1})
    assert server.client("iot").list_things()["things"] == []
    assert [each.fault for each in server.happened()] == ["delay"]


def test_faults_are_chosen_looked_at_and_ended(server: Server) -> None:
    assert page(server, "GET") == (200, {"faults": None})
    chosen = {"seed": 5, "rules": [{"fault": "throttle", "operation": "DescribeThing", "skip": 1, "count": 1}]}
    assert page(server, "POST", chosen)[1]["faults"] == {"seed": 5, "rules": 1}
    iot = server.client("iot")
    for code in ("ResourceNotFoundException", "ThrottlingException", "ResourceNotFoundException"):
        with pytest.raises(ClientError) as refused:
            iot.describe_thing(thingName="lamp")
        assert refused.value.response["Error"]["Code"] == code
    told = page(server, "GET")[1]
    assert told["total"] == {"throttle": 1}
    wanted = {"fault": "throttle", "rule": 0, "operation": "iot:DescribeThing", "thing": "lamp", "number": 2}
    assert told["last"] == [wanted]
    assert page(server, "DELETE") == (200, {"faults": None})
    entries = json.load(urllib.request.urlopen(f"{server.addresses.http}/_tidegate/audit"))["entries"]
    assert entries is not None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "The body is not JSON"),
        ([], "Faults are an object"),
        ({"rules": [{"fault": "lose", "share": 7}]}, "rules[0].share takes a number from 0 to 1."),
    ],
)
def test_what_cannot_be_chosen(server: Server, body: Any, told: str) -> None:
    status, answer = page(server, "POST", body)
    assert status == 400
    assert told in answer["message"]
    assert page(server, "GET") == (200, {"faults": None})
