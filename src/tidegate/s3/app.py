"""The path of every request: place, caller, operation, permission, answer. Errors of any origin become S3's XML."""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from tidegate.aws import sigv4
from tidegate.clock import Ids, monotonic, wall_now
from tidegate.core.contexts import Place
from tidegate.core.injected import GET_OBJECT, Injects, Rule
from tidegate.net import pages
from tidegate.net.failures import Failures
from tidegate.net.http1.exchange import BrokenBodyError, Exchange, SlowBodyError
from tidegate.net.http1.messages import Answer as Rendered
from tidegate.net.http1.messages import Headers, Peer, Refusal
from tidegate.net.http1.outlet import GoneError
from tidegate.net.pages import Names
from tidegate.objects.refusals import RefusedError
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.s3 import addressing, buckets, chunked, listings, multipart, objects, segments
from tidegate.s3.addressing import Head, Target
from tidegate.s3.asking import Act, AwayError, Gate
from tidegate.s3.callers import Caller, Callers, Holder
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Answer, Body, Request, Span
from tidegate.s3.work import Call, Work

log = logging.getLogger("tidegate.s3")

Run = Callable[[Work, Call, Request], Awaitable[Answer]]
Observe = Callable[[str, int, float], None]
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
    }
)


class Operation(NamedTuple):
    """An operation: its name, the permission it needs, what does it."""

    name: str
    action: str
    run: Run


_COUNTED: Final = (
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
)
"""Failures that a guess makes."""


class _UninvitedError(S3Error):
    """A page's request; it has been logged."""


def _op(run: Run, action: str | None = None) -> Operation:
    name = "".join(word.capitalize() for word in run.__name__.split("_"))
    return Operation(name, f"s3:{action or name}", run)


_SERVICE: Final = {"GET": _op(buckets.list_buckets, "ListAllMyBuckets")}
_BUCKET: Final = {
    ("PUT", ""): _op(buckets.create_bucket),
    ("HEAD", ""): _op(buckets.head_bucket, "ListBucket"),
    ("DELETE", ""): _op(buckets.delete_bucket),
    ("GET", ""): _op(listings.list_objects, "ListBucket"),  # boto3's Bucket.objects calls it
    ("GET", "list-type"): _op(listings.list_objects_v2, "ListBucket"),
    ("GET", "location"): _op(buckets.get_bucket_location),
    ("GET", "versioning"): _op(buckets.get_bucket_versioning),
    ("PUT", "versioning"): _op(buckets.put_bucket_versioning),
    ("GET", "versions"): _op(listings.list_object_versions, "ListBucketVersions"),
    ("GET", "uploads"): _op(multipart.list_multipart_uploads, "ListBucketMultipartUploads"),
    ("POST", "delete"): _op(objects.delete_objects, "DeleteObject"),
}
_OBJECT: Final = {
    ("PUT", ""): _op(objects.put_object),
    ("PUT", "copy"): _op(objects.copy_object, "PutObject"),
    ("GET", ""): _op(objects.get_object),
    ("HEAD", ""): _op(objects.head_object, "GetObject"),
    ("DELETE", ""): _op(objects.delete_object),
    ("POST", "uploads"): _op(multipart.create_multipart_upload, "PutObject"),
    ("PUT", "uploadId"): _op(multipart.upload_part, "PutObject"),
    ("PUT", "uploadId copy"): _op(multipart.upload_part_copy, "PutObject"),  # copies of 8 MB and more, boto3 and CLI
    ("GET", "uploadId"): _op(multipart.list_parts, "ListMultipartUploadParts"),
    ("POST", "uploadId"): _op(multipart.complete_multipart_upload, "PutObject"),
    ("DELETE", "uploadId"): _op(multipart.abort_multipart_upload),
}
_NOTED: Final = frozenset(
    {
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "DeleteBucket",
        "DeleteObject",
        "DeleteObjects",
        "PutBucketVersioning",
        "PutObject",
    }
)
"""What makes, replaces or removes a bucket or an object. The audit log is told of it when a key's holder does it."""
_PLAIN_PARAMETERS: Final = frozenset(
    {
        "prefix",
        "delimiter",
        "marker",
        "max-keys",
        "encoding-type",
        "continuation-token",
        "start-after",
        "fetch-owner",
        "key-marker",
        "max-uploads",
        "upload-id-marker",
        "version-id-marker",
        "versionId",
        "partNumber",
        "max-parts",
        "part-number-marker",
        "x-id",
        "AWSAccessKeyId",
        "Signature",
        "Expires",
        "x-amz-security-token",
    }
)
"""Parameters that do not choose the operation."""


