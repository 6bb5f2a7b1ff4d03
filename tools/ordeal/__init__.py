"""What happens to everybody when something goes wrong beside them: each scenario is done, watched and timed.

A scenario is a module of this package with ``run() -> list[Row]``. It works on loopback with servers and processes of
its own, and ends by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import NamedTuple


class Row(NamedTuple):
    """One thing that was watched."""

    scenario: str
    what_is_seen: str
    bound_s: float
    """Seconds that are right at most."""
    measured_s: float
    ok: bool


LONG = frozenset({"kills", "soak"})
"""Those that take an hour are done by name only."""


def names() -> list[str]:
    """The scenarios there are."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def run(name: str, **options: object) -> list[Row]:
    """Do one scenario; options are its own."""
    rows: list[Row] = importlib.import_module(f"{__name__}.{name}").run(**options)
    return rows
