"""Processes that measure or are measured, told what to do in lines of JSON.

A child is a module of this package with ``COMMANDS`` run by ``obey``; the parent starts it on a core and asks. Load and
server are never one process: they would share the interpreter that is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from bench import machine

Command = Callable[..., Awaitable[Any]]


class Tree(NamedTuple):
    """Where a child's benchmarks are, and where its tidegate is."""

    root: Path
    package: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which Python finds them before what is installed."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join((str(self.package), str(self.root)))}


class ChildError(Exception):
    """A child ended or failed; its own words are on standard error."""


class Child:
    """A running child. As a context manager it is ended at the end of the block."""

    def __init__(
        self, module: str, core: int, *, under: Sequence[str] = (), tree: Tree | None = None, **options: Any
    ) -> None:
        """``under``: a command that runs it, such as a profiler; ``tree``: another than the one that runs here."""
        self._module = module
        arguments = [*under, sys.executable, "-m", module, str(core), json.dumps(options)]
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tree.root if tree else None,
            env=tree.environment if tree else None,
        )
        self.pid = self._process.pid
        try:
            self.ready: Any = self._answer()
        except ChildError:
            self._close()
            raise

    def ask(self, command: str, **parameters: Any) -> Any:
        """Have a command carried out; what it returns.

        Raises:
            ChildError: the child is gone.
        """
        self.tell(command, **parameters)
        return self._answer()

    def tell(self, command: str, **parameters: Any) -> None:
        """Begin a command; ``answer`` waits for what it returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, parameters]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What the command that was begun returns."""
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildError(f"{self._module} ended with {self._process.wait()}")
        return json.loads(line)

    @property
    def cpu_seconds(self) -> float:
        """CPU time it has had so far."""
        return machine.cpu_seconds(self.pid)

    @property
    def memory(self) -> int:
        """Bytes of resident memory."""
        return machine.memory(self.pid)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def options() -> dict[str, Any]:
    """In a child: go to the given core, and return the options."""
    machine.pin(int(sys.argv[1]))
    machine.many_files()
    given: dict[str, Any] = json.loads(sys.argv[2])
    return given


def say(value: Any) -> None:
    """In a child: answer the parent."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def obey(commands: Mapping[str, Command]) -> None:
    """In a child with an event loop: carry out commands until the parent ends them."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        name, parameters = json.loads(line)
        say(await commands[name](**parameters))


def obey_plainly(commands: Mapping[str, Callable[..., Any]]) -> None:
    """In a child without one: the same."""
    for line in sys.stdin:
        name, parameters = json.loads(line)
        say(commands[name](**parameters))
