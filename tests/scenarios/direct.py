"""A scene without a server: boto3 writes the requests and reads the answers, what is between is the operations alone.

So a scenario is told once and holds on both stores as over HTTP, and a year of it costs no more than its steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.ops.world import World
from tests.scenarios.scene import Scene
from tidegate.wire import protocol, routes
from tidegate.wire.errors import WireError

_PLANES = ("iot", "iot-jobs-data")


class Direct(Scene):
    """An account in a store of its own, with an engine that keeps up with the clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.id = world.call.account
        for plane in _PLANES:
            _client(plane).meta.events.register("before-send", self._send, unique_id="direct")

    def close(self) -> None:
        """Let the clients go."""
        for plane in _PLANES:
            _client(plane).meta.events.unregister("before-send", unique_id="direct")

    @property
    def iot(self) -> Any:
        return _client("iot")

    @property
    def data(self) -> Any:
        return _client("iot-jobs-data")

    @property
    def now(self) -> int:
        return self._world.now

    def minutes(self, count: float) -> None:
        self._world.minutes(count)

    def until(self, instant: int) -> None:
        self._world.until(instant)

    def settle(self) -> None:
        self._world.settle()

    def enroll(self, names: list[str], group: str) -> None:
        for name in names:
            self._world("CreateThing", thing_name=name)
            self._world("AddThingToThingGroup", thing_group_name=group, thing_name=name)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        status, headers, body = self._answer(request)
        named = {name.decode(): value.decode() for name, value in headers}
        return AWSResponse(request.url, status, named, _Body(body))

    def _answer(self, request: AWSPreparedRequest) -> protocol.Answer:
        url = urlsplit(request.url)
        plane = url.netloc.partition(".")[0]
        found = routes.route(plane, request.method, url.path)
        assert found is not None, request.url
        operation, labels = found
        body = request.body or b""
        try:
            body = body.encode() if isinstance(body, str) else bytes(body)
            members = protocol.decode(operation, labels, url.query.encode(), [], body)
            given = {name: getattr(members, name) for name in members.__struct_fields__}
            return protocol.encode(operation, self._world(operation.name, plane=plane, **given))
        except WireError as error:
            return protocol.encode_error(error)


class _Body:
    """What botocore reads an answer from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


@lru_cache
def _client(plane: str) -> Any:
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
    return boto3.client(plane, region_name="eu-west-1", endpoint_url=f"http://{plane}.invalid", **keys)
