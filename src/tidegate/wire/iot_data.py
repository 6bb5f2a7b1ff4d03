"""Shapes, errors and operations of AWS IoT Data Plane (``iot-data``), version 2015-05-28.

Generated from the service model of botocore 1.44.5 by ``python -m tools.regen``. Do not edit: the tables to change
are at the top of ``tools/generate_wire.py``.
"""

from __future__ import annotations


from typing import Annotated, ClassVar


from tidegate.wire.errors import WireError
from tidegate.wire.shapes import MISSING, Integer, Long, Number, Operation, Required, SparseShape, Text
from tidegate.wire.shapes import header, label, query

ClientId = Annotated[str, Text(min=1, max=128, pattern="^[^$].*")]
MaxResults = Annotated[Integer, Number(min=1, max=200)]
PageSize = Annotated[Integer, Number(min=1, max=100)]
PayloadFormatIndicator = Annotated[str, Text(enum=("UNSPECIFIED_BYTES", "UTF8_DATA"))]
Qos = Annotated[Integer, Number(min=0, max=1)]
ShadowName = Annotated[str, Text(min=1, max=64, pattern="[$a-zA-Z0-9:_-]+")]
ThingName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]


class DeleteConnectionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("client_id",)
    client_id: Required[ClientId] = MISSING
    clean_session: bool | None = None
    prevent_will_message: bool | None = None


class DeleteThingShadowRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    shadow_name: ShadowName | None = None


