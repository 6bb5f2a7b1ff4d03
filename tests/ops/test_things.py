"""Things: control reference 17.1, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.lifecycle import ExecutionStatus, JobStatus, Stage
from tidegate.core.pending import Change
from tidegate.ops.call import Call
from tidegate.ops.effects import EngineDue, PendingChanged, PoliciesChanged, PrincipalChanged, ThingNamed
from tidegate.store import certificates, executions, jobs, scopes, things
from tidegate.store.database import Database, Tx, transact
from tidegate.wire import iot

ARN = "arn:aws:iot:eu-west-1:123456789012:thing/"


def payload(*, merge: bool | None = None, **attributes: str) -> iot.AttributePayload:
    return iot.AttributePayload(attributes=attributes, merge=merge)


def thing_id(database: Database, call: Call, name: str) -> int:
    thing = transact(database, lambda tx: things.find(tx, call.scope, name))
    assert thing is not None
    return thing.id


def attach(database: Database, call: Call, name: str, certificate_id: str) -> None:
    """Leave in the tables what AttachThingPrincipal leaves there."""
    thing = thing_id(database, call, name)
    new = certificates.NewCertificate(certificate_id, call.ids.uuid(), "", "ACTIVE", "DEFAULT", 0, 0, 0, call.now)

    def work(tx: Tx) -> None:
        certificates.insert(tx, call.scope, new)
        known = certificates.get(tx, call.scope, certificate_id)
        assert known is not None
        certificates.attach(tx, thing, known.id, exclusive=False)

    transact(database, work)


def new_job(database: Database, call: Call, name: str) -> int:
    job = jobs.NewJob(
        name, JobStatus.IN_PROGRESS, Stage.NONE, "SNAPSHOT", None, None, None, None, "{}", None, call.now, None
    )
    job_id = transact(database, lambda tx: jobs.insert(tx, call.scope, job))
    assert job_id is not None
    return job_id


def release(database: Database, call: Call, job: int, thing: int, status: ExecutionStatus) -> None:
    """Give a thing an execution of a job, in a status, counted."""

    def work(tx: Tx) -> None:
        assert executions.release_thing(tx, job, thing, now=call.now)
        if status != ExecutionStatus.QUEUED:
            assert executions.put(tx, (thing, job, 1), 1, status, started_at=call.now, now=call.now)
        jobs.count_add(tx, job, {status: 1})

    transact(database, work)


# --- CreateThing ---


def test_create_thing(run: Any, call: Call) -> None:
    effects: list[Any] = []
    response = run("CreateThing", thing_name="a:1", attribute_payload=payload(colour="red"), effects=effects)
    assert response == iot.CreateThingResponse(
        thing_name="a:1", thing_arn=f"{ARN}a:1", thing_id="00000000-0000-0000-0000-000000000001"
    )
    (named,) = effects
    assert (named.account, named.region, named.name) == (call.account, call.region, "a:1")
    assert isinstance(named.thing_id, int)


def test_create_thing_drops_attributes_with_empty_values(run: Any) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1", b=""))
    assert run("DescribeThing", thing_name="t").attributes == {"a": "1"}


def test_create_thing_again_with_the_same_attributes_gives_the_same_ids(run: Any) -> None:
    first = run("CreateThing", thing_name="t", attribute_payload=payload(a="1", b="2"))
    effects: list[Any] = []
    assert run("CreateThing", thing_name="t", attribute_payload=payload(b="2", a="1"), effects=effects) == first
    assert effects == []
    assert run("DescribeThing", thing_name="t").version == 1


def test_create_thing_again_with_other_attributes_conflicts(run: Any) -> None:
    first = run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        run("CreateThing", thing_name="t")
    assert caught.value.message == "Thing t already exists in current account with different properties"
    assert caught.value.members == {"resource_id": first.thing_id, "resource_arn": f"{ARN}t"}


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("thing_type_name", "Thing type none cannot be found."),
        ("billing_group_name", "Billing group none cannot be found."),
    ],
)
def test_create_thing_with_an_unknown_reference(run: Any, member: str, message: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match=f"^{message}$"):
        run("CreateThing", thing_name="t", **{member: "none"})
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeThing", thing_name="t")


def test_create_thing_has_at_most_three_attributes_without_a_type(run: Any) -> None:
    run("CreateThing", thing_name="three", attribute_payload=payload(a="1", b="2", c="3", d=""))
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThing", thing_name="four", attribute_payload=payload(a="1", b="2", c="3", d="4"))
    assert caught.value.message == "Thing four without a thing type cannot have more than 3 attributes"


def test_create_thing_with_a_type_has_at_most_fifty_attributes(run: Any) -> None:
    run("CreateThingType", thing_type_name="lamp")
    fifty = {f"a{number}": "x" for number in range(50)}
    run("CreateThing", thing_name="t", thing_type_name="lamp", attribute_payload=payload(**fifty))
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThing", thing_name="u", thing_type_name="lamp", attribute_payload=payload(**fifty, more="x"))
    assert caught.value.message == "Thing u cannot have more than 50 attributes"


@pytest.fixture
def catalogue(run: Any) -> None:
    """Two types and two billing groups; thing t is of the first of each."""
    for name in ("lamp", "pump"):
        run("CreateThingType", thing_type_name=name)
        run("CreateBillingGroup", billing_group_name=name)
    run("CreateThing", thing_name="t", thing_type_name="lamp", billing_group_name="lamp")


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("type_name", "billing_group"),
    [("pump", "lamp"), ("lamp", "pump"), (None, "lamp"), ("lamp", None), (None, None)],
)
def test_create_thing_again_with_another_type_or_billing_group_conflicts(
    run: Any, type_name: str | None, billing_group: str | None
) -> None:
    first = run("CreateThing", thing_name="t", thing_type_name="lamp", billing_group_name="lamp")
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        run("CreateThing", thing_name="t", thing_type_name=type_name, billing_group_name=billing_group)
    assert caught.value.members == {"resource_id": first.thing_id, "resource_arn": first.thing_arn}


@pytest.mark.usefixtures("catalogue")
def test_create_thing_of_a_deprecated_type(run: Any) -> None:
    run("DeprecateThingType", thing_type_name="lamp")
    first = run("DescribeThing", thing_name="t").thing_id
    again = run("CreateThing", thing_name="t", thing_type_name="lamp", billing_group_name="lamp")
    assert again.thing_id == first
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThing", thing_name="u", thing_type_name="lamp")
    assert caught.value.message == "Can not create new thing with depreated thing type:lamp"
    run("DeprecateThingType", thing_type_name="lamp", undo_deprecate=True)
    run("CreateThing", thing_name="u", thing_type_name="lamp")


# --- DescribeThing ---


def test_describe_thing(run: Any) -> None:
    created = run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    assert run("DescribeThing", thing_name="t") == iot.DescribeThingResponse(
        default_client_id="t",
        thing_name="t",
        thing_id=created.thing_id,
        thing_arn=f"{ARN}t",
        attributes={"a": "1"},
        version=1,
    )
    run("CreateThingType", thing_type_name="lamp")
    run("CreateBillingGroup", billing_group_name="north")
    run("CreateThing", thing_name="u", thing_type_name="lamp", billing_group_name="north")
    described = run("DescribeThing", thing_name="u")
    assert (described.thing_type_name, described.billing_group_name) == ("lamp", "north")


def test_describe_thing_unknown(run: Any) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing none cannot be found\.$"):
        run("DescribeThing", thing_name="none")


def test_things_of_another_scope_are_not_seen(run: Any, call: Call, database: Database) -> None:
    run("CreateThing", thing_name="t")
    scope = transact(database, lambda tx: scopes.ensure(tx, call.account, "us-east-1"))
    other = call._replace(scope=scope, region="us-east-1")
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeThing", thing_name="t", call=other)
    assert run("ListThings", call=other).things == []
    assert run("CreateThing", thing_name="t", call=other).thing_arn == "arn:aws:iot:us-east-1:123456789012:thing/t"


# --- UpdateThing ---


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (None, {"a": "1", "b": "2"}),
        (iot.AttributePayload(), {"a": "1", "b": "2"}),
        (payload(c="3"), {"c": "3"}),
        (payload(), {}),
        (payload(a=""), {}),
        (payload(merge=False, a="9"), {"a": "9"}),
        (payload(merge=True, c="3"), {"a": "1", "b": "2", "c": "3"}),
        (payload(merge=True, a="9"), {"a": "9", "b": "2"}),
        (payload(merge=True, a=""), {"b": "2"}),
        (payload(merge=True, a="", c="3", d="4"), {"b": "2", "c": "3", "d": "4"}),
    ],
)
def test_update_thing_attributes(run: Any, given: iot.AttributePayload | None, after: dict[str, str]) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1", b="2"))
    run("UpdateThing", thing_name="t", attribute_payload=given)
    described = run("DescribeThing", thing_name="t")
    assert (described.attributes, described.version) == (after, 2)
    for name in "abcd":
        found = [thing.thing_name for thing in run("ListThings", attribute_name=name).things]
        assert found == (["t"] if name in after else [])


def test_update_thing_expected_version(run: Any) -> None:
    run("CreateThing", thing_name="t")
    run("UpdateThing", thing_name="t", expected_version=1)
    with pytest.raises(iot.VersionConflictException) as caught:
        run("UpdateThing", thing_name="t", attribute_payload=payload(a="1"), expected_version=1)
    assert caught.value.message == "The version for thing t does not match the expected version."
    described = run("DescribeThing", thing_name="t")
    assert (described.attributes, described.version) == ({}, 2)


def test_update_thing_refusals(run: Any) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1", b="2"))
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing none cannot be found\.$"):
        run("UpdateThing", thing_name="none")
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing type none cannot be found\.$"):
        run("UpdateThing", thing_name="t", thing_type_name="none")
    with pytest.raises(iot.InvalidRequestException, match="removeThingType"):
        run("UpdateThing", thing_name="t", thing_type_name="none", remove_thing_type=True)
    with pytest.raises(iot.InvalidRequestException, match="more than 3 attributes"):
        run("UpdateThing", thing_name="t", attribute_payload=payload(merge=True, c="3", d="4"))
    assert run("DescribeThing", thing_name="t").version == 1


def test_update_thing_remove_type_of_an_untyped_thing(run: Any) -> None:
    run("CreateThing", thing_name="t")
    run("UpdateThing", thing_name="t", remove_thing_type=True)
    assert run("DescribeThing", thing_name="t").version == 2


@pytest.mark.usefixtures("catalogue")
def test_update_thing_type(run: Any) -> None:
    run("UpdateThing", thing_name="t", thing_type_name="pump")
    described = run("DescribeThing", thing_name="t")
    assert (described.thing_type_name, described.version, described.billing_group_name) == ("pump", 2, "lamp")
    run("UpdateThing", thing_name="t", attribute_payload=payload(a="1"))
    assert run("DescribeThing", thing_name="t").thing_type_name == "pump"
    run("UpdateThing", thing_name="t", remove_thing_type=True)
    described = run("DescribeThing", thing_name="t")
    assert (described.thing_type_name, described.attributes, described.version) == (None, {"a": "1"}, 4)
    run("UpdateThing", thing_name="t", remove_thing_type=False, thing_type_name="lamp")
    assert run("DescribeThing", thing_name="t").thing_type_name == "lamp"


@pytest.mark.usefixtures("catalogue")
def test_update_thing_to_a_deprecated_type(run: Any) -> None:
    for name in ("lamp", "pump"):
        run("DeprecateThingType", thing_type_name=name)
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("UpdateThing", thing_name="t", thing_type_name="pump")
    assert caught.value.message == "Can not update a thing to use deprecated thing type: pump"
    with pytest.raises(iot.VersionConflictException):
        run("UpdateThing", thing_name="t", thing_type_name="pump", expected_version=7)
    run("UpdateThing", thing_name="t", thing_type_name="lamp")  # it has it already
    described = run("DescribeThing", thing_name="t")
    assert (described.thing_type_name, described.version) == ("lamp", 2)


@pytest.mark.usefixtures("catalogue")
def test_update_thing_limits_attributes_by_the_type_it_has_afterwards(run: Any) -> None:
    four = payload(a="1", b="2", c="3", d="4")
    run("UpdateThing", thing_name="t", attribute_payload=four)
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("UpdateThing", thing_name="t", remove_thing_type=True)
    assert caught.value.message == "Thing t without a thing type cannot have more than 3 attributes"
    assert run("DescribeThing", thing_name="t").thing_type_name == "lamp"
    run("UpdateThing", thing_name="t", remove_thing_type=True, attribute_payload=payload(merge=True, d=""))
    run("UpdateThing", thing_name="t", thing_type_name="pump", attribute_payload=four)
    assert len(run("DescribeThing", thing_name="t").attributes) == 4


@pytest.mark.usefixtures("catalogue")
def test_update_thing_type_concerns_the_attached_certificates(run: Any, database: Database, call: Call) -> None:
    attach(database, call, "t", "f" * 64)
    effects: list[Any] = []
    run("UpdateThing", thing_name="t", thing_type_name="lamp", effects=effects)
    assert effects == []
    run("UpdateThing", thing_name="t", thing_type_name="pump", effects=effects)
    assert effects == [PrincipalChanged(call.scope, "f" * 64)]


def test_update_thing_attributes_concern_the_attached_certificates(run: Any, database: Database, call: Call) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    attach(database, call, "t", "f" * 64)
    attach(database, call, "t", "e" * 64)
    effects: list[Any] = []
    run("UpdateThing", thing_name="t", attribute_payload=payload(a="2"), effects=effects)
    assert effects == [PrincipalChanged(call.scope, "e" * 64), PrincipalChanged(call.scope, "f" * 64)]
    effects.clear()
    run("UpdateThing", thing_name="t", attribute_payload=payload(a="2"), effects=effects)
    assert effects == []


# --- DeleteThing ---


def test_delete_thing(run: Any, call: Call) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    effects: list[Any] = []
    assert run("DeleteThing", thing_name="t", effects=effects) == iot.DeleteThingResponse()
    assert effects == [ThingNamed(call.account, call.region, "t", None)]
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeThing", thing_name="t")
    assert run("ListThings").things == []
    assert run("ListThings", attribute_name="a").things == []


def test_delete_thing_that_is_not_there_succeeds(run: Any) -> None:
    effects: list[Any] = []
    assert run("DeleteThing", thing_name="none", expected_version=7, effects=effects) == iot.DeleteThingResponse()
    assert effects == []


def test_delete_thing_expected_version(run: Any) -> None:
    run("CreateThing", thing_name="t")
    with pytest.raises(iot.VersionConflictException, match=r"^The version for thing t does not match the expected"):
        run("DeleteThing", thing_name="t", expected_version=2)
    run("DeleteThing", thing_name="t", expected_version=1)
    assert run("ListThings").things == []


def test_delete_thing_with_principals_is_refused(run: Any, database: Database, call: Call) -> None:
    run("CreateThing", thing_name="t")
    attach(database, call, "t", "c" * 64)
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("DeleteThing", thing_name="t")
    assert caught.value.message == "Cannot delete. Thing t is still attached to one or more principals"
    assert run("DescribeThing", thing_name="t").version == 1


def test_delete_thing_leaves_its_groups(run: Any) -> None:
    run("CreateThing", thing_name="t")
    run("CreateThingGroup", thing_group_name="g")
    run("AddThingToThingGroup", thing_name="t", thing_group_name="g")
    effects: list[Any] = []
    run("DeleteThing", thing_name="t", effects=effects)
    assert not any(isinstance(effect, PoliciesChanged) for effect in effects)
    assert run("ListThingsInThingGroup", thing_group_name="g").things == []
    run("CreateThing", thing_name="t")
    assert run("ListThingGroupsForThing", thing_name="t").thing_groups == []


def test_delete_thing_removes_its_pending_executions(run: Any, database: Database, call: Call) -> None:
    run("CreateThing", thing_name="t")
    run("CreateThing", thing_name="other")
    thing, other = thing_id(database, call, "t"), thing_id(database, call, "other")
    queued, running, ended = (new_job(database, call, name) for name in ("queued", "running", "ended"))
    release(database, call, queued, thing, ExecutionStatus.QUEUED)
    release(database, call, queued, other, ExecutionStatus.QUEUED)
    release(database, call, running, thing, ExecutionStatus.IN_PROGRESS)
    release(database, call, ended, thing, ExecutionStatus.SUCCEEDED)
    later = call._replace(now=call.now + 5_000)
    effects: list[Any] = []

    run("DeleteThing", thing_name="t", call=later, effects=effects)

    assert [effect for effect in effects if isinstance(effect, PendingChanged)] == [
        PendingChanged(thing, Change(notify=True, notify_next=False)),
        PendingChanged(thing, Change(notify=True, notify_next=True)),
    ]
    assert EngineDue(later.now) in effects
    assert ThingNamed(call.account, call.region, "t", None) in effects

    def look(tx: Tx) -> None:
        removed = executions.get(tx, thing, running)
        assert removed is not None
        assert (removed.status, removed.version) == (ExecutionStatus.REMOVED, 3)
        assert (removed.started_at, removed.updated_at) == (call.now, later.now)
        assert executions.get(tx, thing, queued).status == ExecutionStatus.REMOVED  # type: ignore[union-attr]
        assert executions.get(tx, thing, ended).updated_at == call.now  # type: ignore[union-attr]
        assert executions.get(tx, other, queued).status == ExecutionStatus.QUEUED  # type: ignore[union-attr]
        counts = {job: jobs.counts(tx, job) for job in (queued, running, ended)}
        assert counts[queued][ExecutionStatus.QUEUED] == 1
        assert counts[queued][ExecutionStatus.REMOVED] == 1
        assert counts[running][ExecutionStatus.IN_PROGRESS] == 0
        assert counts[running][ExecutionStatus.REMOVED] == 1
        assert counts[ended][ExecutionStatus.SUCCEEDED] == 1
        assert jobs.next_wake(tx) == later.now

    transact(database, look)


def test_a_thing_created_again_has_nothing_of_the_old_one(run: Any, database: Database, call: Call) -> None:
    first = run("CreateThing", thing_name="t")
    old = thing_id(database, call, "t")
    job = new_job(database, call, "j")
    release(database, call, job, old, ExecutionStatus.QUEUED)
    run("DeleteThing", thing_name="t")
    again = run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    assert again.thing_id != first.thing_id
    new = thing_id(database, call, "t")
    assert transact(database, lambda tx: executions.pending(tx, call.scope, "t")) == (new, ())
    page = {"status": None, "namespace": None, "job_name": None, "before": executions.FIRST, "limit": 9}
    assert transact(database, lambda tx: executions.page_by_thing(tx, new, **page)) == []
    kept = transact(database, lambda tx: executions.page_by_job(tx, job, None, executions.FIRST, 9))
    assert [(row.owner, row.name, row.status) for row in kept] == [(old, "t", ExecutionStatus.REMOVED)]


def test_the_id_of_a_deleted_thing_is_never_given_again(run: Any, database: Database, call: Call) -> None:
    run("CreateThing", thing_name="t")
    old = thing_id(database, call, "t")
    run("DeleteThing", thing_name="t")
    run("CreateThing", thing_name="u")
    assert thing_id(database, call, "u") > old


# --- ListThings ---


def pages(run: Any, size: int, **members: Any) -> list[list[str]]:
    """The names on each page, following tokens to the end."""
    found, token = [], None
    while True:
        response = run("ListThings", max_results=size, next_token=token, **members)
        found.append([thing.thing_name for thing in response.things])
        token = response.next_token
        if token is None:
            return found


def test_list_things(run: Any) -> None:
    run("CreateThing", thing_name="t", attribute_payload=payload(a="1"))
    run("UpdateThing", thing_name="t")
    assert run("ListThings").things == [
        iot.ThingAttribute(thing_name="t", thing_arn=f"{ARN}t", attributes={"a": "1"}, version=2)
    ]


def test_list_things_pages_by_name(run: Any) -> None:
    for name in ("b", "A", "c_", "c-", "c:", "c0"):
        run("CreateThing", thing_name=name)
    assert pages(run, 2) == [["A", "b"], ["c-", "c0"], ["c:", "c_"]]
    assert pages(run, 5) == [["A", "b", "c-", "c0", "c:"], ["c_"]]
    assert pages(run, 6) == [["A", "b", "c-", "c0", "c:", "c_"]]


def test_list_things_goes_on_after_a_deleted_thing(run: Any) -> None:
    for name in "abc":
        run("CreateThing", thing_name=name)
    first = run("ListThings", max_results=1)
    run("DeleteThing", thing_name="a")
    assert [t.thing_name for t in run("ListThings", next_token=first.next_token).things] == ["b", "c"]


@pytest.fixture
def coloured(run: Any) -> None:
    for name, colour in (("a", "red"), ("b", "reddish"), ("c", "blue"), ("d", "red"), ("e", "re"), ("f", "RED")):
        run("CreateThing", thing_name=name, attribute_payload=payload(colour=colour, size="1"))
    run("CreateThing", thing_name="g", attribute_payload=payload(tint="red"))


@pytest.mark.usefixtures("coloured")
@pytest.mark.parametrize(
    ("value", "prefix", "found"),
    [
        ("red", None, [["a", "d"]]),
        ("red", False, [["a", "d"]]),
        ("red", True, [["a", "d"], ["b"]]),
        ("re", True, [["e", "a"], ["d", "b"]]),
        ("re", False, [["e"]]),
        ("", True, [["f", "c"], ["e", "a"], ["d", "b"]]),
        (None, None, [["f", "c"], ["e", "a"], ["d", "b"]]),
        ("", False, [[]]),
        ("green", True, [[]]),
    ],
)
def test_list_things_by_attribute(run: Any, value: str | None, prefix: bool | None, found: list[list[str]]) -> None:
    filters = {"attribute_name": "colour", "attribute_value": value, "use_prefix_attribute_value": prefix}
    assert pages(run, 2, **filters) == found


@pytest.mark.usefixtures("catalogue")
def test_list_things_by_thing_type(run: Any) -> None:
    for name in ("c", "B", "a"):
        run("CreateThing", thing_name=name, thing_type_name="lamp")
    run("CreateThing", thing_name="other", thing_type_name="pump")
    run("CreateThing", thing_name="none")
    assert pages(run, 2, thing_type_name="lamp") == [["B", "a"], ["c", "t"]]
    assert pages(run, 3, thing_type_name="lamp") == [["B", "a", "c"], ["t"]]
    (other,) = run("ListThings", thing_type_name="pump").things
    assert (other.thing_name, other.thing_type_name) == ("other", "pump")
    assert run("ListThings", thing_type_name="unknown") == iot.ListThingsResponse(things=[])
    token = run("ListThings", thing_type_name="lamp", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListThings", thing_type_name="pump", next_token=token)


@pytest.mark.usefixtures("catalogue")
def test_a_deleted_thing_is_of_no_type_and_in_no_billing_group(run: Any, database: Database, call: Call) -> None:
    release(database, call, new_job(database, call, "j"), thing_id(database, call, "t"), ExecutionStatus.SUCCEEDED)
    run("DeleteThing", thing_name="t")
    assert run("ListThings", thing_type_name="lamp").things == []
    assert run("ListThingsInBillingGroup", billing_group_name="lamp").things == []
    run("CreateThing", thing_name="t")
    described = run("DescribeThing", thing_name="t")
    assert (described.thing_type_name, described.billing_group_name) == (None, None)


def test_list_things_refusals(run: Any) -> None:
    with pytest.raises(iot.InvalidRequestException, match="attributeValue"):
        run("ListThings", attribute_value="red")
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("ListThings", attribute_name="a", attribute_value="1", thing_type_name="t")
    assert caught.value.message == "Listing things by the combination of attribute and thing type is not supported"


@pytest.mark.usefixtures("coloured")
def test_list_things_token_belongs_to_its_list(run: Any, call: Call) -> None:
    plain = run("ListThings", max_results=1).next_token
    red = run("ListThings", max_results=1, attribute_name="colour", attribute_value="red").next_token
    for token, members in (
        ("nonsense", {}),
        (red, {}),
        (plain, {"attribute_name": "colour", "attribute_value": "red"}),
        (red, {"attribute_name": "colour", "attribute_value": "blue"}),
        (red, {"attribute_name": "colour", "attribute_value": "red", "use_prefix_attribute_value": True}),
        (plain, {"call": call._replace(account="210987654321")}),
    ):
        with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
            run("ListThings", next_token=token, **members)


def test_list_things_shows_250_unless_told(run: Any, database: Database, call: Call) -> None:
    def fill(tx: Tx) -> None:
        for number in range(251):
            things.insert(tx, call.scope, things.NewThing(f"t{number:03}", str(number), {}), call.now)

    transact(database, fill)
    first = run("ListThings")
    assert len(first.things) == 250
    assert [thing.thing_name for thing in run("ListThings", next_token=first.next_token).things] == ["t250"]
