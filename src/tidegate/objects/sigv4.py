"""AWS Signature Version 4 as S3 wants it: pure text and HMACs.

S3 differs from every other service: the canonical path is percent-encoded once and never normalised, so that ``a//b``
and ``a/../b`` are keys like any other. Headers are given with lower-case names.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus, unquote_to_bytes

from tidegate.clock import Millis

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
EMPTY_SHA256: Final = sha256(b"").hexdigest()
SERVICE: Final = "s3"


class Key(NamedTuple):
    """A secret that requests are signed with; ``token`` belongs to temporary ones."""

    key_id: str
    secret: str
    token: str | None = None


class Scope(NamedTuple):
    """Day (``yyyymmdd``), region and service a signature is good for."""

    date: str
    region: str
    service: str = SERVICE

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def stamp(instant: Millis) -> str:
    """``yyyymmddThhmmssZ``."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)).strftime("%Y%m%dT%H%M%SZ")


def instant(text: str) -> Millis:
    """The instant of a stamp.

    Raises:
        ValueError: it is none.
    """
    return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1000


def escaped(text: str, *, safe: str = "") -> str:
    """Percent-encoded as AWS does: everything but unreserved characters and ``safe``."""
    return quote(text, safe=safe + "-._~")


def path_of(bucket: str, key: str) -> str:
    """The path of an object in path style, encoded once."""
    return f"/{escaped(bucket)}/{escaped(key, safe='/')}" if key else f"/{escaped(bucket)}"


def normal_path(raw: str) -> str:
    """A path as it would be if its sender had encoded exactly what must be."""
    return quote(unquote_to_bytes(raw.encode("latin-1")), safe="/-._~")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Pairs that are encoded already, in canonical order."""
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def normal_pairs(raw_query: str) -> list[tuple[str, str]]:
    """The parameters of a query string, each encoded exactly as it must be."""
    pairs = (pair.partition("=") for pair in raw_query.split("&") if pair)
    return [(_normal(name), _normal(value)) for name, _, value in pairs]


def _normal(text: str) -> str:
    return quote(unquote_plus(text, "latin-1"), safe="-._~", encoding="latin-1")


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed: Sequence[str], payload: str
) -> str:
    """What is hashed; ``headers`` holds every name in ``signed``."""
    block = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in signed])
    return f"{method}\n{path}\n{query}\n{block}\n{';'.join(signed)}\n{payload}"


def string_to_sign(at: str, scope: Scope, canonical: str) -> str:
    """What is signed; ``at`` is a stamp."""
    return f"{ALGORITHM}\n{at}\n{scope}\n{sha256(canonical.encode('latin-1', 'replace')).hexdigest()}"


@functools.lru_cache(maxsize=256)
def signing_key(secret: str, scope: Scope) -> bytes:
    """The key of one secret for one scope; kept, because it is four HMACs of five."""
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode("latin-1", "replace"), "sha256")
    return key


def signature(secret: str, scope: Scope, text: str) -> str:
    """The signature of a string to sign."""
    return hmac.digest(signing_key(secret, scope), text.encode("latin-1", "replace"), "sha256").hex()
