"""A hook that is a file: one serial number a line. The commonest question that is asked before provisioning.

A line that begins with ``#`` says nothing. The file is read for each question, so that it may change at any time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from tidegate.net.hooks import HookFaultError

SCHEME: Final = "list:"
PARAMETER: Final = "SerialNumber"


def answer(path: str, question: bytes) -> bytes:
    """What a pre-provisioning hook would answer: whether the device's ``SerialNumber`` is in the file. Blocks.

    Raises:
        HookFaultError: the file cannot be read.
    """
    asked: Any = msgspec.json.decode(question)
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise HookFaultError(f"the list cannot be read: {error}") from None
    serial = asked["parameters"].get(PARAMETER, "").strip()
    listed = bool(serial) and not serial.startswith("#") and any(line.strip() == serial for line in lines)
    return msgspec.json.encode({"allowProvisioning": listed})
