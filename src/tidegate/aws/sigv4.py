"""AWS Signature Version 4: how it is written, what it covers, and whether it fits. Pure text and HMACs.

Signers and verifiers of every service stand on this; what differs between services is theirs. S3 encodes a path once
and never normalises it, all others encode the wire path once more; each has its own sentences for what it refuses.

Headers and paths are bytes off the wire, or text that holds those bytes as Latin-1. Nothing reads a clock, a socket or
a store. Oracle: botocore's signers.
"""

from __future__ import annotations

import functools
import hmac
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus

from tidegate.clock import Millis

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
EMPTY_SHA256: Final = sha256(b"").hexdigest()
LONGEST_EXPIRY_S: Final = 7 * 24 * 3600

_HEADER_FORM = re.compile(
    rb"AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([^,\s]+) *\Z"
)
_HEADER_CREDENTIAL = re.compile(rb"Credential=([^,\s]+)")
_QUERY_CREDENTIAL = re.compile(rb"(?:\A|&)X-Amz-Credential=([^&]+)")
_ISO_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")


class Key(NamedTuple):
    """A secret that requests are signed with; ``token`` belongs to temporary ones."""

    key_id: str
    secret: str
    token: str | None = None


class Scope(NamedTuple):
    """Day (``yyyymmdd``), region and service a signature is good for."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


class Claim(NamedTuple):
    """Whose signature it is said to be, and good for what; nothing in it is verified."""

    key_id: str
    scope: Scope


# ------------------------------------------------------------------------------------------------------------- reading


class UnreadableError(Exception):
    """An ``Authorization`` header that is none of ours."""

    def __init__(self, lacking: Sequence[str] = (), broken: str | None = None) -> None:
        """``lacking`` are the parameters that are not there; ``broken`` is a part without an equal-sign."""
        super().__init__()
        self.lacking = lacking
        self.broken = broken


def authorization(value: bytes) -> tuple[str, str, bytes]:
    """Credential, signed headers and signature of an ``Authorization`` header, in whatever order they come.

    Raises:
        UnreadableError: one of them is missing.
    """
    if found := _HEADER_FORM.match(value):
        return found[1].decode("latin-1"), found[2].decode("latin-1"), found[3]
    scheme, _, rest = value.decode("latin-1").strip().partition(" ")
    fields: dict[str, str] = {}
    if scheme == ALGORITHM:
        for part in filter(None, re.split(r"[,\s]+", rest)):
            name, equals, content = part.partition("=")
            if not equals:
                raise UnreadableError(broken=part)
            fields[name] = content
    lacking = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if lacking:
        raise UnreadableError(lacking)
    return fields["Credential"], fields["SignedHeaders"], fields["Signature"].encode("latin-1")


def claim(credential: str) -> Claim | None:
    """What a credential says; None if it is none.

    From the right: an access key invented for a test may hold a slash, the rest of the scope cannot.
    """
    parts = credential.rsplit("/", 4)
    return Claim(parts[0], Scope(parts[1], parts[2], parts[3])) if len(parts) == 5 else None


def claimed(headers: Iterable[tuple[bytes, bytes]], query_string: bytes) -> Claim | None:
    """What a request says of its signature, in either form and without complaint: None if there is nothing to be read.

    Cheap enough to choose account, region and plane for every request, whether or not signatures are checked.
    """
    for name, value in headers:
        if name == b"authorization":
            found = _HEADER_CREDENTIAL.search(value)
            return claim(found[1].decode("latin-1")) if found else None
    if query_string and (found := _QUERY_CREDENTIAL.search(query_string)):
        return claim(unquote_plus(found[1].decode("latin-1")))
    return None


def expires(text: str) -> int:
    """``X-Amz-Expires``, in seconds.

    Raises:
        ValueError: with AWS's sentence.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError("X-Amz-Expires should be a number")
    if len(text) > 7 or int(text) > LONGEST_EXPIRY_S:
        raise ValueError(f"X-Amz-Expires must be less than a week (in seconds) that is {LONGEST_EXPIRY_S}")
    return int(text)


