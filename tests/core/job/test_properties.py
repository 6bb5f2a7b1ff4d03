"""What holds for every job, whatever happens to it: drawn at random, on the virtual clock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.job.virtual import MIDNIGHT, MINUTE, VirtualJob, is_legal
from tidegate.core import abort, cron, retry, rollout, windows
from tidegate.core import job as machine
from tidegate.core.lifecycle import DEVICE_REPORTS, TERMINAL, Act, Stage
from tidegate.core.schedule import EndBehavior

THINGS = 12
HOUR = 60 * MINUTE

TYPES = st.sampled_from(["FAILED", "TIMED_OUT", "ALL"])
WINDOWS = st.lists(
    st.builds(
        lambda hour, minutes: windows.Window(cron.parse(f"cron(0 {hour} * * ? *)"), minutes),
        st.integers(0, 5),
        st.integers(30, 200),
    ),
    max_size=2,
)
PLANS = st.builds(
    machine.Plan,
    continuous=st.booleans(),
    starts_at=st.none() | st.just(MIDNIGHT + HOUR),
    ends_at=st.none() | st.integers(1, 300).map(lambda minutes: MIDNIGHT + minutes * MINUTE),
    windows=WINDOWS.map(tuple),
    end_behavior=st.sampled_from(EndBehavior),
    per_minute=st.none() | st.integers(1, 6),
    rate=st.none() | st.builds(rollout.Exponential, st.integers(1, 4), st.just(Decimal("1.5")), st.just(3), st.none()),
    abort=st.lists(
        st.builds(abort.Criterion, TYPES, st.integers(1, 100).map(Decimal), st.integers(1, 5)), max_size=2
    ).map(tuple),
    retries=st.lists(
        st.builds(retry.Criterion, TYPES, st.integers(0, 3)), max_size=2, unique_by=lambda each: each.failure_type
    ).map(tuple),
    pauses=st.booleans(),
    blackouts=WINDOWS.map(tuple),
)
THING = st.integers(1, THINGS + 4)
CALLS = st.one_of(
    st.tuples(st.just("until"), st.integers(1, 90 * 60_000)),
    st.tuples(st.just("jump"), st.integers(-HOUR, HOUR)),
    st.tuples(st.just("move"), THING, st.sampled_from([*DEVICE_REPORTS.values(), Act.TIME_OUT])),
    st.tuples(st.just("joins"), THING),
    st.tuples(st.just("leaves"), THING),
    st.tuples(st.just("look")),
    st.tuples(st.just("pause")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("cancel"), st.booleans()),
    st.tuples(st.just("delete"), st.booleans()),
)
ROLLING = st.lists(CALLS, max_size=25)


def call(job: VirtualJob, name: str, *given: Any) -> None:
    if job.gone:
        return
    if name == "until":
        job.until(job.now + given[0])
    elif name == "jump":
        job.now += given[0]
    elif name in ("cancel", "delete"):
        getattr(job, name)(force=given[0])
    elif name in ("joins", "leaves"):
        if (given[0] in job.members) == (name == "leaves") and job.job.plan.continuous:
            getattr(job, name)(given[0])
    else:
        getattr(job, name)(*given)


def made(plan: machine.Plan, size: int) -> VirtualJob:
    return VirtualJob(plan, list(range(1, THINGS + 1)), chunk=size, batch=size)


Reason = machine.Reason


@given(PLANS, ROLLING, st.integers(1, 20))
def test_never_above_the_rate(plan: machine.Plan, calls: list[tuple[Any, ...]], size: int) -> None:
    job = made(plan, size)
    for each in calls:
        if each[0] != "jump":
            call(job, *each)
    ceiling = plan.per_minute or rollout.DEFAULT_PER_MINUTE
    most = ceiling if plan.rate is None else min(ceiling, rollout.per_minute(plan.rate, THINGS, 0))
    for end, _ in job.releases:
        assert sum(count for at, count in job.releases if end - MINUTE < at <= end) <= most


@given(PLANS, ROLLING, st.integers(1, 20))
def test_what_has_ended_stays_and_counters_only_grow(
    plan: machine.Plan, calls: list[tuple[Any, ...]], size: int
) -> None:
    """That an execution ends once at most, and that a thing has one at a time, the virtual job asserts itself."""
    job = made(plan, size)
    for each in calls:
        before, ends = job.job, {status: job.counts[status] for status in TERMINAL}
        call(job, *each)
        after = job.job
        assert after.released >= before.released
        assert after.ended >= before.ended
        assert before.began_at is None or after.began_at == before.began_at
        if after.stage != Stage.DELETE:
            assert all(job.counts[status] >= count for status, count in ends.items())


@given(PLANS, ROLLING, st.integers(1, 20))
def test_every_step_is_a_legal_move(plan: machine.Plan, calls: list[tuple[Any, ...]], size: int) -> None:
    job, seen = made(plan, size), []
    right = job.happen

    def watched(event: machine.Event, thing: int = 0) -> None:
        before = job.job.status
        if isinstance(event, machine.Cancel | machine.Delete | machine.Joined | machine.Settled):
            seen.append((before, machine.step(job.job, event, job.now).job.status))
        right(event, thing)

    job.happen = watched  # type: ignore[method-assign]
    for each in calls:
        call(job, *each)
    assert all(is_legal(before, after) for before, after in seen)


@given(PLANS, ROLLING, st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_nothing_happens_before_it_is_said_to(
    plan: machine.Plan, calls: list[tuple[Any, ...]], size: int, share: float
) -> None:
    """Of a job at rest: whoever looks before the instant it named, or ever if it named none, finds nothing to do."""
    job = made(plan, size)
    for each in calls:
        call(job, *each)
    job.until(job.now)
    if job.gone:
        return
    job.look()  # what was said is of this moment, not of one before the last report
    job.until(job.now)
    if job.gone or job.wait is None:
        return
    until = job.wait.until if job.wait.until is not None else job.now + 400 * 24 * HOUR
    earlier = job.now + int((until - job.now) * share)
    assert earlier < until
    job.now = earlier
    step = machine.step(job.job, machine.Look(job.facts()), earlier)
    kept = step.job._replace(slice=job.job.slice)
    assert kept == job.job
    assert all(isinstance(act, machine.Release) and not act.limit for act in step.acts)


@given(PLANS, ROLLING, st.integers(1, 20))
def test_what_is_said_to_happen_next_happens_then(plan: machine.Plan, calls: list[tuple[Any, ...]], size: int) -> None:
    """At the instant it named a job does something: it releases, starts, pauses, ends, goes.

    But for an exponential rate, which is read again then and may be what it was, and a union of windows that goes on.
    Where there are blackouts, the end of one may lie outside the windows, and a window's start in one: the job then
    goes on waiting, for the other.
    """
    job = made(plan, size)
    for each in calls:
        call(job, *each)
    if not job.gone:
        job.look()
        job.until(job.now)
    if job.gone or job.wait is None or job.wait.until is None:
        return
    reason, job.now = job.wait.reason, job.wait.until
    step = machine.step(job.job, machine.Look(job.facts()), job.now)
    releases = any(isinstance(act, machine.Release) and act.limit for act in step.acts)
    moves = step.job._replace(slice=job.job.slice) != job.job
    if plan.blackouts and not (releases or moves) and reason in (Reason.BLACKOUT, Reason.WINDOW, Reason.START):
        job.look()
        assert job.wait is not None
        assert job.wait.reason in (Reason.BLACKOUT, Reason.WINDOW, Reason.START)
        assert job.wait.until is None or job.wait.until > job.now
        return
    assert releases or moves or (reason == Reason.RATE and plan.rate is not None)


@given(PLANS, st.integers(1, 20))
@settings(max_examples=50)
def test_a_job_whose_devices_all_succeed_comes_to_its_end(plan: machine.Plan, size: int) -> None:
    """Unless it is continuous and has no end: then it follows its groups for ever."""
    job = made(plan, size)
    for _ in range(60):
        job.until(job.now + 10 * MINUTE)
        for thing in list(job.executions):
            job.move(thing, Act.REPORT_SUCCEEDED)
    endless = plan.continuous and plan.ends_at is None
    if not plan.windows or plan.ends_at is not None:
        assert (job.job.status == "COMPLETED") is not endless


@given(PLANS, ROLLING, st.integers(1, 20))
def test_a_step_only_looks_at_what_it_asked_for(plan: machine.Plan, calls: list[tuple[Any, ...]], size: int) -> None:
    """Facts that were not asked for change nothing: a store need not read them."""
    job = made(plan, size)
    for each in calls:
        call(job, *each)
    if job.gone:
        return
    asked, facts = machine.asks(job.job, job.now), job.facts()
    told = facts._replace(
        counts=facts.counts if machine.Fact.COUNTS in asked else {},
        waiting=facts.waiting if machine.Fact.WAITING in asked else 0,
        recent=facts.recent if machine.Fact.RELEASES in asked else (),
        room=facts.room if machine.Fact.ROOM in asked else True,
    )
    assert machine.step(job.job, machine.Look(told), job.now) == machine.step(job.job, machine.Look(facts), job.now)
