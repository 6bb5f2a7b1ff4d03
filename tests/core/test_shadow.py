"""Shadow documents: device reference 9.2 to 9.4."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import shadow
from tidegate.core.shadow import EMPTY, Document
from tidegate.wire import iot_data
from tidegate.wire.errors import WireError

LIMIT = 8192
T0, T1 = 1_700_000_000, 1_700_000_060


def after(*states: Any, at: int = T0) -> Document:
    """The document after some updates, a minute apart."""
    document = EMPTY
    for number, state in enumerate(states):
        document = shadow.updated(document, state, now=at + 60 * number, limit=LIMIT)
    return document


def stamp(at: int = T0) -> dict[str, int]:
    return {"timestamp": at}


# --- requests ---


@pytest.mark.parametrize("behind", [b"}", b',"version":7}', b" tail", b"{}", b"]"])
def test_what_stands_behind_the_document_is_passed_over(behind: bytes) -> None:
    request = shadow.update(b'{"state":{"desired":{"a":1}}}' + behind, limit=LIMIT)
    assert request == shadow.Request({"desired": {"a": 1}}, None, None)
    assert shadow.asked(b'{"clientToken":"c"}' + behind).token == "c"


@pytest.mark.parametrize("payload", [b"[]}", b'"x" {"state":{}}', b"x{}", b'{"state":{}', b"{} \xff"])
def test_what_begins_with_no_document_is_refused(payload: bytes) -> None:
    with pytest.raises((iot_data.InvalidRequestException, iot_data.UnsupportedDocumentEncodingException)):
        shadow.update(payload, limit=LIMIT)


@pytest.mark.parametrize(
    ("payload", "status", "message"),
    [
        (b"", 400, "Invalid JSON"),
        (b"  ", 400, "Invalid JSON"),
        (b"{", 400, "Invalid JSON"),
        (b"[]", 400, "Invalid JSON"),
        (b'{"state":{"desired":{"a":1e999}}}', 400, "Invalid JSON"),
        (b'{"state":{"desired":{"a":"\xff"}}}', 415, "Unsupported documented encoding; supported encoding is UTF-8"),
        (b"{}", 400, "Missing required node: state"),
        (b'{"version":1}', 400, "Missing required node: state"),
        (b'{"state":[]}', 400, "State node must be an object"),
        (b'{"state":"on"}', 400, "State node must be an object"),
        (b'{"state":{"desired":1}}', 400, "Desired node must be an object"),
        (b'{"state":{"desired":[]}}', 400, "Desired node must be an object"),
        (b'{"state":{"reported":"x"}}', 400, "Reported node must be an object"),
        (b'{"state":{"colour":1}}', 400, "State contains an invalid node: 'colour'"),
        (b'{"state":{},"version":"1"}', 400, "Invalid version"),
        (b'{"state":{},"version":true}', 400, "Invalid version"),
        (b'{"state":{},"version":1.5}', 400, "Invalid version"),
        (b'{"state":{},"version":-1}', 400, "Invalid version"),
        (b'{"state":{"desired":{},"delta":{}}}', 400, "State contains an invalid node: 'delta'"),
        (b'{"state":{"desired":{"a":[1,null]}}}', 400, "Arrays must not contain null"),
        (b'{"state":{"reported":{"a":{"b":[[1],[{"c":[null]}]]}}}}', 400, "Arrays must not contain null"),
        (b'{"state":{},"clientToken":7}', 400, "Invalid clientToken"),
        (b'{"state":{},"clientToken":"' + b"t" * 65 + b'"}', 400, "Invalid clientToken"),
        (b'{"state":{},"clientToken":"' + "é".encode() * 33 + b'"}', 400, "Invalid clientToken"),
    ],
)
def test_what_is_no_update(payload: bytes, status: int, message: str) -> None:
    with pytest.raises(WireError) as raised:
        shadow.update(payload, limit=LIMIT)
    assert (raised.value.http_status, raised.value.message) == (status, message)


def test_what_is_one() -> None:
    token = "t" * 64
    payload = {"state": {"desired": {"a": 1}}, "version": 3, "clientToken": token, "else": 1}
    assert shadow.update(json.dumps(payload).encode(), limit=LIMIT) == ({"desired": {"a": 1}}, 3, token)
    assert shadow.update(b'{"state":null}', limit=LIMIT) == (None, None, None)
    assert shadow.update(b'{"state":{"desired":null},"version":null}', limit=LIMIT) == ({"desired": None}, None, None)


def nested(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = {"n": leaf}
    return leaf


@pytest.mark.parametrize("leaf", [1, {}, [], [1, 2]])
def test_five_levels_are_the_limit(leaf: Any) -> None:
    for section in ("desired", "reported"):
        shadow.update(json.dumps({"state": {section: nested(5, leaf)}}).encode(), limit=LIMIT)
        with pytest.raises(iot_data.InvalidRequestException, match="too many levels of nesting; maximum is 6"):
            shadow.update(json.dumps({"state": {section: nested(6, leaf)}}).encode(), limit=LIMIT)


@pytest.mark.parametrize("head", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [20, 900, 50_000])
def test_bottomless_documents(head: bytes, depth: int) -> None:
    tail = b"]" if head == b"[" else b"}"
    for ending in (tail * depth, b""):
        with pytest.raises(iot_data.InvalidRequestException):
            shadow.update(b'{"state":{"desired":{"a":' + head * depth + b"1" + ending + b"}}}", limit=LIMIT)


def test_the_state_alone_is_limited() -> None:
    room = LIMIT - len('{"desired":{"a":""}}')
    blank = b" " * LIMIT
    for length, fits in ((room, True), (room + 1, False)):
        state = {"desired": {"a": "x" * length}}
        payload = b'{"state":' + blank + json.dumps(state).encode() + b"}"
        if fits:
            assert shadow.updated(EMPTY, shadow.update(payload, limit=LIMIT).state, now=T0, limit=LIMIT).state == state
        else:
            with pytest.raises(
                iot_data.RequestEntityTooLargeException, match=f"too large.  Size is {LIMIT + 1}, max allowed: {LIMIT}"
            ):
                shadow.update(payload, limit=LIMIT)


def test_growing_beyond_the_limit() -> None:
    half = {"desired": {"a": "x" * 5000}}
    with pytest.raises(iot_data.RequestEntityTooLargeException):
        shadow.updated(after(half), {"reported": {"a": "x" * 5000}}, now=T1, limit=LIMIT)


def test_get_and_delete_take_next_to_nothing() -> None:
    assert shadow.asked(b"") == (None, None, None)
    assert shadow.asked(b'{"clientToken":"c"}').token == "c"
    assert shadow.asked(b'{"version":4}').version == 4
    with pytest.raises(iot_data.InvalidRequestException, match="Invalid JSON"):
        shadow.asked(b"what")


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        (b'{"clientToken":"c","state":7}', "c"),
        (b'{"clientToken":7}', None),
        (b"{", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_tokens_of_broken_requests(payload: bytes, token: str | None) -> None:
    assert shadow.token_of(payload) == token


@pytest.mark.parametrize(
    ("asked", "present", "remembered", "fits"),
    [
        (None, None, 0, True),
        (None, 3, 3, True),
        (3, 3, 3, True),
        (2, 3, 3, False),
        (4, 3, 3, False),
        (0, None, 0, True),
        (1, None, 0, True),
        (2, None, 0, False),
        (5, None, 5, True),
        (4, None, 5, False),
        (1, None, 5, True),
        (1, 5, 5, False),
    ],
)
def test_versions(asked: int | None, present: int | None, remembered: int, fits: bool) -> None:
    if fits:
        shadow.expect(asked, present, remembered)
    else:
        with pytest.raises(iot_data.ConflictException, match="Version conflict"):
            shadow.expect(asked, present, remembered)


# --- documents ---


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        ({"desired": {"a": 1}}, {"desired": {"b": 2}}, {"desired": {"a": 1, "b": 2}}),
        ({"desired": {"a": 1}}, {"desired": {"a": None}}, {"desired": {}}),
        ({"desired": {"a": 1, "b": 2}}, {"desired": {"a": None, "c": None}}, {"desired": {"b": 2}}),
        ({"desired": {"a": 1}, "reported": {"a": 2}}, {"desired": None}, {"reported": {"a": 2}}),
        ({"desired": {"a": 1}}, None, {}),
        ({"desired": {"a": 1}}, {}, {"desired": {"a": 1}}),
        ({"desired": {"a": {"b": 1, "c": 2}}}, {"desired": {"a": {"b": 3}}}, {"desired": {"a": {"b": 3, "c": 2}}}),
        ({"desired": {"a": {"b": 1}, "d": 1}}, {"desired": {"a": {"b": None}}}, {"desired": {"a": {}, "d": 1}}),
        ({"desired": {"a": {"b": 1}}}, {"desired": {"a": {}}}, {"desired": {"a": {"b": 1}}}),
        ({"desired": {"a": {"b": 1}}}, {"desired": {"a": 2}}, {"desired": {"a": 2}}),
        ({"desired": {"a": 2}}, {"desired": {"a": {"b": 1}}}, {"desired": {"a": {"b": 1}}}),
        ({"desired": {"a": 2}}, {"desired": {"a": {}}}, {"desired": {"a": {}}}),
        ({"desired": {"a": [1, 2]}}, {"desired": {"a": [3]}}, {"desired": {"a": [3]}}),
        ({}, {"desired": {"a": [None, {}]}}, {"desired": {"a": [None, {}]}}),
        ({}, {"desired": {"a": {}, "b": {"c": {}}}}, {"desired": {"a": {}, "b": {"c": {}}}}),
        ({"desired": {"a": {"b": {"c": 1}}}}, {"desired": {"a": {"b": {"c": None}}}}, {"desired": {"a": {"b": {}}}}),
        ({"desired": {"a": {}}}, {"desired": {"a": None}, "reported": {}}, {"desired": {}, "reported": {}}),
        ({}, {"reported": {"a": False, "b": 0, "c": ""}}, {"reported": {"a": False, "b": 0, "c": ""}}),
    ],
)
def test_merging(first: Any, second: Any, state: Any) -> None:
    assert after(first, second).state == state


def test_metadata_of_what_an_update_names() -> None:
    first = {"desired": {"a": 1, "b": {"c": 2, "d": [1, {"e": 2}]}}, "reported": {"a": 1}}
    second = {"desired": {"a": 1, "b": {"c": None}, "f": "new"}}
    assert after(first).metadata == {
        "desired": {"a": stamp(), "b": {"c": stamp(), "d": [stamp(), {"e": stamp()}]}},
        "reported": {"a": stamp()},
    }
    assert after(first, second).metadata == {
        "desired": {"a": stamp(T1), "b": {"d": [stamp(), {"e": stamp()}]}, "f": stamp(T1)},
        "reported": {"a": stamp()},
    }


@pytest.mark.parametrize(
    ("desired", "reported", "delta"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": 1}),
        ({"a": False}, {"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}, {"a": 1}),
        ({"a": 1}, {"b": 1}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}, {}),
        ({}, {"a": 1}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 3}}, {}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 2]}),
        ({"a": [1, {"b": 1}]}, {"a": [1.0, {"b": 1.0}]}, {}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 1}]}),
        ({"a": [True]}, {"a": [1]}, {"a": [True]}),
    ],
)
def test_delta(desired: Any, reported: Any, delta: Any) -> None:
    found = shadow.difference(after({"desired": desired}, {"reported": reported}))
    assert found.state == delta
    assert shape(found.metadata) == shape(delta)


def shape(value: Any) -> Any:
    """What remains of a state, or of its metadata, when every leaf is a dot."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict) and value.keys() != {"timestamp"}:
        return {name: shape(inner) for name, inner in value.items()}
    return "."


