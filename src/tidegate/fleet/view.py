"""How a rollout looks: live in a terminal, as plain lines anywhere else, and as a closing table in both.

Only shows; what it is shown it is handed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from tidegate.clock import Millis, monotonic
from tidegate.fleet.rollout import STATUSES, Check, Progress, Released, Wave, tally

_COLORS = {
    "QUEUED": "blue",
    "IN_PROGRESS": "yellow",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "REJECTED": "magenta",
    "TIMED_OUT": "dark_orange",
    "CANCELED": "bright_black",
    "REMOVED": "bright_black",
}
_ALWAYS = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED")
_NAME_WIDTH = 18
_WIDTH = 46
_WAVES_SHOWN = 8
_ROWS_SHOWN = 24


class View:
    """Where a demonstration says what it does. ``live`` is False where nobody watches, as in CI."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=not _is_terminal(console))
        self.live = self._console.is_terminal
        self._step_began = monotonic()

    def say(self, text: str = "", style: str | None = None) -> None:
        """A line of text."""
        self._console.print(escape(text), style=style)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Something that takes a moment; what is appended to the list is printed behind its name when it is done."""
        began = monotonic()
        found: list[str] = []
        with self._console.status(f"{name} …") if self.live else _nothing():
            yield found
        self._done(name, found, monotonic() - began)

    @contextmanager
    def counted_step(self, name: str, total: int) -> Iterator[tuple[Any, list[str]]]:
        """The same with a bar: call the first value for each of ``total``, append to the second."""
        began = monotonic()
        found: list[str] = []
        columns = (TextColumn("  {task.description}"), BarColumn(_WIDTH), MofNCompleteColumn())
        with Bars(*columns, console=self._console, transient=True, disable=not self.live) as bars:
            task = bars.add_task(f"{name:<10}", total=total)
            yield lambda: bars.advance(task), found
        self._done(name, found, monotonic() - began)

    def _done(self, name: str, found: Sequence[str], seconds: float) -> None:
        mark = "[green]✓[/]" if self.live else "ok "
        first, *rest = found or [""]
        self._console.print(f"{mark} [bold]{name:<10}[/] {escape(first)} [dim]{seconds:.1f} s[/]")
        for line in rest:
            self._console.print(f"{'':<{2 if self.live else 4}}{'':<10} {escape(line)}")

    @contextmanager
    def rollout(self, job_id: str, devices: int) -> Iterator[Any]:
        """Call the value with each ``Progress``."""
        if not self.live:
            yield _Lines(self, devices).show
            return
        with Live(console=self._console, refresh_per_second=12, transient=False) as live:
            yield lambda progress: live.update(_frame(job_id, devices, progress), refresh=True)

    def summary(self, found: Sequence[Released], progress: Progress) -> None:
        """What was released when, and what became of it."""
        self._console.print()
        self._console.print(_table(found))
        virtual, real = (progress.clock.epoch_ms - progress.started_at) / 1000, progress.elapsed_s
        line = f"{progress.released} executions: {tally(progress.counts)}."
        if progress.moves:
            line += f" {_duration(virtual)} of rollout took {real:.1f} s: the clock was moved {progress.moves} times."
        else:
            line += f" It took {_duration(real)}."
        self.say(line)

    def checks(self, found: Sequence[Check]) -> None:
        """What must hold, and whether it does."""
        for check in found:
            mark = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
            if not self.live:
                mark = "ok " if check.holds else "NOT"
            self._console.print(f"{mark} {escape(check.claim)} [dim]({escape(check.found)})[/]")

    def fail(self, why: str) -> None:
        """Why it went wrong."""
        self._console.print(f"[bold red]failed:[/] {escape(why)}")


def _is_terminal(console: Console | None) -> bool:
    return (console or Console()).is_terminal


@contextmanager
def _nothing() -> Iterator[None]:
    yield


class _Lines:
    """A line for each wave when it is released."""

    def __init__(self, view: View, devices: int) -> None:
        self._view = view
        self._devices = devices
        self._shown = 0

    def show(self, progress: Progress) -> None:
        for wave in progress.waves[self._shown :]:
            self._shown = wave.number
            line = f"wave {wave.number:<3} {wave.released} released at {_time(wave.released_at)}"
            self._view.say(f"   {line}, {_left(progress, self._devices)}{_so_far(progress)}")


def _so_far(progress: Progress) -> str:
    ended = Counter({status: progress.counts[status] for status in STATUSES[2:]})
    return f"; so far {tally(ended)}" if ended.total() else ""


def _left(progress: Progress, devices: int) -> str:
    return f"{devices - progress.released} of {devices} to go"


def _frame(job_id: str, devices: int, progress: Progress) -> Panel:
    moved = f", moved {progress.moves} ×" if progress.moves else ""  # noqa: RUF001 - a sign, not a letter
    clock = f"clock {_time(progress.clock.epoch_ms)}{' (stands still' + moved + ')' if progress.clock.frozen else ''}"
    title = Text.assemble((job_id, "bold"), " · ", (progress.status, "green"), " · ", clock)
    footer = f"{progress.online} devices online · {_rate(progress)} · {progress.elapsed_s:.1f} s"
    return Panel(
        Group(_bars(devices, progress), Text(), _waves(progress.waves)),
        title=title,
        title_align="left",
        subtitle=footer,
        subtitle_align="left",
        width=92,
        padding=(1, 2),
    )


def _rate(progress: Progress) -> str:
    if not progress.elapsed_s or not progress.ended:
        return "no device through yet"
    return f"{progress.ended / progress.elapsed_s:.0f} devices/s through"


def _bars(devices: int, progress: Progress) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_NAME_WIDTH)
    grid.add_column(width=_WIDTH)
    grid.add_column(justify="right", width=6)
    rows = [("not released", devices - progress.released, "bright_black")]
    rows += [(status, progress.counts[status], _COLORS[status]) for status in STATUSES]
    for name, count, color in rows:
        if count or name in _ALWAYS:
            grid.add_row(Text(name, color), _bar(count, devices, color), str(count))
    return grid


def _bar(count: int, total: int, color: str) -> Text:
    """A bar that can be read without colors; what is not nothing shows."""
    filled = min(_WIDTH, -(-count * _WIDTH // total)) if total else 0
    return Text.assemble(("█" * filled, color), ("░" * (_WIDTH - filled), "bright_black"))


def _waves(waves: Sequence[Wave]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for width in (_NAME_WIDTH, _WIDTH, 12):
        grid.add_column(width=width)
    if len(waves) > _WAVES_SHOWN:
        grid.add_row(Text(f"… {len(waves) - _WAVES_SHOWN} earlier", "dim"))
    for wave in waves[-_WAVES_SHOWN:]:
        name = Text.assemble(f"wave {wave.number:<4}", (_time(wave.released_at), "dim"))
        grid.add_row(name, _bar(wave.reported, wave.released, "cyan"), f"{wave.reported:>4} of {wave.released}")
    return grid


def _table(found: Sequence[Released]) -> Table:
    seen = [status for status in STATUSES if any(release.counts[status] for release in found)]
    table = Table(title="What was released when (UTC, the server's clock)", title_justify="left", title_style="bold")
    table.add_column("wave", justify="right")
    table.add_column("released at")
    table.add_column("released", justify="right")
    for status in seen:
        table.add_column(status, justify="right", style=_COLORS[status])
    hidden = len(found) - _ROWS_SHOWN
    for number, release in enumerate(found, 1):
        if hidden > 0 and _ROWS_SHOWN // 2 < number <= _ROWS_SHOWN // 2 + hidden:
            if number == _ROWS_SHOWN // 2 + 1:
                table.add_row("…", f"{hidden} more")
            continue
        cells = [str(release.counts[status] or "") for status in seen]
        table.add_row(str(number), f"{release.at.astimezone(UTC):%H:%M:%S}", str(release.counts.total()), *cells)
    table.add_section()
    totals = [str(sum(release.counts[status] for release in found)) for status in seen]
    table.add_row("", "in all", str(sum(release.counts.total() for release in found)), *totals)
    return table


def _time(instant: Millis) -> str:
    return f"{datetime.fromtimestamp(instant / 1000, UTC):%H:%M:%S}"


def _duration(seconds: float) -> str:
    """``4 min``, ``1 h 5 min`` or ``12 s``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{whole % 60} s" if whole % 60 else "",
    ]
    return " ".join(part for part in parts if part) or "0 s"
