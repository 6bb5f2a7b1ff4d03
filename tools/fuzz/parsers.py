"""What reads a stranger's text, as functions of bytes that raise only if the server is at fault.

Each lets nothing pass but the refusal that its reader promises, with inputs of the size its callers let through. Where
there is more to say it is asserted: the same bytes in other segments are the same requests, nobody who does not know
the secret signs anything, what was read can be written and read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar, cast

import msgspec

from tidegate.aws import sigv4 as sigv4_text
from tidegate.aws.sigv4 import Scope, Seal
from tidegate.core import command, command_template, contexts, cron, policy, query
from tidegate.core.command_parameters import Chosen
from tidegate.core.iam import decisions, documents
from tidegate.core.provisioning import plan, refusals, template
from tidegate.devices.route import Asked, UnreadableError
from tidegate.devices.table import TABLE
from tidegate.http import signatures
from tidegate.net.http1.exchange import CONTINUE
from tidegate.net.http1.intake import HEAD_LIMIT
from tidegate.net.http1.listener import Listener
from tidegate.net.http1.messages import Answer, Limits, Peer, Request
from tidegate.s3 import addressing, chunked, signature, xmltext
from tidegate.s3.errors import S3Error
from tidegate.wire import cbor
from tidegate.wire.errors import WireError

_SECRET: Final = "what no input knows"
_NOW: Final = 1_791_190_800_000
_BODY: Final = 1024
_T = TypeVar("_T")
_LOOP: Final = asyncio.new_event_loop()


def _run(scene: Coroutine[Any, Any, _T]) -> _T:
    return _LOOP.run_until_complete(scene)


def pieces(data: bytes) -> Iterator[bytes]:
    """The same bytes in pieces whose sizes depend on them."""
    while data:
        size = data[0] % 64 + 1
        yield data[:size]
        data = data[size:]


# ------------------------------------------------------------------------------------------------------------- HTTP/1.1


class _Transport:
    """The near end of a socket that takes everything."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nobody reads."""

    def pause_reading(self) -> None:
        """What comes is given by hand."""

    resume_reading = write_eof

    def close(self) -> None:
        self.closed = True

    abort = close


Seen = list[tuple[str, bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]]


async def _served(parts: list[bytes]) -> tuple[Seen, bytes]:
    """The requests that a connection makes of its bytes, and what it answers."""
    seen: Seen = []

    async def respond(request: Request) -> Answer:
        seen.append((request.method, request.raw_path, request.query_string, tuple(request.headers), request.body))
        return 200, [], b""

    listener = Listener(respond, Limits(body=_BODY))
    listener.lines = b""
    transport = _Transport()
    connection = listener.protocol()
    connection.connection_made(cast("asyncio.Transport", transport))
    for part in parts:
        if transport.closed:
            break
        connection.data_received(part)
        while connection.serving is not None:  # noqa: ASYNC110 - the server's own task is waited for
            await asyncio.sleep(0)
    if not transport.closed:
        connection.eof_received()
    while connection.serving is not None:  # noqa: ASYNC110 - the server's own task is waited for
        await asyncio.sleep(0)
    connection.connection_lost(None)
    assert not listener.connection_count(), "a connection that is gone is kept"
    return seen, bytes(transport.written)


def _told(answers: bytes) -> bytes:
    return answers.replace(CONTINUE, b"")


def http1(data: bytes) -> None:
    """Requests are the same however their bytes are cut, within limits, and each has one answer."""
    whole, answers = _run(_served([data]))
    cut, others = _run(_served(list(pieces(data))))
    assert whole == cut, "the segments decide what is asked for"
    # Who has sent the body already is not told to go on.
    assert _told(answers) == _told(others), "the segments decide what is answered"
    for _, path, asked, headers, body in whole:
        assert path[:1] in {b"/", b"*"}, path
        assert len(body) <= _BODY
        assert len(path) + len(asked) + sum(len(name) + len(value) for name, value in headers) <= HEAD_LIMIT
    assert answers.count(b"HTTP/1.1 200") == len(whole)


# ----------------------------------------------------------------------------------------------------------- signatures


