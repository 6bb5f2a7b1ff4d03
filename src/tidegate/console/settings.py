"""The settings of a job as they take effect, in words."""

from __future__ import annotations

from typing import Final

from tidegate.console.render import at
from tidegate.core.abort import Criterion
from tidegate.core.rollout import Exponential
from tidegate.ops import configuration
from tidegate.ops.quotas import Limits
from tidegate.wire import iot

_KINDS: Final = {
    "FAILED": "failed",
    "REJECTED": "were rejected",
    "TIMED_OUT": "timed out",
    "ALL": "went wrong in any way",
}
_ENDS: Final = {
    "CANCEL": "canceled",
    "FORCE_CANCEL": "canceled with force",
    "STOP_ROLLOUT": "left as it is, without releases",
}


def in_effect(config: str, selection: str, limits: Limits) -> list[tuple[str, str]]:
    """(what, how it is) of everything that decides how a job with a stored configuration runs, defaults included."""
    plan, configured = configuration.plan(config, selection), configuration.decode(config)
    least = min(plan.per_minute or limits.rollout_per_minute, limits.rollout_per_minute)
    timeout = configuration.timeout_minutes(configured)
    retries = [f"{each.failure_type} at most {each.number_of_retries} times" for each in _retries(configured)]
    windows = [f"{each.start_time} for {each.duration_in_minutes} min" for each in configured.maintenance_windows or ()]
    return [
        (
            "Targets",
            "those in its groups now, and whoever joins" if plan.continuous else "those in its groups when it began",
        ),
        ("Rate", _rate(plan.rate, least)),
        (
            "Abort",
            "; ".join(criterion(each, pauses=plan.pauses) for each in plan.abort) or "never: it has no criterion",
        ),
        ("Time limit", f"{timeout} min after a device begins" if timeout else "none: a device may take for ever"),
        ("Retries", ", ".join(retries) or "none"),
        ("Begins", at(plan.starts_at) if plan.starts_at is not None else "at once"),
        (
            "Ends",
            f"{at(plan.ends_at)}, and is then {_ends(plan.end_behavior)}"
            if plan.ends_at is not None
            else "never by time",
        ),
        ("Windows", ", ".join(windows) or "none: at any time"),
    ]


def _ends(behavior: object) -> str:
    return _ENDS.get(str(behavior), str(behavior))


def criterion(one: Criterion, *, pauses: bool = False) -> str:
    """A criterion of an abort, as a sentence."""
    share, act = f"{one.threshold_percentage.normalize():f} %", "pause" if pauses else "cancel"
    return f"{act} when {share} or more {_KINDS[one.failure_type]}, of at least {one.min_executed:,} that ended"


def _rate(rate: Exponential | None, most: int) -> str:
    if rate is None:
        return f"{most:,} a minute"
    when = [
        f"{number:,} {what}"
        for number, what in ((rate.notified, "are notified"), (rate.succeeded, "succeeded"))
        if number
    ]
    return (
        f"{rate.base:,} a minute at first, times {rate.factor} at every {' or '.join(when)}, {most:,} a minute at most"
    )


def _retries(configured: configuration.Configuration) -> list[iot.RetryCriteria]:
    given = configured.job_executions_retry_config
    return [] if given is None else list(given.criteria_list)
