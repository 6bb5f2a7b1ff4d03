"""The folder as operations see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.clock import RandomIds, SequentialIds
from tidegate.core.location import Fault, Location, ObjectFaultError, Stat
from tidegate.objects import credential
from tidegate.objects.embedded import Embedded
from tidegate.objects.folder import Folder
from tidegate.objects.presign import Site
from tidegate.objects.versions import About, Bucket


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "objects", SequentialIds())
    assert made.try_to_own()
    made.create_bucket(Bucket("bucket", "1", "r", 0))
    yield made
    made.close()


def put(folder: Folder, key: str, data: bytes) -> str:
    incoming = folder.begin()
    incoming.write(data)
    incoming.finish()
    return folder.put("bucket", key, incoming, About(), 0).version_id


def test_fetch(folder: Folder, tmp_path: Path) -> None:
    own = credential.load_or_create(tmp_path, RandomIds())
    objects = Embedded(folder, Site("http://h:1", "r"), own)
    first = put(folder, "k", b"one")
    put(folder, "k", b"three")
    assert objects.fetch(Location("bucket", "k"), limit=5) == b"three"
    assert objects.fetch(Location("bucket", "k", first), limit=3) == b"one"
    for location, limit, fault in [
        (Location("bucket", "k"), 4, Fault.TOO_LARGE),
        (Location("bucket", "none"), 4, Fault.MISSING),
        (Location("nobodys", "k"), 4, Fault.MISSING),
        (Location("bucket", "k", "none"), 4, Fault.MISSING),
    ]:
        with pytest.raises(ObjectFaultError) as caught:
            objects.fetch(location, limit=limit)
        assert caught.value.fault is fault
    folder.delete("bucket", "k", 0)
    with pytest.raises(ObjectFaultError, match="missing"):
        objects.fetch(Location("bucket", "k"), limit=5)


def test_ranges_of_an_object_in_parts(folder: Folder, tmp_path: Path) -> None:
    objects = Embedded(folder, Site("http://h:1", "r"), credential.load_or_create(tmp_path, RandomIds()))
    upload = folder.create_upload("bucket", "k", About(), 0)
    for number, data in enumerate((b"one", b"", b"three", b"x"), 1):
        incoming = folder.begin()
        incoming.write(data)
        incoming.finish()
        folder.put_part(upload, number, incoming, 0)
    folder.complete(upload, lambda parts: (parts, "etag-4", About()), 0)
    place, whole = Location("bucket", "k"), b"onethreex"
    assert objects.stat(place) == Stat(9, "etag-4")
    for start in range(9):
        for end in range(start + 1, 10):
            assert objects.read(place, "etag-4", start, end - start) == whole[start:end]
    assert not objects.changed(place, "etag-4")
    version = put(folder, "k", b"other")
    assert objects.changed(place, "etag-4")
    for etag, at, fault in (("etag-4", place, Fault.CHANGED), ("e", Location("bucket", "none"), Fault.MISSING)):
        with pytest.raises(ObjectFaultError) as caught:
            objects.read(at, etag, 0, 1)
        assert caught.value.fault is fault
    with pytest.raises(ObjectFaultError) as caught:
        objects.read(place, objects.stat(place).etag, 4, 2)  # past the end
    assert caught.value.fault is Fault.UNREACHABLE
    folder.delete("bucket", "k", 0)
    for gone in (place, Location("bucket", "k", "none")):
        with pytest.raises(ObjectFaultError, match="missing"):
            objects.changed(gone, "etag-4")
    assert not objects.changed(Location("bucket", "k", version), objects.stat(Location("bucket", "k", version)).etag)


def test_what_can_be_told_of_a_url(folder: Folder, tmp_path: Path) -> None:
    objects = Embedded(folder, Site("http://h:1", "r"), credential.load_or_create(tmp_path, RandomIds()))
    version = put(folder, "k", b"one")
    marker = folder.delete("bucket", "k", 0).version_id
    assert objects.fault("GET", Location("bucket", "k", version)) is None
    assert objects.fault("GET", Location("bucket", "comes later")) is None
    assert objects.fault("PUT", Location("bucket", "${thingName}")) is None
    assert objects.fault("GET", Location("bucket", "k", marker)) is Fault.MISSING
    assert objects.fault("GET", Location("bucket", "k", "none")) is Fault.MISSING
    assert objects.fault("GET", Location("nobodys", "k")) is Fault.DENIED
    assert objects.fault("PUT", Location("nobodys", "k")) is Fault.MISSING


def test_whose_a_bucket_is(folder: Folder, tmp_path: Path) -> None:
    own = credential.load_or_create(tmp_path, RandomIds())
    bounded, free = (Embedded(folder, Site("http://h:1", "r"), own, bounded=bounded) for bounded in (True, False))
    assert (bounded.open_to("1", "bucket"), bounded.open_to("2", "bucket")) == (True, False)
    assert bounded.open_to("2", "nobodys")
    assert free.open_to("2", "bucket")


def test_a_reset_empties_the_folder(folder: Folder, tmp_path: Path) -> None:
    objects = Embedded(folder, Site("http://h:1", "r"), credential.load_or_create(tmp_path, RandomIds()))
    objects.reset()
    assert folder.buckets() == []
    objects.reset()


def test_the_servers_own_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = credential.load_or_create(tmp_path, RandomIds())
    assert credential.load_or_create(tmp_path, RandomIds()).signing() == first.signing()
    assert len(first.signing().secret) == 40
    assert (tmp_path / "presign.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["presign.key"]