class App:
    """The application of one endpoint."""

    def __init__(
        self,
        work: Work,
        callers: Callers,
        gate: Gate,
        ids: Ids,
        domains: Sequence[str],
        observe: Observe,
        own: Names | None = None,
        injector: Callable[[], Injects | None] = lambda: None,
    ) -> None:
        """``own`` are the names of a server that asks for no signature; None where a page would have to sign.
        ``injector``: who makes faults happen on purpose, if somebody does.
        """
        self._work, self._callers, self._gate, self._ids = work, callers, gate, ids
        self._domains, self._observe, self._own = domains, observe, own
        self._injector = injector
        self._failures, self._limited_log = Failures(), RateLimitedLog(log)

    async def converse(self, exchange: Exchange) -> None:
        """Answer an exchange.

        Raises:
            GoneError: the client is no longer there.
        """
        started, request_id = monotonic(), self._ids.uuid().replace("-", "")[:16].upper()
        name, head, sender = "unknown", addressing.head(exchange.request), exchange.request.peer
        try:
            operation, request, call = await self._understood(exchange, head, request_id)
            name = operation.name
            fault = self._fault(operation, request, head)
            answer = await operation.run(self._work, call, request)
            if answer.span is not None and fault is not None:
                await self._stream(exchange, answer, answer.span, request_id, fault.part)
                self._expired(head)
            elif answer.span is not None:
                await self._stream(exchange, answer, answer.span, request_id)
            else:
                await self._send(exchange, answer, request_id)
            status = answer.status
        except GoneError:
            self._observe(name, 499, monotonic() - started)
            raise
        except Exception as error:
            refusal = _refusal(error, name, request_id, self._limited_log)
            status = refusal.status
            if status == 403 and not isinstance(error, _UninvitedError):
                peer = sender.address
                self._gate.refused(peer, "".join(getattr(error, "__notes__", ())) or "an S3 client", refusal.code)
                log.warning(
                    "refused %s %.200r from %s: %s: %.500r Request %s.",
                    *(head.method, head.path, peer, refusal.code, refusal.message, request_id),
                )
            if exchange.answered:
                raise GoneError from error
            await self._refuse(exchange, head.path, refusal, request_id)
        self._observe(name, status, monotonic() - started)

    async def _understood(self, exchange: Exchange, head: Head, request_id: str) -> tuple[Operation, Request, Call]:
        sender = exchange.request.peer
        if self._own is not None:
            self._keep_out(self._own, head, sender.address)
        target = addressing.read(head, self._domains)
        try:
            caller = await self._callers.caller(target)
        except S3Error as error:
            raise self._failed(error, sender.address) from None
        sender.belongs(caller.account)
        request = _request(exchange, target, caller)
        operation = route(request)
        call = Call(caller.account, wall_now(), caller.bounded, partial(self._permit, caller, sender))
        if operation.run is not objects.delete_objects:  # which asks for each key
            versioned = request.flag("versionId") and operation.action in ("s3:GetObject", "s3:DeleteObject")
            await call.permit(operation.action + ("Version" if versioned else ""), request.bucket, request.key)
        if request.source is not None:
            bucket, key, version_id = request.source
            await call.permit("s3:GetObject" if version_id is None else "s3:GetObjectVersion", bucket, key)
        if caller.holder is not None and operation.name in _NOTED:
            arn, place = _arn(request.bucket, request.key), self._place(caller.holder, sender)
            act = Act(caller.account, f"s3:{operation.name}", arn, request_id)
            await self._gate.note(caller.holder.key_id, caller.holder.token, act, place)
        return operation, request, call

    def _failed(self, error: S3Error, address: str) -> S3Error:
        """Count a signature that does not hold; what its sender is told."""
        throttled = self._failures.throttles(address, guessed=error.code in _COUNTED)
        return S3Error("SlowDown") if throttled else error

    def _keep_out(self, own: Names, head: Head, address: str) -> None:
        """Refuse what a web page sends that has no business here."""
        get = head.headers.get
        found = pages.refusal(own, get("host"), get("origin"), get("sec-fetch-site"))
        if found is None:
            return
        self._limited_log.warning("refused a request from %s by its %s: %s", address, *found, kind=found.cause)
        raise _UninvitedError("AccessDenied", found.message)

    async def _permit(self, caller: Caller, peer: Peer, action: str, bucket: str, key: str) -> None:
        holder = caller.holder
        if holder is None:
            return
        place = self._place(holder, peer)
        told = await self._gate.authorise(holder.key_id, holder.token, action, _arn(bucket, key), place)
        if told is not None:
            refusal = S3Error("AccessDenied", told)
            refusal.add_note(f"access key {holder.key_id!a}")
            raise refusal

    def _place(self, holder: Holder, peer: Peer) -> Place:
        return Place(holder.region or self._work.region, peer.address, peer.tls)

    def _fault(self, operation: Operation, request: Request, head: Head) -> Rule | None:
        """What happens to a download on purpose.

        Raises:
            S3Error: its URL has expired on purpose before.
        """
        injector = self._injector()
        if injector is None or operation.name != GET_OBJECT:
            return None
        if _signature(head) in injector.expired:
            raise S3Error("AccessDenied", "Request has expired")
        return injector.fault(GET_OBJECT, f"{request.bucket}/{request.key}")

    def _expired(self, head: Head) -> None:
        """Let the URL of a download that stops in the middle expire.

        Raises:
            GoneError: always.
        """
        injector, signature = self._injector(), _signature(head)
        if injector is not None and signature:
            injector.expired.add(signature)
        raise GoneError

    async def _stream(self, exchange: Exchange, answer: Answer, span: Span, request_id: str, part: float = 1.0) -> None:
        try:
            files = self._work.folder.open(span.segments)
        except FileNotFoundError:  # deleted for good since it was found
            raise S3Error("NoSuchKey") from None
        try:
            async with self._work.downloads.turn(answer.owner):
                await exchange.begin(answer.status, _headers(answer.headers, request_id), span.length)
                sent = span.length if part >= 1 else int(span.length * part)
                for index, start, length in segments.pieces(span.segments, span.start, sent):
                    await exchange.send(files[index], start, length)
        finally:
            for file in files:
                os.close(file)

    @staticmethod
    async def _send(exchange: Exchange, answer: Answer, request_id: str) -> None:
        length = None if answer.status in (204, 304) else answer.length or len(answer.body)
        await exchange.begin(answer.status, _headers(answer.headers, request_id), length)
        if answer.body and exchange.request.method != "HEAD":
            await exchange.write(answer.body)

    @staticmethod
    async def _refuse(exchange: Exchange, path: str, error: S3Error, request_id: str) -> None:
        told = exchange.request.method != "HEAD" and error.status != 304
        body = error.xml(path, request_id) if told else b""
        headers = {"content-type": "application/xml", **error.headers}
        exchange.keep = exchange.keep and exchange.little_left
        await exchange.begin(error.status, _headers(headers, request_id), len(body))
        if told:
            await exchange.write(body)


