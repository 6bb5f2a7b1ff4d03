"""The oracle is botocore: whatever its signers produce is accepted, and nothing that differs from it is."""

from __future__ import annotations

import base64
import datetime
import hashlib
import string
import time
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore import auth as botocore_auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.aws import sigv4
from tidegate.http import signatures
from tidegate.wire import protocol

SIGNED_AT = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
NOW = int(SIGNED_AT.timestamp() * 1000)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MINUTE = 60_000


class Wire:
    """A request as it reaches the server."""

    def __init__(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> None:
        parts = urlsplit(url)
        self.method = method
        self.raw_path = parts.path.encode()
        self.query_string = parts.query.encode()
        self.headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        if "host" not in {name for name, _ in headers}:
            self.headers.insert(0, (b"host", parts.netloc.encode()))
        self.body = body

    def parse(self) -> signatures.Signature:
        signature = signatures.parse(self.method, self.raw_path, self.query_string, self.headers)
        assert signature is not None
        return signature

    def verify(self, secret: str = SECRET, now_ms: int = NOW) -> None:
        signatures.verify(self.parse(), secret, body=self.body, now_ms=now_ms)

    def header(self, name: str) -> bytes:
        return dict(self.headers)[name.encode()]

    def set_header(self, name: str, value: bytes) -> None:
        self.headers = [(n, value if n == name.encode() else v) for n, v in self.headers]


def sign(
    signer: type[Any] = botocore_auth.SigV4Auth,
    method: str = "PUT",
    url: str = "https://iot.eu-west-1.amazonaws.com/job-templates/t1",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"description":"d"}',
    service: str = "iot",
    token: str | None = None,
    **options: Any,
) -> Wire:
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=body)
    with mock.patch.object(botocore_auth, "get_current_datetime", return_value=SIGNED_AT.replace(tzinfo=None)):
        signer(Credentials("AKIDEXAMPLE", SECRET, token), service, "eu-west-1", **options).add_auth(request)
    return Wire(method, request.url, list(request.headers.items()), body)


