"""The configurations that job templates and jobs share: how they are stored and inherited."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from tidegate.core import abort, cron, job_request, retry, rollout, schedule, windows
from tidegate.core.checks import Home
from tidegate.core.job import Plan
from tidegate.core.job_request import Allowed, Asked, Creates, Sources
from tidegate.core.timetable import Timetable
from tidegate.ops.call import Call
from tidegate.wire import iot, jsontext
from tidegate.wire.shapes import SparseShape


class Configuration(SparseShape):
    """Everything of a template or job that is stored and handed back as it came."""

    presigned_url_config: iot.PresignedUrlConfig | None = None
    job_executions_rollout_config: iot.JobExecutionsRolloutConfig | None = None
    abort_config: iot.AbortConfig | None = None
    timeout_config: iot.TimeoutConfig | None = None
    job_executions_retry_config: iot.JobExecutionsRetryConfig | None = None
    maintenance_windows: list[iot.MaintenanceWindow] | None = None
    destination_package_versions: list[str] | None = None
    scheduling_config: iot.SchedulingConfig | None = None
    document_parameters: dict[str, str] | None = None
    resolved_package_versions: list[str] | None = None
    """A job's ``destination_package_versions`` with the versions that ``$default`` stood for; None if it is in none."""
    on_abort: str | None = None
    """``pause`` if a job is held instead of canceled when an abort criterion is met (``ops.holds``)."""


_INHERITED = (
    "presigned_url_config",
    "job_executions_rollout_config",
    "abort_config",
    "timeout_config",
    "job_executions_retry_config",
    "maintenance_windows",
    "destination_package_versions",
)
"""What passes from a job to a template, and from a template to its jobs (control reference 3.1, 3.3, 6.2)."""


def encode(configuration: Configuration) -> str:
    """The stored form: JSON text, numbers as they were written."""
    return jsontext.to_json(configuration)


@lru_cache(maxsize=1024)
def decode(text: str) -> Configuration:
    """The configuration in a stored form. Callers share it: it is not to be changed."""
    return jsontext.from_json(Configuration, text)


def requested(request: iot.CreateJobTemplateRequest | iot.CreateJobRequest) -> Configuration:
    """What a request sets; an empty structure is as if it had not been sent, which users see on the live service.

    A job carries its windows inside its schedule; here they stand beside it, as in a template.
    """
    named = {name: _sent(getattr(request, name, None)) for name in _INHERITED}
    if isinstance(request, iot.CreateJobRequest):
        schedule = request.scheduling_config
        named["maintenance_windows"] = schedule.maintenance_windows if schedule else None
        return Configuration(
            **named,
            scheduling_config=_without_windows(schedule),
            document_parameters=request.document_parameters or None,
        )
    return Configuration(**named)


def _sent(value: Any) -> Any:
    if value is None or (isinstance(value, msgspec.Struct) and value == type(value)()):
        return None
    return value


def over(request: Configuration, base: Configuration) -> Configuration:
    """A request's configuration, completed by what it inherits: each member as a whole, none merged."""
    inherited = {
        name: value
        for name in _INHERITED
        if getattr(request, name) is None and (value := getattr(base, name)) is not None
    }
    return msgspec.structs.replace(request, **inherited)


def problems(
    configured: Configuration, call: Call, *, tags: Sequence[iot.Tag] | None = None, sources: Sources | None = None
) -> list[str]:
    """Everything that is wrong with a request beyond the shape of each member, but for its document's text."""
    role, timeout = configured.presigned_url_config, configured.timeout_config
    rate, times = configured.job_executions_rollout_config, configured.scheduling_config
    asked = Asked(
        role_arn=role.role_arn if role else None,
        timeout_minutes=timeout.in_progress_timeout_in_minutes if timeout else None,
        per_minute=rate.maximum_per_minute if rate else None,
        rate=exponential_rate(rate) if rate else None,
        abort=abort_criteria(configured),
        retries=retry_criteria(configured),
        windows=_window_texts(configured.maintenance_windows or []),
        package_versions=configured.destination_package_versions or [],
        start_time=times.start_time if times else None,
        end_time=times.end_time if times else None,
        tags=[tag.key or "" for tag in tags or ()],
        sources=sources,
    )
    return job_request.problems(asked, _allowed(call), call.now)


def _allowed(call: Call) -> Allowed:
    return Allowed(
        home=Home(call.partition, call.region, call.account),
        hosts=call.endpoints.objects,
        role_accounts=call.leniency.role_accounts,
        per_minute=call.limits.rollout_per_minute,
        retries=call.limits.retries_per_execution,
        package_versions=call.limits.package_versions_per_job,
        lead=call.limits.schedule_lead,
    )


