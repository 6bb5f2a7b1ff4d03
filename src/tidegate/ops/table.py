"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import (
    certificates,
    device,
    dynamic_groups,
    endpoints,
    events,
    executions,
    groups,
    indices,
    jobs,
    policies,
    searches,
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
    **dynamic_groups.HANDLERS,
    **indices.HANDLERS,
    **searches.HANDLERS,
    **certificates.HANDLERS,
    **policies.HANDLERS,
    **tags.HANDLERS,
    **endpoints.HANDLERS,
    **events.HANDLERS,
}
