"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import (
    authorization,
    billing_groups,
    ca_certificates,
    certificates,
    device,
    dynamic_groups,
    endpoints,
    events,
    executions,
    groups,
    indices,
    jobs,
    managed_templates,
    package_configuration,
    package_versions,
    packages,
    policies,
    policy_targets,
    principals,
    sboms,
    searches,
    shadows,
    tags,
    templates,
    thing_types,
    things,
)
from tidegate.ops.handler import Handler

TAGGABLE = {
    **templates.TAGGABLE,
    **jobs.TAGGABLE,
    **groups.TAGGABLE,
    **thing_types.TAGGABLE,
    **billing_groups.TAGGABLE,
    **policies.TAGGABLE,
    **ca_certificates.TAGGABLE,
    **packages.TAGGABLE,
}
"""What can be tagged, by the type in its ARN."""

HANDLERS: dict[tuple[str, str], Handler] = {
    **templates.HANDLERS,
    **managed_templates.HANDLERS,
    **jobs.HANDLERS,
    **executions.HANDLERS,
    **device.HANDLERS,
    **things.HANDLERS,
    **thing_types.HANDLERS,
    **groups.HANDLERS,
    **dynamic_groups.HANDLERS,
    **indices.HANDLERS,
    **searches.HANDLERS,
    **billing_groups.HANDLERS,
    **certificates.HANDLERS,
    **ca_certificates.HANDLERS,
    **principals.HANDLERS,
    **policies.HANDLERS,
    **policy_targets.HANDLERS,
    **authorization.HANDLERS,
    **packages.HANDLERS,
    **package_versions.HANDLERS,
    **package_configuration.HANDLERS,
    **sboms.HANDLERS,
    **shadows.HANDLERS,
    **tags.handlers(TAGGABLE),
    **endpoints.HANDLERS,
    **events.HANDLERS,
}
