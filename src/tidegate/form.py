"""Which form of tidegate runs, compiled or pure Python, and on which build of Python: half of how fast it is."""

from __future__ import annotations

import platform
import sysconfig
from importlib.machinery import ExtensionFileLoader

import tidegate
from tidegate import clock


def compiled() -> bool:
    """Whether the modules that pyproject.toml lists are extension modules; then all of them are."""
    spec = clock.__spec__
    return spec is not None and isinstance(spec.loader, ExtensionFileLoader)


def name() -> str:
    """``compiled`` or ``pure``."""
    return "compiled" if compiled() else "pure"


def python() -> str:
    """The interpreter, and whether its build was optimized for the machine code it runs most (PGO) and linked so."""
    arguments = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    known = {"--enable-optimizations": "PGO", "--with-lto": "LTO"}
    built = [text for argument, text in known.items() if argument in arguments]
    return f"{platform.python_implementation()} {platform.python_version()} ({', '.join(built) or 'no PGO'})"


def text() -> str:
    """Version, form and Python in a line."""
    return f"tidegate {tidegate.__version__}, {name()}, {python()}"
