"""Why a device is not provisioned (reach reference 3.6)."""

from __future__ import annotations

from typing import Final

from tidegate.wire.errors import WireError

INVALID_PAYLOAD: Final = "InvalidPayload"
INVALID_TEMPLATE: Final = "InvalidTemplate"
INVALID_TOKEN: Final = "InvalidCertificateOwnershipToken"  # noqa: S105 - an error code
INVALID_PARAMETERS: Final = "InvalidParameters"
INVALID_CSR: Final = "InvalidCSR"
PROVISIONING_FAILED: Final = "ProvisioningFailed"
ACCESS_DENIED: Final = "AccessDenied"
INVOCATION_ERROR: Final = "InvocationError"
INVALID_RESULT: Final = "InvalidResult"
INTERNAL_FAILURE: Final = "InternalFailure"

_STATUS: Final = {ACCESS_DENIED: 403, INTERNAL_FAILURE: 500}


class RefusedError(WireError):
    """A device is not provisioned: what it is told over MQTT, the ``reason`` being the errorCode there."""

    by_a_part = True

    def __init__(self, reason: str, message: str, *, detail: str = "") -> None:
        """``detail`` is for the log alone."""
        super().__init__(message)
        self.reason = reason
        self.detail = detail

    @property
    def status(self) -> int:
        """The statusCode that goes with the reason."""
        return _STATUS.get(self.reason, 400)
