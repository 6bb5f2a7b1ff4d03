"""The audit log in the store: an entry for each change and none without one, chained, found again, pruned."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.world import World, abort_when
from tidegate.clock import RandomIds
from tidegate.core import audit as rules
from tidegate.ops import audit
from tidegate.ops.audit import Entry, Wanted
from tidegate.ops.call import Call, Origin
from tidegate.ops.handler import AtBroker, Write
from tidegate.ops.table import HANDLERS
from tidegate.ops.things import create_thing
from tidegate.pki.vault import Vault
from tidegate.store import audit as stored
from tidegate.store import refusals, things
from tidegate.store.database import Database, Lane, Tx, locks_rows, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.wire import iot, iot_data, jobs_data

VAULT = Vault(b"k" * 32, RandomIds())
PLANES = {"iot": iot.OPERATIONS, "iot-jobs-data": jobs_data.OPERATIONS, "iot-data": iot_data.OPERATIONS}
NOTHING: Write[Any, Any] = Write(lambda *_: None)
PEER = {"edge": "http", "source": "192.0.2.7", "request_id": "r-1", "access_key_id": "AKIA1"}


def asked_for(call: Call, name: str, plane: str = "iot", **more: Any) -> Call:
    return call._replace(principal="arn:aws:iam::123456789012:user/ann", origin=Origin(plane, name, **PEER, **more))


def named(plane: str, name: str) -> Any:
    """A request in which every text is set."""
    request = PLANES[plane][name].request()
    for member, kind in request.__class__.__annotations__.items():
        if "ClassVar" not in str(kind) and member.endswith(("_name", "_id", "topic", "principal", "arn")):
            setattr(request, member, member.replace("_", "-"))
    return request


def entries(database: Database) -> list[Entry]:
    return [audit.read(text) for text in database.read(audit.unsealed)]


def seal(database: Database) -> int:
    done = 0
    while count := transact(database, locks_rows(lambda tx: audit.seal(tx, VAULT.prove))):
        done += count
    return done


def verify(database: Database) -> rules.Verdict:
    return database.read(
        lambda tx: rules.verify(audit.following(tx, 0), waiting=audit.unsealed(tx), proves=VAULT.proves)
    )


def put(database: Database, *names: str) -> None:
    for name in names:
        transact(
            database, lambda tx, name=name: audit.append(tx, Entry(time=NOW, principal=name, edge="s", operation="o"))
        )


# --- which requests leave an entry ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("plane", "name"), HANDLERS)
def test_each_operation_that_changes_something_leaves_one_entry(
    database: Database, call: Call, plane: str, name: str
) -> None:
    handler = HANDLERS[plane, name]
    request, mine = named(plane, name), asked_for(call, name, plane)
    if name == "Publish":
        request.retain = True
    if not audit.counts(handler, mine, request):
        assert name.startswith(("Get", "List", "Describe", "Search", "Test", "SendDirectMessage"))
        return
    at_broker = isinstance(handler, AtBroker)
    work = audit.asked(mine, request) if at_broker else audit.recorded(lambda tx: None, NOTHING, mine, request)
    transact(database, work)
    [entry] = entries(database)
    assert entry.operation.endswith(f":{name}")
    assert (entry.principal, entry.account, entry.region) == (mine.principal, "123456789012", "eu-west-1")
    assert (entry.source, entry.request_id, entry.access_key_id) == ("192.0.2.7", "r-1", "AKIA1")
    assert entry.outcome == ("asked" if at_broker else "done")


def test_what_a_device_reports_leaves_none(call: Call) -> None:
    handler = HANDLERS["iot-jobs-data", "UpdateJobExecution"]
    request = named("iot-jobs-data", "UpdateJobExecution")
    device = asked_for(call, "UpdateJobExecution", "iot-jobs-data", device=True)
    assert not audit.counts(handler, device, request)
    plain = iot_data.PublishRequest(topic="t")
    assert not audit.counts(HANDLERS["iot-data", "Publish"], asked_for(call, "Publish", "iot-data"), plain)


def test_a_change_that_fails_leaves_none(database: Database, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "strict", False)  # whenever it fails
    mine, request = asked_for(call, "CreateThing"), iot.CreateThingRequest(thing_name="t")

    def fails(tx: Tx) -> None:
        create_thing(tx, mine, request)
        raise iot.InvalidRequestException("no")

    lamp = iot.CreateThingRequest(thing_name="lamp")
    work = audit.recorded(fails, NOTHING, mine, request)
    other = audit.recorded(lambda tx: create_thing(tx, mine, lamp), HANDLERS["iot", "CreateThing"], mine, lamp)
    outcomes = database.commit([other, work])
    assert outcomes[0].error is None
    assert isinstance(outcomes[1].error, iot.InvalidRequestException)
    [entry] = entries(database)
    assert entry.resources == ["arn:aws:iot:eu-west-1:123456789012:thing/lamp"]
    assert database.read(lambda tx: things.find(tx, call.scope, "t")) is None


# --- what an entry shows --------------------------------------------------------------------------------------------

DOCUMENTS = [
    json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
    for action in ("iot:*", "iot:Connect")
]


@pytest.fixture
def change(database: Database, call: Call) -> Callable[..., Entry]:
    """Carries out an operation as the service does; its entry."""

    def change(name: str, **members: Any) -> Entry:
        handler, mine = HANDLERS["iot", name], asked_for(call, name)
        request = iot.OPERATIONS[name].request(**members)
        before = len(entries(database))
        work = audit.recorded(handler.transaction(mine, request), handler, mine, request)
        transact(database, work)
        *_, last = entries(database)
        assert len(entries(database)) == before + 1
        return last

    return change


def test_policies_are_shown_before_and_after(change: Callable[..., Entry]) -> None:
    first, second = DOCUMENTS
    made = change("CreatePolicy", policy_name="p", policy_document=first)
    assert (made.before, made.after) == (None, {"version in force": "1", "in force": first})
    further = change("CreatePolicyVersion", policy_name="p", policy_document=second)
    assert (further.before, further.after) == (None, {"version 2": second})
    chosen = change("SetDefaultPolicyVersion", policy_name="p", policy_version_id="2")
    assert chosen.before == {"version in force": "1", "in force": first, "version 2": second}
    assert chosen.after == {"version in force": "2", "in force": second, "version 1": first}
    dropped = change("DeletePolicyVersion", policy_name="p", policy_version_id="1")
    assert (dropped.before, dropped.after) == ({"version 1": first}, None)
    gone = change("DeletePolicy", policy_name="p")
    assert (gone.before, gone.after) == ({"version in force": "2", "in force": second}, None)


def test_a_new_certificate_is_named_by_its_answer(change: Callable[..., Entry], database: Database, call: Call) -> None:
    mine = asked_for(call, "CreateKeysAndCertificate")
    arn = "arn:aws:iot:eu-west-1:123456789012:cert/ab"
    answer = iot.CreateKeysAndCertificateResponse(
        certificate_arn=arn, key_pair=iot.KeyPair(private_key="-----BEGIN PRIVATE KEY-----")
    )
    request = iot.CreateKeysAndCertificateRequest(set_as_active=True)
    transact(database, audit.recorded(lambda tx: answer, NOTHING, mine, request))
    [text] = database.read(audit.unsealed)
    assert audit.read(text).resources == [arn]
    assert "PRIVATE" not in text


def test_an_aborted_job_is_told_of_as_the_engine_s_act(run: Run, database: Database, call: Call) -> None:
    world = World(run, database, call)
    [target] = world.things(1)
    world("CreateJob", job_id="j", targets=[target], document="{}", abort_config=abort_when("FAILED", "50", 1))
    world.report("t1", "j", "FAILED")
    [entry] = entries(database)
    assert (entry.principal, entry.edge, entry.operation) == ("engine", "engine", "tidegate:AbortJob")
    assert (entry.account, entry.region) == ("123456789012", "eu-west-1")
    assert entry.resources == ["arn:aws:iot:eu-west-1:123456789012:job/j"]
    assert entry.service_time == NOW
    assert entry.after is not None
    assert "FAILED" in entry.after["reason"]


# --- the chain in the store -----------------------------------------------------------------------------------------


def test_entries_are_sealed_in_order_and_once(database: Database) -> None:
    put(database, *"abc")
    assert seal(database) == 3
    put(database, "d")
    assert verify(database).entries == 3
    assert (seal(database), seal(database)) == (1, 0)
    assert verify(database) == (4, database.read(stored.head), None)
    found = database.read(lambda tx: [entry.principal for _, entry in audit.find(tx, Wanted())])
    assert found == list("abcd")


def test_entries_that_share_a_commit_share_a_row(database: Database) -> None:
    works = [
        lambda tx, name=name: audit.append(tx, Entry(time=NOW, principal=name, edge="s", operation="o"))
        for name in map(str, range(100))
    ]
    for outcome in database.commit(works):
        outcome.result()
    assert seal(database) == 100
    rows = database.read(lambda tx: stored.page(tx, 0, 1000))
    assert sum(row.count for row in rows) == 100
    assert len(rows) == (100 if database.concurrent else 4)
    assert verify(database).fault is None
    lines = database.read(lambda tx: list(audit.exported(tx, 41)))
    assert [line.seq for line in lines] == list(range(42, 101))
    assert rules.verify_exported(lines, proves=VAULT.proves, expected=None).fault is None


def _write(database: Database, sql: str) -> None:
    """As somebody would who gets at the store."""
    if isinstance(database, PostgresDatabase):
        with database._connection("BEGIN", Lane.OPERATORS) as connection:
            connection.execute(sql)
            connection.execute("COMMIT")
    else:
        database._connection.execute(sql)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE audit SET entries = replace(entries, 'b', 'x') WHERE seq = 2", "entry 2 was changed"),
        ("UPDATE audit SET hash = 'x' WHERE seq = 2", "entry 2 was changed"),
        ("UPDATE audit SET seq = NULL WHERE seq = 2", "entry 2 is gone: 3 comes in its place"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2 is gone: 3 comes in its place"),
        ("DELETE FROM audit WHERE seq = 1", "entry 1 is gone: 2 comes in its place"),
        ("UPDATE audit SET seq = -seq WHERE seq = 1", "entry 1 is gone: 2 comes in its place"),
        ("UPDATE audit SET entries = '' WHERE seq = 1", "the entries up to 1 are gone, and no entry says"),
        ("UPDATE audit SET mac = '' WHERE seq = 3", "entry 3, where it ends, is not proved"),
    ],
)
def test_what_is_done_to_sealed_rows_shows(database: Database, sql: str, fault: str) -> None:
    for name in "abc":
        put(database, name)
        seal(database)
    assert verify(database).fault is None
    _write(database, sql)
    found = verify(database).fault
    assert found is not None
    assert found.startswith(fault)


def test_nobody_chains_entries_anew_without_the_master_key(database: Database) -> None:
    for name in "ab":
        put(database, name)
        seal(database)
    _write(database, "UPDATE audit SET seq = NULL, hash = NULL, mac = NULL, entries = replace(entries, 'a', 'x')")
    other = Vault(b"o" * 32, RandomIds())
    transact(database, locks_rows(lambda tx: audit.seal(tx, other.prove)))
    assert verify(database).fault == "entry 2, where it ends, is not proved by this master key"


def test_several_servers_seal_one_chain(postgres_url: str) -> None:
    databases = [PostgresDatabase(postgres_url, now=NOW) for _ in range(4)]
    databases[0].reset()
    failures: list[BaseException] = []

    def serve(database: PostgresDatabase, name: str) -> None:
        try:
            for number in range(25):
                put(database, f"{name}{number}")
                transact(database, locks_rows(lambda tx: audit.seal(tx, VAULT.prove)))
        except BaseException as failure:  # noqa: BLE001 - told on the test's thread
            failures.append(failure)

    threads = [threading.Thread(target=serve, args=(one, f"{index}-")) for index, one in enumerate(databases)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal(databases[0])
    found = databases[0].read(lambda tx: [entry.principal for _, entry in audit.find(tx, Wanted())])
    verdict = verify(databases[0])
    for database in databases:
        database.close()
    assert not failures
    assert sorted(found) == sorted(f"{index}-{number}" for index in range(4) for number in range(25))
    assert (verdict.entries, verdict.fault) == (100, None)


# --- finding and pruning --------------------------------------------------------------------------------------------

HOUR = 3_600_000


def dated(database: Database, count: int = 20) -> None:
    """An entry an hour."""
    for hour in range(count):
        one = Entry(
            time=NOW + hour * HOUR,
            principal=f"p{hour}",
            edge="s",
            operation="iot:CreateJob",
            resources=[f"job/j{hour}"],
        )
        transact(database, lambda tx, one=one: audit.append(tx, one))
        if hour % 3 == 0:
            seal(database)
    seal(database)


def test_entries_are_found_by_time_principal_operation_and_resource(database: Database) -> None:
    dated(database)

    def found(**wanted: Any) -> list[str]:
        return database.read(lambda tx: [entry.principal for _, entry in audit.find(tx, Wanted(**wanted))])

    assert found(since=NOW + 5 * HOUR, until=NOW + 8 * HOUR) == ["p5", "p6", "p7"]
    assert found(since=NOW + 19 * HOUR) == ["p19"]
    assert found(since=NOW + 20 * HOUR) == []
    assert len(found(since=0)) == len(found(until=NOW + 100 * HOUR)) == 20
    assert found(principal="p13") == ["p13"]
    assert found(resource="j1", operation="createjob") == [f"p{hour}" for hour in (1, *range(10, 20))]
    assert found(operation="DeleteJob") == found(account="123456789012") == []


def test_a_pruned_log_can_still_be_verified(database: Database) -> None:
    dated(database)

    def prune(hour: int) -> int:
        return transact(database, lambda tx: audit.prune(tx, NOW + hour * HOUR, "ann"))

    assert (prune(5), prune(5)) == (5, 0)
    assert (verify(database).entries, verify(database).fault) == (15, None)
    assert seal(database) == 1
    assert (prune(12), verify(database).fault) == (7, None)
    found = database.read(lambda tx: [entry.principal for _, entry in audit.find(tx, Wanted(since=NOW))])
    assert found == [*(f"p{hour}" for hour in range(12, 20)), "ann"]
    assert database.read(lambda tx: list(audit.exported(tx, 0)))[0].seq == 13
    put(database, "later")
    seal(database)
    assert verify(database).fault is None


def test_a_text_that_is_no_entry_harms_nobody(database: Database) -> None:
    _write(database, "INSERT INTO audit (entry_count, entries) VALUES (1, 'no JSON')")
    put(database, "a")
    assert seal(database) == 2
    assert verify(database).fault is None
    assert database.read(lambda tx: [entry.principal for _, entry in audit.find(tx, Wanted())]) == ["unreadable", "a"]
