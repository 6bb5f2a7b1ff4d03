"""The kit finds nothing wrong with tidegate, and something wrong with every tidegate that is broken on purpose."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.test_commands import run as command
from tests.conformance.altering import Answer, Mutation, altering, members, renamed, reworded, taken
from tests.servers import Started, options, started
from tidegate.clock import RandomIds
from tidegate.conformance import report, run
from tidegate.conformance.endpoint import Where
from tidegate.conformance.expectation import Evidence, Outcome, Result

ROOT = Path(__file__).parents[2]
PAGES = {"control": "control-plane.md", "device": "device-plane.md"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(options(tmp_path_factory.mktemp("conformance"), clock="movable")) as server:
        yield server


def where(server: Started, http: str | None = None) -> Where:
    base = http or server.addresses.http.replace("127.0.0.1", "localhost")
    mqtt = "localhost:" + server.addresses.mqtts.rpartition(":")[2]
    return Where(base, mqtt, str(server.addresses.ca), f"{server.addresses.http}/_tidegate/clock")


def observed(at: Where, *only: str) -> list[Result]:
    return list(run.observe(at, run.chosen(only), RandomIds()))


def test_there_are_enough_and_each_is_told_apart() -> None:
    found = run.expectations()
    assert len(found) >= 600
    assert [name for name, number in Counter(each.id for each in found).items() if number > 1] == []
    assert {each.evidence for each in found} == set(Evidence)
    assert all(each.rule and each.chapter for each in found)


@pytest.mark.parametrize("page", PAGES)
def test_every_section_is_in_the_reference(page: str) -> None:
    text = (ROOT / "docs" / "reference" / PAGES[page]).read_text()
    headings = set(re.findall(r"^#+ ([\d.]*\d)", text, re.MULTILINE))
    cited = {
        section for kind, _, section in (each.section.partition(" ") for each in run.expectations()) if kind == page
    }
    assert cited - headings == set()
    assert {each.section.partition(" ")[0] for each in run.expectations()} == set(PAGES)


def test_tidegate_meets_every_expectation(server: Started) -> None:
    assert [(each.expectation.id, each.detail) for each in observed(where(server)) if each.outcome != "passed"] == []


def test_what_was_made_is_removed(server: Started) -> None:
    observed(
        where(server), "jobs.create", "rollout.children", "templates.create", "registry.package-life", "mqtt.token"
    )
    iot = server.client("iot", region_name="us-east-1")
    left = [
        *iot.list_things()["things"],
        *iot.list_thing_groups()["thingGroups"],
        *iot.list_job_templates()["jobTemplates"],
        *iot.list_packages()["packageSummaries"],
        *iot.list_policies()["policies"],
        *iot.list_certificates()["certificates"],
    ]
    assert [each for each in left if "tgc-" in json.dumps(each, default=str)] == []


def test_without_clock_and_mqtt_their_expectations_are_not_observed(server: Started) -> None:
    bare = Where(where(server).http)
    found = observed(bare, "rollout.timeout", "mqtt.token")
    assert [(each.outcome, each.detail) for each in found] == [
        (Outcome.NOT_OBSERVED, "no --clock to move"),
        (Outcome.NOT_OBSERVED, "no --mqtt address"),
    ]


def _drop(*path: str) -> Any:
    def change(content: Any) -> None:
        for name in path[:-1]:
            content = content[name]
        content.pop(path[-1], None)

    return members(change)


def _put(value: Any, *path: str) -> Any:
    def change(content: Any) -> None:
        for name in path[:-1]:
            content = content.get(name) or {}
        if path[-1] in content:
            content[path[-1]] = value

    return members(change)


def _all_answers(status: int) -> Any:
    return lambda answer: Answer(status, {"x-amzn-errortype": "InternalFailureException"}, b'{"message":"m"}')


JOB, TEMPLATE, EXECUTION = r"/jobs/[^/]+", r"/job-templates/[^/]+", r"/things/[^/]+/jobs/[^/]+"
MUTATIONS = [
    Mutation("a template's abort thresholds are lost", "GET", TEMPLATE, _drop("abortConfig"), "templates.keeps-*"),
    Mutation("a template's windows are lost", "GET", TEMPLATE, _drop("maintenanceWindows"), "templates.keeps-*"),
    Mutation("a document is made pretty", "GET", TEMPLATE, _put("{}", "document"), "templates.document-verbatim"),
    Mutation(
        "a second template is another error",
        "PUT",
        TEMPLATE,
        renamed("ConflictException", "ResourceAlreadyExistsException", 409),
        "templates.*conflict*",
    ),
    Mutation("templates take what they must refuse", "PUT", TEMPLATE, taken(), "model.CreateJobTemplate.*"),
    Mutation("errors have other words", "GET", TEMPLATE, reworded, "templates.unknown*"),
    Mutation("templates cannot be deleted", "DELETE", TEMPLATE, taken(), "templates.delete*"),
    Mutation("a job begins as SCHEDULED", "GET", JOB, _put("SCHEDULED", "job", "status"), "jobs.status"),
    Mutation(
        "a counter is missing", "GET", JOB, _drop("job", "jobProcessDetails", "numberOfRemovedThings"), "jobs.counters"
    ),
    Mutation("what is not set is left out", "GET", JOB, _drop("job", "comment"), "registry.nulls"),
    Mutation(
        "a second job is a conflict", "PUT", JOB, renamed("ResourceAlready", "ConflictException", 409), "jobs.same-id*"
    ),
    Mutation("jobs take what they must refuse", "PUT", JOB, taken(), "jobs.cron-*"),
    Mutation(
        "an error has another status",
        "GET",
        JOB,
        renamed("ResourceNotFound", "ResourceNotFoundException", 400),
        "jobs.unknown*",
    ),
    Mutation("a running job can be deleted", "DELETE", JOB, taken(), "jobs.delete-running"),
    Mutation(
        "details are flat",
        "GET",
        EXECUTION,
        _put({"step": "one"}, "execution", "statusDetails"),
        "executions.details-nested",
    ),
    Mutation(
        "versions stand still", "GET", EXECUTION, _put(1, "execution", "versionNumber"), "executions.*-to-SUCCEEDED"
    ),
    Mutation("an ended execution goes on", "POST", EXECUTION, taken(), "executions.SUCCEEDED-to-*"),
    Mutation("nothing is pending", "GET", r"/things/[^/]+/jobs", _put([], "queuedJobs"), "executions.http-pending"),
    Mutation("a thing has no version", "GET", r"/things/[^/]+", _drop("version"), "registry.thing*"),
    Mutation("a thing that differs is taken", "POST", r"/things/[^/]+", taken(), "registry.thing-other"),
    Mutation(
        "packages answer with the others' error",
        "PUT",
        r"/packages/.*",
        renamed("Validation", "InvalidRequestException", 400),
        "model.CreatePackage.*",
    ),
    Mutation("pages end too soon", "GET", "/job-templates", _put(None, "nextToken"), "templates.pages"),
    Mutation("nothing answers", "GET", JOB, _all_answers(500), "jobs.status"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_broken_endpoint_is_found_out(server: Started, mutation: Mutation) -> None:
    with altering(server.addresses.http, mutation) as http:
        found = observed(where(server, http), mutation.only)
    assert Outcome.FAILED in {each.outcome for each in found}
    assert all(each.detail for each in found if each.outcome is Outcome.FAILED)


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_what_ci_reads(server: Started, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"found.{kind}" for kind in ("json", "junit", "html")}
    outputs = [f"--{kind}={path}" for kind, path in files.items()]
    http = f"--http={where(server).http}"
    done = command(
        "conformance", http, "--only=jobs.same-id*", "--only=jobs.status", "--only=rollout.timeout", *outputs
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(files["json"].read_text())
    assert found["summary"]["failed"] == 0
    assert found["summary"]["not_observed"] == 1
    suite = ElementTree.fromstring(files["junit"].read_text())
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert len(suite) == len(found["results"])
    assert "jobs.same-id" in files["html"].read_text()
    for each in found["results"]:
        if each["id"] == "jobs.status":
            each["outcome"] = "failed"
    files["json"].write_text(json.dumps(found))
    again = command("conformance", http, "--only=jobs.status", f"--since={files['json']}")
    assert again.returncode == 0
    assert "better: jobs.status" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name the endpoint with --http URL, or AWS itself with --aws"),
        (["--http=http://localhost:1", "--aws"], "name the endpoint"),
        (["--http=http://localhost:1", "--only=no.such"], "no expectation has such an id"),
    ],
)
def test_commands_that_ask_for_nothing(arguments: list[str], told: str) -> None:
    done = command("conformance", *arguments)
    assert (done.returncode, told in done.stderr) == (2, True)


def test_a_real_account_is_asked_for_first() -> None:
    """No standard input is no yes; it says what it costs, and stops."""
    done = command("conformance", "--aws")
    assert done.returncode == 2
    assert "real AWS account" in done.stdout
    assert "some 4,000 calls" in done.stdout


def test_an_endpoint_that_is_not_there_fails_and_says_so() -> None:
    [found] = observed(Where("http://127.0.0.1:1"), "jobs.status")
    assert found.outcome is Outcome.FAILED
    assert "EndpointConnectionError" in found.detail


def test_what_changed_since() -> None:
    [about] = run.chosen(["jobs.status"])
    failed = [Result(about, Outcome.FAILED, "d")]
    passed = report.as_json([Result(about, Outcome.PASSED)], {})
    assert report.changes(failed, passed) == (["jobs.status"], [])
    assert report.changes(failed, report.as_json(failed, {})) == ([], [])
    with pytest.raises(ValueError, match="no results of a run"):
        report.changes(failed, "[]")
