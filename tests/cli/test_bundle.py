"""``tidegate bundle``: what is in it can be verified with sha256sum and openssl."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import tidegate
from tests.cli.test_backup import given

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    for name in (f"tidegate-{tidegate.__version__}", "msgspec-1"):
        (tmp_path / "wheels" / f"{name}-py3-none-any.whl").write_text("x")
    return tmp_path / "wheels"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_a_kit(tmp_path: Path, wheels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, where = tmp_path / "sign.pem", tmp_path / "kit.tar.gz"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    asked = ["bundle", str(where), "--source", str(ROOT), "--wheels", str(wheels), "--sign", str(key)]
    assert given(capsys, *asked)[0] == 0
    first = where.read_bytes()
    assert given(capsys, *asked)[0] == 0
    assert where.read_bytes() == first
    with tarfile.open(where) as archive:
        archive.extractall(tmp_path, filter="data")
    kit = tmp_path / "kit"
    for name in ("bom.json", "requirements.lock", "docs/operations.md", "deploy/Dockerfile", "install.sh"):
        assert (kit / name).exists()
    subprocess.run(["sha256sum", "--quiet", "--strict", "--check", "SHA256SUMS"], cwd=kit, check=True)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "signer.pem", "-rawin", "-in", "SHA256SUMS"]
    subprocess.run([*verify, "-sigfile", "SHA256SUMS.sig"], cwd=kit, check=True, stdout=subprocess.DEVNULL)
    (kit / "wheels" / "msgspec-1-py3-none-any.whl").write_text("y")
    refused = subprocess.run(
        ["sh", "install.sh", tmp_path / "to"], cwd=kit, capture_output=True, text=True, check=False
    )
    assert (refused.returncode != 0, "msgspec-1" in refused.stdout) == (True, True)
    assert not (tmp_path / "to").exists()


def test_what_cannot_be_bundled(tmp_path: Path, wheels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = given(capsys, "bundle", "--source", str(tmp_path), "--wheels", str(wheels))
    assert (code, "is no checkout of tidegate (requirements.lock" in err) == (1, True)
    code, _, err = given(capsys, "bundle", "--source", str(ROOT), "--wheels", str(tmp_path))
    assert (code, "holds no wheel of tidegate" in err) == (1, True)
    (tmp_path / "key").write_text("x")
    code, _, err = given(capsys, "bundle", "--source", str(ROOT), "--sign", str(tmp_path / "key"))
    assert (code, "holds no private key" in err) == (1, True)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".gz"] == []