_MALFORMED: Final = {
    "host": "InvalidRequest",
    "truncated": "IncompleteBody",
    "late": "RequestTimeout",
    "body": "EntityTooLarge",
    "head": "RequestHeaderSectionTooLarge",
    "room": "SlowDown",
}


def malformed(refusal: Refusal) -> Rendered:
    """The answer to what is no request."""
    error = S3Error(_MALFORMED.get(refusal.cause, "BadRequest"), refusal.message)
    return error.status, [(b"content-type", b"application/xml")], error.xml("", "")


def _signature(head: Head) -> str:
    """What tells one presigned URL from another; "" if a request is none."""
    return next((value for name, value in parse_qsl(head.query) if name in ("X-Amz-Signature", "Signature")), "")


def route(request: Request) -> Operation:
    """The operation a request is.

    Raises:
        S3Error: there is none, or not here.
    """
    if not request.bucket:
        operation = _SERVICE.get(request.method) if not request.key else None
        if operation is None:
            raise S3Error("MethodNotAllowed", Method=request.method)
        return operation
    presigned = "X-Amz-Algorithm" in request.query
    chosen = [
        name
        for name in request.query
        if name not in _PLAIN_PARAMETERS and not _signs(name) and not (presigned and addressing.hoisted(name))
    ]
    copies = request.source is not None and request.method == "PUT"
    if request.key and copies:
        chosen.append("copy")
    table = _OBJECT if request.key else _BUCKET
    operation = table.get((request.method, " ".join(chosen)))
    if operation is None:
        if chosen:
            raise S3Error("NotImplemented", Query="&".join(chosen))
        raise S3Error("MethodNotAllowed", Method=request.method)
    return operation


