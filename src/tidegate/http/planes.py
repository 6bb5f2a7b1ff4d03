"""Which service a request is for, decided before its route: two planes own the same paths (device reference 4).

In order: the device listener and certificate callers reach data planes only; then the host name, as AWS's endpoints are
named; then the service the request is signed for; else the control plane.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from tidegate.wire.shapes import Plane

Planes = tuple[Plane, ...]
"""The planes whose routes are tried, in order. The two data planes share no route, so either finds the other's."""

CONTROL: Final[Planes] = ("iot",)
JOBS_DATA: Final[Planes] = ("iot-jobs-data", "iot-data")
DATA: Final[Planes] = ("iot-data", "iot-jobs-data")

SIGNING_NAMES: Final[dict[str, Planes]] = {
    "iot": CONTROL,
    "execute-api": CONTROL,  # how old SDKs sign the control plane
    "iot-jobs-data": JOBS_DATA,
    "iotdata": DATA,
    "iotdevicegateway": DATA,
}


class Hosted(NamedTuple):
    """What an AWS endpoint name says."""

    planes: Planes
    region: str


LONGEST_HOST: Final = 255
"""Bytes of a name in the DNS. A longer one is none, and is not searched."""
_ENDPOINT = re.compile(rb"((?:[a-z0-9-]+\.){0,3})iot\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.", re.IGNORECASE)
"""``iot.<region>.`` and what stands before it. A region is asked for, because a host may well be called ``iot``."""


def choose(*, device: bool, host: bytes | None, service: str | None) -> Planes:
    """The planes of a request.

    Args:
        device: it came over the device listener or with a client certificate.
        host: its Host header.
        service: the service of its credential scope, verified or not.
    """
    named = hosted(host) if host else None
    chosen = named.planes if named else SIGNING_NAMES.get(service, CONTROL) if service else CONTROL
    return JOBS_DATA if device and chosen is CONTROL else chosen


@lru_cache(maxsize=1024)
def contradicts(*, device: bool, host: bytes | None, service: str, region: str) -> bool:
    """Whether a request was signed for another service or region than the one it reaches.

    ``device``: it came over the device listener, which leads to data planes only. Both data planes are reached by a
    signature for either: their endpoints serve both.
    """
    named = hosted(host) if host else None
    control = SIGNING_NAMES[service] is CONTROL
    if named is not None and (named.region != region or (named.planes is CONTROL) != control):
        return True
    return device and control


@lru_cache(maxsize=256)
def hosted(host: bytes) -> Hosted | None:
    """What a host name says if it is shaped like AWS's (``iot.R…``, ``X.jobs.iot.R…``, ``X-ats.iot.R…``), else None."""
    found = _ENDPOINT.match(host) if len(host) <= LONGEST_HOST else None
    if found is None:
        return None
    prefix, region = found[1], found[2].decode()
    if not prefix:
        return Hosted(CONTROL, region)
    return Hosted(JOBS_DATA if prefix.lower().endswith(b"jobs.") else DATA, region)
