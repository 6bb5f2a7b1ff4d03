"""What is wrong with the configuration of a job or a job template, beyond the shape of each member.

Control reference 2.1, 3.2, 6.1, 8, 9.2, 11, 16.3 and 19. Each function takes the plain values of one configuration and
returns its problems as messages; an empty list is a pass. The caller joins them into an InvalidRequestException. Shape
constraints of the model have passed before (control reference 1.9); of those only two are repeated here, the length of
a window and of a document source, because they hold for a template read from a file too.

Numbers with a decimal-digit rule are judged on their literal: pass the Decimal that was parsed from the JSON text,
never one made from a float.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, NoReturn

from tidegate.core import abort, cron, location, retry, rollout, schedule, texts, timers

DOCUMENT_BYTES: Final = 32_768
DOCUMENT_DEPTH: Final = 500
"""Levels of nesting: what device agents with an ordinary JSON parser still read."""
DOCUMENT_SOURCE_LENGTH: Final = 1350
PACKAGE_VERSIONS: Final = 25
DETAILS_ENTRIES: Final = 10
WINDOW_MINUTES: Final = (1, 1430)

_FACTOR_DIGITS = 1
_THRESHOLD_DIGITS = 2

# --- timeouts, rollout, abort, retries ------------------------------------------------------------------------------


def timeout(in_progress_minutes: int | None) -> list[str]:
    """``timeoutConfig``: the model gives its member no range, so every value reaches this rule."""
    if in_progress_minutes == 0:
        return [texts.settings.TIMEOUT_ZERO]
    return _timer("inProgressTimeoutInMinutes", in_progress_minutes)


def step_timeout(minutes: int | None, *, cancellable: bool = True) -> list[str]:
    """``stepTimeoutInMinutes``; -1 stops the timer in an update, not in start-next (device reference 3.5)."""
    return [] if cancellable and minutes == timers.CLEAR else _timer("stepTimeoutInMinutes", minutes)


_LINES: Final = re.compile(r"[\n\r\t]")


def status_details(details: Mapping[str, str], *, lines: bool = True) -> list[str]:
    """``statusDetails``: at most ten entries (control reference 2.1), and whether values may have ``lines``."""
    found = [] if len(details) <= DETAILS_ENTRIES else [texts.jobs.too_many_details(len(details), DETAILS_ENTRIES)]
    if not lines:
        found += [texts.jobs.details_on_lines(key) for key, value in details.items() if _LINES.search(value)]
    return found


def _timer(member: str, minutes: int | None) -> list[str]:
    if minutes is None or timers.LEAST_MINUTES <= minutes <= timers.MOST_MINUTES:
        return []
    return [texts.settings.timeout_out_of_range(member, minutes, timers.LEAST_MINUTES, timers.MOST_MINUTES)]


def rollout_rate(
    maximum_per_minute: int | None,
    exponential: rollout.Exponential | None = None,
    *,
    limit: int = rollout.DEFAULT_PER_MINUTE,
) -> list[str]:
    """``jobExecutionsRolloutConfig``; ``limit`` is the highest rate the server allows."""
    found = []
    if maximum_per_minute is not None and maximum_per_minute > limit:
        found.append(texts.settings.rate_above_limit("maximumPerMinute", maximum_per_minute, limit))
    if exponential is None:
        return found
    if exponential.base > limit:
        found.append(texts.settings.rate_above_limit("baseRatePerMinute", exponential.base, limit))
    found += _digits("incrementFactor", exponential.factor, _FACTOR_DIGITS)
    if exponential.notified is None and exponential.succeeded is None:
        found.append(texts.settings.RATE_WITHOUT_CRITERION)
    return found


def abort_criteria(criteria: Iterable[abort.Criterion]) -> list[str]:
    """``abortConfig``: a type may be named twice, since the criteria are judged one after the other."""
    found = []
    for criterion in criteria:
        if criterion.threshold_percentage <= 0:
            found.append(texts.settings.threshold_not_positive(criterion.threshold_percentage))
        found += _digits("thresholdPercentage", criterion.threshold_percentage, _THRESHOLD_DIGITS)
    return found


def retry_criteria(criteria: Sequence[retry.Criterion], *, limit: int = retry.MOST) -> list[str]:
    """``jobExecutionsRetryConfig``; ``limit`` is the most retries the server allows."""
    return retry.problems(criteria, limit=limit)


def digits_after_point(value: Decimal) -> int:
    """How many are needed to write a value: 1.55 needs two, 1.50 one, 1.5E-1 two."""
    if not value:
        return 0
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "JSON has no NaN or Infinity"
    written = "".join(map(str, value.as_tuple().digits))
    return max(0, -exponent - (len(written) - len(written.rstrip("0"))))


def _digits(member: str, value: Decimal, most: int) -> list[str]:
    return [texts.settings.too_many_digits(member, value, most)] if digits_after_point(value) > most else []


# --- scheduling -----------------------------------------------------------------------------------------------------


def maintenance_windows(windows: Iterable[tuple[str, int]], *, continuous: bool = True) -> list[str]:
    """``maintenanceWindows`` as (startTime, durationInMinutes); ``continuous`` is True for a template too, which does
    not know yet what its jobs will be."""
    windows = list(windows)
    found = [] if continuous or not windows else [texts.settings.WINDOWS_NEED_CONTINUOUS]
    for expression, minutes in windows:
        found += _window(expression, minutes)
    return found


def _window(expression: str, minutes: int) -> list[str]:
    least, most = WINDOW_MINUTES
    found = [] if least <= minutes <= most else [texts.settings.window_duration(minutes, least, most)]
    try:
        cron.parse(expression)
    except cron.CronError as error:
        found.append(texts.settings.window_invalid(expression, str(error)))
    return found


def start_and_end(
    start_time: str | None, end_time: str | None, *, now: int, lead: int = schedule.LEAD, apart: int = schedule.LEAD
) -> list[str]:
    """``startTime`` and ``endTime`` of ``schedulingConfig``; see ``schedule.problems``."""
    return schedule.problems(start_time, end_time, now=now, lead=lead, apart=apart)


# --- documents ------------------------------------------------------------------------------------------------------


def job_sources(*, document: bool, document_source: bool, template: bool) -> list[str]:
    """Which of document, documentSource and jobTemplateArn CreateJob was given."""
    return _sources(document, document_source, template, texts.documents.JOB_WITHOUT_DOCUMENT)


def template_sources(*, document: bool, document_source: bool, job: bool) -> list[str]:
    """Which of document, documentSource and jobArn CreateJobTemplate was given."""
    return _sources(document, document_source, job, texts.documents.TEMPLATE_WITHOUT_DOCUMENT)


def _sources(document: bool, document_source: bool, inherited: bool, missing: str) -> list[str]:
    if document and document_source:
        return [texts.documents.DOCUMENT_AND_SOURCE]
    return [] if document or document_source or inherited else [missing]


def job_document(document: str, *, limit: int = DOCUMENT_BYTES, found_at: str = texts.documents.INPUT) -> list[str]:
    """A document's text: at most ``limit`` bytes of UTF-8, and JSON, of whatever type and with whatever keys.

    ``found_at`` is where it was found: the request, or the URL it was fetched from.
    """
    try:
        size = len(document.encode())
    except UnicodeEncodeError:
        return [texts.documents.document_invalid(found_at)]
    if size > limit:
        return [texts.documents.document_too_long(size, limit)]
    if _depth(document) > DOCUMENT_DEPTH:
        return [texts.documents.document_too_deep(DOCUMENT_DEPTH)]
    return [] if _is_json(document) else [texts.documents.document_invalid(found_at)]


_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_DEPTH_OF_TOKEN: Final = {"[": 1, "{": 1, "]": -1, "}": -1}


def _depth(text: str) -> int:
    """How deep brackets nest, counted without recursion, so that the parser is never led too deep."""
    if text.count("[") + text.count("{") <= DOCUMENT_DEPTH:
        return 0
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(text):
        depth += _DEPTH_OF_TOKEN.get(token, 0)
        deepest = max(deepest, depth)
    return deepest


def _is_json(text: str) -> bool:
    try:
        # Numbers are not converted: a long one is JSON, and costs a quadratic conversion that Python refuses.
        json.loads(text, parse_int=len, parse_float=len, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON."""
    raise ValueError(constant)


