"""Multipart uploads: parts in any order, one object in the end, made of the parts as they lie."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tidegate.objects import checksums
from tidegate.objects.folder import LEAST_PART
from tidegate.objects.uploads import Part, Upload
from tidegate.objects.versions import About
from tidegate.s3 import buckets, incoming, listings, objects, ranges, xmlrequest, xmltext
from tidegate.s3.dates import iso
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Answer, Request
from tidegate.s3.segments import Segments
from tidegate.s3.work import Call, Work
from tidegate.s3.xmltext import Node, Value

_XML: Final = {"content-type": "application/xml"}
_PARTS: Final = 10_000
_WHOLE_ONLY: Final = frozenset({"crc64nvme"})
_COMPOSITE_ONLY: Final = frozenset({"sha1", "sha256"})


async def create_multipart_upload(work: Work, call: Call, request: Request) -> Answer:
    """CreateMultipartUpload."""
    objects.check_key(request)
    buckets.existing(work, call, request.bucket)
    described = objects.about(request.headers)
    algorithm = incoming.algorithm(request)
    headers = dict(_XML)
    if algorithm is not None:
        kind = _checksum_type(algorithm, request.headers.get("x-amz-checksum-type"))
        described = About(described.headers, described.metadata, {algorithm: ""}, kind)
        headers |= {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
    upload = await work.off(work.folder.create_upload, request.bucket, request.key, described, call.now)
    members = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload.upload_id}
    return Answer(headers=headers, body=xmltext.document("InitiateMultipartUploadResult", members))


def _checksum_type(algorithm: str, asked: str | None) -> str:
    kind = (asked or ("FULL_OBJECT" if algorithm in _WHOLE_ONLY else "COMPOSITE")).upper()
    wrong = {"FULL_OBJECT": _COMPOSITE_ONLY, "COMPOSITE": _WHOLE_ONLY}.get(kind)
    if wrong is None or algorithm in wrong:
        raise S3Error(
            "InvalidRequest", f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."
        )
    return kind


def _number(request: Request) -> int:
    text = request.query.get("partNumber", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= _PARTS):
        raise S3Error(
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    return int(text)


async def upload_part(work: Work, call: Call, request: Request) -> Answer:
    """UploadPart."""
    (owner, upload), number = _owned(work, call, request), _number(request)
    brought = incoming.algorithm(request)
    if brought is not None and upload.algorithm is not None and brought != upload.algorithm:
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, actual checksum Type: "
            f"{brought}",
        )
    async with work.uploads.turn(owner), incoming.received(work, request, upload.algorithm) as received:
        part = await work.off(work.folder.put_part, upload, number, received, call.now)
        algorithm = received.digests.algorithm
    sums = {f"x-amz-checksum-{algorithm}": part.checksum} if algorithm and part.checksum else {}
    return Answer(headers={"etag": f'"{part.etag}"', **sums})


async def upload_part_copy(work: Work, call: Call, request: Request) -> Answer:
    """UploadPartCopy: bytes of an object that is there."""
    (owner, upload), number = _owned(work, call, request), _number(request)
    original, segments = objects.copied(work, call, request)
    try:
        span = ranges.wanted(request.headers.get("x-amz-copy-source-range"), original.size)
    except ranges.Unsatisfiable:
        raise S3Error("InvalidRange") from None
    start, length = span or (0, original.size)
    body = Segments(work, segments, start, length)
    try:
        copied = request._replace(body=body, headers={"content-length": str(length)})
        async with work.uploads.turn(owner), incoming.received(work, copied, upload.algorithm) as received:
            part = await work.off(work.folder.put_part, upload, number, received, call.now)
    finally:
        body.close()
    members = {"LastModified": iso(part.modified_at), "ETag": f'"{part.etag}"'}
    headers = {**_XML, "x-amz-copy-source-version-id": original.version_id}
    return Answer(headers=headers, body=xmltext.document("CopyPartResult", members))


def _owned(work: Work, call: Call, request: Request) -> tuple[str, Upload]:
    """The upload a request is about, and whose bucket it is in."""
    owner = buckets.existing(work, call, request.bucket).owner
    return owner, work.folder.upload(request.bucket, request.key, request.query.get("uploadId", ""))


def _upload(work: Work, call: Call, request: Request) -> Upload:
    return _owned(work, call, request)[1]


async def abort_multipart_upload(work: Work, call: Call, request: Request) -> Answer:
    """AbortMultipartUpload."""
    buckets.existing(work, call, request.bucket)
    await work.off(work.folder.abort, request.bucket, request.key, request.query["uploadId"])
    return Answer(204)


# ---------------------------------------------------------------------------------------------------------- complete


class Named(NamedTuple):
    """A part as CompleteMultipartUpload names it."""

    number: int
    etag: str
    checksums: Mapping[str, str]


async def complete_multipart_upload(work: Work, call: Call, request: Request) -> Answer:
    """CompleteMultipartUpload."""
    upload = _upload(work, call, request)
    node = await xmlrequest.root(request, "CompleteMultipartUpload")
    named = [_named(part) for part in node.children("Part")]
    if not named:
        raise S3Error("MalformedXML")
    if any(one.number >= other.number for one, other in itertools.pairwise(named)):
        raise S3Error("InvalidPartOrder", UploadId=upload.upload_id)
    whole = {name: value for name, value in request.headers.items() if name.startswith("x-amz-checksum-")}
    choose = _chooser(upload, named, whole)
    version = await work.off(work.folder.complete, upload, choose, call.now, objects.only(request.headers))
    sums = {f"Checksum{name.upper()}": value for name, value in version.about.checksums.items()}
    members: dict[str, Value] = {
        "Location": f"/{upload.bucket}/{upload.key}",
        "Bucket": upload.bucket,
        "Key": upload.key,
        "ETag": f'"{version.etag}"',
        **sums,
        "ChecksumType": version.about.checksum_type if sums else None,
    }
    headers = {**_XML, "x-amz-version-id": version.version_id}
    return Answer(headers=headers, body=xmltext.document("CompleteMultipartUploadResult", members))


def _named(node: Node) -> Named:
    number, etag = node.get("PartNumber") or "", node.get("ETag") or ""
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and etag):
        raise S3Error("MalformedXML")
    given = {name: node.get(f"Checksum{name.upper()}") for name in checksums.ALGORITHMS}
    return Named(int(number), etag.strip('"'), {name: value for name, value in given.items() if value})


def _chooser(
    upload: Upload, named: list[Named], whole: Mapping[str, str]
) -> Callable[[list[Part]], tuple[list[Part], str, About]]:
    def choose(present: list[Part]) -> tuple[list[Part], str, About]:
        by_number = {part.number: part for part in present}
        chosen = [_matching(by_number.get(one.number), one, upload) for one in named]
        for part in chosen[:-1]:
            if part.size < LEAST_PART:
                raise S3Error(
                    "EntityTooSmall",
                    ProposedSize=str(part.size),
                    MinSizeAllowed=str(LEAST_PART),
                    PartNumber=str(part.number),
                    ETag=part.etag,
                )
        joined = b"".join([bytes.fromhex(part.etag) for part in chosen])
        etag = f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(chosen)}"
        return chosen, etag, _whole(upload, chosen, whole)

    return choose


def _matching(part: Part | None, named: Named, upload: Upload) -> Part:
    wrong = part is None or part.etag != named.etag
    given = named.checksums.get(upload.algorithm or "")
    if part is not None and given is not None:
        wrong = wrong or part.checksum != given
    if part is None or wrong:
        raise S3Error("InvalidPart", UploadId=upload.upload_id, PartNumber=str(named.number), ETag=named.etag)
    return part


def _whole(upload: Upload, chosen: list[Part], given: Mapping[str, str]) -> About:
    """What is known of the object, its checksum held against what the client says of the whole."""
    was, algorithm = upload.about, upload.algorithm
    if algorithm is None:
        return About(was.headers, was.metadata, parts=len(chosen))
    if was.checksum_type == "FULL_OBJECT":
        total = checksums.whole_object(algorithm, [(part.checksum or "", part.size) for part in chosen])
    else:
        total = checksums.composite(algorithm, [part.checksum or "" for part in chosen])
    said = given.get(f"x-amz-checksum-{algorithm}", total)
    if said.partition("-")[0] != total.partition("-")[0]:
        raise S3Error("BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum.")
    return About(was.headers, was.metadata, {algorithm: total}, was.checksum_type, len(chosen))


# ---------------------------------------------------------------------------------------------------------- listings


async def list_parts(work: Work, call: Call, request: Request) -> Answer:
    """ListParts."""
    upload = _upload(work, call, request)
    limit = listings.number(request, "max-parts")
    after = listings.number(request, "part-number-marker", _PARTS) if request.flag("part-number-marker") else 0
    found = await work.off(work.folder.parts, upload, after, limit + 1)
    shown, more = found[:limit], len(found) > limit
    name = f"Checksum{upload.algorithm.upper()}" if upload.algorithm else "Checksum"
    rows: list[Value] = [
        {
            "PartNumber": part.number,
            "LastModified": iso(part.modified_at),
            "ETag": f'"{part.etag}"',
            name: part.checksum if upload.algorithm else None,
            "Size": part.size,
        }
        for part in shown
    ]
    account = buckets.owner(call.account)
    members: dict[str, Value] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "Initiator": account,
        "Owner": account,
        "StorageClass": "STANDARD",
        "PartNumberMarker": after,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": more,
        "ChecksumAlgorithm": upload.algorithm.upper() if upload.algorithm else None,
        "ChecksumType": upload.about.checksum_type if upload.algorithm else None,
        "Part": rows,
    }
    return Answer(headers=_XML, body=xmltext.document("ListPartsResult", members))


async def list_multipart_uploads(work: Work, call: Call, request: Request) -> Answer:
    """ListMultipartUploads."""
    buckets.existing(work, call, request.bucket)
    write, limit, query = listings.encoder(request), listings.number(request, "max-uploads"), request.query
    marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker") or None
    asked = listings.question(request, marker, limit)
    page = await work.off(work.folder.list_uploads, request.bucket, asked, id_marker if marker else None)
    account = buckets.owner(call.account)
    rows: list[Value] = [
        {
            "Key": write(upload.key),
            "UploadId": upload.upload_id,
            "Initiator": account,
            "Owner": account,
            "StorageClass": "STANDARD",
            "Initiated": iso(upload.initiated_at),
            "ChecksumAlgorithm": upload.algorithm.upper() if upload.algorithm else None,
        }
        for upload in page.found
    ]
    members: dict[str, Value] = {
        "Bucket": request.bucket,
        "KeyMarker": write(marker),
        "UploadIdMarker": id_marker or "",
        "NextKeyMarker": write(page.last) if page.last is not None else None,
        "NextUploadIdMarker": page.last_row.upload_id if page.last_row else None,
        "Prefix": write(query.get("prefix", "")),
        "Delimiter": write(query["delimiter"]) if query.get("delimiter") else None,
        "EncodingType": query.get("encoding-type"),
        "MaxUploads": limit,
        "IsTruncated": page.last is not None,
        "Upload": rows,
        "CommonPrefixes": listings.prefixes(page.prefixes, write),
    }
    return Answer(headers=_XML, body=xmltext.document("ListMultipartUploadsResult", members))
