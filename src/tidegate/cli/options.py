"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tidegate.server import Address

_ACCOUNT = re.compile(r"[0-9]{12}")
_STORE = re.compile(r"sqlite|postgres(ql)?://.+")

DATA = Path("tidegate-data")
"""The data directory unless one is named."""


def address(text: str) -> Address:
    """``HOST:PORT`` or ``[HOST]:PORT``.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Address(host, int(port))


def _check_address(_type: Any, text: str | None) -> None:
    if text is not None:
        address(text)


def _check_account(_type: Any, text: str) -> None:
    if not _ACCOUNT.fullmatch(text):
        raise ValueError("an account has 12 digits")


def _check_store(_type: Any, text: str) -> None:
    if not _STORE.fullmatch(text):
        raise ValueError("the store is sqlite or a postgresql:// URL")


Data = Annotated[Path, Parameter(help="Directory of the store, the certificate authority and the lock.")]
Account = Annotated[str, Parameter(help="The account of callers that name none.", validator=_check_account)]
Store = Annotated[
    str, Parameter(help="sqlite (a file in the data directory) or postgresql://…", validator=_check_store)
]


def listen(text: str) -> Parameter:
    """A HOST:PORT option; ``text`` says what listens there."""
    return Parameter(help=f"HOST:PORT for {text}; port 0 takes a free one.", validator=_check_address)
