"""TLS for operators, and listeners with certificates of the operator's own, replaced while the server runs."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import SSLError

from tests.http.test_permissions import SECRET, Operator, document, refusal
from tests.ops.x509_samples import OwnPki, Site
from tests.servers import PATIENCE_S, options, started
from tidegate.cli.options import certificates
from tidegate.pki.certificates import InvalidCertificateError


def served(url: str, trusted: str | Path) -> bytes:
    """The certificate (DER) of a listener, verified."""
    host, _, port = url.rpartition("//")[2].rpartition(":")
    context = ssl.create_default_context(cafile=str(trusted))
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        plain.settimeout(10)
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.getpeercert(binary_form=True) or b""


def test_operators_over_tls(tmp_path: Path) -> None:
    """boto3 and the AWS CLI; permissions see that it is TLS."""
    with started(options(tmp_path, http_tls=True, auth=True)) as server:
        assert server.addresses.http.startswith("https://127.0.0.1:")
        only = {"Bool": {"aws:SecureTransport": "true"}}
        operator = Operator(server, document(("Allow", "iot:*", "*", only)))
        trusted: Any = {"verify": server.addresses.ca}
        keys = {"aws_access_key_id": operator.key_id, "aws_secret_access_key": SECRET}
        assert server.client("iot", **keys, **trusted).list_things()["things"] == []
        with pytest.raises(SSLError):
            server.client("iot", **keys).list_things()
        never = {"Bool": {"aws:SecureTransport": "false"}}
        operator.attach(document(("Allow", "iot:*", "*", never)))
        assert refusal(server.client("iot", **keys, **trusted).list_things)[0] == 403


def test_the_aws_cli_over_tls(tmp_path: Path) -> None:
    with started(options(tmp_path, http_tls=True, objects_tls=True)) as server:
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": server.addresses.http,
            "AWS_CA_BUNDLE": server.addresses.ca,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        command = [sys.executable, "-m", "awscli", "iot", "describe-endpoint", "--output", "text"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.startswith("localhost:")


def test_each_listener_may_have_its_own(tmp_path: Path) -> None:
    """The rest shares one; a chain's intermediate is sent, so that clients trust the root alone."""
    ours, makers = OwnPki(tmp_path / "ours").files(), OwnPki(tmp_path / "makers", rsa_key=True).files()
    chosen = certificates(
        [str(ours.chain.certificate), f"mqtts={makers.chain.certificate}"],
        [str(ours.chain.key), f"mqtts={makers.chain.key}"],
    )
    more = {"certificates": chosen, "http_tls": True, "objects_tls": True}
    with started(options(tmp_path / "data", **more)) as server:
        at = server.addresses
        assert at.shared is not None
        first = {served(url, ours.root) for url in (at.http, at.https, at.shared, at.objects)}
        assert len(first) == 1
        assert served(at.mqtts, makers.root) not in first
        with pytest.raises(ssl.SSLCertVerificationError):
            served(at.mqtts, ours.root)
        assert server.addresses.own == ("http", "https", "mqtts", "shared", "objects", "console")


def test_both_kinds_of_key_side_by_side(tmp_path: Path) -> None:
    ec, rsa = OwnPki(tmp_path / "ec").files(), OwnPki(tmp_path / "rsa", rsa_key=True).files()
    files, keys = zip(*(ec.chain, rsa.chain), strict=True)
    chosen = certificates(map(str, files), map(str, keys))
    with started(options(tmp_path / "data", certificates=chosen)) as server:
        port = server.addresses.mqtts.rpartition(":")[2]
        for suite, root in (("ECDHE-RSA-AES128-GCM-SHA256", rsa.root), ("ECDHE-ECDSA-AES128-GCM-SHA256", ec.root)):
            command = ["openssl", "s_client", "-connect", f"localhost:{port}", "-tls1_2", "-cipher", suite]
            command += ["-CAfile", str(root)]
            ran = subprocess.run(command, input="", capture_output=True, text=True, timeout=300, check=False)
            assert "Verify return code: 0 (ok)" in ran.stdout


def _other_key(site: Site, pki: OwnPki) -> None:
    kept = site.chain.certificate.read_text()
    pki.files()
    site.chain.certificate.write_text(kept + "\n")


BROKEN: list[tuple[Any, str]] = [
    (_other_key, "is not the key of"),
    (lambda _site, pki: pki.files(days=-1), "expired at"),
    (lambda site, _pki: site.chain.certificate.write_text("torn"), "holds no certificate"),
    (lambda site, _pki: site.chain.certificate.unlink(), "cannot be read: No such file"),
]


@pytest.mark.parametrize("apart", [False, True])
def test_a_replaced_certificate_is_served_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, apart: bool
) -> None:
    pki = OwnPki(tmp_path / "own")
    site = pki.files()
    chosen = certificates([str(site.chain.certificate)], [str(site.chain.key)])
    wanted = options(tmp_path / "data", certificates=chosen, objects_tls=True, objects_apart=apart)
    with started(wanted) as server, caplog.at_level(logging.INFO):
        places = (server.addresses.mqtts, server.addresses.objects)
        before = served(places[0], site.root)
        pki.files()
        for place in places:
            _becomes_other(place, site.root, before)
        if apart:
            return
        present = served(places[0], site.root)
        for breaks, told in BROKEN:
            caplog.clear()
            breaks(site, pki)
            server.on_loop(server.running.trust.renew)
            [line] = [record.getMessage() for record in caplog.records if record.name == "tidegate.tls"]
            assert told in line
            assert line.endswith("the previous certificate is served on")
            assert served(places[0], site.root) == present


def _becomes_other(url: str, trusted: Path, before: bytes) -> None:
    """By itself, without a word from anybody."""
    deadline = time.monotonic() + PATIENCE_S
    while served(url, trusted) == before:
        assert time.monotonic() < deadline, "the new certificate is not served"
        time.sleep(0.05)


def test_a_certificate_with_another_kind_of_key(tmp_path: Path) -> None:
    """The one with the old kind is not served any more."""
    old, new = OwnPki(tmp_path / "own"), OwnPki(tmp_path / "new", rsa_key=True)
    site = old.files()
    chosen = certificates([f"https={site.chain.certificate}"], [f"https={site.chain.key}"])
    with started(options(tmp_path / "data", certificates=chosen)) as server:
        made = new.files()
        site.chain.key.write_text(made.chain.key.read_text())
        site.chain.certificate.write_text(made.chain.certificate.read_text())
        server.on_loop(server.running.trust.renew)
        assert served(server.addresses.https, made.root)
        assert served(server.addresses.mqtts, server.addresses.ca)


@pytest.mark.parametrize(("breaks", "told"), BROKEN)
def test_a_server_does_not_start_with_a_broken_certificate(tmp_path: Path, breaks: Any, told: str) -> None:
    pki = OwnPki(tmp_path / "own")
    site = pki.files()
    breaks(site, pki)
    chosen = certificates([str(site.chain.certificate)], [str(site.chain.key)])
    with (
        pytest.raises(InvalidCertificateError, match=told),
        started(options(tmp_path / "data", certificates=chosen)),
    ):
        pass


def test_certificates_and_keys_go_together() -> None:
    with pytest.raises(InvalidCertificateError, match="--tls-certificate mqtts=FILE needs its --tls-key"):
        certificates(["mqtts=a.pem"], ["a.key"])
    assert list(certificates(["a=b.pem"], ["a=b.key"])) == [""]
