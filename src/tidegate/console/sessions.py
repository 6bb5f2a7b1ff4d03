"""Who has signed in. In memory only: when the server stops, everybody is signed out.

A browser holds a random id in a cookie that no script can read; the secret of an access key is looked at once and not
kept. A session ends when it rests for ``IDLE_S``, after ``LASTS_S`` at the latest, when its key may not be used any
more (which is looked at with every request), and when ``MOST`` others were begun or used since.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from tidegate.clock import Ids, monotonic, wall_now
from tidegate.runtime.access_keys import AccessKeys, Identity, Unknown

IDLE_S: Final = 2 * 3600.0
LASTS_S: Final = 12 * 3600.0
MOST: Final = 1000
_LENGTH: Final = 43


class Session(NamedTuple):
    """A signed-in browser; ``proof`` is a digest of the secret that was shown, by a key that is this process's."""

    key_id: str
    proof: str
    begun: float
    seen: float


class RefusedError(Exception):
    """Nobody is signed in; ``reason`` is for the log. ``throttled``: it was tried too often."""

    def __init__(self, message: str, reason: str, *, throttled: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.throttled = throttled


class Sessions:
    """The sessions of one server. Lives on its event loop."""

    def __init__(self, access_keys: AccessKeys, ids: Ids, now: Callable[[], float] = monotonic) -> None:
        self._access_keys = access_keys
        self._ids = ids
        self._now = now
        self._key = ids.token(_LENGTH).encode()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def new_id(self) -> str:
        """An id for a browser that has none, or that signs in."""
        return self._ids.token(_LENGTH)

    def form_token(self, session_id: str) -> str:
        """What a form of a page must bring along: no other site's page can know it."""
        return self._digest(f"form {session_id}")

    def fits(self, session_id: str, token: str) -> bool:
        """Whether a form came from a page of this browser's."""
        return hmac.compare_digest(self.form_token(session_id).encode(), token.encode())

    async def sign_in(self, key_id: str, secret: str, token: str | None, address: str) -> tuple[str, Identity]:
        """Begin a session for whoever proves to know a key's secret; its id.

        Raises:
            RefusedError: this is not the secret of a key that may be used.
            StoreError: the keys cannot be read.
        """
        found = await self._access_keys.find(key_id, token)
        if isinstance(found, Unknown):
            raise self._refused(found.reason, address)
        if not hmac.compare_digest(found.secret.encode(), secret.encode()):
            raise self._refused("its secret is another", address)
        if found.expired(wall_now()):
            raise RefusedError("These credentials have expired.", "its credentials have expired")
        session_id, now = self.new_id(), self._now()
        self._sessions[session_id] = Session(key_id, self._digest(f"secret {found.secret}"), now, now)
        while len(self._sessions) > MOST:
            self._sessions.popitem(last=False)
        self._access_keys.used(found)
        return session_id, found

    def _refused(self, reason: str, address: str) -> RefusedError:
        if self._access_keys.failures.throttles(address, guessed=True):
            return RefusedError("Too many attempts from this address. Wait a moment.", reason, throttled=True)
        return RefusedError("This access key and secret do not go together.", reason)

    async def holder(self, session_id: str) -> Identity | None:
        """Who has signed in, if the session has not ended. Raises ``StoreError``."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        now = self._now()
        if now - session.seen > IDLE_S or now - session.begun > LASTS_S:
            self.end(session_id)
            return None
        found = await self._access_keys.holder(session.key_id)
        ended = isinstance(found, Unknown) or found.expired(wall_now())
        if isinstance(found, Unknown) or ended or self._digest(f"secret {found.secret}") != session.proof:
            self.end(session_id)
            return None
        if session_id in self._sessions:  # it may have been ended meanwhile
            self._sessions[session_id] = session._replace(seen=now)
            self._sessions.move_to_end(session_id)
        return found

    def end(self, session_id: str) -> None:
        """Sign out."""
        self._sessions.pop(session_id, None)

    def _digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def readable(session_id: str) -> bool:
    """Whether a cookie may be one of ours."""
    return len(session_id) == _LENGTH and session_id.isascii() and session_id.isprintable()
