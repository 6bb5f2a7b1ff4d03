"""What a pre-provisioning hook is asked and what its answer means (reach reference 3.7). It denies unless it allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidegate.core import texts
from tidegate.core.provisioning.refusals import ACCESS_DENIED, INVALID_RESULT, RefusedError

PAYLOAD_VERSION: Final = "2020-04-01"


class Asked(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The device that wants to be provisioned."""

    claim_certificate_id: str
    certificate_id: str
    certificate_pem: str
    template_arn: str
    client_id: str
    parameters: Mapping[str, str]


def overrides(answer: bytes) -> dict[str, str | None]:
    """The parameters that a hook which allows lays over the device's; None takes a value away.

    Raises:
        RefusedError: it does not allow, or says nothing that can be read.
    """
    if not answer.strip() or answer.strip() == b"null":
        raise RefusedError(INVALID_RESULT, texts.provisioning.HOOK_SILENT)
    try:
        found = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusedError(INVALID_RESULT, texts.provisioning.HOOK_UNREADABLE) from error
    if not isinstance(found, dict):
        raise RefusedError(INVALID_RESULT, texts.provisioning.HOOK_UNREADABLE)
    if not _allows(found.get("allowProvisioning")):
        raise RefusedError(ACCESS_DENIED, texts.provisioning.ACCESS_DENIED)
    given = found.get("parameterOverrides")
    if not isinstance(given, dict | None):
        raise RefusedError(INVALID_RESULT, texts.provisioning.HOOK_UNREADABLE)
    return {name: _text(value) for name, value in (given or {}).items()}


def _allows(value: Any) -> bool:
    """True, ``"true"`` in any case, and numbers but 0."""
    if isinstance(value, str):
        return value.lower() == "true"
    return isinstance(value, int | float) and value != 0


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):  # booleans are integers in Python
        return msgspec.json.encode(value).decode()
    raise RefusedError(INVALID_RESULT, texts.provisioning.HOOK_UNREADABLE)
