"""Every refusal comes before the first write: what refuses late is right by its roll-back only, and slow.

Looked at where a work that wrote is undone, in development mode (``python -X dev``) and in tests; nowhere else.
"""

from __future__ import annotations

import sys

from tidegate.wire.errors import WireError

strict = sys.flags.dev_mode
"""Whether a late refusal is a failure."""


class LateRefusal(AssertionError):  # noqa: N818 - a fault of ours, not an error of a caller's
    """An operation wrote something before it refused."""


def judged(error: Exception, rows: int) -> Exception:
    """What a work failed with that had changed so many rows: in strict mode a ``LateRefusal`` if it was a refusal.

    A statement that touched no row, as one that finds another version than it compares with, has written nothing. What
    is made of other operations says so where it relies on being undone (``by_a_part``).
    """
    if not (strict and rows and isinstance(error, WireError)) or error.by_a_part:
        return error
    late = LateRefusal(f"{type(error).__name__} after {rows} rows were written: {error}")
    late.__cause__ = error
    return late
