"""Other master, presign and signing keys by the commands, while servers run and are asked all the time."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.e2e.test_own_certificates import served
from tests.servers import Started, options, started
from tidegate.clock import RandomIds
from tidegate.core.location import Location
from tidegate.objects import credential
from tidegate.objects.versions import Bucket
from tidegate.pki import vault

PATIENCE = 120.0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
    command = [sys.executable, "-m", "tidegate.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def rotate(what: str, *arguments: str) -> str:
    done = run("rotate", what, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(*where: str) -> dict[str, str]:
    """A new access key of the administrator."""
    done = run("keys", "create", *where)
    assert done.returncode == 0, done.stderr
    exports = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
    return {f"aws_{part}": exports[f"AWS_{part.upper()}"] for part in ("access_key_id", "secret_access_key")}


def admitted(server: Started, keys: list[dict[str, str]]) -> None:
    """Every key signs requests, also once what is remembered of it is forgotten."""
    server.running.service.access_keys.forget()
    for key in keys:
        assert server.client("iot", **key).list_things()["things"] == []


def until(good: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not good():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_another_master_key(tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    with started(options(tmp_path, auth=True)) as server:
        keys = [made(*where), made(*where)]
        admitted(server, keys)
        first = vault.read(tmp_path / vault.FILE).first
        assert "of 2 access keys" in rotate("master-key", *where)
        admitted(server, keys)
        keys.append(made(*where))
        admitted(server, keys)
        assert "of 0 access keys" in rotate("master-key", *where)  # again: no third key
        assert vault.read(tmp_path / vault.FILE).previous == first
        rotate("master-key", "--retire", *where)
        admitted(server, keys)
        assert len(vault.read(tmp_path / vault.FILE).keys) == 1
        assert (tmp_path / vault.FILE).stat().st_mode & 0o777 == 0o600
    with started(options(tmp_path, auth=True)) as server:
        admitted(server, keys)


def test_a_master_key_that_is_killed_half_way(tmp_path: Path) -> None:
    """The file is changed before the store, so each state opens everything; the command then finishes."""
    where = ("--data", str(tmp_path))
    with started(options(tmp_path, auth=True)) as server:
        keys = [made(*where)]
        vault.prepare(tmp_path / vault.FILE, RandomIds())
        admitted(server, keys)
        vault.advance(tmp_path / vault.FILE, RandomIds())
        second = vault.read(tmp_path / vault.FILE).first
        admitted(server, keys)
        keys.append(made(*where))
        admitted(server, keys)
        assert "of 1 access keys" in rotate("master-key", *where)
        assert vault.read(tmp_path / vault.FILE).first == second
        admitted(server, keys)


def test_another_master_key_for_two_servers(tmp_path: Path, new_postgres: Callable[[str], str]) -> None:
    url = new_postgres("tidegate-rotation")
    mine, theirs = tmp_path / "mine.key", tmp_path / "theirs.key"
    mine.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
    shutil.copy(mine, theirs)
    where = ("--data", str(tmp_path / "one"), "--store", url, "--master-key", str(mine))
    one = options(tmp_path / "one", store=url, auth=True, master_key=mine)
    two = options(tmp_path / "two", store=url, auth=True, master_key=theirs)
    with started(one) as first, started(two) as second:
        keys = [made(*where)]
        for step in (["--prepare"], [], ["--retire"]):
            rotate("master-key", *step, *where)
            if step != []:
                admitted(second, keys)
                shutil.copy(mine, theirs)
            admitted(first, keys)
            admitted(second, keys)


def test_another_presign_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(options(tmp_path, auth=True, objects_apart=True)) as server:
        objects: Any = server.running.service.objects
        clock = server.running.service.clock
        objects._folder.create_bucket(Bucket("b", "000000000000", "us-east-1", 0))

        def url() -> str:
            return str(objects.presign("GET", Location("b", "k"), signed_at=clock.now(), expires_s=600))

        def status(at: str) -> int:
            try:
                with urllib.request.urlopen(at, timeout=10) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        old = url()
        assert status(old) == 404  # signed as it must be; there is no such object
        rotate("presign-key", "--data", str(tmp_path))
        until(lambda: "TIDEGATEPRESIGNED001" in url())
        until(lambda: status(url()) == 404)
        assert status(old) == 404
        assert status(old.replace("TIDEGATEPRESIGNED000", "TIDEGATEPRESIGNED001")) == 403
    # Past its time the old one counts no more.
    held = credential.Credential(tmp_path / credential.FILE)
    assert held.find(credential.KEY_ID) is not None
    later = credential.wall_now() + credential.LONGEST_MS
    monkeypatch.setattr(credential, "wall_now", lambda: later)
    assert held.find(credential.KEY_ID) is None
    assert held.find(held.signing().key_id) == held.signing()


def test_another_authority(tmp_path: Path) -> None:
    """A running server issues by the new one, and keeps its certificate until the old one is retired."""
    with started(options(tmp_path, shared=None)) as server:
        shutil.copy(server.addresses.ca, tmp_path / "before.pem")
        before = served(server.addresses.mqtts, tmp_path / "before.pem")
        iot = server.client("iot")
        first = _issuer_key(iot)
        rotate("authority", "--data", str(tmp_path))
        until(lambda: _issuer_key(iot) != first)
        assert served(server.addresses.mqtts, tmp_path / "before.pem") == before
        shown = run("authority", "show", "--data", str(tmp_path)).stdout
        assert "ca-old.key" in shown
        both = tmp_path / "both.pem"  # what devices were given meanwhile
        shutil.copy(server.addresses.ca, both)
        rotate("authority", "--retire", "--data", str(tmp_path))
        until(lambda: served(server.addresses.mqtts, both) != before)
        assert served(server.addresses.mqtts, server.addresses.ca)


def _issuer_key(iot: Any) -> bytes:
    made = iot.create_keys_and_certificate()
    found = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    return found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
