"""A server in a process of its own, for clients that load it: they and it do not share an interpreter."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

import uvloop

from tidegate.pki.certificates import InvalidCertificateError
from tidegate.server import Addresses, InUseError, Options, assembly
from tidegate.store.database import StoreError

_STOP_S = 20.0


class NotStarted(Exception):  # noqa: N818 - a state, not a fault of the caller
    """The server did not start; the message says why."""


@contextmanager
def served(options: Options) -> Iterator[Addresses]:
    """Run a server in a child process until the block is left, then drain it. It ends, too, if this process dies.

    Raises:
        NotStarted: it could not open its store, its certificates or its listeners.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(options, theirs), name="tidegate-server", daemon=True)
    # Ctrl-C reaches the whole terminal. The child is born deaf to it and heeds the end of the pipe alone. The tracker
    # comes first because it unblocks signals when it starts.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    try:
        yield _addresses(ours)
    finally:
        ours.close()
        process.join(_STOP_S)


def _addresses(pipe: Connection) -> Addresses:
    try:
        answer = pipe.recv()
    except EOFError:
        raise NotStarted("the server ended before it was ready") from None
    if not isinstance(answer, Addresses):
        raise NotStarted(str(answer))
    return answer


def _serve(options: Options, pipe: Connection) -> None:
    """The child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_closed(options, pipe))
        except (InUseError, StoreError, InvalidCertificateError, OSError) as error:
            pipe.send(f"the server did not start: {error}")


async def _until_closed(options: Options, pipe: Connection) -> None:
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), closed.set)
    async with assembly.running(options) as running:
        pipe.send(running.addresses)
        await closed.wait()


def allow_connections(wanted: int) -> bool:
    """Let this process, and those it starts, hold ``wanted`` sockets; False if the system forbids so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + 256
    if soft < needed <= hard or (soft < needed and hard == resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return True
    return soft >= needed
