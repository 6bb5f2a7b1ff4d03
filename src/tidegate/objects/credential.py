"""The key that this server signs its own presigned URLs with: made once, readable by the server's user alone.

Nobody is ever given the secret; a URL signed with it allows exactly what the URL says.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from tidegate.clock import Ids
from tidegate.objects.blobs import private
from tidegate.objects.sigv4 import Key

KEY_ID: Final = "TIDEGATEPRESIGNED000"
"""Twenty characters as access keys have; no key of an operator begins like this."""
_SECRET_CHARACTERS = 40


def load_or_create(directory: Path, ids: Ids) -> Key:
    """The key of a data directory. Its file appears whole or not at all.

    Raises:
        OSError: the file can be neither read nor made.
    """
    path = directory / "presign.key"
    if not path.exists():
        _create(path, ids)
    private([path])
    return Key(KEY_ID, path.read_text(encoding="ascii").strip())


def _create(path: Path, ids: Ids) -> None:
    partial = path.with_name(f"presign.key.{ids.token(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(ids.token(_SECRET_CHARACTERS) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the one
            os.link(partial, path)
    finally:
        partial.unlink()
