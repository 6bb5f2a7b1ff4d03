"""What becomes of a policy's statement when a variable in it has no value.

The same for policies of devices (``policy``) and of operators (``iam``). A resource or an operand with such a variable
matches nothing, and the others beside it still count: a Deny of ``topic/secret`` and of ``topic/${…}`` goes on denying
the former. Only what is excepted (``NotResource``, the operands of ``StringNotEquals``) silences the whole statement:
an exception that is not known leaves open what the statement speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class UnresolvedError(Exception):
    """A variable without a usable value; ``missing`` is its key if it has none at all."""

    def __init__(self, text: str, missing: str | None = None) -> None:
        super().__init__(text)
        self.missing = missing


def usable(
    alternatives: Iterable[T], substituted: Callable[[T], str], *, exceptions: bool
) -> tuple[list[str], list[UnresolvedError]]:
    """Alternatives with their variables replaced, and what was wrong with those that are left out.

    Raises ``UnresolvedError`` if all of them are left out; where they are ``exceptions``, if any is.
    """
    found: list[str] = []
    lacking: list[UnresolvedError] = []
    for each in alternatives:
        try:
            found.append(substituted(each))
        except UnresolvedError as error:
            lacking.append(error)
    if lacking and (exceptions or not found):
        raise lacking[0]
    return found, lacking
