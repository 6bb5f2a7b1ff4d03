"""A look into a bill of materials (control reference 16.4): a zip archive of SPDX or CycloneDX documents in JSON.

An archive comes from anywhere. Its entries are counted before they are listed, each is unpacked only as far as its
limit, all of them together only as far as theirs, and a document is read for its head alone.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Final, Literal, NamedTuple

import msgspec

from tidegate.core import texts

MAX_ARCHIVE: Final = 4 << 20
"""Bytes of an archive."""
MAX_ENTRIES: Final = 1000
MAX_FILE: Final = 8 << 20
"""Bytes of one file, unpacked."""
MAX_TOTAL: Final = 64 << 20
"""Bytes of all files together, unpacked."""

_ENTRY = b"PK\x01\x02"
"""What each entry of an archive's directory begins with."""
_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others may ask for any amount of memory."""

ErrorCode = Literal["INCOMPATIBLE_FORMAT", "FILE_SIZE_LIMIT_EXCEEDED"]


class Finding(NamedTuple):
    """What is to be said of one file; without an error it is in order."""

    file_name: str
    error_code: ErrorCode | None = None
    error_message: str | None = None


class _Head(msgspec.Struct, rename={"context": "@context", "spdx": "spdxVersion", "bom": "bomFormat"}):
    """Where documents say what they are; everything else is passed over."""

    context: msgspec.Raw = msgspec.Raw()
    spdx: str | None = None
    bom: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


def inspect(archive: bytes, name: str) -> list[Finding]:
    """What is found in an archive, file by file; ``name`` stands for the archive where it is itself at fault."""
    if archive.count(_ENTRY) > MAX_ENTRIES:
        return [_too_large(name)]
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            found = _files(opened)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return [_incompatible(name, texts.packages.SBOM_NO_ARCHIVE)]
    return found or [_incompatible(name, texts.packages.SBOM_EMPTY)]


def _files(opened: zipfile.ZipFile) -> list[Finding]:
    room = MAX_TOTAL
    found = []
    for entry in opened.infolist():
        if entry.filename.endswith("/"):  # not is_dir, which fails on an entry without a name
            continue
        finding, taken = _file(opened, entry, min(MAX_FILE, room))
        room -= taken
        found.append(finding)
    return found


def _file(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> tuple[Finding, int]:
    """What is found of one entry, and how many bytes of it were unpacked for that."""
    name = entry.filename.replace("\0", "")
    if not name.lower().endswith(".json"):
        return _incompatible(name, texts.packages.SBOM_NOT_JSON), 0
    if entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED:
        return _incompatible(name, texts.packages.SBOM_UNREADABLE), 0
    try:
        with opened.open(entry) as file:
            content = file.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError):
        return _incompatible(name, texts.packages.SBOM_UNREADABLE), 0
    if len(content) > limit:
        return _too_large(name), len(content)
    known = _is_known(content)
    return (Finding(name) if known else _incompatible(name, texts.packages.SBOM_UNKNOWN)), len(content)


def _is_known(content: bytes) -> bool:
    """Whether a document is SPDX 2 or 3, or CycloneDX."""
    try:
        head = _HEAD.decode(content.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    linked = b"spdx.org/rdf/" in bytes(head.context)
    return linked or head.bom == "CycloneDX" or (head.spdx or "").startswith("SPDX-")


def _incompatible(name: str, message: str) -> Finding:
    return Finding(name, "INCOMPATIBLE_FORMAT", message)


def _too_large(name: str) -> Finding:
    return Finding(name, "FILE_SIZE_LIMIT_EXCEEDED", texts.packages.SBOM_FILE_TOO_LARGE)
