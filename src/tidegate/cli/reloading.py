"""SIGHUP: the configuration file, the files that options name, and certificates are read again."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable

from cyclopts import CycloptsError

from tidegate.cli import configuration, logs
from tidegate.cli.config_file import ConfigError
from tidegate.cli.configuration import Configuration
from tidegate.ops.quotas import SettingsError
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.server import reload
from tidegate.server.assembly import Running
from tidegate.store.database import StoreError

log = logging.getLogger("tidegate")

LIVE = frozenset({"quotas", "throttles", "rollout_ceiling", "hook", "hook_host", "log_level", "log_format"})
"""Options that count without a restart."""


class Reloading:
    """Lives on the server's event loop."""

    def __init__(self, running: Running, given: Configuration, again: Callable[[], Configuration]) -> None:
        """``again`` reads the command line, the environment and the file as at the start."""
        self._running = running
        self._begun = given
        self._given = given
        self._begun_options = self._options = configuration.of(given)
        self._again = again
        self._one = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Look at everything once more (the handler of the signal)."""
        self._running.trust.look()
        task = asyncio.get_running_loop().create_task(self._take_up())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_up(self) -> None:
        async with self._one:
            try:
                given = await asyncio.to_thread(self._again)
                chosen = await asyncio.to_thread(configuration.of, given)
                changed = await reload.take_up(self._running, self._begun_options, self._options, chosen)
            except (ConfigError, CycloptsError, SettingsError, InvalidCertificateError, StoreError, OSError) as error:
                log.error("the configuration was not read again, and the server goes on as it was: %s", error)
                return
            if (given.log_level, given.log_format) != (self._given.log_level, self._given.log_format):
                logs.begin(given.log_level, given.log_format)
            waiting = [name for name in _different(self._begun, given) if name not in LIVE]
            self._given, self._options = given, chosen
            log.info("the configuration was read again; changed at once: %s", ", ".join(changed) or "nothing")
            if waiting:
                named = ", ".join(f"--{name.replace('_', '-')}" for name in waiting)
                log.warning("these options wait for a restart: %s", named)


def _different(old: Configuration, new: Configuration) -> list[str]:
    names = [field.name for field in dataclasses.fields(Configuration)]
    return [name for name in names if getattr(old, name) != getattr(new, name)]
