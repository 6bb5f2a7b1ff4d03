"""Connections that are dropped on purpose, all at once, again and again (faults about ``connection``)."""

from __future__ import annotations

import asyncio

from tidegate.core.injected import CONNECTION, Rule
from tidegate.devices.server import Server
from tidegate.runtime.service import Service


class Storms:
    """The storms of one server; follows what faults are chosen."""

    def __init__(self, service: Service, server: Server) -> None:
        self._service, self._server = service, server
        self._timers: list[asyncio.TimerHandle] = []
        service.injecting.append(self.choose)
        self.choose()

    def choose(self) -> None:
        """Take up what was chosen."""
        self.stop()
        injector = self._service.injector
        if injector is not None:
            rules = [rule for rule in injector.faults.rules if CONNECTION in rule.operations]
            self._timers = [
                self._server.loop.call_later(rule.by_ms / 1000, self._break, rule, place)
                for place, rule in enumerate(rules)
            ]

    def stop(self) -> None:
        """No more storms."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _break(self, rule: Rule, place: int) -> None:
        injector = self._service.injector
        if injector is None:
            return
        for client_id, abort in self._server.clients_now():
            if injector.fault(CONNECTION, client_id) is rule:
                abort()
        self._timers[place] = self._server.loop.call_later(rule.by_ms / 1000, self._break, rule, place)
