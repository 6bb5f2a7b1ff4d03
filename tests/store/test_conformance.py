"""One suite for both engines: every function of the store's nouns, named after the statement it runs.

Things, groups, certificates and policies have theirs beside their operations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from tests.conftest import NOW
from tests.store.rows import Rows, new_job, template
from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.timers import Timers
from tidegate.store import executions, jobs, keys, scopes, tags, templates, things
from tidegate.store.database import Conflict, Database, StoreError, StoreUnavailable, Tx, transact
from tidegate.store.executions import Waiting
from tidegate.store.jobs import Filter, JobSummary, Target
from tidegate.store.keys import AccessKey
from tidegate.store.templates import TemplateSummary

QUEUED, IN_PROGRESS = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS
SUCCEEDED, FAILED = ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED
LAST = 1 << 62

T = TypeVar("T")


def walk(rows: Rows, fetch: Callable[[Tx, Any], list[T]], start: Any, place: Callable[[T], Any]) -> list[list[T]]:
    """Every page of a list: the first from ``start``, each further one from the ``place`` of the entry before it."""
    pages: list[list[T]] = []
    where = start
    while page := rows.do(partial(fetch, where=where)):
        pages.append(page)
        where = place(page[-1])
    return pages


def place(one: executions.Summary) -> tuple[int, int, int]:
    return one.queued_at, one.owner, one.number


def queued_execution(thing: int, job: int, at: int, *, number: int = 1, attempt: int = 0) -> executions.Execution:
    """An execution as it is when it has just been queued."""
    return executions.Execution(
        thing_id=thing,
        job_id=job,
        number=number,
        status=QUEUED,
        version=1,
        queued_at=at,
        started_at=None,
        updated_at=at,
        attempt=attempt,
        after_failed=None,
        forced=None,
        run_deadline=None,
        step_deadline=None,
    )


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


# Scopes


def test_scope_insert_gives_each_account_and_region_one_id(rows: Rows) -> None:
    again = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "eu-west-1"))
    other_region = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    other_account = rows.do(lambda tx: scopes.ensure(tx, "000000000000", "eu-west-1"))
    assert again == rows.scope
    assert len({rows.scope, other_region, other_account}) == 3


def test_scope_get_finds_only_scopes_in_use(rows: Rows) -> None:
    assert rows.do(lambda tx: scopes.find(tx, "123456789012", "eu-west-1")) == rows.scope
    assert rows.do(lambda tx: scopes.find(tx, "123456789012", "EU-WEST-1")) is None


def test_scope_name_is_the_way_back(rows: Rows) -> None:
    assert rows.do(lambda tx: scopes.name(tx, rows.scope)) == ("123456789012", "eu-west-1")
    assert rows.do(lambda tx: scopes.name(tx, rows.scope + 1)) is None


# Access keys


def test_key_insert_refuses_a_taken_id(rows: Rows) -> None:
    first, second = AccessKey("secret", "ada"), AccessKey("other", "bob")
    assert rows.do(lambda tx: keys.insert(tx, "AKIA1", first, NOW)) is True
    assert rows.do(lambda tx: keys.insert(tx, "AKIA1", second, NOW)) is False
    assert rows.do(lambda tx: keys.get(tx, "AKIA1")) == first


def test_key_get_knows_no_other_spelling(rows: Rows) -> None:
    rows.do(lambda tx: keys.insert(tx, "AKIA1", AccessKey("secret", "ada"), NOW))
    assert rows.do(lambda tx: keys.get(tx, "akia1")) is None


# Templates


def test_template_insert_keeps_every_member(rows: Rows) -> None:
    whole = template("a", description="line\nline ✓", document=None, document_source="s3://b/k", config='{"a":1}')
    assert rows.do(lambda tx: templates.insert(tx, rows.scope, whole)) is True
    assert rows.do(lambda tx: templates.get(tx, rows.scope, "a")) == whole


def test_template_insert_refuses_a_taken_name_and_keeps_the_first(rows: Rows) -> None:
    assert rows.put_template("a", description="first") is True
    assert rows.put_template("a", description="second") is False
    found = rows.do(lambda tx: templates.get(tx, rows.scope, "a"))
    assert found is not None
    assert found.description == "first"


def test_template_get_stays_in_its_scope(rows: Rows) -> None:
    rows.put_template("a")
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert rows.do(lambda tx: templates.get(tx, other, "a")) is None
    assert rows.do(lambda tx: templates.insert(tx, other, template("a"))) is True


def test_template_list_pages_by_name_in_the_order_of_bytes(rows: Rows) -> None:
    for name in ["b", "a", "B", "_", "a-1", "a_1", "1"]:
        rows.put_template(name, description=f"of {name}")
    pages = walk(rows, lambda tx, where: templates.page(tx, rows.scope, where, 3), "", lambda one: one.name)
    assert [[one.name for one in page] for page in pages] == [["1", "B", "_"], ["a", "a-1", "a_1"], ["b"]]
    assert pages[1][0] == TemplateSummary("a", "of a", NOW)


def test_template_count_counts_a_scope(rows: Rows) -> None:
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    for name in "abc":
        rows.put_template(name)
    assert rows.do(lambda tx: templates.count(tx, rows.scope)) == 3
    assert rows.do(lambda tx: templates.count(tx, other)) == 0


def test_template_delete_says_if_there_was_one(rows: Rows) -> None:
    rows.put_template("a")
    assert rows.do(lambda tx: templates.delete(tx, rows.scope, "a")) is True
    assert rows.do(lambda tx: templates.delete(tx, rows.scope, "a")) is False
    assert rows.put_template("a") is True


# Tags


def test_tag_put_overwrites_and_tag_list_sorts(rows: Rows) -> None:
    rows.do(lambda tx: tags.put(tx, rows.scope, "arn:x", {"b": "1", "a": "2", "B": ""}))
    rows.do(lambda tx: tags.put(tx, rows.scope, "arn:x", {"b": "3", "c": "4"}))
    found = rows.do(lambda tx: tags.of(tx, rows.scope, "arn:x"))
    assert list(found.items()) == [("B", ""), ("a", "2"), ("b", "3"), ("c", "4")]
    assert rows.do(lambda tx: tags.of(tx, rows.scope, "arn:y")) == {}


def test_tag_delete_removes_one_and_ignores_none(rows: Rows) -> None:
    rows.do(lambda tx: tags.put(tx, rows.scope, "arn:x", {"a": "1", "b": "2"}))
    rows.do(lambda tx: tags.delete(tx, rows.scope, "arn:x", "a"))
    rows.do(lambda tx: tags.delete(tx, rows.scope, "arn:x", "a"))
    assert rows.do(lambda tx: tags.of(tx, rows.scope, "arn:x")) == {"b": "2"}


def test_tag_delete_all_spares_other_resources(rows: Rows) -> None:
    rows.do(lambda tx: tags.put(tx, rows.scope, "arn:x", {"a": "1", "b": "2"}))
    rows.do(lambda tx: tags.put(tx, rows.scope, "arn:xy", {"a": "1"}))
    rows.do(lambda tx: tags.delete_all(tx, rows.scope, "arn:x"))
    assert rows.do(lambda tx: tags.of(tx, rows.scope, "arn:x")) == {}
    assert rows.do(lambda tx: tags.of(tx, rows.scope, "arn:xy")) == {"a": "1"}


# Jobs


def test_job_insert_keeps_every_member(rows: Rows) -> None:
    given = new_job(
        "j",
        timeout_minutes=9,
        namespace="n",
        description="d",
        template_arn="arn:t",
        document_source="s3://b/k",
        config="{1}",
    )
    job_id = rows.do(lambda tx: jobs.insert(tx, rows.scope, given))
    found = rows.do(lambda tx: jobs.get(tx, rows.scope, "j"))
    assert found is not None
    assert found.id == job_id
    kept = {name: value for name, value in given._asdict().items() if name != "wake_at"}
    assert {name: getattr(found, name) for name in kept} == kept
    assert (found.scope, found.updated_at, found.completed_at) == (rows.scope, NOW, None)
    assert (found.reason_code, found.comment, found.force_canceled) == (None, None, None)
    assert (found.rollout_started_at, found.released, found.ended, found.stage_cursor) == (None, 0, 0, None)
    assert isinstance(found.status, JobStatus)
    assert isinstance(found.stage, Stage)


def test_job_insert_refuses_a_taken_name(rows: Rows) -> None:
    rows.job("j")
    assert rows.do(lambda tx: jobs.insert(tx, rows.scope, new_job("j"))) is None


def test_job_insert_never_gives_an_id_twice(rows: Rows) -> None:
    first = rows.job("j")
    rows.do(lambda tx: jobs.delete(tx, first))
    assert rows.job("j") > first


def test_job_get_stays_in_its_scope(rows: Rows) -> None:
    rows.job("j")
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert rows.do(lambda tx: jobs.get(tx, other, "j")) is None


def test_job_lock_finds_by_inner_id(rows: Rows) -> None:
    job_id = rows.job("j")
    assert rows.do(lambda tx: jobs.lock(tx, job_id)) == rows.do(lambda tx: jobs.get(tx, rows.scope, "j"))
    assert rows.do(lambda tx: jobs.lock(tx, job_id + 1)) is None


def test_job_claim_takes_the_one_that_has_waited_longest(rows: Rows) -> None:
    rows.job("late", wake_at=NOW + 1)
    second = rows.job("second", wake_at=NOW - 5)
    first = rows.job("first", wake_at=NOW - 10)
    third = rows.job("third", wake_at=NOW - 5)
    rows.job("never", wake_at=None)
    order = []

    def claim(tx: Tx) -> int | None:
        job = jobs.claim_due(tx, NOW)
        if job is not None:
            jobs.put(tx, job, wake_at=None)
        return job.id if job else None

    while (job_id := rows.do(claim)) is not None:
        order.append(job_id)
    assert order == [first, second, third]


def test_job_next_wake_is_the_earliest(rows: Rows) -> None:
    assert rows.do(jobs.next_wake) is None
    rows.job("a", wake_at=NOW + 7)
    rows.job("b", wake_at=NOW + 3)
    rows.job("c", wake_at=None)
    assert rows.do(jobs.next_wake) == NOW + 3


def test_job_peek_finds_by_inner_id(rows: Rows) -> None:
    job_id = rows.job("j")
    assert rows.do(lambda tx: jobs.peek(tx, job_id)) == rows.load(job_id)
    assert rows.do(lambda tx: jobs.peek(tx, job_id + 1)) is None


def test_job_put_writes_what_changes_in_a_life(rows: Rows) -> None:
    job = rows.load(rows.job())
    later = job._replace(
        status=JobStatus.CANCELED,
        stage=Stage.CANCEL,
        updated_at=20,
        completed_at=30,
        reason_code="R",
        comment="why",
        force_canceled=1,
        rollout_started_at=10,
        released=7,
        ended=1,
        stage_cursor="[2]",
    )
    rows.do(lambda tx: jobs.put(tx, later, wake_at=NOW + 9))
    assert rows.load(job.id) == later
    assert rows.do(jobs.next_wake) == NOW + 9
    rows.do(lambda tx: jobs.put(tx, job, wake_at=None))
    assert rows.load(job.id) == job
    assert rows.do(jobs.next_wake) is None


@pytest.mark.parametrize(("stored", "expected"), [(None, NOW), (NOW + 1, NOW), (NOW, NOW), (NOW - 1, NOW - 1)])
def test_job_hasten_only_brings_forward(rows: Rows, stored: int | None, expected: int) -> None:
    job_id = rows.job(wake_at=stored)
    rows.do(lambda tx: jobs.hasten(tx, job_id, NOW))
    assert rows.do(jobs.next_wake) == expected


def test_job_set_config_and_job_remark_leave_the_rest(rows: Rows) -> None:
    job = rows.load(rows.job())
    changed = job._replace(description="new", config='{"new":1}', timeout_minutes=5, status=JobStatus.CANCELED)
    rows.do(lambda tx: jobs.set_config(tx, changed, updated_at=NOW + 1))
    rows.do(lambda tx: jobs.remark(tx, job.id, "because", updated_at=NOW + 7))
    expected = changed._replace(status=JobStatus.IN_PROGRESS, updated_at=NOW + 7, comment="because")
    assert rows.load(job.id) == expected
    assert rows.do(jobs.next_wake) == NOW


def test_job_continuous_of_group(rows: Rows) -> None:
    wanted = rows.job("wanted", target_selection="CONTINUOUS")
    scheduled = rows.job("scheduled", target_selection="CONTINUOUS", status=JobStatus.SCHEDULED)
    others = [
        rows.job("snapshot"),
        rows.job("ended", target_selection="CONTINUOUS", status=JobStatus.COMPLETED),
    ]
    twice = [Target(0, "arn:g", None, 8), Target(1, "arn:g", None, 8)]
    for job_id in (wanted, scheduled, *others):
        rows.do(lambda tx, job_id=job_id: jobs.put_targets(tx, job_id, twice))
    elsewhere = rows.job("elsewhere", target_selection="CONTINUOUS")
    rows.do(lambda tx: jobs.put_targets(tx, elsewhere, [Target(0, "arn:h", None, 9)]))
    assert rows.do(lambda tx: jobs.continuous_of_group(tx, 8)) == [wanted, scheduled]
    assert rows.do(lambda tx: jobs.continuous_of_group(tx, 10)) == []


def test_job_covers_things_and_groups_at_any_depth(rows: Rows) -> None:
    [direct, member, below, stranger] = rows.things(4)
    parent = rows.group([member], "parent")
    child = rows.group([below], "child", parent=parent)
    rows.group([stranger], "other")
    job_id, narrow = rows.job("wide"), rows.job("narrow")
    rows.do(
        lambda tx: jobs.put_targets(tx, job_id, [Target(0, "arn:t", direct, None), Target(1, "arn:g", None, parent)])
    )
    rows.do(lambda tx: jobs.put_targets(tx, narrow, [Target(0, "arn:c", None, child)]))

    def covered(job: int) -> list[bool]:
        everyone = (direct, member, below, stranger)
        return rows.do(lambda tx: [jobs.covers(tx, job, thing) for thing in everyone])

    assert covered(job_id) == [True, True, True, False]
    assert covered(narrow) == [False, False, True, False]


def test_job_list_pages_from_new_to_old(rows: Rows) -> None:
    ids = [rows.job(f"j{number}") for number in range(7)]
    pages = walk(rows, lambda tx, where: jobs.page(tx, rows.scope, Filter(), where, 3), LAST, lambda one: one.id)
    assert [[one.id for one in page] for page in pages] == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_job_list_filters(rows: Rows) -> None:
    plain = rows.job("plain")
    done = rows.job("done", status=JobStatus.COMPLETED, namespace="n")
    continuous = rows.job("continuous", target_selection="CONTINUOUS")
    rows.do(lambda tx: jobs.put_targets(tx, done, [Target(0, "arn:g", None, 8), Target(1, "arn:h", None, 9)]))

    def listed(**wanted: object) -> list[int]:
        page = rows.do(lambda tx: jobs.page(tx, rows.scope, Filter(**wanted), LAST, 10))  # type: ignore[arg-type]
        return [one.id for one in page]

    assert listed() == [continuous, done, plain]
    assert listed(status="COMPLETED") == [done]
    assert listed(target_selection="SNAPSHOT") == [done, plain]
    assert listed(namespace="n") == [done]
    assert listed(group_id=9) == [done]
    assert listed(group_id=10) == []
    assert listed(status="IN_PROGRESS", namespace="n") == []
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert rows.do(lambda tx: jobs.page(tx, other, Filter(), LAST, 10)) == []


def test_job_list_shows_what_a_list_shows(rows: Rows) -> None:
    job_id = rows.job("j")
    [shown] = rows.do(lambda tx: jobs.page(tx, rows.scope, Filter(), LAST, 1))
    expected = JobSummary(job_id, "j", JobStatus.IN_PROGRESS, Stage.ROLLOUT, "SNAPSHOT", NOW, NOW, None)
    assert shown == expected


def test_job_count_active_and_job_count_deleting(rows: Rows) -> None:
    for number, status in enumerate(JobStatus):
        rows.job(f"j{number}", status=status)
    assert rows.do(lambda tx: jobs.count_active(tx, rows.scope)) == 2
    assert rows.do(lambda tx: jobs.count_deleting(tx, rows.scope)) == 1
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert rows.do(lambda tx: jobs.count_active(tx, other)) == 0


def test_job_count_concurrent_counts_what_the_engine_is_spreading(rows: Rows) -> None:
    rolling = [(JobStatus.IN_PROGRESS, Stage.ROLLOUT), (JobStatus.CANCELED, Stage.CANCEL)]
    resting = [
        (JobStatus.IN_PROGRESS, Stage.NONE),
        (JobStatus.SCHEDULED, Stage.ROLLOUT),
        (JobStatus.CANCELED, Stage.NONE),
    ]
    for number, (status, stage) in enumerate(rolling + resting):
        rows.job(f"j{number}", status=status, stage=stage)
    assert rows.do(lambda tx: jobs.count_concurrent(tx, rows.scope)) == len(rolling)


def test_job_delete_takes_with_it_what_hangs_on_the_job(rows: Rows) -> None:
    gone, kept = rows.job("gone"), rows.job("kept")
    for job_id in (gone, kept):
        rows.do(lambda tx, job_id=job_id: jobs.put_document(tx, job_id, "{}"))
        rows.do(lambda tx, job_id=job_id: jobs.put_targets(tx, job_id, [Target(0, "arn:t", 1, None)]))
        rows.do(lambda tx, job_id=job_id: jobs.count_add(tx, job_id, {QUEUED: 3}))
        rows.do(lambda tx, job_id=job_id: jobs.put_release(tx, job_id, NOW, 3))
        rows.do(lambda tx, job_id=job_id: executions.await_window(tx, job_id, Waiting(1, 0, None)))
    rows.do(lambda tx: jobs.delete(tx, gone))
    assert rows.do(lambda tx: jobs.lock(tx, gone)) is None
    assert rows.do(lambda tx: jobs.targets(tx, gone)) == []
    assert rows.do(lambda tx: jobs.counts(tx, gone))[QUEUED] == 0
    assert rows.do(lambda tx: jobs.releases(tx, gone, 0)) == []
    assert rows.do(lambda tx: executions.waiting(tx, gone, 9)) == []
    assert rows.do(lambda tx: executions.waiting(tx, kept, 9)) == [Waiting(1, 0, None)]
    assert rows.do(lambda tx: jobs.document(tx, kept)) == "{}"
    assert rows.do(lambda tx: jobs.targets(tx, kept)) == [Target(0, "arn:t", 1, None)]
    assert rows.do(lambda tx: jobs.counts(tx, kept))[QUEUED] == 3
    assert rows.do(lambda tx: jobs.releases(tx, kept, 0)) == [(NOW, 3)]


def test_job_document_get_is_the_text_that_was_put(rows: Rows) -> None:
    job_id = rows.job()
    text = '{ "ключ" : "✓ \\u0000 é" }'
    rows.do(lambda tx: jobs.put_document(tx, job_id, text))
    assert rows.do(lambda tx: jobs.document(tx, job_id)) == text


def test_job_target_list_keeps_the_order_of_the_request(rows: Rows) -> None:
    job_id = rows.job()
    given = [Target(0, "arn:z", 5, None), Target(1, "arn:a", None, 3), Target(2, "arn:m", 4, None)]
    rows.do(lambda tx: jobs.put_targets(tx, job_id, reversed(given)))
    assert rows.do(lambda tx: jobs.targets(tx, job_id)) == given


def test_job_counter_add_sums_and_names_every_status(rows: Rows) -> None:
    job_id = rows.job()
    rows.do(lambda tx: jobs.count_add(tx, job_id, {QUEUED: 5, FAILED: 2}))
    rows.do(lambda tx: jobs.count_add(tx, job_id, {QUEUED: -1, SUCCEEDED: 1, IN_PROGRESS: 0}))
    rows.do(lambda tx: jobs.count_add(tx, job_id, {}))
    counts = rows.do(lambda tx: jobs.counts(tx, job_id))
    assert list(counts) == list(ExecutionStatus)
    assert {status: count for status, count in counts.items() if count} == {QUEUED: 4, SUCCEEDED: 1, FAILED: 2}


def test_job_counter_move_moves_one(rows: Rows) -> None:
    job_id, other = rows.job("a"), rows.job("b")
    rows.do(lambda tx: jobs.count_add(tx, job_id, {QUEUED: 2}))
    rows.do(lambda tx: jobs.count_move(tx, job_id, QUEUED, IN_PROGRESS))
    rows.do(lambda tx: jobs.count_move(tx, job_id, IN_PROGRESS, QUEUED))
    rows.do(lambda tx: jobs.count_move(tx, job_id, QUEUED, QUEUED))
    rows.do(lambda tx: jobs.count_move(tx, job_id, QUEUED, SUCCEEDED))
    counts = rows.do(lambda tx: jobs.counts(tx, job_id))
    assert {status: count for status, count in counts.items() if count} == {QUEUED: 1, SUCCEEDED: 1}
    assert set(rows.do(lambda tx: jobs.counts(tx, other)).values()) == {0}


def test_job_release_put_adds_within_an_instant(rows: Rows) -> None:
    job_id = rows.job()
    for instant, count in [(10, 1), (20, 2), (20, 3), (30, 4)]:
        rows.do(lambda tx, instant=instant, count=count: jobs.put_release(tx, job_id, instant, count))
    assert sorted(rows.do(lambda tx: jobs.releases(tx, job_id, 10))) == [(20, 5), (30, 4)]
    assert rows.do(lambda tx: jobs.releases(tx, job_id, 30)) == []


# Executions


def test_execution_group_members_are_walked_by_thing_id(rows: Rows) -> None:
    members = rows.things(5)
    group_id = rows.group(reversed(members))
    rows.group(rows.things(2, "other"), "other")
    pages = walk(
        rows,
        lambda tx, where: executions.group_members(tx, group_id, after=where, joined_by=NOW, limit=2),
        0,
        lambda thing: thing,
    )
    assert pages == [members[:2], members[2:4], members[4:]]


def test_execution_group_members_leave_out_who_joined_later(rows: Rows) -> None:
    early, late = rows.things(2, "early"), rows.things(1, "late")
    group_id = rows.group(early, joined_at=NOW)
    rows.do(lambda tx: tx.run("group_member_insert", {"group": group_id, "thing": late[0], "now": NOW + 1}))
    place = {"after": 0, "limit": 10}
    assert rows.do(lambda tx: executions.group_members(tx, group_id, joined_by=NOW - 1, **place)) == []
    assert rows.do(lambda tx: executions.group_members(tx, group_id, joined_by=NOW, **place)) == early
    assert rows.do(lambda tx: executions.group_members(tx, group_id, joined_by=NOW + 1, **place)) == early + late
    job_id = rows.job()
    released = rows.do(lambda tx: executions.release_group(tx, job_id, group_id, early + late, joined_by=NOW, now=NOW))
    assert released == early


def test_execution_release_group_queues_the_members_it_is_given(rows: Rows) -> None:
    members = rows.things(5)
    group_id, job_id = rows.group(members), rows.job()
    run = members[1:4]
    released = rows.do(lambda tx: executions.release_group(tx, job_id, group_id, run, joined_by=NOW, now=NOW + 1))
    assert released == run
    found = [rows.do(lambda tx, thing=thing: executions.get(tx, thing, job_id)) for thing in members]
    assert found == [None, *(queued_execution(thing, job_id, NOW + 1) for thing in run), None]


@pytest.mark.parametrize("instant", [NOW, NOW + 1])
def test_execution_release_group_passes_over_those_that_have_one(rows: Rows, instant: int) -> None:
    """Those released at another instant, and (``execution_release_group_returning``) those of the very same one."""
    members = rows.things(4)
    group_id, job_id = rows.group(members), rows.job()
    rows.queue(job_id, members[1:2], NOW)

    def release(now: int) -> list[int]:
        run = members[:3]
        return sorted(rows.do(lambda tx: executions.release_group(tx, job_id, group_id, run, joined_by=NOW, now=now)))

    assert release(instant) == [members[0], members[2]]
    assert release(instant) == []
    assert release(NOW + 2) == []
    assert rows.do(lambda tx: executions.get(tx, members[3], job_id)) is None


def test_execution_queued_at_does_not_take_another_release_for_this_one(rows: Rows) -> None:
    """Two groups that share things, released at one instant: each thing is reported by one of them."""
    members = rows.things(5)
    runs = {"a": members[:3], "b": members[1:]}
    ids = {name: rows.group(run, name) for name, run in runs.items()}
    job_id = rows.job()

    def work(tx: Tx) -> list[list[int]]:
        return [
            sorted(executions.release_group(tx, job_id, ids[name], run, joined_by=NOW, now=NOW))
            for name, run in runs.items()
        ]

    assert rows.do(work) == [members[:3], members[3:]]


def test_execution_release_thing_once_and_only_for_the_living(rows: Rows) -> None:
    [living, buried] = rows.things(2)
    job_id = rows.job()

    def bury(tx: Tx) -> None:
        thing = things.find(tx, rows.scope, "thing-1")
        assert thing is not None
        things.bury(tx, rows.scope, thing, NOW)

    rows.do(bury)
    assert rows.do(lambda tx: executions.release_thing(tx, job_id, living, now=NOW)) is True
    assert rows.do(lambda tx: executions.release_thing(tx, job_id, living, now=NOW)) is False
    assert rows.do(lambda tx: executions.release_thing(tx, job_id, buried, now=NOW)) is False


def test_execution_pending_shows_what_has_not_ended(rows: Rows) -> None:
    [thing] = rows.things(1)
    ended = rows.job("a")
    running = rows.job("b", namespace="n", timeout_minutes=5)
    waiting = rows.job("c", status=JobStatus.SCHEDULED)
    for job_id in (ended, running):
        rows.queue(job_id, [thing], NOW + job_id)
    rows.do(lambda tx: executions.queue(tx, (thing, waiting, 2), queued_at=NOW + 9, attempt=3, after_failed=1))
    rows.do(lambda tx: executions.put(tx, (thing, ended, 1), 1, SUCCEEDED, started_at=NOW, now=NOW + 1))
    timed = {"started_at": NOW, "now": NOW + 1, "timers": Timers(NOW + 50, NOW + 40)}
    rows.do(lambda tx: executions.put(tx, (thing, running, 1), 1, IN_PROGRESS, **timed))
    thing_id, found = rows.do(lambda tx: executions.pending(tx, rows.scope, "thing-0"))
    assert thing_id == thing
    first, second = sorted(found)
    assert first == executions.Pending(
        thing_id=thing,
        job_id=running,
        number=1,
        status=IN_PROGRESS,
        version=2,
        queued_at=NOW + running,
        started_at=NOW,
        updated_at=NOW + 1,
        attempt=0,
        after_failed=None,
        run_deadline=NOW + 50,
        step_deadline=NOW + 40,
        job_name="b",
        job_status=JobStatus.IN_PROGRESS,
        namespace="n",
        timeout_minutes=5,
        config="{}",
    )
    assert (second.job_id, second.number, second.status, second.version) == (waiting, 2, QUEUED, 1)
    assert (second.queued_at, second.updated_at, second.started_at) == (NOW + 9, NOW + 9, None)
    assert (second.attempt, second.after_failed, second.job_status) == (3, 1, JobStatus.SCHEDULED)
    assert isinstance(first.status, ExecutionStatus)
    assert isinstance(first.job_status, JobStatus)
    assert sorted(rows.do(lambda tx: executions.pending_by_id(tx, thing))) == [first, second]


def test_execution_pending_tells_an_idle_thing_from_none(rows: Rows) -> None:
    [thing] = rows.things(1)
    assert rows.do(lambda tx: executions.pending(tx, rows.scope, "thing-0")) == (thing, ())
    assert rows.do(lambda tx: executions.pending(tx, rows.scope, "thing-1")) == (None, ())
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    assert rows.do(lambda tx: executions.pending(tx, other, "thing-0")) == (None, ())
    assert rows.do(lambda tx: executions.pending_by_id(tx, thing)) == ()


def test_execution_get_and_execution_latest(rows: Rows) -> None:
    [thing] = rows.things(1)
    job_id = rows.job()
    rows.queue(job_id, [thing])
    first = rows.do(lambda tx: executions.get(tx, thing, job_id, 1))
    assert first is not None
    assert rows.do(lambda tx: executions.get(tx, thing, job_id)) == first
    assert rows.do(lambda tx: executions.get(tx, thing, job_id, 2)) is None
    rows.do(lambda tx: executions.queue(tx, (thing, job_id, 2), queued_at=NOW + 1, attempt=1))
    assert rows.do(lambda tx: executions.get(tx, thing, job_id)) == queued_execution(
        thing, job_id, NOW + 1, number=2, attempt=1
    )
    assert rows.do(lambda tx: executions.get(tx, thing, job_id, 1)) == first
    assert rows.do(lambda tx: executions.get(tx, thing, job_id + 1)) is None
    assert isinstance(first.status, ExecutionStatus)


def test_execution_set_compares_the_version(rows: Rows) -> None:
    [thing] = rows.things(1)
    job_id = rows.job()
    rows.queue(job_id, [thing])
    key = (thing, job_id, 1)
    assert rows.do(lambda tx: executions.put(tx, key, 1, IN_PROGRESS, started_at=NOW + 1, now=NOW + 2)) is True
    assert rows.do(lambda tx: executions.put(tx, key, 1, FAILED, started_at=NOW + 3, now=NOW + 3)) is False
    found = rows.do(lambda tx: executions.get(tx, *key))
    moved = {"status": IN_PROGRESS, "version": 2, "started_at": NOW + 1, "updated_at": NOW + 2}
    assert found == queued_execution(thing, job_id, NOW)._replace(**moved)
    canceled = {"started_at": NOW + 1, "now": NOW + 4, "forced": True}
    assert rows.do(lambda tx: executions.put(tx, key, 2, ExecutionStatus.CANCELED, **canceled)) is True
    found = rows.do(lambda tx: executions.get(tx, *key))
    assert found is not None
    assert (found.status, found.version, found.forced) == (ExecutionStatus.CANCELED, 3, 1)
    nobody = (thing, job_id, 2)
    assert rows.do(lambda tx: executions.put(tx, nobody, 1, FAILED, started_at=None, now=NOW)) is False


def test_execution_list_by_job_pages_from_late_to_early(rows: Rows) -> None:
    ids = rows.things(5)
    job_id, other = rows.job("a"), rows.job("b")
    rows.queue(job_id, ids[:2], NOW)
    rows.queue(job_id, ids[2:], NOW + 1)
    rows.queue(other, ids, NOW + 2)
    pages = walk(rows, lambda tx, where: executions.page_by_job(tx, job_id, None, where, 2), executions.FIRST, place)
    assert [[one.owner for one in page] for page in pages] == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


def test_execution_list_by_job_filters_by_status(rows: Rows) -> None:
    ids = rows.things(3)
    job_id = rows.job()
    rows.queue(job_id, ids)
    rows.do(lambda tx: executions.put(tx, (ids[1], job_id, 1), 1, FAILED, started_at=NOW, now=NOW + 5))
    [failed] = rows.do(lambda tx: executions.page_by_job(tx, job_id, FAILED, executions.FIRST, 9))
    assert failed == executions.Summary(ids[1], 1, FAILED, NOW, NOW, NOW + 5, 0, "thing-1")
    queued = rows.do(lambda tx: executions.page_by_job(tx, job_id, QUEUED, executions.FIRST, 9))
    assert [one.owner for one in queued] == [ids[2], ids[0]]


def test_execution_list_by_thing_pages_from_late_to_early(rows: Rows) -> None:
    [thing, other] = rows.things(2)
    ids = [rows.job(f"j{number}") for number in range(5)]
    for number, job_id in enumerate(ids):
        rows.queue(job_id, [thing, other], NOW + number // 2)
    wanted = {"status": None, "namespace": None, "job_name": None}
    pages = walk(
        rows,
        lambda tx, where: executions.page_by_thing(tx, thing, **wanted, before=where, limit=2),
        executions.FIRST,
        place,
    )
    assert [[one.owner for one in page] for page in pages] == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


def test_execution_list_by_thing_filters(rows: Rows) -> None:
    [thing] = rows.things(1)
    plain, named = rows.job("plain"), rows.job("named", namespace="n")
    for job_id in (plain, named):
        rows.queue(job_id, [thing])
    rows.do(lambda tx: executions.put(tx, (thing, plain, 1), 1, IN_PROGRESS, started_at=NOW, now=NOW + 1))

    def listed(**given: object) -> list[str]:
        wanted = {"status": None, "namespace": None, "job_name": None, **given}
        page = rows.do(lambda tx: executions.page_by_thing(tx, thing, **wanted, before=executions.FIRST, limit=9))
        return [one.name for one in page]

    assert listed() == ["named", "plain"]
    assert listed(status=IN_PROGRESS) == ["plain"]
    assert listed(namespace="n") == ["named"]
    assert listed(job_name="plain") == ["plain"]
    assert listed(job_name="plain", namespace="n") == []


def test_execution_chunk_of_job_walks_from_early_to_late(rows: Rows) -> None:
    ids = rows.things(5)
    job_id = rows.job()
    rows.queue(job_id, ids[3:], NOW)
    rows.queue(job_id, ids[:3], NOW + 1)
    chunks = walk(
        rows,
        lambda tx, where: executions.chunk_of_job(tx, job_id, where, 2),
        (-1, -1, -1),
        lambda one: (one.queued_at, one.thing_id, one.number),
    )
    assert [[one.thing_id for one in chunk] for chunk in chunks] == [ids[3:], ids[:2], ids[2:3]]


def test_execution_hold_of_job_begins_with_the_earliest(rows: Rows) -> None:
    ids = rows.things(4)
    job_id = rows.job()
    rows.queue(job_id, ids[2:], NOW)
    rows.queue(job_id, ids[:2], NOW + 1)
    held = rows.do(lambda tx: executions.hold_of_job(tx, job_id, 3))
    assert {one.thing_id for one in held} == {ids[2], ids[3], ids[0]}


def test_execution_queue_refuses_a_number_that_is_taken(rows: Rows) -> None:
    [thing] = rows.things(1)
    job_id = rows.job()
    rows.queue(job_id, [thing])
    with pytest.raises(StoreError):
        rows.do(lambda tx: executions.queue(tx, (thing, job_id, 1), queued_at=NOW))


def test_execution_due_gives_the_earliest_deadlines_first(rows: Rows) -> None:
    ids = rows.things(5)
    job_id = rows.job()
    rows.queue(job_id, ids)
    assert rows.do(executions.next_deadline) is None
    timers = [Timers(NOW + 30), Timers(NOW + 40, NOW + 10), Timers(None, NOW + 20), Timers(), Timers(NOW + 99)]
    for thing, timer in zip(ids, timers, strict=True):
        given = {"started_at": NOW, "now": NOW, "timers": timer}
        rows.do(lambda tx, key=(thing, job_id, 1), given=given: executions.put(tx, key, 1, IN_PROGRESS, **given))
    order = [(ids[number], job_id, 1) for number in (1, 2, 0)]
    assert rows.do(executions.next_deadline) == NOW + 10
    assert rows.do(lambda tx: executions.due(tx, NOW + 30, 9)) == order
    assert rows.do(lambda tx: executions.due(tx, NOW + 30, 2)) == order[:2]
    assert rows.do(lambda tx: executions.due(tx, NOW + 9, 9)) == []
    rows.do(lambda tx: executions.put(tx, order[0], 2, SUCCEEDED, started_at=NOW, now=NOW))
    assert rows.do(executions.next_deadline) == NOW + 20


def test_execution_waiting_put_replaces(rows: Rows) -> None:
    job_id, other = rows.job("a"), rows.job("b")
    for waiting in (Waiting(7, 1, None), Waiting(5, 0, None), Waiting(7, 2, 1), Waiting(9, 0, None)):
        rows.do(lambda tx, waiting=waiting: executions.await_window(tx, job_id, waiting))
    rows.do(lambda tx: executions.await_window(tx, other, Waiting(7, 0, None)))
    assert rows.do(lambda tx: executions.waiting(tx, job_id, 2)) == [Waiting(5, 0, None), Waiting(7, 2, 1)]


def test_execution_waiting_delete_by_thing_of_job_by_job_and_by_thing(rows: Rows) -> None:
    first, second = rows.job("a"), rows.job("b")

    def start(tx: Tx) -> None:
        for job_id in (first, second):
            for thing in (5, 7):
                executions.await_window(tx, job_id, Waiting(thing, 0, None))

    def left() -> list[tuple[int, int]]:
        found = {
            job_id: rows.do(lambda tx, job_id=job_id: executions.waiting(tx, job_id, 9)) for job_id in (first, second)
        }
        return [(job_id, waiting.thing_id) for job_id, all_ in found.items() for waiting in all_]

    rows.do(start)
    rows.do(lambda tx: executions.stop_waiting(tx, first, 5))
    assert left() == [(first, 7), (second, 5), (second, 7)]
    rows.do(lambda tx: executions.stop_waiting_of_thing(tx, 7))
    assert left() == [(second, 5)]
    rows.do(start)
    rows.do(lambda tx: executions.stop_all_waiting(tx, second))
    assert left() == [(first, 5), (first, 7)]


def test_execution_page_of_job(rows: Rows) -> None:
    ids = rows.things(3)
    job_id, other = rows.job("a"), rows.job("b")
    rows.queue(job_id, ids)
    rows.queue(other, ids)
    rows.do(lambda tx: executions.put(tx, (ids[1], job_id, 1), 1, IN_PROGRESS, started_at=NOW, now=NOW))
    page = rows.database.read(lambda tx: executions.page_of_job(tx, job_id, executions.BEFORE_ALL, 2))
    assert [(one.thing_id, one.status) for one in page] == [(ids[0], QUEUED), (ids[1], IN_PROGRESS)]
    after = page[1].queued_at, page[1].thing_id, page[1].number
    [last] = rows.database.read(lambda tx: executions.page_of_job(tx, job_id, after, 2))
    assert (last.thing_id, last.number, last.status, last.started_at) == (ids[2], 1, QUEUED, None)


def test_execution_delete_takes_the_details_with_it(rows: Rows) -> None:
    ids = rows.things(3)
    job_id = rows.job()
    rows.queue(job_id, ids)
    keys_of = [(thing, job_id, 1) for thing in ids]
    for key in keys_of:
        rows.do(lambda tx, key=key: executions.put_details(tx, key, '{"a":"1"}'))
    rows.do(lambda tx: executions.delete(tx, keys_of[:2]))
    rows.do(lambda tx: executions.delete(tx, []))
    assert [rows.do(lambda tx, key=key: executions.get(tx, *key)) is None for key in keys_of] == [True, True, False]
    assert [rows.do(lambda tx, key=key: executions.details(tx, key)) for key in keys_of] == [None, None, '{"a":"1"}']


def test_execution_details_put_replaces(rows: Rows) -> None:
    key, other = (1, 2, 1), (1, 2, 2)
    assert rows.do(lambda tx: executions.details(tx, key)) is None
    rows.do(lambda tx: executions.put_details(tx, key, '{"a":"1"}'))
    rows.do(lambda tx: executions.put_details(tx, other, '{"b":"1"}'))
    rows.do(lambda tx: executions.put_details(tx, key, '{"a":"2"}'))
    assert rows.do(lambda tx: executions.details(tx, key)) == '{"a":"2"}'
    assert rows.do(lambda tx: executions.details(tx, other)) == '{"b":"1"}'


def test_execution_exists_for_thing(rows: Rows) -> None:
    [idle, busy] = rows.things(2)
    rows.queue(rows.job(), [busy])
    assert rows.do(lambda tx: executions.any_of_thing(tx, busy)) is True
    assert rows.do(lambda tx: executions.any_of_thing(tx, idle)) is False


# The seam itself


def test_reset_empties_every_table_and_gives_no_id_twice(rows: Rows, database: Database) -> None:
    thing, job_id = rows.things(1)[0], rows.job()
    rows.queue(job_id, [thing])
    database.reset()
    assert database.read(lambda tx: scopes.find(tx, "123456789012", "eu-west-1")) is None
    assert database.read(lambda tx: executions.get(tx, thing, job_id)) is None
    again = Rows(database)
    assert again.scope > rows.scope
    assert again.job() > job_id


def test_scope_insert_rolls_back_with_its_work(database: Database) -> None:
    def work(tx: Tx) -> None:
        scopes.ensure(tx, "000000000000", "eu-west-1")
        raise LookupError

    with pytest.raises(LookupError):
        transact(database, work)
    assert database.read(lambda tx: scopes.find(tx, "000000000000", "eu-west-1")) is None


def test_conflict_is_not_an_answer(database: Database) -> None:
    """A work that collides for ever is refused; what it raised stays inside."""

    def work(tx: Tx) -> None:
        raise Conflict

    with pytest.raises(StoreUnavailable):
        transact(database, work)


def test_thing_ids(rows: Rows) -> None:
    ids = rows.things(3)
    other = rows.do(lambda tx: scopes.ensure(tx, "123456789012", "us-east-1"))
    names = ["thing-2", "thing-0", "none", "THING-1"]
    assert rows.do(lambda tx: things.ids(tx, rows.scope, names)) == {"thing-0": ids[0], "thing-2": ids[2]}
    assert rows.do(lambda tx: things.ids(tx, other, names)) == {}
