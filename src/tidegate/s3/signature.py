"""Who signed a request, and whether: S3's three forms. Pure; secrets and clocks are the caller's.

* an ``Authorization`` header (SigV4), over the declared hash of the body or one of the ``STREAMING-…`` forms;
* a presigned query string (SigV4), for at most a week;
* the older query string (SigV2), which boto3 and the AWS CLI still make for presigned URLs of some regions.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from tidegate.clock import Millis
from tidegate.objects import sigv4
from tidegate.objects.sigv4 import Scope
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


class Head(NamedTuple):
    """What of a request is signed: the bytes of its first line, headers with lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


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


def parse(head: Head) -> Signed | None:
    """The signature of a request; None if it carries none.

    Raises:
        S3Error: it is there and cannot be read.
    """
    authorization = head.headers.get("authorization")
    if authorization is not None:
        return _parse_header(head, authorization)
    if "X-Amz-" not in head.query and "AWSAccessKeyId=" not in head.query:
        return None
    fields = _fields(head.query)
    if "X-Amz-Algorithm" in fields or "X-Amz-Signature" in fields:
        return _parse_query(head, fields)
    return _parse_old(head, fields) if "AWSAccessKeyId" in fields else None


def _fields(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def _parse_header(head: Head, text: str) -> Signed:
    if text.startswith("AWS "):
        raise S3Error(
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        )
    found = _FORM.match(text)
    if found is None:
        raise S3Error("AuthorizationHeaderMalformed")
    at = head.headers.get("x-amz-date", "")
    key_id, scope = _credential(found[1], at, "AuthorizationHeaderMalformed")
    payload = head.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    names = tuple(found[2].split(";"))
    return Signed(key_id, at, scope, names, found[3], payload, token=head.headers.get("x-amz-security-token"))


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


def _parse_query(head: Head, fields: Mapping[str, str]) -> Signed:
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
    payload = head.headers.get("x-amz-content-sha256") if "x-amz-content-sha256" in names else None
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


def _parse_old(head: Head, fields: Mapping[str, str]) -> Signed:
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
        token=fields.get("x-amz-security-token"),
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


def verify(signed: Signed, secret: str, head: Head, *, hosts: Sequence[str] = ()) -> None:
    """Accept the signature or raise.

    ``hosts`` are further names the request may have been signed for: those in front of a proxy that changed the Host.

    Raises:
        S3Error: SignatureDoesNotMatch, or AccessDenied for headers that were left out of it.
    """
    if signed.old:
        _verify_old(signed, secret, head)
        return
    left_out = [
        name
        for name in head.headers
        if name.startswith("x-amz-") and name not in signed.names and name not in _NEED_NOT_BE_SIGNED
    ]
    if left_out or "host" not in signed.names:
        raise S3Error(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(left_out or ["host"]),
        )
    shown = ("", "")
    for canonical in _canonical_requests(signed, head, hosts):
        text = sigv4.string_to_sign(signed.at, signed.scope, canonical)
        expected = sigv4.signature(secret, signed.scope, text)
        if hmac.compare_digest(expected.encode(), signed.value.encode("utf-8", "replace")):
            return
        shown = shown if shown[0] else (text, canonical)
    raise _mismatch(signed, *shown)


def _canonical_requests(signed: Signed, head: Head, hosts: Sequence[str]) -> Iterator[str]:
    """The forms an honest client may have signed, the usual one first."""
    if any(name not in head.headers for name in signed.names) or len(set(signed.names)) < len(signed.names):
        return
    pairs = [(name, value) for name, value in sigv4.normal_pairs(head.query) if name != "X-Amz-Signature"]
    query = sigv4.canonical_query(pairs)
    paths = dict.fromkeys([head.path, sigv4.normal_path(head.path)])
    for host in dict.fromkeys([head.headers.get("host", ""), *hosts]):
        headers = {**head.headers, "host": host}
        for path in paths:
            yield sigv4.canonical_request(head.method, path, query, headers, signed.names, signed.payload)


def _mismatch(signed: Signed, text: str, canonical: str = "") -> S3Error:
    return S3Error(
        "SignatureDoesNotMatch",
        AWSAccessKeyId=signed.key_id,
        StringToSign=text,
        SignatureProvided=signed.value,
        CanonicalRequest=canonical,
    )


def _verify_old(signed: Signed, secret: str, head: Head) -> None:
    end = sigv4.instant(signed.at) // 1000
    amz = {name: value for name, value in head.headers.items() if name.startswith("x-amz-")}
    fields = _fields(head.query)
    if signed.token is not None:
        amz["x-amz-security-token"] = signed.token
    lines = "".join(f"{name}:{amz[name].strip()}\n" for name in sorted(amz))
    chosen = sorted((name, value) for name, value in fields.items() if name in _V2_RESOURCES)
    resources = "&".join(f"{name}={value}" if value else name for name, value in chosen)
    resource = head.path + (f"?{resources}" if resources else "")
    given = head.headers
    text = f"{head.method}\n{given.get('content-md5', '')}\n{given.get('content-type', '')}\n{end}\n{lines}{resource}"
    expected = base64.b64encode(hmac.digest(secret.encode(), text.encode("latin-1", "replace"), "sha1"))
    if not hmac.compare_digest(expected, signed.value.encode("utf-8", "replace")):
        raise _mismatch(signed, text)
