"""Device shadows (device reference 9): what an update does to a document, what differs, what is told of it.

A document is ``state`` with the sections ``desired`` and ``reported``, and ``metadata`` of the same shape with
``{"timestamp": seconds}`` in the place of every leaf. Objects merge, null deletes, arrays and scalars replace. An
object that is emptied, or sent empty, stays as one; only null takes it away.

Documents are plain decoded JSON; they are never changed, a new one is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import texts
from tidegate.wire import iot_data

Json = Any
Object = Mapping[str, Json]

DESIRED: Final = "desired"
REPORTED: Final = "reported"
_SECTIONS: Final = (DESIRED, REPORTED)
MAX_LEVELS: Final = 5
"""Of names inside a section (AWS's quota page)."""
MAX_TOKEN: Final = 64
"""Bytes of a clientToken."""


class Document(NamedTuple):
    """What a shadow holds."""

    state: Object
    metadata: Object


EMPTY: Final = Document({}, {})

REMEMBERED: Final = 48 * 3_600_000
"""Milliseconds for which the version of a deleted shadow is kept: who makes it anew by then goes on counting."""


class Request(NamedTuple):
    """What a client asks for. ``state`` is None where everything is to be cleared, and for get and delete."""

    state: Object | None
    version: int | None
    token: str | None


# -- requests ---------------------------------------------------------------------------------------------------------


def asked(payload: bytes) -> Request:
    """A get or delete, whose payload may be empty.

    Raises:
        InvalidRequestException, UnsupportedDocumentEncodingException: it is neither empty nor a proper request.
    """
    body = _body(payload) if payload.strip() else {}
    return Request(None, _version(body), _token(body))


def update(payload: bytes, *, limit: int) -> Request:
    """An update.

    Args:
        payload: as the client sent it.
        limit: bytes of a state.

    Raises:
        InvalidRequestException, UnsupportedDocumentEncodingException, RequestEntityTooLargeException: 400, 415, 413.
    """
    body = _body(payload)
    if "state" not in body:
        raise iot_data.InvalidRequestException(texts.shadows.STATE_MISSING)
    version, token = _version(body), _token(body)
    if body["state"] is None:
        return Request(None, version, token)
    state = _state(body["state"])
    _limit_levels(state)
    _limit(state, limit)
    return Request(state, version, token)


def token_of(payload: bytes) -> str | None:
    """The clientToken of a payload, however broken the rest: a rejection carries it too."""
    try:
        return _token(_body(payload))
    except (iot_data.InvalidRequestException, iot_data.UnsupportedDocumentEncodingException):
        return None


_READER: Final = json.JSONDecoder()


def _first(text: str) -> Json:
    """The document that a text begins with: a brace too many is passed over with all behind it, as on AWS."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        begun = text.lstrip()
        _, end = _READER.raw_decode(begun)
        return msgspec.json.decode(begun[:end])


def _body(payload: bytes) -> Object:
    try:
        body = _first(payload.decode())
    except UnicodeDecodeError:
        raise iot_data.UnsupportedDocumentEncodingException(texts.shadows.NOT_UTF_8) from None
    except RecursionError:
        raise iot_data.InvalidRequestException(texts.shadows.TOO_DEEP) from None
    except ValueError:  # of both readers
        raise iot_data.InvalidRequestException(texts.shadows.INVALID_JSON) from None
    if not isinstance(body, dict):
        raise iot_data.InvalidRequestException(texts.shadows.INVALID_JSON)
    return body


def _version(body: Object) -> int | None:
    version = body.get("version")
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise iot_data.InvalidRequestException(texts.shadows.INVALID_VERSION)
    return version


def _token(body: Object) -> str | None:
    token = body.get("clientToken")
    if token is None:
        return None
    if not isinstance(token, str) or len(token.encode()) > MAX_TOKEN:
        raise iot_data.InvalidRequestException(texts.shadows.INVALID_CLIENT_TOKEN)
    return token


def _state(given: Json) -> Object:
    if not isinstance(given, dict):
        raise iot_data.InvalidRequestException(texts.shadows.not_an_object("state"))
    for node, value in given.items():
        if node in _SECTIONS and not (value is None or isinstance(value, dict)):
            raise iot_data.InvalidRequestException(texts.shadows.not_an_object(node))
        if node not in _SECTIONS:
            raise iot_data.InvalidRequestException(texts.shadows.invalid_node(node))
    return given


def _limit_levels(state: Object) -> None:
    try:
        fits = all(_levels(section) <= MAX_LEVELS for section in state.values())
    except RecursionError:
        fits = False
    if not fits:
        raise iot_data.InvalidRequestException(texts.shadows.TOO_DEEP)
    if _null_in_array(state):
        raise iot_data.InvalidRequestException(texts.shadows.NULL_IN_ARRAY)


def _null_in_array(value: Json) -> bool:
    """Whether an array has a null among its items; of a depth that was limited before."""
    if isinstance(value, dict):
        return any(map(_null_in_array, value.values()))
    return isinstance(value, list) and (None in value or any(map(_null_in_array, value)))


def _levels(value: Json) -> int:
    """Names above the deepest leaf; an array adds a level only inside another."""
    if isinstance(value, dict):
        return 1 + max(map(_levels, value.values())) if value else 0
    if isinstance(value, list):
        return max((_levels(item) + isinstance(item, list) for item in value), default=0)
    return 0


def _limit(state: Object, limit: int) -> None:
    size = len(msgspec.json.encode(state))
    if size > limit:
        raise iot_data.RequestEntityTooLargeException(texts.shadows.too_large(size, limit))


def expect(asked: int | None, present: int | None, remembered: int) -> None:
    """Hold the version that a request names against the shadow's.

    Args:
        asked: what the request names.
        present: the shadow's version; None if there is none.
        remembered: the version of a deleted one; 0 if there never was one.

    Raises:
        ConflictException: they differ. What does not exist yet may be called 0 or 1.
    """
    if asked is None or asked == present or (present is None and asked in (0, 1, remembered)):
        return
    raise iot_data.ConflictException(texts.shadows.VERSION_CONFLICT)


# -- the document -----------------------------------------------------------------------------------------------------


def updated(before: Document, state: Object | None, *, now: int, limit: int) -> Document:
    """The document after an update.

    Args:
        before: what the shadow held.
        state: the update's; None clears everything.
        now: epoch seconds: the time of every leaf that the update names.
        limit: bytes of the new state.

    Raises:
        RequestEntityTooLargeException: it would be larger.
    """
    if state is None:
        return EMPTY
    after = Document(*_merged(before.state, before.metadata, state, now))
    _limit(after.state, limit)
    return after


def _merged(known: Object, stamps: Object, given: Object, now: int) -> tuple[dict[str, Json], dict[str, Json]]:
    """An object and its metadata after a merge."""
    value, times = dict(known), dict(stamps)
    merged: Json
    for name, new in given.items():
        if isinstance(new, dict):
            inner: Document = Document(known[name], stamps[name]) if isinstance(known.get(name), dict) else EMPTY
            merged, merged_times = _merged(inner.state, inner.metadata, new, now)
        else:
            merged, merged_times = new, _stamped(new, now)
        if merged is None:
            value.pop(name, None)
            times.pop(name, None)
        else:
            value[name], times[name] = merged, merged_times
    return value, times


def _stamped(value: Json, now: int) -> Json:
    """The metadata of a value that is new as a whole; arrays have it for each element, null has it too."""
    if isinstance(value, dict):
        return {name: _stamped(inner, now) for name, inner in value.items()}
    if isinstance(value, list):
        return [_stamped(item, now) for item in value]
    return {"timestamp": now}


def difference(document: Document) -> Document:
    """What is desired and not reported so: names, with the desired values and their metadata; empty if nothing is."""
    desired, stamps = document.state.get(DESIRED, {}), document.metadata.get(DESIRED, {})
    return _difference(desired, document.state.get(REPORTED, {}), stamps)


def _difference(desired: Object, reported: Object, stamps: Object) -> Document:
    value: dict[str, Json] = {}
    times: dict[str, Json] = {}
    for name, wanted in desired.items():
        if name not in reported:
            value[name], times[name] = wanted, stamps[name]
        elif isinstance(wanted, dict) and isinstance(reported[name], dict):
            inner = _difference(wanted, reported[name], stamps[name])
            if inner.state:
                value[name], times[name] = inner
        elif not same(wanted, reported[name]):
            value[name], times[name] = wanted, stamps[name]
    return Document(value, times)


def same(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON: 1 is 1.0 and not true; objects inside arrays count whole."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


# -- messages ---------------------------------------------------------------------------------------------------------


class Message(NamedTuple):
    """A message of the service and where it goes."""

    topic: str
    payload: bytes


def topic(thing_name: str, shadow_name: str, suffix: str) -> str:
    """A topic of a shadow, the classic one being named ``""``; ``suffix`` is ``update/accepted`` and the like."""
    named = f"/name/{shadow_name}" if shadow_name else ""
    return f"$aws/things/{thing_name}/shadow{named}/{suffix}"


def shown(document: Document, version: int, *, now: int, token: str | None = None) -> bytes:
    """A shadow as get answers it, with its delta; ``now`` in epoch seconds, as everywhere here."""
    delta = difference(document).state
    state = {**document.state, **({"delta": delta} if delta else {})}
    return _payload(state=state, metadata=document.metadata, version=version, timestamp=now, token=token)


def accepted(state: Object | None, version: int, *, now: int, token: str | None) -> bytes:
    """The answer to an update: what it contained, and the metadata of that."""
    return _payload(state=state, metadata=_stamped(state, now), version=version, timestamp=now, token=token)


def documents(
    before: Document | None, after: Document, version: int, *, former: int, now: int, token: str | None
) -> bytes:
    """The shadow before and after an update; ``former`` is the version before, ``before`` None if there was none."""
    previous = None if before is None else _snapshot(before, former)
    return _payload(previous=previous, current=_snapshot(after, version), timestamp=now, token=token)


def _snapshot(document: Document, version: int) -> Object:
    return {"state": document.state, "metadata": document.metadata, "version": version}


def delta(document: Document, version: int, *, now: int, token: str | None) -> bytes | None:
    """What a device is told that does not report what is desired; None if it does."""
    found = difference(document)
    if not found.state:
        return None
    return _payload(version=version, timestamp=now, state=found.state, metadata=found.metadata, token=token)


def deleted(version: int, *, now: int, token: str | None = None) -> bytes:
    """The answer to a delete."""
    return _payload(version=version, timestamp=now, token=token)


def rejected(code: int, message: str, *, token: str | None) -> bytes:
    """The answer to a refused request; without the guide's timestamp, which captures of 400, 404 and 409 lack (9.4)."""
    return _payload(code=code, message=message, token=token)


def _payload(*, token: str | None, **members: Json) -> bytes:
    if token is not None:
        members["clientToken"] = token
    return msgspec.json.encode(members)