# --- messages ---


def test_messages() -> None:
    before = after({"desired": {"a": 1}, "reported": {"a": 1}})
    state = {"desired": {"a": 2, "b": None}}
    later = shadow.updated(before, state, now=T1, limit=LIMIT)
    accepted = json.loads(shadow.accepted(state, 2, now=T1, token="c"))
    assert accepted == {
        "state": state,
        "metadata": {"desired": {"a": stamp(T1), "b": stamp(T1)}},
        "version": 2,
        "timestamp": T1,
        "clientToken": "c",
    }
    told = json.loads(shadow.documents(before, later, 2, former=1, now=T1, token=None))
    assert told == {
        "previous": {"state": before.state, "metadata": before.metadata, "version": 1},
        "current": {"state": later.state, "metadata": later.metadata, "version": 2},
        "timestamp": T1,
    }
    delta = shadow.delta(later, 2, now=T1, token="c")
    assert delta is not None
    assert json.loads(delta) == {
        "version": 2,
        "timestamp": T1,
        "state": {"a": 2},
        "metadata": {"a": stamp(T1)},
        "clientToken": "c",
    }
    assert shadow.delta(before, 1, now=T1, token=None) is None
    shown = json.loads(shadow.shown(later, 2, now=T1))
    assert shown == {
        "state": {"desired": {"a": 2}, "reported": {"a": 1}, "delta": {"a": 2}},
        "metadata": later.metadata,
        "version": 2,
        "timestamp": T1,
    }
    assert json.loads(shadow.deleted(2, now=T1)) == {"version": 2, "timestamp": T1}


