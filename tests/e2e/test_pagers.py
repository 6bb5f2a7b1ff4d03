"""Every list with a thousand entries, through boto3's paginators and the CLI's: all of them, each once, in pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from botocore import xform_name

from tests import servers
from tests.e2e import cli
from tests.fuzz.shapes import ACCOUNT, REGION
from tests.ops import x509_samples
from tidegate.ops.call import Origin
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.wire import iot
from tidegate.wire.iot import Tag

ENTRIES = 1000
NAMES = [f"n{number:04d}" for number in range(ENTRIES)]
ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:"
QUOTAS = (
    "job_templates",
    "concurrent_jobs",
    "rollout_per_minute",
    "packages",
    "policies_per_target",
    "groups_per_thing",
    "tags_per_resource",
)
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'


class Listing(NamedTuple):
    """A list: boto3's paginator, its arguments, where the entries stand, and which there are to be."""

    paginator: str
    arguments: dict[str, Any]
    key: str
    entry: str
    expected: list[str]
    sized: bool = True
    """Whether the caller can choose the size of a page."""

    def config(self, size: int, **more: Any) -> dict[str, Any]:
        """boto3's ``PaginationConfig`` for pages of a size."""
        return {"PageSize": size, **more} if self.sized else more

    def name(self, entry: Any) -> str:
        """What tells an entry from the others."""
        return str(entry if not self.entry else entry[self.entry])


class Filled:
    """A server with a thousand of everything."""

    def __init__(self, server: servers.Started) -> None:
        self.server = server
        own = [{"certificate_pem": x509_samples.self_signed()} for _ in range(ENTRIES)]
        self.certificates = [made.certificate_arn for made in self.make("RegisterCertificateWithoutCA", own)]
        self.make("CreateThingType", [{"thing_type_name": name} for name in NAMES])
        self.make("CreateBillingGroup", [{"billing_group_name": name} for name in NAMES])
        self.make("CreatePackage", [{"package_name": name} for name in NAMES])
        versions = [{"package_name": NAMES[0], "version_name": name} for name in NAMES]
        self.make("CreatePackageVersion", versions)
        self.make("CreateThing", [{"thing_name": "one"}])
        kind = {"thing_type_name": NAMES[0], "billing_group_name": NAMES[0]}
        self.make("CreateThing", [{"thing_name": name, **kind} for name in NAMES])
        self.make("CreateThingGroup", [{"thing_group_name": name} for name in ["one", *NAMES]])
        self.make("AddThingToThingGroup", [{"thing_group_name": "one", "thing_name": name} for name in NAMES])
        on = iot.ThingIndexingConfiguration(thing_indexing_mode="REGISTRY")
        self.make("UpdateIndexingConfiguration", [{"thing_indexing_configuration": on}])
        self.make("CreateDynamicThingGroup", [{"thing_group_name": "found", "query_string": "thingName:n*"}])
        self.make("CreateJobTemplate", [{"job_template_id": n, "description": "d", "document": "{}"} for n in NAMES])
        self.make("CreatePolicy", [{"policy_name": name, "policy_document": POLICY} for name in ["one", *NAMES]])
        self.make("AttachPolicy", [{"policy_name": "one", "target": arn} for arn in self.certificates])
        self.make("AttachThingPrincipal", [{"thing_name": "one", "principal": arn} for arn in self.certificates])
        first = self.certificates[0]
        self.make("AttachPolicy", [{"policy_name": name, "target": first} for name in NAMES])
        self.make("AddThingToThingGroup", [{"thing_group_name": name, "thing_name": "one"} for name in NAMES])
        tags = [Tag(key=name, value="v") for name in NAMES]
        self.make("TagResource", [{"resource_arn": f"{ARN}thinggroup/one", "tags": tags}])
        self._authorities()
        self.make("AttachThingPrincipal", [{"thing_name": name, "principal": first} for name in NAMES[1:]])
        jobs = [{"job_id": name, "targets": [f"{ARN}thing/one"], "document": "{}"} for name in NAMES]
        self.make("CreateJob", [*jobs, {"job_id": "one", "targets": [f"{ARN}thinggroup/one"], "document": "{}"}])
        server.on_loop(server.running.engine.settle)

    def _authorities(self) -> None:
        """A thousand, one of which has signed a thousand certificates."""
        makers = [x509_samples.MakerCA(name) for name in NAMES]
        registered = [
            {"ca_certificate": maker.pem, "certificate_mode": "SNI_ONLY", "set_as_active": True} for maker in makers
        ]
        self.authorities = [made.certificate_arn for made in self.make("RegisterCACertificate", registered)]
        self.maker = makers[0].certificate_id
        leaves = [{"certificate_pem": makers[0].leaf(), "ca_certificate_pem": makers[0].pem} for _ in range(ENTRIES)]
        self.signed = [made.certificate_arn for made in self.make("RegisterCertificate", leaves)]

    def make(self, operation: str, members: list[dict[str, Any]]) -> list[Any]:
        """Carry out an operation many times, in few commits."""
        service, handler = self.server.running.service, HANDLERS["iot", operation]
        requests = [iot.OPERATIONS[operation].request(**one) for one in members]

        async def all_of_them() -> list[Any]:
            asked = (
                service.invoke(
                    handler, request, account=ACCOUNT, region=REGION, principal="test", origin=Origin("iot", operation)
                )
                for request in requests
            )
            return await asyncio.gather(*asked)

        return self.server.on_loop(all_of_them)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    many = Limits()._replace(**dict.fromkeys(QUOTAS, 10**6))  # everything that AWS bounds below what this file makes
    with servers.started(servers.options(tmp_path_factory.mktemp("pagers"), limits=many)) as server:
        yield Filled(server)


