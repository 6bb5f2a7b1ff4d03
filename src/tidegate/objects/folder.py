"""Buckets in a folder: blobs by content, names in an index, every version kept.

What is put is visible when it is on disk, bytes and name, and not at all otherwise: bytes are written aside and synced,
then renamed and named in one transaction. A crash in between leaves a blob that nothing names; the next start removes
it.
Versioning is always on, as in a bucket with versioning Enabled.

Everything here blocks and may be called from any thread. One process writes (it holds ``lock``); others may read, and
may ``empty`` the folder.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from tidegate.clock import Ids, Millis
from tidegate.objects import listing, uploads, versions
from tidegate.objects.blobs import Blobs, Incoming, private
from tidegate.objects.checksums import Digests
from tidegate.objects.index import Index
from tidegate.objects.listing import Page, Question
from tidegate.objects.refusals import RefusedError
from tidegate.objects.uploads import Part, Upload
from tidegate.objects.versions import About, Bucket, Segment, Version

LEAST_PART: Final = 5 * 1024 * 1024
"""Bytes of every part but the last."""
_AT_ONCE: Final = 100
"""Uploads that are dropped in one transaction: others want to write, too."""
_NO_SEGMENTS: Sequence[Segment] = ()


class Only(NamedTuple):
    """What must be true of the present object for a write: its ETag, or its absence."""

    etag: str | None = None
    absent: bool = False

    def check(self, present: Version | None) -> None:
        """Refuse what is not so."""
        if self.absent and present is not None:
            raise RefusedError("PreconditionFailed")
        if self.etag is not None:
            if present is None:
                raise RefusedError("NoSuchKey")
            if present.etag != self.etag:
                raise RefusedError("PreconditionFailed")


ALWAYS: Final = Only()


class Folder:
    """One folder of objects."""

    def __init__(self, path: Path, ids: Ids) -> None:
        """Open a folder, made if need be.

        Raises:
            IndexFaultError: its index cannot be opened.
            OSError: the folder cannot be made.
        """
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        private([path, path / "lock"])
        self._path = path
        self._ids = ids
        self._blobs = Blobs(path)
        self._index = Index(path / "index.db")
        self._lock: int | None = None

    def check(self) -> None:
        """Raise ``sqlite3.Error`` if the index cannot be read."""
        self._index.check()

    def close(self) -> None:
        """Let go."""
        self._index.close()
        if self._lock is not None:
            os.close(self._lock)

    def try_to_own(self) -> bool:
        """Become the process that writes, unless there is one; then repair what a crash left."""
        descriptor = os.open(self._path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        self._blobs.prepare()
        with self._index.write() as tx:
            self._sweep(tx, self._blobs.names())
        return True

    def empty(self) -> None:
        """Forget every bucket and what is in it, for good, whichever process asks. What is being put then is refused.

        Whoever reads an object reads on: blobs go as files do, when nobody has them open.
        """
        with self._index.read() as tx:
            if not versions.bucket_list(tx):
                return
        with self._index.write():
            self._index.empty()
        self._remove(list(self._blobs.names()))

    # -- buckets ---------------------------------------------------------------------------------------------------

    def create_bucket(self, bucket: Bucket) -> bool:
        """Keep a bucket; False if the name is taken."""
        with self._index.write() as tx:
            return versions.bucket_insert(tx, bucket)

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of this name."""
        with self._index.read() as tx:
            return versions.bucket_get(tx, name)

    def buckets(self) -> list[Bucket]:
        """All of them by name."""
        with self._index.read() as tx:
            return versions.bucket_list(tx)

    def delete_bucket(self, name: str) -> None:
        """Forget an empty bucket."""
        with self._index.write() as tx:
            _bucket(tx, name)
            if not versions.bucket_is_empty(tx, name):
                raise RefusedError("BucketNotEmpty")
            versions.bucket_delete(tx, name)

    # -- objects ---------------------------------------------------------------------------------------------------

    def find(self, bucket: str, key: str, version_id: str | None = None) -> tuple[Version, list[Segment]] | None:
        """A version, or the latest, with what it is made of. It may be a delete marker."""
        with self._index.read() as tx:
            if version_id is None:
                found = versions.latest(tx, bucket, key)
            else:
                found = versions.get(tx, bucket, key, version_id)
            return (found, versions.segments(tx, found.seq)) if found else None

    def etag(self, bucket: str, key: str, version_id: str | None = None) -> str | None:
        """The ETag of a version, or of the latest; None if there is none, or a delete marker.

        Cheaper than ``find``: it is asked for with every block of a stream.
        """
        row = self._index.one(*versions.etag(bucket, key, version_id))
        return None if row is None or row[1] else str(row[0])

    def open(self, segments: Iterable[Segment]) -> list[int]:
        """A descriptor for each segment; the caller closes them.

        Raises:
            FileNotFoundError: the version was deleted meanwhile.
        """
        with ExitStack() as stack:
            opened = [_closing(stack, self._blobs.open(segment.blob)) for segment in segments]
            stack.pop_all()  # all are there: they are the caller's now
        return opened

    def begin(self, algorithm: str | None = None) -> Incoming:
        """A place to write an object's or a part's bytes to; the caller discards it, whether it was put or not."""
        return self._blobs.begin(self._ids.token(32), Digests(algorithm))

    def put(self, bucket: str, key: str, incoming: Incoming, about: About, now: Millis, only: Only = ALWAYS) -> Version:
        """Make finished bytes the latest version of a key."""
        size = incoming.digests.size
        version = self._version(bucket, key, size, incoming.digests.md5, about, now)
        with self._publishing(incoming) as tx:
            _bucket(tx, bucket)
            only.check(_present(tx, bucket, key))
            segments = [Segment(self._blobs.keep(incoming), size)] if size else _NO_SEGMENTS
            versions.insert(tx, version, segments)
        return version

    def copy(
        self, source: Version, segments: Sequence[Segment], bucket: str, key: str, about: About, now: Millis
    ) -> Version:
        """A new version that is made of the same blobs."""
        version = self._version(bucket, key, source.size, source.etag, about, now)
        with self._index.write() as tx:
            _bucket(tx, bucket)
            if not all(versions.blob_is_used(tx, segment.blob) for segment in segments):
                raise RefusedError("NoSuchKey")  # deleted since it was found
            versions.insert(tx, version, segments)
        return version

    def delete(self, bucket: str, key: str, now: Millis) -> Version:
        """Put a delete marker on top; returns it."""
        marker = self._version(bucket, key, 0, "", About(), now)._replace(marker=True)
        with self._index.write() as tx:
            _bucket(tx, bucket)
            versions.insert(tx, marker, _NO_SEGMENTS)
        return marker

    def delete_version(self, bucket: str, key: str, version_id: str) -> Version | None:
        """Take one version, or marker, away for good; what it was."""
        with self._index.write() as tx:
            _bucket(tx, bucket)
            version = versions.get(tx, bucket, key, version_id)
            if version is None:
                return None
            blobs = [segment.blob for segment in versions.segments(tx, version.seq)]
            versions.delete(tx, version)
            unused = self._unused(tx, blobs)
        self._remove(unused)
        return version

    def list_objects(self, bucket: str, question: Question) -> Page[Version]:
        """Present objects by key."""
        end = listing.past(question.prefix)
        with self._index.read() as tx:
            return listing.page(
                lambda start, after, limit: versions.objects_from(tx, bucket, start, end, after=after, limit=limit),
                question,
            )

    def list_versions(self, bucket: str, question: Question, version_marker: str | None) -> Page[Version]:
        """Versions and markers, by key and the newest first; after ``version_marker`` of the question's marker."""
        end = listing.past(question.prefix)
        with self._index.read() as tx:
            waiting = (
                versions.older(tx, bucket, question.marker, version_marker, limit=question.limit + 1)
                if version_marker
                else []
            )
            return listing.page(
                lambda start, after, limit: versions.versions_from(tx, bucket, start, end, after=after, limit=limit),
                question,
                waiting,
            )

    # -- multipart uploads -----------------------------------------------------------------------------------------

    def create_upload(self, bucket: str, key: str, about: About, now: Millis) -> Upload:
        """Begin an upload."""
        upload = Upload(self._ids.token(64), bucket, key, now, about)
        with self._index.write() as tx:
            _bucket(tx, bucket)
            uploads.insert(tx, upload)
        return upload

    def upload(self, bucket: str, key: str, upload_id: str) -> Upload:
        """An upload under way."""
        with self._index.read() as tx:
            return _upload(tx, bucket, key, upload_id)

    def put_part(self, upload: Upload, number: int, incoming: Incoming, now: Millis) -> Part:
        """Keep finished bytes as a part; an earlier one of that number is gone then."""
        digests = incoming.digests
        with self._publishing(incoming) as tx:
            _upload(tx, upload.bucket, upload.key, upload.upload_id)
            blob = self._blobs.keep(incoming)
            part = Part(number, blob, digests.size, digests.md5, digests.checksum, now)
            old = uploads.part_put(tx, upload.upload_id, part)
            unused = self._unused(tx, [old] if old else [])
        self._remove(unused)
        return part

    def parts(self, upload: Upload, after: int, limit: int) -> list[Part]:
        """Parts that have arrived, with numbers above ``after``."""
        with self._index.read() as tx:
            return uploads.parts(tx, upload.upload_id, after, limit)

    def complete(
        self,
        upload: Upload,
        choose: Callable[[list[Part]], tuple[list[Part], str, About]],
        now: Millis,
        only: Only = ALWAYS,
    ) -> Version:
        """Make parts the latest version of the upload's key, and forget the others.

        ``choose`` is given all parts and says which, and the ETag and what else is known of the whole.
        """
        with self._index.write() as tx:
            _upload(tx, upload.bucket, upload.key, upload.upload_id)
            only.check(_present(tx, upload.bucket, upload.key))
            chosen, etag, about = choose(uploads.parts(tx, upload.upload_id))
            segments = [Segment(part.blob, part.size) for part in chosen if part.size]
            size = sum(segment.size for segment in segments)
            version = self._version(upload.bucket, upload.key, size, etag, about, now)
            versions.insert(tx, version, segments)
            unused = self._unused(tx, uploads.delete(tx, upload.upload_id))
        self._remove(unused)
        return version

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Forget an upload and its parts."""
        with self._index.write() as tx:
            _upload(tx, bucket, key, upload_id)
            unused = self._unused(tx, uploads.delete(tx, upload_id))
        self._remove(unused)

    def drop_abandoned(self, before: Millis) -> int:
        """Abort the uploads that were begun before an instant and have got no part since; how many."""
        dropped = 0
        while True:
            with self._index.write() as tx:
                ids = uploads.abandoned(tx, before, _AT_ONCE)
                blobs = [blob for upload_id in ids for blob in uploads.delete(tx, upload_id)]
                unused = self._unused(tx, blobs)
            self._remove(unused)
            dropped += len(ids)
            if len(ids) < _AT_ONCE:
                return dropped

    def list_uploads(self, bucket: str, question: Question, id_marker: str | None) -> Page[Upload]:
        """Uploads under way by key, then id; after ``id_marker`` of the question's marker."""
        end = listing.past(question.prefix)
        with self._index.read() as tx:
            waiting = (
                uploads.following(tx, bucket, question.marker, id_marker, limit=question.limit + 1) if id_marker else []
            )
            return listing.page(
                lambda start, after, limit: uploads.listed(tx, bucket, start, end, after=after, limit=limit),
                question,
                waiting,
            )

    # -- within ----------------------------------------------------------------------------------------------------

    def _version(self, bucket: str, key: str, size: int, etag: str, about: About, now: Millis) -> Version:
        return Version(0, bucket, key, self._ids.token(32), True, False, size, etag, now, about)

    @contextmanager
    def _publishing(self, incoming: Incoming) -> Iterator[sqlite3.Connection]:
        """A transaction that names new bytes; if it fails, the bytes go, too."""
        try:
            with self._index.write() as tx:
                yield tx
        except BaseException:
            with suppress(sqlite3.Error):
                self._remove([incoming.digests.sha256])
            raise

    @staticmethod
    def _unused(tx: sqlite3.Connection, blobs: Iterable[str]) -> list[str]:
        return [blob for blob in set(blobs) if not versions.blob_is_used(tx, blob)]

    def _remove(self, candidates: list[str]) -> None:
        """Remove blobs that nothing is made of, unless somebody has put the same bytes again meanwhile."""
        if candidates:
            with self._index.write() as tx:
                self._sweep(tx, candidates)

    def _sweep(self, tx: sqlite3.Connection, blobs: Iterable[str]) -> None:
        if _is_kept(self._path):
            return  # what is unused by then goes at the next start
        for blob in list(blobs):
            if not versions.blob_is_used(tx, blob):
                self._blobs.remove(blob)


_KEPT = "kept"


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Have no blob of a folder removed, by whichever process, until the block is left."""
    descriptor = os.open(path / _KEPT, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """Have nobody change the index of a folder for a moment; who wants to waits.

    Raises:
        IndexFaultError: it cannot be had.
    """
    held = Index(path / "index.db")
    try:
        with held.write():
            yield
    finally:
        held.close()


def _is_kept(path: Path) -> bool:
    """Asked within a transaction that changes the index: who keeps blobs has said so before it reads the index."""
    try:
        descriptor = os.open(path / _KEPT, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _closing(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _bucket(tx: sqlite3.Connection, name: str) -> Bucket:
    found = versions.bucket_get(tx, name)
    if found is None:
        raise RefusedError("NoSuchBucket")
    return found


def _upload(tx: sqlite3.Connection, bucket: str, key: str, upload_id: str) -> Upload:
    found = uploads.get(tx, bucket, key, upload_id)
    if found is None:
        raise RefusedError("NoSuchUpload")
    return found


def _present(tx: sqlite3.Connection, bucket: str, key: str) -> Version | None:
    found = versions.latest(tx, bucket, key)
    return None if found is None or found.marker else found
