"""AWS Signature Version 4, seen from the server: pure verification of what a client signed.

Three forms arrive (control reference 1.1, device reference 2.9 and 4):

* an ``Authorization`` header over the request and the hash of its body;
* a presigned query string, valid for ``X-Amz-Expires`` seconds;
* the WebSocket ``GET /mqtt`` query string, where the security token may stand outside the signature.

The wire path is signed percent-encoded once more. S3, which does otherwise, has a module of its own. A signature covers
what is acted on: the path as it stands there, every parameter and every header that operations read, each of them once.

Nothing here reads a clock, a socket or a store: the caller looks up the secret of ``Signature.scope.access_key_id``,
compares ``Signature.security_token`` with the token it issued, and passes the wall clock. Headers are ASGI's:
lower-case names, bytes, in order of arrival.
"""

from __future__ import annotations

import base64
import functools
import hmac
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus

import msgspec

from tidegate.clock import Millis

Headers = Iterable[tuple[bytes, bytes]]

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
SKEW_MS: Final = 5 * 60_000
LONGEST_EXPIRY_S: Final = 7 * 24 * 3600
WEBSOCKET_SERVICES: Final = frozenset({"iotdevicegateway", "iotdata"})

_EMPTY_SHA256: Final = sha256(b"").hexdigest()


# ---------------------------------------------------------------------------------------------------------- refusals


class Refusal(Exception):  # noqa: N818 - the pipeline reads `except sigv4.Refusal`
    """A request whose signature is not accepted. ``status``, ``code`` and ``str(error)`` are the wire answer."""

    status: int = 403
    code: str = "InvalidSignatureException"


class Missing(Refusal):
    """Nothing is signed where a signature is required."""

    code = "MissingAuthenticationTokenException"

    def __init__(self, message: str = "Missing Authentication Token") -> None:
        super().__init__(message)


class Incomplete(Refusal):
    """Parts of the signature are missing or not well formed; the text names them."""

    status = 400
    code = "IncompleteSignatureException"


class Unrecognized(Refusal):
    """The access key or the security token is not known."""

    code = "UnrecognizedClientException"

    def __init__(self, message: str = "The security token included in the request is invalid.") -> None:
        super().__init__(message)


class Mismatch(Refusal):
    """The signature is not the one this request would have."""

    def __init__(
        self,
        message: str = "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method. Consult the service documentation for details.",
    ) -> None:
        super().__init__(message)


class Expired(Refusal):
    """Signed too long ago, or in the future."""


# ------------------------------------------------------------------------------------------------------------ values


class Scope(NamedTuple):
    """A credential scope as the client wrote it: nothing in it is verified."""

    access_key_id: str
    date: str
    region: str
    service: str


class Signature(msgspec.Struct, frozen=True):
    """One signed request, parsed and not yet verified.

    ``amz_date`` is ``yyyymmddThhmmssZ``; ``expires`` is in seconds and only set on a presigned request that carries
    it; ``content_sha256`` is what the client declared, if anything; ``security_token`` is to be compared by the caller.
    """

    scope: Scope
    amz_date: str
    signed_headers: str
    value: bytes
    method: str
    raw_path: bytes
    query_string: bytes
    headers: Sequence[tuple[bytes, bytes]]
    presigned: bool = False
    expires: int | None = None
    content_sha256: str | None = None
    security_token: str | None = None


# ----------------------------------------------------------------------------------------------------------- parsing

_HEADER_FORM = re.compile(
    rb"AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([^,\s]+) *\Z"
)
_HEADER_CREDENTIAL = re.compile(rb"Credential=([^,\s]+)")
_QUERY_CREDENTIAL = re.compile(rb"(?:\A|&)X-Amz-Credential=([^&]+)")
_QUERY_SIGNED = re.compile(rb"(?:\A|&)X-Amz-(?:Algorithm|Credential|Signature)=")
_ISO_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")


def parse_scope(headers: Headers, query_string: bytes) -> Scope | None:
    """The credential scope of a request, unverified and without complaint: None if there is none to be read.

    Cheap enough to choose account, region and plane for every request, whether or not signatures are checked.
    """
    for name, value in headers:
        if name == b"authorization":
            found = _HEADER_CREDENTIAL.search(value)
            return _split_scope(found[1].decode("latin-1")) if found else None
    if query_string and (found := _QUERY_CREDENTIAL.search(query_string)):
        return _split_scope(unquote_plus(found[1].decode("latin-1")))
    return None


def _split_scope(credential: str) -> Scope | None:
    # From the right: an access key invented for a test may hold a slash, the rest of the scope cannot.
    parts = credential.rsplit("/", 4)
    return Scope(parts[0], parts[1], parts[2], parts[3]) if len(parts) == 5 else None


