"""What is dubious about a job or a template, though AWS would take it: rules with a name, a level and words.

A rule looks at plain values and says at most one sentence. What takes a forecast (``core.forecast.findings``) is not
here: these rules know the fleet's run times, and how many things there are if anybody said so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from tidegate.core import document, windows
from tidegate.core.forecast.findings import duration
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.job import Plan
from tidegate.core.schedule import EndBehavior

MINUTE: Final = 60_000
_FEW: Final = 10
"""So few things may be released at once without anybody's calling it careless."""
_MANY_WINDOWS: Final = 30
_ZONES: Final = re.compile(
    r"\b(?:UTC|GMT)[+-]\d|\b(?:CET|CEST|BST|EST|EDT|CST|CDT|MST|MDT|PST|PDT|JST|IST|AEST|local time)\b"
    r"|\b(?:Europe|America|Asia|Australia|Africa|Pacific)/\w+"
)
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)$")
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_URL_PLACEHOLDER: Final = re.compile(r"aws:iot:(?:s3-presigned-url|package):?")


class Level(IntEnum):
    """How much a finding weighs."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


class Linted(NamedTuple):
    """What rules look at.

    Args:
        plan: what it would do.
        timeout_minutes: of an execution.
        document: its text; None if it is not known here.
        description: its description.
        start_time: as it is written.
        expires_s: how long presigned URLs count; None if it asks for none.
        things: for how many; None if nobody said.
        now: epoch ms.
        fleet: what the devices are like.
        tags: its tags.
    """

    plan: Plan
    now: int
    timeout_minutes: int | None = None
    document: str | None = None
    description: str | None = None
    start_time: str | None = None
    expires_s: int | None = None
    things: int | None = None
    fleet: Fleet = Fleet()
    tags: Mapping[str, str] = {}

    @property
    def rate(self) -> int:
        """How many a minute it begins with."""
        most = self.plan.per_minute or 1000
        return most if self.plan.rate is None else min(most, self.plan.rate.base)

    def run(self, share: float) -> float:
        """How long (ms) the slowest cohort takes, from when it could know of an execution to its end."""
        return max(each.start.value(share) + each.run.value(share) for each in self.fleet.cohorts)


class Finding(NamedTuple):
    """What a rule says."""

    rule: str
    level: Level
    text: str


_Rule = Callable[[Linted], str | None]
RULES: Final[dict[str, tuple[Level, _Rule]]] = {}
"""Every rule by its name."""


def rule(name: str, level: Level) -> Callable[[_Rule], _Rule]:
    """Make a function a rule."""

    def keep(function: _Rule) -> _Rule:
        RULES[name] = level, function
        return function

    return keep


def of(linted: Linted, ignored: Iterable[str] = ()) -> list[Finding]:
    """Everything there is to say, the gravest first."""
    left_out = set(ignored)
    found = [
        Finding(name, level, text)
        for name, (level, function) in RULES.items()
        if name not in left_out and (text := function(linted)) is not None
    ]
    return sorted(found, key=lambda each: -each.level)


# --- executions -------------------------------------------------------------------------------------------------------


@rule("no-timeout", Level.WARNING)
def _no_timeout(it: Linted) -> str | None:
    if it.timeout_minutes is not None:
        return None
    return "There is no timeout: an execution whose device is never heard of again is IN_PROGRESS for ever."


@rule("timeout-short", Level.WARNING)
def _timeout_short(it: Linted) -> str | None:
    slow = max(each.run.value(0.9) for each in it.fleet.cohorts)
    if it.timeout_minutes is None or it.timeout_minutes * MINUTE >= slow:
        return None
    return f"The timeout of {it.timeout_minutes} min is shorter than the p90 run time of {duration(slow)}."


@rule("retries-without-timeout", Level.WARNING)
def _retries_without_timeout(it: Linted) -> str | None:
    kinds = {one.failure_type for one in it.plan.retries if one.retries}
    if it.timeout_minutes is not None or not kinds & {"TIMED_OUT", "ALL"}:
        return None
    return "It retries what times out, and has no timeout: nothing ever times out."


@rule("retries-outlast-end", Level.WARNING)
def _retries_outlast(it: Linted) -> str | None:
    retries, plan = sum(one.retries for one in it.plan.retries), it.plan
    if not retries or it.timeout_minutes is None or plan.ends_at is None:
        return None
    longest, left = (retries + 1) * it.timeout_minutes * MINUTE, plan.ends_at - (plan.starts_at or it.now)
    if longest <= left:
        return None
    return f"With {retries} retries a device may take {duration(longest)}; the end comes after {duration(left)}."


# --- abort ------------------------------------------------------------------------------------------------------------


@rule("no-abort", Level.WARNING)
def _no_abort(it: Linted) -> str | None:
    return None if it.plan.abort else "Nothing stops it: it has no abort criterion."


@rule("abort-never", Level.ERROR)
def _abort_never(it: Linted) -> str | None:
    attempts = 1 + sum(one.retries for one in it.plan.retries)
    for one in it.plan.abort:
        if it.things is not None and one.min_executed > it.things * attempts:
            return (
                f"The abort criterion on {one.failure_type} cannot trip: it wants {one.min_executed} executions that"
                f" have ended, and there are {it.things} things."
            )
    return None


@rule("abort-without-timeout", Level.ERROR)
def _abort_without_timeout(it: Linted) -> str | None:
    if it.timeout_minutes is not None or all(one.failure_type != "TIMED_OUT" for one in it.plan.abort):
        return None
    return "The abort criterion on TIMED_OUT can never trip: without a timeout nothing times out."


@rule("abort-late", Level.WARNING)
def _abort_late(it: Linted) -> str | None:
    """By then so many have it: what is released until enough have ended, if each device fails as fast as half do."""
    if not it.plan.abort:
        return None
    least = min(one.min_executed for one in it.plan.abort)
    released = least + math.ceil(it.run(0.5) / MINUTE) * it.rate
    if it.things is not None:
        released = min(released, it.things)
    share = None if not it.things else released / it.things
    if released <= _FEW or (share is not None and share < 0.1) or (share is None and released < 100):
        return None
    return f"No abort criterion can trip before about {released:,} devices have it, even if every device fails."


# --- rate -------------------------------------------------------------------------------------------------------------


@rule("rate-at-once", Level.WARNING)
def _rate_at_once(it: Linted) -> str | None:
    if it.things is None or it.things <= _FEW or it.rate < it.things:
        return None
    return f"All {it.things:,} things are released within the first minute: nobody goes first."


@rule("rate-faster-than-devices", Level.WARNING)
def _rate_fast(it: Linted) -> str | None:
    minutes = it.run(0.5) / MINUTE
    if it.things is None or it.things <= _FEW or it.rate >= it.things or it.things > it.rate * minutes:
        return None
    return (
        f"At {it.rate} a minute all are released after {math.ceil(it.things / it.rate)} min, before half of the first"
        f" have ended ({duration(it.run(0.5))})."
    )


@rule("rate-never-grows", Level.WARNING)
def _rate_never_grows(it: Linted) -> str | None:
    rate = it.plan.rate
    if rate is None:
        return None
    if it.plan.per_minute is not None and rate.base >= it.plan.per_minute:
        return f"The rate never grows: it begins with {rate.base} a minute, and {it.plan.per_minute} is the most."
    least = min(each for each in (rate.notified, rate.succeeded, 1 << 62) if each)
    if it.things is not None and least >= it.things:
        return f"The rate never grows: it would at {least}, and there are {it.things} things."
    return None


# --- times ------------------------------------------------------------------------------------------------------------


@rule("end-before-start", Level.ERROR)
def _end_before_start(it: Linted) -> str | None:
    starts, ends = it.plan.starts_at, it.plan.ends_at
    return None if starts is None or ends is None or starts < ends else "The end time comes before the start time."


@rule("end-too-soon", Level.WARNING)
def _end_too_soon(it: Linted) -> str | None:
    plan = it.plan
    if plan.ends_at is None or not it.things or plan.rate is not None or plan.windows:
        return None
    minutes = max(0, (plan.ends_at - (plan.starts_at or it.now)) // MINUTE)
    share = it.rate * max(1, minutes) / it.things
    return None if share >= 1 else f"The end time comes before {math.ceil(100 * share)} % are released."


@rule("window-short", Level.WARNING)
def _window_short(it: Linted) -> str | None:
    if not it.plan.windows:
        return None
    longest, slow = max(one.duration for one in it.plan.windows), it.run(0.9)
    if longest >= slow:
        return None
    return f"The window of {duration(longest)} is shorter than the p90 run time of {duration(slow)}."


@rule("window-never", Level.ERROR)
def _window_never(it: Linted) -> str | None:
    plan = it.plan
    if not plan.windows:
        return None
    since = max(it.now, plan.starts_at or it.now)
    if windows.upcoming(plan.windows, not_before=since, not_after=plan.ends_at, now=it.now, count=1):
        return None
    return "No maintenance window ever opens" + (" before the end time." if plan.ends_at is not None else ".")


@rule("window-many", Level.NOTE)
def _window_many(it: Linted) -> str | None:
    if not it.plan.windows or not it.things or it.plan.rate is not None:
        return None
    each = it.rate * max(one.duration_minutes for one in it.plan.windows)
    needed = math.ceil(it.things / each)
    return None if needed <= _MANY_WINDOWS else f"It takes {needed} windows to release {it.things:,} things."


@rule("window-zone", Level.WARNING)
def _window_zone(it: Linted) -> str | None:
    if not it.plan.windows:
        return None
    offset = _OFFSET.search(it.start_time or "")
    if offset is not None and (offset[2], offset[3]) != ("00", "00"):
        return f"The windows' cron is UTC, and startTime is written in {offset[0]}: is the same clock meant?"
    for text in (it.description or "", *it.tags.values()):
        zone = _ZONES.search(text)
        if zone is not None:
            return f"The windows' cron is UTC, and its words speak of {zone[0]}: is the same clock meant?"
    return None


@rule("end-cuts", Level.NOTE)
def _end_cuts(it: Linted) -> str | None:
    if it.plan.ends_at is None or it.plan.end_behavior is not EndBehavior.FORCE_CANCEL:
        return None
    return "At its end time devices are cut off in the middle of their work (FORCE_CANCEL)."


@rule("never-completes", Level.NOTE)
def _never_completes(it: Linted) -> str | None:
    if not it.plan.continuous or it.plan.ends_at is not None:
        return None
    return "It is continuous without an end time: it runs until somebody cancels it."


# --- the document -----------------------------------------------------------------------------------------------------


@rule("placeholder-unresolved", Level.ERROR)
def _placeholder(it: Linted) -> str | None:
    for value in document.values(it.document or ""):
        for found in _PLACEHOLDER.finditer(value.text):
            inside = found[1]
            if not inside.startswith("aws:iot:") and "${" not in inside and not _inside_upload(value.text):
                return f"Nothing replaces {found[0]}: devices get it as it stands."
            if inside.startswith("aws:iot:") and not _URL_PLACEHOLDER.match(inside):
                return f"Nothing replaces {found[0]} here: it is no placeholder of a job's document."
    return None


def _inside_upload(text: str) -> bool:
    return "aws:iot:s3-presigned-url-upload" in text


@rule("presigned-short", Level.WARNING)
def _presigned_short(it: Linted) -> str | None:
    """A URL that a device is handed counts for half of its validity at least, which it is constant for."""
    if it.expires_s is None or it.expires_s * 500 >= it.run(0.9):
        return None
    return (
        f"A presigned URL may count for {duration(it.expires_s * 500)} only when a device gets it, shorter than the p90"
        f" of {duration(it.run(0.9))} that devices take."
    )


@rule("document-empty", Level.WARNING)
def _document_empty(it: Linted) -> str | None:
    if it.document is None or it.document.strip() not in ("{}", "[]", '""', "null"):
        return None
    return "The document says nothing: devices learn only that there is a job."


@rule("plain-http", Level.WARNING)
def _plain_http(it: Linted) -> str | None:
    found = re.search(r"http://[^\s\"'\\]+", it.document or "")
    return None if found is None else f"Devices fetch {found[0]} without encryption, from whoever answers."


@rule("no-description", Level.NOTE)
def _no_description(it: Linted) -> str | None:
    return None if it.description else "There is no description: who finds it in a list next year?"
