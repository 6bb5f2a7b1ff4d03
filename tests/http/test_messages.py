"""Messages over HTTPS: whom policies let publish and look, what stays, a store that fails (device reference 8.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.http.test_permissions import HEAD, Operator, document, refusal
from tests.servers import Started, options, started
from tidegate.store.database import StoreUnavailable

FORBIDDEN = (403, "ForbiddenException", "Forbidden")


def test_an_operator_publishes_where_its_policies_say(guarded: Started) -> None:
    data = Operator(guarded, document(("Allow", "iot:Publish", f"{HEAD}topic/a/*"))).client("iot-data")
    data.publish(topic="a/b", payload=b"x")
    assert refusal(data.publish, topic="b", payload=b"x") == FORBIDDEN
    assert refusal(data.publish, topic="$aws/things/t/jobs/start-next", payload=b"{}") == FORBIDDEN
    assert refusal(data.publish, topic="a/b", retain=True, payload=b"x") == FORBIDDEN
    assert refusal(data.get_retained_message, topic="a/b") == FORBIDDEN
    assert refusal(data.list_retained_messages) == FORBIDDEN
    assert refusal(data.get_connection, clientId="c") == FORBIDDEN
    assert refusal(data.delete_connection, clientId="c") == FORBIDDEN


def test_retaining_and_looking_take_permissions_of_their_own(guarded: Started) -> None:
    topic = f"{HEAD}topic/kept/*"
    policy = document(
        ("Allow", ["iot:Publish", "iot:RetainPublish", "iot:GetRetainedMessage"], topic),
        ("Allow", "iot:ListRetainedMessages", "*"),
        ("Allow", ["iot:GetConnection", "iot:DeleteConnection"], f"{HEAD}client/mine"),
    )
    data = Operator(guarded, policy).client("iot-data")
    data.publish(topic="kept/a", retain=True, payload=b"x")
    assert data.get_retained_message(topic="kept/a")["payload"] == b"x"
    assert "kept/a" in [each["topic"] for each in data.list_retained_messages()["retainedTopics"]]
    assert refusal(data.get_connection, clientId="mine")[:2] == (404, "ResourceNotFoundException")
    assert refusal(data.delete_connection, clientId="mine")[:2] == (404, "ResourceNotFoundException")
    assert refusal(data.delete_connection, clientId="theirs") == FORBIDDEN


def _topics(data: Any) -> list[str]:
    return [each["topic"] for each in data.list_retained_messages()["retainedTopics"]]


def test_a_retained_message_expires_by_the_service_s_clock(movable: Started) -> None:
    data = movable.client("iot-data")
    data.publish(topic="short", retain=True, payload=b"x", messageExpiry=60)
    data.publish(topic="long", retain=True, payload=b"x")
    movable.fetch("/_tidegate/clock", "POST", {"advance": 59})
    assert _topics(data) == ["long", "short"]
    assert data.get_retained_message(topic="short")["payload"] == b"x"
    movable.fetch("/_tidegate/clock", "POST", {"advance": 1})
    assert _topics(data) == ["long"]
    assert refusal(data.get_retained_message, topic="short")[:2] == (404, "ResourceNotFoundException")
    movable.fetch("/_tidegate/reset", "POST")
    assert _topics(data) == []


def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    with started(options(tmp_path)) as server:
        data = server.client("iot-data")
        data.publish(topic="kept", retain=True, qos=1, payload=b"\x00", userProperties='[{"k":"v"}]')
        before = data.get_retained_message(topic="kept")
    with started(options(tmp_path)) as server:
        after = server.client("iot-data").get_retained_message(topic="kept")
    assert {**after, "ResponseMetadata": None} == {**before, "ResponseMetadata": None}


def test_a_store_that_fails_is_told(server: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    data = server.client("iot-data")
    with monkeypatch.context() as patched:
        patched.setattr(server.running.devices.journal, "when_written", lambda done: done(False))
        status, code, _ = refusal(data.publish, topic="unkept", retain=True, payload=b"x")
        assert (status, code) == (503, "ServiceUnavailableException")
        data.publish(topic="nothing/is/kept", payload=b"x")  # nothing has to be on disk for it
    data.publish(topic="unkept", retain=True)


def test_the_operations_have_no_body_where_the_model_has_none(server: Started) -> None:
    scope = "AKID/20260101/eu-west-1/iotdata/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"}
    assert server.fetch("/topics/a%2Fb?qos=1", "POST", b"x", signed)[::2] == (200, b"{}")
    bad = {**signed, "x-amz-mqtt5-user-properties": "no base64", "x-amz-mqtt5-payload-format-indicator": "UTF8_DATA"}
    assert server.fetch("/topics/a", "POST", b"x", bad)[0] == 400
    bad = {**signed, "x-amz-mqtt5-payload-format-indicator": "UTF-8"}
    status, _, body = server.fetch("/topics/a", "POST", b"x", bad)
    assert (status, b"payloadFormatIndicator" in body) == (400, True)


def test_a_job_request_that_the_store_does_not_take_is_told(server: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any) -> Any:
        raise StoreUnavailable("full")

    monkeypatch.setattr(server.running.devices.server.plane, "request", refused)
    status, code, _ = refusal(server.client("iot-data").publish, topic="$aws/things/t/jobs/start-next", payload=b"{}")
    assert (status, code) == (503, "ServiceUnavailableException")
