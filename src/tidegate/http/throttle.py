"""Request throttling: AWS's rates, or an operator's, for testing how clients back off (control reference 1.9, 20)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final

from tidegate.clock import monotonic
from tidegate.core import texts, throttle
from tidegate.core.throttle import Bucket, Rates
from tidegate.ops.effects import RequestsCounted
from tidegate.runtime.relay import Relay
from tidegate.wire import iot, iot_data, jobs_data
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import Operation

_ERRORS: Final[dict[str, type[WireError]]] = {
    "iot": iot.ThrottlingException,
    "iot-jobs-data": jobs_data.ThrottlingException,
    "iot-data": iot_data.ThrottlingException,
}
Key = tuple[str, str, str, str]
"""Account, region, plane and operation."""

_TELL_S: Final = 0.1
_MOST: Final = 10_000
"""Buckets remembered. With authentication off a caller may name as many accounts as it likes."""


class Throttle:
    """The buckets of one server. Lives on one event loop.

    Where several servers share a store each tells the others ten times a second what it has let through, and they take
    it out of their buckets, too: together they let through a rate, and in a burst what each does in that time.
    """

    def __init__(self, rates: Rates, relay: Relay | None = None) -> None:
        self._rates = rates
        self._relay = relay
        self._buckets: dict[Key, Bucket] = {}
        self._spent: Counter[Key] = Counter()

    def admit(self, operation: Operation, account: str, region: str) -> None:
        """Count a request. Raises ThrottlingException if it comes above its rate."""
        rate = self._rates.get((operation.plane, operation.name))
        if rate is None:
            return
        key = (account, region, operation.plane, operation.name)
        bucket, admitted = throttle.take(self._buckets.get(key), rate, monotonic())
        if key not in self._buckets and len(self._buckets) >= _MOST:
            self._forget()
        self._buckets[key] = bucket
        if admitted and self._relay is not None and not self._relay.alone:
            self._spend(key)
        if not admitted:
            refusal = _ERRORS[operation.plane](texts.operators.THROTTLED)
            refusal.retry_after_ms = throttle.wait_ms(bucket, rate)
            raise refusal

    def _spend(self, key: Key) -> None:
        if not self._spent:
            asyncio.get_running_loop().call_later(_TELL_S, self._tell)
        self._spent[key] += 1

    def _tell(self) -> None:
        assert self._relay is not None
        spent, self._spent = self._spent, Counter()
        self._relay.tell([RequestsCounted([(*key, count) for key, count in spent.items()])])

    def deduct(self, requests: Iterable[tuple[str, str, str, str, int]]) -> None:
        """Count what another server has let through: account, region, plane, operation and how many."""
        now = monotonic()
        for account, region, plane, operation, count in requests:
            key = account, region, plane, operation
            rate = self._rates.get((plane, operation))
            if rate is not None and (key in self._buckets or len(self._buckets) < _MOST):
                self._buckets[key] = throttle.spend(self._buckets.get(key), rate, now, count)

    def _forget(self) -> None:
        """Drop what need not be remembered; everything, if that is nothing."""
        now = monotonic()
        kept = {key: bucket for key, bucket in self._buckets.items() if not self._idle(key, bucket, now)}
        self._buckets = kept if len(kept) < _MOST else {}

    def _idle(self, key: Key, bucket: Bucket, now: float) -> bool:
        return throttle.full(bucket, self._rates[key[2], key[3]], now)
