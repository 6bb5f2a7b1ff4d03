"""What is said of handshakes that fail, by real ones."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pki.test_tls import Site, client_context, foreign, make_site, self_signed
from tidegate.net import tls_failures


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


def suite(site: Site) -> ssl.SSLContext:
    context = client_context(site, None)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    return context


def distrustful(_site: Site) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the alert comes within the handshake
    return context


CASES: list[tuple[Callable[[Site], ssl.SSLContext], str, str]] = [
    (suite, "suites", "--tls-suites aws"),
    (distrustful, "refused", "it does not trust our authority: give it ca.pem"),
    (lambda site: client_context(site, None), "no-certificate", "it showed no client certificate"),
    (lambda site: client_context(site, foreign(site)), "certificate", "nor of a registered authority"),
    (lambda site: client_context(site, self_signed(site)), "certificate", "self-signed and not registered"),
]


@pytest.mark.parametrize(("client", "cause", "told"), CASES)
def test_what_the_server_says(site: Site, client: Callable[[Site], ssl.SSLContext], cause: str, told: str) -> None:
    failed = failure(site, client(site))
    assert tls_failures.of(failed).cause == cause
    assert told in tls_failures.of(failed).sentence


def test_a_name_that_is_not_the_servers(site: Site) -> None:
    failed = failure(site, client_context(site, None), called=lambda name: name == "elsewhere")
    assert tls_failures.of(failed).cause == "name"
    assert "--name" in tls_failures.of(failed).sentence


def failure(site: Site, client: ssl.SSLContext, called: Callable[[str], bool] | None = None) -> BaseException:
    """What ends the server's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = site.trust.listener("required", called=called).wrap_bio(up, down, server_side=True)
    other = client.wrap_bio(down, up, server_hostname="localhost")
    for _ in range(8):
        for end in (other, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                if end is server:
                    return error
    raise AssertionError("the handshake succeeded")


def test_what_is_no_tls(site: Site) -> None:
    up = ssl.MemoryBIO()
    up.write(b"GET / HTTP/1.1\r\n\r\n")
    server = site.trust.listener().wrap_bio(up, ssl.MemoryBIO(), server_side=True)
    with pytest.raises(ssl.SSLError) as told:
        server.do_handshake()
    assert tls_failures.of(told.value) == tls_failures.Refusal("not-tls", "it speaks HTTP without TLS")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionAbortedError("SSL handshake is taking longer than 20 seconds: aborting the connection"), "timeout"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "gone"),
        (ssl.SSLEOFError(), "gone"),
        (OSError("no buffers"), "other"),
    ],
)
def test_other_ends(error: Exception, cause: str) -> None:
    assert tls_failures.of(error).cause == cause
