"""A simulated fleet for people: one line while it lives, a table and curves when it is over."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tidegate.fleet.simulation import Tally

History = Sequence[tuple[float, Tally]]
"""What was seen, by seconds since the beginning."""
_LINE_S = 10.0
_POINTS = 400


@contextlib.contextmanager
def live(console: Console) -> Iterator[Callable[[float, Tally], None]]:
    """Show how a fleet is: on one line of a terminal, elsewhere a line now and then."""
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as shown:
            yield lambda at, tally: shown.update(_line(at, tally), refresh=True)
        return
    last = -_LINE_S

    def tell(at: float, tally: Tally) -> None:
        nonlocal last
        if at - last >= _LINE_S:
            last = at
            console.print(_line(at, tally))

    yield tell


def _line(at: float, tally: Tally) -> Text:
    ends = _by_status(tally)
    ended = ", ".join(f"{count:,} {status}" for status, count in sorted(ends.items())) or "none ended"
    refused = f", {tally.refused.total():,} refused" if tally.refused else ""
    return Text(f"{at:7.0f} s  {tally.online:,} of {tally.devices:,} online, {tally.busy:,} busy, {ended}{refused}")


def _by_status(tally: Tally) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, status), count in tally.ended.items():
        found[status] += count
    return found


def summary(history: History) -> Iterator[RenderableType]:
    """What became of a fleet."""
    seconds, tally = history[-1]
    yield f"{tally.devices:,} devices, {seconds:.0f} s\n"
    cohorts = sorted({cohort for cohort, _ in tally.ended})
    statuses = sorted({status for _, status in tally.ended})
    ended = Table("cohort", *statuses, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for cohort in cohorts:
        ended.add_row(cohort, *(f"{tally.ended[cohort, status]:,}" for status in statuses))
    if cohorts:
        yield ended
        yield ""
    for title, counts in (("happened", tally.happened), ("refused", tally.refused)):
        if counts:
            yield f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    yield from _curves(history)


def as_json(history: History) -> dict[str, Any]:
    """The same for programs."""
    seconds, tally = history[-1]
    ended: dict[str, dict[str, int]] = {}
    for (cohort, status), count in sorted(tally.ended.items()):
        ended.setdefault(cohort, {})[status] = count
    return {
        "devices": tally.devices,
        "seconds": round(seconds, 1),
        "mostOnline": max(each.online for _, each in history),
        "happened": dict(sorted(tally.happened.items())),
        "ended": ended,
        "refused": dict(sorted(tally.refused.items())),
    }


def _curves(history: History) -> Iterator[RenderableType]:
    try:
        import plotext
    except ImportError:
        yield Text("(curves: pip install 'tidegate[plot]')", style="dim")
        return
    some = [*history[:: max(1, len(history) // _POINTS)], history[-1]]
    minutes = [at / 60 for at, _ in some]
    plotext.clear_figure()
    plotext.plotsize(90, 16)
    plotext.theme("clear")
    for name, points in (
        ("online", [each.online for _, each in some]),
        ("busy", [each.busy for _, each in some]),
        ("ended", [each.ended.total() for _, each in some]),
    ):
        plotext.plot(minutes, points, label=name)
    plotext.xlabel("minutes")
    yield Text.from_ansi(plotext.build())
