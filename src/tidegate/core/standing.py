"""What lets a client in, and when each part of it is asked again.

The table of SECURITY.md (``make regen``). Every cell that is not empty has a test of its own, on both stores, in
``tests/e2e/test_standing.py``: a cell without one, or a test without a cell, fails.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class Fact(enum.StrEnum):
    """What must hold for a client to be somebody, or to do something."""

    CERTIFICATE = "certificate ACTIVE in the account that is meant"
    VALIDITY = "certificate within its validity"
    AUTHORITY = "CA ACTIVE and set to register what it signed"
    ATTACHMENTS = "policies attached to the certificate and its groups"
    DEVICE_POLICY = "default version of a device's policy"
    KEY = "access key Active"
    PRINCIPAL = "principal of the key exists"
    PRINCIPAL_POLICIES = "policies of the principal"
    CREDENTIALS = "temporary credentials not expired"
    BEHIND = "certificate ACTIVE, and role open to devices, behind a device's credentials"
    AUTHORIZER = "custom authorizer ACTIVE, and as it was when it said yes"
    VERDICT = "custom authorizer's yes"
    VERDICT_POLICIES = "policies that a custom authorizer told"
    VERDICT_TIME = "`disconnectAfterInSeconds` of a custom authorizer not over"
    TIME = "times in conditions of policies, of devices, principals and custom authorizers"
    CLAIM = "ownership token of a claim certificate's holder, shown by the same"
    COMMAND = "command neither deprecated nor pending deletion"
    EXECUTION = "execution of a command the reporting target's own, and its time not over"
    WILL = "`iot:Publish` and `iot:RetainPublish` of the will"


class Moment(enum.StrEnum):
    """When it is asked."""

    CONNECT = "connect"
    RESUMPTION = "TLS session resumed"
    IN = "message in, HTTPS request"
    OUT = "message out"
    PARTING = "will goes out"
    HERE = "changed here"
    THERE = "changed at another server"
    BESIDE = "changed by a command"
    END = "its end comes"


_REFUSED: Final = "refused"
_SILENT: Final = "not published"
_CUT: Final = "cut at once"
_SOON: Final = "cut within a second"

_POLICIES: Final = {
    Moment.CONNECT: _REFUSED,
    Moment.IN: _REFUSED,
    Moment.OUT: "not sent",
    Moment.PARTING: _SILENT,
    Moment.HERE: "judged anew at once",
    Moment.THERE: "judged anew at once",
}

CHECKED: Final[Mapping[Fact, Mapping[Moment, str]]] = {
    Fact.CERTIFICATE: {
        Moment.CONNECT: _REFUSED,
        Moment.RESUMPTION: _REFUSED,
        Moment.IN: "HTTPS: refused",
        Moment.PARTING: _SILENT,
        Moment.HERE: _CUT,
        Moment.THERE: _CUT,
    },
    Fact.VALIDITY: {
        Moment.CONNECT: "no handshake",
        Moment.RESUMPTION: _REFUSED,
        Moment.IN: "HTTPS: refused",
        Moment.PARTING: _SILENT,
        Moment.END: _CUT,
    },
    Fact.AUTHORITY: {Moment.CONNECT: "else nothing is registered"},
    Fact.ATTACHMENTS: {Moment.RESUMPTION: _REFUSED, **_POLICIES},
    Fact.DEVICE_POLICY: {Moment.RESUMPTION: _REFUSED, **_POLICIES},
    Fact.KEY: {
        Moment.CONNECT: _REFUSED,
        Moment.PARTING: _SILENT,
        Moment.HERE: _CUT,
        Moment.THERE: _CUT,
        Moment.BESIDE: _SOON,
    },
    Fact.PRINCIPAL: {
        Moment.CONNECT: _REFUSED,
        Moment.PARTING: _SILENT,
        Moment.HERE: _CUT,
        Moment.THERE: _CUT,
        Moment.BESIDE: _SOON,
    },
    Fact.PRINCIPAL_POLICIES: {
        **_POLICIES,
        Moment.HERE: "judged anew at once, cut without `iot:Connect`",
        Moment.THERE: "judged anew at once, cut without `iot:Connect`",
        Moment.BESIDE: "judged anew within a second, cut without `iot:Connect`",
    },
    Fact.CREDENTIALS: {Moment.CONNECT: _REFUSED, Moment.PARTING: _SILENT, Moment.END: _CUT},
    Fact.BEHIND: {
        Moment.CONNECT: _REFUSED,
        Moment.PARTING: _SILENT,
        Moment.HERE: _CUT,
        Moment.THERE: _CUT,
        Moment.BESIDE: _SOON,
    },
    Fact.AUTHORIZER: {
        Moment.CONNECT: _REFUSED,
        Moment.IN: "HTTPS: refused",
        Moment.PARTING: _SILENT,
        Moment.HERE: "cut at once if INACTIVE or gone, else asked anew",
        Moment.THERE: "cut at once if INACTIVE or gone, else asked anew",
    },
    Fact.VERDICT: {
        Moment.CONNECT: _REFUSED,
        Moment.IN: "HTTPS: refused; on a connection not before the end, with `enableCachingForHttp`",
        Moment.PARTING: "asked anew after `refreshAfterInSeconds`, not published if it is no",
        Moment.END: "asked anew after `refreshAfterInSeconds`, cut if it is no",
    },
    Fact.VERDICT_POLICIES: {
        **{moment: _POLICIES[moment] for moment in (Moment.CONNECT, Moment.IN, Moment.OUT, Moment.PARTING)},
        Moment.END: "those of the new answer count",
    },
    Fact.VERDICT_TIME: {Moment.PARTING: "asked anew, not published if it is no", Moment.END: _CUT},
    Fact.TIME: {
        Moment.CONNECT: _REFUSED,
        Moment.RESUMPTION: _REFUSED,
        Moment.IN: _REFUSED,
        Moment.OUT: _POLICIES[Moment.OUT],
        Moment.PARTING: _SILENT,
    },
    Fact.CLAIM: {Moment.IN: _REFUSED},
    Fact.COMMAND: {Moment.IN: "HTTPS: not started"},
    Fact.EXECUTION: {Moment.IN: _REFUSED, Moment.OUT: "not sent"},
    Fact.WILL: {Moment.CONNECT: _REFUSED, Moment.PARTING: _SILENT},
}
"""What happens where a fact does not hold. Where nothing stands the fact is not asked: it cannot have changed, or what
it changes is cut by then."""