def _request(data: bytes) -> Request:
    """A request: a line with method and target, lines of headers, its body after an empty one."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, asked = target.partition(b"?")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return Request(method.decode("latin-1"), path, asked, headers, body, Peer())


def sigv4(data: bytes) -> None:
    """Nobody signs for AWS's services who does not know the secret."""
    request = _request(data)
    try:
        found = signatures.parse(request.method, request.raw_path, request.query_string, request.headers)
        if found is None:
            return
        for now in (_NOW, sigv4_text.instant(found.amz_date)):
            with contextlib.suppress(signatures.Expired):
                signatures.verify(found, _SECRET, now_ms=now, body=request.body)
                raise AssertionError("a forged signature fits")
    except signatures.Refusal as refusal:
        str(refusal)


def s3_signature(data: bytes) -> None:
    """Nor for S3, in any of its three forms (SigV4 and SigV2)."""
    try:
        target = addressing.read(addressing.head(_request(data)), ["localhost", "objects.example"])
        addressing.source(target.headers)
        found = signature.parse(target)
        if found is None:
            return
        with contextlib.suppress(S3Error):
            signature.check_time(found, _NOW)
        hosts = [] if target.hosted else ["front.example"]
        signature.verify(found, _SECRET, target, hosts=hosts)
    except S3Error:
        return
    raise AssertionError("a forged signature fits")


# ------------------------------------------------------------------------------------------------------------------- S3


class _Body:
    """Bytes that arrive in pieces."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts[::-1]

    async def read(self) -> bytes:
        return self._parts.pop() if self._parts else b""


async def _decoded(parts: list[bytes], seal: Seal | None) -> tuple[bytes, dict[str, str], str | None]:
    body = chunked.Decoded(_Body(parts), seal)
    found = b""
    try:
        while data := await body.read():
            found += data
    except S3Error as error:
        return found, {}, error.code
    return found, body.trailers, None


def aws_chunked(data: bytes) -> None:
    """The payload is the same however it is cut; none is taken whose signature is forged."""
    whole = _run(_decoded([data] if data else [], None))
    cut = _run(_decoded(list(pieces(data)), None))
    assert whole[1:] == cut[1:], "the segments decide what is read"
    assert whole[2] is not None or whole == cut
    assert len(whole[0]) <= len(data)
    seal = Seal(_SECRET, Scope("20261001", "eu-west-1", "s3"), "20261001T000000Z", "0" * 64)
    payload, _, refused = _run(_decoded([data] if data else [], seal))
    assert not payload, "a forged chunk is taken"
    assert refused is not None, "a forged end is taken"


def s3_xml(data: bytes) -> None:
    """A document is read or refused; what is read is no larger than what was sent."""
    try:
        root = xmltext.read(data)
    except ValueError:
        return
    waiting, size = [root], 0
    while waiting:
        node = waiting.pop()
        size += len(node.text) + len(node.name)
        waiting += node.elements
    assert size <= len(data), "entities make it larger"
    xmltext.document("Answer", {"Text": root.text})


# ------------------------------------------------------------------------------------------------------------ languages


def _text(data: bytes, longest: int) -> str:
    return data.decode("utf-8", "replace")[:longest]


_DOCUMENT: Final = {
    name: tuple(query.value(scalar) for scalar in scalars)
    for name, scalars in {
        "thingName": ("lamp-1",),
        "attributes.model": ("Lamp 20 b",),
        "shadow.reported.stats.battery": (41.5, 7),
        "connectivity.connected": (True,),
    }.items()
}


def fleet_query(data: bytes) -> None:
    """A query is a tree that can be asked, or refused."""
    try:
        tree = query.parse(_text(data, 2000))
    except query.InvalidQueryError:
        return
    list(query.leaves(tree))
    assert query.matches(tree, _DOCUMENT) is not query.matches(query.Not(tree), _DOCUMENT)


_CONTEXT: Final = contexts.of(contexts.Place("eu-west-1", "192.0.2.1", True), _NOW)
_TOPIC: Final = "arn:aws:iot:eu-west-1:123456789012:topic/a/b"


def device_policy(data: bytes) -> None:
    """A device's policy decides, and says the same when it explains."""
    try:
        found = policy.parse(_text(data, 2048))
    except policy.MalformedPolicyError:
        return
    context = {**_CONTEXT, "iot:clientid": ("lamp",), "iot:connection.thing.attributes[a]": ("*",)}
    bound = policy.bind([found], context)
    for action in ("iot:Publish", "iot:Connect"):
        assert bound.allows(action, _TOPIC) is bound.decide(action, _TOPIC).allowed
        bound.explain(action, _TOPIC)


