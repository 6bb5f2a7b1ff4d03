"""What can happen to the SQLite file: a foreign lock, a full disk, a read-only one, deletion."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.ordeal import Row
from tools.ordeal._served import Canaries, Served, serving, timed, until, within


def run() -> list[Row]:
    """Each in turn."""
    return [*_locked(), *_deleted(), *_disk()]


def _locked() -> list[Row]:
    scenario = "another process locks the SQLite file"
    with serving() as (served, folder):
        canaries = Canaries(served, folder)
        time.sleep(2)
        other = sqlite3.connect(folder / "tidegate.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        rows = [
            within(scenario, "health says 503", 2, _timed_status(served.health, 503)),
            within(scenario, "a write is refused with 503", 5, _timed_status(lambda: served.write("no"), 503)),
        ]
        reads = [timed(lambda: served.ask("GET", "/things"))[0] for _ in range(20)]
        rows.append(within(scenario, "the slowest of 20 reads", 0.25, max(reads)))
        other.execute("ROLLBACK")
        other.close()
        rows.append(within(scenario, "all well after the lock", 5, until(lambda: served.write("yes")[0] == 200)))
        return rows + canaries.rows(scenario, bound=5)


def _deleted() -> list[Row]:
    scenario = "the SQLite file is deleted while the server runs"
    with serving() as (served, folder):
        served.write("before")
        (folder / "tidegate.db").unlink()
        took, (status, _) = timed(served.health)
        told = status == 503 and served.lines("was deleted or replaced") >= 1
        return [
            within(scenario, "health says 503, and the log why", 2, took, ok=told),
            within(scenario, "a write is refused with 503", 5, _timed_status(lambda: served.write("no"), 503)),
        ]


def _disk() -> list[Row]:
    with _small_disk() as disk:
        if disk is None:
            return [Row("the disk is full or read-only", "not tried: only root can mount a small disk", 0, 0, ok=True)]
        served = Served(disk / "data")
        try:
            return [*_full(served, disk), *_read_only(served, disk)]
        finally:
            served.stop()


def _full(served: Served, disk: Path) -> list[Row]:
    scenario = "the disk is full"
    canaries = Canaries(served, disk / "data")
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    until(lambda: served.ask("POST", f"/things/f{time.monotonic_ns()}", {"attributePayload": {}})[0] == 503, 10)
    for number in range(200):
        served.write(f"no-{number}")
    lines = served.lines("could not be stored")
    rows = [
        within(scenario, "health says 503", 2, _timed_status(served.health, 503)),
        within(scenario, "a write is refused with 503", 5, _timed_status(lambda: served.write("no"), 503)),
        Row(scenario, "lines of the log about 200 refused writes", 2, lines, 1 <= lines <= 2),
    ]
    ballast.unlink()
    rows.append(within(scenario, "all well after it is emptied", 5, until(lambda: served.write("y")[0] == 200)))
    return rows + canaries.rows(scenario)


def _read_only(served: Served, disk: Path) -> list[Row]:
    """A file that may not be written at the next start; an open one goes on being written.

    On a busy machine a command takes long to begin; what the same one takes on a disk that is well does not count.
    """
    scenario = "the disk is read-only at the start"
    served.stop()
    begun, _ = timed(lambda: _command(disk, ["keys", "list"]))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        return [
            within(scenario, f"`tidegate {' '.join(words)}` says why in one sentence", 5, _refused(disk, words) - begun)
            for words in (["keys", "list"], ["serve", "--http", "127.0.0.1:0"])
        ]
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def _refused(disk: Path, words: list[str]) -> float:
    """How long a command took to say so; for ever, if it said something else."""
    took, done = timed(lambda: _command(disk, words))
    told = done.returncode == 1 and "; it is read-only: let" in done.stderr and done.stderr.count("\n") == 1
    return took if told else float("inf")


def _command(disk: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate.cli", *words, "--data", str(disk / "data")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def _timed_status(ask: Callable[[], tuple[int, str]], expected: int) -> float:
    """How long an answer took; for ever, if it was another."""
    took, (status, _) = timed(ask)
    return took if status == expected else float("inf")


@contextmanager
def _small_disk() -> Iterator[Path | None]:
    with tempfile.TemporaryDirectory(prefix="tidegate-ordeal-disk-") as name:
        mounted = (
            os.geteuid() == 0
            and not subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", name], check=False, capture_output=True
            ).returncode
        )
        try:
            yield Path(name) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", "-l", name], check=False)
