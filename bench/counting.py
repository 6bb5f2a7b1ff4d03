"""Instructions that a process executes outside the kernel, as callgrind counts them: other work has no say in that."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_POLL_S = 0.1


def possible() -> bool:
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def under(folder: Path) -> tuple[str, ...]:
    """What a command is put behind; its counts go to ``folder``."""
    return ("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={folder}/count.%p")


def instructions(pid: int, folder: Path, work: Callable[[], object]) -> int:
    """How many a process that runs so executes while ``work`` is done."""
    _control("--zero", pid)
    work()
    before = set(folder.iterdir())
    _control("--dump", pid)
    while True:
        for dump in set(folder.iterdir()) - before:
            found = _TOTAL.search(dump.read_text(encoding="utf-8"))
            if found:
                return int(found[1])
        time.sleep(_POLL_S)


def _control(order: str, pid: int) -> None:
    subprocess.run(["callgrind_control", order, str(pid)], check=True, capture_output=True)