names = st.text(string.ascii_letters + string.digits + ":_-", min_size=1, max_size=12)
segments = st.one_of(
    names, st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable() and text not in (".", ".."))
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(quote(p, safe="") for p in parts))
queries = st.lists(
    st.tuples(names, st.text(string.printable, max_size=8)), max_size=4, unique_by=lambda pair: pair[0]
).map(lambda pairs: "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs))
header_values = st.text(string.ascii_letters + string.digits + " ;,=/", max_size=20)
headers = st.dictionaries(names.filter(lambda n: ":" not in n).map(lambda n: f"X-Amz-Meta-{n}".lower()), header_values)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH"])


@settings(max_examples=150, deadline=None)
@given(methods, paths, queries, headers, st.binary(max_size=64), st.sampled_from([None, "session/token+=="]))
def test_accepts_what_botocore_signs(
    method: str, path: str, query: str, extra: dict[str, str], body: bytes, token: str | None
) -> None:
    url = f"https://iot.eu-west-1.amazonaws.com{path}?{query}"
    wire = sign(method=method, url=url, headers=extra, body=body, token=token)
    wire.verify()
    signature = wire.parse()
    assert signature.claim == ("AKIDEXAMPLE", ("20260301", "eu-west-1", "iot"))
    assert signature.security_token == token
    assert sigv4.claimed(wire.headers, wire.query_string) == signature.claim


@settings(max_examples=60, deadline=None)
@given(methods, paths, queries, st.sampled_from([None, "session/token+=="]))
def test_accepts_what_botocore_presigns(method: str, path: str, query: str, token: str | None) -> None:
    url = f"https://tidegate.example:8443{path}?{query}"
    wire = sign(botocore_auth.SigV4QueryAuth, method, url, body=b"", token=token, expires=600)
    wire.verify(now_ms=NOW + 9 * MINUTE)
    assert wire.parse().presigned
    assert wire.parse().security_token == token
    assert sigv4.claimed(wire.headers, wire.query_string) == wire.parse().claim


def mutations(wire: Wire) -> st.SearchStrategy[tuple[str, int, int]]:
    parts = {"path": wire.raw_path, "query": wire.query_string, "body": wire.body, "token": b"session"}
    places = [(part, at) for part, text in parts.items() for at in range(len(text))]
    return st.tuples(st.sampled_from(places), st.integers(1, 255)).map(lambda m: (*m[0], m[1]))


SIGNED = sign(url="https://iot.eu-west-1.amazonaws.com/things/a%3Ab/jobs?maxResults=5&nextToken=a%2Fb", token="session")


def flipped(text: bytes, at: int, mask: int) -> bytes:
    return text[:at] + bytes([text[at] ^ mask]) + text[at + 1 :]


def meaning(query: bytes) -> list[tuple[str, str]]:
    return sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1"))


@settings(max_examples=300, deadline=None)
@given(mutations(SIGNED))
def test_refuses_any_flipped_byte(mutation: tuple[str, int, int]) -> None:
    part, at, mask = mutation
    path, query, body = SIGNED.raw_path, SIGNED.query_string, SIGNED.body
    head = list(SIGNED.headers)
    if part == "path":
        path = flipped(path, at, mask)
    elif part == "query":
        query = flipped(query, at, mask)
        if meaning(query) == meaning(SIGNED.query_string):
            return  # %2f for %2F: another spelling of the same request
    elif part == "body":
        body = flipped(body, at, mask)
    else:
        changed = flipped(b"session", at, mask)
        if changed.split() == [b"session"]:
            return
        head = [(name, changed if name == b"x-amz-security-token" else value) for name, value in head]
    changed_wire = Wire(SIGNED.method, "https://h/", [], body)
    changed_wire.raw_path, changed_wire.query_string, changed_wire.headers = path, query, head
    with pytest.raises((signatures.Mismatch, signatures.Incomplete)):
        changed_wire.verify()


@pytest.mark.parametrize("secret", ["", "other", SECRET + "x"])
def test_refuses_another_secret(secret: str) -> None:
    with pytest.raises(signatures.Mismatch, match="The request signature we calculated does not match"):
        SIGNED.verify(secret)


def test_refuses_another_method() -> None:
    signature = signatures.parse("GET", SIGNED.raw_path, SIGNED.query_string, SIGNED.headers)
    assert signature is not None
    with pytest.raises(signatures.Mismatch):
        signatures.verify(signature, SECRET, body=SIGNED.body, now_ms=NOW)


@pytest.mark.parametrize("value", [b"", b"\xff" * 64, b"0" * 64])
def test_refuses_an_odd_signature_value(value: bytes) -> None:
    wire = sign()
    head = wire.header("authorization").rpartition(b"=")[0] + b"=" + value
    wire.set_header("authorization", head)
    with pytest.raises((signatures.Mismatch, signatures.Incomplete)):
        wire.verify()


# ------------------------------------------------------------------------------------------------------------- bodies


def test_takes_the_hash_of_a_streamed_body() -> None:
    wire = sign(body=b"firmware")
    signatures.verify(wire.parse(), SECRET, body_sha256=hashlib.sha256(b"firmware").hexdigest(), now_ms=NOW)
    with pytest.raises(signatures.Mismatch):
        signatures.verify(wire.parse(), SECRET, body_sha256=hashlib.sha256(b"Firmware").hexdigest(), now_ms=NOW)


def test_a_declared_hash_must_be_the_hash_of_the_body() -> None:
    wire = sign(botocore_auth.S3SigV4Auth, service="s3", body=b"firmware")
    wire.body = b"Firmware"
    with pytest.raises(signatures.Mismatch):
        wire.verify()


def test_an_unsigned_payload_is_s3s() -> None:
    wire = sign(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, body=b"firmware")
    with pytest.raises(signatures.Mismatch):
        wire.verify()
    wire = sign(botocore_auth.SigV4QueryAuth, headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, body=b"")
    with pytest.raises(signatures.Mismatch):
        wire.verify()


# --------------------------------------------------------------------------------------------------- canonical request


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", b"/"),
        (b"/jobs/j1", b"/jobs/j1"),
        (b"/jobs/", b"/jobs/"),
        (b"/things/a%3Ab/jobs", b"/things/a%253Ab/jobs"),
        (b"/things/t/jobs/$next", b"/things/t/jobs/%24next"),
        (b"/things/t/jobs/%24next", b"/things/t/jobs/%2524next"),
        (b"/a//b/./c/../d", b"/a//b/./c/../d"),
        (b"/a/../%2e", b"/a/../%252e"),
        (b"/.hidden/..two", b"/.hidden/..two"),
    ],
)
def test_canonical_path(raw: bytes, canonical: bytes) -> None:
    assert signatures.canonical_path(raw) == canonical


