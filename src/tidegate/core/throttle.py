"""Request rates: a token bucket for each operation of an account and region (control reference 20).

Pure: the caller keeps the buckets and passes the time. AWS publishes rates and no bursts; a burst here is one second's
worth ([R]).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple


class Bucket(NamedTuple):
    """What is left at an instant (seconds of any clock that only runs forward)."""

    tokens: float
    at: float


def take(bucket: Bucket | None, rate: float, now: float) -> tuple[Bucket, bool]:
    """Take one request out of a bucket: what is left, and whether there was one.

    Args:
        bucket: as the last request left it; None for the first.
        rate: requests a second, greater than 0.
        now: the present, in seconds.
    """
    burst = max(rate, 1.0)
    tokens = burst if bucket is None else min(burst, bucket.tokens + max(0.0, now - bucket.at) * rate)
    return (Bucket(tokens - 1, now), True) if tokens >= 1 else (Bucket(tokens, now), False)


def spend(bucket: Bucket | None, rate: float, now: float, count: int) -> Bucket:
    """Take out what others were given of the same rate; at most a burst is owed."""
    burst = max(rate, 1.0)
    tokens = burst if bucket is None else min(burst, bucket.tokens + max(0.0, now - bucket.at) * rate)
    return Bucket(max(-burst, tokens - count), now)


def wait_ms(bucket: Bucket, rate: float) -> int:
    """How long after the present a bucket that had nothing has a request again, rounded up."""
    return max(1, math.ceil((1 - bucket.tokens) / rate * 1000))


def full(bucket: Bucket, rate: float, now: float) -> bool:
    """Whether a bucket need not be remembered any more."""
    return bucket.tokens + (now - bucket.at) * rate >= max(rate, 1.0)


Rates = Mapping[tuple[str, str], float]
"""Requests a second by (plane, operation); an operation that is not there is not throttled."""

Operations = Mapping[Any, Mapping[str, object]]
"""Operations by plane and name."""

_OTHERS: Final = 10.0
"""Jobs, templates, packages, tags, and [R] every control operation AWS's page is not quoted for."""
_DEVICES: Final = 200.0
_PUBLISHES: Final = 20_000.0
"""Inbound publish requests of an account in AWS's large regions (quota page). Those over MQTT are not counted here."""
_MOST: Final = 1e9

# Some stand here by analogy with their siblings ([R]): what updates, deprecates, removes or describes.
_CONTROL: Final[dict[float, str]] = {
    1: "UpdateIndexingConfiguration",
    5: "GetPackageConfiguration UpdatePackageConfiguration CreateDynamicThingGroup DeleteDynamicThingGroup"
    " UpdateDynamicThingGroup ListIndices",
    15: "DeleteThingGroup CreateThingType UpdateThingType DeleteThingType DeprecateThingType DeleteBillingGroup"
    " SearchIndex",
    20: "GetIndexingConfiguration",
    25: "CreateThingGroup CreateBillingGroup",
    60: "AddThingToBillingGroup RemoveThingFromBillingGroup",
    100: "CreateThing DeleteThing UpdateThing DescribeThing AddThingToThingGroup RemoveThingFromThingGroup"
    " DescribeBillingGroup",
}


def aws(operations: Operations) -> dict[tuple[str, str], float]:
    """AWS's rates for every operation, given the operations by plane and name."""
    named = {name: rate for rate, names in _CONTROL.items() for name in names.split()}
    of_devices = {"Publish": _PUBLISHES}
    return {
        (plane, name): float(named.get(name, _OTHERS)) if plane == "iot" else of_devices.get(name, _DEVICES)
        for plane, name in _each(operations)
    }


def _each(operations: Operations) -> Iterator[tuple[str, str]]:
    return ((plane, name) for plane, by_name in operations.items() for name in by_name)


def given(rates: Mapping[str, object], operations: Operations) -> tuple[dict[tuple[str, str], float], list[str]]:
    """Rates an operator chose, by operation name; and what is wrong with them, all of it.

    ``default`` is for every operation that is not named. A name that two planes have means both, unless the plane
    stands before it (``iot:DescribeJobExecution``). ``off`` exempts an operation.
    """
    found: dict[tuple[str, str], float] = {}
    problems = []
    for name, rate in sorted(rates.items(), key=lambda item: (item[0] != "default", ":" in item[0])):
        meant = [key for key in _each(operations) if name in ("default", key[1], f"{key[0]}:{key[1]}")]
        if not meant:
            problems.append(f"There is no operation {name}.")
        if rate == "off":
            found |= dict.fromkeys(meant, 0.0)
        elif isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= _MOST:
            problems.append(f"{name} must be a rate in requests a second, greater than 0, or off.")
        else:
            found |= dict.fromkeys(meant, float(rate))
    return {key: rate for key, rate in found.items() if rate}, problems
