"""A simulated fleet in several processes: each has a part of the devices and tells now and then how they are."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import ssl
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import uvloop

from tidegate.core.forecast.fleet import Fleet
from tidegate.fleet import process
from tidegate.fleet.device import tls_context
from tidegate.fleet.modelled import Modelled
from tidegate.fleet.registration import Credentials
from tidegate.fleet.simulation import Place, Simulation, Tally

_TELL_S = 0.5
_STOP_S = 20.0


class Work(NamedTuple):
    """What a process is given. ``ca`` and ``credentials`` are files that all its devices share."""

    names: Sequence[str]
    fleet: Fleet
    seed: int
    speed: float
    begins_at: float
    place: Place
    ca: Path | None
    credentials: Credentials | None


class Shards:
    """The processes of a fleet."""

    def __init__(self, pipes: Sequence[Connection], works: Sequence[Work]) -> None:
        self._pipes = list(pipes)
        self._last = [Tally.none(len(work.names)) for work in works]

    @property
    def tally(self) -> Tally:
        """What they told last.

        Raises:
            ChildProcessError: one has ended.
        """
        for place, pipe in enumerate(self._pipes):
            try:
                while pipe.poll():
                    told = pipe.recv()
                    if not isinstance(told, Tally):
                        raise ChildProcessError(told)
                    self._last[place] = told
            except (EOFError, ConnectionResetError):
                raise ChildProcessError("a process of the fleet ended") from None
        return Tally.of(self._last)


@contextlib.contextmanager
def living(works: Sequence[Work]) -> Iterator[Shards]:
    """Run a process for each part until the block is left. They end, too, if this process dies."""
    spawn = multiprocessing.get_context("spawn")
    pairs = [spawn.Pipe() for _ in works]
    # As in ``process.served``: Ctrl-C reaches the whole terminal, and children heed the end of their pipe alone.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    processes = [
        spawn.Process(target=_live, args=(work, theirs), name="tidegate-fleet", daemon=True)
        for work, (_, theirs) in zip(works, pairs, strict=True)
    ]
    try:
        for each in processes:
            each.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for _, theirs in pairs:
        theirs.close()
    try:
        yield Shards([ours for ours, _ in pairs], works)
    finally:
        for ours, _ in pairs:
            ours.close()
        for each in processes:
            each.join(_STOP_S)


def _live(work: Work, pipe: Connection) -> None:
    """A child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.allow_connections(len(work.names))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_until_closed(work, pipe))
        except OSError as error:
            with contextlib.suppress(OSError):
                pipe.send(f"the fleet cannot live: {error}")


async def _until_closed(work: Work, pipe: Connection) -> None:
    context = _context(work)
    modelled = Modelled(work.fleet, work.seed, work.speed)
    simulation = Simulation(
        work.names, modelled, work.place, lambda _: context, begins_at=work.begins_at, speed=work.speed
    )
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pipe.fileno(), closed.set)
    living = asyncio.create_task(simulation.run())
    try:
        while not closed.is_set() and not living.done():
            pipe.send(simulation.tally)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), _TELL_S)
    except BrokenPipeError:
        pass  # whoever started us is gone
    finally:
        loop.remove_reader(pipe.fileno())
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


def _context(work: Work) -> ssl.SSLContext | None:
    if work.credentials is None:
        return None if work.ca is None else ssl.create_default_context(cafile=str(work.ca))
    if work.ca is not None:
        return tls_context(work.ca, *work.credentials)
    context = ssl.create_default_context()
    context.load_cert_chain(*work.credentials)
    return context
