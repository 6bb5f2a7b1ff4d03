"""Streams (reach reference 5): files that devices read by MQTT, in blocks.

When a stream is made or gets other files, size and ETag of each object are looked up and kept; an object that is
replaced afterwards is not read. What devices ask for is answered outside any transaction: a transaction only looks the
stream up.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.core import blocks, checks, texts
from tidegate.core.blocks import Block, Question, RefusedError
from tidegate.core.location import Content, Fault, Location, ObjectFaultError
from tidegate.ops import paging, tags
from tidegate.ops.call import Call, Objects
from tidegate.ops.handler import Handlers, Prepared, Ranged, Read, Write
from tidegate.store import ota_updates
from tidegate.store import streams as stored
from tidegate.store import tags as stored_tags
from tidegate.store.database import Conflict, Tx
from tidegate.store.streams import File, Stream
from tidegate.wire import iot
from tidegate.wire.errors import WireError
from tidegate.wire.timestamps import seconds

MAX_VERSION = 65_535
PAGE = 250
_NEWEST = 1 << 62
_ROOM_FOR_HEADERS = 64
"""Bytes of a block's message beside topic and payload."""

log = logging.getLogger("tidegate.streams")


# --- the objects ------------------------------------------------------------------------------------------------------


class Pinned(NamedTuple):
    """Files with what their objects are now, or all that is wrong with them."""

    files: list[File]
    problems: list[str]
    too_large: list[str]


def pin(call: Call, wanted: Sequence[iot.StreamFile]) -> Pinned:
    """Look the objects of files up. Blocks: for a handler's ``prepare``.

    Raises:
        AccessDeniedException: the caller may not read one of them itself.
    """
    problems = _file_problems(wanted)
    if problems:
        return Pinned([], problems, [])
    found = Pinned([], [], [])
    for one in wanted:
        place = one.s3_location or iot.S3Location()
        at = Location(place.bucket or "", place.key or "", place.version or None)
        call.require("s3:GetObject" if at.version_id is None else "s3:GetObjectVersion", at.bucket, at.key)
        _pin(call, found, one.file_id or 0, at)
    return found


def _pin(call: Call, found: Pinned, file_id: int, at: Location) -> None:
    where, limit = described(at), call.limits.stream_file_size
    try:
        if call.objects is None:
            found.problems.append(texts.streams.NO_OBJECTS)
            return
        if not call.objects.open_to(call.account, at.bucket):
            raise ObjectFaultError(Fault.DENIED, f"{at.bucket} is another account's")
        stat = call.objects.stat(at)
    except ObjectFaultError as error:
        log.warning("%s cannot be streamed: %s", where, error)
        found.problems.append(_FAULTS[error.fault](where))
        return
    if not stat.size:
        found.problems.append(texts.streams.object_empty(where))
    elif stat.size > limit:
        found.too_large.append(texts.streams.object_too_large(where, stat.size, limit))
    found.files.append(File(file_id, at.bucket, at.key, at.version_id, stat.size, stat.etag))


_FAULTS = {
    Fault.MISSING: texts.streams.object_missing,
    Fault.CHANGED: texts.streams.object_missing,
    Fault.DENIED: texts.streams.object_denied,
    Fault.TOO_LARGE: texts.streams.object_unreachable,
    Fault.UNREACHABLE: texts.streams.object_unreachable,
}


def described(at: Location) -> str:
    """A location for people."""
    return f"{at.bucket}/{at.key}" + (f" in version {at.version_id}" if at.version_id else "")


def _file_problems(wanted: Sequence[iot.StreamFile]) -> list[str]:
    """What is wrong with files before anything is looked up; the model requires none of their members."""
    found = []
    for position, one in enumerate(wanted, 1):
        place = one.s3_location or iot.S3Location()
        given = {"fileId": one.file_id is not None, "bucket": bool(place.bucket), "key": bool(place.key)}
        found += [texts.streams.file_incomplete(position, member) for member, there in given.items() if not there]
    ids = [one.file_id for one in wanted if one.file_id is not None]
    found += [texts.streams.file_twice(each) for each in sorted({each for each in ids if ids.count(each) > 1})]
    return found


