"""Provisioning by claim over MQTT, in JSON and CBOR (reach reference 3.2, 3.3, 3.6).

Answers go to the connection that asked and carry no token of the request's, so that those of one connection are given
in order.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidegate.clock import Millis
from tidegate.core import texts
from tidegate.core.provisioning import refusals
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.devices import topics
from tidegate.devices.plane import Reply
from tidegate.devices.route import Asked, Demand, Family, Route, answers_are_ours
from tidegate.ops import fleet_provisioning
from tidegate.ops.call import Call
from tidegate.ops.fleet_provisioning import KeysRequest, Offered, RegisterRequest, SigningRequest
from tidegate.ops.provisioning import Applied
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.wire import cbor
from tidegate.wire.errors import WireError

_ADVICE: Final = {
    refusals.INVALID_PAYLOAD: "the device sends something else than the topic's format",
    refusals.INVALID_TEMPLATE: "look at the name in the device's topic and at DescribeProvisioningTemplate",
    refusals.INVALID_TOKEN: "a token is good for an hour and for who asked for it: the device has to begin anew",
    refusals.INVALID_PARAMETERS: "the device must send this parameter, or the template give it a Default",
    refusals.INVALID_CSR: "the device's key must be RSA of 2048 bits or more, P-256, P-384 or P-521",
    refusals.PROVISIONING_FAILED: "make what is missing, or change the template",
    refusals.ACCESS_DENIED: "the template's hook refuses this device",
    refusals.INVOCATION_ERROR: "look at the hook that --hook names for the template",
    refusals.INVALID_RESULT: "look at what the hook answers",
}


class _Register(msgspec.Struct, rename="camel"):
    certificate_ownership_token: str | None = None
    parameters: dict[str, str] | None = None


class _Signing(msgspec.Struct, rename="camel"):
    certificate_signing_request: str


# --- requests -------------------------------------------------------------------------------------------------------


def _keys(_asked: Asked, _payload: bytes) -> Demand:
    return Demand(fleet_provisioning.CREATE_KEYS, KeysRequest())  # whatever it sends, or nothing


def _signing(asked: Asked, payload: bytes) -> Demand:
    given = _read(asked, payload, _Signing).certificate_signing_request
    return Demand(fleet_provisioning.CREATE_FROM_CSR, SigningRequest(given))


def _register(asked: Asked, payload: bytes) -> Demand:
    given = _read(asked, payload, _Register)
    request = RegisterRequest(
        asked.labels["templateName"], given.certificate_ownership_token or "", given.parameters or {}
    )
    return Demand(fleet_provisioning.REGISTER, request)


def _read(asked: Asked, payload: bytes, kind: type[Any]) -> Any:
    try:
        value = cbor.decode(payload) if asked.format == "cbor" else msgspec.json.decode(payload)
        return msgspec.convert(value, kind)
    except (cbor.InvalidCborError, msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RefusedError(refusals.INVALID_PAYLOAD, texts.provisioning.PAYLOAD_INVALID) from None


# --- answers --------------------------------------------------------------------------------------------------------


def _offered(asked: Asked, _now: Millis, _token: str | None, response: Offered) -> Reply:
    key = {} if response.private_key is None else {"privateKey": response.private_key}
    answer = {
        "certificateId": response.certificate_id,
        "certificatePem": response.certificate_pem,
        **key,
        "certificateOwnershipToken": response.token,
    }
    return ((topics.accepted(asked.topic), _encoded(asked, answer)),)


def _registered(asked: Asked, _now: Millis, _token: str | None, response: Applied) -> Reply:
    name = {} if response.thing_name is None else {"thingName": response.thing_name}
    answer = {"deviceConfiguration": response.device_configuration, **name}
    return ((topics.accepted(asked.topic), _encoded(asked, answer)),)


def _refuse(asked: Asked, _now: Millis, _payload: bytes, _token: str | None, error: BaseException) -> Reply:
    refused = _as_refusal(error)
    # Agents print all three members without looking whether they are there (reach reference 3.10).
    answer = {"statusCode": refused.status, "errorCode": refused.reason, "errorMessage": refused.message}
    return ((topics.rejected(asked.topic), _encoded(asked, answer)),)


def _as_refusal(error: BaseException) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    # What else an operation refuses (there is no authority) is nothing that a device could mend.
    message = error.message if isinstance(error, WireError) else texts.provisioning.INTERNAL_FAILURE
    return RefusedError(refusals.INTERNAL_FAILURE, message)


def _encoded(asked: Asked, answer: dict[str, Any]) -> bytes:
    return cbor.encode(answer) if asked.format == "cbor" else msgspec.json.encode(answer)


def _tell(asked: Asked, call: Call, error: WireError, limited_log: RateLimitedLog) -> None:
    """One line of the log that says why, and what to do: nobody sees the device's own."""
    refused = _as_refusal(error)
    limited_log.warning(
        "client %r with certificate %s was refused at %s: %s, %s%s; %s",
        call.origin.client_id,
        call.principal,
        asked.topic,
        refused.reason,
        refused.message,
        f" ({refused.detail})" if refused.detail else "",
        _ADVICE.get(refused.reason, "see the lines before"),
        kind=refused.reason,
    )


_CERTIFICATES: Final = "$aws/certificates"
CERTIFICATES: Final = Family(
    "certificates",
    answers_are_ours,
    routes=(
        Route(f"{_CERTIFICATES}/create/{{format}}", ("iot", "CreateKeysAndCertificate"), _keys, _offered),
        Route(f"{_CERTIFICATES}/create-from-csr/{{format}}", ("iot", "CreateCertificateFromCsr"), _signing, _offered),
    ),
    refuse=_refuse,
    asks_who=True,
    tell=_tell,
    counted="provisioning",
)
TEMPLATES: Final = Family(
    "provisioning-templates",
    answers_are_ours,
    routes=(
        Route(
            "$aws/provisioning-templates/{templateName}/provision/{format}",
            ("iot", "RegisterThing"),
            _register,
            _registered,
        ),
    ),
    refuse=_refuse,
    asks_who=True,
    tell=_tell,
    counted="provisioning",
)
