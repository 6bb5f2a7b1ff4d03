"""A job's or a template's settings in words, one sentence an aspect; and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tidegate.core import abort, schedule
from tidegate.ops import configuration, subjects
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read
from tidegate.ops.subjects import Named, Subject
from tidegate.store.database import Tx
from tidegate.wire.shapes import SparseShape

_LONGEST = 200


class DiffRequest(SparseShape):
    """Two of them; ``first`` is what was before."""

    __required__ = ("first", "second")
    first: Named
    second: Named


class Difference(SparseShape):
    """How two of them differ, one sentence an aspect; none if they do not."""

    first: str
    second: str
    differences: list[str]


class DescribeInWordsRequest(Named):
    """Which one."""


class InWords(SparseShape):
    """Its settings, by aspect."""

    title: str
    words: dict[str, str]


class Change(NamedTuple):
    """An aspect that differs; None where it is not set."""

    aspect: str
    before: str | None
    after: str | None

    @property
    def sentence(self) -> str:
        """For people."""
        if self.before is None:
            return f"{self.aspect}: {self.after}; before there was none."
        if self.after is None:
            return f"{self.aspect}: none; before it was {self.before}."
        return f"{self.aspect}: {self.after}; before it was {self.before}."


def of(subject: Subject) -> dict[str, str]:
    """Every aspect that is set, in the order in which people ask."""
    configured = subject.configured
    found: dict[str, str | None] = {
        "Description": subject.description or None,
        "Targets": ", ".join(sorted(each.partition(":")[2].rpartition(":")[2] for each in subject.targets)) or None,
        "Target selection": None if subject.selection == "SNAPSHOT" else "continuous: things that join get it, too",
        "Rate": _rate(subject),
        "Abort": _abort(subject),
        "Retries": _retries(subject),
        "Timeout": _timeout(subject),
        **_times(subject),
        "Package versions": ", ".join(configured.destination_package_versions or []) or None,
        "Presigned URLs": _presigned(subject),
        "Parameters": _pairs(configured.document_parameters or {}),
        "Namespace": subject.namespace,
        "Tags": _pairs(subject.tags),
        "Document source": subject.source,
    }
    return {aspect: words for aspect, words in found.items() if words is not None}


def _pairs(given: Mapping[str, str]) -> str | None:
    return ", ".join(f"{key} = {value}" for key, value in sorted(given.items())) or None


def _retries(subject: Subject) -> str | None:
    told = [
        f"{one.retries} for {'FAILED and TIMED_OUT together' if one.failure_type == abort.ALL else one.failure_type}"
        for one in configuration.retry_criteria(subject.configured)
    ]
    return "; ".join(told) or None


def _rate(subject: Subject) -> str:
    given = subject.configured.job_executions_rollout_config
    most = given.maximum_per_minute if given else None
    rate = configuration.exponential_rate(given) if given else None
    if rate is None:
        return "as fast as the server allows, 1000 a minute on AWS" if most is None else f"{most} a minute"
    criteria = [f"{rate.notified} notified"] if rate.notified else []
    criteria += [f"{rate.succeeded} succeeded"] if rate.succeeded else []
    ceiling = "" if most is None else f", {most} at most"
    return f"{rate.base} a minute at first, times {rate.factor.normalize():f} at each {' or '.join(criteria)}{ceiling}"


def _abort(subject: Subject) -> str | None:
    does = "is paused" if subject.configured.on_abort == "pause" else "is canceled"
    told = [
        f"{one.threshold_percentage.normalize():f} % {_kind(one.failure_type)} of {one.min_executed} or more"
        for one in configuration.abort_criteria(subject.configured)
    ]
    return f"it {does} at {' or '.join(told)}" if told else None


def _kind(failure: str) -> str:
    return "failed, rejected or timed out" if failure == abort.ALL else failure


def _timeout(subject: Subject) -> str | None:
    minutes = configuration.timeout_minutes(subject.configured)
    return None if minutes is None else f"{minutes} min from the start of an execution"


def _times(subject: Subject) -> dict[str, str | None]:
    times = subject.configured.scheduling_config
    windows = [
        f"{one.start_time} for {one.duration_in_minutes} min (UTC)"
        for one in subject.configured.maintenance_windows or ()
    ]
    end = times.end_time if times else None
    behavior = (times.end_behavior if times else None) or schedule.DEFAULT_END_BEHAVIOR
    return {
        "Start": times.start_time if times else None,
        "End": None if end is None else f"{end}, then {behavior}",
        "Maintenance windows": "; ".join(windows) or None,
    }


def _presigned(subject: Subject) -> str | None:
    given = subject.configured.presigned_url_config
    if given is None or given.role_arn is None:
        return None
    return f"for {given.expires_in_sec or 3600} s, by {given.role_arn}"


# --- differences ------------------------------------------------------------------------------------------------------


def changes(before: Subject, after: Subject) -> list[Change]:
    """The aspects in which two differ, the document's last, member by member."""
    one, other = of(before), of(after)
    found = [
        Change(each, one.get(each), other.get(each)) for each in {**one, **other} if one.get(each) != other.get(each)
    ]
    return [*found, *_documents(before.document, after.document)]


def _documents(before: str | None, after: str | None) -> list[Change]:
    if before == after:
        return []
    if before is None or after is None:
        return [Change("Document", _short(before), _short(after))]
    try:
        one, other = dict(_leaves(json.loads(before), "")), dict(_leaves(json.loads(after), ""))
    except (ValueError, RecursionError):
        return [Change("Document", _short(before), _short(after))]
    paths = [path for path in {**one, **other} if one.get(path) != other.get(path)]
    return [Change(f"Document {path or 'as a whole'}", one.get(path), other.get(path)) for path in paths]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from _leaves(member, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for number, member in enumerate(value):
            yield from _leaves(member, f"{path}[{number}]")
    else:
        yield path, _short(json.dumps(value, ensure_ascii=False)) or ""


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def diff(tx: Tx, call: Call, request: DiffRequest) -> Difference:
    """How two jobs, templates or requests differ. Raises as ``subjects.of`` does."""
    before, after = subjects.of(tx, call, request.first), subjects.of(tx, call, request.second)
    told = [each.sentence for each in changes(before, after)]
    return Difference(first=before.title, second=after.title, differences=told)


def describe_in_words(tx: Tx, call: Call, request: DescribeInWordsRequest) -> InWords:
    """The settings of one, in words. Raises as ``subjects.of`` does."""
    subject = subjects.of(tx, call, request)
    return InWords(title=subject.title, words=of(subject))


HANDLERS: Handlers = {
    ("tidegate", "Diff"): Read(diff),
    ("tidegate", "DescribeInWords"): Read(describe_in_words),
}
REQUESTS: dict[str, type[SparseShape]] = {"Diff": DiffRequest, "DescribeInWords": DescribeInWordsRequest}
