"""Who signed a request, and whether: S3's three forms. Pure; secrets and clocks are the caller's.

* an ``Authorization`` header (SigV4), over the declared hash of the body or one of the ``STREAMING-…`` forms;
* a presigned query string (SigV4), for at most a week;
* the older query string (``aws.sigv2``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from tidegate.aws import sigv2, sigv4
from tidegate.aws.sigv4 import Scope
from tidegate.clock import Millis
from tidegate.s3.addressing import Target, hoisted
from tidegate.s3.errors import S3Error

SERVICE: Final = "s3"
SKEW_MS: Final = 15 * 60_000
_NEED_NOT_BE_SIGNED: Final = frozenset({"x-amz-content-sha256"})


class Signed(NamedTuple):
    """A signature as it was sent. ``expires`` is in seconds from ``at``, and only set in the query forms."""

    key_id: str
    at: str
    scope: Scope
    names: Sequence[str]
    value: str
    payload: str
    presigned: bool = False
    expires: int | None = None
    token: str | None = None
    old: bool = False
    """SigV2; ``at`` is then the stamp of the end, and ``expires`` 0."""


def parse(target: Target) -> Signed | None:
    """The signature of a request; None if it carries none.

    Raises:
        S3Error: it is there and cannot be read, or there are two.
    """
    authorization, fields = target.headers.get("authorization"), target.query
    recent = "X-Amz-Algorithm" in fields or "X-Amz-Signature" in fields
    if authorization is not None and (recent or "Signature" in fields):
        raise S3Error(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified",
        )
    if authorization is not None:
        return _parse_header(target, authorization)
    if recent:
        return _parse_query(target)
    return _parse_old(target) if "AWSAccessKeyId" in fields else None


def _parse_header(target: Target, text: str) -> Signed:
    if text.startswith("AWS "):
        raise S3Error(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        )
    try:
        credential, listed, value = sigv4.authorization(text.encode("latin-1", "replace"))
    except sigv4.UnreadableError:
        raise S3Error("AuthorizationHeaderMalformed") from None
    at = target.headers.get("x-amz-date") or sigv4.stamped(target.headers.get("date", ""))
    key_id, scope = _claim(credential, at, "AuthorizationHeaderMalformed")
    payload = target.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    names = tuple(listed.split(";"))
    return Signed(
        key_id, at, scope, names, value.decode("latin-1"), payload, token=target.headers.get("x-amz-security-token")
    )


def _claim(text: str, at: str, code: str) -> sigv4.Claim:
    found = sigv4.claim(text)
    if found is None or text.rpartition("/")[2] != sigv4.TERMINATOR:
        raise S3Error(code, "the Credential is mal-formed; expecting <YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request")
    try:
        sigv4.instant(at)
    except ValueError:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    scope = found.scope
    if scope.date != at[:8]:
        raise S3Error(code, f"Invalid credential date {scope.date}. This date is not the same as X-Amz-Date: {at[:8]}.")
    if scope.service != SERVICE:
        raise S3Error(code, f'incorrect service "{scope.service}". This endpoint belongs to "s3".')
    return found


def _parse_query(target: Target) -> Signed:
    fields = target.query
    code = "AuthorizationQueryParametersError"
    needed = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
    if not all(fields.get(f"X-Amz-{name}") for name in needed):
        raise S3Error(
            code,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    if fields["X-Amz-Algorithm"] != sigv4.ALGORITHM:
        raise S3Error(code, 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"')
    at, names = fields["X-Amz-Date"], tuple(fields["X-Amz-SignedHeaders"].split(";"))
    key_id, scope = _claim(fields["X-Amz-Credential"], at, code)
    payload = target.headers.get("x-amz-content-sha256") if "x-amz-content-sha256" in names else None
    return Signed(
        key_id,
        at,
        scope,
        names,
        fields["X-Amz-Signature"],
        payload or fields.get("X-Amz-Content-Sha256") or sigv4.UNSIGNED_PAYLOAD,
        presigned=True,
        expires=_expires(fields["X-Amz-Expires"]),
        token=fields.get("X-Amz-Security-Token"),
    )


def _expires(text: str) -> int:
    try:
        return sigv4.expires(text)
    except ValueError as error:
        raise S3Error("AuthorizationQueryParametersError", str(error)) from None


def _parse_old(target: Target) -> Signed:
    fields = target.query
    expires = fields.get("Expires", "")
    if not fields.get("Signature") or not (expires.isascii() and expires.isdigit() and len(expires) <= 11):
        raise S3Error(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        )
    return Signed(
        fields["AWSAccessKeyId"],
        sigv4.stamp(int(expires) * 1000),
        Scope("", "", SERVICE),
        (),
        fields["Signature"],
        sigv4.UNSIGNED_PAYLOAD,
        presigned=True,
        expires=0,
        token=target.headers.get("x-amz-security-token"),
        old=True,
    )


# --------------------------------------------------------------------------------------------------------------- time


def check_time(signed: Signed, now: Millis) -> None:
    """Refuse what was signed too long ago, or is not yet good. ``now`` is of the clock that the signer went by.

    Raises:
        S3Error: AccessDenied or RequestTimeTooSkewed.
    """
    at = sigv4.instant(signed.at)
    if signed.expires is None:
        if abs(now - at) > SKEW_MS:
            raise S3Error(
                "RequestTimeTooSkewed",
                RequestTime=signed.at,
                ServerTime=_iso(now),
                MaxAllowedSkewMilliseconds=str(SKEW_MS),
            )
        return
    end = at + signed.expires * 1000
    if now > end:
        raise S3Error("AccessDenied", "Request has expired", Expires=_iso(end), ServerTime=_iso(now))
    if not signed.old and at > now + SKEW_MS:
        raise S3Error("AccessDenied", "Request is not valid yet", ServerTime=_iso(now))


def _iso(instant: Millis) -> str:
    text = sigv4.stamp(instant)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[9:11]}:{text[11:13]}:{text[13:15]}Z"


# -------------------------------------------------------------------------------------------------------- verification


def verify(signed: Signed, secret: str, target: Target, *, hosts: Sequence[str] = ()) -> None:
    """Accept the signature or raise.

    ``hosts`` are further names the request may have been signed for: those in front of a proxy that changed the Host.
    Only for whom the Host header says nothing else than that: a bucket in it would not be covered.

    Raises:
        S3Error: SignatureDoesNotMatch, or AccessDenied for headers that were left out of it.
    """
    if signed.old:
        _verify_old(signed, secret, target)
        return
    assert not (hosts and target.hosted)
    need_not_be = _NEED_NOT_BE_SIGNED.union(signed.names, map(str.lower, filter(hoisted, target.query)))
    left_out = [name for name in target.headers if name.startswith("x-amz-") and name not in need_not_be]
    if left_out or "host" not in signed.names:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(left_out or ["host"]),
        )
    value = signed.value.encode("utf-8", "replace")
    if sigv4.fits(secret, signed.scope, signed.at, _canonical_requests(signed, target, hosts), value):
        return
    canonical = next(_canonical_requests(signed, target, ()), b"")
    text = sigv4.string_to_sign(signed.at, signed.scope, canonical) if canonical else ""
    raise _mismatch(signed, text, canonical.decode("latin-1"))


def _canonical_requests(signed: Signed, target: Target, hosts: Sequence[str]) -> Iterator[bytes]:
    """The forms an honest client may have signed, the usual one first."""
    if any(name not in target.headers for name in signed.names) or len(set(signed.names)) < len(signed.names):
        return iter(())
    names = [name.encode("latin-1") for name in signed.names]
    values = {
        name: " ".join(target.headers[text].split()).encode("latin-1", "replace")
        for name, text in zip(names, signed.names, strict=True)
    }
    blocks = sigv4.header_blocks(values, names, hosts=[host.encode("latin-1", "replace") for host in hosts])
    pairs = [(sigv4.escaped(name).encode(), sigv4.escaped(value).encode()) for name, value in target.query.items()]
    query = sigv4.canonical_query(pair for pair in pairs if pair[0] != b"X-Amz-Signature")
    paths = dict.fromkeys([target.path.encode("latin-1"), _normal_path(target.path)])
    payload = signed.payload.encode("latin-1", "replace")
    return sigv4.canonical_requests(target.method, paths, [query], blocks, b";".join(names), payload)


def _normal_path(raw: str) -> bytes:
    """A path as it would be if its sender had encoded exactly what must be."""
    return quote(unquote_to_bytes(raw.encode("latin-1")), safe="/-._~").encode()


def _mismatch(signed: Signed, text: str, canonical: str = "") -> S3Error:
    return S3Error(
        "SignatureDoesNotMatch",
        AWSAccessKeyId=signed.key_id,
        StringToSign=text,
        SignatureProvided=signed.value,
        CanonicalRequest=canonical,
    )


def _verify_old(signed: Signed, secret: str, target: Target) -> None:
    texts = list(_old_texts(signed, target))
    if not sigv2.fits(secret, texts, signed.value.encode("utf-8", "replace")):
        raise _mismatch(signed, texts[0].decode("utf-8", "replace") if texts else "")


def _old_texts(signed: Signed, target: Target) -> Iterator[bytes]:
    path = f"/{target.bucket}{target.path}" if target.hosted else target.path
    whole = path if target.key else f"{path.rstrip('/')}/"  # boto3 signs a bucket with a slash that it does not send
    end_s = sigv4.instant(signed.at) // 1000
    return sigv2.strings_to_sign(target.method, (path, whole), target.query, target.headers, end_s)
