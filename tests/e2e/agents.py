"""Agents that read files of streams as known clients do, over real MQTT and TLS (reach reference 5.5).

AWS's own are in C and are not built here; what they send is, byte for byte where that matters.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import cbor2

from tests.e2e.mqtt import Device

FREERTOS_BLOCK = 4096
MISSPELT = b"MQ=="
"""The bitmap of AWS's C library: a Base64 text that was meant to be decoded."""


class RejectedError(Exception):
    """A request was answered on ``rejected``."""

    def __init__(self, members: dict[str, Any]) -> None:
        super().__init__(members["o"])
        self.members = members


def stream(device: Device, name: str) -> str:
    """Where the topics of a stream begin."""
    return f"$aws/things/{device.thing}/streams/{name}"


def asked(device: Device, name: str, word: str, form: str, members: Any, *, qos: int = 0) -> dict[str, Any]:
    """Publish a request and take the next message, which is to be its answer.

    Raises:
        RejectedError: it is a rejection.
    """
    payload = members if isinstance(members, bytes) else cbor2.dumps(members) if form == "cbor" else _json(members)
    device.client.publish(f"{stream(device, name)}/{word}/{form}", payload, qos)
    return answer(device, name, form)


def answer(device: Device, name: str, form: str) -> dict[str, Any]:
    """The members of the next message of a stream."""
    message = device.next()
    head, _, tail = message.topic.removeprefix(stream(device, name) + "/").partition("/")
    assert tail == form, message.topic
    members: dict[str, Any] = cbor2.loads(message.payload) if form == "cbor" else json.loads(message.payload)
    if head == "rejected":
        raise RejectedError(members)
    assert head in ("data", "description"), message.topic
    if form == "json" and head == "data":
        members["p"] = base64.b64decode(members["p"], validate=True)
    return members


def _json(members: Any) -> bytes:
    return json.dumps(members).encode()


def like_freertos(device: Device, name: str, file: dict[str, Any], *, at_once: int = 1, losing: int = 0) -> bytes:
    """The FreeRTOS OTA agent: CBOR, offset 0, a bitmap of what is missing, and ``n`` beside it.

    ``losing``: every so many messages one is lost on the way, as QoS 0 may be; what is missing is asked for again.
    """
    size, missing = file["filesize"], set(range(-(-file["filesize"] // FREERTOS_BLOCK)))
    whole, count = bytearray(size), itertools.count(1)
    while missing:
        wanted = sorted(missing)[:at_once]
        bitmap = bytearray(max(missing) // 8 + 1)
        for each in missing:
            bitmap[each >> 3] |= 1 << (each & 7)
        request = {"c": "rdy", "f": file["fileid"], "l": FREERTOS_BLOCK, "o": 0, "b": bytes(bitmap), "n": at_once}
        block = asked(device, name, "get", "cbor", request)
        for number in wanted:
            if number != wanted[0]:
                block = answer(device, name, "cbor")
            assert (block["c"], block["f"], block["i"]) == ("rdy", file["fileid"], number)
            # The agent drops a block whose l is not exactly what it expects.
            assert block["l"] == len(block["p"]) == min(FREERTOS_BLOCK, size - number * FREERTOS_BLOCK)
            if losing and next(count) % losing == 0:
                continue
            whole[number * FREERTOS_BLOCK : number * FREERTOS_BLOCK + block["l"]] = block["p"]
            missing.remove(number)
    return bytes(whole)


def like_the_c_library(device: Device, name: str, file: dict[str, Any], form: str, block_size: int = 1024) -> bytes:
    """AWS's C file-streams library: one block after the other; in CBOR with its misspelt bitmap, in JSON with s=1."""
    return b"".join(_of_the_library(device, name, file, form, block_size))


def _of_the_library(device: Device, name: str, file: dict[str, Any], form: str, size: int) -> Iterator[bytes]:
    for number in range(-(-file["filesize"] // size)):
        if form == "cbor":
            members = {"c": "rdy", "f": file["fileid"], "l": size, "o": number, "b": MISSPELT, "n": 1}
        else:
            members = {"s": 1, "f": file["fileid"], "l": size, "o": number, "n": 1}
        block = asked(device, name, "get", form, members)
        assert (block["f"], block["i"]) == (file["fileid"], number)
        yield block["p"]


def like_a_sketch(device: Device, name: str, file_id: int, block_size: int = 2048) -> bytes:
    """A script as they are found: describes the stream, then asks for block after block, without a token."""
    described = asked(device, name, "describe", "json", b"{}", qos=1)
    size = next(one["z"] for one in described["r"] if one["f"] == file_id)
    whole = b""
    while len(whole) < size:
        members = {"f": file_id, "l": block_size, "o": len(whole) // block_size, "n": 1}
        block = asked(device, name, "get", "json", members, qos=1)
        assert "c" not in block
        whole += block["p"]
    return whole
