"""The operations that AWS does not have, by name: for the server's own pages, its commands and its console.

They are carried out like every other (``runtime.service``), with an entry in the audit log for what changes something;
the permission of each is ``tidegate:NAME`` on what its request names (``core.permissions``).
"""

from __future__ import annotations

from tidegate.ops import approvals, blackouts, holds, lint, words
from tidegate.ops.handler import Handlers
from tidegate.wire.shapes import SparseShape

PLANE = "tidegate"
HANDLERS: Handlers = {**holds.HANDLERS, **approvals.HANDLERS, **blackouts.HANDLERS, **lint.HANDLERS, **words.HANDLERS}
REQUESTS: dict[str, type[SparseShape]] = {
    **holds.REQUESTS,
    **approvals.REQUESTS,
    **blackouts.REQUESTS,
    **lint.REQUESTS,
    **words.REQUESTS,
}
"""What each takes."""
