"""What is installed on a thing, as jobs keep it in the thing's ``$package`` shadow (device reference 9.5)."""

from __future__ import annotations

import logging

from tidegate.core import checks
from tidegate.core import packages as rules
from tidegate.core.package_placeholders import NULL
from tidegate.core.packages import Installed
from tidegate.core.shadow import REPORTED, Object, Request
from tidegate.ops import configuration, package_versions, shadows
from tidegate.ops.call import Call
from tidegate.store import package_versions as versions
from tidegate.store import packages
from tidegate.store.database import Tx
from tidegate.wire.errors import WireError

log = logging.getLogger("tidegate.ops")


def succeeded(tx: Tx, call: Call, thing_name: str, config: str) -> None:
    """An execution of a job has SUCCEEDED on a thing: write down what it brought, if the account wants that.

    One update of the shadow for all of the job's packages, in the execution's own transaction. If it cannot be made,
    because a version is gone or the shadow would be too large, that is logged: the execution has succeeded anyway.

    Args:
        tx: where to write.
        call: the device's.
        thing_name: whose shadow.
        config: the job's encoded configuration.
    """
    configured = configuration.decode(config)
    arns = configured.resolved_package_versions or configured.destination_package_versions
    if not arns or not packages.configuration(tx, call.scope).enabled:
        return
    installed = [_installed(tx, call, arn) for arn in arns]
    missing = [arn for arn, one in zip(arns, installed, strict=True) if one is None]
    if missing:
        log.warning("the $package shadow of %s was not updated: %s is gone", thing_name, ", ".join(missing))
        return
    brought = [one for one in installed if one is not None]

    def update(state: Object) -> Request:
        return Request(rules.reported(brought, state.get(REPORTED, {})), None, None)

    try:
        shadows.change(tx, call, thing_name, rules.SHADOW, update)
    except WireError as error:  # every refusal comes before the first write
        log.warning("the $package shadow of %s was not updated: %s", thing_name, error.message)


def _installed(tx: Tx, call: Call, arn: str) -> Installed | None:
    """What one ARN stands for; None if its version was deleted meanwhile."""
    named = checks.package_version(arn)
    assert named is not None
    if named.version == NULL:
        return Installed(named.package, None, {})
    version = versions.named(tx, call.scope, named.package, named.version)
    return Installed(named.package, version.name, package_versions.attributes(version)) if version else None
