"""What an endpoint answered, redacted, as something to be expected of others.

A capture has the exchanges of each expectation: what was asked, and what came. Accounts, keys, certificates, ids, hosts
and addresses are replaced by words, so that it can be shown to anybody; instants and numbers in names, too, so that two
captures of the same behaviour are equal. Compared are statuses, error codes and their sentences, and of answers which
members they have, not their values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

_SHOWN: Final = 3
"""Differences told of one expectation."""
_TIME, _TOKEN = "TIME", "TOKEN"
_INSTANT: Final = re.compile(r"(?:At|Date|timestamp|time)$")
_SECRETS: Final = frozenset({"nextToken", "PrivateKey", "PublicKey", "certificatePem", "x-amzn-requestid", "requestId"})
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"-----BEGIN .*?-----END [^-]*-----\s*", re.DOTALL), "PEM"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"), "KEY"),
    (re.compile(r"\b[0-9a-f]{40,64}\b"), "CERTIFICATE"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "ID"),
    (re.compile(r"\b[a-z0-9][a-z0-9.-]*\.amazonaws\.com(?:\.cn)?\b", re.IGNORECASE), "HOST"),
    (re.compile(r"\b(?:localhost|(?:\d{1,3}\.){3}\d{1,3})(?::\d+)?\b"), "HOST"),
    (re.compile(r"X-Amz-(?:Signature|Credential|Security-Token)=[^&\s\"]*"), "KEY"),
    (re.compile(r"tgc-[0-9a-f]{8}-([a-z0-9]+)-\d+"), r"tgc-\1"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "ACCOUNT"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?|\b\d{8}T\d{6}Z\b"), _TIME),
)


class Exchange(NamedTuple):
    """One question and its answer, redacted. ``code`` is "" where it was accepted."""

    what: str
    asked: Any
    status: int
    code: str
    told: Any


class Recorder:
    """Keeps what passes between the kit and an endpoint."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []

    def note(self, what: str, asked: Any, status: int, code: str, told: Any) -> None:
        """An exchange. One that repeats the one before takes its place: somebody waits for something."""
        found = Exchange(redacted(what), redacted(asked), status, code, redacted(told))
        if self._exchanges and self._exchanges[-1][:2] == found[:2]:
            self._exchanges.pop()
        self._exchanges.append(found)

    def taken(self) -> list[Exchange]:
        """What was noted since the last time."""
        found, self._exchanges = self._exchanges, []
        return found


def redacted(value: Any, name: str = "") -> Any:
    """A JSON value without what tells whose it was; ``name`` is the member that it stands in."""
    if name in _SECRETS and value:
        return _TOKEN
    if isinstance(value, datetime) or (_INSTANT.search(name) and isinstance(value, int | float)):
        return _TIME
    if isinstance(value, Mapping):
        return {
            redacted(str(key)): redacted(each, str(key)) for key, each in value.items() if key != "ResponseMetadata"
        }
    if isinstance(value, list | tuple):
        return [redacted(each, name) for each in value]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        for pattern, word in _PATTERNS:
            value = pattern.sub(word, value)
        return value
    return value if value is None or isinstance(value, bool | int | float) else redacted(str(value))


def written(captured: Mapping[str, Sequence[Exchange]], about: Mapping[str, str]) -> str:
    """A capture as the text of a file; ``about`` says of which endpoint, where and when."""
    expectations = {name: [each._asdict() for each in exchanges] for name, exchanges in captured.items()}
    return json.dumps({"captured": dict(about), "expectations": expectations}, indent=1, ensure_ascii=False) + "\n"


def read(text: str) -> tuple[dict[str, str], dict[str, list[Exchange]]]:
    """What a file holds.

    Raises:
        ValueError: it is no capture.
    """
    try:
        given = json.loads(text)
        about = {str(name): str(value) for name, value in given["captured"].items()}
        expectations = {
            str(name): [Exchange(**each) for each in exchanges] for name, exchanges in given["expectations"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"that is no capture: {error}") from None
    return about, expectations


def differences(expected: Sequence[Exchange], found: Sequence[Exchange]) -> list[str]:
    """Where an endpoint answered otherwise than another did; the first few."""
    told = []
    for mine, theirs in zip(expected, found, strict=False):
        if mine.what != theirs.what:
            told.append(f"after another answer {theirs.what} instead of {mine.what} was asked")
            break
        told += [f"{mine.what}: {each}" for each in _of_one(mine, theirs)]
    if not told and len(expected) != len(found):
        told.append(f"{len(found)} exchanges instead of {len(expected)}")
    return told[:_SHOWN]


def _of_one(expected: Exchange, found: Exchange) -> Iterator[str]:
    if (expected.status, expected.code) != (found.status, found.code):
        yield f"{found.status} {found.code} instead of {expected.status} {expected.code}".strip()
    elif expected.code:
        if expected.told != found.told:
            yield f"{found.told!r} instead of {expected.told!r}"
    else:
        missing, more = (
            set(_shape(expected.told)) - set(_shape(found.told)),
            set(_shape(found.told)) - set(_shape(expected.told)),
        )
        if missing:
            yield f"without {', '.join(sorted(missing))}"
        if more:
            yield f"with {', '.join(sorted(more))}"


def _shape(value: Any, path: str = "") -> Iterator[str]:
    """The members of an answer, with their types."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _shape(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for each in value:
            yield from _shape(each, f"{path}[]")
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        yield f"{path} ({'number' if number else type(value).__name__})"
