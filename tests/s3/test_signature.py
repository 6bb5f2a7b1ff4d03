"""Verification of what botocore signs, and of what it does not."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.aws import sigv4
from tidegate.clock import wall_now
from tidegate.s3 import addressing, signature
from tidegate.s3.addressing import Head
from tidegate.s3.errors import S3Error
from tidegate.s3.signature import Signed

SECRET = "a/secret+"
KEYS = Credentials("AKIDEXAMPLE", SECRET)
HOST = "127.0.0.1:9000"
DOMAINS = ["localhost"]
WEEK = 7 * 24 * 3600
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def head(request: AWSRequest, method: str | None = None) -> Head:
    parts = urlsplit(request.url)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Head(method or request.method, parts.path, parts.query, {"host": parts.netloc, **headers})


def signed(method: str, path: str, *, query: str = "", headers: dict[str, str] | None = None) -> Head:
    request = AWSRequest(method, f"http://{HOST}{path}{query}", headers=headers or {}, data=b"body")
    S3SigV4Auth(KEYS, "s3", "eu-west-1").add_auth(request)
    return head(request)


def presigned(method: str, path: str, expires: int = 60, signer: Any = S3SigV4QueryAuth) -> Head:
    request = AWSRequest(method, f"http://{HOST}{path}")
    signer(KEYS, "s3", "eu-west-1", expires=expires).add_auth(request)
    return head(request)


def accept(found: Head, secret: str = SECRET, now: int | None = None, **more: Any) -> Signed:
    target = addressing.read(found, DOMAINS)
    parsed = signature.parse(target)
    assert parsed is not None
    signature.check_time(parsed, wall_now() if now is None else now)
    signature.verify(parsed, secret, target, **more)
    return parsed


def refusal(found: Head, **more: Any) -> S3Error:
    with pytest.raises(S3Error) as caught:
        accept(found, **more)
    return caught.value


@settings(deadline=None)
@given(names, names)
def test_headers_by_botocore(key: str, value: str) -> None:
    path = f"/bucket/{quote(key, safe='/~')}"
    assert accept(signed("PUT", path, query=f"?prefix={quote(value, safe='~')}&uploads")).key_id == "AKIDEXAMPLE"


@settings(deadline=None)
@given(names)
def test_queries_by_botocore(key: str) -> None:
    path = f"/bucket/{quote(key, safe='/~')}"
    assert accept(presigned("GET", path)).expires == 60


@pytest.mark.parametrize("path", ["/b/a//b", "/b/a/../b", "/b/./k", "/b//", "/b/%2e%2e/x"])
def test_paths_are_not_normalised(path: str) -> None:
    accept(signed("GET", path))
    accept(presigned("GET", path))


def test_metadata_is_signed() -> None:
    found = signed("PUT", "/b/k", headers={"x-amz-meta-a": "  two   spaces ", "Content-Type": "text/plain"})
    accept(found)
    assert refusal(found._replace(headers={**found.headers, "x-amz-meta-a": "other"})).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"path": "/b/other"},
        {"query": "versionId=1"},
        {"headers": {"host": "elsewhere"}},
    ],
)
def test_what_is_changed_does_not_match(change: dict[str, Any]) -> None:
    for found in (signed("GET", "/b/k"), presigned("GET", "/b/k")):
        changed = dict(change)
        if "headers" in changed:
            changed["headers"] = {**found.headers, **changed["headers"]}
        if "query" in changed and found.query:
            changed["query"] = f"{found.query}&{changed['query']}"
        assert refusal(found._replace(**changed)).code == "SignatureDoesNotMatch"


def test_another_secret_does_not_match_and_the_answer_helps() -> None:
    error = refusal(signed("GET", "/b/k"), secret="other")
    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.more["CanonicalRequest"].startswith("GET\n/b/k\n")
    assert error.more["StringToSign"].startswith("AWS4-HMAC-SHA256\n")


@pytest.mark.parametrize("name", ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a"])
def test_amz_headers_must_be_signed(name: str) -> None:
    """A URL that allows a PUT does not allow to copy somebody else's object."""
    found = presigned("PUT", "/b/k")
    error = refusal(found._replace(headers={**found.headers, name: "/other/secret"}))
    assert (error.code, error.more["HeadersNotSigned"]) == ("AccessDenied", name)


def test_to_find_what_is_not_signed_takes_one_look() -> None:
    """A head's worth of headers, and of names that were signed instead."""
    found = signed("GET", "/b/k")
    listed = "SignedHeaders=" + ";".join(f"{number:x}" for number in range(14_000)) + ";"
    headers = {**found.headers, **{f"x-amz-{number:x}": "" for number in range(6000)}}
    headers["authorization"] = headers["authorization"].replace("SignedHeaders=", listed)
    begun = time.thread_time()
    error = refusal(found._replace(headers=headers))
    assert time.thread_time() - begun < 0.5
    assert len(error.more["HeadersNotSigned"].split(", ")) == 6000


def test_a_proxy_may_have_changed_the_host() -> None:
    found = presigned("GET", "/b/k")
    behind = found._replace(headers={**found.headers, "host": "inner:1"})
    assert refusal(behind).code == "SignatureDoesNotMatch"
    accept(behind, hosts=[HOST])


