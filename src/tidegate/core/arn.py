"""Amazon Resource Names: built from a scope, taken apart again (control reference 1.8).

Only text: whether the named thing exists is for others to say. The resource part of an IoT ARN is ``type/id``; a
package version is ``package/<p>/version/<v>`` and a managed template ends in ``:<version>`` with an empty account.
"""

from __future__ import annotations

import msgspec

_SERVICE = "iot"
_VERSION = "/version/"


class Arn(msgspec.Struct, frozen=True):
    """The parts of an ARN.

    ``resource`` is everything after the fifth colon; ``resource_type`` and ``resource_id`` are its two sides of the
    first slash (type empty if there is none). ``version`` is set on package versions and managed templates only.
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str
    resource_type: str
    resource_id: str
    version: str | None = None

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str) -> Arn | None:
    """Take an ARN apart; None if the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not (parts[1] and parts[2] and parts[5]):
        return None
    _, partition, service, region, account, resource = parts
    resource_type, slash, resource_id = resource.partition("/")
    if not slash:
        return Arn(partition, service, region, account, resource, "", resource)
    version: str | None = None
    if service == _SERVICE and resource_type == "package" and _VERSION in resource_id:
        resource_id, _, version = resource_id.partition(_VERSION)
    elif service == _SERVICE and resource_type == "jobtemplate" and not account and ":" in resource_id:
        resource_id, _, version = resource_id.rpartition(":")
    return Arn(partition, service, region, account, resource, resource_type, resource_id, version)


def account_of(text: str) -> str:
    """The account that an ARN names; empty if it names none, or is none."""
    found = parse(text)
    return found.account if found is not None else ""


class Names(msgspec.Struct, frozen=True):
    """Builds the ARNs of one scope: ``Names("aws", "eu-west-1", "123456789012").job("j1")``."""

    partition: str
    region: str
    account: str

    def of(self, resource_type: str, resource_id: str) -> str:
        """The ARN of any IoT resource of this scope."""
        return f"arn:{self.partition}:{_SERVICE}:{self.region}:{self.account}:{resource_type}/{resource_id}"

    def id_of(self, resource_type: str, text: str) -> str | None:
        """The id in an ARN of exactly this scope and type; None for anything else."""
        prefix = self.of(resource_type, "")
        return text[len(prefix) :] or None if text.startswith(prefix) else None

    def job(self, job_id: str) -> str:
        return self.of("job", job_id)

    def job_template(self, template_id: str) -> str:
        return self.of("jobtemplate", template_id)

    def managed_job_template(self, name: str, version: str) -> str:
        """Managed templates belong to no account."""
        return f"arn:{self.partition}:{_SERVICE}:{self.region}::jobtemplate/{name}:{version}"

    def thing(self, name: str) -> str:
        return self.of("thing", name)

    def thing_group(self, name: str) -> str:
        """Static and dynamic groups alike."""
        return self.of("thinggroup", name)

    def thing_type(self, name: str) -> str:
        return self.of("thingtype", name)

    def billing_group(self, name: str) -> str:
        return self.of("billinggroup", name)

    def package(self, name: str) -> str:
        return self.of("package", name)

    def package_version(self, name: str, version: str) -> str:
        """``$default`` and ``$null`` are legal versions in job requests."""
        return self.of("package", f"{name}{_VERSION}{version}")

    def index(self, name: str) -> str:
        return self.of("index", name)

    def certificate(self, certificate_id: str) -> str:
        return self.of("cert", certificate_id)

    def ca_certificate(self, certificate_id: str) -> str:
        return self.of("cacert", certificate_id)

    def policy(self, name: str) -> str:
        return self.of("policy", name)

    def client(self, client_id: str) -> str:
        """What ``iot:Connect`` is asked for (device reference 8.1)."""
        return self.of("client", client_id)

    def topic(self, topic: str) -> str:
        """What ``iot:Publish``, ``iot:Receive`` and ``iot:RetainPublish`` are asked for."""
        return self.of("topic", topic)

    def topic_filter(self, topic_filter: str) -> str:
        """What ``iot:Subscribe`` is asked for; a shared subscription is named whole, ``$share/…`` included."""
        return self.of("topicfilter", topic_filter)
