"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import (
    certificates,
    device,
    endpoints,
    events,
    executions,
    groups,
    jobs,
    package_configuration,
    package_versions,
    packages,
    policies,
    sboms,
    shadows,
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
    **policies.HANDLERS,
    **packages.HANDLERS,
    **package_versions.HANDLERS,
    **package_configuration.HANDLERS,
    **sboms.HANDLERS,
    **shadows.HANDLERS,
    **tags.HANDLERS,
    **endpoints.HANDLERS,
    **events.HANDLERS,
}
