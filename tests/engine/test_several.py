"""Several engines on one PostgreSQL: they share the work, and nothing is done twice."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.conftest import NOW
from tests.ops.world import MINUTE, retries, timeout
from tidegate.clock import SequentialIds, SystemClock
from tidegate.core import retry
from tidegate.core.lifecycle import ExecutionStatus
from tidegate.engine.loop import Engine
from tidegate.ops import sweeps, transitions
from tidegate.ops.call import Call
from tidegate.ops.effects import ExecutionsQueued
from tidegate.ops.quotas import Limits
from tidegate.ops.table import HANDLERS
from tidegate.runtime import unit
from tidegate.runtime.metrics import Metrics
from tidegate.store import executions, jobs, scopes, things
from tidegate.store.database import Tx, locks_rows, together, transact
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.shared import FEW
from tidegate.wire import iot, jobs_data

PLANES = {"iot": iot.OPERATIONS, "iot-jobs-data": jobs_data.OPERATIONS}
ARN = "arn:aws:iot:eu-west-1:123456789012"


class Nodes:
    """Two servers' stores on one PostgreSQL, and a clock that both read."""

    def __init__(self, url: str) -> None:
        self.databases = [PostgresDatabase(url, now=NOW) for _ in range(2)]
        self.databases[0].reset()
        scope = transact(self.databases[0], lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
        self.call = Call(scope=scope, account="123456789012", region="eu-west-1", now=NOW, ids=SequentialIds())
        # Creating a job queues nothing: it is left to the engines.
        self.call = self.call._replace(limits=Limits(release_chunk=0))

    def close(self) -> None:
        for database in self.databases:
            database.close()

    def __call__(self, name: str, *, plane: str = "iot", node: int = 0, **members: Any) -> Any:
        handler = HANDLERS[plane, name]
        request = PLANES[plane][name].request(**members)
        call = self.call
        return transact(self.databases[node], locks_rows(handler.transaction(call, request)))

    def settle(self) -> list[Any]:
        """Both engines do what is due, at once; the effects of both."""
        effects: list[Any] = []
        failures: list[Exception] = []
        begin = threading.Barrier(2)
        now = self.call.now
        step = locks_rows(lambda tx: sweeps.sweep(tx, now, Limits()))

        def run(database: PostgresDatabase) -> None:
            begin.wait()
            try:
                while True:
                    outcome = database.commit([step])[0]
                    again = outcome.result()
                    effects.extend(outcome.effects)
                    if again is None or again > now:
                        return
            except Exception as error:  # noqa: BLE001 - raised again on the test's thread
                failures.append(error)

        threads = [threading.Thread(target=run, args=(database,)) for database in self.databases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return effects

    def later(self, minutes: int) -> None:
        self.call = self.call._replace(now=self.call.now + minutes * MINUTE)

    def fleet(self, count: int) -> list[str]:
        self("CreateThingGroup", thing_group_name="g")
        names = [f"t{number:03d}" for number in range(count)]
        for name in names:
            self("CreateThing", thing_name=name)
            self("AddThingToThingGroup", thing_group_name="g", thing_name=name)
        return names

    def attempts(self, name: str, job: str) -> list[str]:
        answer = self("ListJobExecutionsForThing", thing_name=name, job_id=job)
        found = [one.job_execution_summary for one in answer.execution_summaries]
        assert sorted(one.execution_number for one in found) == list(range(1, len(found) + 1))
        return [one.status for one in sorted(found, key=lambda one: one.execution_number)]

    def counts(self, job: str) -> dict[ExecutionStatus, int]:
        def read(tx: Tx) -> dict[ExecutionStatus, int]:
            found = jobs.get(tx, self.call.scope, job)
            assert found is not None
            return {status: count for status, count in jobs.counts(tx, found.id).items() if count}

        return self.databases[0].read(read)


@pytest.fixture
def nodes(postgres_url: str) -> Iterator[Nodes]:
    nodes = Nodes(postgres_url)
    yield nodes
    nodes.close()


def test_two_engines_release_time_out_and_retry_everything_once(nodes: Nodes) -> None:
    names = nodes.fleet(60)
    members = {"timeout_config": timeout(5), "job_executions_retry_config": retries(TIMED_OUT=2)}
    for job in ("a", "b", "c"):
        nodes("CreateJob", job_id=job, targets=[f"{ARN}:thinggroup/g"], document="{}", **members)
    queued = Counter(
        (effect.job_id, thing)
        for effect in nodes.settle()
        if isinstance(effect, ExecutionsQueued)
        for thing in effect.thing_ids
    )
    assert len(queued) == 180
    assert set(queued.values()) == {1}
    for node, name in enumerate(names):
        for job in ("a", "b"):
            nodes(
                "UpdateJobExecution",
                plane="iot-jobs-data",
                node=node % 2,
                thing_name=name,
                job_id=job,
                status="IN_PROGRESS",
            )
    nodes.later(5)
    nodes.settle()
    for name in names:
        assert nodes.attempts(name, "a") == ["TIMED_OUT", "QUEUED"]
        assert nodes.attempts(name, "b") == ["TIMED_OUT", "QUEUED"]
        assert nodes.attempts(name, "c") == ["QUEUED"]
    assert nodes.counts("a") == {ExecutionStatus.QUEUED: 60, ExecutionStatus.TIMED_OUT: 60}
    assert nodes.counts("c") == {ExecutionStatus.QUEUED: 60}


def test_two_engines_keep_one_rate(nodes: Nodes) -> None:
    names = nodes.fleet(25)
    rate = iot.JobExecutionsRolloutConfig(maximum_per_minute=10)
    nodes("CreateJob", job_id="j", targets=[f"{ARN}:thinggroup/g"], document="{}", job_executions_rollout_config=rate)
    for released in (10, 20, 25):
        nodes.settle()
        assert nodes.counts("j") == {ExecutionStatus.QUEUED: released}
        nodes.later(1)
    assert {tuple(nodes.attempts(name, "j")) for name in names} == {("QUEUED",)}


def test_two_engines_cancel_and_delete_everything_once(nodes: Nodes) -> None:
    nodes.fleet(25)
    for job in ("a", "b"):
        nodes("CreateJob", job_id=job, targets=[f"{ARN}:thinggroup/g"], document="{}")
    nodes.settle()
    nodes("CancelJob", job_id="a")
    nodes("DeleteJob", job_id="b", force=True)
    nodes.settle()
    assert nodes.counts("a") == {ExecutionStatus.CANCELED: 25}
    with pytest.raises(iot.ResourceNotFoundException):
        nodes("DescribeJob", job_id="b")


def test_a_job_canceled_while_a_device_fails_is_left_without_a_retry(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cancellation commits between the moment the failure looks at the job and the moment it queues the retry."""
    nodes("CreateThing", thing_name="t")
    config = retries(FAILED=1)
    nodes("CreateJob", job_id="j", targets=[f"{ARN}:thing/t"], document="{}", job_executions_retry_config=config)
    nodes.settle()
    decide = retry.decide
    canceled = threading.Event()

    def decide_late(*given: Any, **named: Any) -> Any:
        decision = decide(*given, **named)
        if not canceled.is_set():
            canceled.set()
            thread = threading.Thread(target=lambda: nodes("CancelJob", job_id="j", node=1))
            thread.start()
            thread.join()
        return decision

    nodes("UpdateJobExecution", plane="iot-jobs-data", thing_name="t", job_id="j", status="IN_PROGRESS")
    monkeypatch.setattr(retry, "decide", decide_late)
    nodes("UpdateJobExecution", plane="iot-jobs-data", thing_name="t", job_id="j", status="FAILED")
    assert nodes.attempts("t", "j") == ["FAILED"]
    assert nodes("DescribeJob", job_id="j").job.status == "CANCELED"


def on_two_engines(url: str, test: Callable[[list[unit.Unit], list[Engine]], Awaitable[None]]) -> None:
    """Run two nodes as servers do, each with its unit and its engine; the first engine is stopped."""

    async def run() -> None:
        units = [unit.over(PostgresDatabase(url, now=NOW)) for _ in range(2)]
        await units[0].reset()
        clock = SystemClock()

        def step(tx: Tx, now: int) -> int | None:
            return sweeps.sweep(tx, now, Limits())

        engines = [Engine(each, clock, step, Metrics()) for each in units]
        for engine in engines:
            engine.start()
        await engines[0].stop()
        try:
            await asyncio.wait_for(test(units, engines), timeout=20)
        finally:
            await engines[1].stop()
            for each in units:
                await each.close()

    asyncio.run(run())


def test_a_job_of_one_node_is_rolled_out_by_another(postgres_url: str) -> None:
    async def test(units: list[unit.Unit], engines: list[Engine]) -> None:
        await engines[1].settle()
        queued: asyncio.Future[ExecutionsQueued] = asyncio.get_running_loop().create_future()

        def hear(effects: list[Any]) -> None:
            for effect in effects:
                if isinstance(effect, ExecutionsQueued) and not queued.done():
                    queued.set_result(effect)

        units[1].subscribe(hear)

        def create(tx: Tx) -> None:
            scope = scopes.ensure(tx, "123456789012", "eu-west-1")
            now = SystemClock().now()
            call = Call(scope=scope, account="123456789012", region="eu-west-1", now=now, ids=SequentialIds())
            call = call._replace(limits=Limits(release_chunk=0))
            HANDLERS["iot", "CreateThing"].transaction(call, iot.CreateThingRequest(thing_name="t"))(tx)
            request = iot.CreateJobRequest(job_id="j", targets=[f"{ARN}:thing/t"], document="{}")
            HANDLERS["iot", "CreateJob"].transaction(call, request)(tx)

        await units[0].transact(create)
        effect = await queued

        def pending(tx: Tx) -> list[executions.Pending]:
            thing = things.find(tx, scopes.find(tx, "123456789012", "eu-west-1") or 0, "t")
            assert thing is not None
            return executions.pending_by_id(tx, thing.id)

        assert [(one.thing_id, one.job_id) for one in await units[0].read(pending)] == [
            (effect.thing_ids[0], effect.job_id)
        ]

    on_two_engines(postgres_url, test)


def test_two_sets_that_end_the_rest_of_a_job_at_once_complete_it(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends half of it in one transaction, and neither sees the other's half before it commits."""
    names = nodes.fleet(2 * FEW)
    nodes("CreateJob", job_id="j", targets=[f"{ARN}:thinggroup/g"], document="{}")
    nodes.settle()
    monkeypatch.setattr(transitions, "_NEAR_THE_END", 0)
    update = HANDLERS["iot-jobs-data", "UpdateJobExecution"]

    def end(node: int, some: list[str]) -> None:
        requests = [jobs_data.UpdateJobExecutionRequest(thing_name=one, job_id="j", status="SUCCEEDED") for one in some]
        works = [
            together(update.transaction(nodes.call, request), (nodes.call.scope, request.thing_name))
            for request in requests
        ]
        for outcome in nodes.databases[node].commit(works):
            outcome.result()

    other = threading.Thread(target=end, args=(1, names[FEW:]))
    finish = transitions.finish

    def meanwhile(tx: Tx, job_id: int, *given: Any) -> None:
        finish(tx, job_id, *given)
        if threading.current_thread() is not other:
            other.start()
            if not tx.has_locked("job_lock", {"id": job_id}):  # else it is waited for
                other.join()

    monkeypatch.setattr(transitions, "finish", meanwhile)
    end(0, names[:FEW])
    other.join()
    assert nodes("DescribeJob", job_id="j").job.status == "COMPLETED"
