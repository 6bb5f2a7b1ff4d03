"""Which jobs wait for an approval: rules of an account, each with one condition or several, all of which must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    """A rule. A condition that is None or False asks for nothing.

    Args:
        name: for people.
        more_than_things: the job is aimed at more things than this.
        tag: (key, value) of the job, or of a group that it is aimed at or that lies above or below such a one.
        no_abort_criterion: the job has none.
    """

    name: str
    more_than_things: int | None = None
    tag: tuple[str, str] | None = None
    no_abort_criterion: bool = False


class Judged(NamedTuple):
    """What rules look at. ``exceeds(n)`` says whether the job is aimed at more things than n; it may cost to ask."""

    tags: Iterable[Mapping[str, str]]
    has_abort_criterion: bool
    exceeds: Callable[[int], bool]


def reason(rule: Rule, job: Judged) -> str | None:
    """Why a rule demands an approval of a job, in words; None if it does not."""
    found: list[str] = []
    if rule.no_abort_criterion:
        if job.has_abort_criterion:
            return None
        found.append("it has no abort criterion")
    if rule.tag is not None:
        key, value = rule.tag
        if not any(each.get(key) == value for each in job.tags):
            return None
        found.append(f"the tag {key} is {value}")
    if rule.more_than_things is not None:
        if not job.exceeds(rule.more_than_things):
            return None
        found.append(f"it is aimed at more than {rule.more_than_things} things")
    return f"{rule.name}: {' and '.join(found)}"


def reasons(rules: Iterable[Rule], job: Judged) -> list[str]:
    """Why a job needs an approval, one for each rule that demands it."""
    return [told for rule in rules if (told := reason(rule, job)) is not None]
