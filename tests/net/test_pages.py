"""Whose page a request comes from."""

from __future__ import annotations

import pytest

from tidegate.net import pages

OWN = pages.own(["tidegate.example", "10.1.2.3", "", "Upper.Example."], ["127.0.0.1", "me.lan"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LocalHost.:8080",
        "bucket.localhost:9000",
        "127.0.0.1",
        "127.8.9.1:1",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:8080",
        "tidegate.example:443",
        "bucket.tidegate.example",
        "upper.example",
        "10.1.2.3:8080",
        "me.lan:8080",
        "iot.us-east-1.amazonaws.com",
        "data.jobs.iot.eu-west-1.amazonaws.com:8443",
        "a1b2-ats.iot.cn-north-1.amazonaws.com.cn",
        "iot.us-east-1.api.aws",
        "s3.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "my.bucket.s3-eu-west-1.amazonaws.com",
        "bucket.s3.dualstack.us-gov-west-1.amazonaws.com",
    ],
)
def test_names_of_the_server(host: str) -> None:
    assert pages.called(OWN, host)
    assert pages.refusal(OWN, host, None, None) is None
    assert pages.host_refusal(OWN, host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8080",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "tidegate.example.evil.test",
        "eviltidegate.example",
        "iot.us-east-1.evil.test",
        "iot.us-east-1.amazonaws.com.evil.test",
        "s3.evil.test",
        "s3-evil-1.us-east-1.elb.amazonaws.com",
        "ec2-1-2-3-4.compute-1.amazonaws.com",
        "s3.amazonaws.com.evil",
        "a.localhost.x",
        "",
        "localhost:8080:9",
        "localhost@evil.test",
        "evil.test,localhost",
        "evil.test/localhost",
        "local\u017fhost.test",
    ],
)
def test_other_names(host: str) -> None:
    found = pages.refusal(OWN, host, None, None)
    assert found is not None
    assert found.cause == "Host"
    assert pages.host_refusal(OWN, host) == found


def test_a_refusal_says_what_to_do() -> None:
    found = pages.refusal(OWN, "gateway.test:8080", None, None)
    assert found == (
        "Host",
        "This server is not called 'gateway.test:8080'. If it is, start it with --name gateway.test.",
    )


@pytest.mark.parametrize("host", ["192.168.1.9:8080", "8.8.8.8", "[2001:db8::1]:80", "0.0.0.0", "[::]"])
def test_other_addresses_are_no_names_to_rebind(host: str) -> None:
    """But with authentication off nobody comes by them."""
    assert pages.host_refusal(OWN, host) is None
    assert pages.refusal(OWN, host, None, None) is not None


@pytest.mark.parametrize("host", ["tidegate:8080", "my_host", "metrics"])
def test_names_without_a_dot_are_the_networks_own(host: str) -> None:
    assert pages.host_refusal(OWN, host) is None
    assert pages.refusal(OWN, host, None, None) is not None


def test_http_1_0_names_no_host() -> None:
    assert pages.refusal(OWN, None, None, None) is None
    assert pages.host_refusal(OWN, None) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080", "https://localhost:8080"),  # MQTT libraries that do not know their own scheme
        ("localhost", "http://localhost"),
        ("localhost", "http://localhost:80"),
        ("localhost:443", "https://localhost"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("localhost:8080", "http://tidegate.example"),
        ("localhost:8080", "https://tidegate.example:3000"),
    ],
)
def test_pages_of_the_server_and_of_its_operator(host: str, origin: str) -> None:
    assert pages.refusal(OWN, host, origin, None) is None
    assert pages.refusal(OWN, host, origin, "same-origin") is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.test",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://localhost:8080.evil.test",
        "http://bucket.localhost:8080",
        "http://bucket.tidegate.example",
        "http://evil.s3.amazonaws.com",
        "http://evil.test, http://localhost:8080",
        "http://localhost:8080,null",
        "ftp://tidegate.example",
        "ftp://localhost:8080",
        "http://[",
    ],
)
def test_other_pages(origin: str) -> None:
    found = pages.refusal(OWN, "localhost:8080", origin, None)
    assert found is not None
    assert found.cause == "Origin"


@pytest.mark.parametrize(
    ("site", "refused"),
    [("cross-site", True), ("same-site", True), ("same-origin", False), ("none", False), (None, False), ("x", True)],
)
def test_requests_without_an_origin(site: str | None, refused: bool) -> None:
    assert (pages.refusal(OWN, "localhost:8080", None, site) is not None) is refused
    assert (pages.refusal(OWN, "localhost:8080", "http://localhost:8080", site) is not None) is refused
    assert pages.refusal(OWN, "localhost:8080", "http://tidegate.example", site) is None


@pytest.mark.parametrize(
    ("target", "hosts", "version", "right"),
    [
        ("/", ["h"], "1.1", True),
        ("/", [], "1.1", False),
        ("/", ["h", "h"], "1.1", False),
        ("/", [], "1.0", True),
        ("/", ["h", "i"], "1.0", False),
        ("*", ["h"], "1.1", True),
        ("http://h/x", ["h"], "1.1", True),
        ("http://H:80/x", ["h"], "1.1", True),
        ("http://h:8080/x", ["h:8080"], "1.1", True),
        ("http://h:8080/x", ["h"], "1.1", False),
        ("http://evil.test/x", ["localhost"], "1.1", False),
        ("http://localhost@evil.test/x", ["localhost"], "1.1", False),
        ("http://h/x", [], "1.0", False),
    ],
)
def test_one_host(target: str, hosts: list[str], version: str, right: bool) -> None:
    assert (pages.malformed(target, hosts, version) is None) is right
