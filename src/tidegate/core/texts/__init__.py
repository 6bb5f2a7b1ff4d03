"""Every sentence the service says about a request that is well formed and still wrong.

One table, cut by noun: a capture from the live service replaces a sentence in one place. Each names its evidence:

* [D] printed in AWS's documents;
* [third hand] given by another implementation that says it compares with the live service: better than a guess;
* [R] ours: AWS's sentence is not known. It names the member, the value and the limit.

Not here: the sentences of shape constraints ("1 validation error detected: ..."): ``wire`` derives them from the model.
"""

from __future__ import annotations

from tidegate.core.texts import (
    authorization,
    authorizers,
    billing_groups,
    ca_certificates,
    certificates,
    commands,
    credentials,
    documents,
    domain_configurations,
    fleet_index,
    groups,
    holds,
    jobs,
    messages,
    operators,
    packages,
    placeholders,
    policies,
    provisioning,
    requests,
    settings,
    shadows,
    streams,
    tags,
    templates,
    thing_types,
    things,
)

__all__ = [
    "authorization",
    "authorizers",
    "billing_groups",
    "ca_certificates",
    "certificates",
    "commands",
    "credentials",
    "documents",
    "domain_configurations",
    "fleet_index",
    "groups",
    "holds",
    "jobs",
    "messages",
    "operators",
    "packages",
    "placeholders",
    "policies",
    "provisioning",
    "requests",
    "settings",
    "shadows",
    "streams",
    "tags",
    "templates",
    "thing_types",
    "things",
]
