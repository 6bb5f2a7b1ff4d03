"""Clients who know what a server has acknowledged, kill it, and compare what they know with what it says afterwards.

``tidegate serve`` runs as one process on SQLite, or as two on one PostgreSQL, is driven by concurrent HTTP clients and
MQTT devices, and gets SIGKILL after a number of acknowledgements that a seeded generator chose. It is started again on
what it left behind: an acknowledged change must be there to the last value; one that was under way may be there or not,
but whole.

The generator decides when the kill comes, whom it hits and what the clients do; which instruction it hits is the
machine's choice. The verdict depends on none of it.
"""

from __future__ import annotations

import http.client
import itertools
import json
import multiprocessing
import os
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tidegate import cli
from tidegate.clock import RandomIds
from tidegate.fleet import registration
from tidegate.fleet.device import tls_context
from tidegate.fleet.registration import Credentials
from tools.ordeal._fleet import Device

PATIENCE = 60.0
ACCOUNT, REGION = "000000000000", "us-east-1"
GROUP, MEMBERS = "fleet", 12
DEVICES = ("device-0", "device-1")
WRITERS = 4
_LISTENERS = ("http", "https", "mqtts", "objects-listen")

LOST = (OSError, http.client.HTTPException)
"""What a client sees of a server that was killed."""


def arn(resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iot:{REGION}:{account}:{resource}"


_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "tidegate.store.postgres", "tidegate.store.channel", "rich.table", "pytest"])
"""Servers are forked from a process that has read the program, and what the programs that start this import."""


def _serve(data: Path, arguments: list[str], said: Connection) -> None:
    """The server's process: ``tidegate serve``."""
    with (data / "log").open("ab") as log:
        os.dup2(log.fileno(), 2)
    os.dup2(said.fileno(), 1)
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": REGION}
    cli.main(["serve", *arguments])


class Server:
    """A server on a data directory. It has its objects elsewhere, and none are asked for: one process less to start."""

    def __init__(self, data: Path, store: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._data = data
        ports = [part for name in _LISTENERS for part in (f"--{name}", "127.0.0.1:0")]
        elsewhere = ["--objects", "s3://none", "--s3-endpoint", "http://127.0.0.1:9"]
        arguments = ["--data", str(data), "--store", store, *ports, *elsewhere, "--log-level", "warning"]
        self._said, said = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_serve, args=(data, arguments, said), daemon=True)
        self._process.start()
        said.close()

    def wait(self) -> Server:
        """Wait until it says that it runs."""
        with open(os.dup(self._said.fileno()), "rb") as lines:
            line = lines.readline()
        assert line == b"tidegate is running.\n", (line, (self._data / "log").read_text())
        addresses = json.loads((self._data / "addresses.json").read_text())
        self.http = addresses["http"].removeprefix("http://")
        self.mqtt_port = int(addresses["mqtts"].rpartition(":")[2])
        self.ca = addresses["ca"]
        return self

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process.pid is not None
        return self._process.pid

    def stop(self) -> None:
        """Send SIGTERM, and wait until it has drained and is gone."""
        self._process.terminate()
        self._process.join(PATIENCE)
        self._said.close()

    def kill(self) -> None:
        """Send SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join(PATIENCE)
        self._said.close()


class Client:
    """A plain HTTP client on one connection, in an account that it may change."""

    def __init__(self, server: Server) -> None:
        self.account = ACCOUNT
        self._connection = http.client.HTTPConnection(server.http, timeout=PATIENCE)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body of the answer, once it is whole."""
        data = None if body is None else json.dumps(body)
        scope = f"{self.account}/20260101/{REGION}/iot/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        self._connection.request(method, path, data, headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def get(self, path: str) -> Any:
        status, body = self.request("GET", path)
        assert status == 200, (path, status, body)
        return body

    def find(self, path: str) -> Any:
        """The body, or None if there is no such thing."""
        status, body = self.request("GET", path)
        assert status in (200, 404), (path, status, body)
        return body if status == 200 else None

    def pages(self, path: str, member: str) -> list[Any]:
        found, token = [], None
        while True:
            page = self.get(path + (f"&nextToken={token}" if token else ""))
            found += page[member]
            token = page.get("nextToken")
            if not token:
                return found

    def close(self) -> None:
        self._connection.close()


