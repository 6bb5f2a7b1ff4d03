"""Shadows over MQTT (device reference 9.1).

Replies are messages like any other: they reach whoever subscribed and may receive them, the requester among them. All
of them leave as effects of the request's transaction, so that they come in the order of the changes; that of a get is
the only one of which the operation itself does not tell.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from tidegate.clock import Millis
from tidegate.core import shadow, texts
from tidegate.devices import topics
from tidegate.devices.plane import Reply
from tidegate.devices.route import Asked, Demand, Family, Route, TooManyError, unanswered
from tidegate.ops import shadows
from tidegate.ops.handler import Read, Report
from tidegate.wire import iot_data
from tidegate.wire.errors import WireError

IN_FLIGHT = 10
"""Requests of one connection that may be under way (AWS's quota page); more are answered 429."""

_OURS = frozenset({"accepted", "rejected", "delta", "documents"})


def _get(asked: Asked, payload: bytes) -> Demand:
    request = iot_data.GetThingShadowRequest(thing_name=asked.labels["thingName"], shadow_name=_name(asked))
    return Demand(Read(partial(shadows.get_thing_shadow, message=payload)), request)


def _update(asked: Asked, payload: bytes) -> Demand:
    request = iot_data.UpdateThingShadowRequest(
        thing_name=asked.labels["thingName"], shadow_name=_name(asked), payload=payload
    )
    return Demand(shadows.HANDLERS["iot-data", "UpdateThingShadow"], request)


def _delete(asked: Asked, payload: bytes) -> Demand:
    request = iot_data.DeleteThingShadowRequest(thing_name=asked.labels["thingName"], shadow_name=_name(asked))
    return Demand(Report(partial(shadows.delete_thing_shadow, message=payload)), request)


def _name(asked: Asked) -> str | None:
    return asked.labels.get("shadowName")


def _shown(asked: Asked, _now: Millis, _token: str | None, response: Any) -> Reply:
    return ((topics.accepted(asked.topic), response.payload),)


def _refuse(asked: Asked, _now: Millis, payload: bytes, _token: str | None, error: BaseException) -> Reply:
    if isinstance(error, WireError):
        code, text = error.http_status, error.message
    elif isinstance(error, TooManyError):
        code, text = 429, texts.shadows.TOO_MANY_REQUESTS
    else:
        code, text = 500, texts.shadows.INTERNAL_FAILURE
    return ((topics.rejected(asked.topic), shadow.rejected(code, text, token=shadow.token_of(payload))),)


_CLASSIC = "$aws/things/{thingName}/shadow"
_NAMED = "$aws/things/{thingName}/shadow/name/{shadowName}"

FAMILY = Family(
    "things/shadow",
    ours=lambda levels: levels[-1] in _OURS,
    routes=tuple(
        Route(f"{where}/{word}", ("iot-data", name), demand, answer)
        for where in (_CLASSIC, _NAMED)
        for word, name, demand, answer in (
            ("get", "GetThingShadow", _get, _shown),
            ("update", "UpdateThingShadow", _update, unanswered),
            ("delete", "DeleteThingShadow", _delete, unanswered),
        )
    ),
    refuse=_refuse,
    seen=True,
    in_flight=IN_FLIGHT,
)
