"""What passes between an HTTP connection and the application behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Literal, NamedTuple

from tidegate.net.admission import Ticket

Headers = list[tuple[bytes, bytes]]
"""ASGI's: lower-case names, in order of arrival."""

Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""


class Peer(NamedTuple):
    """The connection a request came over.

    ``device`` is true on the device listener, ``tls`` where it is encrypted; ``certificate`` is the DER of the client
    certificate whose key the TLS handshake proved, if there was one; ``ticket`` what admission gave for it.
    """

    device: bool = False
    certificate: bytes | None = None
    address: str = ""
    tls: bool = False
    ticket: Ticket | None = None
    known: dict[str, Any] | None = None
    """What is remembered of it as long as it lasts, by whoever remembers; None: nothing can be."""

    def belongs(self, account: str) -> None:
        """Say whose requests come over it, so that accounts have their turns."""
        if self.ticket is not None:
            self.ticket.party = account


class Request(NamedTuple):
    """One request. Path and query string are the bytes of the request line; ``body`` is empty where it streams."""

    method: str
    raw_path: bytes
    query_string: bytes
    headers: Headers
    body: bytes
    peer: Peer

    def header(self, name: bytes) -> bytes | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Stream(NamedTuple):
    """An answer whose body comes bit by bit, as long as the client takes it: the next is asked for when it has.

    The generator is closed when the client goes. ``endless``: it has no end of its own, as server-sent events have
    none; when the server stops, the answer ends.
    """

    status: int
    headers: Headers
    chunks: AsyncGenerator[bytes, None]
    endless: bool = False


class Switch(NamedTuple):
    """An answer that gives the connection away: what to write, and who has it then."""

    head: bytes
    protocol: Callable[[], asyncio.Protocol]


class Refusal(NamedTuple):
    """What is not a request, or none that is taken in.

    ``cause``: ``syntax``, ``host``, ``truncated``, ``late``, ``head`` and ``body`` (too large), ``room`` (none left).
    """

    cause: Literal["syntax", "host", "truncated", "late", "head", "body", "room"]
    message: str


Respond = Callable[[Request], Awaitable[Answer | Stream]]
"""Answers a whole request. Raises ``GoneError`` to end the connection without an answer, and nothing else."""
Upgrade = Callable[[Request], Awaitable[Answer | Switch | None]]
"""Answers a request for another protocol; None: as any other."""
Refuse = Callable[[Request], Answer | None]
"""Answers what must not even be looked at."""
Render = Callable[[Refusal], Answer]
"""Words a refusal."""


class Limits(NamedTuple):
    """What a connection may take up: body size in bytes, times in seconds."""

    body: int = 1024 * 1024
    """The largest AWS request here carries a document of 32 KiB and 30 KiB of parameters. Bodies that stream have no
    limit here."""
    request: float = 30.0
    """For a request (of a body that streams: its head) to arrive whole, from its first byte; for the first one, from
    the connection."""
    keep_alive: float = 75.0
    """For the next request to begin."""
    stall_s: float = 60.0
    """A client that moves less than ``stall_bytes`` of a stream in this time is given up."""
    stall_bytes: int = 16 * 1024