def _signs(name: str) -> bool:
    return name.startswith(("X-Amz-", "response-"))


def _request(exchange: Exchange, target: Target, caller: Caller) -> Request:
    """The request whose target and caller are known; its body is held to what was signed of it."""
    headers = target.headers
    if caller.payload != sigv4.UNSIGNED_PAYLOAD:
        headers = {**headers, "x-amz-content-sha256": caller.payload}
    body = _body(exchange, headers.get("x-amz-content-sha256", ""), caller)
    return Request(target.method, target.bucket, target.key, target.query, headers, body, addressing.source(headers))


def _body(exchange: Exchange, form: str, caller: Caller) -> Body:
    if form in chunked.FORMS:
        return chunked.Decoded(exchange, caller.seal)
    if form.startswith("STREAMING-"):
        raise S3Error("NotImplemented", Header="x-amz-content-sha256")
    if form and form != sigv4.UNSIGNED_PAYLOAD and not _SHA256.fullmatch(form):
        raise S3Error("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-…, or a SHA-256.")
    return exchange


def _arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket or '*'}"


def _headers(headers: dict[str, str], request_id: str) -> Headers:
    common = {"x-amz-request-id": request_id, "x-amz-id-2": "tidegate"}
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in {**common, **headers}.items()]


def _refusal(error: Exception, name: str, request_id: str, limited_log: RateLimitedLog) -> S3Error:
    """What the client is told of an error."""
    if isinstance(error, S3Error):
        return error
    if isinstance(error, RefusedError):
        return S3Error(error.code)
    if isinstance(error, BrokenBodyError):
        return S3Error("IncompleteBody")
    if isinstance(error, SlowBodyError):
        return S3Error("RequestTimeout")
    full = isinstance(error, OSError) and error.errno in _FULL
    if full or (isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_FULL):
        limited_log.error("%s failed, request %s: the disk is full", name, request_id)
        return S3Error("InsufficientStorage")
    if isinstance(error, AwayError):
        limited_log.error("%s failed, request %s: %s", name, request_id, error)
        return S3Error("ServiceUnavailable")
    if isinstance(error, sqlite3.Error) and (error.sqlite_errorcode or 0) & 0xFF in _DAMAGED:
        limited_log.error(
            "%s failed, request %s: the objects' index: %s; `tidegate check` tells more", name, request_id, error
        )
        return S3Error("InternalError")
    log.error("%s failed, request %s", name, request_id, exc_info=error)
    return S3Error("InternalError")
