"""The configurations that job templates and jobs share: how they are stored and inherited."""

from __future__ import annotations

import msgspec

from tidegate.wire import iot
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


_INHERITED = (
    "presigned_url_config",
    "job_executions_rollout_config",
    "abort_config",
    "timeout_config",
    "job_executions_retry_config",
    "maintenance_windows",
    "destination_package_versions",
)
"""What passes from a job to a template made of it, and from a template to its jobs (control reference 3.1, 3.3, 6.2)."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(Configuration)


def encode(configuration: Configuration) -> str:
    """The stored form: JSON text, numbers as they were written."""
    return _ENCODER.encode(configuration).decode()


def decode(text: str) -> Configuration:
    """The configuration in a stored form."""
    return _DECODER.decode(text)


def requested(request: iot.CreateJobTemplateRequest | iot.CreateJobRequest) -> Configuration:
    """What a request sets. A job carries its windows inside its schedule; here they stand beside it, as in a template."""
    named = {name: getattr(request, name) for name in _INHERITED if hasattr(request, name)}
    if isinstance(request, iot.CreateJobRequest):
        schedule = request.scheduling_config
        named["maintenance_windows"] = schedule.maintenance_windows if schedule else None
        return Configuration(
            **named, scheduling_config=_without_windows(schedule), document_parameters=request.document_parameters
        )
    return Configuration(**named)


def over(request: Configuration, base: Configuration) -> Configuration:
    """A request's configuration, completed by what it inherits: each member as a whole, none merged."""
    inherited = {
        name: value
        for name in _INHERITED
        if getattr(request, name) is None and (value := getattr(base, name)) is not None
    }
    return msgspec.structs.replace(request, **inherited)


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
