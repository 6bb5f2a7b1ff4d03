"""What every operation is told about the call it serves."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tidegate.clock import Ids, Millis


class Limits(NamedTuple):
    """What a self-hosted server may set differently from AWS."""

    rollout_per_minute: int = 1000
    """The highest rollout rate accepted, and the rate of a job that names none."""
    job_templates: int = 100
    targets_per_job: int = 100
    document_bytes: int = 32_768
    deleting_jobs: int = 10
    active_jobs: int = 100_000
    policies_per_target: int = 10
    policy_versions: int = 5
    policy_characters: int = 2048
    """White space is not counted."""


class Endpoints(NamedTuple):
    """What DescribeEndpoint answers: ``host[:port]`` by endpoint type."""

    data: str = "localhost:8883"
    jobs: str = "localhost:8443"
    credential_provider: str = "localhost:8443"


class Authority(Protocol):
    """The certificate authority that signs what this server issues."""

    def issue_device(self, public_key_pem: str, *, now: Millis) -> str:
        """A certificate (PEM) for a device's public key, valid from ``now``."""
        ...


class Call(NamedTuple):
    """Who calls, where, and when.

    ``scope`` is the stored id of (account, region); ``now`` is epoch ms and the only present a handler knows.
    """

    scope: int
    account: str
    region: str
    now: int
    ids: Ids
    principal: str = "anonymous"
    partition: str = "aws"
    limits: Limits = Limits()
    endpoints: Endpoints = Endpoints()
    authority: Authority | None = None
    """None where no certificates are issued."""

    def arn(self, resource: str) -> str:
        """The ARN of a resource of this scope, ``resource`` being ``type/name`` (control reference 1.8)."""
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"
