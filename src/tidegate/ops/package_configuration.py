"""What an account has chosen for its package catalog (control reference 16.3)."""

from __future__ import annotations

from tidegate.core import checks, texts
from tidegate.ops import idempotency
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import packages
from tidegate.store.database import Tx
from tidegate.store.packages import Configuration
from tidegate.wire import iot


def get_package_configuration(
    tx: Tx, call: Call, request: iot.GetPackageConfigurationRequest
) -> iot.GetPackageConfigurationResponse:
    """Whether jobs keep things' ``$package`` shadows; they do not until this is switched on."""
    chosen = packages.configuration(tx, call.scope)
    config = iot.VersionUpdateByJobsConfig(enabled=chosen.enabled, role_arn=chosen.role_arn)
    return iot.GetPackageConfigurationResponse(version_update_by_jobs_config=config)


def update_package_configuration(
    tx: Tx, call: Call, request: iot.UpdatePackageConfigurationRequest
) -> iot.UpdatePackageConfigurationResponse:
    """Change it; what is not given stays.

    Raises:
        ValidationException: it is to be switched on and no role is known; the role is none.
    """
    given = request.version_update_by_jobs_config or iot.VersionUpdateByJobsConfig()
    if not checks.is_role(given.role_arn, any_account=call.leniency.role_accounts):
        raise iot.ValidationException(texts.packages.role_invalid(given.role_arn or ""))
    known = packages.configuration(tx, call.scope)
    enabled = known.enabled if given.enabled is None else given.enabled
    chosen = Configuration(enabled, given.role_arn or known.role_arn)
    if chosen.enabled and chosen.role_arn is None:
        raise iot.ValidationException(texts.packages.ROLE_MISSING)
    packages.configure(tx, call.scope, chosen, call.now)
    return iot.UpdatePackageConfigurationResponse()


HANDLERS: Handlers = {
    ("iot", "GetPackageConfiguration"): Read(get_package_configuration),
    ("iot", "UpdatePackageConfiguration"): Write(
        idempotency.once(iot.UpdatePackageConfigurationResponse, update_package_configuration)
    ),
}
