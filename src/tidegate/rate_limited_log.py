"""Log lines that anybody, or a broken dependency, could bring forth by the thousand: one a minute of each cause."""

from __future__ import annotations

import logging

from tidegate.clock import monotonic

_MINUTE_S = 60.0


class RateLimitedLog:
    """Writes to a log. What was left out meanwhile is counted and told with the next line of its cause.

    A cause is the template, and ``kind`` where one template is for several; both are ours, not a caller's: they are
    kept for good. Belongs to whoever writes, not to a module, so that two servers in a process do not silence each
    other. A lock is not needed: two threads that come at once write two lines.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def error(self, template: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log an error, unless the same was logged within a minute."""
        self._tell(logging.ERROR, template, values, exc_info=exc_info)

    def warning(self, template: str, *values: object, kind: str = "") -> None:
        """Log a warning, unless the same was logged within a minute."""
        self._tell(logging.WARNING, template, values, kind)

    def _tell(
        self,
        level: int,
        template: str,
        values: tuple[object, ...],
        kind: str = "",
        exc_info: BaseException | None = None,
    ) -> None:
        now, cause = monotonic(), (template, kind)
        at, left_out = self._told.get(cause, (-_MINUTE_S, 0))
        if now - at < _MINUTE_S:
            self._told[cause] = at, left_out + 1
            return
        self._told[cause] = now, 0
        if left_out:
            template += f" (and {left_out} times more since the last such line)"
        self._log.log(level, template, *values, exc_info=exc_info)
