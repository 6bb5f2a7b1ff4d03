"""The least that other rows hang on: a scope, a job, things, a group. Shared by the tests of the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tests.conftest import NOW
from tidegate.core.lifecycle import JobStatus, Stage
from tidegate.store import executions, groups, jobs, scopes, templates, things
from tidegate.store.database import Database, Tx, locks_rows, transact
from tidegate.store.groups import NewGroup
from tidegate.store.jobs import Job, NewJob
from tidegate.store.templates import Template
from tidegate.store.things import NewThing

T = TypeVar("T")


def template(name: str = "t", **members: Any) -> Template:
    """A stored template as it goes in."""
    values = {"description": "d", "document": "{}", "document_source": None, "config": "{}", "created_at": NOW}
    return Template(name=name, **{**values, **members})


def new_job(name: str = "j", **members: Any) -> NewJob:
    """A job as it goes in: due at once, its rollout before it."""
    values: dict[str, Any] = {
        "status": JobStatus.IN_PROGRESS,
        "stage": Stage.ROLLOUT,
        "target_selection": "SNAPSHOT",
        "namespace": None,
        "description": None,
        "template_arn": None,
        "document_source": None,
        "config": "{}",
        "timeout_minutes": None,
        "created_at": NOW,
        "wake_at": NOW,
    }
    return NewJob(name=name, **{**values, **members})


class Rows:
    """Puts rows in, each in a transaction of its own, and remembers the scope."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.scope = self.do(lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))

    def do(self, work: Callable[[Tx], T]) -> T:
        return transact(self.database, work)

    def job(self, name: str = "j", **members: Any) -> int:
        job_id = self.do(lambda tx: jobs.insert(tx, self.scope, new_job(name, **members)))
        assert job_id is not None
        return job_id

    def load(self, job_id: int) -> Job:
        job = self.do(lambda tx: jobs.lock(tx, job_id))
        assert job is not None
        return job

    def things(self, count: int, prefix: str = "thing") -> list[int]:
        def work(tx: Tx) -> list[int]:
            names = [f"{prefix}-{number}" for number in range(count)]
            ids = [things.insert(tx, self.scope, NewThing(name, name, {}), NOW) for name in names]
            return [thing_id for thing_id in ids if thing_id is not None]

        return self.do(work)

    def group(self, members: Iterable[int], name: str = "g", joined_at: int = NOW, parent: int | None = None) -> int:
        def work(tx: Tx) -> int:
            group_id = groups.insert(tx, self.scope, NewGroup(name, name, parent, None, {}), NOW)
            assert group_id is not None
            for thing_id in members:
                tx.run("group_member_insert", {"group": group_id, "thing": thing_id, "now": joined_at})
            return group_id

        return self.do(work)

    def queue(self, job_id: int, thing_ids: Sequence[int], now: int = NOW) -> None:
        def work(tx: Tx) -> None:
            for thing_id in thing_ids:
                assert executions.release_thing(tx, job_id, thing_id, now=now)

        self.do(work)

    def put_template(self, name: str, **members: Any) -> bool:
        return self.do(lambda tx: templates.insert(tx, self.scope, template(name, **members)))


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """What ``act(0)`` … ``act(count - 1)`` return when run on threads that start together."""
    start = threading.Barrier(count)
    results: dict[int, T] = {}
    failures: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = act(number)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [results[number] for number in range(count)]


def guarded(database: Database, work: Callable[[Tx], T]) -> T:
    """Run a work that guards itself with row locks."""
    return transact(database, locks_rows(work))
