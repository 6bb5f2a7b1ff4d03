"""Three hundred strangers hold back the ends of large requests: what that costs in memory, and who notices."""

from __future__ import annotations

import contextlib
import socket
import ssl
from functools import partial

from tools.ordeal import Row
from tools.ordeal._fleet import PATIENCE, Watched, health, server

_STRANGERS = 300
_BODY = 1024 * 1024 - 1
_HEALTH_S = 2.0
_GROWTH_MIB = 120


def run() -> list[Row]:
    """On each HTTP listener, with signatures that look like some."""
    rows = []
    with server() as running:
        unverified = ssl.create_default_context(cafile=running.addresses["ca"])
        for listener in ("http", "https", "objects"):
            before = running.memory()
            with contextlib.ExitStack() as stack, Watched(partial(health, running)) as page:
                for _ in range(_STRANGERS):
                    plug = socket.create_connection(("127.0.0.1", running.port(listener)), PATIENCE)
                    if listener == "https":
                        plug = unverified.wrap_socket(plug, server_hostname="localhost")
                    stack.callback(plug.close)
                    with contextlib.suppress(OSError):
                        plug.sendall(
                            b"PUT /jobs/a HTTP/1.1\r\nHost: localhost\r\n"
                            b"Authorization: AWS4-HMAC-SHA256 Credential=a\r\nContent-Length: %d\r\n\r\n" % (_BODY + 1)
                        )
                        plug.settimeout(0.05)
                        plug.sendall(bytes(_BODY))
                grown = running.memory() - before
            slowest = max(page.seconds)
            rows.append(
                Row(
                    f"{_STRANGERS} bodies held back on {listener}",
                    f"{grown:.0f} MiB more (at most {_GROWTH_MIB}); the health page answers",
                    _HEALTH_S,
                    slowest,
                    grown <= _GROWTH_MIB and slowest <= _HEALTH_S,
                )
            )
    return rows
