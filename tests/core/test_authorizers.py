"""What clients show to custom authorizers, and what their answers mean (device reference 2.10)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import authorizers
from tidegate.core.authorizers import InvalidAnswerError, Shown

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
GOOD: dict[str, Any] = {
    "isAuthenticated": True,
    "principalId": "pump1",
    "policyDocuments": [json.dumps(POLICY), POLICY],
    "disconnectAfterInSeconds": 86_400,
    "refreshAfterInSeconds": 300,
}


def answer(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_a_yes() -> None:
    found = authorizers.read(answer())
    assert found is not None
    assert (found.principal, found.refresh_s, found.disconnect_s) == ("pump1", 300, 86_400)
    assert [json.loads(each) for each in found.documents] == [POLICY, POLICY]
    assert len(found.policies) == 2


def test_a_no_needs_nothing_else() -> None:
    assert authorizers.read(b'{"isAuthenticated": false}') is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"isAuthenticated": "true"},
        {"isAuthenticated": 1},
        {"principalId": ""},
        {"principalId": "a b"},
        {"principalId": "a" * 129},
        {"principalId": None},
        {"policyDocuments": []},
        {"policyDocuments": [POLICY] * 11},
        {"policyDocuments": "x"},
        {"policyDocuments": ["{}"]},
        {"policyDocuments": [None]},
        {"policyDocuments": [json.dumps(POLICY) + " " * 2048]},
        {"disconnectAfterInSeconds": 299},
        {"disconnectAfterInSeconds": 86_401},
        {"refreshAfterInSeconds": True},
        {"refreshAfterInSeconds": 300.5},
        {"refreshAfterInSeconds": None},
    ],
)
def test_what_is_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswerError):
        authorizers.read(answer(**wrong))


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(InvalidAnswerError) as caught:
        authorizers.read(answer(principalId="", policyDocuments=["{}"], refreshAfterInSeconds=1))
    for member in ("principalId", "policy document 1", "refreshAfterInSeconds"):
        assert member in str(caught.value)


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_nothing_else_is_taken_for_a_yes(text: bytes) -> None:
    with pytest.raises(InvalidAnswerError):
        authorizers.read(text)


@pytest.mark.parametrize(
    ("username", "parameters"),
    [
        (None, {}),
        ("pump", {}),
        ("pump?x-amz-customauthorizer-name=a&token=t%2Bu", {"x-amz-customauthorizer-name": "a", "token": "t+u"}),
        ("?token=t?SDK=Python&Version=1", {"token": "t", "SDK": "Python", "Version": "1"}),
        ("p?token=first&token=second", {"token": "first"}),
        ("p?token=a=b&x", {"token": "a=b"}),
    ],
)
def test_user_names(username: str | None, parameters: dict[str, str]) -> None:
    assert authorizers.of_username(username) == parameters


def test_the_event_is_that_of_awss_function() -> None:
    shown = Shown({}, server_name="iot.example", username="u?token=t", password=b"\x00", client_id="c")
    assert json.loads(authorizers.event(shown, token="t", verified=True, connection_id="id")) == {
        "token": "t",
        "signatureVerified": True,
        "protocols": ["tls", "mqtt"],
        "protocolData": {
            "tls": {"serverName": "iot.example"},
            "mqtt": {"username": "u?token=t", "password": "AA==", "clientId": "c"},
        },
        "connectionMetadata": {"id": "id"},
    }
    over_http = Shown({}, headers={"host": "h"}, query="a=b")
    assert json.loads(authorizers.event(over_http, token=None, verified=False, connection_id="id")) == {
        "signatureVerified": False,
        "protocols": ["http"],
        "protocolData": {"http": {"headers": {"host": "h"}, "queryString": "?a=b"}},
        "connectionMetadata": {"id": "id"},
    }
