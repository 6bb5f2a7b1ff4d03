"""The language of the scripts in ``scripts/``: what is asked of a job, and below ``----`` what it does about it.

    # A comment says what the script shows.

    job with 25 things, rate 10/min
    ----
    00:00 IN_PROGRESS
    00:00 the rollout begins
    00:00 releases 10

Commands stand one a line, in blocks; every line below ``----``, up to an empty one, is what the job said and must say.
The first command makes the job, at midnight of the first day unless ``clock HH:MM`` stands before it:

    job with N things, CLAUSE, CLAUSE, …

    continuous                            it follows its groups
    rate N/min                            maximumPerMinute
    growing N/min xF every N notified     exponential rate (or: succeeded)
    abort TYPE P% min N                   an abort criterion; may be repeated
    pauses                                a criterion that is met holds it instead of canceling it
    retry TYPE N                          a retry budget; may be repeated
    start TIME, end TIME BEHAVIOR         its schedule
    blackout HH:MM N min                  it does not go on then; may be repeated
    window HH:MM N min                    a daily maintenance window; may be repeated
    steps of N                            how much one step of the engine does

Times are HH:MM or HH:MM:SS, of a later day ``day N HH:MM``. The other commands:

    at TIME                               the clock goes on to a time, from one due instant to the next
    clock jumps to TIME                   it is set, forward or back, and nothing happens meanwhile
    look                                  the engine looks at the job out of turn
    device N STATUS, devices N-M STATUS   things report, or time out
    thing N joins, thing N leaves         membership of a continuous job
    add N things                          more targets
    cancel, delete (with force)           by an operator
    pause, resume                         by an operator
    update CLAUSE, CLAUSE, …              UpdateJob
    no room, room                         whether as many jobs run at once as may
    counts, attempts N                    shows executions by status, or those of a thing

``REWRITE=1 pytest tests/core/job`` writes down what the jobs say: read the difference before you keep it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from tests.core.job.virtual import MIDNIGHT, MINUTE, VirtualJob
from tidegate.core import abort, cron, retry, rollout, windows
from tidegate.core import job as machine
from tidegate.core.lifecycle import Act, ExecutionStatus
from tidegate.core.schedule import EndBehavior

_TIME = re.compile(r"(?:day (\d+) )?(\d\d):(\d\d)(?::(\d\d))?")
_REPORTS = {
    "IN_PROGRESS": Act.REPORT_IN_PROGRESS,
    "SUCCEEDED": Act.REPORT_SUCCEEDED,
    "FAILED": Act.REPORT_FAILED,
    "REJECTED": Act.REPORT_REJECTED,
    "TIMED_OUT": Act.TIME_OUT,
}
Settings = dict[str, Any]


def played(text: str) -> str:
    """A script with what its job really says below each ``----``."""
    script, blocks = _Script(), []
    for block in text.strip().split("\n\n"):
        commands, found, _ = block.partition("\n----")
        if not found:
            blocks.append(block)
            continue
        said = [line for command in commands.splitlines() for line in script.run(command)]
        blocks.append("\n".join([commands, "----", *said]))
    return "\n\n".join(blocks) + "\n"


class _Script:
    def __init__(self) -> None:
        self._job: VirtualJob | None = None
        self._now = MIDNIGHT

    def run(self, command: str) -> Iterator[str]:
        if command.startswith("#"):
            return
        for pattern, do in _COMMANDS.items():
            match = re.fullmatch(pattern, command)
            if match is not None:
                yield from do(self, *match.groups()) or ()
                break
        else:
            raise ValueError(f"no such command: {command}")
        if self._job is not None:
            said, self._job.said = self._job.said, []
            yield from said

    @property
    def job(self) -> VirtualJob:
        if self._job is None:
            raise ValueError("the first command makes the job")
        return self._job

    def create(self, count: str, clauses: str | None) -> None:
        settings = _settings(clauses)
        size = settings.pop("size", 1000)
        things = list(range(1, int(count) + 1))
        self._job = VirtualJob(machine.Plan(**settings), things, now=self._now, chunk=size, batch=size)
        self._job.until(self._now)

    def clock(self, time: str) -> None:
        self._now = _instant(time)

    def at(self, time: str) -> None:
        self.job.until(_instant(time))

    def jump(self, time: str) -> None:
        self.job.now = _instant(time)

    def look(self) -> None:
        self.job.look()

    def report(self, first: str, last: str | None, status: str) -> Iterator[str]:
        for thing in range(int(first), int(last or first) + 1):
            if not self.job.move(thing, _REPORTS[status]):
                yield f"refused: thing {thing}"
        self.job.until(self.job.now)

    def joins(self, thing: str) -> None:
        self.job.joins(int(thing))

    def leaves(self, thing: str) -> None:
        self.job.leaves(int(thing))
        self.job.until(self.job.now)

    def add(self, count: str) -> None:
        first = max(self.job.members, default=0) + 1
        self.job.add(list(range(first, first + int(count))))
        self.job.until(self.job.now)

    def cancel(self, force: str | None) -> Iterator[str]:
        if not self.job.cancel(force=bool(force)):
            yield "refused"
        self.job.until(self.job.now)

    def delete(self, force: str | None) -> Iterator[str]:
        if not self.job.delete(force=bool(force)):
            yield "refused"
        self.job.until(self.job.now)

    def pause(self) -> Iterator[str]:
        if not self.job.pause():
            yield "refused"
        self.job.until(self.job.now)

    def resume(self) -> Iterator[str]:
        if not self.job.resume():
            yield "refused"
        self.job.until(self.job.now)

    def update(self, clauses: str) -> None:
        self.job.change(**_settings(clauses))
        self.job.until(self.job.now)

    def set_room(self, no: str | None) -> None:
        self.job.room = not no

    def counts(self) -> Iterator[str]:
        counts = self.job.counts
        yield ", ".join(f"{counts[status]} {status.name}" for status in ExecutionStatus if counts[status]) or "none"

    def attempts(self, thing: str) -> Iterator[str]:
        found = self.job.executions.get(int(thing), [])
        yield ", ".join(f"{one.number} {one.status.name}" for one in found) or "none"


_COMMANDS: dict[str, Callable[..., Iterator[str] | None]] = {
    r"clock ([\d:]+)": _Script.clock,
    r"job with (\d+) things?(?:, (.*))?": _Script.create,
    r"at (.*)": _Script.at,
    r"clock jumps to (.*)": _Script.jump,
    r"look": _Script.look,
    r"devices? (\d+)(?:-(\d+))? ([A-Z_]+)": _Script.report,
    r"thing (\d+) joins": _Script.joins,
    r"thing (\d+) leaves": _Script.leaves,
    r"add (\d+) things?": _Script.add,
    r"cancel( with force)?": _Script.cancel,
    r"delete( with force)?": _Script.delete,
    r"pause": _Script.pause,
    r"resume": _Script.resume,
    r"update (.*)": _Script.update,
    r"(no )?room": _Script.set_room,
    r"counts": _Script.counts,
    r"attempts (\d+)": _Script.attempts,
}


def _instant(time: str) -> int:
    match = _TIME.fullmatch(time)
    if match is None:
        raise ValueError(f"no time: {time}")
    day, hour, minute, second = (int(each or 0) for each in match.groups())
    return MIDNIGHT + max(day - 1, 0) * 24 * 60 * MINUTE + (hour * 60 + minute) * MINUTE + second * 1000


def _settings(clauses: str | None) -> Settings:
    settings: Settings = {}
    for clause in (clauses or "").split(", ") if clauses else ():
        for pattern, read in _CLAUSES.items():
            match = re.fullmatch(pattern, clause)
            if match is not None:
                read(settings, *match.groups())
                break
        else:
            raise ValueError(f"no such clause: {clause}")
    return settings


def _growing(settings: Settings, base: str, factor: str, every: str, what: str) -> None:
    notified, succeeded = (int(every), None) if what == "notified" else (None, int(every))
    settings["rate"] = rollout.Exponential(int(base), Decimal(factor), notified, succeeded)


def _abort(settings: Settings, kind: str, share: str, least: str) -> None:
    settings["abort"] = (*settings.get("abort", ()), abort.Criterion(kind, Decimal(share), int(least)))


def _retry(settings: Settings, kind: str, count: str) -> None:
    settings["retries"] = (*settings.get("retries", ()), retry.Criterion(kind, int(count)))


def _window(settings: Settings, hour: str, minute: str, duration: str) -> None:
    window = windows.Window(cron.parse(f"cron({int(minute)} {int(hour)} * * ? *)"), int(duration))
    settings["windows"] = (*settings.get("windows", ()), window)


def _blackout(settings: Settings, hour: str, minute: str, duration: str) -> None:
    window = windows.Window(cron.parse(f"cron({int(minute)} {int(hour)} * * ? *)"), int(duration))
    settings["blackouts"] = (*settings.get("blackouts", ()), window)


def _end(settings: Settings, time: str, behavior: str) -> None:
    settings.update(ends_at=_instant(time), end_behavior=EndBehavior(behavior))


_CLAUSES: dict[str, Callable[..., None]] = {
    r"continuous": lambda settings: settings.update(continuous=True),
    r"pauses": lambda settings: settings.update(pauses=True),
    r"rate (\d+)/min": lambda settings, rate: settings.update(per_minute=int(rate)),
    r"growing (\d+)/min x([\d.]+) every (\d+) (notified|succeeded)": _growing,
    r"abort (\w+) ([\d.]+)% min (\d+)": _abort,
    r"retry (\w+) (\d+)": _retry,
    r"start (.*)": lambda settings, time: settings.update(starts_at=_instant(time)),
    r"end (.*) (\w+)": _end,
    r"blackout (\d\d):(\d\d) (\d+) min": _blackout,
    r"window (\d\d):(\d\d) (\d+) min": _window,
    r"steps of (\d+)": lambda settings, size: settings.update(size=int(size)),
}