def listings(filled: Filled) -> list[Listing]:
    certificates, first = sorted(filled.certificates), filled.certificates[0]
    things = [f"{ARN}thing/{name}" for name in NAMES]
    return [
        Listing("list_things", {}, "things", "thingName", ["one", *NAMES]),
        Listing("list_things", {"thingTypeName": NAMES[0]}, "things", "thingName", NAMES),
        Listing("list_thing_types", {}, "thingTypes", "thingTypeName", NAMES),
        Listing("list_billing_groups", {}, "billingGroups", "groupName", NAMES),
        Listing("list_things_in_billing_group", {"billingGroupName": NAMES[0]}, "things", "", NAMES),
        Listing("list_thing_groups", {"namePrefixFilter": "n"}, "thingGroups", "groupName", NAMES),
        Listing("list_things_in_thing_group", {"thingGroupName": "one"}, "things", "", NAMES),
        Listing("list_things_in_thing_group", {"thingGroupName": "found"}, "things", "", NAMES),
        Listing("list_job_templates", {}, "jobTemplates", "jobTemplateId", NAMES),
        Listing("list_jobs", {}, "jobs", "jobId", ["one", *NAMES]),
        Listing("list_job_executions_for_job", {"jobId": "one"}, "executionSummaries", "thingArn", things),
        Listing("list_job_executions_for_thing", {"thingName": "one"}, "executionSummaries", "jobId", NAMES),
        Listing("list_packages", {}, "packageSummaries", "packageName", NAMES),
        Listing("list_package_versions", {"packageName": NAMES[0]}, "packageVersionSummaries", "versionName", NAMES),
        Listing("list_policies", {}, "policies", "policyName", ["one", *NAMES]),
        Listing("list_targets_for_policy", {"policyName": "one"}, "targets", "", certificates),
        Listing("list_policy_principals", {"policyName": "one"}, "principals", "", certificates),
        Listing("list_certificates", {}, "certificates", "certificateArn", [*certificates, *filled.signed]),
        Listing("list_thing_principals", {"thingName": "one"}, "principals", "", certificates),
        Listing("list_principal_things", {"principal": first}, "things", "", ["one", *NAMES[1:]]),
        Listing("list_thing_principals_v2", {"thingName": "one"}, "thingPrincipalObjects", "principal", certificates),
        Listing(
            "list_principal_things_v2", {"principal": first}, "principalThingObjects", "thingName", ["one", *NAMES[1:]]
        ),
        Listing("list_attached_policies", {"target": first}, "policies", "policyName", ["one", *NAMES]),
        Listing("list_principal_policies", {"principal": first}, "policies", "policyName", ["one", *NAMES]),
        Listing("list_thing_groups_for_thing", {"thingName": "one"}, "thingGroups", "groupName", NAMES),
        Listing("list_tags_for_resource", {"resourceArn": f"{ARN}thinggroup/one"}, "tags", "Key", NAMES, sized=False),
        Listing("list_ca_certificates", {}, "certificates", "certificateArn", filled.authorities),
        Listing(
            "list_certificates_by_ca",
            {"caCertificateId": filled.maker},
            "certificates",
            "certificateArn",
            filled.signed,
        ),
    ]


