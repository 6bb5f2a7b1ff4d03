"""Device shadows (device reference 9), the same for HTTPS and MQTT: what a request does, and who is told of it.

A thing need not be registered to have shadows, and its shadows are deleted with it. Whatever the way of a request, the
messages of a change go to everybody who subscribed; they leave as an effect, whole, because what is stored afterwards
no longer tells what was before.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tidegate.core import shadow, texts
from tidegate.core.shadow import EMPTY, Document, Message
from tidegate.ops import paging, registry
from tidegate.ops.call import Call
from tidegate.ops.effects import ShadowMessages
from tidegate.ops.handler import Handlers, Read, Report
from tidegate.store import shadows, things
from tidegate.store.database import Conflict, Tx
from tidegate.store.shadows import Key, Shadow
from tidegate.wire import iot_data

CLASSIC = ""
"""The name of the shadow that has none."""
_LARGEST_PAGE = 100
_FORGET_CHUNK = 500


def get_thing_shadow(
    tx: Tx, call: Call, request: iot_data.GetThingShadowRequest, *, message: bytes = b""
) -> iot_data.GetThingShadowResponse:
    """A shadow, with its delta. ``message``: the payload of one that came by MQTT, which may bring a token.

    Raises:
        InvalidRequestException, UnsupportedDocumentEncodingException: the message is neither empty nor a request.
        ResourceNotFoundException: there is none.
    """
    token = shadow.asked(message).token
    payload = shown(tx, call, request.thing_name, request.shadow_name or CLASSIC, token)
    return iot_data.GetThingShadowResponse(payload=payload)


def update_thing_shadow(
    tx: Tx, call: Call, request: iot_data.UpdateThingShadowRequest
) -> iot_data.UpdateThingShadowResponse:
    """Merge a state into a shadow, which is created if need be.

    Raises:
        InvalidRequestException, UnsupportedDocumentEncodingException, RequestEntityTooLargeException: the payload is no
            update, or the state would be too large.
        ConflictException: ``version`` is not the shadow's.
    """
    wanted = shadow.update(request.payload or b"", limit=call.limits.shadow_bytes)
    payload = updated(tx, call, request.thing_name, request.shadow_name or CLASSIC, wanted)
    return iot_data.UpdateThingShadowResponse(payload=payload)


def delete_thing_shadow(
    tx: Tx, call: Call, request: iot_data.DeleteThingShadowRequest, *, message: bytes = b""
) -> iot_data.DeleteThingShadowResponse:
    """Delete a shadow; its version is remembered. ``message`` as for get; it may name a version, too.

    Raises:
        InvalidRequestException, UnsupportedDocumentEncodingException: the message is neither empty nor a request.
        ResourceNotFoundException: there is none.
        ConflictException: its version is not the shadow's.
    """
    wanted = shadow.asked(message)
    payload = deleted(tx, call, request.thing_name, request.shadow_name or CLASSIC, wanted)
    return iot_data.DeleteThingShadowResponse(payload=payload)


def list_named_shadows_for_thing(
    tx: Tx, call: Call, request: iot_data.ListNamedShadowsForThingRequest
) -> iot_data.ListNamedShadowsForThingResponse:
    """The names of a thing's named shadows; the classic one has none and is not listed."""
    thing = request.thing_name
    listing = ("ListNamedShadowsForThing", call.scope, thing)
    refusal = iot_data.InvalidRequestException
    size = request.page_size or _LARGEST_PAGE
    page = paging.page(listing, token=request.next_token, size=size, start=[""], error=refusal)
    names = shadows.page(tx, call.scope, thing, str(page.position[0]), page.size + 1)
    return iot_data.ListNamedShadowsForThingResponse(
        results=names[: page.size],
        next_token=paging.following(listing, names, page.size, lambda name: [name]),
        timestamp=call.now // 1000,
    )


