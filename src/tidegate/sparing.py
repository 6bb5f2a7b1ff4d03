"""Lines of the log that a broken dependency would otherwise bring forth by the thousand: one a minute of each cause."""

from __future__ import annotations

import logging

from tidegate.clock import monotonic

_MINUTE_S = 60.0


class Sparing:
    """Writes to a log. A cause is a template: what was left out meanwhile is counted and told with its next line.

    Belongs to whoever writes, not to a module, so that two servers in a process do not silence each other. A lock is
    not needed: two threads that come at once write two lines.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, tuple[float, int]] = {}

    def error(self, template: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log an error, unless the same was logged within a minute."""
        self.log(logging.ERROR, template, *values, exc_info=exc_info)

    def warning(self, template: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log a warning, unless the same was logged within a minute."""
        self.log(logging.WARNING, template, *values, exc_info=exc_info)

    def log(self, level: int, template: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log at a level, unless the same was logged within a minute."""
        now = monotonic()
        at, left_out = self._told.get(template, (-_MINUTE_S, 0))
        if now - at < _MINUTE_S:
            self._told[template] = at, left_out + 1
            return
        self._told[template] = now, 0
        if left_out:
            template += f" (and {left_out} times more since the last such line)"
        self._log.log(level, template, *values, exc_info=exc_info)
