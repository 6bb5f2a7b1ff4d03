"""The folder by itself: versions, blobs, what a crash leaves."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.clock import SequentialIds
from tidegate.objects.folder import ALWAYS, Folder, Only
from tidegate.objects.index import Index, IndexFaultError
from tidegate.objects.listing import Question
from tidegate.objects.refusals import RefusedError
from tidegate.objects.uploads import Upload
from tidegate.objects.versions import About, Bucket, Version

NOW = 1_767_225_600_000
NAMES = [
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "//",
    "a/../b",
    "%2e%2e/%2e%2e",
    "a\\b",
    "\u202e",
    "ключ",
    "🗝️/é",
    "x" * 1024,
    "a\nb\r\tc",
    "con:aux",
    "-rf",
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "objects", SequentialIds())
    assert made.try_to_own()
    made.create_bucket(Bucket("bucket", "1", "r", NOW))
    yield made
    made.close()


def put(folder: Folder, key: str, data: bytes, only: Only = ALWAYS) -> Version:
    incoming = folder.begin()
    try:
        incoming.write(data)
        incoming.finish()
        return folder.put("bucket", key, incoming, About(), NOW, only)
    finally:
        incoming.discard()


def read(folder: Folder, key: str, version_id: str | None = None) -> bytes | None:
    found = folder.find("bucket", key, version_id)
    if found is None or found[0].marker:
        return None
    files = folder.open(found[1])
    data = b"".join(os.pread(file, 1 << 20, 0) for file in files)
    for file in files:
        os.close(file)
    return data


def files(folder: Folder) -> set[str]:
    return {path.name for path in folder._path.glob("blobs/*/*")}


@pytest.mark.parametrize("key", NAMES)
def test_a_key_is_never_a_path(folder: Folder, key: str) -> None:
    before = {path for path in folder._path.parent.rglob("*") if "objects" not in path.parts}
    put(folder, key, b"data")
    assert read(folder, key) == b"data"
    assert files(folder) == {hashlib.sha256(b"data").hexdigest()}
    assert {path for path in folder._path.parent.rglob("*") if "objects" not in path.parts} == before


def test_versions_stay_until_they_are_deleted(folder: Folder) -> None:
    first, second = put(folder, "k", b"1"), put(folder, "k", b"2")
    assert read(folder, "k") == b"2"
    assert read(folder, "k", first.version_id) == b"1"
    marker = folder.delete("bucket", "k", NOW)
    assert read(folder, "k") is None
    assert folder.list_objects("bucket", Question()).found == []
    assert folder.delete_version("bucket", "k", marker.version_id)
    assert read(folder, "k") == b"2"
    folder.delete_version("bucket", "k", second.version_id)
    assert read(folder, "k") == b"1"
    assert len(files(folder)) == 1
    folder.delete_version("bucket", "k", first.version_id)
    assert files(folder) == set()
    folder.delete_bucket("bucket")


def test_the_same_bytes_are_kept_once(folder: Folder) -> None:
    one, two = put(folder, "a", b"same"), put(folder, "b", b"same")
    assert len(files(folder)) == 1
    folder.delete_version("bucket", "a", one.version_id)
    assert read(folder, "b") == b"same"
    folder.delete_version("bucket", "b", two.version_id)
    assert files(folder) == set()


def test_an_empty_object_has_no_blob(folder: Folder) -> None:
    assert put(folder, "empty", b"").etag == hashlib.md5(b"").hexdigest()
    assert read(folder, "empty") == b""
    assert files(folder) == set()


def test_conditions_of_a_write(folder: Folder) -> None:
    first = put(folder, "k", b"1", Only(absent=True))
    for only, code in [
        (Only(absent=True), "PreconditionFailed"),
        (Only(etag="other"), "PreconditionFailed"),
    ]:
        with pytest.raises(RefusedError, match=code):
            put(folder, "k", b"2", only)
    with pytest.raises(RefusedError, match="NoSuchKey"):
        put(folder, "none", b"2", Only(etag=first.etag))
    assert read(folder, "k") == b"1"
    assert len(files(folder)) == 1  # what was refused is gone
    put(folder, "k", b"2", Only(etag=first.etag))
    assert read(folder, "k") == b"2"


def test_a_start_removes_what_a_crash_left(tmp_path: Path) -> None:
    folder = Folder(tmp_path, SequentialIds())
    assert folder.try_to_own()
    folder.create_bucket(Bucket("bucket", "1", "r", NOW))
    put(folder, "kept", b"kept")
    half = folder.begin()
    half.write(b"half")
    orphan = folder.begin()
    orphan.write(b"published, but never named")
    orphan.finish()
    folder._blobs.keep(orphan)
    folder.close()
    half.digests.size = 0
    half._file.close()
    assert len(files(folder)) == 2
    again = Folder(tmp_path, SequentialIds())
    assert again.try_to_own()
    assert files(again) == {hashlib.sha256(b"kept").hexdigest()}
    assert list((tmp_path / "incoming").iterdir()) == []
    assert read(again, "kept") == b"kept"
    again.close()


def test_one_process_writes(folder: Folder) -> None:
    other = Folder(folder._path, SequentialIds())
    assert not other.try_to_own()
    put(folder, "k", b"1")
    assert read(other, "k") == b"1"
    other.close()


def part(folder: Folder, upload: Upload, number: int, data: bytes, now: int) -> None:
    incoming = folder.begin()
    incoming.write(data)
    incoming.finish()
    folder.put_part(upload, number, incoming, now)


def test_abandoned_uploads_are_dropped(folder: Folder) -> None:
    """Those that nothing has come to for long; parts that something else is made of stay."""
    put(folder, "object", b"shared")
    old, active, young = (
        folder.create_upload("bucket", name, About(), NOW + at) for name, at in (("o", 0), ("a", 0), ("y", 10))
    )
    part(folder, old, 1, b"shared", NOW)
    part(folder, old, 2, b"alone", NOW + 9)
    part(folder, active, 1, b"early", NOW)
    part(folder, active, 2, b"late", NOW + 10)
    assert folder.drop_abandoned(NOW + 10) == 1
    assert folder.drop_abandoned(NOW + 10) == 0
    left = folder.list_uploads("bucket", Question(), None).found
    assert [one.key for one in left] == ["a", young.key]
    assert files(folder) == {hashlib.sha256(data).hexdigest() for data in (b"shared", b"early", b"late")}
    assert folder.drop_abandoned(NOW + 11) == 2
    assert files(folder) == {hashlib.sha256(b"shared").hexdigest()}


def test_many_abandoned_uploads(folder: Folder) -> None:
    for number in range(250):
        folder.create_upload("bucket", str(number), About(), NOW)
    assert folder.drop_abandoned(NOW + 1) == 250
    assert folder.list_uploads("bucket", Question(), None).found == []


def test_what_could_not_be_forgotten_is_whole(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names go first: if they stay, so do the bytes."""

    def full(_: Index) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    put(folder, "k", b"data")
    monkeypatch.setattr(Index, "empty", full)
    with pytest.raises(sqlite3.OperationalError):
        folder.empty()
    found = folder.find("bucket", "k")
    assert found is not None
    [descriptor] = folder.open(found[1])
    os.close(descriptor)


