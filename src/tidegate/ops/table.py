"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import (
    authorization,
    ca_certificates,
    certificates,
    device,
    endpoints,
    events,
    executions,
    groups,
    jobs,
    policies,
    principals,
    tags,
    templates,
    things,
)
from tidegate.ops.handler import Handler

HANDLERS: dict[tuple[str, str], Handler] = {
    **templates.HANDLERS,
    **jobs.HANDLERS,
    **executions.HANDLERS,
    **device.HANDLERS,
    **things.HANDLERS,
    **groups.HANDLERS,
    **certificates.HANDLERS,
    **ca_certificates.HANDLERS,
    **principals.HANDLERS,
    **policies.HANDLERS,
    **authorization.HANDLERS,
    **tags.HANDLERS,
    **endpoints.HANDLERS,
    **events.HANDLERS,
}
