"""Figures as text for a terminal, and as docs/benchmarks.md."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from bench import machine
from bench.measure import Figure
from tidegate.clock import wall_now

BEGIN, END = "<!-- figures: written by `python -m bench --write` -->\n", "<!-- end of the figures -->\n"
"""What stands between is replaced; the words around it are written by people."""


def lines(figure: Figure) -> str:
    """A figure for the terminal."""
    rows = [f"{figure.name}: {figure.value.text()} {figure.unit}"]
    if figure.against and figure.ratio:
        noise = f"noise {figure.against.noise:.0%}"
        rows.append(f"  {figure.baseline_name}: {figure.against.text()} {figure.unit}, {noise}")
        rows.append(f"  ratio {figure.ratio.text()}")
    if figure.aim is not None:
        rows.append(f"  aim {_aim(figure)}: {'met' if figure.met else 'MISSED'}")
    rows += [f"  {note}" for note in figure.notes]
    return "\n".join(rows)


def write(path: Path, results: dict[str, list[Figure]]) -> None:
    """Put the figures into the document, between its two marks."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + BEGIN + "\n" + table(results) + "\n" + END + after)


def table(results: dict[str, list[Figure]]) -> str:
    """Every figure with its baseline, in Markdown."""
    day = _day(wall_now())
    rows = [
        f"Measured on {day}: {machine.description()}.",
        "",
        "| what | tidegate | baseline | ratio | aim | |",
        "|---|---|---|---|---|---|",
    ]
    for figures in results.values():
        rows += [_row(figure) for figure in figures]
    rows.append("")
    for figures in results.values():
        rows += [f"* {figure.name}: {'; '.join(figure.notes)}." for figure in figures]
    return "\n".join(rows) + "\n"


def _row(figure: Figure) -> str:
    baseline = ratio = "-"
    if figure.against and figure.ratio:
        baseline = f"{figure.baseline_name}: {figure.against.text()}, noise {figure.against.noise:.0%}"
        ratio = figure.ratio.text()
    verdict = {True: "met", False: "**missed**", None: ""}[figure.met]
    return (
        f"| {figure.name}, {figure.unit} | {figure.value.text()} | {baseline} | {ratio} | {_aim(figure)} | {verdict} |"
    )


def _aim(figure: Figure) -> str:
    if figure.aim is None:
        return "-"
    return f"{figure.aim}{'' if figure.baseline and not figure.of_value else ' ' + figure.unit}"


def _day(now: int) -> str:
    return (date(1970, 1, 1) + timedelta(milliseconds=now)).isoformat()
