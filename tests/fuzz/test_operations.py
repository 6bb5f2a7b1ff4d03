"""No request makes the server fail, and no answer is one that botocore cannot read.

A short run is part of `make test`; `make fuzz` runs longer with a fresh seed, which it prints.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import servers
from tests.fuzz import shapes
from tests.fuzz.shapes import Sent
from tests.wire.model_values import OPERATIONS, operation_model
from tidegate.wire.shapes import Operation

SIGNING = {"iot": "iot", "iot-jobs-data": "iot-jobs-data", "iot-data": "iotdata"}
EXAMPLES = int(os.environ.get("TIDEGATE_FUZZ_EXAMPLES", "0"))
"""Requests for each operation in a long run; 0 is the short one, always the same."""
FRONT_END = {"SerializationException": 400, "UnknownOperationException": 404, "RequestEntityTooLarge": 413}
"""What AWS's front end answers for any operation: modelled nowhere."""

UNMODELLED = {
    ("CreateThingGroup", "ResourceNotFoundException"),
    ("Publish", "ForbiddenException"),
    ("Publish", "RequestEntityTooLargeException"),
}
"""A parent that does not exist, a topic where only the service speaks, a payload that is too large: the model has no
error that says so, and one that does says most."""


class _Raw(http.client.HTTPConnection):
    """One that sends any path, even what no URL may hold."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


class Wire:
    """One connection to a server, made anew when the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._made = _Raw(parts.hostname or "", parts.port, timeout=30)

    def send(self, sent: Sent, service: str) -> tuple[int, dict[str, str], bytes]:
        scope = f"AKIDFUZZ/20260101/{shapes.REGION}/{service}/aws4_request"
        headers = {
            **sent.headers,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
        }
        self._made.request(sent.method, sent.path.encode().decode("latin-1"), sent.body, headers)
        answer = self._made.getresponse()
        body = answer.read()
        if answer.will_close:
            self._made.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def close(self) -> None:
        self._made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Started]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with servers.started(servers.options(folder)) as running:
        yield running


@pytest.fixture
def wire(server: servers.Started) -> Iterator[Wire]:
    """A connection to a server that holds what the requests refer to."""
    found = Wire(server.addresses.http)
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
    made: list[tuple[str, str, dict[str, Any]]] = [
        *(("POST", f"/things/{name}", {}) for name in shapes.THINGS[:3]),
        *(("POST", f"/thing-groups/{name}", {}) for name in ("g1", "g2")),
        *(("POST", f"/thing-types/{name}", {}) for name in shapes.TYPES),
        *(("POST", f"/billing-groups/{name}", {}) for name in ("b1", "b2")),
        *(("POST", f"/policies/{name}", {"policyDocument": policy}) for name in shapes.POLICIES),
        *(("PUT", f"/packages/{name}", {}) for name in shapes.PACKAGES),
        *(("PUT", f"/packages/{name}/versions/1.0", {}) for name in shapes.PACKAGES),
        ("PATCH", "/packages/p1/versions/1.0?action=PUBLISH", {}),
        *(("PUT", f"/job-templates/{name}", {"description": "d", "document": "{}"}) for name in shapes.TEMPLATES[:2]),
        ("PUT", "/thing-groups/addThingToThingGroup", {"thingGroupName": "g1", "thingName": "t1"}),
        *(
            ("PUT", f"/jobs/{name}", {"targets": shapes.TARGETS[:4], "document": "{}", "targetSelection": kind})
            for name, kind in zip(shapes.JOBS[:3], ["CONTINUOUS", "SNAPSHOT", "SNAPSHOT"], strict=True)
        ),
    ]
    for method, path, members in made:
        status, _, body = found.send(Sent(method, path, {}, json.dumps(members).encode()), "iot")
        assert status < 500, (path, body)
    yield found
    found.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.plane}-{one.name}")
def test_every_request_is_answered(wire: Wire, operation: Operation, caplog: pytest.LogCaptureFixture) -> None:
    model = operation_model(operation)

    @settings(
        max_examples=EXAMPLES or 12,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(st.data())
    def answered(data: st.DataObject) -> None:
        sent = data.draw(shapes.requests(model))
        status, headers, body = wire.send(sent, SIGNING[operation.plane])
        assert status < 500, body
        judge(model, status, headers, body)

    with caplog.at_level(logging.ERROR):
        answered()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("tidegate")] == []


def judge(model: OperationModel, status: int, headers: dict[str, str], body: bytes) -> None:
    """An answer is one of the operation's: its own shape, or an error that its model or AWS's front end knows."""
    if b"not valid HTTP" in body:  # refused before it was a request
        assert (status, headers["connection"]) == (400, "close")
        return
    assert "x-amzn-requestid" in headers
    answer = {"status_code": status, "headers": headers, "body": body}
    if status >= 300:
        parsed = create_parser("rest-json").parse(answer, None)
        code, message = parsed["Error"]["Code"], parsed["Error"].get("Message")
        if (model.name, code) in UNMODELLED:
            return
        allowed = {shape.metadata.get("error", {}).get("code", shape.name): shape for shape in model.error_shapes}
        expected = allowed[code].metadata["error"]["httpStatusCode"] if code in allowed else FRONT_END.get(code)
        assert expected == status, (model.name, code, status, message)
        assert message
        return
    create_parser("rest-json").parse(answer, model.output_shape)
    if (
        model.output_shape is not None
        and not model.has_streaming_output
        and "payload" not in model.output_shape.serialization
    ):
        fits(json.loads(body or b"{}"), model.output_shape)


def fits(value: Any, shape: Shape) -> None:
    """Every member is one of the model's and of its type; AWS shows unset ones as null."""
    if value is None:
        return
    if shape.type_name == "structure":
        assert isinstance(value, dict), (shape.name, value)
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        assert set(value) <= set(known), (shape.name, set(value) - set(known))
        for name, inner in value.items():
            fits(inner, known[name])
    elif shape.type_name == "list":
        assert isinstance(value, list), (shape.name, value)
        for inner in value:
            fits(inner, shape.member)
    elif shape.type_name == "map":
        assert isinstance(value, dict), (shape.name, value)
        for inner in value.values():
            fits(inner, shape.value)
    else:
        assert isinstance(value, _SCALARS[shape.type_name]), (shape.name, value)


_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}
