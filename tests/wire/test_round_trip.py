"""Every generated operation against botocore: what it sends we read alike, what we answer it reads alike."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import xform_name
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire import model_values
from tidegate.wire import constraints, fastpath, protocol
from tidegate.wire.shapes import Operation

few = settings(max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
each_operation = pytest.mark.parametrize(
    "operation", model_values.OPERATIONS, ids=lambda operation: f"{operation.plane}-{operation.name}"
)
serializer = create_serializer("rest-json", include_validation=False)
parser = create_parser("rest-json")


def received(operation: Operation, parameters: dict[str, Any]) -> Any:
    """The request struct that reaches us when botocore sends these parameters."""
    request = serializer.serialize_to_request(parameters, model_values.operation_model(operation))
    prepare_request_dict(request, endpoint_url="https://iot.example")
    sent = create_request_object(request).prepare()
    url = urlsplit(sent.url)
    found = protocol.route(operation.plane, sent.method, url.path.encode())
    assert found is not None, url.path
    assert found[0] is operation
    headers = [
        (name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in sent.headers.items()
    ]
    body = sent.body or b""
    return protocol.decode(*found, url.query.encode(), headers, body if isinstance(body, bytes) else body.encode())


def parsed(answer: protocol.Answer, shape: Any) -> Any:
    status, headers, body = answer
    fields = HeadersDict({name.decode(): value.decode() for name, value in headers})
    return parser.parse({"status_code": status, "headers": fields, "body": body}, shape)


@each_operation
@few
@given(data=st.data())
def test_requests_of_botocore_arrive_unchanged(operation: Operation, data: st.DataObject) -> None:
    shape = model_values.operation_model(operation).input_shape
    parameters = data.draw(model_values.structures(shape))
    request = received(operation, parameters)
    expected = dict(parameters)
    if operation.payload is not None:
        expected.setdefault("payload", b"")
    if "userProperties" in expected:
        request.user_properties = json.loads(request.user_properties)
    assert request == model_values.build(model_values.MODULES[operation.plane], shape, expected)


@each_operation
@few
@given(data=st.data())
def test_botocore_reads_our_answers_unchanged(operation: Operation, data: st.DataObject) -> None:
    shape = model_values.operation_model(operation).output_shape
    if shape is None:
        assert operation.response is None
        assert parsed(protocol.encode(operation, None), None)["ResponseMetadata"]["HTTPStatusCode"] == 200
        return
    members = data.draw(model_values.structures(shape))
    response = model_values.build(model_values.MODULES[operation.plane], shape, members)
    assert type(response) is operation.response
    answer = protocol.encode(operation, response)
    if operation.response_payload is None:
        assert model_values.plain(shape, parsed(answer, shape)) == members
    else:
        assert answer[2] == members.get("payload", b"")  # botocore hands such a body through as a stream


@each_operation
def test_botocore_reads_our_errors(operation: Operation) -> None:
    model = model_values.operation_model(operation)
    assert [error.code for error in operation.errors] == [shape.name for shape in model.error_shapes]
    for error, shape in zip(operation.errors, model.error_shapes, strict=True):
        extra = {name: f"some {name}" for name in shape.members if name not in ("message", "payload")}
        raised = error("told so", **{xform_name(name): value for name, value in extra.items()})
        answer = protocol.encode_error(raised, trace_id="trace-1")
        result = parsed(answer, model.output_shape)
        assert result["Error"] == {"Code": shape.name, "Message": "told so"}
        assert result["ResponseMetadata"]["HTTPStatusCode"] == shape.metadata["error"]["httpStatusCode"]
        assert model_values.plain(shape, parsed(answer, shape)) == {"message": "told so", **extra}
        assert json.loads(answer[2])["traceId"] == "trace-1"


@each_operation
@few
@given(data=st.data())
def test_the_compiled_check_and_the_walk_agree(operation: Operation, data: st.DataObject) -> None:
    shape = model_values.operation_model(operation).input_shape
    request = model_values.build(model_values.MODULES[operation.plane], shape, data.draw(model_values.wild(shape)))
    sentences: list[str] = []
    constraints.explain(request, sentences)
    assert fastpath.accepts(request) == (sentences == [])
    assert constraints.violations(request) == sentences
