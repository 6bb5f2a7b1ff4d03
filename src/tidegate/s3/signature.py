"""Who signed a request, and whether: S3's three forms. Pure; secrets and clocks are the caller's.

* an ``Authorization`` header (SigV4), over the declared hash of the body or one of the ``STREAMING-…`` forms;
* a presigned query string (SigV4), for at most a week;
* the older query string (SigV2), which boto3 and the AWS CLI still make for presigned URLs of some regions, and boto3
  for every endpoint that is not AWS's. It covers what chooses an object and what is done with it, as its inventors list
  that; not how a listing is paged.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tidegate.clock import Millis
from tidegate.objects import sigv4
from tidegate.objects.sigv4 import Scope
from tidegate.s3.addressing import Target
from tidegate.s3.errors import S3Error

SKEW_MS: Final = 15 * 60_000
LONGEST_EXPIRY_S: Final = 7 * 24 * 3600
_FORM = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([^,\s]+) *\Z")
_NEED_NOT_BE_SIGNED: Final = frozenset({"x-amz-content-sha256"})
_V2_RESOURCES: Final = frozenset(
    {
        "acl",
        "delete",
        "lifecycle",
        "location",
        "logging",
        "notification",
        "partNumber",
        "policy",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


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
    found = _FORM.match(text)
    if found is None:
        raise S3Error("AuthorizationHeaderMalformed")
    at = target.headers.get("x-amz-date", "")
    key_id, scope = _credential(found[1], at, "AuthorizationHeaderMalformed")
    payload = target.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    names = tuple(found[2].split(";"))
    return Signed(key_id, at, scope, names, found[3], payload, token=target.headers.get("x-amz-security-token"))


def _credential(text: str, at: str, code: str) -> tuple[str, Scope]:
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != sigv4.TERMINATOR:
        raise S3Error(code, "the Credential is mal-formed; expecting <YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request")
    try:
        sigv4.instant(at)
    except ValueError:
        raise S3Error("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if parts[1] != at[:8]:
        raise S3Error(code, f"Invalid credential date {parts[1]}. This date is not the same as X-Amz-Date: {at[:8]}.")
    if parts[3] != sigv4.SERVICE:
        raise S3Error(code, f'incorrect service "{parts[3]}". This endpoint belongs to "s3".')
    return parts[0], Scope(parts[1], parts[2], parts[3])


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
    key_id, scope = _credential(fields["X-Amz-Credential"], at, code)
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
    code = "AuthorizationQueryParametersError"
    if not (text.isascii() and text.isdigit()):
        raise S3Error(code, "X-Amz-Expires should be a number")
    if len(text) > 7 or int(text) > LONGEST_EXPIRY_S:
        raise S3Error(code, f"X-Amz-Expires must be less than a week (in seconds) that is {LONGEST_EXPIRY_S}")
    return int(text)


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
        Scope("", ""),
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
    need_not_be = _NEED_NOT_BE_SIGNED.union(signed.names)
    left_out = [name for name in target.headers if name.startswith("x-amz-") and name not in need_not_be]
    if left_out or "host" not in signed.names:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(left_out or ["host"]),
        )
    shown = ("", "")
    for canonical in _canonical_requests(signed, target, hosts):
        text = sigv4.string_to_sign(signed.at, signed.scope, canonical)
        expected = sigv4.signature(secret, signed.scope, text)
        if hmac.compare_digest(expected.encode(), signed.value.encode("utf-8", "replace")):
            return
        shown = shown if shown[0] else (text, canonical)
    raise _mismatch(signed, *shown)


def _canonical_requests(signed: Signed, target: Target, hosts: Sequence[str]) -> Iterator[str]:
    """The forms an honest client may have signed, the usual one first."""
    if any(name not in target.headers for name in signed.names) or len(set(signed.names)) < len(signed.names):
        return
    pairs = [(sigv4.escaped(name), sigv4.escaped(value)) for name, value in target.query.items()]
    query = sigv4.canonical_query(pair for pair in pairs if pair[0] != "X-Amz-Signature")
    for host in dict.fromkeys([target.headers.get("host", ""), *hosts]):
        headers = {**target.headers, "host": host}
        for path in dict.fromkeys([target.path, sigv4.normal_path(target.path)]):
            yield sigv4.canonical_request(target.method, path, query, headers, signed.names, signed.payload)


def _mismatch(signed: Signed, text: str, canonical: str = "") -> S3Error:
    return S3Error(
        "SignatureDoesNotMatch",
        AWSAccessKeyId=signed.key_id,
        StringToSign=text,
        SignatureProvided=signed.value,
        CanonicalRequest=canonical,
    )


def _verify_old(signed: Signed, secret: str, target: Target) -> None:
    shown = b""
    for text in _old_texts(signed, target):
        expected = base64.b64encode(hmac.digest(secret.encode(), text, "sha1"))
        if hmac.compare_digest(expected, signed.value.encode("utf-8", "replace")):
            return
        shown = shown or text
    raise _mismatch(signed, shown.decode("utf-8", "replace"))


def _old_texts(signed: Signed, target: Target) -> Iterator[bytes]:
    """What SigV2 signs; clients differ over a parameter without a value and a bucket without a key."""
    chosen = sorted((name, value) for name, value in target.query.items() if name in _V2_RESOURCES)
    if any(part.partition("=")[0] in _V2_RESOURCES for _, value in chosen for part in value.split("&")[1:]):
        return  # the text does not tell it from another request with that part as a parameter of its own
    given = target.headers
    amz = "".join(f"{name}:{given[name].strip()}\n" for name in sorted(given) if name.startswith("x-amz-"))
    end = sigv4.instant(signed.at) // 1000
    head = f"{target.method}\n{given.get('content-md5', '')}\n{given.get('content-type', '')}\n{end}\n{amz}"
    path = f"/{target.bucket}{target.path}" if target.hosted else target.path
    whole = path if target.key else f"{path.rstrip('/')}/"  # boto3 signs a bucket with a slash that it does not send
    for signed_path, bare in itertools.product(dict.fromkeys([path, whole]), ("", "=")):
        resources = "&".join(f"{name}={value}" if value else name + bare for name, value in chosen)
        yield (head + signed_path).encode("latin-1") + (f"?{resources}" if resources else "").encode()
