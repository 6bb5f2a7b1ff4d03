"""Options out of the environment: ``TIDEGATE_`` and the option's name, as compose files and unit files write them."""

from __future__ import annotations

from typing import Any

from cyclopts import App
from cyclopts.config import Env

_SWITCH = {"on": "true", "off": "false"}


class Environment(Env):
    """As cyclopts reads it, but an empty variable is not set, and ``on`` and ``off`` do for a switch."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: Any) -> None:
        super().__call__(app, commands, arguments)
        for argument in arguments:
            given = [token for token in argument.tokens if token.source != self.source or token.value != ""]
            if argument.hint is bool:
                given = [token.evolve(value=_SWITCH.get(token.value.lower(), token.value)) for token in given]
            argument.tokens[:] = given