class Change(NamedTuple):
    """A request that changes something: acknowledged when it was answered with 200."""

    method: str
    path: str
    body: Any
    account: str
    acknowledged: bool


class Execution(NamedTuple):
    """What a device knows of an execution."""

    status: str
    version: int
    details: dict[str, str]


class Journal:
    """What the clients of one kind know. One per client and round, so that none waits for another."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.executions: dict[tuple[str, str], Execution] = {}
        """By (thing, job): acknowledged."""
        self.under_way: dict[tuple[str, str], Execution] = {}
        """By (thing, job): asked for and never answered."""
        self.starting: set[str] = set()
        """Things whose start-next was never answered."""


class Trigger:
    """Fires after so many acknowledgements; whoever is left then stops."""

    def __init__(self, count: int) -> None:
        self._left = itertools.count(count - 1, -1)
        self.fired = threading.Event()

    def __call__(self) -> None:
        if next(self._left) <= 0:
            self.fired.set()


# The load.


def tags(name: str) -> list[dict[str, str]]:
    return [{"Key": f"{name}-{number}", "Value": f"value {number} of {name}"} for number in range(3)]


def write(server: Server, name: str, seed: int, journal: Journal, acknowledge: Trigger) -> None:
    """Create, tag, cancel and delete until the server is gone.

    Templates are made in an account of the round's own, because an account has a hundred of them at most.
    """
    choose = random.Random(seed)
    client = Client(server)
    aside = f"{seed:012d}"
    jobs: list[str] = []
    templates: list[str] = []
    for number in itertools.count():
        if acknowledge.fired.is_set():  # its server may be the one that lives on
            client.close()
            return
        unique = f"{name}-{number}"
        change = _next_change(choose, unique, aside, jobs, templates)
        client.account = aside if change[1] == "/tags" or change[1].startswith("/job-templates/") else ACCOUNT
        try:
            status, answer = client.request(*change)
        except LOST:
            journal.changes.append(Change(*change, client.account, acknowledged=False))
            client.close()
            return
        if status == 410 and change[0] == "DELETE":
            continue  # ten others are being deleted
        assert status == 200, (change, status, answer)
        journal.changes.append(Change(*change, client.account, acknowledged=True))
        acknowledge()
        if change[0] == "PUT" and change[1] == f"/jobs/{unique}":
            jobs.append(unique)
        elif change[1] == f"/job-templates/{unique}":
            templates.append(unique)


def _next_change(
    choose: random.Random, unique: str, aside: str, jobs: list[str], templates: list[str]
) -> tuple[str, str, dict[str, Any] | None]:
    kind = choose.choice(["thing", "template", "tag", "job", "job", "cancel", "delete"])
    if kind == "job":
        targets = [arn(f"thinggroup/{GROUP}"), *(arn(f"thing/{device}") for device in DEVICES)]
        document = json.dumps({"for": unique, "padding": "x" * choose.randrange(2000)})
        body = {"targets": targets, "document": document, "description": unique, "tags": tags(unique)}
        return "PUT", f"/jobs/{unique}", body
    if kind == "cancel" and jobs:
        return "PUT", f"/jobs/{jobs.pop()}/cancel", {"reasonCode": "STOP", "comment": unique}
    if kind == "delete" and jobs:
        return "DELETE", f"/jobs/{jobs.pop(0)}?force=true", None
    if kind == "tag" and templates:
        resource = arn(f"jobtemplate/{choose.choice(templates)}", aside)
        return "POST", "/tags", {"resourceArn": resource, "tags": tags(unique)}
    if kind == "thing":
        return "POST", f"/things/{unique}", {"attributePayload": {"attributes": {"made-by": unique, "n": "1"}}}
    timeout = {"inProgressTimeoutInMinutes": choose.randrange(1, 10_000)}
    template = {"description": unique, "document": json.dumps(unique), "timeoutConfig": timeout, "tags": tags(unique)}
    return "PUT", f"/job-templates/{unique}", template


def work(device: AskingDevice, seed: int, journal: Journal, acknowledge: Trigger) -> None:
    """Be a device: take the next job, report twice, until the server is gone or it is over."""
    choose = random.Random(seed)
    try:
        for number in itertools.count():
            if acknowledge.fired.is_set():
                return
            if not _work_once(device, choose, f"{seed}-{number}", journal, acknowledge):
                device.ask("get")
    except LOST:
        return
    finally:
        device.close()


def _work_once(
    device: AskingDevice, choose: random.Random, unique: str, journal: Journal, acknowledge: Trigger
) -> bool:
    """One job; whether there was one."""
    journal.starting.add(device.thing)
    accepted, body = device.ask("start-next", statusDetails={"started": unique})
    assert accepted, body
    journal.starting.discard(device.thing)
    started = body.get("execution")
    if started is None:
        return False
    key = (device.thing, started["jobId"])
    state = Execution(started["status"], started["versionNumber"], started.get("statusDetails", {}))
    journal.executions[key] = state
    acknowledge()
    for status in ("IN_PROGRESS", choose.choice(["SUCCEEDED", "FAILED", "REJECTED"])):
        wanted = Execution(status, state.version + 1, {"reported": f"{unique} {status}"})
        journal.under_way[key] = wanted
        accepted, body = device.ask(f"{key[1]}/update", status=status, statusDetails=wanted.details)
        del journal.under_way[key]
        if not accepted:
            # Somebody deleted the job meanwhile; nothing else may come between a device and its running job.
            assert body["code"] == "ResourceNotFound", body
            return True
        journal.executions[key] = state = wanted
        acknowledge()
    return True


class AskingDevice:
    """A connected device of a thing, for job requests."""

    def __init__(self, server: Server, thing: str, credentials: Credentials) -> None:
        self.thing = thing
        self._device = Device(server.mqtt_port, tls_context(Path(server.ca), *credentials), thing)

    def ask(self, request: str, **members: Any) -> tuple[bool, Any]:
        """Whether it was accepted, and the reply's body."""
        reply = self._device.ask(f"$aws/things/{self.thing}/jobs/{request}", json.dumps(members).encode())
        return reply.topic.endswith("/accepted"), json.loads(reply.payload)

    def close(self) -> None:
        self._device.close()


