"""Where the search begins: packets of every kind, and short stories of a session. ``python -m tools.fuzz.seeds``."""

from __future__ import annotations

from pathlib import Path

from tidegate.mqtt import codec
from tidegate.mqtt.codec import Filter, Properties, Will
from tools.fuzz.texts import TEXTS

CORPUS = Path(__file__).parent / "corpus"
_MESSAGE = Properties(
    payload_format_indicator=1,
    message_expiry_interval=60,
    content_type="text/plain",
    response_topic="a/reply",
    correlation_data=b"\x00\x01",
    user_property=(("a", "1"), ("a", "2")),
)
_PACKETS: tuple[codec.Packet, ...] = (
    codec.Connect(4, "lamp", False, 60, "user?SDK=x", b"password", Will("w", b"x", 1, True)),
    codec.Connect(5, "", True, 0, None, None, Will("w", b"x", 0, False, _MESSAGE), Properties(receive_maximum=3)),
    codec.Connack(0, True),
    codec.Publish("a/b", b"payload", 1, 7, True),
    codec.Publish("a/b", b"payload", properties=_MESSAGE),
    codec.Publish("", b"", 1, 8, properties=Properties(topic_alias=3)),
    codec.Puback(7, 0x87, Properties(reason_string="no")),
    codec.Subscribe(1, (Filter("a/+", 1), Filter("$share/g/a/#", 0), Filter("$aws/things/t/jobs/notify", 1))),
    codec.Suback(1, (0, 1, 0x80)),
    codec.Unsubscribe(2, ("a/+", "b")),
    codec.Unsuback(2, (0, 17)),
    codec.Pingreq(),
    codec.Disconnect(4, Properties(session_expiry_interval=0)),
)


def _written(packet: codec.Packet, level: int) -> bytes:
    return codec.encode(packet, packet.level if isinstance(packet, codec.Connect) else level)


def _sent(client: int, data: bytes) -> bytes:
    return b"".join(bytes((0x30 | client, len(part))) + part for part in _parts(data))


def _parts(data: bytes) -> list[bytes]:
    return [data[at : at + 255] for at in range(0, len(data), 255)]


def stories() -> dict[str, bytes]:
    """Sessions that do something worth varying."""
    found = {}
    for level, flags in ((4, 0x00), (5, 0x31)):
        subscribe = _written(codec.Subscribe(1, (Filter("a/+", 1), Filter("a", 1))), level)
        publish = _written(codec.Publish("a/b", b"hello", 1, 9), level)
        alias = _written(codec.Publish("a/b", b"", 1, 9, properties=Properties(topic_alias=1)), level)
        connect = bytes((0x01, flags))
        found[f"queue-{level}"] = connect + _sent(0, subscribe) + b"\xa0" + b"\xb1\xb1" + connect + b"\xd3"
        found[f"echo-{level}"] = connect + _sent(0, subscribe + publish + alias) + b"\xd0\xc1"
        found[f"will-{level}"] = bytes((0x01, flags | 8, 0x02, flags)) + _sent(1, subscribe) + b"\xa0\xcf"
        request = _written(codec.Publish("$aws/things/t/jobs/get", b"{}", 1, 3), level)
        found[f"request-{level}"] = connect + _sent(0, request) + b"\xe0\xd0"
        found[f"farewell-{level}"] = connect + _sent(0, _written(codec.Disconnect(), level))
    return found


def write_texts(target: str, folder: Path) -> None:
    """Write the seeds of a target of ``parsers``, beside what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(TEXTS[target]):
        (folder / f"seed-{number}").write_bytes(text)


def write(corpus: Path = CORPUS) -> None:
    """Write the seeds of MQTT beside what the search has found."""
    for name in ("codec", "session"):
        (corpus / name).mkdir(parents=True, exist_ok=True)
    for number, packet in enumerate(_PACKETS):
        for index, level in enumerate((3, 4, 5)):
            path = corpus / "codec" / f"{type(packet).__name__.lower()}-{number}-{level}"
            path.write_bytes(bytes((index,)) + _written(packet, level))
    for name, story in stories().items():
        (corpus / "session" / name).write_bytes(story)


if __name__ == "__main__":
    write()
