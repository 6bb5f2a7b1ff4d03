"""What changes of who clients are, so that an answer on its way while it changed is known to be out of date.

A fleet that is being provisioned changes certificates by the hundred in a second. Those who connect meanwhile need not
be asked about again for the sake of others' certificates.
"""

from __future__ import annotations

from typing import Final

_REMEMBERED: Final = 1024
"""Principals; an answer that is older than what is remembered counts as out of date."""


class Changes:
    """Counts changes. Lives on the event loop."""

    def __init__(self) -> None:
        self.count = 0
        """To be noted when somebody is asked about, and given to ``outdated``."""
        self._of_all = 0
        self._of_signers = 0
        self._of: dict[str, int] = {}  # by principal, the oldest first

    def note(self, principal: str | None) -> None:
        """A principal, or any of them, is no longer what it was."""
        self.count += 1
        if principal is None:
            self._of_all = self.count
            return
        self._of.pop(principal, None)
        self._of[principal] = self.count
        if len(self._of) > _REMEMBERED:
            self._of_all = max(self._of_all, self._of.pop(next(iter(self._of))))

    def note_signers(self) -> None:
        """An access key, or what it may do, is no longer what it was."""
        self.count += 1
        self._of_signers = self.count

    def outdated(self, since: int, principal: str | None, *, signs: bool) -> bool:
        """Whether an answer may not be true any more.

        Args:
            since: ``count`` when it was asked for.
            principal: who was found; None: nobody, who may be known by now.
            signs: whether an access key stands for the client.
        """
        if principal is None:
            return self.count > since
        newest = max(self._of_all, self._of.get(principal, 0), self._of_signers if signs else 0)
        return newest > since
