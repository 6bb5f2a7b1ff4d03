"""``tidegate ready``: ask the server of a data directory, for a health check of containers."""

from __future__ import annotations

import http.client
import ssl
import sys
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from tidegate.cli import options
from tidegate.cli.env import reachable
from tidegate.server import Addresses

_PATIENCE_S = 4.0


def ready(
    *,
    live: Annotated[bool, Parameter(negative=(), help="Only ask whether it runs, whatever its store does.")] = False,
    data: options.Data = options.DATA,
) -> int:
    """Ask the server on a data directory whether it is ready to serve. Ends with 0 if it is, 1 if not."""
    try:
        addresses = msgspec.json.decode((data / "addresses.json").read_bytes(), type=Addresses)
        where = urlsplit(addresses.http)
        print(_ask(reachable(where.hostname), where.port or 0, tls=where.scheme == "https", live=live))
    except (OSError, msgspec.MsgspecError, http.client.HTTPException) as error:
        print(f"tidegate: the server of {data} is not {'alive' if live else 'ready'}: {error}", file=sys.stderr)
        return 1
    return 0


def _ask(host: str, port: int, *, tls: bool, live: bool) -> str:
    """The answer, if it is 200. Raises ``OSError`` and ``HTTPException``."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=_PATIENCE_S)
    if tls:  # on this machine, and nothing is told or believed but a status
        unverified = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(host.strip("[]"), port, timeout=_PATIENCE_S, context=unverified)
    try:
        connection.request("GET", f"/_tidegate/{'live' if live else 'ready'}")
        response = connection.getresponse()
        told = response.read().decode()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise http.client.HTTPException(told)
    return told
