"""The rejections the endpoint words itself; all others come from the service (device reference 3.8)."""

from __future__ import annotations

import msgspec

from tidegate import clock
from tidegate.store.database import OutcomeUnknown

_MAX_TOKEN = 128


def invalid_topic(payload: bytes, now: clock.Millis) -> bytes:
    """For a publish under a thing's jobs topics that names no operation."""
    return _rejection("InvalidTopic", "The topic does not map to a Jobs operation.", payload, now)


def internal_error(payload: bytes, now: clock.Millis, fault: BaseException | None = None) -> bytes:
    """For a request the service failed to answer, with what; the device may try again."""
    text = "The request could not be processed."
    if isinstance(fault, OutcomeUnknown):
        text = "It is not known whether the request was carried out: ask for the execution before you repeat it."
    return _rejection("InternalError", text, payload, now)


def _rejection(code: str, message: str, payload: bytes, now: clock.Millis) -> bytes:
    answer: dict[str, str | int] = {"code": code, "message": message, "timestamp": now // 1000}
    token = _client_token(payload)
    if token is not None:
        answer["clientToken"] = token
    return msgspec.json.encode(answer)


def _client_token(payload: bytes) -> str | None:
    """The client token of a request, if it can be made out: clients match rejections by it."""
    try:
        request = msgspec.json.decode(payload.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    token = request.get("clientToken") if isinstance(request, dict) else None
    return token if isinstance(token, str) and len(token.encode("utf-8", "replace")) <= _MAX_TOKEN else None
