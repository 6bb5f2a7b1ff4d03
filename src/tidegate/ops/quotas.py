"""The quotas of a server: AWS's, none, or those an operator wrote into a file (control reference 20).

A file is TOML or JSON: names of the quotas below with a number, or ``"off"``. What it does not name is as on AWS.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import attributes
from tidegate.wire.shapes import Ceilings

UNLIMITED: Final = 2**31 - 1
LARGEST: Final = 8 * 1024 * 1024
"""Bytes of anything where its quota is off: it is held in memory for each request that carries it."""


class Limits(NamedTuple):
    """What a self-hosted server may set differently from AWS."""

    rollout_per_minute: int = 1000
    """The highest rollout rate that is accepted and applied."""
    job_templates: int = 100
    targets_per_job: int = 100
    document_bytes: int = 32_768
    """Also the most a server takes in: what is larger does not arrive."""
    retries_per_execution: int = 10
    presigned_url_seconds: int = 3600
    package_versions_per_job: int = 25
    deleting_jobs: int = 10
    active_jobs: int = 100_000
    concurrent_jobs: int = 500
    """Jobs that may be rolled out or canceled at once."""
    tags_per_resource: int = 50
    dynamic_groups: int = 100
    attributes_per_thing: int = attributes.OF_UNTYPED_THING
    """Of a thing without a type."""
    attributes_per_typed_thing: int = attributes.OF_TYPED_THING
    attributes_per_group: int = attributes.OF_GROUP
    groups_per_thing: int = 10
    thing_group_depth: int = 7
    children_per_group: int = 100
    policies_per_target: int = 10
    policy_versions: int = 5
    policy_characters: int = 2048
    """White space between values is not counted."""
    ca_certificates_per_subject: int = 10
    provisioning_template_versions: int = 5
    unclaimed_certificates: int = 10_000
    """Certificates that wait for their devices to show the ownership token, and those of CreateProvisioningClaim: not
    AWS's, whose number is not known. One more takes the place of that which has waited longest.
    """
    credentials_per_certificate: int = 100
    """Temporary ones, of the credential provider; not AWS's either. Those given first go for new ones."""
    billing_groups: int = 20_000
    role_aliases: int = 100
    authorizers: int = 10
    domain_configurations: int = 10
    thing_type_rest: int = 5 * 60_000
    """How long (ms) a thing type must have been deprecated before it can be deleted."""
    packages: int = 100
    package_versions: int = 10_000
    """Of all packages of an account together."""
    attribute_bytes: int = 3072
    """Of a package version's attributes, names and values."""
    stream_file_size: int = 25_165_824
    """Bytes of a file in a stream; more than AWS's 24 MB only devices with blocks of more than 256 bytes can read."""
    commands: int = 2**31 - 1
    """Off: AWS's number is not known (reach reference 11)."""
    running_commands_per_target: int = 2**31 - 1
    """Executions of one device that have not ended. Off likewise."""
    shadow_bytes: int = 8192
    """Of a shadow's state as compact JSON; metadata is not counted."""
    schedule_lead: int = 30 * 60_000
    """How far ahead (ms) a job's start and end must be."""
    release_chunk: int = 1000
    """Executions released in one transaction: about two milliseconds, which a device's request may have to wait for."""

    def ceilings(self) -> Ceilings:
        """Those that differ from AWS's, for the shape constraints that hold quotas."""
        own = zip(self._fields, self, Limits(), strict=True)
        return tuple((name, most) for name, most, default in own if most != default)


RULES: Final = frozenset({"schedule_lead", "release_chunk", "thing_type_rest"})
"""Fields of ``Limits`` that are no quotas: times, and sizes of the engine's steps."""
NAMES: Final = tuple(name for name in Limits._fields if name not in RULES)


class SettingsError(ValueError):
    """A file of quotas or rates that cannot be used; ``problems`` are sentences, all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def off() -> Limits:
    """No quotas, but for what a server can carry."""
    return Limits(**{name: _most(name) for name in NAMES})


def parse(text: str, *, json: bool) -> Limits:
    """The quotas of a file. Raises ``SettingsError``."""
    given = read(text, json=json)
    problems = [problem for name, value in given.items() for problem in _problems(name, value)]
    if problems:
        raise SettingsError(problems)
    return Limits(**{name: _most(name) if value == "off" else value for name, value in given.items()})


def read(text: str, *, json: bool) -> Mapping[str, Any]:
    """The names and values of a TOML or JSON file. Raises ``SettingsError``."""
    try:
        given = msgspec.json.decode(text) if json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError([f"It is not {'JSON' if json else 'TOML'}: {error}."]) from None
    if not isinstance(given, dict):
        raise SettingsError(["It must be an object of names and numbers."])
    return given


def _most(name: str) -> int:
    return LARGEST if name.endswith("_bytes") else UNLIMITED


def _problems(name: str, value: object) -> list[str]:
    if name not in NAMES:
        return [f"There is no quota {name}; there are {', '.join(NAMES)}."]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value != "off" and not (whole and 1 <= value <= _most(name)):  # type: ignore[operator]
        return [f"{name} must be a whole number from 1 to {_most(name)}, or off."]
    return []