def test_header_values_are_trimmed() -> None:
    wire = sign(headers={"X-Amz-Meta-A": "two  words"})
    wire.set_header("x-amz-meta-a", b"  two words\t")
    wire.verify()


@pytest.mark.parametrize("name", ["x-amz-meta-a", "x-amz-date", "authorization", "host", "x-amzn-principal"])
def test_no_header_comes_twice(name: str) -> None:
    wire = sign(headers={"X-Amz-Meta-A": "a,b", "x-amzn-principal": "p"})
    wire.headers.append((name.encode(), wire.header(name)))
    with pytest.raises(signatures.Incomplete, match=f"Header '{name}' must not be repeated"):
        wire.parse()


@pytest.mark.parametrize("signer", [botocore_auth.SigV4Auth, botocore_auth.SigV4QueryAuth])
@pytest.mark.parametrize("name", [b"x-amz-mqtt5-user-properties", b"x-amzn-principal", b"x-amzn-iot-policy"])
def test_headers_that_operations_read_must_be_signed(signer: Any, name: bytes) -> None:
    wire = sign(signer)
    wire.headers += [(b"x-amzn-trace-id", b"of a proxy"), (b"x-amz-user-agent", b"of a browser")]
    wire.parse()
    wire.headers.append((name, b"e30="))
    with pytest.raises(signatures.Mismatch, match=f"not signed: {name.decode()}"):
        wire.parse()


def test_every_header_of_the_model_counts() -> None:
    bound = {
        binding.name.encode()
        for operations in protocol.OPERATIONS.values()
        for operation in operations.values()
        for binding in operation.outside
        if binding.location == "header"
    }
    assert len(bound) > 5
    assert all(name.startswith(signatures._AMZ) for name in bound)


@pytest.mark.parametrize("query", ["a=1&a=1", "a=1&b=2&a=2", "a&%61=2", "a+b=1&a%20b=2"])
@pytest.mark.parametrize("signer", [botocore_auth.SigV4Auth, botocore_auth.SigV4QueryAuth])
def test_no_parameter_comes_twice(signer: Any, query: str) -> None:
    wire = sign(signer, body=b"")
    wire.query_string = b"&".join(filter(None, [wire.query_string, query.encode()]))
    with pytest.raises(signatures.Incomplete, match="must not be repeated"):
        wire.parse()


def test_to_name_the_one_that_comes_twice_takes_one_look() -> None:
    """A head's worth of names, from anybody: half a second would be a hundred times too long."""
    wire = sign(body=b"")
    wire.query_string = b"&".join([b"%x" % number for number in range(13_000)] + [b"32c7"])
    begun = time.thread_time()
    with pytest.raises(signatures.Incomplete, match="'32c7' must not be repeated"):
        wire.parse()
    assert time.thread_time() - begun < 0.5


def test_the_end_of_a_url_is_not_hidden_by_another_spelling() -> None:
    """Both spellings sign alike; only one of them was read as the time a URL lives."""
    wire = sign(botocore_auth.SigV4QueryAuth, body=b"", expires=60)
    wire.query_string = wire.query_string.replace(b"X-Amz-Expires", b"X-Amz%2DExpires")
    with pytest.raises(signatures.Incomplete):
        wire.verify(now_ms=NOW + 4 * MINUTE)


