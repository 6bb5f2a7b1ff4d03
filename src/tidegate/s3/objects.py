"""Operations on objects: put, get, head, copy, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from tidegate.objects.folder import ALWAYS, Only
from tidegate.objects.versions import About, Segment, Version
from tidegate.s3 import buckets, incoming, ranges, xmlrequest, xmltext
from tidegate.s3.addressing import LONGEST_KEY
from tidegate.s3.dates import http, iso
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Answer, Request, Span
from tidegate.s3.work import Call, Work
from tidegate.s3.xmltext import Value

_XML: Final = {"content-type": "application/xml"}
_KEPT: Final = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
"""Headers of a PUT that every GET gives back."""
_META: Final = "x-amz-meta-"
_LARGEST_METADATA: Final = 2048
_REFUSED: Final = (
    "x-amz-server-side-encryption",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-object-lock",
    "x-amz-grant",
    "x-amz-write-offset-bytes",
)
_DELETED_AT_ONCE: Final = 1000


# --------------------------------------------------------------------------------------------------------------- put


def check_key(request: Request) -> None:
    """Refuse a key that is too long, and headers that ask for what is not there."""
    if len(request.key.encode("utf-8", "surrogatepass")) > LONGEST_KEY:
        raise S3Error("KeyTooLongError", Size=str(len(request.key.encode())), MaxSizeAllowed=str(LONGEST_KEY))
    for name, value in request.headers.items():
        allowed = {"x-amz-acl": ("private", "bucket-owner-full-control"), "x-amz-storage-class": ("STANDARD",)}
        if name.startswith(_REFUSED) or value not in allowed.get(name, (value,)):
            raise S3Error("NotImplemented", Header=name)


def about(headers: Mapping[str, str]) -> About:
    """What a request says about the object it makes."""
    kept = {name: headers[name] for name in _KEPT if headers.get(name)}
    encodings = [item.strip() for item in kept.get("content-encoding", "").split(",")]
    plain = ",".join(item for item in encodings if item and item != "aws-chunked")
    kept = {**kept, "content-encoding": plain} if plain else {k: v for k, v in kept.items() if k != "content-encoding"}
    metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
    if sum(len(name) + len(value) for name, value in metadata.items()) > _LARGEST_METADATA:
        raise S3Error("MetadataTooLarge", MaxSizeAllowed=str(_LARGEST_METADATA))
    return About(headers=kept, metadata=metadata)


def only(headers: Mapping[str, str]) -> Only:
    """The condition of a write."""
    absent, etag = headers.get("if-none-match"), headers.get("if-match")
    if absent not in (None, "*"):
        raise S3Error("NotImplemented", Header="If-None-Match")
    return Only(etag.strip().strip('"') if etag else None, absent is not None) if absent or etag else ALWAYS


async def put_object(work: Work, call: Call, request: Request) -> Answer:
    """PutObject."""
    check_key(request)
    described, condition = about(request.headers), only(request.headers)
    owner = buckets.existing(work, call, request.bucket).owner
    async with work.uploads.turn(owner), incoming.received(work, request) as received:
        digests = received.digests
        if digests.algorithm is not None and digests.checksum is not None:
            described = About(described.headers, described.metadata, {digests.algorithm: digests.checksum})
        put = work.folder.put
        version = await work.off(put, request.bucket, request.key, received, described, call.now, condition)
    return Answer(headers={"etag": f'"{version.etag}"', "x-amz-version-id": version.version_id, **_sums(version)})


def _sums(version: Version) -> dict[str, str]:
    checksums = {f"x-amz-checksum-{name}": value for name, value in version.about.checksums.items()}
    return {**checksums, "x-amz-checksum-type": version.about.checksum_type} if checksums else {}


# --------------------------------------------------------------------------------------------------------------- get


async def get_object(work: Work, call: Call, request: Request) -> Answer:
    """GetObject: streams, whole or one range."""
    return await _read(work, call, request)


async def head_object(work: Work, call: Call, request: Request) -> Answer:
    """HeadObject."""
    answer = await _read(work, call, request)
    length = answer.span.length if answer.span else answer.length
    return answer._replace(span=None, length=length)


async def _read(work: Work, call: Call, request: Request) -> Answer:
    owner = buckets.existing(work, call, request.bucket).owner
    if request.flag("partNumber"):
        raise S3Error("NotImplemented", Query="partNumber")
    version, segments = find(work, request.bucket, request.key, request.query.get("versionId"))
    headers = _headers(version, request)
    status = ranges.precondition(request.headers, version.etag, version.modified_at)
    if status == 412:
        raise S3Error("PreconditionFailed")
    if status == 304:
        return Answer(304, {name: headers[name] for name in ("etag", "last-modified", "x-amz-version-id")})
    part = _range(request, version)
    if part is None:
        if request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= _sums(version)
        return Answer(200, headers, span=Span(segments, 0, version.size), owner=owner)
    headers["content-range"] = part.header(version.size)
    return Answer(206, headers, span=Span(segments, part.start, part.length), owner=owner)


def find(work: Work, bucket: str, key: str, version_id: str | None) -> tuple[Version, list[Segment]]:
    """An object that is there.

    Raises:
        S3Error: NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker that is named.
    """
    found = work.folder.find(bucket, key, version_id)
    if found is None:
        if version_id is None:
            raise S3Error("NoSuchKey", Key=key)
        raise S3Error("NoSuchVersion", Key=key, VersionId=version_id)
    version = found[0]
    if version.marker:
        headers = {"x-amz-delete-marker": "true", "x-amz-version-id": version.version_id}
        if version_id is None:
            raise S3Error("NoSuchKey", headers=headers, Key=key)
        raise S3Error("MethodNotAllowed", headers={**headers, "allow": "DELETE"}, ResourceType="DeleteMarker")
    return found


def _headers(version: Version, request: Request) -> dict[str, str]:
    given = {"content-type": "binary/octet-stream", **version.about.headers}
    overrides = {
        name.removeprefix("response-"): value for name, value in request.query.items() if name.startswith("response-")
    }
    return {
        **given,
        **{name: value for name, value in overrides.items() if name in _KEPT},
        "etag": f'"{version.etag}"',
        "last-modified": http(version.modified_at),
        "accept-ranges": "bytes",
        "x-amz-version-id": version.version_id,
        **{_META + name: value for name, value in version.about.metadata.items()},
    }


def _range(request: Request, version: Version) -> ranges.Bytes | None:
    if not ranges.resumes(request.headers.get("if-range"), version.etag, version.modified_at):
        return None
    header = request.headers.get("range")
    try:
        return ranges.wanted(header, version.size)
    except ranges.Unsatisfiable:
        raise S3Error(
            "InvalidRange",
            headers={"content-range": f"bytes */{version.size}"},
            RangeRequested=header or "",
            ActualObjectSize=str(version.size),
        ) from None


# -------------------------------------------------------------------------------------------------------------- copy


def copied(work: Work, call: Call, request: Request) -> tuple[Version, list[Segment]]:
    """The object that a copy is made of, its conditions met."""
    assert request.source is not None
    buckets.existing(work, call, request.source.bucket)
    version, segments = find(work, *request.source)
    prefix = "x-amz-copy-source-"
    conditions = {
        name.removeprefix(prefix): value for name, value in request.headers.items() if name.startswith(prefix + "if-")
    }
    if ranges.precondition(conditions, version.etag, version.modified_at) is not None:
        raise S3Error("PreconditionFailed")
    return version, segments


async def copy_object(work: Work, call: Call, request: Request) -> Answer:
    """CopyObject: a new name for the same blobs."""
    check_key(request)
    buckets.existing(work, call, request.bucket)
    original, segments = copied(work, call, request)
    described = original.about
    if request.headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE":
        given = about(request.headers)
        described = About(given.headers, given.metadata, described.checksums, described.checksum_type, described.parts)
    elif request.source == (request.bucket, request.key, None):
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes.",
        )
    put = work.folder.copy
    version = await work.off(put, original, segments, request.bucket, request.key, described, call.now)
    members = {"LastModified": iso(version.modified_at), "ETag": f'"{version.etag}"'}
    headers = {
        **_XML,
        "x-amz-version-id": version.version_id,
        "x-amz-copy-source-version-id": original.version_id,
    }
    return Answer(headers=headers, body=xmltext.document("CopyObjectResult", members))


# ------------------------------------------------------------------------------------------------------------ delete


async def delete_object(work: Work, call: Call, request: Request) -> Answer:
    """DeleteObject: a marker on top, or one version for good."""
    buckets.existing(work, call, request.bucket)
    done = await _delete(work, call, request.bucket, request.key, request.query.get("versionId"))
    return Answer(204, {f"x-amz-{name}": value for name, value in done.items()})


async def _delete(
    work: Work, call: Call, bucket: str, key: str, version_id: str | None
) -> dict[Literal["delete-marker", "version-id"], str]:
    if version_id is None:
        marker = await work.off(work.folder.delete, bucket, key, call.now)
        return {"delete-marker": "true", "version-id": marker.version_id}
    gone = await work.off(work.folder.delete_version, bucket, key, version_id)
    return {**({"delete-marker": "true"} if gone and gone.marker else {}), "version-id": version_id}


async def delete_objects(work: Work, call: Call, request: Request) -> Answer:
    """DeleteObjects: up to a thousand, each by itself."""
    buckets.existing(work, call, request.bucket)
    node = await xmlrequest.root(request, "Delete")
    named = node.children("Object")
    if not named or len(named) > _DELETED_AT_ONCE:
        raise S3Error("MalformedXML")
    quiet = (node.get("Quiet") or "").lower() == "true"
    if not all(item.raw("Key") for item in named):
        raise S3Error("MalformedXML")
    deleted: list[Value] = []
    refused: list[Value] = []
    for item in named:
        key, version_id = item.raw("Key") or "", item.get("VersionId")
        try:
            deleted.append(await _delete_one(work, call, request.bucket, key, version_id))
        except S3Error as error:
            refused.append({"Key": key, "VersionId": version_id, "Code": error.code, "Message": error.message})
    shown: dict[str, Value] = {"Deleted": [] if quiet else deleted, "Error": refused}
    return Answer(headers=_XML, body=xmltext.document("DeleteResult", shown))


async def _delete_one(work: Work, call: Call, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
    await call.permit("s3:DeleteObjectVersion" if version_id is not None else "s3:DeleteObject", bucket, key)
    done = await _delete(work, call, bucket, key, version_id)
    row = {"Key": key}
    if version_id is not None:
        row["VersionId"] = version_id
    if "delete-marker" in done:
        row |= {"DeleteMarker": "true", "DeleteMarkerVersionId": done["version-id"]}
    return row
