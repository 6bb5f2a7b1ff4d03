"""The payloads of the four job operations over MQTT.

Apart from ``jobs``, which is compiled: a Struct is not (docs/adr/0028-compiled-by-mypyc.md).
"""

from __future__ import annotations

import msgspec

from tidegate.wire import jobs_data
from tidegate.wire.shapes import MISSING, Required

_Integer = int | str | None
_TextMap = dict[str, str]


class Body(msgspec.Struct, rename="camel", gc=False):
    """Every member that any of the four requests may have."""

    client_token: str | None = None
    status: Required[str] = MISSING
    status_details: _TextMap | None = None
    expected_version: _Integer = None
    execution_number: _Integer = None
    step_timeout_in_minutes: _Integer = None
    include_job_execution_state: bool | None = None
    include_job_document: bool | None = None


class Execution(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """A job execution, its document embedded as JSON."""

    job_id: str | None
    thing_name: str | None = None
    status: str | None
    status_details: _TextMap | None = None
    queued_at: int | None
    started_at: int | None = None
    last_updated_at: int | None
    approximate_seconds_before_timed_out: int | None = None
    version_number: int | None
    execution_number: int | None
    job_document: msgspec.Raw | None = None


class Accepted(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """Every member that any of the four answers may have."""

    execution: Execution | None = None
    in_progress_jobs: list[jobs_data.JobExecutionSummary] | None = None
    queued_jobs: list[jobs_data.JobExecutionSummary] | None = None
    execution_state: jobs_data.JobExecutionState | None = None
    job_document: msgspec.Raw | None = None
    timestamp: int
    client_token: str | None = None


class Rejected(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """Why there is no other answer."""

    code: str
    message: str
    client_token: str | None = None
    timestamp: int
    execution_state: jobs_data.JobExecutionState | None = None
