"""``tidegate version``."""

from __future__ import annotations

import tidegate
from tidegate import form


def text() -> str:
    """The version of this tidegate."""
    return tidegate.__version__


def version() -> None:
    """Print the version, whether it is compiled or pure Python, and on which build of Python it runs."""
    print(form.text())
