"""Bulk registration: what is asked of a task, and what becomes of its lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_provisioning import BY_REQUEST, template
from tests.ops.x509_samples import SampleAuthority, signing_request
from tests.shelf import Shelf, Signed
from tidegate.core import texts
from tidegate.core.location import Fault, Location
from tidegate.core.provisioning import bulk
from tidegate.ops import registration_tasks
from tidegate.ops.call import Call
from tidegate.ops.effects import RegistrationDue
from tidegate.ops.registration_tasks import Overtaken
from tidegate.store import registration_tasks as stored
from tidegate.store.database import Database, transact
from tidegate.wire import iot
from tidegate.wire.errors import AccessDeniedException, WireError

ROLE = "arn:aws:iam::123456789012:role/registration"
BODY = template(BY_REQUEST, ThingGroups=["g"])
INPUT = Location("inputs", "fleet/one.json")


def line(name: str, **parameters: str) -> str:
    return json.dumps({"Name": name, "CSR": signing_request(), **parameters})


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf()
    found.on[INPUT] = "\n".join([line("a"), "", line("no name"), '{"Name": 1}', line("b")]).encode()
    return found


@pytest.fixture
def able(call: Call, shelf: Shelf) -> Call:
    return call._replace(authority=SampleAuthority(), objects=shelf, principal="alice")


def start(run: Run, call: Call, effects: list[Any] | None = None, **changes: str) -> str:
    given = {
        "template_body": BODY,
        "input_file_bucket": INPUT.bucket,
        "input_file_key": INPUT.key,
        "role_arn": ROLE,
        **changes,
    }
    task_id: str = run("StartThingRegistrationTask", call=call, effects=effects, **given).task_id
    return task_id


class Engine:
    """What ``engine.registrations`` does with a task, in small steps."""

    def __init__(self, database: Database, call: Call, task_id: str) -> None:
        self.database, self.call, self.task_id = database, call, task_id

    @property
    def task(self) -> stored.Task:
        found = self.database.read(lambda tx: stored.get(tx, self.call.scope, self.task_id))
        assert found is not None
        return found

    def read(self) -> list[bulk.Line]:
        task = self.task
        assert self.call.objects is not None
        size = task.input_size - task.input_offset
        piece = self.call.objects.read(INPUT, task.etag, task.input_offset, size)
        return list(bulk.lines(piece, task.input_offset, task.line, last=True))

    def do(self, given: bulk.Line) -> None:
        outcome = registration_tasks.evaluated(self.call, self.task.body, given)
        brought, refusal, task = outcome.brought, outcome.refusal, self.task.id
        if brought is not None:
            try:
                transact(self.database, lambda tx: registration_tasks.carry_out(tx, self.call, task, given, brought))
            except WireError as error:
                refusal = error
            else:
                return
        transact(self.database, lambda tx: registration_tasks.pass_over(tx, self.call, task, given, refusal))

    def report(self) -> list[Location]:
        places = []
        while True:
            task = self.task
            report = self.database.read(lambda tx, task=task: registration_tasks.next_report(tx, task))  # type: ignore[misc]
            if report is None:
                transact(self.database, lambda tx, task=task: registration_tasks.close(tx, self.call, task))
                return places
            key = registration_tasks.report_key(INPUT.key, self.task_id, report.kind, report.number)
            places.append(Location(INPUT.bucket, key))
            self.call.objects.put(places[-1], report.body, now=self.call.now)  # type: ignore[union-attr]
            transact(
                self.database,
                lambda tx, task=task, report=report: registration_tasks.written(tx, self.call, task, report),
            )


def test_a_task_from_its_start_to_its_reports(
    run: Run, able: Call, database: Database, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration_tasks, "REPORT_LINES", 1)
    run("CreateThingGroup", thing_group_name="g")
    effects: list[Any] = []
    task_id = start(run, able, effects)
    assert effects == [RegistrationDue()]
    engine = Engine(database, able, task_id)
    assert (engine.task.principal, engine.task.etag) == ("alice", shelf.stat(INPUT).etag)
    for given in engine.read():
        engine.do(given)
    found = run("DescribeThingRegistrationTask", task_id=task_id)
    assert (found.status, found.success_count, found.failure_count, found.percentage_progress) == (
        "InProgress", 2, 2, 100,
    )  # fmt: skip
    assert [thing.thing_name for thing in run("ListThings").things] == ["a", "b"]
    assert run("ListThingsInThingGroup", thing_group_name="g").things == ["a", "b"]
    task = engine.task
    transact(database, lambda tx: stored.conclude(tx, task.id, "Completed", None, now=able.now))
    kinds = [place.key.rpartition("/")[2] for place in engine.report()]
    assert kinds == ["RESULTS-1", "RESULTS-2", "ERRORS-1", "ERRORS-2"]
    assert run("DescribeThingRegistrationTask", task_id=task_id).status == "Completed"
    results, errors = (reports(run, able, shelf, task_id, kind) for kind in ("RESULTS", "ERRORS"))
    assert [each["lineNumber"] for each in results] == [1, 5]
    response = results[0]["response"]
    assert set(response["ResourceArns"]) == {"thing", "certificate", "policy"}
    principal = response["ResourceArns"]["certificate"]
    certificate = run("DescribeCertificate", certificate_id=principal.rpartition("/")[2]).certificate_description
    assert certificate.certificate_pem == response["CertificatePem"]
    assert [(each["lineNumber"], each["errorCode"]) for each in errors] == [
        (3, "ResourceRegistrationFailureException"),
        (4, "InvalidRequestException"),
    ]
    assert errors[1]["errorMessage"] == texts.provisioning.LINE_INVALID
    whole = shelf.on[INPUT]
    assert isinstance(whole, bytes)
    assert all(whole[each["offset"] :].startswith(b"{") for each in results + errors)


def reports(run: Run, call: Call, shelf: Shelf, task_id: str, kind: str) -> list[Any]:
    found, token = [], None
    while True:
        page = run(
            "ListThingRegistrationTaskReports", call=call, task_id=task_id, report_type=kind, max_results=1,
            next_token=token,
        )  # fmt: skip
        for link in page.resource_links:
            signed = Signed(link)
            body = shelf.on[Location(*signed.path[1:].split("/", 1))]
            assert isinstance(body, bytes)
            found += [json.loads(each) for each in body.splitlines()]
            assert (signed.method, signed.signed_at) == ("GET", call.now)
        token = page.next_token
        if token is None:
            return found


def test_a_line_is_done_once(run: Run, able: Call, database: Database) -> None:
    run("CreateThingGroup", thing_group_name="g")
    engine = Engine(database, able, start(run, able))
    first, *_ = engine.read()
    engine.do(first)
    before = engine.task
    with pytest.raises(Overtaken):
        engine.do(first)
    assert engine.task == before
    assert len(run("ListCertificates").certificates) == 1


def test_no_line_after_a_stop(run: Run, able: Call, database: Database) -> None:
    run("CreateThingGroup", thing_group_name="g")
    task_id = start(run, able)
    engine = Engine(database, able, task_id)
    first, _, third, *_ = engine.read()
    engine.do(first)
    effects: list[Any] = []
    run("StopThingRegistrationTask", task_id=task_id, effects=effects)
    assert effects == [RegistrationDue()]
    assert run("DescribeThingRegistrationTask", task_id=task_id).status == "Cancelling"
    with pytest.raises(Overtaken):
        engine.do(third)
    engine.report()
    found = run("DescribeThingRegistrationTask", task_id=task_id)
    assert (found.status, found.success_count, found.failure_count) == ("Cancelled", 1, 0)
    with pytest.raises(iot.InvalidRequestException):
        run("StopThingRegistrationTask", task_id=task_id)


def test_one_task_of_an_account_at_a_time(run: Run, able: Call, database: Database) -> None:
    first = start(run, able)
    with pytest.raises(iot.InvalidRequestException) as error:
        start(run, able)
    assert error.value.message == texts.provisioning.task_under_way(first)
    run("StopThingRegistrationTask", task_id=first)
    Engine(database, able, first).report()
    assert start(run, able) != first


def test_what_no_task_begins_with(run: Run, able: Call, call: Call, shelf: Shelf) -> None:
    def refused(using: Call = able, **changes: str) -> str:
        with pytest.raises(iot.InvalidRequestException) as error:
            start(run, using, **changes)
        return error.value.message

    told = refused(template_body="{", role_arn="arn:aws:iam::123456789012:user/alice", input_file_key="nothing")
    assert all(word in told for word in ("template", "user/alice", "inputs/nothing cannot be read: missing")), told
    assert refused(call) == texts.provisioning.INPUT_STORED_NOWHERE
    assert "missing" not in refused(input_file_key="k" * 961)
    shelf.on[INPUT] = Fault.UNREACHABLE
    assert "unreachable" in refused()
    shelf.on[INPUT] = b""
    shelf.closed_to.add(able.account)
    assert "denied" in refused()
    assert run("ListThingRegistrationTasks").task_ids == []


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject"])
def test_whoever_starts_a_task_may_read_its_input_and_write_beside_it(run: Run, able: Call, action: str) -> None:
    def refused(asked: str, resource: str) -> str | None:
        assert resource.startswith("arn:aws:s3:::inputs/fleet/one.json")
        return "no" if asked == action else None

    with pytest.raises(AccessDeniedException):
        start(run, able._replace(refused=refused))


def test_lists(run: Run, able: Call, database: Database) -> None:
    ids = []
    for _ in range(5):
        ids.append(start(run, able))
        if len(ids) < 5:
            run("StopThingRegistrationTask", task_id=ids[-1])
            Engine(database, able, ids[-1]).report()
    found, token = [], None
    while True:
        page = run("ListThingRegistrationTasks", max_results=2, next_token=token)
        found += page.task_ids
        token = page.next_token
        if token is None:
            break
    assert found == ids[::-1]
    assert run("ListThingRegistrationTasks", status="Cancelled").task_ids == ids[3::-1]
    assert run("ListThingRegistrationTasks", status="InProgress").task_ids == ids[4:]
    for name in ("DescribeThingRegistrationTask", "StopThingRegistrationTask"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(name, task_id="none")
    with pytest.raises(iot.InvalidRequestException):
        run("ListThingRegistrationTaskReports", call=able, task_id="none", report_type="ERRORS")
    page = run("ListThingRegistrationTaskReports", call=able, task_id=ids[0], report_type="ERRORS")
    assert (page.resource_links, page.next_token) == ([], None)
