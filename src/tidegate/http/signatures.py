"""Who signed an AWS request, and whether: how AWS IoT's front end reads SigV4, and what it refuses.

Three forms arrive (control reference 1.1, device reference 2.9 and 4):

* an ``Authorization`` header over the request and the hash of its body;
* a presigned query string, valid for ``X-Amz-Expires`` seconds;
* the WebSocket ``GET /mqtt`` query string, where the security token may stand outside the signature.

The wire path is signed percent-encoded once more. S3, which does otherwise, has ``s3.signature``. A signature covers
what is acted on: the path as it stands there, every parameter and every header that operations read, each of them once.

Nothing here reads a clock, a socket or a store: the caller looks up the secret of ``Signature.claim.key_id``,
compares ``Signature.security_token`` with the token it issued, and passes the wall clock. Headers are ASGI's:
lower-case names, bytes, in order of arrival.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar, Final, NamedTuple
from urllib.parse import quote, unquote_plus

from tidegate.aws import sigv4
from tidegate.aws.sigv4 import Claim, Scope
from tidegate.clock import Millis

SKEW_MS: Final = 5 * 60_000
WEBSOCKET_SERVICES: Final = frozenset({"iotdevicegateway", "iotdata"})

# ---------------------------------------------------------------------------------------------------------- refusals


class Refusal(Exception):  # noqa: N818 - the pipeline reads `except signatures.Refusal`
    """A request whose signature is not accepted. ``status``, ``code`` and ``str(error)`` are the wire answer."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "InvalidSignatureException"


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


class Signature(NamedTuple):
    """One signed request, parsed and not yet verified.

    ``amz_date`` is ``yyyymmddThhmmssZ``; ``expires`` is in seconds and only set on a presigned request that carries
    it; ``content_sha256`` is what the client declared, if anything; ``security_token`` is to be compared by the caller.
    """

    claim: Claim
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

_QUERY_SIGNED = re.compile(rb"(?:\A|&)X-Amz-(?:Algorithm|Credential|Signature)=")


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
        stamp = _stamped(amz_date.decode("latin-1") if amz_date else sigv4.stamped((date or b"").decode("latin-1")))
        _all_signed(found, signed_headers)
        return Signature(
            claim=_claim(credential, stamp, signed_headers),
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
    lacking: Sequence[str] = ()
    try:
        found = sigv4.authorization(value)
    except sigv4.UnreadableError as error:
        if error.broken is not None:
            raise Incomplete(
                "Invalid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{_digest(error.broken)}'."
            ) from None
        lacking = error.lacking
    else:
        if dated:
            return found
    sentences = [f"Authorization header requires '{name}' parameter." for name in lacking]
    if not dated:
        sentences.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    # The header may hold somebody's password: it is answered hashed, as AWS does.
    sentences.append(f"(Hashed with SHA-256 and encoded with Base64) Authorization={_digest(value.decode('latin-1'))}")
    raise Incomplete(" ".join(sentences))


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
    if fields["X-Amz-Algorithm"] != sigv4.ALGORITHM:
        raise Incomplete(f"Unsupported AWS 'algorithm': '{fields['X-Amz-Algorithm']}'.")
    stamp = _stamped(fields["X-Amz-Date"])
    return Signature(
        claim=_claim(fields["X-Amz-Credential"], stamp, fields["X-Amz-SignedHeaders"]),
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
    try:
        return None if text is None else sigv4.expires(text)
    except ValueError as error:
        raise Incomplete(str(error)) from None


def _stamped(text: str) -> str:
    try:
        sigv4.instant(text)
    except ValueError:
        raise Incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
    return text


@lru_cache(maxsize=256)  # clients sign in whole seconds, so a busy one shares an entry
def _claim(credential: str, stamp: str, signed_headers: str) -> Claim:
    """The claim, checked for what a server can know without a secret."""
    parts = credential.split("/")
    if len(parts) != 5:
        raise Incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )
    if parts[4] != sigv4.TERMINATOR:
        raise Mismatch(f"Credential should be scoped with a valid terminator: '{sigv4.TERMINATOR}', not '{parts[4]}'.")
    if parts[1] != stamp[:8]:
        raise Mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{parts[1]}' != '{stamp[:8]}', from '{stamp}'."
        )
    if "host" not in signed_headers.split(";"):
        raise Mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    return Claim(parts[0], Scope(parts[1], parts[2], parts[3]))