class DeleteThingShadowResponse(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("payload",)
    payload: Required[bytes] = MISSING


class GetConnectionRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("client_id",)
    client_id: Required[ClientId] = MISSING
    include_socket_information: bool | None = None


class GetConnectionResponse(SparseShape):
    connected: bool | None = None
    thing_name: ThingName | None = None
    clean_session: bool | None = None
    source_ip: str | None = None
    source_port: Integer | None = None
    target_ip: str | None = None
    target_port: Integer | None = None
    keep_alive_duration: Integer | None = None
    connected_since: Long | None = None
    disconnected_since: Long | None = None
    disconnect_reason: str | None = None
    session_expiry: Long | None = None
    client_id: ClientId | None = None
    vpc_endpoint_id: str | None = None


class GetRetainedMessageRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("topic",)
    topic: Required[str] = MISSING


class GetRetainedMessageResponse(SparseShape):
    topic: str | None = None
    payload: bytes | None = None
    qos: Qos | None = None
    last_modified_time: Long | None = None
    user_properties: bytes | None = None


class GetThingShadowRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    shadow_name: ShadowName | None = None


class GetThingShadowResponse(SparseShape):
    payload: bytes | None = None


class ListNamedShadowsForThingRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    next_token: str | None = None
    page_size: PageSize | None = None


class ListNamedShadowsForThingResponse(SparseShape):
    results: list[ShadowName] | None = None
    next_token: str | None = None
    timestamp: Long | None = None


class ListRetainedMessagesRequest(SparseShape):
    next_token: str | None = None
    max_results: MaxResults | None = None


class ListRetainedMessagesResponse(SparseShape):
    retained_topics: list[RetainedMessageSummary] | None = None
    next_token: str | None = None


class ListSubscriptionsRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("client_id",)
    client_id: Required[ClientId] = MISSING
    next_token: str | None = None
    max_results: MaxResults | None = None


class ListSubscriptionsResponse(SparseShape):
    subscriptions: list[SubscriptionSummary] | None = None
    next_token: str | None = None


class PublishRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("topic",)
    topic: Required[str] = MISSING
    qos: Qos | None = None
    retain: bool | None = None
    payload: bytes | None = None
    user_properties: str | None = None
    payload_format_indicator: PayloadFormatIndicator | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: str | None = None
    message_expiry: Long | None = None


class RetainedMessageSummary(SparseShape):
    topic: str | None = None
    payload_size: Long | None = None
    qos: Qos | None = None
    last_modified_time: Long | None = None


class SendDirectMessageRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("client_id", "topic")
    client_id: Required[ClientId] = MISSING
    topic: Required[str] = MISSING
    content_type: str | None = None
    response_topic: str | None = None
    confirmation: bool | None = None
    timeout: Integer | None = None
    payload: bytes | None = None
    user_properties: str | None = None
    payload_format_indicator: PayloadFormatIndicator | None = None
    correlation_data: str | None = None


class SendDirectMessageResponse(SparseShape):
    message: str | None = None
    trace_id: str | None = None


class SubscriptionSummary(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("topic_filter", "qos")
    topic_filter: Required[str] = MISSING
    qos: Required[Qos] = MISSING


class UpdateThingShadowRequest(SparseShape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name", "payload")
    thing_name: Required[ThingName] = MISSING
    shadow_name: ShadowName | None = None
    payload: Required[bytes] = MISSING


class UpdateThingShadowResponse(SparseShape):
    payload: bytes | None = None


class ConflictException(WireError):
    code = "ConflictException"
    http_status = 409
    plane = "iot-data"


class ForbiddenException(WireError):
    code = "ForbiddenException"
    http_status = 403
    plane = "iot-data"


class GatewayTimeoutException(WireError):
    code = "GatewayTimeoutException"
    http_status = 504
    plane = "iot-data"


class InternalFailureException(WireError):
    code = "InternalFailureException"
    http_status = 500
    plane = "iot-data"


class InvalidRequestException(WireError):
    code = "InvalidRequestException"
    http_status = 400
    plane = "iot-data"


class MethodNotAllowedException(WireError):
    code = "MethodNotAllowedException"
    http_status = 405
    plane = "iot-data"


class RequestEntityTooLargeException(WireError):
    code = "RequestEntityTooLargeException"
    http_status = 413
    plane = "iot-data"


class ResourceNotFoundException(WireError):
    code = "ResourceNotFoundException"
    http_status = 404
    plane = "iot-data"


class ServiceUnavailableException(WireError):
    code = "ServiceUnavailableException"
    http_status = 503
    plane = "iot-data"


class ThrottlingException(WireError):
    code = "ThrottlingException"
    http_status = 429
    plane = "iot-data"


class UnauthorizedException(WireError):
    code = "UnauthorizedException"
    http_status = 401
    plane = "iot-data"


class UnsupportedDocumentEncodingException(WireError):
    code = "UnsupportedDocumentEncodingException"
    http_status = 415
    plane = "iot-data"


OPERATIONS: dict[str, Operation] = {
    "Publish": Operation(
        name="Publish",
        plane="iot-data",
        method="POST",
        path="/topics/{topic+}",
        request=PublishRequest,
        outside=(
            label("topic", "topic"),
            query("qos", "qos", "int"),
            query("retain", "retain", "bool"),
            header("user_properties", "x-amz-mqtt5-user-properties", "json"),
            header("payload_format_indicator", "x-amz-mqtt5-payload-format-indicator"),
            query("content_type", "contentType"),
            query("response_topic", "responseTopic"),
            header("correlation_data", "x-amz-mqtt5-correlation-data"),
            query("message_expiry", "messageExpiry", "long"),
        ),
        payload="payload",
        errors=(
            InternalFailureException, InvalidRequestException, UnauthorizedException, MethodNotAllowedException,
            ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetRetainedMessage": Operation(
        name="GetRetainedMessage",
        plane="iot-data",
        method="GET",
        path="/retainedMessage/{topic+}",
        request=GetRetainedMessageRequest,
        response=GetRetainedMessageResponse,
        outside=(
            label("topic", "topic"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, MethodNotAllowedException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListRetainedMessages": Operation(
        name="ListRetainedMessages",
        plane="iot-data",
        method="GET",
        path="/retainedMessage",
        request=ListRetainedMessagesRequest,
        response=ListRetainedMessagesResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, MethodNotAllowedException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteConnection": Operation(
        name="DeleteConnection",
        plane="iot-data",
        method="DELETE",
        path="/connections/{clientId}",
        request=DeleteConnectionRequest,
        outside=(
            label("client_id", "clientId"),
            query("clean_session", "cleanSession", "bool"),
            query("prevent_will_message", "preventWillMessage", "bool"),
        ),
        errors=(
            ForbiddenException, ResourceNotFoundException, InvalidRequestException, ThrottlingException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetConnection": Operation(
        name="GetConnection",
        plane="iot-data",
        method="GET",
        path="/connections/{clientId}",
        request=GetConnectionRequest,
        response=GetConnectionResponse,
        outside=(
            label("client_id", "clientId"),
            query("include_socket_information", "includeSocketInformation", "bool"),
        ),
        errors=(
            InvalidRequestException, ForbiddenException, ResourceNotFoundException, ThrottlingException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "SendDirectMessage": Operation(
        name="SendDirectMessage",
        plane="iot-data",
        method="POST",
        path="/connections/{clientId}/messages",
        request=SendDirectMessageRequest,
        response=SendDirectMessageResponse,
        outside=(
            label("client_id", "clientId"),
            query("topic", "topic"),
            query("content_type", "contentType"),
            query("response_topic", "responseTopic"),
            query("confirmation", "confirmation", "bool"),
            query("timeout", "timeout", "int"),
            header("user_properties", "x-amz-mqtt5-user-properties", "json"),
            header("payload_format_indicator", "x-amz-mqtt5-payload-format-indicator"),
            header("correlation_data", "x-amz-mqtt5-correlation-data"),
        ),
        payload="payload",
        errors=(
            InternalFailureException, InvalidRequestException, ResourceNotFoundException, UnauthorizedException,
            ForbiddenException, ThrottlingException, RequestEntityTooLargeException, GatewayTimeoutException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListSubscriptions": Operation(
        name="ListSubscriptions",
        plane="iot-data",
        method="GET",
        path="/connections/{clientId}/subscriptions",
        request=ListSubscriptionsRequest,
        response=ListSubscriptionsResponse,
        outside=(
            label("client_id", "clientId"),
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, ForbiddenException, ResourceNotFoundException, ThrottlingException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetThingShadow": Operation(
        name="GetThingShadow",
        plane="iot-data",
        method="GET",
        path="/things/{thingName}/shadow",
        request=GetThingShadowRequest,
        response=GetThingShadowResponse,
        response_payload="payload",
        outside=(
            label("thing_name", "thingName"),
            query("shadow_name", "name"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, MethodNotAllowedException,
            UnsupportedDocumentEncodingException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateThingShadow": Operation(
        name="UpdateThingShadow",
        plane="iot-data",
        method="POST",
        path="/things/{thingName}/shadow",
        request=UpdateThingShadowRequest,
        response=UpdateThingShadowResponse,
        response_payload="payload",
        outside=(
            label("thing_name", "thingName"),
            query("shadow_name", "name"),
        ),
        payload="payload",
        errors=(
            ConflictException, RequestEntityTooLargeException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException, MethodNotAllowedException,
            UnsupportedDocumentEncodingException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteThingShadow": Operation(
        name="DeleteThingShadow",
        plane="iot-data",
        method="DELETE",
        path="/things/{thingName}/shadow",
        request=DeleteThingShadowRequest,
        response=DeleteThingShadowResponse,
        response_payload="payload",
        outside=(
            label("thing_name", "thingName"),
            query("shadow_name", "name"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, MethodNotAllowedException,
            UnsupportedDocumentEncodingException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListNamedShadowsForThing": Operation(
        name="ListNamedShadowsForThing",
        plane="iot-data",
        method="GET",
        path="/api/things/shadow/ListNamedShadowsForThing/{thingName}",
        request=ListNamedShadowsForThingRequest,
        response=ListNamedShadowsForThingResponse,
        outside=(
            label("thing_name", "thingName"),
            query("next_token", "nextToken"),
            query("page_size", "pageSize", "int"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, MethodNotAllowedException,
        ),
        invalid=InvalidRequestException,
    ),
}
