"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import device, executions, jobs, templates
from tidegate.ops.handler import Handler

HANDLERS: dict[tuple[str, str], Handler] = {
    **templates.HANDLERS,
    **jobs.HANDLERS,
    **executions.HANDLERS,
    **device.HANDLERS,
}
