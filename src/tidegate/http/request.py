"""A request as it came off the wire, before anybody decided what it means."""

from __future__ import annotations

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]
"""ASGI's: lower-case names, in order of arrival."""

Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""


class Peer(NamedTuple):
    """The connection a request came over.

    ``device`` is true on the device listener; ``certificate`` is the DER of the client certificate whose key the TLS
    handshake proved, if there was one.
    """

    device: bool = False
    certificate: bytes | None = None
    address: str = ""
    tls: bool = False


class Request(NamedTuple):
    """One request, body included. Path and query string are the bytes of the request line."""

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