def shown(tx: Tx, call: Call, thing_name: str, shadow_name: str, token: str | None = None) -> bytes:
    """The answer to a get.

    Raises:
        ResourceNotFoundException: there is no such shadow.
    """
    _, document, version = _existing(tx, Key(call.scope, thing_name, shadow_name))
    return shadow.shown(document, version, now=call.now // 1000, token=token)


def updated(tx: Tx, call: Call, thing_name: str, shadow_name: str, wanted: shadow.Request) -> bytes:
    """Carry out an update and have everybody told; the answer to it. Raises as ``update_thing_shadow``."""
    return change(tx, call, thing_name, shadow_name, lambda _state: wanted)


def change(
    tx: Tx, call: Call, thing_name: str, shadow_name: str, decide: Callable[[shadow.Object], shadow.Request]
) -> bytes:
    """The same for an update that depends on the state it meets."""
    key, now = Key(call.scope, thing_name, shadow_name), call.now // 1000
    known = shadows.get(tx, key)
    before = _document(known)
    former = known.version if known else 0
    wanted = decide(before.state if before else {})
    shadow.expect(wanted.version, former if before else None, former)
    after = shadow.updated(before or EMPTY, wanted.state, now=now, limit=call.limits.shadow_bytes)
    version = former + 1
    if not shadows.put(tx, key, known, Shadow(version, msgspec.json.encode(after._asdict()).decode()), call.now):
        raise Conflict
    answer = shadow.accepted(wanted.state, version, now=now, token=wanted.token)
    told = shadow.documents(before, after, version, former=former, now=now, token=wanted.token)
    delta = shadow.delta(after, version, now=now, token=wanted.token)
    # The delta first: AWSIoTPythonSDK and the C SDKs drop one that is not newer than the last accepted version.
    _tell(tx, call, key, {"update/delta": delta, "update/accepted": answer, "update/documents": told})
    _changed(tx, call, key)
    return answer


def deleted(tx: Tx, call: Call, thing_name: str, shadow_name: str, wanted: shadow.Request) -> bytes:
    """Carry out a delete and have everybody told; the answer to it.

    Raises:
        ResourceNotFoundException: there is no such shadow.
        ConflictException: ``version`` is not the shadow's.
    """
    key = Key(call.scope, thing_name, shadow_name)
    known, _, version = _existing(tx, key)
    shadow.expect(wanted.version, version, version)
    if not shadows.put(tx, key, known, Shadow(version, None), call.now):
        raise Conflict
    answer = shadow.deleted(version, now=call.now // 1000, token=wanted.token)
    _tell(tx, call, key, {"delete/accepted": answer})
    _changed(tx, call, key)
    return answer


def forget(tx: Tx, now: int, after: Key) -> Key | None:
    """Forget shadows that were deleted long ago, a bounded number after a place; the place to go on from, if any."""
    return shadows.forget(tx, after, now - shadow.REMEMBERED, _FORGET_CHUNK)


def _existing(tx: Tx, key: Key) -> tuple[Shadow, Document, int]:
    known = shadows.get(tx, key)
    document = _document(known)
    if known is None or document is None:
        raise iot_data.ResourceNotFoundException(texts.shadows.shadow_missing(key.thing, key.name))
    return known, document, known.version


def _document(known: Shadow | None) -> Document | None:
    if known is None or known.document is None:
        return None
    return Document(**msgspec.json.decode(known.document))


def _tell(tx: Tx, call: Call, key: Key, payloads: dict[str, bytes | None]) -> None:
    messages = [
        Message(shadow.topic(key.thing, key.name, suffix), payload)
        for suffix, payload in payloads.items()
        if payload is not None
    ]
    tx.effects.append(ShadowMessages(call.account, call.region, messages))


def _changed(tx: Tx, call: Call, key: Key) -> None:
    thing = things.find(tx, call.scope, key.thing)
    if thing is not None:
        registry.thing_changed(tx, call, thing.id)


HANDLERS: Handlers = {
    ("iot-data", "GetThingShadow"): Read(get_thing_shadow),
    ("iot-data", "UpdateThingShadow"): Report(update_thing_shadow),
    ("iot-data", "DeleteThingShadow"): Report(delete_thing_shadow),
    ("iot-data", "ListNamedShadowsForThing"): Read(list_named_shadows_for_thing),
}