def require(call: Call, pinned: Pinned, role_arn: str | None, more: Sequence[str] = ()) -> None:
    """Pass if files can be streamed in this role's name; ``more`` are problems that were found elsewhere.

    Raises:
        InvalidRequestException: every problem at once.
        LimitExceededException: objects are too large.
    """
    problems = [*more, *pinned.problems]
    if not checks.is_role(role_arn, any_account=call.leniency.role_accounts):
        problems.append(texts.streams.role_invalid(role_arn or ""))
    if problems:
        raise iot.InvalidRequestException(" ".join(dict.fromkeys(problems)))
    if pinned.too_large:
        raise iot.LimitExceededException(" ".join(pinned.too_large))


# --- the operators' operations ----------------------------------------------------------------------------------------


def _pin_new(call: Call, request: iot.CreateStreamRequest, _found: None) -> Pinned:
    return pin(call, request.files)


def create_stream(tx: Tx, call: Call, request: iot.CreateStreamRequest, pinned: Pinned) -> iot.CreateStreamResponse:
    """Make a stream, in version 1.

    Raises:
        InvalidRequestException: files, role or tags are not valid, or an object cannot be had.
        LimitExceededException: an object is too large, or there are too many tags.
        ResourceAlreadyExistsException: the id is taken; carries ``resourceId`` and ``resourceArn``.
    """
    require(call, pinned, request.role_arn, tags.problems(request.tags, None))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    name, resource = request.stream_id, arn(call, request.stream_id)
    if stored.get(tx, call.scope, name) is not None:
        message = texts.streams.stream_exists(name)
        raise iot.ResourceAlreadyExistsException(message, resource_id=name, resource_arn=resource)
    if not stored.insert(tx, call.scope, name, request.description, request.role_arn, pinned.files, call.now):
        raise Conflict
    stored_tags.put(tx, call.scope, resource, tags.as_map(request.tags))
    return iot.CreateStreamResponse(
        stream_id=request.stream_id, stream_arn=resource, description=request.description, stream_version=1
    )


def describe_stream(tx: Tx, call: Call, request: iot.DescribeStreamRequest) -> iot.DescribeStreamResponse:
    """A stream and its files."""
    stream = found(tx, call, request.stream_id)
    return iot.DescribeStreamResponse(
        stream_info=iot.StreamInfo(
            stream_id=stream.name,
            stream_arn=arn(call, stream.name),
            stream_version=stream.version,
            description=stream.description,
            files=[
                iot.StreamFile(
                    file_id=file.file_id,
                    s3_location=iot.S3Location(bucket=file.bucket, key=file.key, version=file.version_id),
                )
                for file in stored.decode(stream.files).values()
            ],
            created_at=seconds(stream.created_at),
            last_updated_at=seconds(stream.updated_at),
            role_arn=stream.role_arn,
        )
    )


def _files_given(tx: Tx, call: Call, request: iot.UpdateStreamRequest) -> list[iot.StreamFile] | None:
    """The files to look up before a stream is updated; one that is not there needs none."""
    return request.files if stored.get(tx, call.scope, request.stream_id) is not None else None


def _pin_given(call: Call, request: iot.UpdateStreamRequest, wanted: list[iot.StreamFile]) -> Pinned:
    return pin(call, wanted)


def update_stream(
    tx: Tx, call: Call, request: iot.UpdateStreamRequest, pinned: Pinned | None
) -> iot.UpdateStreamResponse:
    """Give a stream other files, another description or role; its version is the next one then.

    Raises:
        InvalidRequestException: files or role are not valid, an object cannot be had, or versions have run out.
        LimitExceededException: an object is too large.
        ResourceNotFoundException: no such stream.
    """
    stream = found(tx, call, request.stream_id)
    require(call, pinned or Pinned([], [], []), request.role_arn)
    if stream.version >= MAX_VERSION:
        raise iot.InvalidRequestException(texts.streams.VERSIONS_USED_UP)
    updated = stream._replace(
        description=stream.description if request.description is None else request.description,
        role_arn=stream.role_arn if request.role_arn is None else request.role_arn,
        files=stream.files if pinned is None else stored.encode(pinned.files),
        version=stream.version + 1,
    )
    stored.update(tx, updated, call.now)
    return iot.UpdateStreamResponse(
        stream_id=updated.name,
        stream_arn=arn(call, updated.name),
        description=updated.description,
        stream_version=updated.version,
    )


