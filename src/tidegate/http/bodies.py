"""Reading request bodies: bounded, and patient only as long as the listener is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

_DISCARD_BYTES = 64 * 1024 * 1024
_DISCARD_SECONDS = 10.0


class TooLargeError(Exception):
    """The body is, or says it will be, larger than the limit."""


class DisconnectedError(Exception):
    """The client went away before its request was whole."""


async def read(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """The whole body of an ASGI request.

    Raises:
        TooLargeError: as soon as the declared or received length exceeds ``limit`` bytes.
        DisconnectedError: the client went away.
    """
    for name, value in headers:
        # The parser has accepted the value as a number; a long run of digits is not even converted.
        if name == b"content-length" and (len(value) > 18 or int(value) > limit):
            raise TooLargeError
    message = await receive()
    if message["type"] != "http.request":
        raise DisconnectedError
    body: bytes = message["body"]
    if not message["more_body"]:
        if len(body) > limit:
            raise TooLargeError
        return body
    return await _rest(receive, [body], limit)


async def _rest(receive: Receive, parts: list[bytes], limit: int) -> bytes:
    size = len(parts[0])
    more = True
    while more:
        if size > limit:
            raise TooLargeError
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        parts.append(message["body"])
        size += len(parts[-1])
        more = message["more_body"]
    if size > limit:
        raise TooLargeError
    return b"".join(parts)


async def discard(receive: Receive) -> None:
    """Take in what is left of a refused body, within bounds of size and time."""
    left = _DISCARD_BYTES
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                left -= len(message["body"])
    except TimeoutError:
        return
