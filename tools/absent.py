"""The operations of AWS's services that this server does not answer, by family, and why: for ``docs/parity.md``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple


class Family(NamedTuple):
    """Operations that belong together: those whose names match ``names`` as a whole."""

    title: str
    names: str
    reason: str


FAMILIES: Final = (
    Family(
        "Rules engine",
        r"\w+TopicRule(Destination)?s?",
        "messages go to subscribers; AWS's rules lead to some thirty services that are not here. `$aws/rules/…` is "
        "accepted",
    ),
    Family(
        "Device Defender: audits",
        r"\w*(Audit\w*|MitigationActions?)",
        "no audit of an account's configuration, and nothing to mitigate",
    ),
    Family(
        "Device Defender: detection",
        r"\w*(SecurityProfile\w*|CustomMetrics?|Dimensions?|DetectMitigationActions\w*|Violations?|ViolationEvents"
        r"|MetricValues|BehaviorModelTrainingSummaries)",
        "no metrics of devices are kept; their topics are accepted",
    ),
    Family(
        "Logging of the service",
        r"\w*(LoggingOptions|LoggingLevels?)",
        "what CloudWatch is sent by AWS, the server's own log and metrics tell (docs/operations.md)",
    ),
    Family("Fleet metrics", r"\w+FleetMetrics?", "they end in CloudWatch; GetStatistics and its siblings are answered"),
    Family(
        "Certificate transfer",
        r"(\w*CertificateTransfer|TransferCertificate|ListOutgoingCertificates)",
        "a certificate is registered in the other account instead",
    ),
    Family(
        "Certificate providers",
        r"\w+CertificateProviders?",
        "a Lambda function signs requests in place of AWS; here an authority of one's own does (`tidegate authority`)",
    ),
    Family(
        "Encryption at rest",
        r"\w+EncryptionConfiguration",
        "keys of AWS KMS; the store's disk is the operator's to encrypt",
    ),
)


def of(name: str) -> Family:
    """The family of an operation.

    Raises:
        LookupError: it has none, or two.
    """
    found = [family for family in FAMILIES if re.fullmatch(family.names, name)]
    if len(found) != 1:
        raise LookupError(
            f"{name} belongs to {[family.title for family in found]}: give it a family in tools/absent.py"
        )
    return found[0]


def table(plane: str, names: Iterable[str]) -> list[str]:
    """The absent operations of a service as a table of families."""
    by_family: dict[Family, list[str]] = {}
    for name in sorted(names):
        by_family.setdefault(of(name), []).append(name)
    rows = [
        f"| {family.title} | {len(found)} | {', '.join(found)} | {family.reason} |"
        for family, found in sorted(by_family.items())
    ]
    if not rows:
        return []
    head = [f"## Absent of `{plane}`\n", "| family | number | operations | why |", "|---|---|---|---|"]
    return [*head, *rows, ""]