# ------------------------------------------------------------------------------------------------------ verification


def verify(
    signature: Signature, secret: str, *, now_ms: Millis, body: bytes = b"", body_sha256: str | None = None
) -> None:
    """Accept the signature or raise ``Expired`` or ``Mismatch``.

    ``now_ms`` is the wall clock. The body is given whole, or as the lower-case hex SHA-256 of what was received.
    """
    _check_time(signature, now_ms)
    payload = _payload_hash(signature, body, body_sha256)
    canonicals = _canonical_requests(signature, payload)
    if not sigv4.fits(secret, signature.claim.scope, signature.amz_date, canonicals, signature.value):
        raise Mismatch


def _check_time(signature: Signature, now_ms: Millis) -> None:
    signed_at = sigv4.instant(signature.amz_date)
    if signed_at > now_ms + SKEW_MS:
        latest, now = sigv4.stamp(now_ms + SKEW_MS), sigv4.stamp(now_ms)
        raise Expired(f"Signature not yet current: {signature.amz_date} is still later than {latest} ({now} + 5 min.)")
    # A presigned WebSocket URL is good for five minutes, whatever it says: seen on the live service.
    fixed = signature.expires is None or _is_websocket(signature)
    lifetime = SKEW_MS if fixed else (signature.expires or 0) * 1000
    if signed_at < now_ms - lifetime:
        earliest = sigv4.stamp(now_ms - lifetime)
        raise Expired(
            f"Signature expired: {signature.amz_date} is now earlier than {earliest} "
            f"({sigv4.stamp(now_ms)} - {_span(lifetime)})"
        )


def _span(milliseconds: int) -> str:
    return f"{milliseconds // 60_000} min." if milliseconds % 60_000 == 0 else f"{milliseconds // 1000} sec."


def _payload_hash(signature: Signature, body: bytes, body_sha256: str | None) -> bytes:
    declared = signature.content_sha256
    actual = body_sha256 or (sha256(body).hexdigest() if body else sigv4.EMPTY_SHA256)
    if declared is not None and declared != actual:
        raise Mismatch
    return actual.encode("ascii")


# ------------------------------------------------------------------------------------------------- canonical request


def _canonical_requests(signature: Signature, payload: bytes) -> Iterator[bytes]:
    """The canonical forms an honest client may have signed, the usual one first.

    More than one exists only where clients differ over the same wire bytes: an unnormalised query (``+`` for a space,
    lower-case escapes), a default port in ``Host``, and on ``/mqtt`` the token or the port left out of the signature.
    """
    listed = signature.signed_headers.encode("latin-1", "replace")
    names = listed.split(b";")
    values = _signed_values(signature, names)
    path = canonical_path(signature.raw_path or b"/")
    if not signature.query_string:  # nearly always the one that fits: the others are made only if it does not
        usual = sigv4.header_block(values, names)
        yield sigv4.canonical_request(signature.method, path, b"", usual, listed, payload)
    blocks = sigv4.header_blocks(values, names, any_port=_is_websocket(signature))
    yield from sigv4.canonical_requests(signature.method, [path], _queries(signature), blocks, listed, payload)


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
    return signature.claim.scope.service in WEBSOCKET_SERVICES and signature.raw_path == b"/mqtt"


def _query_spellings(pairs: list[bytes]) -> Iterator[bytes]:
    as_sent = sigv4.canonical_query([pair.partition(b"=")[::2] for pair in pairs])
    yield as_sent
    normalised = sigv4.canonical_query(
        [tuple(map(sigv4.reencoded, pair.partition(b"=")[::2])) for pair in pairs if pair]
    )
    if normalised != as_sent:
        yield normalised


def _signed_values(signature: Signature, names: Sequence[bytes]) -> Mapping[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    wanted = frozenset(names)
    for name, value in signature.headers:
        if name in wanted:
            trimmed = b" ".join(value.split())
            values[name] = values[name] + b"," + trimmed if name in values else trimmed
    if len(values) != len(names):  # a header was signed that did not arrive, or is listed twice
        raise Mismatch
    return values