def operator_policy(data: bytes) -> None:
    """An operator's policy decides; with a Deny of everything beside it never says yes."""
    try:
        found = documents.parse(_text(data, 6144))
    except documents.MalformedError:
        return
    asked = decisions.Asked(("iot:CreateJob", "iot:Jobs"), "arn:aws:iot:eu-west-1:123456789012:job/j", _CONTEXT)
    decisions.decide([found], None, asked)
    decisions.decide([found], [found], asked).because("iot:CreateJob")
    nothing = documents.parse('{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}')
    assert not decisions.decide([found, nothing], None, asked).allowed


def cron_expression(data: bytes) -> None:
    """An expression's next instant is one of its instants, and later."""
    try:
        found = cron.parse(_text(data, 256))
    except cron.CronError:
        return
    following = found.next_after(_NOW)
    if following is not None:
        assert following > _NOW
        assert found.previous_at_or_before(following) == following
    earlier = found.previous_at_or_before(_NOW)
    assert earlier is None or earlier <= _NOW


def cbor_value(data: bytes) -> None:
    """A value is written and read again as itself."""
    try:
        value = cbor.decode(data)
    except cbor.InvalidCborError:
        return
    written = cbor.encode(value)
    assert cbor.encode(cbor.decode(written)) == written


def provisioning(data: bytes) -> None:
    """A template comes to a plan of bounded size, or to nothing."""
    body = _text(data, 10_240)
    for kind in template.Kind:
        try:
            found = template.parse(body, kind)
        except template.InvalidTemplateError:
            continue
        with contextlib.suppress(refusals.RefusedError):
            made = plan.evaluate(found, dict.fromkeys(found.parameters, "x" * 32), {})
            assert len(msgspec.json.encode(made)) < 2 * 1024 * 1024


def command_payload(data: bytes) -> None:
    """A template that is taken comes to a payload in its format, of bounded size."""
    body = _text(data, command.PAYLOAD_BYTES)
    values = {"p": Chosen("STRING", "x" * 1000), "n": Chosen("LONG", -1), "b": Chosen("BINARY", b"\0")}
    for output in ("JSON", "CBOR"):
        if command_template.problems(body, output, set(values)):
            continue
        with contextlib.suppress(command_template.TooLargeError):
            made = command_template.payload(body, output, values, 10)
            assert len(made) <= command_template.MOST_BYTES
            if output == "CBOR":
                cbor.decode(made)
            else:
                json.loads(made, parse_int=len)  # whatever its numbers are


# -------------------------------------------------------------------------------------------------------------- devices

_TOPICS: Final = (
    "$aws/things/t/jobs/get",
    "$aws/things/t/jobs/start-next",
    "$aws/things/t/jobs/j/get",
    "$aws/things/t/jobs/j/update",
    "$aws/things/t/shadow/get",
    "$aws/things/t/shadow/name/n/update",
    "$aws/certificates/create/json",
    "$aws/certificates/create-from-csr/cbor",
    "$aws/provisioning-templates/n/provision/json",
    "$aws/provisioning-templates/n/provision/cbor",
    "$aws/things/t/streams/s/describe/json",
    "$aws/things/t/streams/s/get/json",
    "$aws/things/t/streams/s/get/cbor",
    "$aws/commands/things/t/executions/e/response/json",
    "$aws/commands/clients/c/executions/e/response/cbor",
)


def device_request(data: bytes) -> None:
    """A payload is what an operation is asked, or is refused in the form of its family; its first byte is a topic's."""
    asked = TABLE.find(_TOPICS[data[0] % len(_TOPICS)] if data else _TOPICS[0])
    assert isinstance(asked, Asked)
    assert asked.route is not None
    assert asked.family.refuse is not None
    payload = data[1:]
    refused: Exception | None = None
    try:
        asked.route.demand(asked, payload)
    except (UnreadableError, WireError) as error:
        refused = error
    if refused is not None:
        answers = asked.family.refuse(asked, _NOW, payload, None, refused)
        assert all(topic.startswith("$aws/") for topic, _ in answers)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "aws-chunked": aws_chunked,
    "cbor": cbor_value,
    "command": command_payload,
    "cron": cron_expression,
    "device-policy": device_policy,
    "device-request": device_request,
    "fleet-query": fleet_query,
    "http1": http1,
    "operator-policy": operator_policy,
    "provisioning": provisioning,
    "s3-signature": s3_signature,
    "s3-xml": s3_xml,
    "sigv4": sigv4,
}