def test_an_update_that_clears_everything() -> None:
    assert json.loads(shadow.accepted(None, 2, now=T1, token=None)) == {
        "state": None,
        "metadata": stamp(T1),
        "version": 2,
        "timestamp": T1,
    }
    told = json.loads(shadow.documents(None, EMPTY, 1, former=0, now=T1, token=None))
    assert told["previous"] is None


def test_topics() -> None:
    assert shadow.topic("t", "", "update/delta") == "$aws/things/t/shadow/update/delta"
    assert shadow.topic("t", "n", "get/accepted") == "$aws/things/t/shadow/name/n/get/accepted"


# --- properties ---

names = st.sampled_from("abcd")
leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", 0.5, 1.0])
values = st.recursive(
    leaves, lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=8
)
sections = st.none() | st.dictionaries(names, values, max_size=3)
states = st.none() | st.fixed_dictionaries({}, optional={"desired": sections, "reported": sections})
histories = st.lists(states, max_size=5)


@given(histories)
def test_metadata_has_the_shape_of_the_state(history: list[Any]) -> None:
    document = after(*history)
    assert _fits(document.state, document.metadata)


def _fits(value: Any, times: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == times.keys() and all(_fits(value[name], times[name]) for name in value)
    if isinstance(value, list):
        return len(value) == len(times) and all(map(_fits, value, times))
    return isinstance(times, dict) and times.keys() == {"timestamp"}


@given(histories)
def test_nothing_outside_arrays_is_null(history: list[Any]) -> None:
    def clean(value: Any) -> bool:
        if isinstance(value, dict):
            return all(map(clean, value.values()))
        return value is not None

    assert all(map(clean, after(*history).state.values()))


@pytest.mark.parametrize(
    ("desired", "reported", "delta"),
    [
        ({"a": {}}, {}, {"a": {}}),
        ({"a": {}}, {"a": 1}, {"a": {}}),
        ({"a": {}}, {"a": {"b": 1}}, {}),
        ({"a": {"b": {}}}, {"a": {}}, {"a": {"b": {}}}),
    ],
)
def test_an_empty_object_is_desired_like_any_value(desired: Any, reported: Any, delta: Any) -> None:
    assert shadow.difference(after({"desired": desired, "reported": reported})).state == delta


@given(histories)
def test_the_delta_is_empty_if_and_only_if_all_that_is_desired_is_reported(history: list[Any]) -> None:
    state = after(*history).state

    def covers(reported: Any, desired: Any) -> bool:
        if isinstance(desired, dict) and isinstance(reported, dict):
            return all(name in reported and covers(reported[name], desired[name]) for name in desired)
        return shadow.same(reported, desired)

    empty = not shadow.difference(after(*history)).state
    assert empty is covers(state.get("reported", {}), state.get("desired", {}))


@given(histories)
def test_reporting_the_delta_leaves_none(history: list[Any]) -> None:
    document = after(*history)
    wanted = shadow.difference(document).state
    settled = shadow.updated(document, {"reported": wanted}, now=T1, limit=LIMIT)
    assert shadow.difference(settled).state == {}


@given(histories, states)
def test_the_same_update_again_changes_nothing(history: list[Any], state: Any) -> None:
    once = shadow.updated(after(*history), state, now=T1, limit=LIMIT)
    assert shadow.updated(once, state, now=T1, limit=LIMIT) == once


@given(histories, states)
def test_documents_are_never_changed_in_place(history: list[Any], state: Any) -> None:
    document = after(*history)
    copy = json.loads(json.dumps(document))
    shadow.updated(document, state, now=T1, limit=LIMIT)
    assert json.loads(json.dumps(document)) == copy


@given(st.binary(max_size=60) | values.map(lambda value: json.dumps({"state": value}).encode()))
def test_nothing_but_the_services_own_errors(payload: bytes) -> None:
    with contextlib.suppress(WireError):
        shadow.update(payload, limit=LIMIT)
