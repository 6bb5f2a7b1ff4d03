"""Operations on buckets."""

from __future__ import annotations

from tidegate.objects.versions import Bucket
from tidegate.s3 import addressing, incoming, xmlrequest, xmltext
from tidegate.s3.dates import iso
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Answer, Request
from tidegate.s3.work import Call, Work
from tidegate.s3.xmltext import Value

_XML = {"content-type": "application/xml"}


def existing(work: Work, call: Call, name: str) -> Bucket:
    """The bucket a request is about.

    Raises:
        S3Error: there is none, or it is another account's.
    """
    bucket = work.folder.bucket(name)
    if bucket is None:
        raise S3Error("NoSuchBucket", BucketName=name)
    if call.bounded and bucket.owner != call.account:
        raise S3Error("AccessDenied")
    return bucket


async def list_buckets(work: Work, call: Call, _request: Request) -> Answer:
    """ListBuckets."""
    found = [bucket for bucket in work.folder.buckets() if not call.bounded or bucket.owner == call.account]
    rows: list[Value] = [{"Name": bucket.name, "CreationDate": iso(bucket.created_at)} for bucket in found]
    members: dict[str, Value] = {"Owner": owner(call.account), "Buckets": {"Bucket": rows}}
    return Answer(headers=_XML, body=xmltext.document("ListAllMyBucketsResult", members))


def owner(account: str) -> dict[str, str]:
    """An Owner element."""
    return {"ID": account, "DisplayName": account}


async def create_bucket(work: Work, call: Call, request: Request) -> Answer:
    """CreateBucket. Versioning is Enabled from the start."""
    if not addressing.valid_bucket(request.bucket):
        raise S3Error("InvalidBucketName", BucketName=request.bucket)
    region = await _location(request) or work.region
    bucket = Bucket(request.bucket, call.account, region, call.now)
    if not await work.off(work.folder.create_bucket, bucket):
        there = work.folder.bucket(bucket.name)
        if there is None or there.owner != call.account:
            raise S3Error("BucketAlreadyExists", BucketName=bucket.name)
        if there.region != "us-east-1":  # in us-east-1 AWS takes it as said
            raise S3Error("BucketAlreadyOwnedByYou", BucketName=bucket.name)
    return Answer(headers={"location": f"/{bucket.name}"})


async def _location(request: Request) -> str | None:
    body = await incoming.small(request)
    return xmlrequest.parsed(body, "CreateBucketConfiguration").get("LocationConstraint") or None if body else None


async def head_bucket(work: Work, call: Call, request: Request) -> Answer:
    """HeadBucket."""
    return Answer(headers={"x-amz-bucket-region": existing(work, call, request.bucket).region})


async def delete_bucket(work: Work, call: Call, request: Request) -> Answer:
    """DeleteBucket: only one that holds no version, no marker and no upload."""
    existing(work, call, request.bucket)
    await work.off(work.folder.delete_bucket, request.bucket)
    return Answer(204)


async def get_bucket_location(work: Work, call: Call, request: Request) -> Answer:
    """GetBucketLocation; us-east-1 is written as nothing."""
    region = existing(work, call, request.bucket).region
    text = xmltext.escaped("" if region == "us-east-1" else region)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<LocationConstraint xmlns="{xmltext.NAMESPACE}">{text}</LocationConstraint>'
    )
    return Answer(headers=_XML, body=body.encode())


async def get_bucket_versioning(work: Work, call: Call, request: Request) -> Answer:
    """GetBucketVersioning: always Enabled."""
    existing(work, call, request.bucket)
    return Answer(headers=_XML, body=xmltext.document("VersioningConfiguration", {"Status": "Enabled"}))


async def put_bucket_versioning(work: Work, call: Call, request: Request) -> Answer:
    """PutBucketVersioning: Enabled is what it is; Suspended is not there."""
    existing(work, call, request.bucket)
    node = await xmlrequest.root(request, "VersioningConfiguration")
    if node.get("Status") != "Enabled" or node.get("MfaDelete") == "Enabled":
        raise S3Error("NotImplemented", "Versioning is always Enabled in this server's buckets.")
    return Answer()