def parse(
    method: str, raw_path: bytes, query_string: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> Signature | None:
    """Read the signature of a request in either form; None if it carries none.

    ``raw_path`` and ``query_string`` are the bytes of the request line, before any decoding. Raises ``Incomplete``
    for missing or unreadable parts and ``Mismatch`` for a scope that contradicts itself.
    """
    found: dict[bytes, bytes] = {}
    again: bytes | None = None
    for name, value in headers:
        if name in _ONCE or (name[:5] == b"x-amz" and name.startswith(_AMZ)):
            again = name if name in found else again
            found[name] = value
    if b"authorization" not in found and not (query_string and _QUERY_SIGNED.search(query_string)):
        return None
    if again is not None:
        raise Incomplete(f"Header '{again.decode('latin-1')}' must not be repeated.")
    _refuse_repeated_parameters(query_string)
    authorization, amz_date, date = found.get(b"authorization"), found.get(b"x-amz-date"), found.get(b"date")
    token, content = found.get(b"x-amz-security-token"), found.get(b"x-amz-content-sha256")
    content_sha256 = content.decode("latin-1") if content is not None else None
    if authorization is not None:
        credential, signed_headers, value = _authorization(authorization, dated=bool(amz_date or date))
        stamp = _header_date(amz_date, date)
        _all_signed(found, signed_headers)
        return Signature(
            scope=_scope(credential, stamp, signed_headers),
            amz_date=stamp,
            signed_headers=signed_headers,
            value=value,
            method=method,
            raw_path=raw_path,
            query_string=query_string,
            headers=headers,
            content_sha256=content_sha256,
            security_token=token.decode("latin-1") if token is not None else None,
        )
    signature = _parse_query(method, raw_path, query_string, headers, content_sha256)
    _all_signed(found, signature.signed_headers)
    return signature


_AMZ: Final = (b"x-amz-", b"x-amzn-iot-", b"x-amzn-principal")
"""What headers begin with that operations read. Proxies add others of ``x-amzn-``, to trace requests."""
_ONCE: Final = frozenset({b"authorization", b"date", b"host"})
_NEED_NOT_BE_SIGNED: Final = frozenset(
    {
        b"authorization",
        b"date",
        b"host",  # which always is
        # Part of what is signed, whether or not they are among the headers.
        b"x-amz-date",
        b"x-amz-content-sha256",
        # Compared with the one that was issued.
        b"x-amz-security-token",
        # Read by nobody.
        b"x-amz-user-agent",
    }
)


def _all_signed(found: Mapping[bytes, bytes], signed_headers: str) -> None:
    """Refuse a header that says what is to be done and that the signature leaves out."""
    if _NEED_NOT_BE_SIGNED.issuperset(found):
        return
    left_out = found.keys() - _NEED_NOT_BE_SIGNED - set(signed_headers.encode("latin-1", "replace").split(b";"))
    if left_out:
        names = ", ".join(sorted(name.decode("latin-1") for name in left_out))
        raise Mismatch(f"There were headers present in the request which were not signed: {names}")


def _refuse_repeated_parameters(query_string: bytes) -> None:
    """Refuse a parameter that is there twice, however its name is spelled: readers differ over which one counts."""
    if b"&" not in query_string:
        return
    names = [pair.partition("=")[0] for pair in query_string.decode("latin-1").split("&") if pair]
    decoded = [unquote_plus(name, "latin-1") for name in names]
    if len(set(decoded)) < len(decoded):
        again = Counter(decoded).most_common(1)[0][0]
        raise Incomplete(f"Query-string parameter '{again}' must not be repeated.")
    if any(name.startswith("X-Amz-") and name != spelled for name, spelled in zip(decoded, names, strict=True)):
        raise Incomplete("The names of AWS query-string parameters must not be percent-encoded.")


def _authorization(value: bytes, *, dated: bool) -> tuple[str, str, bytes]:
    if dated and (found := _HEADER_FORM.match(value)):
        return found[1].decode("latin-1"), found[2].decode("latin-1"), found[3]
    return _authorization_in_any_order(value.decode("latin-1"), dated=dated)


def _authorization_in_any_order(value: str, *, dated: bool) -> tuple[str, str, bytes]:
    scheme, _, rest = value.strip().partition(" ")
    fields: dict[str, str] = {}
    if scheme == ALGORITHM:
        for part in filter(None, re.split(r"[,\s]+", rest)):
            name, equals, content = part.partition("=")
            if not equals:
                raise Incomplete(
                    "Invalid key=value pair (missing equal-sign) in Authorization header "
                    f"(hashed with SHA-256 and encoded with Base64): '{_digest(part)}'."
                )
            fields[name] = content
    lacking = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if not dated:
        lacking.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if lacking:
        # The header may hold somebody's password: it is answered hashed, as AWS does.
        lacking.append(f"(Hashed with SHA-256 and encoded with Base64) Authorization={_digest(value)}")
        raise Incomplete(" ".join(lacking))
    return fields["Credential"], fields["SignedHeaders"], fields["Signature"].encode("latin-1")


def _digest(text: str) -> str:
    return base64.b64encode(sha256(text.encode("latin-1")).digest()).decode("ascii")


def _parse_query(
    method: str,
    raw_path: bytes,
    query_string: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    content_sha256: str | None,
) -> Signature:
    fields = _amz_parameters(query_string)
    lacking = [
        f"AWS query-string parameters must include '{name}'."
        for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
        if not fields.get(name)
    ]
    if lacking:
        raise Incomplete(" ".join([*lacking, "Re-examine the query-string parameters."]))
    if fields["X-Amz-Algorithm"] != ALGORITHM:
        raise Incomplete(f"Unsupported AWS 'algorithm': '{fields['X-Amz-Algorithm']}'.")
    stamp = _iso_basic(fields["X-Amz-Date"])
    return Signature(
        scope=_scope(fields["X-Amz-Credential"], stamp, fields["X-Amz-SignedHeaders"]),
        amz_date=stamp,
        signed_headers=fields["X-Amz-SignedHeaders"],
        value=fields["X-Amz-Signature"].encode("utf-8"),
        method=method,
        raw_path=raw_path,
        query_string=query_string,
        headers=headers,
        presigned=True,
        expires=_expires(fields.get("X-Amz-Expires")),
        content_sha256=content_sha256 or fields.get("X-Amz-Content-Sha256"),
        security_token=fields.get("X-Amz-Security-Token"),
    )


def _amz_parameters(query_string: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for pair in query_string.decode("latin-1").split("&"):
        if pair.startswith("X-Amz-"):
            name, _, value = pair.partition("=")
            fields[name] = unquote_plus(value)
    return fields


def _expires(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Incomplete("X-Amz-Expires should be a number")
    if len(text) > 7 or int(text) > LONGEST_EXPIRY_S:
        raise Incomplete(f"X-Amz-Expires must be less than a week (in seconds) that is {LONGEST_EXPIRY_S}")
    return int(text)


def _header_date(amz_date: bytes | None, date: bytes | None) -> str:
    if amz_date:
        return _iso_basic(amz_date.decode("latin-1"))
    text = (date or b"").decode("latin-1")
    if _ISO_BASIC.match(text):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return _iso_basic(text)


def _iso_basic(text: str) -> str:
    if _ISO_BASIC.match(text):
        return text
    raise Incomplete(
        f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _scope(credential: str, stamp: str, signed_headers: str) -> Scope:
    """The scope, checked for what a server can know without a secret."""
    parts = credential.split("/")
    if len(parts) != 5:
        raise Incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
    if parts[4] != TERMINATOR:
        raise Mismatch(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{parts[4]}'.")
    if parts[1] != stamp[:8]:
        raise Mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{parts[1]}' != '{stamp[:8]}', from '{stamp}'."
        )
    if "host" not in signed_headers.split(";"):
        raise Mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    return Scope(parts[0], parts[1], parts[2], parts[3])


# ------------------------------------------------------------------------------------------------------ verification


def verify(
    signature: Signature, secret: str, *, now_ms: Millis, body: bytes = b"", body_sha256: str | None = None
) -> None:
    """Accept the signature or raise ``Expired`` or ``Mismatch``.

    ``now_ms`` is the wall clock. The body is given whole, or as the lower-case hex SHA-256 of what was received.
    """
    _check_time(signature, now_ms)
    payload = _payload_hash(signature, body, body_sha256)
    scope = signature.scope
    key = signing_key(secret, scope.date, scope.region, scope.service)
    head = f"{ALGORITHM}\n{signature.amz_date}\n{scope.date}/{scope.region}/{scope.service}/{TERMINATOR}\n"
    for canonical in _canonical_requests(signature, payload):
        to_sign = head + sha256(canonical).hexdigest()
        expected = hmac.digest(key, to_sign.encode("utf-8"), "sha256").hex().encode("ascii")
        if hmac.compare_digest(expected, signature.value):
            return
    raise Mismatch


@functools.lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one secret for one day, region and service; kept, because four HMACs are a third of the work."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode("utf-8"), "sha256")
    return key


def _check_time(signature: Signature, now_ms: Millis) -> None:
    signed_at = _epoch_ms(signature.amz_date)
    if signed_at > now_ms + SKEW_MS:
        latest = _stamp(now_ms + SKEW_MS)
        raise Expired(
            f"Signature not yet current: {signature.amz_date} is still later than {latest} ({_stamp(now_ms)} + 5 min.)"
        )
    # A presigned WebSocket URL is good for five minutes, whatever it says: seen on the live service.
    fixed = signature.expires is None or _is_websocket(signature)
    lifetime = SKEW_MS if fixed else (signature.expires or 0) * 1000
    if signed_at < now_ms - lifetime:
        earliest = _stamp(now_ms - lifetime)
        raise Expired(
            f"Signature expired: {signature.amz_date} is now earlier than {earliest} "
            f"({_stamp(now_ms)} - {_span(lifetime)})"
        )


@functools.lru_cache(maxsize=256)
def _epoch_ms(stamp: str) -> Millis:
    # Clients sign in whole seconds, so a busy second shares one entry.
    try:
        return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        raise Incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def _stamp(instant: Millis) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)).strftime("%Y%m%dT%H%M%SZ")


def _span(milliseconds: int) -> str:
    return f"{milliseconds // 60_000} min." if milliseconds % 60_000 == 0 else f"{milliseconds // 1000} sec."


def _payload_hash(signature: Signature, body: bytes, body_sha256: str | None) -> bytes:
    declared = signature.content_sha256
    actual = body_sha256 or (sha256(body).hexdigest() if body else _EMPTY_SHA256)
    if declared is not None and declared != actual:
        raise Mismatch
    return actual.encode("ascii")


# ------------------------------------------------------------------------------------------------- canonical request


def _canonical_requests(signature: Signature, payload: bytes) -> Iterator[bytes]:
    """The canonical forms an honest client may have signed, the usual one first.

    More than one exists only where clients differ over the same wire bytes: an unnormalised query (``+`` for a space,
    lower-case escapes), a default port in ``Host``, and on ``/mqtt`` the token or the port left out of the signature.
    """
    path = canonical_path(signature.raw_path or b"/")
    head = signature.method.upper().encode("utf-8") + b"\n" + path + b"\n"
    tail = b"\n" + signature.signed_headers.encode("utf-8") + b"\n" + payload
    for query, names in itertools.product(_queries(signature), _header_blocks(signature)):
        yield head + query + b"\n" + names + tail


_PLAIN_PATH = re.compile(rb"[A-Za-z0-9_.~/-]+\Z")


def canonical_path(raw_path: bytes) -> bytes:
    """The wire path percent-encoded again: ``/a%3Ab`` becomes ``/a%253Ab``.

    Dot and empty segments are left, because they are acted on: a topic may hold them. AWS's clients take them out of
    what they sign, so their signature does not fit such a path: it would as well fit another.
    """
    return raw_path if _PLAIN_PATH.match(raw_path) else quote(raw_path, safe="/~").encode("ascii")


def _queries(signature: Signature) -> Iterator[bytes]:
    if not signature.query_string:
        yield b""
        return
    pairs = signature.query_string.split(b"&")
    if signature.presigned:
        pairs = [pair for pair in pairs if not pair.startswith(b"X-Amz-Signature=")]
    yield from _query_spellings(pairs)
    if signature.presigned and signature.security_token is not None and _is_websocket(signature):
        yield from _query_spellings([pair for pair in pairs if not pair.startswith(b"X-Amz-Security-Token=")])


def _is_websocket(signature: Signature) -> bool:
    return signature.scope.service in WEBSOCKET_SERVICES and signature.raw_path == b"/mqtt"


def _query_spellings(pairs: list[bytes]) -> Iterator[bytes]:
    as_sent = _joined([pair.partition(b"=")[::2] for pair in pairs])
    yield as_sent
    normalised = _joined([tuple(map(_reencode, pair.partition(b"=")[::2])) for pair in pairs if pair])
    if normalised != as_sent:
        yield normalised


def _joined(pairs: Iterable[tuple[bytes, ...]]) -> bytes:
    return b"&".join([b"=".join(pair) for pair in sorted(pairs)])


def _reencode(text: bytes) -> bytes:
    return quote(unquote_plus(text.decode("latin-1"), "latin-1"), safe="~", encoding="latin-1").encode("ascii")


def _header_blocks(signature: Signature) -> Iterator[bytes]:
    names = signature.signed_headers.encode("utf-8").split(b";")
    values: dict[bytes, bytes] = {}
    wanted = frozenset(names)
    for name, value in signature.headers:
        if name in wanted:
            trimmed = b" ".join(value.split())
            values[name] = values[name] + b"," + trimmed if name in values else trimmed
    if len(values) != len(names):  # a header was signed that did not arrive, or is listed twice
        raise Mismatch
    yield b"".join([name + b":" + values[name] + b"\n" for name in names])
    host, _, port = values[b"host"].rpartition(b":")
    if host and (port in (b"80", b"443") or (port.isdigit() and _is_websocket(signature))):
        values[b"host"] = host
        yield b"".join([name + b":" + values[name] + b"\n" for name in names])
