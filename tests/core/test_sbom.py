"""Bills of materials: control reference 16.4."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import sbom
from tidegate.core.sbom import Finding

SPDX = {"spdxVersion": "SPDX-2.3", "name": "app", "packages": [{"name": "lib"}]}
SPDX_3 = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}
CYCLONE = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}
NAME = "sbom.zip"


def archive(files: dict[str, Any], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive; contents that are no bytes are written as JSON."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as opened:
        for name, content in files.items():
            opened.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return target.getvalue()


def codes(content: bytes) -> list[tuple[str, str | None]]:
    return [(finding.file_name, finding.error_code) for finding in sbom.inspect(content, NAME)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_known_formats(method: int) -> None:
    files: dict[str, Any] = {"a/spdx.json": SPDX, "b.JSON": CYCLONE, "c.json": SPDX_3}
    files["d.json"] = b"\xef\xbb\xbf" + json.dumps(SPDX).encode()
    assert sbom.inspect(archive(files, method), NAME) == [Finding(name) for name in files]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", {}),
        ("a.json", []),
        ("a.json", "SPDX-2.3"),
        ("a.json", {"spdxVersion": 2}),
        ("a.json", {"spdxVersion": "2.3"}),
        ("a.json", {"bomFormat": "Other"}),
        ("a.json", {"@context": "https://example.com"}),
        ("a.json", b"{"),
        ("a.json", b""),
        ("a.json", b"\xff\xfe"),
        ("a.json", b"[" * 100_000),
        ("a.xml", SPDX),
        ("json", SPDX),
    ],
)
def test_other_formats(name: str, content: Any) -> None:
    assert codes(archive({name: content, "good.json": SPDX})) == [(name, "INCOMPATIBLE_FORMAT"), ("good.json", None)]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_compressing_are_not_tried(method: int) -> None:
    assert codes(archive({"a.json": SPDX}, method)) == [("a.json", "INCOMPATIBLE_FORMAT")]


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", archive({"a.json": SPDX})[:-9]])
def test_no_archive(content: bytes) -> None:
    assert codes(content) == [(NAME, "INCOMPATIBLE_FORMAT")]


def test_an_empty_archive() -> None:
    assert codes(archive({})) == [(NAME, "INCOMPATIBLE_FORMAT")]
    assert codes(archive({"folder/": b""})) == [(NAME, "INCOMPATIBLE_FORMAT")]


def test_a_damaged_file() -> None:
    content = bytearray(archive({"a.json": SPDX, "b.json": SPDX}))
    at = content.index(b"a.json") + 10
    content[at : at + 8] = b"\0" * 8
    assert codes(bytes(content)) == [("a.json", "INCOMPATIBLE_FORMAT"), ("b.json", None)]


def test_an_encrypted_file() -> None:
    content = bytearray(archive({"a.json": SPDX}))
    at = content.index(b"PK\x01\x02") + 8
    content[at : at + 2] = struct.pack("<H", 1)
    assert codes(bytes(content)) == [("a.json", "INCOMPATIBLE_FORMAT")]


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Highly compressed files are unpacked as far as the limit and no further."""
    large = b" " * (sbom.MAX_FILE + 1)
    content = archive({"a.json": large, "b.json": SPDX})
    assert len(content) < sbom.MAX_ARCHIVE
    read = _reading(monkeypatch)
    assert codes(content) == [("a.json", "FILE_SIZE_LIMIT_EXCEEDED"), ("b.json", None)]
    assert max(read) <= sbom.MAX_FILE + 1


def test_many_large_files_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "MAX_FILE", 1000)
    monkeypatch.setattr(sbom, "MAX_TOTAL", 2500)
    large = json.dumps(SPDX).encode().ljust(1000)
    read = _reading(monkeypatch)
    found = codes(archive({f"{number}.json": large for number in range(9)}))
    assert [code for _, code in found] == [None, None, *["FILE_SIZE_LIMIT_EXCEEDED"] * 7]
    assert sum(read) <= 2500 + 9


def test_too_many_entries_are_not_even_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive({f"{number}.json": b"" for number in range(sbom.MAX_ENTRIES + 1)})
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert codes(content) == [(NAME, "FILE_SIZE_LIMIT_EXCEEDED")]


def test_an_archive_that_lies_about_sizes() -> None:
    content = bytearray(archive({"a.json": b" " * (sbom.MAX_FILE + 1)}))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", 10)
    assert codes(bytes(content))[0][1] is not None


def _reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is unpacked from now on."""
    read: list[int] = []
    original = zipfile.ZipExtFile.read

    def counted(self: Any, size: int | None = -1) -> bytes:
        found = original(self, size)
        read.append(len(found))
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    return read


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=8))
def test_nothing_but_findings(content: bytes, at: int, change: bytes) -> None:
    whole = bytearray(archive({"a.json": content, "b.json": SPDX}))
    whole[at : at + len(change)] = change
    for finding in sbom.inspect(bytes(whole), NAME) + sbom.inspect(content, NAME):
        assert (finding.error_code is None) == (finding.error_message is None)


def test_an_entry_without_a_name() -> None:
    content = archive({"b.json": SPDX, "a.json": SPDX}).replace(b"b.json", b"\0.json")
    assert codes(content) == [("", "INCOMPATIBLE_FORMAT"), ("a.json", None)]
