"""What the server counts about itself, as plain numbers; ``families`` turns them into Prometheus metrics when asked.

Counting stands in the hot path, so it is an index into a list; labels and text are made at the scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import tidegate
from tidegate import form
from tidegate.net.ledger import Seen

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency buckets in seconds; what is slower falls into the last, unbounded one."""


class _Latency:
    """Requests of one kind: how many fell into each bucket, and their time in seconds together."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, requests at most that slow), as Prometheus wants a histogram."""
        count = 0
        rows = []
        for bound, bucket in zip((*map(str, _BOUNDS), "+Inf"), self.buckets, strict=True):
            count += bucket
            rows.append((bound, float(count)))
        return rows


class Metrics(Collector):
    """The counters of one server. Lives on one event loop; nothing is locked."""

    def __init__(self) -> None:
        self.engine_steps = 0
        self.engine_failures = 0
        self.engine_lag_ms = 0
        """How long what is due next has been due already; 0 while nothing waits for the engine."""
        self.executions_released = 0
        self.clock_jumps = 0
        self._unsubscribed: list[Callable[[], int]] = []
        self.outcomes: Mapping[tuple[str, str, str], int] = {}
        """Devices' requests by kind (``provisioning``, ``streams``), operation, and ``accepted`` or the code they were
        told.
        """
        self.authorized: Mapping[str, int] = {}
        """Clients by what custom authorizers made of them."""
        self.sent: Mapping[str, int] = {}
        """Bytes of the answers to devices' requests, by kind."""
        self._requests: dict[tuple[str, str, int], _Latency] = {}
        self._connections: dict[str, Callable[[], int]] = {}
        self._admissions: list[Callable[[], Seen | None]] = []

    def observe(self, plane: str, operation: str, status: int, seconds: float) -> None:
        """Count a request that was answered with ``status`` after ``seconds``."""
        key = (plane, operation, status)
        kind = self._requests.get(key)
        if kind is None:
            kind = self._requests[key] = _Latency()
        kind.buckets[bisect_left(_BOUNDS, seconds)] += 1
        kind.total += seconds

    def count_connections(self, listener: str, count: Callable[[], int]) -> None:
        """Ask ``count`` for the open connections of a listener at each scrape."""
        self._connections[listener] = count

    def unsubscribed(self, count: Callable[[], int]) -> None:
        """Ask ``count`` for the connected MQTT clients without a subscription at each scrape."""
        self._unsubscribed.append(count)

    def admission(self, seen: Callable[[], Seen | None]) -> None:
        """Ask a process's admission at each scrape."""
        self._admissions.append(seen)

    def text(self) -> bytes:
        """Everything in Prometheus's text format (``CONTENT_TYPE``)."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families, for a Prometheus registry."""
        yield _build_family()
        yield from self._request_families()
        yield self._connection_family()
        text = "Connected MQTT clients without a subscription."
        name = "tidegate_mqtt_connections_without_subscription"
        yield GaugeMetricFamily(name, text, value=sum(count() for count in self._unsubscribed))
        yield from self._admission_families()
        yield self._outcome_family("provisioning", "Devices' requests to be provisioned.")
        yield self._outcome_family("streams", "Devices' requests for streams.")
        sent = "Bytes of blocks and descriptions of streams that devices were sent, as they are encoded."
        yield _counter("tidegate_streams_sent_bytes", sent, self.sent.get("streams", 0))
        yield self._authorizer_family()
        yield _counter("tidegate_engine_steps", "Steps of the engine that became durable.", self.engine_steps)
        yield _counter("tidegate_engine_failures", "Steps of the engine that failed.", self.engine_failures)
        yield _counter("tidegate_executions_released", "Job executions queued by rollouts.", self.executions_released)
        yield _counter("tidegate_clock_jumps", "Times the wall clock was set while the engine ran.", self.clock_jumps)
        lag = "How long what the engine has to do next has been due."
        yield GaugeMetricFamily("tidegate_engine_lag_seconds", lag, value=self.engine_lag_ms / 1000)

    def _request_families(self) -> Iterator[Metric]:
        labels = ["plane", "operation"]
        count = CounterMetricFamily("tidegate_requests", "Requests answered.", labels=[*labels, "status"])
        slow = HistogramMetricFamily("tidegate_request_seconds", "Time from request to answer.", labels=labels)
        merged: dict[tuple[str, str], _Latency] = {}
        for (plane, operation, status), kind in self._requests.items():
            count.add_metric([plane, operation, str(status)], sum(kind.buckets))
            whole = merged.setdefault((plane, operation), _Latency())
            whole.buckets = [mine + more for mine, more in zip(whole.buckets, kind.buckets, strict=True)]
            whole.total += kind.total
        for key, kind in merged.items():
            slow.add_metric(list(key), kind.cumulative(), kind.total)
        yield count
        yield slow

    def _connection_family(self) -> Metric:
        family = GaugeMetricFamily("tidegate_connections", "Open connections.", labels=["listener"])
        for listener, count in self._connections.items():
            family.add_metric([listener], count())
        return family

    def _outcome_family(self, kind: str, text: str) -> Metric:
        family = CounterMetricFamily(f"tidegate_{kind}", text, labels=["operation", "outcome"])
        for (counted, operation, outcome), count in self.outcomes.items():
            if counted == kind:
                family.add_metric([operation, outcome], count)
        return family

    def _authorizer_family(self) -> Metric:
        text = "Clients that custom authorizers were to judge."
        family = CounterMetricFamily("tidegate_authorizers", text, labels=["outcome"])
        for outcome, count in self.authorized.items():
            family.add_metric([outcome], count)
        return family

    def _admission_families(self) -> Iterator[Metric]:
        text = "Connections whose holder is not known yet."
        unknown = GaugeMetricFamily("tidegate_unidentified_connections", text, labels=["state"])
        labels = ["listener", "reason"]
        away = CounterMetricFamily("tidegate_connections_sent_away", "Connections refused or evicted.", labels=labels)
        failed = CounterMetricFamily("tidegate_tls_failures", "TLS handshakes that failed.", labels=labels)
        sockets: Counter[str] = Counter()
        for seen in filter(None, (admission() for admission in self._admissions)):
            sockets.update(seen.sockets)
            for family, rows in ((away, seen.sent_away), (failed, seen.failed)):
                for listener, reason, count in rows:
                    family.add_metric([listener, reason], count)
        for state, count in sockets.items():
            unknown.add_metric([state], count)
        yield from (unknown, away, failed)


def _build_family() -> Metric:
    labels = {"version": tidegate.__version__, "form": form.name(), "python": form.python()}
    text = "What runs: its version, whether it is compiled or pure Python, and the build of Python."
    family = GaugeMetricFamily("tidegate_build_info", text, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value=value)
