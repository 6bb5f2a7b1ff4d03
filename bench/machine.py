"""What the figures were measured on, and where each process runs."""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
from pathlib import Path
from typing import NamedTuple

from tidegate import form


class Cores(NamedTuple):
    """The cores of the measured process and of the load; the same one where there is only one."""

    server: int
    load: int


def cores() -> Cores:
    """Two different cores if the machine has them."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1])


def pin(core: int) -> None:
    """Keep this process, and the threads it will start, on one core."""
    os.sched_setaffinity(0, {core})


def many_files() -> None:
    """Allow as many open sockets as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory(pid: int) -> int:
    """Bytes of resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def cpu_seconds(pid: int) -> float:
    """CPU time that all threads of a process have had."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def cpu_seconds_in_all(pid: int) -> float:
    """The same with threads that have ended, to the hundredth of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def child(pid: int) -> int:
    """The latest process that a process has started and that runs."""
    return max(children(pid))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(found) for task in tasks for found in (task / "children").read_text().split()]


def description() -> str:
    """One line about the machine: no path, no host name."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    versions = f"{form.text()}, SQLite {sqlite3.sqlite_version}"
    return f"{len(os.sched_getaffinity(0))} cores ({model}), {platform.system()}; {versions}"