def test_another_process_may_empty_it(folder: Folder) -> None:
    """What is read meanwhile is read to its end; what is being put finds no bucket, and leaves nothing."""
    put(folder, "k", b"data")
    upload = folder.create_upload("bucket", "u", About(), NOW)
    part(folder, upload, 1, b"part", NOW)
    coming = folder.begin()
    coming.write(b"coming")
    coming.finish()
    found = folder.find("bucket", "k")
    assert found is not None
    [descriptor] = folder.open(found[1])
    other = Folder(folder._path, SequentialIds())
    other.empty()
    other.empty()
    other.close()
    assert os.pread(descriptor, 10, 0) == b"data"
    os.close(descriptor)
    assert (folder.buckets(), folder.find("bucket", "k")) == ([], None)
    with pytest.raises(RefusedError, match="NoSuchBucket"):
        folder.put("bucket", "coming", coming, About(), NOW)
    coming.discard()
    assert files(folder) == set()
    folder.create_bucket(Bucket("bucket", "1", "r", NOW))
    put(folder, "k", b"again")
    assert read(folder, "k") == b"again"


def test_a_failing_disk_leaves_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names cannot be written: the bytes that were published go again."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    put(folder, "k", b"1")
    monkeypatch.setattr("tidegate.files.sync", full)
    with pytest.raises(OSError, match="No space"):
        put(folder, "k", b"2")
    monkeypatch.undo()
    assert read(folder, "k") == b"1"
    assert len(files(folder)) == 1
    assert list((folder._path / "incoming").iterdir()) == []


def test_a_newer_index_is_left_alone(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.db")
    index._writer.execute("PRAGMA user_version = 99")
    index.close()
    with pytest.raises(IndexFaultError, match="newer"):
        Index(tmp_path / "index.db")


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    with pytest.raises(IndexFaultError, match=r"index\.db"):
        Index(tmp_path / "index.db")


def modes(folder: Path) -> dict[str, int]:
    """What others may do with each file and directory, those they may do something with."""
    found = {str(path.relative_to(folder.parent)): path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}
    return {name: mode for name, mode in found.items() if mode}


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """Whatever the umask, and also what an older version left open."""
    before, path = os.umask(0), tmp_path / "objects"
    try:
        folder = Folder(path, SequentialIds())
        folder.try_to_own()
        folder.create_bucket(Bucket("bucket", "000000000000", "r", 1))
        incoming = folder.begin()
        incoming.write(b"data")
        incoming.finish()
        assert modes(path) == {}
        folder.put("bucket", "k", incoming, About(), 1)
        assert modes(path) == {}
        folder.close()
        for each in [path, *path.rglob("*")]:
            each.chmod(0o777 if each.is_dir() else 0o666)
        folder = Folder(path, SequentialIds())
        folder.try_to_own()
        assert modes(path) == {}
        folder.close()
    finally:
        os.umask(before)
