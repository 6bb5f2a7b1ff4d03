"""Three hundred strangers hold back the ends of large requests: what that costs in memory, and who notices."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from functools import partial
from typing import NamedTuple

from tools.ordeal import Row
from tools.ordeal._fleet import PATIENCE, Server, Watched, health, server

_STRANGERS = 300
_BODY = 1024 * 1024 - 1
_HEALTH_S = 2.0
_GROWTH_MIB = 120
_CREDENTIAL = b"AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request"
_SIGNED = (
    b"Authorization: AWS4-HMAC-SHA256 Credential="
    + _CREDENTIAL
    + b", SignedHeaders=host, Signature="
    + b"0" * 64
    + b"\r\n"
)


class _Request(NamedTuple):
    """What strangers begin with: ``what`` in words, on which listener, its first line and what else is in its head."""

    what: str
    listener: str
    line: bytes
    head: bytes = b""


_REQUESTS = (
    _Request("operators' requests", "http", b"PUT /jobs/a", _SIGNED),
    _Request("devices' requests", "https", b"PUT /things/a/jobs/$next"),
    _Request("unsigned uploads", "objects", b"PUT /held/a"),
    _Request(
        "uploads signed wrongly", "objects", b"PUT /held/a", _SIGNED + b"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"
    ),
    _Request(
        "uploads in signed chunks",
        "objects",
        b"PUT /held/a",
        _SIGNED
        + b"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nx-amz-decoded-content-length: 1000000\r\n",
    ),
    _Request(
        "lists to delete", "objects", b"POST /held?delete", _SIGNED + b"Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n"
    ),
    _Request("presigned uploads", "objects", b"PUT /held/a?X-Amz-Signature=0&X-Amz-Credential=" + _CREDENTIAL),
)


def run() -> list[Row]:
    """Each request, without and with authentication, on a server of its own that has a bucket."""
    return [row for auth in ("off", "on") for request in _REQUESTS for row in _held(request, auth)]


def _held(request: _Request, auth: str) -> list[Row]:
    with server(f"--auth={auth}", "--log-level=error") as running:
        if auth == "off":
            bucket = http.client.HTTPConnection("127.0.0.1", running.port("objects"), timeout=PATIENCE)
            bucket.request("PUT", "/held")
            if bucket.getresponse().status != 200:
                raise RuntimeError("no bucket")
            bucket.close()
        before = sum(running.memory().values())
        with contextlib.ExitStack() as stack, Watched(partial(health, running)) as page:
            for _ in range(_STRANGERS):
                stack.callback(_hold_back(running, request).close)
            grown = sum(running.memory().values()) - before
    scenario = f"{_STRANGERS} {request.what} are held back, authentication {auth}"
    slowest = max(page.seconds)
    well = slowest <= _HEALTH_S and not page.failures
    return [
        Row(scenario, "MiB more in all processes", _GROWTH_MIB, grown, grown <= _GROWTH_MIB),
        Row(scenario, "the health page answers", _HEALTH_S, slowest, well),
    ]


def _hold_back(running: Server, request: _Request) -> socket.socket:
    """All of a request but its last byte, as far as it is taken."""
    plug = socket.create_connection(("127.0.0.1", running.port(request.listener)), PATIENCE)
    if request.listener == "https":
        context = ssl.create_default_context(cafile=running.addresses["ca"])
        plug = context.wrap_socket(plug, server_hostname="localhost")
    with contextlib.suppress(OSError):
        length = b"Content-Length: %d\r\n\r\n" % (_BODY + 1)
        plug.sendall(request.line + b" HTTP/1.1\r\nHost: localhost\r\n" + request.head + length)
        plug.settimeout(0.05)
        plug.sendall(bytes(_BODY))
    return plug
