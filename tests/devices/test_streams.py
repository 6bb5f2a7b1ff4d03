"""File streams over MQTT: topics, encodings and refusals, as the dispatch of the devices' plane carries them out."""

from __future__ import annotations

import base64
import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.blocks import Block
from tidegate.core.location import Location
from tidegate.devices import streams as family
from tidegate.devices.route import NOWHERE, Asked, MisaddressedError
from tidegate.devices.table import TABLE
from tidegate.mqtt.reserved import Kind
from tidegate.ops import streams
from tidegate.ops.streams import Description, Refused, Sent
from tidegate.store.streams import File

P = "$aws/things/lamp:1/streams/s-1"


def asked(topic: str) -> Asked:
    found = TABLE.find(topic)
    assert isinstance(found, Asked)
    return found


def refusal(topic: str, payload: bytes) -> Any:
    """What is answered to a payload that is no request: topic, members."""
    where = asked(topic)
    with pytest.raises(Refused) as caught:
        where.route.demand(where, payload)
    ((to, body),) = family.FAMILY.refuse(where, 0, payload, None, caught.value)  # type: ignore[misc]
    assert to == f"{P}/rejected/{topic.rpartition('/')[2]}"
    return json.loads(body) if to.endswith("json") else cbor2.loads(body)


@pytest.mark.parametrize("word", ["description", "data", "rejected"])
@pytest.mark.parametrize("form", ["json", "cbor"])
def test_answers_are_the_services_own(word: str, form: str) -> None:
    assert TABLE.find(f"{P}/{word}/{form}") is Kind.DENIED


@pytest.mark.parametrize("rest", ["create/json", "get/xml", "get", "get/json/more", "describe/", "s/get"])
def test_topics_that_mean_nothing(rest: str) -> None:
    """There is no creating by devices (5.2); where nothing can be answered nothing is."""
    found = asked(f"{P}/{rest}")
    assert found.route is NOWHERE
    reply = family.FAMILY.refuse(found, 0, b'{"c":"t"}', None, MisaddressedError())  # type: ignore[misc]
    if rest == "create/json":
        ((topic, body),) = reply
        assert topic == f"{P}/rejected/json"
        assert json.loads(body) == {
            "o": "InvalidTopic",
            "m": "The topic does not map to an operation of streams.",
            "c": "t",
        }
    else:
        assert reply == ()


def test_a_stream_of_a_strange_name_is_answered() -> None:
    found = asked("$aws/things/t/streams/a b/get/cbor")
    assert found.route is NOWHERE
    ((topic, body),) = family.FAMILY.refuse(found, 0, b"", None, MisaddressedError())  # type: ignore[misc]
    assert topic == "$aws/things/t/streams/a b/rejected/cbor"
    assert cbor2.loads(body)["o"] == "InvalidTopic"


@pytest.mark.parametrize(
    ("form", "payload", "code"),
    [
        ("json", b"{", "InvalidJson"),
        ("json", b"[]", "InvalidJson"),
        ("json", b"\xff\xfe", "InvalidJson"),
        ("json", b"[" * 30_000, "InvalidJson"),
        ("json", b'{"f": "0"}', "InvalidRequest"),
        ("json", b'{"c": ' + b'"' + b"x" * 65 + b'"}', "InvalidRequest"),
        ("json", b" " * 32_769, "InvalidRequest"),
        ("cbor", b"\xa1", "InvalidCbor"),
        ("cbor", b"\x80", "InvalidCbor"),
        ("cbor", b"\x9f" * 30_000, "InvalidCbor"),
        ("cbor", b"\xbb" + b"\xff" * 8, "InvalidCbor"),
        ("cbor", b"\xa1\x61b\x5b" + b"\x7f" * 8, "InvalidCbor"),
        ("cbor", bytes.fromhex("a16166c24101"), "InvalidCbor"),
        ("cbor", bytes.fromhex("a16166fb3ff0000000000000"), "InvalidRequest"),  # f: 1.0
    ],
)
def test_what_is_no_request(form: str, payload: bytes, code: str) -> None:
    members = refusal(f"{P}/get/{form}", payload)
    assert members["o"] == code
    assert members["m"]
    assert "c" not in members


