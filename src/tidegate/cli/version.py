"""``tidegate version``."""

from __future__ import annotations

import tidegate


def text() -> str:
    """The version of this tidegate."""
    return tidegate.__version__


def version() -> None:
    """Print the version."""
    print(f"tidegate {text()}")