def prepare(server: Server, folder: Path) -> dict[str, Credentials]:
    """The fleet; the devices' credentials."""
    client = Client(server)

    def done(method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, answer = client.request(method, path, body, **headers)
        assert status == 200, (path, answer)
        return answer

    done("POST", f"/thing-groups/{GROUP}", {})
    for number in range(MEMBERS):
        done("POST", f"/things/member-{number}", {})
        done(
            "PUT",
            "/thing-groups/addThingToThingGroup",
            {"thingGroupName": GROUP, "thingName": f"member-{number}"},
        )
    done("POST", "/policies/device", {"policyDocument": json.dumps(registration.POLICY)})
    found = {}
    for name in DEVICES:
        done("POST", f"/things/{name}", {})
        found[name] = registration.issue(folder, name, RandomIds())
        pem = found[name].certificate.read_text()
        certificate = done("POST", "/certificate/register-no-ca", {"certificatePem": pem, "status": "ACTIVE"})
        done("PUT", "/target-policies/device", {"target": certificate["certificateArn"]})
        done("PUT", f"/things/{name}/principals", **{"x-amzn-principal": certificate["certificateArn"]})
    client.close()
    return found


def load(
    servers: Sequence[Server], credentials: dict[str, Credentials], number: int, choose: random.Random
) -> tuple[list[Journal], list[int]]:
    """Drive servers until they have acknowledged so much, then kill some of them.

    Returns what the clients know, and which servers were killed, one at least.
    """
    trigger = Trigger(choose.randrange(1, 80))
    instant = choose.uniform(0, 0.003)
    victims = sorted(choose.sample(range(len(servers)), choose.randint(1, len(servers))))
    journals = [Journal() for _ in range(WRITERS + len(DEVICES))]
    failures: list[BaseException] = []

    def guarded(act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments, trigger)
        except BaseException as failure:  # noqa: BLE001 - told on the caller's thread
            failures.append(failure)
            trigger.fired.set()

    def server(index: int) -> Server:
        return servers[(number + index) % len(servers)]

    clients: list[tuple[Any, ...]] = [
        (write, server(writer), f"r{number}-w{writer}", choose.getrandbits(32), journals[writer])
        for writer in range(WRITERS)
    ]
    for index, name in enumerate(DEVICES):
        device = AskingDevice(server(index), name, credentials[name])
        clients.append((work, device, choose.getrandbits(32), journals[WRITERS + index]))
    threads = [threading.Thread(target=guarded, args=each) for each in clients]
    for thread in threads:
        thread.start()
    assert trigger.fired.wait(PATIENCE)
    threading.Event().wait(instant)  # so that the kill meets other moments than just after an answer
    for victim in victims:
        servers[victim].kill()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures, failures
    assert not any(thread.is_alive() for thread in threads)
    return journals, victims


# The verdict.


class Jobs(NamedTuple):
    """What became of the jobs of some changes: the acknowledged end of each, and ends that may have come."""

    created: dict[str, Change]
    canceled: dict[str, Change]
    deleted: dict[str, Change]


def verify(client: Client, journals: Iterable[Journal]) -> None:
    """Compare what clients know with what the server says."""
    changes = [change for journal in journals for change in journal.changes]
    for change in changes:
        client.account = change.account
        if change.path.startswith("/things/"):
            _verify_thing(client, change)
        elif change.path.startswith("/job-templates/"):
            _verify_template(client, change, [tag for tag in changes if tag.path == "/tags"])
    client.account = ACCOUNT
    jobs = Jobs({}, {}, {})
    for change in changes:
        if change.path.startswith("/jobs/"):
            name = change.path.partition("?")[0].split("/")[2]
            kind = jobs.deleted if change.method == "DELETE" else jobs.created
            (jobs.canceled if change.path.endswith("/cancel") else kind)[name] = change
    for name, change in jobs.created.items():
        _verify_job(client, name, change, jobs)


def _verify_thing(client: Client, change: Change) -> None:
    thing = client.find(change.path)
    if thing is None:
        assert not change.acknowledged, change
        return
    assert thing["attributes"] == change.body["attributePayload"]["attributes"]
    assert thing["version"] == 1


def _verify_template(client: Client, change: Change, tagged: list[Change]) -> None:
    template = client.find(change.path)
    if template is None:
        assert not change.acknowledged, change
        return
    assert {name: template[name] for name in ("description", "document", "timeoutConfig")} == {
        name: value for name, value in change.body.items() if name != "tags"
    }
    resource = template["jobTemplateArn"]
    expected = list(change.body["tags"])
    open_ended: list[dict[str, str]] = []
    for tag in tagged:
        if tag.body["resourceArn"] == resource:
            (expected if tag.acknowledged else open_ended).extend(tag.body["tags"])
    found = _tags(client, resource)
    assert found in (_as_map(expected), _as_map(expected + open_ended)), change


def _tags(client: Client, resource: str) -> dict[str, str]:
    return _as_map(client.get(f"/tags?resourceArn={resource}")["tags"])


def _as_map(pairs: Iterable[dict[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}


def _verify_job(client: Client, name: str, change: Change, jobs: Jobs) -> None:
    found = client.find(f"/jobs/{name}")
    deletion, cancel = jobs.deleted.get(name), jobs.canceled.get(name)
    if found is None:
        assert deletion is not None or not change.acknowledged, change
        assert client.request("GET", f"/jobs/{name}/things")[0] == 404
        return
    assert deletion is None or not deletion.acknowledged, deletion
    job = found["job"]
    assert (job["targets"], job["description"]) == (change.body["targets"], change.body["description"])
    assert client.get(f"/jobs/{name}/job-document")["document"] == change.body["document"]
    assert _tags(client, job["jobArn"]) == _as_map(change.body["tags"])
    if cancel is not None and (cancel.acknowledged or job["status"] == "CANCELED"):
        assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "STOP", cancel.body["comment"])
    else:
        assert job["status"] == "IN_PROGRESS"
    executions = client.pages(f"/jobs/{name}/things?maxResults=250", "executionSummaries")
    statuses = Counter(one["jobExecutionSummary"]["status"] for one in executions)
    counted = {
        _COUNTERS[counter]: count
        for counter, count in job["jobProcessDetails"].items()
        if counter != "processingTargets" and count
    }
    assert counted == statuses, name
    things = {one["thingArn"] for one in executions}
    assert len(things) == len(executions)
    if job["status"] == "CANCELED":
        assert statuses["QUEUED"] == 0  # the engine went on where it was killed
    else:
        assert len(executions) == MEMBERS + len(DEVICES)


_COUNTERS = {
    "numberOfQueuedThings": "QUEUED",
    "numberOfInProgressThings": "IN_PROGRESS",
    "numberOfSucceededThings": "SUCCEEDED",
    "numberOfFailedThings": "FAILED",
    "numberOfRejectedThings": "REJECTED",
    "numberOfCanceledThings": "CANCELED",
    "numberOfTimedOutThings": "TIMED_OUT",
    "numberOfRemovedThings": "REMOVED",
}


class Reports:
    """What the devices know of their executions, over all rounds."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Execution] = {}

    def verify(self, client: Client, journals: Iterable[Journal]) -> None:
        """Compare it, and take what is there now for what is known."""
        under_way: dict[tuple[str, str], Execution] = {}
        starting: set[str] = set()
        for journal in journals:
            self._known |= journal.executions
            under_way |= journal.under_way
            starting |= journal.starting
        for thing in DEVICES:
            begun = self._verify_thing(client, thing, under_way)
            assert len(begun) <= (thing in starting), (thing, begun)

    def _verify_thing(
        self, client: Client, thing: str, under_way: dict[tuple[str, str], Execution]
    ) -> list[tuple[str, str]]:
        """Check all executions of a thing; returns those that began without anybody having been told."""
        begun = []
        for summary in client.pages(f"/things/{thing}/jobs?maxResults=250", "executionSummaries"):
            key = (thing, summary["jobId"])
            status = summary["jobExecutionSummary"]["status"]
            if key not in self._known and status in ("QUEUED", "CANCELED"):
                continue
            execution = client.get(f"/things/{thing}/jobs/{key[1]}")["execution"]
            details = execution["statusDetails"]["detailsMap"] or {}
            found = Execution(execution["status"], execution["versionNumber"], details)
            if key not in self._known:
                assert (found.status, found.version) == ("IN_PROGRESS", 2), (key, found)
                begun.append(key)
            else:
                assert found in (self._known[key], under_way.get(key)), (key, found, self._known[key])
            self._known[key] = found
        return begun


_BROKEN = {
    "a job without targets": "SELECT name FROM job WHERE NOT EXISTS (SELECT 1 FROM job_target WHERE job_id = job.id)",
    "a job without its document": "SELECT name FROM job WHERE id NOT IN (SELECT job_id FROM job_document)",
    "a document without its job": "SELECT job_id FROM job_document WHERE job_id NOT IN (SELECT id FROM job)",
    "a target without its job": "SELECT job_id FROM job_target WHERE job_id NOT IN (SELECT id FROM job)",
    "an execution without its job": "SELECT thing_id FROM execution WHERE job_id NOT IN (SELECT id FROM job)",
    "details without their execution": "SELECT thing_id FROM execution_details AS d WHERE NOT EXISTS (SELECT 1 FROM "
    "execution AS e WHERE (e.thing_id, e.job_id, e.number) = (d.thing_id, d.job_id, d.number))",
    "counters that no rows bear out": "SELECT job_id, status, sum(count) FROM job_counter GROUP BY job_id, status "
    "HAVING sum(count) <> 0 EXCEPT SELECT job_id, status, count(*) FROM execution GROUP BY job_id, status",
    "rows that no counter counts": "SELECT job_id, status, count(*) FROM execution GROUP BY job_id, status EXCEPT "
    "SELECT job_id, status, sum(count) FROM job_counter GROUP BY job_id, status",
    "tags of nothing": "SELECT resource_arn FROM tag EXCEPT SELECT head || name FROM (SELECT scope_id, 'job/' || name "
    "AS name FROM job UNION SELECT scope_id, 'jobtemplate/' || name FROM job_template) AS tagged JOIN "
    "(SELECT id, 'arn:aws:iot:' || region || ':' || account || ':' AS head FROM scope) AS named ON id = scope_id",
}
"""Queries that find what only half a transaction could leave."""


def whole(data: Path, store: str) -> Iterator[str]:
    """What is broken in the store itself."""
    connection: Any = sqlite3.connect(data / "tidegate.db") if store == "sqlite" else psycopg.connect(store)
    try:
        for what, query in _BROKEN.items():
            rows = connection.execute(query).fetchall()
            if rows:
                yield f"{what}: {rows}"
    finally:
        connection.close()


class Figures(NamedTuple):
    """What came of some rounds."""

    rounds: int
    kills: int
    acknowledged: int
    under_way: int
    """Requests whose answer the kill swallowed."""


def go_through(store: str, folder: Path, rounds: int, seed: str, *, interrupt_start_every: int = 16) -> Figures:
    """Some rounds on one fresh store: load, kill, start again, compare; at the end compare everything once more.

    Now and then the server is killed a further time before it has said that it runs.

    Args:
        store: ``sqlite``, or the URL of an empty PostgreSQL database.
        folder: an empty one.
        rounds: how many.
        seed: chooses the same again.
        interrupt_start_every: so many rounds.

    Raises:
        AssertionError: something acknowledged is gone, or something is there by half.
    """
    choose = random.Random(seed)
    folders = [folder / f"data-{number}" for number in range(1 if store == "sqlite" else 2)]
    servers = [Server(data, store).wait() for data in folders]
    kills, everything, reports = 0, list[Journal](), Reports()
    try:
        credentials = prepare(servers[0], folder)
        for number in range(rounds):
            journals, victims = load(servers, credentials, number, choose)
            kills += len(victims)
            if number % interrupt_start_every == 1:
                interrupted = Server(folders[victims[0]], store)
                threading.Event().wait(choose.uniform(0.2, 0.8))
                interrupted.kill()
                kills += 1
            started = {victim: Server(folders[victim], store) for victim in victims}
            servers = [started[at].wait() if at in started else server for at, server in enumerate(servers)]
            everything += journals
            _compare(servers, choose, journals, reports)
            assert list(whole(folders[0], store)) == []
        client = Client(choose.choice(servers))
        verify(client, everything)
        client.close()
    finally:
        for server in servers:
            server.kill()
    changes = [change for journal in everything for change in journal.changes]
    acknowledged = sum(change.acknowledged for change in changes)
    acknowledged += sum(len(journal.executions) for journal in everything)
    under_way = sum(not change.acknowledged for change in changes) + sum(len(one.under_way) for one in everything)
    return Figures(rounds, kills, acknowledged, under_way)


def _compare(servers: Sequence[Server], choose: random.Random, journals: list[Journal], reports: Reports) -> None:
    """Ask any of the servers, once the engines have done what they were killed over."""
    for server in servers:
        client = Client(server)
        client.get("/_tidegate/clock")
        client.close()
    client = Client(choose.choice(servers))
    verify(client, journals)
    reports.verify(client, journals)
    client.close()