def test_a_refusal_repeats_the_token() -> None:
    assert refusal(f"{P}/get/json", b'{"c": "t", "l": "x"}')["c"] == "t"
    assert refusal(f"{P}/get/cbor", cbor2.dumps({"c": "t", "l": "x"}))["c"] == "t"


def test_the_requests_of_known_clients() -> None:
    """The six members of a FreeRTOS agent, the literal bytes of AWS's C library, a sketch in Python (5.5)."""
    where = asked(f"{P}/get/cbor")
    library = bytes.fromhex("a6 6163 63726479 6166 00 616c 191000 616f 00 6162 44 4d513d3d 616e 01")
    demand = where.route.demand(where, library)
    question = demand.request.question
    assert (question.token, question.file, question.size, question.offset, question.number) == ("rdy", 0, 4096, 0, 1)
    assert question.bitmap == b"MQ=="
    assert (demand.token, demand.weight, demand.handler) == ("rdy", 4096, streams.GET)
    sketch = asked(f"{P}/get/json")
    question = sketch.route.demand(sketch, b'{"f":0,"l":2048,"o":3,"n":1,"unknown":[1]}').request.question
    assert (question.token, question.version, question.size, question.offset) == (None, None, 2048, 3)


SENT = [Sent(0, Block(2, 8192, 4), b"abcd"), Sent(0, Block(3, 8196, 2), b"\x00\xff")]


def test_blocks_in_json() -> None:
    where = asked(f"{P}/get/json")
    reply = where.route.answer(where, 0, "rdy", SENT)
    assert [topic for topic, _ in reply] == [f"{P}/data/json"] * 2
    assert [json.loads(body) for _, body in reply] == [
        {"c": "rdy", "f": 0, "l": 4, "i": 2, "p": base64.b64encode(b"abcd").decode()},
        {"c": "rdy", "f": 0, "l": 2, "i": 3, "p": base64.b64encode(b"\x00\xff").decode()},
    ]


def test_blocks_in_cbor() -> None:
    """The map of 5.5, whatever the order of its members; a byte string; at most 19 bytes beside it without a token."""
    where = asked(f"{P}/get/cbor")
    reply = where.route.answer(where, 0, "rdy", SENT)
    expected = cbor2.loads(bytes.fromhex("a5 6166 00 6169 02 616c 04 6170 44 61626364 6163 63726479"))
    assert cbor2.loads(reply[0][1]) == expected
    large = where.route.answer(where, 0, None, [Sent(255, Block(98_303, 0, 131_072), bytes(131_072))])
    assert len(large[0][1]) <= 131_072 + 64


def test_a_description() -> None:
    for form, load in (("json", json.loads), ("cbor", cbor2.loads)):
        where = asked(f"{P}/describe/{form}")
        demand = where.route.demand(where, b"")
        assert demand.request == streams.Describing("lamp:1", "s-1", None)
        found = Description(7, None, [File(0, "b", "k", None, 9, "e"), File(3, "b", "l", None, 5, "e")])
        ((topic, body),) = where.route.answer(where, 0, "t", found)
        assert topic == f"{P}/description/{form}"
        assert load(body) == {"c": "t", "s": 7, "d": "", "r": [{"f": 0, "z": 9}, {"f": 3, "z": 5}]}
    assert found.files[0].location == Location("b", "k")


@given(st.binary(max_size=300), st.sampled_from(["json", "cbor"]), st.sampled_from(["get", "describe"]))
def test_any_payload_is_a_request_or_refused(payload: bytes, form: str, word: str) -> None:
    where = asked(f"{P}/{word}/{form}")
    try:
        where.route.demand(where, payload)
    except Refused as error:
        ((topic, _),) = family.FAMILY.refuse(where, 0, payload, None, error)  # type: ignore[misc]
        assert topic == f"{P}/rejected/{form}"