@pytest.mark.parametrize("path", ["/topics/x/../b", "/topics/./b", "/topics//b", "//topics/b", "/x/../topics/b"])
def test_a_path_is_signed_as_it_is_acted_on(path: str) -> None:
    """AWS's clients take dot and empty segments out of what they sign; a greedy label would have them in it."""
    wire = sign(method="POST", url="https://h/topics/b")
    wire.raw_path = path.encode()
    with pytest.raises(signatures.Mismatch):
        wire.verify()


def test_query_pairs_are_sorted_by_name() -> None:
    wire = sign(url="https://h/x?b=2&a=9&a-b=0&c")
    assert wire.query_string == b"b=2&a=9&a-b=0&c"
    wire.verify()


@pytest.mark.parametrize(("signed", "sent"), [(b"q=a%20b", b"q=a+b"), (b"q=%2F%C3%A9", b"q=%2f%c3%a9"), (b"q=", b"q")])
def test_a_query_is_accepted_in_other_spellings_of_the_same_text(signed: bytes, sent: bytes) -> None:
    wire = sign(url=f"https://h/x?{signed.decode()}")
    wire.query_string = sent
    wire.verify()


def test_a_plus_is_no_substitute_for_an_escaped_plus() -> None:
    wire = sign(url="https://h/x?q=a%2Bb")
    wire.query_string = b"q=a+b"
    with pytest.raises(signatures.Mismatch):
        wire.verify()


def test_a_default_port_in_host_may_be_left_out_of_the_signature() -> None:
    wire = sign()
    wire.set_header("host", b"iot.eu-west-1.amazonaws.com:443")
    wire.verify()
    wire.set_header("host", b"iot.eu-west-1.amazonaws.com:8443")
    with pytest.raises(signatures.Mismatch):
        wire.verify()


def test_a_signed_header_that_did_not_arrive_is_a_mismatch() -> None:
    wire = sign(headers={"X-Amz-Meta-A": ""})
    wire.headers = [h for h in wire.headers if h[0] != b"x-amz-meta-a"]
    with pytest.raises(signatures.Mismatch):
        wire.verify()


# ---------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("offset", [0, -5 * MINUTE, 5 * MINUTE])
def test_five_minutes_of_skew_are_accepted(offset: int) -> None:
    sign().verify(now_ms=NOW + offset)


def test_an_old_signature_has_expired() -> None:
    with pytest.raises(signatures.Expired) as refusal:
        sign().verify(now_ms=NOW + 5 * MINUTE + 1000)
    assert str(refusal.value) == (
        "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5 min.)"
    )
    assert (refusal.value.status, refusal.value.code) == (403, "InvalidSignatureException")


def test_a_signature_from_the_future_is_not_yet_current() -> None:
    with pytest.raises(signatures.Expired) as refusal:
        sign().verify(now_ms=NOW - 5 * MINUTE - 1)
    assert str(refusal.value) == (
        "Signature not yet current: 20260301T120000Z is still later than 20260301T115959Z (20260301T115459Z + 5 min.)"
    )


def test_time_is_judged_before_the_signature() -> None:
    with pytest.raises(signatures.Expired):
        sign().verify("another secret", now_ms=NOW + 6 * MINUTE)


@pytest.mark.parametrize(("expires", "text"), [(600, "10 min."), (90, "90 sec.")])
def test_a_presigned_request_lives_as_long_as_it_says(expires: int, text: str) -> None:
    wire = sign(botocore_auth.SigV4QueryAuth, "GET", body=b"", expires=expires)
    wire.verify(now_ms=NOW + expires * 1000)
    with pytest.raises(signatures.Expired, match=f"- {text}"):
        wire.verify(now_ms=NOW + expires * 1000 + 1)


