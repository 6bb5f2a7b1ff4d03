"""File streams over MQTT (reach reference 5): what is in a stream, and the blocks of its files, in JSON and CBOR.

A request is answered on topics with other words than its own: ``describe`` on ``description``, ``get`` on ``data``, one
message for each block, and both on one ``rejected``. Member names are single letters; a block's bytes are Base64 in
JSON. Answers go to the publishing connection, subscribed or not, as those of Jobs do.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any, Final

import msgspec

from tidegate.clock import Millis
from tidegate.core import blocks, texts
from tidegate.core.blocks import RefusedError
from tidegate.devices.plane import Reply
from tidegate.devices.route import Asked, Demand, Family, MisaddressedError, Route
from tidegate.ops import streams
from tidegate.ops.call import Call
from tidegate.ops.streams import Describing, Description, Getting, Refused, Sent
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.wire import cbor
from tidegate.wire.cbor import InvalidCborError
from tidegate.wire.errors import WireError

MAX_REQUEST: Final = 32_768
"""Bytes: more than the largest bitmap takes in hexadecimal text."""
_OURS: Final = frozenset({"description", "data", "rejected"})

_JSON = msgspec.json.Decoder(dict[str, Any])
_ENCODER = msgspec.json.Encoder()


def _members(asked: Asked, payload: bytes) -> dict[str, Any]:
    """What a payload says; an empty one says nothing.

    Raises:
        Refused: it is no JSON object, or no CBOR map.
    """
    if len(payload) > MAX_REQUEST:
        raise Refused(RefusedError("InvalidRequest", texts.streams.TOO_LARGE))
    if not payload:
        return {}
    if not _is_cbor(asked):
        try:
            return _JSON.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Refused(RefusedError("InvalidJson", texts.streams.INVALID_JSON)) from None
    try:
        members = cbor.decode(payload)
    except InvalidCborError:
        members = None
    if not isinstance(members, dict):
        raise Refused(RefusedError("InvalidCbor", texts.streams.INVALID_CBOR))
    return members


def _describe(asked: Asked, payload: bytes) -> Demand:
    members = _members(asked, payload)
    try:
        token = blocks.token(members)
    except RefusedError as error:
        raise Refused(error) from None
    return Demand(streams.DESCRIBE, Describing(asked.labels["thingName"], asked.labels["streamId"], token), token)


def _get(asked: Asked, payload: bytes) -> Demand:
    members = _members(asked, payload)
    try:
        question = blocks.question(members)
    except RefusedError as error:
        raise Refused(error) from None
    getting = Getting(asked.labels["thingName"], asked.labels["streamId"], question, not _is_cbor(asked))
    return Demand(streams.GET, getting, question.token, blocks.most(question))


def _described(asked: Asked, _now: Millis, token: str | None, found: Description) -> Reply:
    members: dict[str, Any] = {} if token is None else {"c": token}
    members |= {"s": found.version, "d": found.description or ""}
    members["r"] = [{"f": file.file_id, "z": file.size} for file in found.files]
    return ((_topic(asked, "description"), _encoded(asked, members)),)


def _sent(asked: Asked, _now: Millis, token: str | None, found: list[Sent]) -> Reply:
    topic, begin = _topic(asked, "data"), {} if token is None else {"c": token}
    return tuple((topic, _block(asked, begin, sent)) for sent in found)


def _block(asked: Asked, begin: dict[str, Any], sent: Sent) -> bytes:
    data: str | bytes = b64encode(sent.data).decode() if not _is_cbor(asked) else sent.data
    return _encoded(asked, {**begin, "f": sent.file, "l": sent.block.size, "i": sent.block.number, "p": data})


def _refuse(asked: Asked, _now: Millis, payload: bytes, token: str | None, error: BaseException) -> Reply:
    if isinstance(error, Refused):
        code, text, token = error.refusal.code, error.refusal.message, error.refusal.token
    elif isinstance(error, MisaddressedError):
        if not _TOPIC.fullmatch(asked.topic):
            return ()  # there is no saying where, and how
        code, text, token = "InvalidTopic", texts.streams.INVALID_TOPIC, _token(asked, payload)
    else:
        code, text = "InternalError", texts.streams.FAILED
        token = _token(asked, payload)
    members = {"o": code, "m": text} | ({} if token is None else {"c": token})
    return ((_topic(asked, "rejected"), _encoded(asked, members)),)


def _tell(asked: Asked, _call: Call, error: WireError, limited_log: RateLimitedLog) -> None:
    """A line of the log for what is not the device's fault."""
    if isinstance(error, Refused) and error.detail is not None:
        template = "stream %s of %s cannot be read: %s; put the object back, or update the stream"
        labels = asked.labels
        limited_log.warning(template, labels["streamId"], labels["thingName"], error.detail, kind=error.refusal.code)


def _token(asked: Asked, payload: bytes) -> str | None:
    try:
        return blocks.token(_members(asked, payload))
    except (Refused, RefusedError):
        return None


def _is_cbor(asked: Asked) -> bool:
    """How request and answer are encoded, also where a topic is no operation's."""
    return asked.topic.endswith("/cbor")


def _topic(asked: Asked, word: str) -> str:
    """Where an answer goes: the request's topic with another word in the place of the operation's."""
    head, _, last = asked.topic.rpartition("/")
    return f"{head.rpartition('/')[0]}/{word}/{last}"


def _encoded(asked: Asked, members: dict[str, Any]) -> bytes:
    return cbor.encode(members) if _is_cbor(asked) else _ENCODER.encode(members)


_TOPIC: Final = re.compile(r"\$aws/things/[^/]+/streams/[^/]+/[^/]+/(json|cbor)")
"""One that looks like a request at least: what is wrong with it can be told next to it."""
_STREAM: Final = "$aws/things/{thingName}/streams/{streamId}"

FAMILY = Family(
    "things/streams",
    ours=lambda levels: len(levels) > 5 and levels[5] in _OURS,
    otherwise=None,
    routes=(
        Route(f"{_STREAM}/describe/{{format}}", ("iot", "DescribeStream"), _describe, _described),
        Route(f"{_STREAM}/get/{{format}}", ("iot", "GetStream"), _get, _sent, ("stream/{stream_id}",)),
    ),
    refuse=_refuse,
    asks_who=True,
    tell=_tell,
    counted="streams",
)