def delete_stream(tx: Tx, call: Call, request: iot.DeleteStreamRequest) -> iot.DeleteStreamResponse:
    """Delete a stream and its tags.

    Raises:
        ResourceNotFoundException: no such stream.
        DeleteConflictException: an OTA update uses it.
    """
    stream = found(tx, call, request.stream_id)
    user = ota_updates.of_stream(tx, call.scope, stream.name)
    if user is not None:
        raise iot.DeleteConflictException(texts.streams.stream_in_use(stream.name, user))
    remove(tx, call, stream)
    return iot.DeleteStreamResponse()


def remove(tx: Tx, call: Call, stream: Stream) -> None:
    """Take a stream away, with its tags."""
    stored.delete(tx, stream.id)
    stored_tags.delete_all(tx, call.scope, arn(call, stream.name))


def list_streams(tx: Tx, call: Call, request: iot.ListStreamsRequest) -> iot.ListStreamsResponse:
    """Streams by age, from new to old unless ``isAscendingOrder``."""
    ascending = bool(request.ascending_order)
    listing = ("ListStreams", call.scope, ascending)
    start = 0 if ascending else _NEWEST
    where = paging.page(listing, token=request.next_token, size=request.max_results or PAGE, start=[start])
    read = stored.upward if ascending else stored.downward
    rows = read(tx, call.scope, int(where.position[0]), where.size + 1)
    return iot.ListStreamsResponse(
        streams=[
            iot.StreamSummary(
                stream_id=row.name,
                stream_arn=arn(call, row.name),
                stream_version=row.version,
                description=row.description,
            )
            for row in rows[: where.size]
        ],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.id]),
    )


def arn(call: Call, name: str) -> str:
    """A stream's ARN."""
    return call.arn(f"stream/{name}")


