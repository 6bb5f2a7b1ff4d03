"""A forecast for people: tables and curves in the terminal, curves in a file."""

from __future__ import annotations

import html
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tidegate.core.forecast import shown
from tidegate.core.forecast.findings import duration
from tidegate.core.forecast.report import Curves, Report, Spread
from tidegate.ops.forecast import RefusedError

_HOUR = 3_600_000
_NEEDS = "tidegate[plot]"

as_json = shown.of


def both_as_json(foreseen: Report, happened: Report) -> dict[str, Any]:
    """A back-test."""
    return {"forecast": shown.of(foreseen), "happened": shown.of(happened)}


def lines(found: Report) -> Iterator[RenderableType]:
    """The whole forecast."""
    yield f"{found.start.total:,} things, {found.runs} runs from seed {found.seed}\n"
    table = _table("", "p10", "p50", "p90")
    for name, spread, tell in _rows(found):
        table.add_row(name, *(tell(value) for value in spread))
    yield table
    yield f"chance of an abort: {found.abort_chance:.0%}"
    yield from ("", *(f"• {each}" for each in found.findings), "")
    yield from _terminal(found.curves)


def compared(foreseen: Report, happened: Report) -> Iterator[RenderableType]:
    """What was forecast beside what happened."""
    table = _table("", "p10", "p50", "p90", "happened")
    known = {name: spread.p50 for name, spread, _ in _rows(happened)}
    for name, spread, tell in _rows(foreseen):
        table.add_row(name, *(tell(value) for value in spread), tell(known.get(name, None if tell is duration else 0)))
    for name, value in known.items():
        if name not in {row[0] for row in _rows(foreseen)}:
            table.add_row(name, "0", "0", "0", _number(value))
    yield table
    yield f"chance of an abort: {foreseen.abort_chance:.0%}; it was {'' if happened.abort_chance else 'not '}aborted"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    return table


def _rows(found: Report) -> list[tuple[str, Spread, Any]]:
    rows: list[tuple[str, Spread, Any]] = [
        *((f"{share} % have ended after", spread, duration) for share, spread in found.ended.items()),
        ("at rest after", found.rest, duration),
    ]
    if found.abort_chance:
        rows += [
            ("aborted after", found.abort_after, duration),
            ("begun by then", found.touched_at_abort, _number),
            ("notified by then", found.released_at_abort, _number),
        ]
    rows += [(f"things {kind}", spread, _number) for kind, spread in sorted(found.things.items())]
    rows += [("retries", found.retries, _number), ("timeouts", found.timed_out, _number)]
    if found.downloads.p90:
        rows += [("downloads at once", found.downloads, _number), ("bytes a second", found.bytes_per_second, _number)]
    return rows


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"  # noqa: RUF001 - a dash where there is no number


def _terminal(curves: Curves) -> Iterator[RenderableType]:
    try:
        import plotext
    except ImportError:
        yield Text(f"(curves in the terminal: pip install '{_NEEDS}')", style="dim")
        return
    hours = _hours(curves)
    plotext.clear_figure()
    plotext.plotsize(90, 16)
    plotext.theme("clear")
    for name, points in (("released", curves.released), ("ended", curves.ended), ("in progress", curves.in_progress)):
        plotext.plot(hours, points, label=name)
    plotext.xlabel("hours")
    yield Text.from_ansi(plotext.build())


def _hours(curves: Curves) -> list[float]:
    return [place * curves.width / _HOUR for place in range(len(curves.ended))]


def draw(found: Report, file: Path) -> None:
    """Draw the curves into a file, whose ending says of which kind.

    Raises:
        RefusedError: the library for it is not installed.
    """
    if file.suffix != ".html":
        _figure(found).savefig(file, format=file.suffix[1:])
        return
    drawing = StringIO()
    _figure(found).savefig(drawing, format="svg")
    findings = "".join(f"<li>{html.escape(each)}</li>" for each in found.findings)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{tell(value)}</td>' for value in spread)}</tr>"
        for name, spread, tell in _rows(found)
    )
    drawn = drawing.getvalue()
    file.write_text(
        "<!doctype html><meta charset=utf-8><title>Forecast</title>"
        "<style>body{font:16px sans-serif;max-width:60em;margin:2em auto}td{text-align:right;padding-left:1.5em}"
        "th{text-align:left;font-weight:normal}</style>"
        f"<h1>Forecast of {found.start.total:,} things</h1>{drawn[drawn.index('<svg') :]}"
        f"<ul>{findings}</ul><table><tr><th><td>p10<td>p50<td>p90</tr>{rows}</table>\n",
        encoding="utf-8",
    )


def _figure(found: Report) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise RefusedError(f"Drawing into a file needs matplotlib: pip install '{_NEEDS}'") from None
    curves, hours = found.curves, _hours(found.curves)
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.step(hours, curves.released, where="post", linestyle="--", label="released")
    axes.plot(hours, curves.in_progress, label="in progress")
    [line] = axes.plot(hours, curves.ended, label="ended")
    axes.fill_between(hours, curves.ended_p10, curves.ended_p90, alpha=0.25, color=line.get_color())
    axes.set_xlabel("hours")
    axes.set_ylabel("things")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
