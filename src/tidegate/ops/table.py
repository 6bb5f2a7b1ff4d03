"""Every operation this server answers, by (plane, name)."""

from __future__ import annotations

from tidegate.ops import groups, templates, things
from tidegate.ops.handler import Handler

HANDLERS: dict[tuple[str, str], Handler] = {
    **groups.HANDLERS,
    **templates.HANDLERS,
    **things.HANDLERS,
}
