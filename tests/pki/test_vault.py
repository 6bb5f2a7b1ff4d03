"""Secrets at rest."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tidegate.clock import RandomIds
from tidegate.pki import vault
from tidegate.pki.vault import VaultError


def test_what_was_sealed_can_be_opened_by_the_same_master_key_only(tmp_path: Path) -> None:
    mine = vault.load_or_create(tmp_path / "a", RandomIds())
    again = vault.load_or_create(tmp_path / "a", RandomIds())
    other = vault.load_or_create(tmp_path / "b", RandomIds())
    sealed = mine.seal("AKIA1", "secret")
    assert "secret" not in sealed
    assert vault.is_sealed(sealed)
    assert sealed != mine.seal("AKIA1", "secret"), "nobody sees that two secrets are the same"
    assert again.open("AKIA1", sealed) == "secret"
    with pytest.raises(VaultError, match=f"sealed with master key {mine.fingerprint}, and this server has "):
        other.open("AKIA1", sealed)


def test_a_secret_cannot_change_places_or_be_changed(tmp_path: Path) -> None:
    mine = vault.load_or_create(tmp_path, RandomIds())
    sealed = mine.seal("AKIA1", "secret")
    head, _, body = sealed.rpartition(":")
    raw = bytearray(base64.b64decode(body))
    raw[-1] ^= 1
    for name, text in [
        ("AKIA2", sealed),
        ("AKIA1", f"{head}:{base64.b64encode(raw).decode()}"),
        ("AKIA1", sealed[:-8]),
        ("AKIA1", f"{head}:%"),
    ]:
        with pytest.raises(VaultError, match="was changed in the store"):
            mine.open(name, text)
    with pytest.raises(VaultError, match="is not sealed"):
        mine.open("AKIA1", "secret")


def test_the_key_is_readable_by_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: vault.load_or_create(tmp_path, RandomIds()).fingerprint, range(8)))
    assert len(set(made)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "short", "!" * 44, base64.b64encode(b"x" * 31).decode()])
def test_a_file_that_is_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(VaultError, match="is no master key"):
        vault.load(tmp_path / "key", RandomIds())


def test_a_key_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"openssl rand -base64 32"):
        vault.load(tmp_path / "none", RandomIds())
    (tmp_path / "made").write_text(base64.b64encode(b"k" * 32).decode() + "\n")
    assert vault.load(tmp_path / "made", RandomIds()).fingerprint
