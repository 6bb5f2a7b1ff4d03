"""Provisioning in the table of the device plane: payloads in and out, in both formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.core.provisioning import refusals
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.devices.route import Asked, Demand
from tidegate.devices.table import TABLE
from tidegate.mqtt.reserved import Kind
from tidegate.ops import fleet_provisioning
from tidegate.ops.fleet_provisioning import Offered, RegisterRequest, SigningRequest
from tidegate.ops.provisioning import Applied
from tidegate.wire import cbor, iot

CREATE, SIGN = "$aws/certificates/create", "$aws/certificates/create-from-csr"
PROVISION = "$aws/provisioning-templates/fleet/provision"
FORMATS = pytest.mark.parametrize("encoded", ["json", "cbor"])


def asked(topic: str) -> Asked:
    found = TABLE.find(topic)
    assert isinstance(found, Asked)
    return found


def demand(topic: str, payload: bytes) -> Demand:
    found = asked(topic)
    return found.route.demand(found, payload)


def sent(value: Any, encoded: str) -> bytes:
    return cbor.encode(value) if encoded == "cbor" else json.dumps(value).encode()


def answered(topic: str, response: Any) -> Any:
    found = asked(topic)
    ((where, payload),) = found.route.answer(found, 0, None, response)
    assert where == f"{topic}/accepted"
    return cbor.decode(payload) if found.format == "cbor" else json.loads(payload)


@FORMATS
@pytest.mark.parametrize("payload", [b"", b"{}", b"\xa0", b"\xff\x00nonsense"])
def test_create_ignores_what_it_is_sent(encoded: str, payload: bytes) -> None:
    assert demand(f"{CREATE}/{encoded}", payload).handler is fleet_provisioning.CREATE_KEYS


@FORMATS
def test_a_signing_request(encoded: str) -> None:
    found = demand(f"{SIGN}/{encoded}", sent({"certificateSigningRequest": "csr", "more": 1}, encoded))
    assert found.request == SigningRequest("csr")


@FORMATS
@pytest.mark.parametrize(
    ("given", "token", "parameters"),
    [
        ({"certificateOwnershipToken": "t", "parameters": {"a": "b"}}, "t", {"a": "b"}),
        ({"certificateOwnershipToken": "t", "parameters": None}, "t", {}),
        ({"certificateOwnershipToken": "t"}, "t", {}),
        ({"certificateOwnershipToken": None}, "", {}),
        ({}, "", {}),
    ],
)
def test_register_thing(encoded: str, given: Any, token: str, parameters: dict[str, str]) -> None:
    found = demand(f"{PROVISION}/{encoded}", sent(given, encoded))
    assert found.request == RegisterRequest("fleet", token, parameters)


def test_cbor_as_the_reference_prints_it() -> None:
    payload = bytes.fromhex(
        "a2 7819 6365727469666963617465 4f776e657273686970 546f6b656e 6174"
        "6a 706172616d6574657273 a1 6c 53657269616c4e756d626572 6131"
    )
    found = demand(f"{PROVISION}/cbor", payload)
    assert found.request == RegisterRequest("fleet", "t", {"SerialNumber": "1"})
    indefinite = b"\xbf" + payload[1:] + b"\xff"
    assert demand(f"{PROVISION}/cbor", indefinite).request == found.request


@pytest.mark.parametrize("topic", [f"{SIGN}/cbor", f"{PROVISION}/cbor"])
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xa1",
        b"\x80",
        b"\xbf\x61a",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 5000,
        b"\xa1\x61a\xc1\x00",
        b"\xa0\xa0",
    ],
)
def test_payloads_that_are_no_cbor(topic: str, payload: bytes) -> None:
    with pytest.raises(RefusedError) as error:
        demand(topic, payload)
    assert (error.value.reason, error.value.message) == ("InvalidPayload", "Message cannot be parsed")


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 5000, b'{"certificateOwnershipToken":5}', b'{"parameters":{"a":5}}'],
)
def test_payloads_that_are_no_json_of_this_kind(payload: bytes) -> None:
    with pytest.raises(RefusedError) as error:
        demand(f"{PROVISION}/json", payload)
    assert error.value.reason == refusals.INVALID_PAYLOAD


@FORMATS
def test_answers(encoded: str) -> None:
    offered = Offered("id", "pem\n", "key", "token")
    keys = answered(f"{CREATE}/{encoded}", offered)
    assert keys == {
        "certificateId": "id",
        "certificatePem": "pem\n",
        "privateKey": "key",
        "certificateOwnershipToken": "token",
    }
    signed = answered(f"{SIGN}/{encoded}", offered._replace(private_key=None))
    assert signed == {name: value for name, value in keys.items() if name != "privateKey"}
    done = Applied("t", "pem", {}, {"url": "x"})
    assert answered(f"{PROVISION}/{encoded}", done) == {"deviceConfiguration": {"url": "x"}, "thingName": "t"}
    bare = done._replace(thing_name=None, device_configuration={})
    assert answered(f"{PROVISION}/{encoded}", bare) == {"deviceConfiguration": {}}


@FORMATS
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RefusedError(refusals.INVALID_TOKEN, "m"), 400, "InvalidCertificateOwnershipToken"),
        (RefusedError(refusals.ACCESS_DENIED, "m"), 403, "AccessDenied"),
        (iot.ServiceUnavailableException("m"), 500, "InternalFailure"),
        (RuntimeError("secret"), 500, "InternalFailure"),
    ],
)
def test_rejections_have_all_three_members(encoded: str, error: BaseException, status: int, code: str) -> None:
    found = asked(f"{PROVISION}/{encoded}")
    assert found.family.refuse is not None
    ((topic, payload),) = found.family.refuse(found, 0, b"", None, error)
    assert topic == f"{PROVISION}/{encoded}/rejected"
    told = cbor.decode(payload) if encoded == "cbor" else json.loads(payload)
    assert (told["statusCode"], told["errorCode"]) == (status, code)
    assert told["errorMessage"]
    assert "secret" not in told["errorMessage"]


@pytest.mark.parametrize("topic", [f"{CREATE}/json/accepted", f"{SIGN}/cbor/rejected", f"{PROVISION}/json/accepted"])
def test_only_the_service_answers(topic: str) -> None:
    assert TABLE.find(topic) is Kind.DENIED


_TOO_LONG = f"$aws/provisioning-templates/{'t' * 37}/provision/json"


@pytest.mark.parametrize("topic", [f"{CREATE}/xml", CREATE, f"{SIGN}/json/more", PROVISION, _TOO_LONG])
def test_other_words_are_nobodys(topic: str) -> None:
    assert TABLE.find(topic) is Kind.DROPPED
