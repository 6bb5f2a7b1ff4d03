"""What is verified is what is acted on: whatever of a signed request is changed, it is refused, however it arrives."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.s3.client import Bucket, plain, raw
from tests.s3.test_chunked import SEAL, Pieces, sealed
from tests.s3.test_http import receive
from tests.servers import Started
from tidegate.clock import wall_now
from tidegate.core.location import Location
from tidegate.s3 import addressing, signature, xmltext
from tidegate.s3.addressing import Head, Target
from tidegate.s3.chunked import Decoded
from tidegate.s3.errors import S3Error

KEYS = Credentials("AKIDEXAMPLE", "a/secret+")
DOMAINS = ["localhost"]
PORT = 9000
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
buckets = st.sampled_from(["one", "two", "one.two"])
PARAMETERS = ["versionId", "uploadId", "partNumber", "response-content-type", "uploads"]
queries = st.dictionaries(st.sampled_from(PARAMETERS), text, max_size=3)
HEADERS = ["x-amz-copy-source", "x-amz-meta-a", "x-amz-acl"]
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
headers = st.dictionaries(st.sampled_from(HEADERS), printable, max_size=2)
SIGNERS = {
    "header": lambda: S3SigV4Auth(KEYS, "s3", "eu-west-1"),
    "query": lambda: S3SigV4QueryAuth(KEYS, "s3", "eu-west-1", expires=60),
    "old": lambda: HmacV1QueryAuth(KEYS, expires=60),
}
asked = st.tuples(st.sampled_from(["GET", "PUT", "DELETE"]), buckets, text, queries, headers, st.booleans())
Asked = tuple[str, str, str, dict[str, str], dict[str, str], bool]


def url_of(wanted: Asked) -> tuple[str, str]:
    """URL and, for SigV2, the path with the bucket in it."""
    _, bucket, key, query, _, hosted = wanted
    path = quote(key, safe="/~")
    pairs = "&".join(f"{name}={quote(value, safe='~')}" for name, value in query.items())
    host, place = (f"{bucket}.localhost", f"/{path}") if hosted else ("localhost", f"/{bucket}/{path}")
    return f"http://{host}:{PORT}{place}" + (f"?{pairs}" if pairs else ""), f"/{bucket}/{path}"


def head_of(wanted: Asked, signer: Any = None) -> Head:
    url, auth_path = url_of(wanted)
    request = AWSRequest(wanted[0], url, headers=dict(wanted[4]), data=b"")
    request.auth_path = auth_path
    if signer is not None:
        signer.add_auth(request)
    # Not urlsplit's path: it takes a semicolon for a parameter.
    place, _, query = request.url.removeprefix("http://").partition("?")
    host, slash, path = place.partition("/")
    sent = {name.lower(): str(value) for name, value in request.headers.items() if name != "Date"}
    return Head(wanted[0], slash + path, query, {"host": host, **sent})


def accepted(head: Head) -> Target:
    target = addressing.read(head, DOMAINS)
    signed = signature.parse(target)
    if signed is None:
        raise S3Error("AccessDenied")
    signature.check_time(signed, wall_now())
    signature.verify(signed, "a/secret+", target)
    return target


def meaning(target: Target) -> Any:
    """What an operation acts on."""
    query = {name: value for name, value in target.query.items() if name in PARAMETERS}
    acts = {name: " ".join(value.split()) for name, value in target.headers.items() if name in HEADERS}
    return target.method, target.bucket, target.key, query, acts


@settings(deadline=None, max_examples=150)
@given(asked, asked, st.sampled_from(sorted(SIGNERS)), st.data())
def test_a_signature_is_good_for_one_request(one: Asked, other: Asked, form: str, data: st.DataObject) -> None:
    """Each part by itself is taken from another request, the signature stays."""
    head = head_of(one, SIGNERS[form]())
    try:
        meant = meaning(accepted(head))
    except S3Error:
        assert form == "old"  # a value that SigV2 cannot tell from two
        return
    assert meant[:3] == one[:3]
    part = data.draw(st.sampled_from(["method", "host", "path", "query", "headers", "appended"]))
    foreign = head_of(other)
    changed = {
        "method": {"method": foreign.method},
        "host": {"headers": {**head.headers, "host": foreign.headers["host"]}},
        "path": {"path": foreign.path},
        "query": {"query": foreign.query + "&" + "&".join(head.query.split("&")[len(one[3]) :])},
        "headers": {"headers": {**head.headers, **foreign.headers, "host": head.headers["host"]}},
        "appended": {"query": f"{head.query}&{foreign.query}"},
    }[part]
    with suppress(S3Error):
        assert meaning(accepted(head._replace(**changed))) == meant


@cache
def _signed(form: str) -> Head:
    return head_of(("GET", "one", "k/é", {"versionId": "1"}, {}, False), SIGNERS[form]())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60), st.sampled_from(sorted(SIGNERS)), st.data())
def test_bytes_in_a_head(noise: bytes, form: str, data: st.DataObject) -> None:
    """Anything anywhere: refused, or as good as what was signed."""
    signed = _signed(form)
    meant = meaning(accepted(signed))
    member = data.draw(st.sampled_from(["path", "query", "method"]))
    whole: str = getattr(signed, member)
    cut = data.draw(st.integers(0, len(whole)))
    changed = whole[:cut] + noise.decode("latin-1") + whole[cut + data.draw(st.integers(0, 3)) :]
    with suppress(S3Error):
        assert meaning(accepted(signed._replace(**{member: changed}))) == meant


@pytest.mark.parametrize("name", ["x-amz-meta-a", "host", "authorization", "content-type"])
def test_a_header_that_comes_twice(bucket: Bucket, server: Started, name: str) -> None:
    twice = f"{name}: localhost\r\n{name}: localhost\r\n" + ("" if name == "host" else "host: localhost\r\n")
    with raw(server) as connection:
        connection.sendall(f"GET {bucket.path('k')} HTTP/1.1\r\n{twice}Connection: close\r\n\r\n".encode())
        assert receive(connection).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET http://localhost/{b}/k HTTP/1.1", 200),
        ("GET http://localhost:80/{b}/k HTTP/1.1", 200),
        ("GET http://localhost:81/{b}/k HTTP/1.1", 400),
        ("GET http://other.localhost/{b}/k HTTP/1.1", 400),
        ("GET http:///{b}/k HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 405),
        ("CONNECT localhost:80 HTTP/1.1", 400),
        ("GET /{b}/k?versionId=%FF HTTP/1.1", 400),
        ("GET /{b}/k?prefix=a%00 HTTP/1.1", 400),
        ("GET /{b}/k?prefix=a&pre%66ix=b HTTP/1.1", 400),
    ],
)
def test_request_targets(bucket: Bucket, server: Started, line: str, status: int) -> None:
    bucket.put("k", b"data")
    with raw(server) as connection:
        connection.sendall(f"{line.format(b=bucket.name)}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert receive(connection).startswith(b"HTTP/1.1 %d" % status)


# -- copy sources --


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("/b/k", Location("b", "k")),
        ("b/k%20l/m", Location("b", "k l/m")),
        ("b/k?versionId=v%2B1", Location("b", "k", "v+1")),
        ("b/k%3FversionId=1", Location("b", "k?versionId=1")),
        ("b/a   b", Location("b", "a b")),
        ("b/\xc3\xa9", Location("b", "é")),
        ("b/a+b", Location("b", "a+b")),
        ("b/k?versionid=1", None),
        ("b/k?x=1&versionId=1", None),
        ("b/k?", None),
        ("b/%FF", None),
        ("b/a%00", None),
        ("b", None),
        ("/", None),
        ("", None),
    ],
)
def test_copy_sources(given: str, source: Location | None) -> None:
    if source is not None:
        assert addressing.source({"x-amz-copy-source": given}) == source
    else:
        with pytest.raises(S3Error, match="InvalidArgument"):
            addressing.source({"x-amz-copy-source": given})


@given(st.binary(max_size=40))
def test_any_copy_source(given: bytes) -> None:
    with suppress(S3Error):
        assert addressing.source({"x-amz-copy-source": given.decode("latin-1")}) is not None


# -- documents --

PLAIN = "<Delete><Object><Key> a&amp;b </Key></Object></Delete>"
ENTITY = f'<!DOCTYPE Delete [<!ENTITY e "x">]>{PLAIN}'


@pytest.mark.parametrize(
    "body",
    [
        PLAIN.encode(),
        f'<?xml version="1.0" encoding="utf-8"?><!-- fine -->{PLAIN}'.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(" a&amp;b ", "<![CDATA[ a&b ]]>").encode(),
        PLAIN.replace("<Delete>", '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">').encode(),
    ],
)
def test_documents(body: bytes) -> None:
    node = xmltext.read(body)
    assert (node.name, node.children("Object")[0].raw("Key")) == ("Delete", " a&b ")


@pytest.mark.parametrize(
    "body",
    [
        ENTITY.encode(),
        ENTITY.encode("utf-16"),
        ENTITY.encode("utf-16-le"),
        ENTITY.encode("utf-16-be"),
        ENTITY.encode("utf-32"),
        PLAIN.encode("utf-16"),
        f'<?xml version="1.0" encoding="UTF-16"?>{PLAIN}'.encode("utf-16"),
        f'<?xml version="1.0" encoding="UTF-16"?>{PLAIN}'.encode(),
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{PLAIN}'.encode(),
        f'<?xml version="1.0" encoding="UTF-7"?>{PLAIN}'.encode(),
        b"<!DOCTYPE Delete>" + PLAIN.encode(),
        b'<!DOCTYPE Delete SYSTEM "http://localhost/x">' + PLAIN.encode(),
        PLAIN.replace("a&amp;b", "&e;").encode(),
        b"<a>" * 1000 + b"</a>" * 1000,
        b"",
        b"<Delete>",
        b"\xff\xfe",
    ],
)
def test_documents_that_are_refused(body: bytes, bucket: Bucket, server: Started) -> None:
    with pytest.raises(ValueError):
        xmltext.read(body)
    answer = plain(server, "POST", f"/{bucket.name}?delete", body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


@given(st.binary(max_size=60), st.integers(0, len(PLAIN)))
def test_any_document(noise: bytes, at: int) -> None:
    for body in (noise, PLAIN[:at].encode() + noise + PLAIN[at:].encode()):
        with suppress(ValueError):
            assert xmltext.read(body).name


# -- however it is cut --


def outcome(data: bytes, cuts: list[int], seal: Any) -> tuple[str, bytes, dict[str, str]]:
    async def run() -> tuple[str, bytes, dict[str, str]]:
        pieces = Pieces(b"", 1)
        pieces._left = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b][::-1]
        decoded, found = Decoded(pieces, seal), b""
        try:
            while more := await decoded.read():
                found += more
        except S3Error as error:
            return error.code, b"", {}
        return "", found, decoded.trailers

    return asyncio.run(run())


BODIES = [
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\nmore",
    b"5\r\nhello\r\n0\r\na: b\r\n" * 2,
    b"5\r\nhelloo\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n" + b"a:" + b"b" * 9000 + b"\r\n\r\n",
    b"5\r\nhello\r\n" + b"0" * 9000 + b"\r\n\r\n",
    sealed([b"hello", b"world"], "x-amz-checksum-crc32:AAAAAA==\n"),
    sealed([b"hello"]) + b"more",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_chunked_body_cut_at_every_byte(body: bytes) -> None:
    for seal in (None, SEAL):
        whole = outcome(body, [], seal)
        step = max(1, len(body) // 300)
        for cut in range(1, len(body), step):
            assert outcome(body, [cut], seal) == whole
        assert outcome(body, list(range(1, len(body), step)), seal) == whole


@settings(deadline=None)
@given(st.binary(max_size=40), st.sampled_from(BODIES[:6]), st.data())
def test_any_chunked_body(noise: bytes, body: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body)))
    changed = body[:at] + noise + body[at:]
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(changed) - 1)), max_size=4)))
    assert outcome(changed, [cut for cut in cuts if cut < len(changed)], None) == outcome(changed, [], None)


def exchange(server: Started, pieces: list[bytes]) -> bytes:
    with raw(server) as connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return receive(connection)
    return b""


def test_trailers_are_no_headers(bucket: Bucket, server: Started) -> None:
    """In one segment with the head, or in one that comes when the request is under way."""
    bucket.put("source", b"source")
    trailer = f"x-amz-copy-source: /{bucket.name}/source\r\nx-amz-meta-a: late\r\nif-none-match: *\r\n"
    head = f"PUT {bucket.path('k')} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for pieces in ([f"{head}4\r\ndata\r\n0\r\n{trailer}\r\n"], [head, "4\r\ndata\r\n", f"0\r\n{trailer}\r\n"]):
        assert exchange(server, [piece.encode() for piece in pieces]).startswith(b"HTTP/1.1 200")
        found = bucket.get("k")
        assert (found["Body"].read(), found["Metadata"]) == (b"data", {})


@pytest.mark.parametrize("length", ["", " ", "-1", "1e3", "9" * 5000, "\xb2", "5, 5"])
def test_lengths_that_are_none(bucket: Bucket, server: Started, length: str) -> None:
    answer = plain(server, "PUT", bucket.path("k"), b"hello", x_amz_decoded_content_length=length)
    assert answer.status == 400
    assert bucket.keys() == []


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]),
    st.binary(max_size=30),
    st.binary(max_size=30),
    st.sampled_from(
        [
            *HEADERS,
            "range",
            "if-range",
            "if-match",
            "if-modified-since",
            "x-amz-trailer",
            "x-amz-decoded-content-length",
        ]
    ),
    st.binary(max_size=30),
    st.binary(max_size=30),
)
def test_no_request_makes_the_server_fail(
    server: Started, method: str, path: bytes, query: bytes, name: str, value: bytes, body: bytes
) -> None:
    target = "/" + quote(path, safe="/%") + "?" + quote(query, safe="&=%+")
    connection = http.client.HTTPConnection(urlsplit(server.addresses.objects).netloc, timeout=30)
    try:
        sent = value.translate(None, b"\r\n\0").strip()
        with suppress(http.client.BadStatusLine, ValueError):
            connection.request(method, target, body, {name: sent})
            status = connection.getresponse().status
            assert status < 500 or status == 501, (status, target)
    finally:
        connection.close()


def test_garbage_behind_a_request(server: Started, caplog: pytest.LogCaptureFixture) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    with caplog.at_level(logging.ERROR):
        for request in (head + b"Connection: close\r\n\r\n", head + b"\r\n", b"nonsense\r\n\r\n"):
            for garbage in (b"garbage\r\n\r\n", b"\0" * 70_000, head):
                for pieces in ([request + garbage], [request, garbage]):
                    exchange(server, pieces)
    assert not caplog.records