def short_listings() -> list[Listing]:
    """Lists that never hold a thousand."""
    return [
        Listing("list_managed_job_templates", {}, "managedJobTemplates", "templateName", MANAGED),
        Listing("list_indices", {}, "indexNames", "", ["AWS_Things"]),
    ]


MANAGED = [
    f"AWS-{name}"
    for name in (
        "Download-File",
        "Install-Application",
        "Reboot",
        "Remove-Application",
        "Restart-Application",
        "Run-Command",
        "Start-Application",
        "Stop-Application",
    )
]


def test_short_lists_come_whole_too(filled: Filled) -> None:
    client = filled.server.client("iot")
    for listing in short_listings():
        pages = client.get_paginator(listing.paginator).paginate(PaginationConfig={"PageSize": 3})
        assert sorted(listing.name(entry) for page in pages for entry in page[listing.key]) == listing.expected


def test_every_list_comes_whole_and_in_pages(filled: Filled) -> None:
    client = filled.server.client("iot")
    for listing in listings(filled):
        pages = client.get_paginator(listing.paginator).paginate(
            **listing.arguments, PaginationConfig=listing.config(99)
        )
        found = [[listing.name(entry) for entry in page[listing.key]] for page in pages]
        assert sorted(name for page in found for name in page) == sorted(listing.expected), listing.paginator
        assert not listing.sized or max(len(page) for page in found) <= 99
        assert len(found) >= (ENTRIES // 99 if listing.sized else 1), listing.paginator


def test_a_search_comes_whole_and_in_pages(filled: Filled) -> None:
    """SearchIndex has no paginator; its token stands in the body."""
    client = filled.server.client("iot")
    found: list[list[str]] = []
    members: dict[str, Any] = {"queryString": "thingName:n* AND thingGroupNames:found", "maxResults": 99}
    while True:
        page = client.search_index(**members)
        found.append([thing["thingName"] for thing in page["things"]])
        if "nextToken" not in page:
            break
        members["nextToken"] = page["nextToken"]
    assert [name for names in found for name in names] == NAMES
    assert [len(names) for names in found] == [99] * 10 + [10]
    assert len(client.search_index(queryString="*")["things"]) == 100


def test_a_list_without_a_page_size_comes_whole_too(filled: Filled) -> None:
    client = filled.server.client("iot")
    for listing in listings(filled):
        pages = client.get_paginator(listing.paginator).paginate(**listing.arguments)
        found = [listing.name(entry) for page in pages for entry in page[listing.key]]
        assert sorted(found) == sorted(listing.expected), listing.paginator


def test_a_list_that_starts_where_another_stopped(filled: Filled) -> None:
    client = filled.server.client("iot")
    for listing in listings(filled):
        pager = client.get_paginator(listing.paginator)
        begun = pager.paginate(
            **listing.arguments, PaginationConfig=listing.config(100, MaxItems=150)
        ).build_full_result()
        rest = pager.paginate(
            **listing.arguments, PaginationConfig=listing.config(100, StartingToken=begun["NextToken"])
        ).build_full_result()
        found = [listing.name(entry) for entry in begun[listing.key] + rest[listing.key]]
        assert len(begun[listing.key]) == 150
        assert sorted(found) == sorted(listing.expected), listing.paginator


def test_the_cli_pages_through_every_list(filled: Filled, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    aws = cli.aws(filled.server, monkeypatch, capfd)
    for listing in listings(filled):
        command = listing.paginator.replace("_", "-")
        arguments = [f"--{xform_name(name, '-')}={value}" for name, value in listing.arguments.items()]
        code, output, errors = aws("iot", command, *arguments)
        assert (code, errors) == (0, "")
        found = [listing.name(entry) for entry in json.loads(output)[listing.key]]
        assert sorted(found) == sorted(listing.expected), listing.paginator
