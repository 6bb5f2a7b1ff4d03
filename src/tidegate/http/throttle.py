"""Request throttling: AWS's rates, or an operator's, for testing how clients back off (control reference 1.9, 20)."""

from __future__ import annotations

from typing import Final

from tidegate.clock import monotonic
from tidegate.core import texts, throttle
from tidegate.core.throttle import Bucket, Rates
from tidegate.wire import iot, iot_data, jobs_data
from tidegate.wire.errors import WireError
from tidegate.wire.shapes import Operation

_ERRORS: Final[dict[str, type[WireError]]] = {
    "iot": iot.ThrottlingException,
    "iot-jobs-data": jobs_data.ThrottlingException,
    "iot-data": iot_data.ThrottlingException,
}
_MOST: Final = 10_000
"""Buckets remembered. With authentication off a caller may name as many accounts as it likes."""


class Throttle:
    """The buckets of one server. Lives on one event loop; several servers on one store count each for itself."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._buckets: dict[tuple[str, str, str, str], Bucket] = {}

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
        if not admitted:
            refusal = _ERRORS[operation.plane](texts.operators.THROTTLED)
            refusal.retry_after_ms = throttle.wait_ms(bucket, rate)
            raise refusal

    def _forget(self) -> None:
        """Drop what need not be remembered; everything, if that is nothing."""
        now = monotonic()
        kept = {key: bucket for key, bucket in self._buckets.items() if not self._idle(key, bucket, now)}
        self._buckets = kept if len(kept) < _MOST else {}

    def _idle(self, key: tuple[str, str, str, str], bucket: Bucket, now: float) -> bool:
        return throttle.full(bucket, self._rates[key[2], key[3]], now)