def document_source(source: str, *, hosts: Collection[str] = (), limit: int = DOCUMENT_SOURCE_LENGTH) -> list[str]:
    """``documentSource``: an S3 URL, plain or in a presign placeholder (control reference 3.2).

    ``hosts`` are the server's own stores, as ``host`` or ``host:port``.
    """
    if len(source) > limit:
        return [texts.documents.document_source_too_long(len(source), limit)]
    return [] if location.parse(source, hosts=hosts) else [texts.documents.document_source_invalid(source)]


_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d+):role/[\x21-\x7e]+", re.ASCII)


def presigned_url_role(role_arn: str | None, *, any_account: bool = True) -> list[str]:
    """``presignedUrlConfig.roleArn``: an IAM role, if one is named. Whether a document needs one is not judged here."""
    fits = role_arn is None or is_role(role_arn, any_account=any_account)
    return [] if fits else [texts.placeholders.role_invalid(role_arn or "")]


def is_role(role_arn: str | None, *, any_account: bool = True) -> bool:
    """Whether a text is the ARN of an IAM role, or there is none; ``any_account``: of any number of digits."""
    if role_arn is None:
        return True
    found = _ROLE.fullmatch(role_arn)
    return found is not None and (any_account or len(found[1]) == 12)


# --- package versions and tags --------------------------------------------------------------------------------------


