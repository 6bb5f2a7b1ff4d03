"""DescribeEndpoint (control reference 19): where devices and clients find the data planes of this server."""

from __future__ import annotations

from tidegate.core import texts
from tidegate.ops.call import Call, Endpoints
from tidegate.ops.handler import Handlers, Read
from tidegate.store.database import Tx
from tidegate.wire import iot


def describe_endpoint(_tx: Tx, call: Call, request: iot.DescribeEndpointRequest) -> iot.DescribeEndpointResponse:
    """``iot:Data`` unless another type is asked for. Unlike AWS the address may carry a port."""
    kind = request.endpoint_type or "iot:Data"
    address = _by_type(call.endpoints).get(kind)
    if address is None:
        raise iot.InvalidRequestException(texts.requests.endpoint_type_unknown(kind))
    return iot.DescribeEndpointResponse(endpoint_address=address)


def _by_type(endpoints: Endpoints) -> dict[str, str]:
    return {
        "iot:Data": endpoints.data,
        "iot:Data-ATS": endpoints.data,
        "iot:Jobs": endpoints.jobs,
        "iot:CredentialProvider": endpoints.credential_provider,
    }


HANDLERS: Handlers = {("iot", "DescribeEndpoint"): Read(describe_endpoint)}