def request_problems(
    request: iot.CreateJobTemplateRequest | iot.CreateJobRequest, configured: Configuration, call: Call
) -> list[str]:
    """The same for a request that creates, with its tags and with where it takes its document from.

    ``configured`` is what the request sets (``requested``).
    """
    document, source = request.document is not None, request.document_source
    if isinstance(request, iot.CreateJobRequest):
        sources = Sources(Creates.JOB, request.job_template_arn is not None, document, source)
    else:
        sources = Sources(Creates.TEMPLATE, request.job_arn is not None, document, source)
    return problems(configured, call, tags=request.tags, sources=sources)


def exponential_rate(rate: iot.JobExecutionsRolloutConfig) -> rollout.Exponential | None:
    """The exponential rate as the rule takes it."""
    given = rate.exponential_rate
    if given is None:
        return None
    criteria = given.rate_increase_criteria or iot.RateIncreaseCriteria()
    return rollout.Exponential(
        given.base_rate_per_minute,
        given.increment_factor,
        criteria.number_of_notified_things,
        criteria.number_of_succeeded_things,
    )


def abort_criteria(configured: Configuration) -> list[abort.Criterion]:
    """The abort criteria as the rule takes them; none if there are none."""
    config = configured.abort_config
    return [_abort_criterion(one) for one in (config.criteria_list if config else None) or []]


def _abort_criterion(given: iot.AbortCriteria) -> abort.Criterion:
    return abort.Criterion(given.failure_type, given.threshold_percentage, given.min_number_of_executed_things)


def retry_criteria(configured: Configuration) -> list[retry.Criterion]:
    """The retry criteria as the rule takes them; none if there are none."""
    config = configured.job_executions_retry_config
    return [
        retry.Criterion(one.failure_type, one.number_of_retries)
        for one in (config.criteria_list if config else None) or []
    ]


def _window_texts(given: Sequence[iot.MaintenanceWindow]) -> list[tuple[str, int]]:
    return [(one.start_time or "", one.duration_in_minutes or 0) for one in given]


@lru_cache(maxsize=1024)
def plan(text: str, target_selection: str = "SNAPSHOT") -> Plan:
    """What a job was told to do, from a stored form."""
    return plan_of(decode(text), target_selection)


def plan_of(configured: Configuration, target_selection: str = "SNAPSHOT") -> Plan:
    """The same from a configuration."""
    times = configured.scheduling_config or iot.SchedulingConfig()
    rate = configured.job_executions_rollout_config
    given = _window_texts(configured.maintenance_windows or [])
    return Plan(
        continuous=target_selection == "CONTINUOUS",
        starts_at=schedule.parse(times.start_time) if times.start_time else None,
        ends_at=schedule.parse(times.end_time) if times.end_time else None,
        windows=tuple(windows.Window(cron.parse(text), minutes) for text, minutes in given),
        end_behavior=schedule.EndBehavior(times.end_behavior or schedule.DEFAULT_END_BEHAVIOR),
        per_minute=rate.maximum_per_minute if rate else None,
        rate=exponential_rate(rate) if rate else None,
        abort=tuple(abort_criteria(configured)),
        retries=tuple(retry_criteria(configured)),
        pauses=configured.on_abort == "pause",
    )


def timetable(configured: Configuration, created_at: int) -> Timetable:
    """When a job with this configuration, created at an instant, may run."""
    return plan_of(configured).timetable(created_at)


def timeout_minutes(configured: Configuration) -> int | None:
    """How long an execution may be IN_PROGRESS."""
    config = configured.timeout_config
    return config.in_progress_timeout_in_minutes if config else None


def coming_rollouts(configured: Configuration, created_at: int, now: int) -> list[iot.ScheduledJobRollout] | None:
    """The starts of the next windows, as DescribeJob shows them; None for a job without windows."""
    if not configured.maintenance_windows:
        return None
    starts = timetable(configured, created_at).coming(now)
    return [iot.ScheduledJobRollout(start_time=schedule.text_of(start)) for start in starts]


def updated(base: Configuration, given: Configuration) -> Configuration:
    """A stored configuration with what UpdateJob gives: each member as a whole, none merged."""
    named = {name: value for name in _INHERITED if (value := getattr(given, name)) is not None}
    return msgspec.structs.replace(base, **named)


def _without_windows(schedule: iot.SchedulingConfig | None) -> iot.SchedulingConfig | None:
    if schedule is None:
        return None
    rest = msgspec.structs.replace(schedule, maintenance_windows=None)
    return rest if any((rest.start_time, rest.end_time, rest.end_behavior)) else None


def schedule_shown(configuration: Configuration) -> iot.SchedulingConfig | None:
    """The schedule as DescribeJob shows it, windows inside."""
    if configuration.scheduling_config is None and not configuration.maintenance_windows:
        return None
    schedule = configuration.scheduling_config or iot.SchedulingConfig()
    return msgspec.structs.replace(schedule, maintenance_windows=configuration.maintenance_windows or None)
