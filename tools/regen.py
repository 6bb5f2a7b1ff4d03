"""Rewrites every generated file of the repository: ``python -m tools.regen``."""

from __future__ import annotations

from collections.abc import Callable

from tools import generate_wire

STEPS: tuple[Callable[[], None], ...] = (generate_wire.write,)


def main() -> None:
    """Run each generator."""
    for step in STEPS:
        step()


if __name__ == "__main__":
    main()
