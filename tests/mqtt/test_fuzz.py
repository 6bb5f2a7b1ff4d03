"""The fuzzing targets over their corpus, and over data that hypothesis makes: bounded and the same in every run."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.mqtt import codec
from tidegate.mqtt.codec import Filter, Properties, Publish, Subscribe
from tools.fuzz import targets
from tools.fuzz.seeds import CORPUS

FOUND = sorted((target, path) for target in targets.TARGETS for path in (CORPUS / target).iterdir())


@pytest.mark.parametrize("target", targets.TARGETS)
def test_the_corpus_breaks_nothing(target: str) -> None:
    paths = [path for name, path in FOUND if name == target]
    assert len(paths) >= 10
    for path in paths:
        try:
            targets.TARGETS[target](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"broken by {path.name}") from error


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=300))
def test_the_codec_takes_any_bytes(data: bytes) -> None:
    targets.read(data)


_FILTERS = st.sampled_from(
    ["a", "a/b", "a/+", "#", "+/b", "a/denied", "$share/g/a", "$aws/things/t/jobs/#", "$aws/things/+/jobs/notify", "$x"]
)
_NAMES = st.sampled_from(["a", "a/b", "a/denied", "", "$aws/things/t/jobs/get", "$aws/things/t/jobs/x", "a/+", "b"])
_PACKETS = st.one_of(
    st.builds(
        Publish,
        _NAMES,
        st.binary(max_size=50),
        st.integers(0, 2),
        st.integers(1, 5),
        st.booleans(),
        properties=st.none()
        | st.builds(Properties, topic_alias=st.none() | st.integers(1, 9), message_expiry_interval=st.just(0)),
    ),
    st.builds(
        Subscribe,
        st.integers(1, 5),
        st.lists(st.builds(Filter, _FILTERS, st.sampled_from([0, 1, 2, 5, 9, 0x11, 0x21])), min_size=1, max_size=3).map(
            tuple
        ),
    ),
    st.builds(codec.Unsubscribe, st.integers(1, 5), st.lists(_FILTERS, min_size=1, max_size=2).map(tuple)),
    st.builds(codec.Puback, st.integers(1, 5)),
    st.just(codec.Pingreq()),
    st.builds(codec.Disconnect, st.sampled_from([0, 4])),
    st.just(codec.Connect(4, "client-0")),
)


@st.composite
def _sent(draw: st.DrawFn) -> bytes:
    """One client's packets, sometimes with a byte changed."""
    level = draw(st.sampled_from([4, 5]))
    raw = bytearray(b"".join(codec.encode(each, level) for each in draw(st.lists(_PACKETS, min_size=1, max_size=4))))
    if draw(st.integers(0, 4)) == 0:
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    data = bytes(raw[:255])
    return bytes((0x30 | draw(st.integers(0, 3)), len(data))) + data


_STEPS = st.one_of(
    st.builds(lambda which, flags: bytes((which, flags)), st.integers(0, 3), st.integers(0, 255)),
    _sent(),
    _sent(),
    st.builds(lambda kind, which: bytes((kind << 4 | which,)), st.integers(10, 15), st.integers(0, 15)),
)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(_STEPS, max_size=25))
@example([])
def test_sessions_keep_their_promises_whatever_happens(steps: list[bytes]) -> None:
    targets.session(b"".join(steps))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=400))
def test_sessions_take_any_program(data: bytes) -> None:
    targets.session(data)


def test_the_targets_notice_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that hands out one packet id for everything is found out."""
    monkeypatch.setattr("tidegate.mqtt.session.Session._free_id", lambda self: 1)
    subscribe = codec.encode(Subscribe(1, (Filter("a/b", 1),)), 4)
    with pytest.raises(AssertionError, match="a packet id twice"):
        targets.session(b"\x00\x00" + bytes((0x30, len(subscribe))) + subscribe + b"\xb1\xb1")
