"""The endpoint's process: ``python -m tidegate.s3 LISTENING-FD CONTROL-FD``, started by the server and ended by it.

Its settings come first on the control socket. Told to stop, it finishes what is under way, and exits; when the server
is gone without a word, it is gone at once, as if it had been killed with it. It is a little nicer to others than the
server: jobs go before downloads.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sqlite3
import sys
from contextlib import suppress

import msgspec
import uvloop

from tidegate import process
from tidegate.clock import RandomIds
from tidegate.faults import explained
from tidegate.net import room
from tidegate.objects.index import IndexFaultError
from tidegate.s3 import endpoint
from tidegate.s3.asking import Line
from tidegate.s3.endpoint import BusyError, Settings

_NICER = 10
_REPORT_S = 1.0
_ORPHANED = 3


def main() -> int:
    """Serve until the server is gone; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server gets them, too, and says when it is time
    process.keep_private()
    with suppress(OSError):
        os.nice(_NICER)
    room.raise_limit()
    logging.basicConfig(
        level=os.environ.get("TIDEGATE_LOG_LEVEL", "info").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    listening = socket.socket(fileno=int(sys.argv[1]))
    control = socket.socket(fileno=int(sys.argv[2]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(listening, control))


async def _serve(listening: socket.socket, control: socket.socket) -> int:
    reader, writer = await asyncio.open_unix_connection(sock=control)
    settings = msgspec.json.decode(await reader.readline(), type=Settings)
    line = Line(reader, writer)
    answered: list[tuple[str, int, float]] = []
    try:
        async with endpoint.serving(
            settings, listening, line, RandomIds(), lambda *seen: answered.append(seen)
        ) as listener:
            line.tell("ready")

            async def report() -> None:
                while True:
                    line.tell("seen", answered.copy(), listener.connection_count(), listener.admission.seen())
                    answered.clear()
                    await asyncio.sleep(_REPORT_S)

            tasks = [asyncio.create_task(work) for work in (report(), line.run())]
            if not await line.told_to_stop:
                os._exit(_ORPHANED)
            tasks[0].cancel()
    except (BusyError, IndexFaultError, OSError, sqlite3.Error) as error:
        with suppress(ConnectionError):
            told = f"the objects' index: {explained(error)}" if isinstance(error, sqlite3.Error) else str(error)
            line.tell("failed", told)
            await writer.drain()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