@pytest.mark.parametrize("expires", [604_801, "soon", "-1", "²", "9" * 5000])
def test_an_impossible_lifetime_is_refused(expires: Any) -> None:
    wire = sign(botocore_auth.SigV4QueryAuth, "GET", body=b"", expires=expires)
    with pytest.raises(signatures.Incomplete, match="X-Amz-Expires"):
        wire.parse()


def test_a_date_header_serves_instead_of_x_amz_date() -> None:
    wire = sign(headers={"Date": "any"})
    assert b"x-amz-date" not in dict(wire.headers)
    wire.verify()
    assert wire.parse().amz_date == "20260301T120000Z"


# ------------------------------------------------------------------------------------------------------------ refusals


def test_nothing_signed_is_none() -> None:
    assert signatures.parse("GET", b"/jobs", b"maxResults=1", [(b"host", b"h")]) is None
    assert sigv4.claimed([(b"host", b"h")], b"maxResults=1") is None


def test_what_is_missing_is_named() -> None:
    with pytest.raises(signatures.Incomplete) as refusal:
        signatures.parse("GET", b"/", b"", [(b"authorization", b"Basic dXNlcjpwYXNz")])
    hashed = base64.b64encode(hashlib.sha256(b"Basic dXNlcjpwYXNz").digest()).decode()
    assert str(refusal.value) == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a "
        f"'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization={hashed}"
    )
    assert refusal.value.status == 400
    assert "dXNlcjpwYXNz" not in str(refusal.value)


def test_a_missing_parameter_of_a_presigned_request_is_named() -> None:
    with pytest.raises(signatures.Incomplete) as refusal:
        signatures.parse("GET", b"/", b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260301T120000Z", [])
    assert str(refusal.value) == (
        "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include "
        "'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. "
        "Re-examine the query-string parameters."
    )


AUTHORIZATION = "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature=00"


@pytest.mark.parametrize(
    ("credential", "signed", "date", "error", "text"),
    [
        ("a/20260301/r/iot", "host", "20260301T120000Z", signatures.Incomplete, "exactly 5 slash-delimited elements"),
        ("a/20260301/r/iot/aws", "host", "20260301T120000Z", signatures.Mismatch, "valid terminator: 'aws4_request'"),
        ("a/20260302/r/iot/aws4_request", "host", "20260301T120000Z", signatures.Mismatch, "does not match YYYYMMDD"),
        ("a/20260301/r/iot/aws4_request", "date", "20260301T120000Z", signatures.Mismatch, "must be a 'SignedHeader'"),
        ("a/20260301/r/iot/aws4_request", "host", "yesterday", signatures.Incomplete, "ISO-8601 'basic format'"),
    ],
)
def test_a_contradictory_scope_is_refused(credential: str, signed: str, date: str, error: Any, text: str) -> None:
    head = [(b"authorization", AUTHORIZATION.format(credential, signed).encode()), (b"x-amz-date", date.encode())]
    with pytest.raises(error, match=text):
        signatures.parse("GET", b"/", b"", head)


def test_an_impossible_date_is_refused() -> None:
    head = [
        (b"authorization", AUTHORIZATION.format("a/20269999/r/iot/aws4_request", "host").encode()),
        (b"x-amz-date", b"20269999T000000Z"),
        (b"host", b"h"),
    ]
    with pytest.raises(signatures.Incomplete, match="ISO-8601"):
        signatures.parse("GET", b"/", b"", head)


def test_the_parts_of_the_header_come_in_any_order() -> None:
    wire = sign()
    scheme, credential, signed, value = wire.header("authorization").decode().replace(",", "").split(" ")
    wire.set_header("authorization", f"{scheme} {value},{credential},{signed}".encode())
    wire.verify()


def test_a_bare_word_in_the_header_is_named_by_its_hash() -> None:
    head = [(b"authorization", b"AWS4-HMAC-SHA256 Credential= hidden"), (b"x-amz-date", b"20260301T120000Z")]
    with pytest.raises(signatures.Incomplete, match="missing equal-sign") as refusal:
        signatures.parse("GET", b"/", b"", head)
    assert "hidden" not in str(refusal.value)


def test_a_repeated_signing_parameter_is_refused() -> None:
    wire = sign(botocore_auth.SigV4QueryAuth, "GET", body=b"")
    wire.query_string += b"&X-Amz-Date=20260301T120000Z"
    with pytest.raises(signatures.Incomplete, match="must not be repeated"):
        wire.parse()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=20), st.booleans())
