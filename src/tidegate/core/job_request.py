"""Everything that is wrong with what a job or a template is to be, told at once (control reference 1.9, 3.2, 6.1).

The request comes down whole, as plain values, and its problems go up once, in AWS's order as far as it is known. Each
member's rule is in ``checks``. Not here: what takes looking something up, and the document's own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from tidegate.core import abort, checks, retry, rollout, schedule


class Creates(Enum):
    """What a request creates: a job may take its document over from a template, and a template from a job."""

    JOB = "job"
    TEMPLATE = "template"


class Sources(NamedTuple):
    """Where a request takes its document from; ``inherited``: it names a jobTemplateArn, or a jobArn."""

    creates: Creates
    inherited: bool = False
    document: bool = False
    document_source: str | None = None


class Asked(NamedTuple):
    """A request's configuration, tags and sources; what it does not set is None or empty."""

    role_arn: str | None = None
    timeout_minutes: int | None = None
    per_minute: int | None = None
    rate: rollout.Exponential | None = None
    abort: Sequence[abort.Criterion] = ()
    retries: Sequence[retry.Criterion] = ()
    windows: Sequence[tuple[str, int]] = ()
    """Each as (startTime, durationInMinutes)."""
    package_versions: Sequence[str] = ()
    start_time: str | None = None
    end_time: str | None = None
    tags: Sequence[str] = ()
    """Their keys."""
    sources: Sources | None = None
    """None for an update, which has none."""


class Allowed(NamedTuple):
    """What a server allows, and where it is."""

    home: checks.Home
    hosts: Sequence[str] = ()
    """The server's own object storage, as ``host`` or ``host:port``."""
    role_accounts: bool = True
    """Whether a role's account may have any number of digits."""
    per_minute: int = rollout.DEFAULT_PER_MINUTE
    retries: int = retry.MOST
    package_versions: int = checks.PACKAGE_VERSIONS
    lead: int = schedule.LEAD
    """How far ahead (ms) start and end must be."""


def problems(asked: Asked, allowed: Allowed, now: int) -> list[str]:
    """Every problem as a message; an empty list is a pass. ``now`` is epoch ms."""
    return [
        *checks.presigned_url_role(asked.role_arn, any_account=allowed.role_accounts),
        *checks.timeout(asked.timeout_minutes),
        *checks.rollout_rate(asked.per_minute, asked.rate, limit=allowed.per_minute),
        *checks.abort_criteria(asked.abort),
        *checks.retry_criteria(asked.retries, limit=allowed.retries),
        *checks.maintenance_windows(asked.windows),
        *checks.package_versions(asked.package_versions, limit=allowed.package_versions),
        *checks.package_versions_abroad(asked.package_versions, allowed.home),
        *checks.start_and_end(asked.start_time, asked.end_time, now=now, lead=allowed.lead),
        *checks.tags(asked.tags),
        *_of_sources(asked.sources, allowed.hosts),
    ]


def _of_sources(given: Sources | None, hosts: Sequence[str]) -> list[str]:
    if given is None:
        return []
    source = given.document_source
    fetched = source is not None
    if given.creates is Creates.JOB:
        found = checks.job_sources(document=given.document, document_source=fetched, template=given.inherited)
    else:
        found = checks.template_sources(document=given.document, document_source=fetched, job=given.inherited)
    return found if source is None else [*found, *checks.document_source(source, hosts=hosts)]