class PackageVersion(NamedTuple):
    """The parts of a package version's ARN; ``version`` may be ``$default`` or ``$null``."""

    partition: str
    region: str
    account: str
    package: str
    version: str


class Home(NamedTuple):
    """Where a caller's own resources are."""

    partition: str
    region: str
    account: str


_PACKAGE_VERSION: Final = re.compile(
    r"arn:(?P<partition>[a-z-]+):iot:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":package/(?P<package>[a-zA-Z0-9_.-]{1,128})/version/(?P<version>[a-zA-Z0-9_.-]{1,64}|\$default|\$null)",
    re.ASCII,
)


def package_version(arn: str) -> PackageVersion | None:
    """The parts of a package version's ARN; None if it is not one (control reference 1.8, 16.3)."""
    match = _PACKAGE_VERSION.fullmatch(arn)
    return PackageVersion(**match.groupdict()) if match else None


def package_versions(arns: Sequence[str], *, limit: int = PACKAGE_VERSIONS) -> list[str]:
    """``destinationPackageVersions``. Whether they exist, and in this account, is not judged here."""
    if not arns:
        return []
    found = [] if len(arns) <= limit else [texts.packages.too_many_package_versions(len(arns), limit)]
    versions = [(arn, package_version(arn)) for arn in arns]
    found += [texts.packages.package_version_invalid(arn) for arn, version in versions if version is None]
    packages = Counter(version.package for _, version in versions if version is not None)
    return found + [texts.packages.package_twice(name) for name, count in packages.items() if count > 1]


def package_versions_abroad(arns: Sequence[str], home: Home) -> list[str]:
    """Those of ``destinationPackageVersions`` that are in another account or region."""
    named = [(arn, package_version(arn)) for arn in arns]
    return [
        texts.packages.package_version_foreign(arn)
        for arn, version in named
        if version is not None and (version.partition, version.region, version.account) != home
    ]


def tags(keys: Sequence[str]) -> list[str]:
    """The keys of a list of tags. How many a resource may have is a quota and not judged here."""
    if not keys:
        return []
    counts = Counter(keys)
    duplicates = [key for key, count in counts.items() if count > 1]
    found = [texts.tags.tags_duplicate(duplicates)] if duplicates else []
    return found + [texts.tags.tag_reserved(key) for key in counts if key.lower().startswith("aws:")]
