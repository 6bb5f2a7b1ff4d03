"""The grammar of placeholders in job documents: ``${aws:iot:…}``, and ``${thingName}`` and its two siblings.

Only those are AWS's. Any other ``${…}``, a shell's for instance, is ordinary text, unless it stands in one of these.
What a placeholder means is not known here: ``presign``, ``package_placeholders`` and ``managed`` know it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tidegate.core import texts

LOCALS: Final = ("thingName", "jobId", "executionNumber")
"""What only an execution knows: allowed inside upload placeholders alone (control reference 5.3)."""

_OWN: Final = "aws:iot:"
_MARK: Final = re.compile(r"\$\{|\}")
_LOCAL: Final = re.compile(rf"(?:{'|'.join(LOCALS)})\}}")
_KIND: Final = re.compile(r"aws:(iot:[^:${}]*)")
_LAYERS: Final = 3
"""Placeholders inside placeholders are two layers; what is deeper cannot be right, whatever it is."""


class PlaceholderError(Exception):
    """A text whose placeholders cannot be told apart; the message is for the caller of the API."""


class Placeholder(NamedTuple):
    """One placeholder: what stands between its braces."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """As it was written."""
        return "${" + joined(self.parts) + "}"

    @property
    def local(self) -> str | None:
        """Which of the three local ones it is."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, str) and only in LOCALS else None

    @property
    def kind(self) -> str | None:
        """The word after ``aws:iot:``; None if it is not one of AWS's."""
        head = self.parts[0] if self.parts else ""
        if not isinstance(head, str) or not head.startswith(_OWN):
            return None
        return head.removeprefix(_OWN).partition(":")[0]

    @property
    def argument(self) -> tuple[Part, ...]:
        """What follows the kind and its colon."""
        head = self.parts[0]
        assert isinstance(head, str)
        rest = head.removeprefix(_OWN).partition(":")[2]
        return ((rest,) if rest else ()) + self.parts[1:]

    @property
    def nested(self) -> list[Placeholder]:
        """The placeholders directly inside."""
        return [part for part in self.parts if isinstance(part, Placeholder)]


Part = str | Placeholder


def joined(parts: tuple[Part, ...]) -> str:
    """Parts as they were written."""
    return "".join(part if isinstance(part, str) else part.text for part in parts)


def scan(text: str) -> tuple[Part, ...]:
    """Cut a text into ordinary text and placeholders, which may hold others.

    Raises:
        PlaceholderError: one is not terminated, or they are nested deeper than any may be.
    """
    layers: list[list[Part]] = [[]]
    at = 0
    for mark in _MARK.finditer(text):
        opens = mark.group() == "${" and (len(layers) > 1 or _is_own(text, mark.end()))
        closes = mark.group() == "}" and len(layers) > 1
        if not (opens or closes):
            continue
        if mark.start() > at:
            layers[-1].append(text[at : mark.start()])
        at = mark.end()
        if opens:
            if len(layers) > _LAYERS:
                raise PlaceholderError(texts.placeholders.second_layer(kind_at(text, at)))
            layers.append([])
        else:
            inner = layers.pop()
            layers[-1].append(Placeholder(tuple(inner)))
    if len(layers) > 1:
        raise PlaceholderError(texts.placeholders.NOT_TERMINATED)
    if at < len(text):
        layers[0].append(text[at:])
    return tuple(layers[0])


def kind_at(text: str, at: int = 0) -> str:
    """How AWS's sentence names the placeholder whose inside begins at a place: ``iot:s3-presigned-url``."""
    found = _KIND.match(text, at)
    return found[1] if found else "iot"


def _is_own(text: str, at: int) -> bool:
    return text.startswith(_OWN, at) or _LOCAL.match(text, at) is not None
