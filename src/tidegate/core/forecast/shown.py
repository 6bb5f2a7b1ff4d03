"""A forecast as JSON: spans in seconds, instants in ISO 8601, null for what does not come to pass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate.core.forecast.report import Curves, Report, Spread


def of(found: Report) -> dict[str, Any]:
    """The members in the order in which people ask."""
    return {
        "from": _instant(found.start.now),
        "things": found.start.total,
        "runs": found.runs,
        "seed": found.seed,
        "endedAfter": {str(share): _span(spread) for share, spread in found.ended.items()},
        "restAfter": _span(found.rest),
        "completedAfter": _span(found.completed),
        "abort": {
            "chance": found.abort_chance,
            "after": _span(found.abort_after),
            "touched": found.touched_at_abort._asdict(),
            "released": found.released_at_abort._asdict(),
        },
        "outcomes": {kind: spread._asdict() for kind, spread in found.things.items()},
        "retries": found.retries._asdict(),
        "timedOut": found.timed_out._asdict(),
        "neverEnd": found.never._asdict(),
        "peakDownloads": found.downloads._asdict(),
        "peakBytesPerSecond": found.bytes_per_second._asdict(),
        "findings": list(found.findings),
        "curve": _curve(found.curves),
    }


def _span(spread: Spread) -> dict[str, float | None]:
    return {name: None if value is None else value / 1000 for name, value in spread._asdict().items()}


def _curve(curves: Curves) -> dict[str, Any]:
    return {
        "from": _instant(curves.begins_at),
        "stepSeconds": curves.width // 1000,
        "released": curves.released,
        "inProgress": curves.in_progress,
        "ended": {"p10": curves.ended_p10, "p50": curves.ended, "p90": curves.ended_p90},
    }


def _instant(instant: int) -> str:
    moment = datetime.fromtimestamp(instant // 1000, UTC).replace(microsecond=instant % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
