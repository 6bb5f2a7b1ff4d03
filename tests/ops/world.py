"""A clock that is moved, an engine that keeps up with it, and the operations: on a store, without a server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.conftest import Run
from tidegate.ops import sweeps
from tidegate.ops.call import Call
from tidegate.ops.quotas import Limits
from tidegate.store.database import Database, locks_rows
from tidegate.wire import iot

DEVICE = "iot-jobs-data"
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


class World:
    """A clock that is moved, an engine that keeps up with it, and the operations."""

    def __init__(self, run: Run, database: Database, call: Call) -> None:
        self._run = run
        self._database = database
        self.call = call
        self.now = call.now
        self.effects: list[Any] = []
        self.engine_runs = True

    def __call__(self, operation: str, **members: Any) -> Any:
        answer = self._run(operation, call=self.call._replace(now=self.now), effects=self.effects, **members)
        if self.engine_runs:
            self.settle()
        return answer

    def device(self, operation: str, thing: str, **members: Any) -> Any:
        return self(operation, plane=DEVICE, thing_name=thing, **members)

    def report(self, thing: str, job: str, status: str, **members: Any) -> None:
        self.device("UpdateJobExecution", thing, job_id=job, status=status, **members)

    def settle(self) -> int | None:
        """Everything that is due now; when the engine must look again."""
        for _ in range(10_000):
            again = self.step()
            if again is None or again > self.now:
                return again
        raise AssertionError("the engine does not come to rest")

    def step(self) -> int | None:
        """One step of the engine; when it must look again."""
        limits: Limits = self.call.limits
        outcome = self._database.commit([locks_rows(lambda tx: sweeps.sweep(tx, self.now, limits))])[0]
        self.effects += outcome.effects
        again: int | None = outcome.result()
        return again

    def until(self, instant: int) -> None:
        """Move the clock there, from one due instant to the next."""
        while (again := self.settle()) is not None and again <= instant:
            self.now = again
        self.now = instant
        self.settle()

    def minutes(self, count: float) -> None:
        self.until(self.now + int(count * MINUTE))

    def things(self, count: int) -> list[str]:
        return [self("CreateThing", thing_name=f"t{number}").thing_arn for number in range(1, count + 1)]

    def group(self, name: str, *members: str) -> str:
        arn: str = self("CreateThingGroup", thing_group_name=name).thing_group_arn
        for member in members:
            self("AddThingToThingGroup", thing_group_name=name, thing_name=member)
        return arn

    def job(self, job_id: str = "j") -> iot.Job:
        found: iot.Job = self("DescribeJob", job_id=job_id).job
        return found

    def counts(self, job_id: str = "j") -> dict[str, int]:
        details = self.job(job_id).job_process_details
        names = ("queued", "in_progress", "succeeded", "failed", "rejected", "canceled", "removed", "timed_out")
        found = {name: getattr(details, f"number_of_{name}_things") for name in names}
        return {name: count for name, count in found.items() if count}

    def status(self, thing: str, job: str = "j", number: int | None = None) -> str:
        answer = self("DescribeJobExecution", thing_name=thing, job_id=job, execution_number=number)
        status: str = answer.execution.status
        return status

    def attempts(self, thing: str, job: str = "j") -> list[tuple[int, int, str]]:
        """(number, attempt, status), oldest first."""
        rows = self("ListJobExecutionsForThing", thing_name=thing, job_id=job).execution_summaries
        found = [one.job_execution_summary for one in rows]
        return sorted((one.execution_number, one.retry_attempt, one.status) for one in found)


def retries(**budgets: int) -> iot.JobExecutionsRetryConfig:
    return iot.JobExecutionsRetryConfig(
        criteria_list=[iot.RetryCriteria(failure_type=kind, number_of_retries=count) for kind, count in budgets.items()]
    )


def abort_when(kind: str, percentage: str, least: int) -> iot.AbortConfig:
    return iot.AbortConfig(
        criteria_list=[
            iot.AbortCriteria(
                failure_type=kind,
                action="CANCEL",
                threshold_percentage=Decimal(percentage),
                min_number_of_executed_things=least,
            )
        ]
    )


def timeout(minutes: int) -> iot.TimeoutConfig:
    return iot.TimeoutConfig(in_progress_timeout_in_minutes=minutes)
