"""Job templates (control reference 3): what every job made from one starts with. Immutable: there is no update."""

from __future__ import annotations

from tidegate.ops.handler import Handler

HANDLERS: dict[tuple[str, str], Handler] = {}
