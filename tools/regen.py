"""Rewrites every generated file of the repository: ``python -m tools.regen``."""

from __future__ import annotations

from collections.abc import Callable

from tools import generate_lifecycle, generate_parity, generate_standing, generate_strict, generate_wire

STEPS: tuple[Callable[[], None], ...] = (
    generate_wire.write,
    generate_parity.write,
    generate_lifecycle.write,
    generate_strict.write,
    generate_standing.write,
)


def main() -> None:
    """Run each generator."""
    for step in STEPS:
        step()


if __name__ == "__main__":
    main()
