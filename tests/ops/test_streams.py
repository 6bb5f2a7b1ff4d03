"""Streams: reach reference 5, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.shelf import Shelf
from tidegate.core import blocks
from tidegate.core.location import Fault, Location
from tidegate.ops import streams
from tidegate.ops.call import Call, Origin
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot
from tidegate.wire.errors import AccessDeniedException

ARN = "arn:aws:iot:eu-west-1:123456789012:stream/"
ROLE = "arn:aws:iam::123456789012:role/streams"
SECONDS = 1_767_225_600.0
IMAGE = bytes(range(256)) * 40


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf()
    found.on[Location("firmware", "v1")] = IMAGE
    found.on[Location("firmware", "v2", "abc")] = b"second"
    return found


@pytest.fixture
def call(call: Call, shelf: Shelf) -> Call:
    return call._replace(objects=shelf)


def file(file_id: int | None = 0, bucket: str = "firmware", key: str = "v1", version: str | None = None) -> Any:
    return iot.StreamFile(file_id=file_id, s3_location=iot.S3Location(bucket=bucket, key=key, version=version))


@pytest.fixture
def make(run: Any, call: Call) -> Callable[..., Any]:
    def make(name: str = "s", *files: Any, call: Call = call, **members: Any) -> Any:
        given = {"stream_id": name, "files": list(files or [file()]), "role_arn": ROLE, **members}
        return run("CreateStream", call=call, **given)

    return make


def test_create_stream(run: Any, make: Any, call: Call) -> None:
    created = make("s", file(), file(7, key="v2", version="abc"), description="d", tags=[iot.Tag(key="k", value="v")])
    assert created == iot.CreateStreamResponse(stream_id="s", stream_arn=f"{ARN}s", description="d", stream_version=1)
    assert run("DescribeStream", stream_id="s").stream_info == iot.StreamInfo(
        stream_id="s",
        stream_arn=f"{ARN}s",
        stream_version=1,
        description="d",
        files=[file(), file(7, key="v2", version="abc")],
        created_at=SECONDS,
        last_updated_at=SECONDS,
        role_arn=ROLE,
    )
    assert run("ListTagsForResource", resource_arn=f"{ARN}s").tags == [iot.Tag(key="k", value="v")]
    with pytest.raises(iot.ResourceAlreadyExistsException, match="Stream s already exists") as raised:
        make("s")
    assert raised.value.members == {"resource_id": "s", "resource_arn": f"{ARN}s"}


def test_every_problem_at_once(run: Any, make: Any, shelf: Shelf) -> None:
    with pytest.raises(iot.InvalidRequestException) as raised:
        make("s", file(None), file(1, bucket=""), file(2), file(2), iot.StreamFile(file_id=3))
    said = raised.value.message
    for part in ("File 1 of files has no fileId", "File 2 of files has no bucket", "fileId 2 is given more than once"):
        assert part in said
    assert "File 5 of files has no bucket" in said
    assert "File 5 of files has no key" in said
    shelf.on[Location("firmware", "denied")] = Fault.DENIED
    shelf.on[Location("firmware", "away")] = Fault.UNREACHABLE
    shelf.on[Location("firmware", "empty")] = b""
    files = [file(number, key=key) for number, key in enumerate(("none", "denied", "away", "empty"))]
    with pytest.raises(iot.InvalidRequestException) as raised:
        make("s", *files, role_arn="arn:aws:iam::1:user/somebody")
    said = raised.value.message
    assert "The object firmware/none cannot be found." in said
    assert "firmware/denied is in no bucket that this server may read" in said
    assert "firmware/away cannot be read now" in said
    assert "firmware/empty is empty" in said
    assert "is not the ARN of an IAM role" in said
    assert run("ListStreams").streams == []


def test_limits(run: Any, make: Any, call: Call) -> None:
    small = call._replace(limits=call.limits._replace(stream_file_size=len(IMAGE) - 1))
    with pytest.raises(iot.LimitExceededException, match="has 10240 bytes, more than the limit of 10239"):
        make("s", call=small)
    make("a", call=call._replace(limits=call.limits._replace(stream_file_size=len(IMAGE))))
    with pytest.raises(iot.LimitExceededException, match="tags"):
        make("b", tags=[iot.Tag(key=str(n)) for n in range(51)])


def test_what_the_caller_may_not_read_is_not_streamed(make: Any, call: Call, shelf: Shelf) -> None:
    def refused(action: str, resource: str) -> str | None:
        return "no" if (action, resource) == ("s3:GetObjectVersion", "arn:aws:s3:::firmware/v2") else None

    limited = call._replace(refused=refused)
    make("a", call=limited)
    with pytest.raises(AccessDeniedException):
        make("b", file(key="v2", version="abc"), call=limited)
    shelf.closed_to.add(call.account)
    with pytest.raises(iot.InvalidRequestException, match="in no bucket that this server may read"):
        make("b")


def test_a_server_without_object_storage(make: Any, call: Call) -> None:
    with pytest.raises(iot.InvalidRequestException, match="no object storage"):
        make("s", call=call._replace(objects=None))


def test_update_stream(run: Any, make: Any, call: Call, shelf: Shelf) -> None:
    make("s", description="d")
    later = call._replace(now=call.now + 2000)
    assert run("UpdateStream", stream_id="s", description="e", call=later) == iot.UpdateStreamResponse(
        stream_id="s", stream_arn=f"{ARN}s", description="e", stream_version=2
    )
    run("UpdateStream", stream_id="s", files=[file(1, key="v2", version="abc")], role_arn=f"{ROLE}2", call=later)
    info = run("DescribeStream", stream_id="s").stream_info
    assert (info.stream_version, info.description, info.role_arn) == (3, "e", f"{ROLE}2")
    assert info.files == [file(1, key="v2", version="abc")]
    assert (info.created_at, info.last_updated_at) == (SECONDS, SECONDS + 2)
    with pytest.raises(iot.InvalidRequestException, match="firmware/none cannot be found"):
        run("UpdateStream", stream_id="s", files=[file(key="none")])
    with pytest.raises(iot.InvalidRequestException, match="role"):
        run("UpdateStream", stream_id="s", role_arn="arn:aws:iam::1:user/somebody")
    with pytest.raises(iot.ResourceNotFoundException, match="Stream no cannot be found"):
        run("UpdateStream", stream_id="no", files=[file(key="none")])
    assert run("DescribeStream", stream_id="s").stream_info.stream_version == 3


def test_versions_run_out(run: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_VERSION", 2)
    make("s")
    run("UpdateStream", stream_id="s", description="2")
    with pytest.raises(iot.InvalidRequestException, match="make a new one"):
        run("UpdateStream", stream_id="s", description="3")


def test_delete_stream(run: Any, make: Any) -> None:
    make("s", tags=[iot.Tag(key="k", value="v")])
    run("DeleteStream", stream_id="s")
    for operation in ("DescribeStream", "DeleteStream"):
        with pytest.raises(iot.ResourceNotFoundException, match="Stream s cannot be found"):
            run(operation, stream_id="s")
    make("s")
    assert run("ListTagsForResource", resource_arn=f"{ARN}s").tags == []


def test_list_streams(run: Any, make: Any) -> None:
    names = [f"s{number}" for number in range(5)]
    for name in names:
        make(name, description=name)

    def walk(**members: Any) -> tuple[list[str], int]:
        found: list[str] = []
        token, pages = None, 0
        while token or not pages:
            page = run("ListStreams", max_results=2, next_token=token, **members)
            found += [one.stream_id for one in page.streams]
            token, pages = page.next_token, pages + 1
        return found, pages

    assert walk() == (names[::-1], 3)
    assert walk(ascending_order=True) == (names, 3)
    token = run("ListStreams", max_results=2).next_token
    for wrong in ("x", token):
        with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
            run("ListStreams", max_results=2, next_token=wrong, ascending_order=True)
    assert run("ListStreams").streams[0] == iot.StreamSummary(
        stream_id="s4", stream_arn=f"{ARN}s4", stream_version=1, description="s4"
    )


def test_two_accounts_never_see_each_other(run: Any, make: Any, call: Call, database: Database) -> None:
    other = transact(database, lambda tx: scopes.ensure(tx, "210987654321", "eu-west-1"))
    theirs = call._replace(scope=other, account="210987654321")
    make("s")
    assert run("ListStreams", call=theirs).streams == []
    for operation in ("DescribeStream", "DeleteStream", "UpdateStream"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, stream_id="s", call=theirs)
    make("s", call=theirs, description="theirs")
    assert run("DescribeStream", stream_id="s").stream_info.description is None


# --- what devices ask for ---------------------------------------------------------------------------------------------


@pytest.fixture
def asked(run: Any, make: Any, call: Call, database: Database) -> Callable[..., Any]:
    """Asks as the thing ``t`` does; a refusal is its code."""
    run("CreateThing", thing_name="t")
    make("s", file(), file(7, key="v2", version="abc"))

    def ask(stream: str = "s", *, thing: str = "t", call: Call = call, base64: bool = False, **members: Any) -> Any:
        getting = streams.Getting(thing, stream, blocks.question(members), base64)
        try:
            chosen = database.read(lambda tx: streams.choose(tx, call, getting))
            held = streams.held(call, getting, chosen)
            read = held if held is not None else streams.read(call, getting, chosen)
        except streams.Refused as error:
            return error.refusal.code
        return {sent.block.number: sent.data for sent in read}

    return ask


def test_blocks_of_a_file(asked: Any) -> None:
    assert asked(f=0, l=4096, n=9) == {0: IMAGE[:4096], 1: IMAGE[4096:8192], 2: IMAGE[8192:]}
    assert asked(f=0, l=4096, o=2, n=1) == {2: IMAGE[8192:]}
    assert asked(f=7, l=256, b=b"\x01", s=1) == {0: b"second"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"stream": "no", "s": 9, "f": 9}, "ResourceNotFound"),
        ({"thing": "no"}, "ResourceNotFound"),
        ({"s": 2, "f": 9, "l": 1}, "VersionMismatch"),
        ({"f": 9, "l": 1}, "ResourceNotFound"),
        ({"l": 256}, "InvalidRequest"),
        ({"f": 0, "l": 1}, "BlockSizeOutOfBounds"),
        ({"f": 0, "l": 256, "o": 40}, "OffsetOutOfBounds"),
        ({"f": 0, "l": 256, "o": 40, "b": b"\xff"}, "ResourceNotFound"),
    ],
)
def test_refusals_in_their_order(asked: Any, members: dict[str, Any], code: str) -> None:
    assert asked(**{"f": None, **members}) == code


def test_an_object_that_is_replaced_is_not_read(asked: Any, run: Any, shelf: Shelf) -> None:
    assert asked(f=0, l=256, n=1) == {0: IMAGE[:256]}
    shelf.on[Location("firmware", "v1")] = IMAGE[::-1]
    assert asked(f=0, l=256, n=1) == "ETagMismatch"
    assert asked(f=0, l=256, o=39, n=1) == "ETagMismatch"
    run("UpdateStream", stream_id="s", files=[file()])
    assert asked(f=0, l=256, n=1) == {0: IMAGE[::-1][:256]}
    assert asked(f=0, l=256, n=1, s=1) == "VersionMismatch"
    shelf.on[Location("firmware", "v1")] = IMAGE
    run("UpdateStream", stream_id="s", files=[file()])
    assert asked(f=0, l=256, n=1, s=3) == {0: IMAGE[:256]}


def test_an_object_that_cannot_be_had(asked: Any, call: Call, shelf: Shelf) -> None:
    for fault, code in (
        (Fault.MISSING, "ResourceNotFound"),
        (Fault.DENIED, "Unauthorized"),
        (Fault.UNREACHABLE, "InternalError"),
    ):
        shelf.on[Location("firmware", "v1")] = fault
        assert asked(f=0, l=256) == code
    shelf.closed_to.add(call.account)
    assert asked(f=7, l=256) == "Unauthorized"
    assert asked(f=7, l=256, call=call._replace(objects=None)) == "InternalError"


def test_a_client_that_takes_only_small_packets(asked: Any, call: Call) -> None:
    small = call._replace(origin=Origin(max_packet=1000))
    assert asked(f=0, l=1024, call=small) == "BlockSizeOutOfBounds"
    assert len(asked(f=0, l=512, n=3, call=small)) == 3
    assert len(asked(f=0, l=700, n=3, call=small)) == 3
    assert asked(f=0, l=700, n=3, call=small, base64=True) == "BlockSizeOutOfBounds"


def test_many_devices_read_the_store_once(asked: Any, shelf: Shelf) -> None:
    for offset in range(40):
        assert len(asked(f=0, l=256, o=offset, n=1)) == 1
    assert shelf.pages.reads == 1


def test_describe(asked: Any, call: Call, database: Database) -> None:
    def described(thing: str, stream: str) -> Any:
        return database.read(lambda tx: streams.describe(tx, call, streams.Describing(thing, stream, None)))

    found = described("t", "s")
    assert (found.version, found.description) == (1, None)
    assert [(one.file_id, one.size) for one in found.files] == [(0, len(IMAGE)), (7, 6)]
    for thing, stream in (("no", "s"), ("t", "no")):
        with pytest.raises(streams.Refused):
            described(thing, stream)
