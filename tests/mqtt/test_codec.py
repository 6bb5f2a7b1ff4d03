"""The codec against byte fixtures, against itself, and against noise."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.mqtt import codec
from tidegate.mqtt.codec import Filter, Properties, ProtocolError, Reader, Reason, Will

LIMIT = 1 << 20


def read_all(data: bytes, level: int = 4, maximum: int = LIMIT) -> list[codec.Packet]:
    reader = Reader(maximum, level)
    reader.feed(data)
    found = []
    while (packet := reader.next_packet()) is not None:
        found.append(packet)
    return found


FIXTURES: list[tuple[int, str, codec.Packet]] = [
    (4, "10 0d 0004 4d515454 04 02 003c 0001 61", codec.Connect(4, "a", True, 60)),
    (3, "10 0f 0006 4d5149736470 03 02 003c 0001 61", codec.Connect(3, "a", True, 60)),
    (
        4,
        "10 1c 0004 4d515454 04 ee 0000 0001 61 0001 74 0002 6279 0003 3f5344 0001 70",
        codec.Connect(4, "a", True, 0, "?SD", b"p", Will("t", b"by", 1, True)),
    ),
    (
        5,
        "10 1d 0004 4d515454 05 00 04b0 10 11 0000003c 21 000a 22 0008 27 00010000 0000",
        codec.Connect(
            5,
            "",
            False,
            1200,
            properties=Properties(
                session_expiry_interval=60, receive_maximum=10, topic_alias_maximum=8, maximum_packet_size=65536
            ),
        ),
    ),
    (4, "20 02 01 00", codec.Connack(0, True)),
    (5, "20 05 00 87 02 24 01", codec.Connack(0x87, False, Properties(maximum_qos=1))),
    (4, "30 06 0003 612f62 78", codec.Publish("a/b", b"x")),
    (4, "3b 05 0001 61 0007", codec.Publish("a", b"", 1, 7, True, True)),
    (5, "32 0a 0001 61 0007 03 23 0002 78", codec.Publish("a", b"x", 1, 7, properties=Properties(topic_alias=2))),
    (
        5,
        "30 0c 0001 61 08 26 0001 6b 0002 7676",
        codec.Publish("a", properties=Properties(user_property=(("k", "vv"),))),
    ),
    (4, "40 02 1234", codec.Puback(0x1234)),
    (5, "40 03 1234 87", codec.Puback(0x1234, 0x87)),
    (4, "82 06 0001 0001 61 01", codec.Subscribe(1, (Filter("a", 1),))),
    (5, "82 07 0001 00 0001 61 2d", codec.Subscribe(1, (Filter("a", 0x2D),))),
    (4, "90 04 0001 01 80", codec.Suback(1, (1, 0x80))),
    (4, "a2 05 0002 0001 61", codec.Unsubscribe(2, ("a",))),
    (4, "b0 02 0002", codec.Unsuback(2)),
    (5, "b0 04 0002 00 11", codec.Unsuback(2, (0x11,))),
    (4, "c0 00", codec.Pingreq()),
    (4, "d0 00", codec.Pingresp()),
    (4, "e0 00", codec.Disconnect()),
    (5, "e0 01 8b", codec.Disconnect(0x8B)),
    (
        5,
        "e0 07 04 05 11 0000000a",
        codec.Disconnect(4, Properties(session_expiry_interval=10)),
    ),
]


@pytest.mark.parametrize(("level", "text", "packet"), FIXTURES)
def test_bytes_and_packets_correspond(level: int, text: str, packet: codec.Packet) -> None:
    data = bytes.fromhex(text)
    assert read_all(data, level) == [packet]
    assert codec.encode(packet, level) == data


@pytest.mark.parametrize(
    ("level", "text", "code"),
    [
        (4, "00 00", Reason.MALFORMED_PACKET),  # packet type 0
        (4, "36 03 0001 61", Reason.MALFORMED_PACKET),  # QoS 3
        (4, "38 03 0001 61", Reason.MALFORMED_PACKET),  # DUP at QoS 0
        (4, "32 05 0001 61 0000", Reason.MALFORMED_PACKET),  # packet id 0
        (4, "32 04 0001 61 00", Reason.MALFORMED_PACKET),  # cut inside the packet id
        (4, "30 03 0009 61", Reason.MALFORMED_PACKET),  # topic longer than the packet
        (4, "30 03 0001 ff", Reason.MALFORMED_PACKET),  # not UTF-8
        (4, "30 03 0001 00", Reason.MALFORMED_PACKET),  # U+0000
        (4, "30 05 0003 eda080", Reason.MALFORMED_PACKET),  # a surrogate
        (4, "80 06 0001 0001 61 01", Reason.MALFORMED_PACKET),  # SUBSCRIBE flags
        (4, "82 02 0001", Reason.PROTOCOL_ERROR),  # no filter
        (4, "82 06 0001 0001 61 03", Reason.MALFORMED_PACKET),  # requested QoS 3
        (4, "82 06 0001 0001 61 04", Reason.MALFORMED_PACKET),  # MQTT 5 options in 3.1.1
        (5, "82 07 0001 00 0001 61 30", Reason.PROTOCOL_ERROR),  # retain handling 3
        (4, "a2 02 0001", Reason.PROTOCOL_ERROR),
        (4, "c0 01 00", Reason.MALFORMED_PACKET),  # PINGREQ with a body
        (4, "40 03 0001 00", Reason.MALFORMED_PACKET),  # reason code in 3.1.1
        (4, "50 02 0001", Reason.QOS_NOT_SUPPORTED),  # PUBREC
        (5, "f0 00", Reason.PROTOCOL_ERROR),  # AUTH
        (4, "10 0d 0004 4d515454 06 02 003c 0001 61", Reason.UNSUPPORTED_PROTOCOL_VERSION),
        (4, "10 0d 0004 4d515455 04 02 003c 0001 61", Reason.MALFORMED_PACKET),  # another protocol
        (4, "10 0d 0004 4d515454 04 03 003c 0001 61", Reason.MALFORMED_PACKET),  # reserved flag
        (4, "10 0d 0004 4d515454 04 0a 003c 0001 61", Reason.MALFORMED_PACKET),  # will QoS without a will
        (4, "10 10 0004 4d515454 04 42 003c 0001 61 0001 70", Reason.MALFORMED_PACKET),  # password, no user name
        (4, "10 0e 0004 4d515454 04 02 003c 0001 61 00", Reason.MALFORMED_PACKET),  # something after the end
        (5, "30 07 0001 61 03 23 0000", Reason.TOPIC_ALIAS_INVALID),
        (5, "30 08 0001 61 04 01 00 01 00", Reason.PROTOCOL_ERROR),  # a property twice
        (5, "30 06 0001 61 02 24 01", Reason.PROTOCOL_ERROR),  # a property of another packet
        (5, "30 06 0001 61 02 7f 01", Reason.MALFORMED_PACKET),  # an unknown property
        (5, "30 05 0001 61 09 01", Reason.MALFORMED_PACKET),  # properties longer than the packet
        (4, "30 ff ff ff ff 01", Reason.MALFORMED_PACKET),  # five bytes of length
    ],
)
def test_broken_packets_raise_the_reason(level: int, text: str, code: Reason) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_all(bytes.fromhex(text), level)
    assert caught.value.code == code


def test_a_large_packet_is_refused_by_its_length_alone() -> None:
    reader = Reader(maximum=1000)
    reader.feed(bytes((0x30, 0xE9, 0x07)))  # announces 1001 bytes, none of them sent
    with pytest.raises(ProtocolError) as caught:
        reader.next_packet()
    assert caught.value.code == Reason.PACKET_TOO_LARGE


def test_a_packet_of_exactly_the_permitted_size_passes() -> None:
    data = codec.encode_publish(4, "a", b"x" * 994)
    assert len(data) == 1000
    assert len(read_all(data, maximum=1000)) == 1
    with pytest.raises(ProtocolError):
        read_all(data, maximum=999)


def test_several_packets_in_one_chunk_and_the_rest_later() -> None:
    reader = Reader(LIMIT)
    reader.feed(bytes.fromhex("c000 3003 000161 c0"))
    assert reader.next_packet() == codec.Pingreq()
    assert reader.next_packet() == codec.Publish("a")
    assert reader.next_packet() is None
    reader.feed(b"\x00")
    assert reader.next_packet() == codec.Pingreq()


def test_bytes_fed_while_packets_are_waiting_queue_behind_them() -> None:
    reader = Reader(LIMIT)
    reader.feed(bytes.fromhex("c000 c000"))
    assert reader.next_packet() == codec.Pingreq()
    reader.feed(bytes.fromhex("e000"))
    assert reader.next_packet() == codec.Pingreq()
    assert reader.next_packet() == codec.Disconnect()


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
packet_ids = st.integers(1, 0xFFFF)
fours = st.none() | st.integers(0, 0xFFFF_FFFF)
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
bits = st.none() | st.integers(0, 1)
message_properties = {
    "payload_format_indicator": bits,
    "message_expiry_interval": fours,
    "content_type": st.none() | texts,
    "response_topic": st.none() | texts,
    "correlation_data": st.none() | st.binary(max_size=20),
    "user_property": pairs,
}


def optional(strategy: st.SearchStrategy[Properties]) -> st.SearchStrategy[Properties | None]:
    return strategy.map(lambda found: None if found == Properties() else found)


wills = st.builds(
    Will,
    texts,
    st.binary(max_size=30),
    st.integers(0, 2),
    st.booleans(),
    optional(st.builds(Properties, will_delay_interval=fours, **message_properties)),
)
acks = optional(st.builds(Properties, reason_string=st.none() | texts, user_property=pairs))
packets_v5 = st.one_of(
    st.builds(
        codec.Connect,
        st.just(5),
        texts,
        st.booleans(),
        st.integers(0, 0xFFFF),
        st.none() | texts,
        st.none() | st.binary(max_size=20),
        st.none() | wills,
        optional(
            st.builds(
                Properties,
                session_expiry_interval=fours,
                receive_maximum=st.none() | packet_ids,
                topic_alias_maximum=st.none() | st.integers(0, 0xFFFF),
                maximum_packet_size=st.none() | st.integers(1, 0xFFFF_FFFF),
                request_problem_information=bits,
                user_property=pairs,
            )
        ),
    ),
    st.builds(codec.Connack, st.integers(0, 255), st.booleans(), acks),
    st.builds(
        codec.Publish,
        texts,
        st.binary(max_size=300),
        st.integers(1, 2),
        packet_ids,
        st.booleans(),
        st.booleans(),
        optional(st.builds(Properties, topic_alias=st.none() | packet_ids, **message_properties)),
    ),
    st.builds(codec.Puback, packet_ids, st.integers(0, 255), acks),
    st.builds(
        codec.Subscribe,
        packet_ids,
        st.lists(st.builds(Filter, texts, st.sampled_from([0, 1, 2, 4, 9, 0x11, 0x2E])), min_size=1, max_size=9).map(
            tuple
        ),
        optional(st.builds(Properties, subscription_identifier=st.none() | st.integers(1, 268_435_455))),
    ),
    st.builds(codec.Suback, packet_ids, st.lists(st.integers(0, 255), max_size=9).map(tuple), acks),
    st.builds(codec.Unsubscribe, packet_ids, st.lists(texts, min_size=1, max_size=4).map(tuple)),
    st.builds(codec.Unsuback, packet_ids, st.lists(st.integers(0, 255), max_size=9).map(tuple), acks),
    st.builds(codec.Disconnect, st.integers(0, 255), acks),
    st.just(codec.Pingreq()),
)


@given(st.lists(packets_v5, min_size=1, max_size=4), st.data())
def test_every_packet_survives_any_cutting_of_the_stream(packets: list[codec.Packet], data: st.DataObject) -> None:
    stream = b"".join(codec.encode(packet, 5) for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = Reader(LIMIT, 5)
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:stop])
        while (packet := reader.next_packet()) is not None:
            found.append(packet)
            reader.level = 5
    assert found == packets


@given(st.integers(3, 5), st.lists(st.binary(max_size=40), max_size=5))
def test_noise_raises_nothing_but_the_protocol_error(level: int, chunks: list[bytes]) -> None:
    reader = Reader(2000, level)
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while reader.next_packet() is not None:
                pass
    except ProtocolError:
        pass


@given(packets_v5, st.integers(3, 5), st.data())
def test_damaged_packets_raise_nothing_but_the_protocol_error(
    packet: codec.Packet, level: int, data: st.DataObject
) -> None:
    raw = bytearray(codec.encode(packet, 5))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        read_all(bytes(raw), level)
