"""Operations that list what is in a bucket."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from tidegate.objects.listing import Question
from tidegate.objects.versions import Version
from tidegate.s3 import buckets, xmltext
from tidegate.s3.dates import iso
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Answer, Request
from tidegate.s3.work import Call, Work
from tidegate.s3.xmltext import Value

_XML: Final = {"content-type": "application/xml"}
_MOST: Final = 1000


def encoder(request: Request) -> Callable[[str], str]:
    """How keys are written: percent-encoded if the client asks for it, since XML cannot hold every character."""
    kind = request.query.get("encoding-type")
    if kind is None:
        return lambda text: text
    if kind != "url":
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return lambda text: quote(text, safe="/-._~*")


def number(request: Request, name: str, most: int = _MOST) -> int:
    """A query parameter that says how many."""
    text = request.query.get(name, str(most))
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
    return min(int(text), most)


def question(request: Request, marker: str, limit: int) -> Question:
    """What a listing asks for."""
    return Question(request.query.get("prefix", ""), request.query.get("delimiter", ""), marker, limit)


def _object(version: Version, write: Callable[[str], str]) -> dict[str, Value]:
    algorithms = [name.upper() for name in version.about.checksums]
    return {
        "Key": write(version.key),
        "LastModified": iso(version.modified_at),
        "ETag": f'"{version.etag}"',
        "ChecksumAlgorithm": algorithms,
        "ChecksumType": version.about.checksum_type if algorithms else None,
        "Size": version.size,
        "StorageClass": "STANDARD",
    }


def prefixes(found: list[str], write: Callable[[str], str]) -> list[Value]:
    """CommonPrefixes elements."""
    return [{"Prefix": write(prefix)} for prefix in found]


async def list_objects_v2(work: Work, call: Call, request: Request) -> Answer:
    """ListObjectsV2."""
    bucket = buckets.existing(work, call, request.bucket)
    write, limit, query = encoder(request), number(request, "max-keys"), request.query
    token = query.get("continuation-token")
    marker = _untoken(token) if token is not None else query.get("start-after", "")
    page = await work.off(work.folder.list_objects, request.bucket, question(request, marker, limit))
    owned = {"Owner": buckets.owner(bucket.owner)} if query.get("fetch-owner") == "true" else {}
    members: dict[str, Value] = {
        "Name": request.bucket,
        "Prefix": write(query.get("prefix", "")),
        "Delimiter": write(query["delimiter"]) if query.get("delimiter") else None,
        "StartAfter": write(query["start-after"]) if query.get("start-after") else None,
        "ContinuationToken": token,
        "NextContinuationToken": _token(page.last) if page.last is not None else None,
        "KeyCount": len(page.found) + len(page.prefixes),
        "MaxKeys": limit,
        "EncodingType": query.get("encoding-type"),
        "IsTruncated": page.last is not None,
        "Contents": [{**_object(version, write), **owned} for version in page.found],
        "CommonPrefixes": prefixes(page.prefixes, write),
    }
    return Answer(headers=_XML, body=xmltext.document("ListBucketResult", members))


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode("utf-8", "surrogatepass")).decode()


def _untoken(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise S3Error("InvalidArgument", "The continuation token provided is incorrect") from None


async def list_objects(work: Work, call: Call, request: Request) -> Answer:
    """ListObjects, the older form."""
    bucket = buckets.existing(work, call, request.bucket)
    write, limit, query = encoder(request), number(request, "max-keys"), request.query
    marker = query.get("marker", "")
    page = await work.off(work.folder.list_objects, request.bucket, question(request, marker, limit))
    members: dict[str, Value] = {
        "Name": request.bucket,
        "Prefix": write(query.get("prefix", "")),
        "Marker": write(marker),
        "NextMarker": write(page.last) if page.last is not None and query.get("delimiter") else None,
        "MaxKeys": limit,
        "Delimiter": write(query["delimiter"]) if query.get("delimiter") else None,
        "EncodingType": query.get("encoding-type"),
        "IsTruncated": page.last is not None,
        "Contents": [{**_object(version, write), "Owner": buckets.owner(bucket.owner)} for version in page.found],
        "CommonPrefixes": prefixes(page.prefixes, write),
    }
    return Answer(headers=_XML, body=xmltext.document("ListBucketResult", members))


async def list_object_versions(work: Work, call: Call, request: Request) -> Answer:
    """ListObjectVersions: every version and delete marker, by key and the newest first."""
    bucket = buckets.existing(work, call, request.bucket)
    write, limit, query = encoder(request), number(request, "max-keys"), request.query
    marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker") or None
    if version_marker and not marker:
        raise S3Error("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
    asked = question(request, marker, limit)
    page = await work.off(work.folder.list_versions, request.bucket, asked, version_marker)
    mine = buckets.owner(bucket.owner)
    members: dict[str, Value] = {
        "Name": request.bucket,
        "Prefix": write(query.get("prefix", "")),
        "KeyMarker": write(marker),
        "VersionIdMarker": version_marker or "",
        "NextKeyMarker": write(page.last) if page.last is not None else None,
        "NextVersionIdMarker": page.last_row.version_id if page.last_row else None,
        "MaxKeys": limit,
        "Delimiter": write(query["delimiter"]) if query.get("delimiter") else None,
        "EncodingType": query.get("encoding-type"),
        "IsTruncated": page.last is not None,
        "Version": [
            {**_object(version, write), **_which(version), "Owner": mine}
            for version in page.found
            if not version.marker
        ],
        "DeleteMarker": [
            {"Key": write(row.key), "LastModified": iso(row.modified_at), **_which(row), "Owner": mine}
            for row in page.found
            if row.marker
        ],
        "CommonPrefixes": prefixes(page.prefixes, write),
    }
    return Answer(headers=_XML, body=xmltext.document("ListVersionsResult", members))


def _which(version: Version) -> dict[str, Value]:
    return {"VersionId": version.version_id, "IsLatest": version.latest}