def found(tx: Tx, call: Call, name: str) -> Stream:
    """The stream of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    stream = stored.get(tx, call.scope, name)
    if stream is None:
        raise iot.ResourceNotFoundException(texts.streams.stream_missing(name))
    return stream


# --- the devices' operations (5.3 to 5.7) -----------------------------------------------------------------------------


class Refused(WireError):  # noqa: N818 - a refusal, not a fault
    """What a device's request is answered with when it is not carried out (5.6); ``code`` is in ``refusal``.

    ``detail`` is for the log, where the fault is not the device's.
    """

    def __init__(self, refusal: RefusedError, detail: str | None = None) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.reason = refusal.code
        self.detail = detail


class Describing(NamedTuple):
    """A device asks what is in a stream."""

    thing_name: str
    stream_id: str
    token: str | None


class Getting(NamedTuple):
    """A device asks for blocks; ``base64``: they are sent as text."""

    thing_name: str
    stream_id: str
    question: Question
    base64: bool


class Description(NamedTuple):
    """What is in a stream."""

    version: int
    description: str | None
    files: list[File]


class Chosen(NamedTuple):
    """Blocks that a request gets, and the file they are of."""

    file: File
    blocks: list[Block]


class Sent(NamedTuple):
    """A block of a file, with its bytes."""

    file: int
    block: Block
    data: bytes


def describe(tx: Tx, call: Call, asked: Describing) -> Description:
    """What a device is told of a stream.

    Raises:
        Refused: there is no such stream, or no such thing.
    """
    read = _stream(tx, call, asked.thing_name, asked.stream_id, asked.token)
    return Description(read.version, read.description, list(stored.decode(read.files).values()))


def _stream(tx: Tx, call: Call, thing_name: str, stream_id: str, token: str | None) -> stored.Read:
    read = stored.of_device(tx, call.scope, thing_name, stream_id)
    if read is None:
        raise Refused(RefusedError("ResourceNotFound", texts.streams.stream_missing(stream_id), token))
    if read.thing_id is None:
        raise Refused(RefusedError("ResourceNotFound", texts.things.thing_missing(thing_name), token))
    return read


def choose(tx: Tx, call: Call, asked: Getting) -> Chosen:
    """The blocks that a request gets.

    Raises:
        Refused: there is no such stream, version, file or block, a number is out of bounds, or a block would not fit
            into the client's largest packet.
    """
    question = asked.question
    read = _stream(tx, call, asked.thing_name, asked.stream_id, question.token)
    if question.version is not None and question.version != read.version:
        message = texts.streams.version_mismatch(question.version, read.version)
        raise Refused(RefusedError("VersionMismatch", message, question.token))
    if question.file is None:
        raise Refused(RefusedError("InvalidRequest", texts.streams.FILE_REQUIRED, question.token))
    file = stored.decode(read.files).get(question.file)
    if file is None:
        message = texts.streams.file_missing(question.file)
        raise Refused(RefusedError("ResourceNotFound", message, question.token))
    try:
        chosen = blocks.chosen(question, file.size)
    except RefusedError as error:
        raise Refused(error) from None
    most = call.origin.max_packet
    if most and _packet(asked, chosen[0].size) > most:  # the first is the largest
        raise Refused(RefusedError("BlockSizeOutOfBounds", texts.streams.PACKET_TOO_LARGE, question.token))
    return Chosen(file, chosen)


def _packet(asked: Getting, size: int) -> int:
    """About what a block takes on the wire, rather too much than too little."""
    topic = len(asked.thing_name) + len(asked.stream_id) + len("$aws/things//streams//data/json")
    payload = -(-size // 3) * 4 if asked.base64 else size
    return payload + topic + blocks.MAX_TOKEN + _ROOM_FOR_HEADERS


def held(call: Call, asked: Getting, chosen: Chosen) -> list[Sent] | None:
    """The blocks, if all of them are in memory.

    Raises:
        Refused: as ``read``.
    """
    objects, file = _objects(call, asked, chosen.file)
    found = []
    for block in chosen.blocks:
        data = objects.pages.held(file, block.start, block.size)
        if data is None:
            return None
        found.append(Sent(chosen.file.file_id, block, data))
    return found


def read(call: Call, asked: Getting, chosen: Chosen) -> list[Sent]:
    """The blocks, from the object storage where they have to be. Blocks; outside any transaction.

    Raises:
        Refused: the object is not what it was, or cannot be read.
    """
    objects, file = _objects(call, asked, chosen.file)
    file_id = chosen.file.file_id
    try:
        return [Sent(file_id, block, objects.pages.read(file, block.start, block.size)) for block in chosen.blocks]
    except ObjectFaultError as error:
        raise _fault(error, asked) from None


def _objects(call: Call, asked: Getting, file: File) -> tuple[Objects, Content]:
    """The storage a file is in, as long as it is the account's and the object the one that was there."""
    objects = call.objects
    try:
        if objects is None:
            raise ObjectFaultError(Fault.UNREACHABLE, "this server has no object storage")
        if not objects.open_to(call.account, file.bucket):
            raise ObjectFaultError(Fault.DENIED, f"{file.bucket} is another account's")
        if objects.changed(file.location, file.etag):
            raise ObjectFaultError(Fault.CHANGED, f"{described(file.location)} is not what the stream was made of")
    except ObjectFaultError as error:
        raise _fault(error, asked) from None
    return objects, Content(file.location, file.etag, file.size)


def _fault(error: ObjectFaultError, asked: Getting) -> Refused:
    code, text = _CODES[error.fault]
    return Refused(RefusedError(code, text, asked.question.token), str(error))


_CODES = {
    Fault.MISSING: ("ResourceNotFound", texts.streams.GONE),
    Fault.DENIED: ("Unauthorized", texts.streams.UNAUTHORIZED),
    Fault.CHANGED: ("ETagMismatch", texts.streams.CHANGED),
    Fault.TOO_LARGE: ("InternalError", texts.streams.UNREACHABLE),
    Fault.UNREACHABLE: ("InternalError", texts.streams.UNREACHABLE),
}

DESCRIBE = Read(describe)
GET = Ranged(choose, held, read)
"""What devices ask for; no operation of a service model."""

TAGGABLE = {"stream": tags.named(stored.get)}

HANDLERS: Handlers = {
    ("iot", "CreateStream"): Prepared(create_stream, prepare=_pin_new),
    ("iot", "DescribeStream"): Read(describe_stream),
    ("iot", "UpdateStream"): Prepared(update_stream, look=_files_given, prepare=_pin_given),
    ("iot", "DeleteStream"): Write(delete_stream),
    ("iot", "ListStreams"): Read(list_streams),
}
