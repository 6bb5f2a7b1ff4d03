"""Attachments of certificates to things."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.test_certificates import UNKNOWN, arn, changed, register
from tidegate.ops.call import Call
from tidegate.wire import iot

# --- AttachThingPrincipal, DetachThingPrincipal ---------------------------------------------------------------------


@pytest.fixture
def owner(run: Run) -> str:
    """The ARN of a certificate, beside things t1 and t2."""
    run("CreateThing", thing_name="t1")
    run("CreateThing", thing_name="t2")
    return arn(register(run))


def test_attach_thing_principal(run: Run, call: Call, owner: str) -> None:
    effects: list[Any] = []
    run("AttachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert effects == changed(call, owner.rpartition("/")[2])
    run("AttachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert len(effects) == 1  # the second time changes nothing
    run("AttachThingPrincipal", thing_name="t2", principal=owner)
    assert run("ListPrincipalThings", principal=owner).things == ["t1", "t2"]
    assert run("ListThingPrincipals", thing_name="t1").principals == [owner]


def test_detach_thing_principal(run: Run, call: Call, owner: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner)
    effects: list[Any] = []
    run("DetachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert effects == changed(call, owner.rpartition("/")[2])
    run("DetachThingPrincipal", thing_name="t1", principal=owner, effects=effects)
    assert len(effects) == 1
    assert run("ListPrincipalThings", principal=owner).things == []


@pytest.mark.parametrize("kind", [None, "NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"])
def test_exclusive_certificate_has_no_second_thing(run: Run, owner: str, kind: str | None) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type=kind)
    assert error.value.message == f"Principal {owner} is attached exclusively to thing t1. Detach it first."
    run("DetachThingPrincipal", thing_name="t1", principal=owner)
    run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type=kind)


def test_shared_certificate_does_not_become_exclusive(run: Run, owner: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner)
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t2", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    assert error.value.message == f"Principal {owner} is attached to thing t1 and cannot be exclusive to another."


@pytest.mark.parametrize(
    ("first", "second"), [("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"), ("NON_EXCLUSIVE_THING", "EXCLUSIVE_THING")]
)
def test_attachment_does_not_change_its_type(run: Run, owner: str, first: str, second: str) -> None:
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=first)
    run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=first)
    with pytest.raises(iot.InvalidRequestException) as error:
        run("AttachThingPrincipal", thing_name="t1", principal=owner, thing_principal_type=second)
    assert error.value.message == f"Principal {owner} is attached to thing t1 as {first}. Detach it first."


def test_a_thing_may_have_several_exclusive_certificates(run: Run, owner: str) -> None:
    other = arn(register(run))
    for principal in (owner, other):
        run("AttachThingPrincipal", thing_name="t1", principal=principal, thing_principal_type="EXCLUSIVE_THING")
    assert run("ListThingPrincipals", thing_name="t1").principals == [owner, other]


@pytest.mark.parametrize("operation", ["AttachThingPrincipal", "DetachThingPrincipal"])
def test_attachments_need_both_sides(run: Run, owner: str, operation: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, thing_name="none", principal=owner)
    assert error.value.message == "Thing none cannot be found."
    with pytest.raises(iot.ResourceNotFoundException) as error:
        run(operation, thing_name="t1", principal=arn(UNKNOWN))
    assert error.value.message == f"Certificate {UNKNOWN} cannot be found."


@pytest.mark.parametrize(
    "principal",
    [
        "",
        "t1",
        "eu-west-1:0a1b2c3d-0000-0000-0000-000000000000",
        "arn:aws:iot:eu-west-1:123456789012:thing/t1",
        "arn:aws:iot:eu-west-1:123456789012:thinggroup/g",
    ],
)
@pytest.mark.parametrize("operation", ["AttachThingPrincipal", "DetachThingPrincipal", "ListPrincipalThings"])
def test_principals_are_certificates(run: Run, owner: str, operation: str, principal: str) -> None:
    members = {} if operation == "ListPrincipalThings" else {"thing_name": "t1"}
    with pytest.raises(iot.InvalidRequestException) as error:
        run(operation, principal=principal, **members)
    assert error.value.message == "The given ARN does not represent a cert"


def test_principal_of_another_region(run: Run, owner: str) -> None:
    with pytest.raises(iot.ResourceNotFoundException):
        run("AttachThingPrincipal", thing_name="t1", principal=owner.replace("eu-west-1", "us-east-1"))


# --- lists of attachments -------------------------------------------------------------------------------------------


def test_list_thing_principals(run: Run) -> None:
    run("CreateThing", thing_name="t")
    made = [arn(register(run)) for _ in range(5)]
    for index, principal in enumerate(made):
        kind = "EXCLUSIVE_THING" if index % 2 else "NON_EXCLUSIVE_THING"
        run("AttachThingPrincipal", thing_name="t", principal=principal, thing_principal_type=kind)

    found, token = [], None
    for size in (2, 2, 1):
        answer = run("ListThingPrincipals", thing_name="t", max_results=2, next_token=token)
        assert len(answer.principals) == size
        found += answer.principals
        token = answer.next_token
    assert token is None
    assert found == made

    first = run("ListThingPrincipalsV2", thing_name="t", max_results=3)
    rest = run("ListThingPrincipalsV2", thing_name="t", max_results=3, next_token=first.next_token)
    rows = first.thing_principal_objects + rest.thing_principal_objects
    assert [row.principal for row in rows] == made
    assert [row.thing_principal_type for row in rows[:2]] == ["NON_EXCLUSIVE_THING", "EXCLUSIVE_THING"]
    exclusive = run("ListThingPrincipalsV2", thing_name="t", thing_principal_type="EXCLUSIVE_THING")
    assert [row.principal for row in exclusive.thing_principal_objects] == made[1::2]


def test_list_principal_things(run: Run) -> None:
    owner = arn(register(run))
    names = [f"t{index}" for index in range(5)]
    for name in names:
        run("CreateThing", thing_name=name)
        run("AttachThingPrincipal", thing_name=name, principal=owner)

    found, token = [], None
    for size in (2, 2, 1):
        answer = run("ListPrincipalThings", principal=owner, max_results=2, next_token=token)
        assert len(answer.things) == size
        found += answer.things
        token = answer.next_token
    assert token is None
    assert found == names

    rows = run("ListPrincipalThingsV2", principal=owner).principal_thing_objects
    assert [(row.thing_name, row.thing_principal_type) for row in rows] == [(n, "NON_EXCLUSIVE_THING") for n in names]
    exclusive = run("ListPrincipalThingsV2", principal=owner, thing_principal_type="EXCLUSIVE_THING")
    assert exclusive.principal_thing_objects == []


def test_lists_of_what_does_not_exist(run: Run) -> None:
    for operation in ("ListThingPrincipals", "ListThingPrincipalsV2"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, thing_name="none")
    for operation in ("ListPrincipalThings", "ListPrincipalThingsV2"):
        with pytest.raises(iot.ResourceNotFoundException):
            run(operation, principal=arn(UNKNOWN))


def test_tokens_are_bound_to_their_list(run: Run) -> None:
    for name in ("t1", "t2"):
        run("CreateThing", thing_name=name)
        for principal in (arn(register(run)), arn(register(run))):
            run("AttachThingPrincipal", thing_name=name, principal=principal)
    token = run("ListThingPrincipals", thing_name="t1", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException) as error:
        run("ListThingPrincipals", thing_name="t2", next_token=token)
    assert error.value.message == "Invalid nextToken"