def test_the_parts_of_the_header_come_in_any_order() -> None:
    found = signed("GET", "/b/k")
    scheme, credential, names, value = found.headers["authorization"].replace(",", "").split(" ")
    accept(found._replace(headers={**found.headers, "authorization": f"{scheme} {value},{names}, {credential}"}))


def test_the_date_may_be_http_s() -> None:
    headers = {"host": HOST, "date": formatdate(usegmt=True)}
    at = sigv4.stamped(headers["date"])
    scope = sigv4.Scope(at[:8], "eu-west-1", "s3")
    payload = sigv4.EMPTY_SHA256
    block = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers)).encode()
    canonical = next(sigv4.canonical_requests("GET", [b"/b/k"], [b""], [block], b"date;host", payload.encode()))
    value = sigv4.signature(SECRET, scope, sigv4.string_to_sign(at, scope, canonical))
    credential = f"Credential=AKIDEXAMPLE/{scope}"
    headers["authorization"] = f"{sigv4.ALGORITHM} {credential}, SignedHeaders=date;host, Signature={value}"
    accept(Head("GET", "/b/k", "", {**headers, "x-amz-content-sha256": payload}))


def test_clients_differ_over_the_scheme_s_own_port() -> None:
    request = AWSRequest("GET", "http://objects.test/b/k")
    S3SigV4Auth(KEYS, "s3", "eu-west-1").add_auth(request)
    found = head(request)
    accept(found._replace(headers={**found.headers, "host": "objects.test:80"}))
    assert refusal(found._replace(headers={**found.headers, "host": "objects.test:81"})).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("seconds", "code"), [(0, None), (59, None), (62, "AccessDenied"), (-899, None), (-901, "AccessDenied")]
)
def test_presigned_time(seconds: int, code: str | None) -> None:
    found, now = presigned("GET", "/b/k"), wall_now() + seconds * 1000
    if code is None:
        accept(found, now=now)
    else:
        error = refusal(found, now=now)
        assert error.code == code
        assert error.message == ("Request has expired" if seconds > 0 else "Request is not valid yet")


@pytest.mark.parametrize(("seconds", "fine"), [(0, True), (890, True), (-890, True), (902, False), (-902, False)])
def test_header_skew(seconds: int, fine: bool) -> None:
    found, now = signed("GET", "/b/k"), wall_now() + seconds * 1000
    if fine:
        accept(found, now=now)
    else:
        assert refusal(found, now=now).code == "RequestTimeTooSkewed"


def test_the_older_query_form() -> None:
    """What boto3 and the AWS CLI still make for some regions."""
    request = AWSRequest("GET", f"http://{HOST}/bucket/a%20b?versionId=v1&response-content-type=text%2Fplain")
    request.auth_path = "/bucket/a%20b"
    HmacV1QueryAuth(KEYS, expires=60).add_auth(request)
    found = head(request)
    assert accept(found).old
    assert refusal(found, secret="other").code == "SignatureDoesNotMatch"
    assert refusal(found._replace(path="/bucket/b")).code == "SignatureDoesNotMatch"
    assert refusal(found._replace(query=found.query.replace("v1", "v2"))).code == "SignatureDoesNotMatch"
    assert refusal(found, now=wall_now() + 62_000).message == "Request has expired"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS key:signature", "InvalidRequest"),
        ("Bearer x", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "AuthorizationHeaderMalformed"),
    ],
)
def test_what_cannot_be_read(authorization: str, code: str) -> None:
    found = Head("GET", "/", "", {"host": HOST, "authorization": authorization, "x-amz-content-sha256": "x"})
    assert refusal(found).code == code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=60", f"X-Amz-Expires={WEEK + 1}"),
        ("X-Amz-Expires=60", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=60", "X-Amz-Expires=%D9%A3"),
        ("X-Amz-Expires=60", ""),
        ("AWS4-HMAC-SHA256", "AWS4-OTHER"),
        ("%2Fs3%2F", "%2Fiot%2F"),
        ("aws4_request", "aws5"),
    ],
)
def test_parameters_that_are_none(old: str, new: str) -> None:
    found = presigned("GET", "/b/k")
    assert old in found.query
    assert refusal(found._replace(query=found.query.replace(old, new))).code == "AuthorizationQueryParametersError"


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_but_refusals(query: str, authorization: str) -> None:
    for headers in ({}, {"authorization": authorization}, {"authorization": f"AWS4-HMAC-SHA256 {authorization}"}):
        for text in (query, f"X-Amz-Signature={query}&X-Amz-Date={authorization}", f"AWSAccessKeyId=k&{query}"):
            sent = text.encode().decode("latin-1")
            found = Head("GET", "/", sent, {"host": HOST, **headers})
            try:
                target = addressing.read(found, DOMAINS)
                parsed = signature.parse(target)
                if parsed is not None:
                    signature.check_time(parsed, wall_now())
                    signature.verify(parsed, SECRET, target)
            except S3Error:
                continue
            assert parsed is None
