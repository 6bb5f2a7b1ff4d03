"""The keys that this server signs its own presigned URLs with: made once, readable by the server's user alone.

Nobody is ever given a secret; a URL signed with it allows exactly what the URL says. The file has the key that signs on
its first line; a key that was replaced follows as ``ID SECRET UNTIL`` and counts until then, so that no URL ends early.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final, NamedTuple

from tidegate import files
from tidegate.aws.sigv4 import Key
from tidegate.clock import Ids, Millis, monotonic, wall_now
from tidegate.objects.blobs import private

log = logging.getLogger("tidegate.objects")

KEY_ID: Final = "TIDEGATEPRESIGNED000"
"""Twenty characters as access keys have; no key of an operator begins like this. The number counts the changes."""
FILE: Final = "presign.key"
LONGEST_MS: Final = 3_600_000 + 60_000
"""The longest validity of a URL in a document, and a minute for the servers to follow."""
_SECRET_CHARACTERS = 40
_GLANCE_S = 1.0


class Held(NamedTuple):
    """What the file holds; ``until`` are epoch ms of the wall clock."""

    key: Key
    before: tuple[tuple[Key, Millis], ...] = ()


class Credential:
    """The keys of a data directory, read again when the file changes. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError``: the file cannot be read; ``ValueError``: it holds no key."""
        self._path = path
        self._seen = files.seen([path])
        self._held = read(path)
        self._looked = monotonic()

    def signing(self) -> Key:
        """The key that signs."""
        self._look()
        return self._held.key

    def find(self, key_id: str) -> Key | None:
        """The key that a URL names, if it still counts."""
        if not key_id.startswith(KEY_ID[:-3]):
            return None
        self._look()
        now = wall_now()
        counting = [self._held.key, *(key for key, until in self._held.before if now < until)]
        return next((key for key in counting if key.key_id == key_id), None)

    def _look(self) -> None:
        if monotonic() - self._looked < _GLANCE_S:
            return
        self._looked = monotonic()
        found = files.seen([self._path])
        if found != self._seen:
            self._seen = found
            try:
                self._held = read(self._path)
            except (OSError, ValueError) as error:
                log.error("%s cannot be read again: %s; the keys it held stay", self._path, error)


def load_or_create(directory: Path, ids: Ids) -> Credential:
    """The keys of a data directory. The file appears whole or not at all.

    Raises:
        OSError: the file can be neither read nor made.
    """
    path = directory / FILE
    if not path.exists():
        files.create(path, ids.token(_SECRET_CHARACTERS) + "\n", ids)
    private([path])
    return Credential(path)


def rotate(directory: Path, ids: Ids, now: Millis) -> None:
    """Sign with a new key from now on; the old one counts as long as its URLs may."""
    held = load_or_create(directory, ids)._held
    number = (int(held.key.key_id[-3:]) + 1) % 1000
    lines = [f"{KEY_ID[:-3]}{number:03} {ids.token(_SECRET_CHARACTERS)}"]
    kept = [(key, until) for key, until in held.before if now < until]
    lines += [f"{key.key_id} {key.secret} {until}" for key, until in [(held.key, now + LONGEST_MS), *kept]]
    files.replace(directory / FILE, "\n".join(lines) + "\n", mode=0o600)


def read(path: Path) -> Held:
    """What a file holds. Raises ``OSError`` and ``ValueError``."""
    first, *others = path.read_text(encoding="ascii").strip().splitlines() or [""]
    words = first.split()
    if not 1 <= len(words) <= 2:
        raise ValueError(f"{path} holds no key")
    before = []
    for line in others:
        key_id, secret, until = line.split()
        before.append((Key(key_id, secret), int(until)))
    return Held(Key(words[0] if len(words) == 2 else KEY_ID, words[-1]), tuple(before))