def stamp(instant: Millis) -> str:
    """``yyyymmddThhmmssZ``."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)).strftime("%Y%m%dT%H%M%SZ")


@functools.lru_cache(maxsize=256)
def instant(text: str) -> Millis:
    """The instant of a stamp. Clients sign in whole seconds, so a busy second shares one entry.

    Raises:
        ValueError: it is none.
    """
    if not _ISO_BASIC.match(text):
        raise ValueError(f"not a stamp: {text!r}")
    return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1000


def stamped(date: str) -> str:
    """The stamp of a ``Date`` header, which may be written as HTTP does; it counts where there is no ``X-Amz-Date``.

    What is in no form of a date comes back as it is; ``instant`` refuses it.
    """
    if _ISO_BASIC.match(date):
        return date
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return date


# --------------------------------------------------------------------------------------------------- canonical request


def escaped(text: str, *, safe: str = "") -> str:
    """Percent-encoded as AWS does: everything but unreserved characters and ``safe``."""
    return quote(text, safe=safe + "-._~")


def reencoded(text: bytes) -> bytes:
    """Part of a query string, encoded exactly as it must be."""
    return quote(unquote_plus(text.decode("latin-1"), "latin-1"), safe="~", encoding="latin-1").encode("ascii")


def canonical_query(pairs: Iterable[tuple[bytes, ...]]) -> bytes:
    """Pairs that are encoded already, in canonical order."""
    return b"&".join([b"=".join(pair) for pair in sorted(pairs)])


def header_block(values: Mapping[bytes, bytes], names: Sequence[bytes]) -> bytes:
    """The lines of the signed headers; ``values`` has every name in ``names``."""
    return b"".join([name + b":" + values[name] + b"\n" for name in names])


def header_blocks(
    values: Mapping[bytes, bytes], names: Sequence[bytes], *, any_port: bool = False, hosts: Sequence[bytes] = ()
) -> Iterator[bytes]:
    """The same in each form that may have been signed, the usual one first.

    Clients differ over the default port in ``Host``; with ``any_port`` over every port. ``hosts`` are further values of
    ``Host`` that may have been signed.
    """
    yield header_block(values, names)
    host, _, port = values.get(b"host", b"").rpartition(b":")
    if host and (port in (b"80", b"443") or (port.isdigit() and any_port)):
        hosts = (host, *hosts)
    for other in hosts:
        yield b"".join([name + b":" + (other if name == b"host" else values[name]) + b"\n" for name in names])


def canonical_request(
    method: str, path: bytes, query: bytes, block: bytes, signed_headers: bytes, payload: bytes
) -> bytes:
    """What is hashed."""
    head = method.upper().encode("latin-1", "replace")
    return b"%b\n%b\n%b\n%b\n%b\n%b" % (head, path, query, block, signed_headers, payload)


def canonical_requests(
    method: str,
    paths: Iterable[bytes],
    queries: Iterable[bytes],
    blocks: Iterable[bytes],
    signed_headers: bytes,
    payload: bytes,
) -> Iterator[bytes]:
    """What may have been hashed: every way an honest client can spell these, the usual one first."""
    for path, query, block in itertools.product(paths, queries, blocks):
        yield canonical_request(method, path, query, block, signed_headers, payload)


# ------------------------------------------------------------------------------------------------------------ signature


def string_to_sign(at: str, scope: Scope, canonical: bytes) -> str:
    """What is signed; ``at`` is a stamp."""
    date, region, service = scope
    return f"{ALGORITHM}\n{at}\n{date}/{region}/{service}/{TERMINATOR}\n{sha256(canonical).hexdigest()}"


@functools.lru_cache(maxsize=1024)
def signing_key(secret: str, scope: Scope) -> bytes:
    """The key of one secret for one scope; kept, because four HMACs are a third of the work."""
    key = f"AWS4{secret}".encode()
    for part in (*scope, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    return key


def signature(secret: str, scope: Scope, text: str) -> str:
    """The signature of a string to sign."""
    return hmac.digest(signing_key(secret, scope), text.encode("utf-8", "replace"), "sha256").hex()


def fits(secret: str, scope: Scope, at: str, canonicals: Iterable[bytes], value: bytes) -> bool:
    """Whether a signature is that of one of these canonical requests."""
    key = signing_key(secret, scope)
    date, region, service = scope
    head = f"{ALGORITHM}\n{at}\n{date}/{region}/{service}/{TERMINATOR}\n"  # as in ``string_to_sign``
    for canonical in canonicals:
        text = head + sha256(canonical).hexdigest()
        expected = hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex().encode("ascii")
        if hmac.compare_digest(expected, value):
            return True
    return False


def presigned(
    key: Key, scope: Scope, at: str, host: str, method: str, path: str, expires_s: int, more: Mapping[str, str]
) -> str:
    """The query string that allows a request on ``path`` (as it is signed); nothing is signed but the host.

    ``more`` are parameters of the request itself.
    """
    pairs = [
        f"X-Amz-Algorithm={ALGORITHM}",
        f"X-Amz-Credential={escaped(f'{key.key_id}/{scope}')}",
        f"X-Amz-Date={at}",
        f"X-Amz-Expires={expires_s}",
        "X-Amz-SignedHeaders=host",
        *(f"{escaped(name)}={escaped(value)}" for name, value in more.items()),
    ]
    if key.token is not None:
        pairs.append(f"X-Amz-Security-Token={escaped(key.token)}")
    query = "&".join(sorted(pairs))
    canonical = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\n{UNSIGNED_PAYLOAD}".encode("latin-1", "replace")
    return f"{query}&X-Amz-Signature={signature(key.secret, scope, string_to_sign(at, scope, canonical))}"


def signed_headers(
    key: Key, scope: Scope, at: str, method: str, path: str, query: str, headers: Mapping[str, str], payload: str
) -> dict[str, str]:
    """Headers (``host`` among them, lower-case names) with those that sign a request.

    ``path`` and ``query`` are in canonical form, ``payload`` is the SHA-256 of the body in hex.
    """
    whole = {**headers, "x-amz-date": at, **({} if key.token is None else {"x-amz-security-token": key.token})}
    listed = ";".join(sorted(whole))
    block = "".join([f"{name}:{' '.join(whole[name].split())}\n" for name in sorted(whole)])
    canonical = f"{method}\n{path}\n{query}\n{block}\n{listed}\n{payload}".encode("latin-1", "replace")
    value = signature(key.secret, scope, string_to_sign(at, scope, canonical))
    credential = f"Credential={key.key_id}/{scope}"
    whole["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={listed}, Signature={value}"
    return whole


class Seal(NamedTuple):
    """What the signatures of chunks are made with: each goes over the one before, the first over the head's."""

    secret: str
    scope: Scope
    at: str
    seed: str

    def string_to_sign(self, kind: str, last: str, hashes: str) -> str:
        """What is signed of a chunk (``kind`` PAYLOAD) or the trailers (TRAILER); ``last`` is the signature before."""
        return f"{ALGORITHM}-{kind}\n{self.at}\n{self.scope}\n{last}\n{hashes}"

    def signature(self, text: str) -> str:
        """The signature of such a string."""
        return signature(self.secret, self.scope, text)