def test_noise_is_refused_and_never_breaks(noise: bytes, query: bytes, date: bytes, prefix: bool) -> None:
    head = [(b"authorization", (b"AWS4-HMAC-SHA256 " if prefix else b"") + noise), (b"date", date), (b"host", b"h")]
    for given_headers, given_query in ((head, query), ([], b"X-Amz-Signature=1&" + query)):
        sigv4.claimed(given_headers, given_query)
        with pytest.raises(signatures.Refusal):
            signatures.parse("GET", b"/", given_query, given_headers)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=12), st.text(max_size=6))
def test_a_well_formed_stranger_is_a_mismatch(region: str, service: str, signed: str, value: str) -> None:
    fields = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"a/20260301/{region}/{service}/aws4_request".replace("//", "/-/"),
        "X-Amz-Date": "20260301T120000Z",
        "X-Amz-SignedHeaders": f"host;{signed}",
        "X-Amz-Signature": f"0{value}",
    }
    query = "&".join(f"{name}={quote(text, safe='')}" for name, text in fields.items()).encode()
    wire = Wire("GET", f"https://h/?{query.decode()}", [("x", "\xff")], b"")
    with pytest.raises((signatures.Mismatch, signatures.Incomplete)):
        wire.verify()


# ----------------------------------------------------------------------------------------------------------- WebSocket


def websocket(service: str, token: str | None, host: str = "h.iot.eu-west-1.amazonaws.com") -> Wire:
    """A /mqtt handshake as device SDKs sign it: no expiry, the token appended after the signature."""
    wire = sign(botocore_auth.SigV4QueryAuth, "GET", f"https://{host}/mqtt", body=b"", service=service, expires=300)
    if token is not None:
        wire.query_string += b"&X-Amz-Security-Token=" + quote(token, safe="").encode()
    return wire


@pytest.mark.parametrize("service", ["iotdevicegateway", "iotdata"])
def test_the_token_may_stand_outside_the_signature_of_a_websocket(service: str) -> None:
    wire = websocket(service, "session/token+==")
    wire.verify()
    assert wire.parse().security_token == "session/token+=="


def test_the_token_may_stand_inside_the_signature_of_a_websocket() -> None:
    url = "https://h.iot.eu-west-1.amazonaws.com/mqtt"
    sign(botocore_auth.SigV4QueryAuth, "GET", url, body=b"", service="iotdevicegateway", token="t/1").verify()


def test_elsewhere_the_token_must_be_signed() -> None:
    wire = websocket("iot", "session")
    with pytest.raises(signatures.Mismatch):
        wire.verify()
    wire = websocket("iotdata", "session")
    wire.raw_path = b"/things/t/shadow"
    with pytest.raises(signatures.Mismatch):
        wire.verify()


def test_a_websocket_client_may_sign_its_host_without_the_port() -> None:
    wire = websocket("iotdata", None)
    wire.set_header("host", b"h.iot.eu-west-1.amazonaws.com:9443")
    wire.verify()


def test_without_expiry_a_websocket_url_lives_five_minutes() -> None:
    wire = sign(botocore_auth.SigV4QueryAuth, "GET", "https://h/mqtt", body=b"", service="iotdata")
    signature = wire.parse()
    plain = signature._replace(expires=None)
    with pytest.raises(signatures.Expired, match="- 5 min"):
        signatures.verify(plain, SECRET, now_ms=NOW + 5 * MINUTE + 1)
