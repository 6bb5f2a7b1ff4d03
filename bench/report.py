"""Figures as text for a terminal and as docs/benchmarks.md."""

from __future__ import annotations

from bench.measure import Figure, number


def lines(figure: Figure) -> str:
    """A figure for the terminal."""
    rows = [f"{figure.name}: {figure.value.text()} {figure.unit}"]
    if figure.against and figure.ratio:
        rows.append(
            f"  {figure.baseline_name}: {figure.against.text()} {figure.unit}, noise {figure.against.noise:.0%}"
        )
        rows.append(f"  ratio {figure.ratio.text()}")
    if figure.aim is not None:
        rows.append(f"  aim {figure.aim}: {'met' if figure.met else 'MISSED'}")
    rows += [f"  {note}" for note in figure.notes]
    return "\n".join(rows)


def write(_results: dict[str, list[Figure]]) -> None:
    print(number(1))
