"""Thing types: control reference 17.2, on both engines."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.store.rows import at_once
from tidegate.ops.call import Call
from tidegate.store.database import Database
from tidegate.wire import iot

ARN = "arn:aws:iot:eu-west-1:123456789012:thingtype/"
MINUTE = 60_000


def properties(
    description: str | None = None, *searchable: str, propagating: list[iot.PropagatingAttribute] | None = None
) -> iot.ThingTypeProperties:
    configuration = None if propagating is None else iot.Mqtt5Configuration(propagating_attributes=propagating)
    return iot.ThingTypeProperties(
        thing_type_description=description,
        searchable_attributes=list(searchable) or None,
        mqtt5_configuration=configuration,
    )


def from_thing(key: str, attribute: str) -> iot.PropagatingAttribute:
    return iot.PropagatingAttribute(user_property_key=key, thing_attribute=attribute)


def at(call: Call, minutes: float) -> Call:
    return call._replace(now=NOW + int(minutes * MINUTE))


def described(run: Run, name: str = "lamp") -> iot.DescribeThingTypeResponse:
    found: iot.DescribeThingTypeResponse = run("DescribeThingType", thing_type_name=name)
    return found


# --- CreateThingType ---


def test_create_and_describe_thing_type(run: Run) -> None:
    client = iot.PropagatingAttribute(user_property_key="who", connection_attribute="iot:ClientId")
    given = properties("a lamp", "watt", "model", propagating=[from_thing("m", "model"), client])
    created = run("CreateThingType", thing_type_name="lamp:1", thing_type_properties=given)
    assert created == iot.CreateThingTypeResponse(
        thing_type_name="lamp:1", thing_type_arn=f"{ARN}lamp:1", thing_type_id="00000000-0000-0000-0000-000000000001"
    )
    assert described(run, "lamp:1") == iot.DescribeThingTypeResponse(
        thing_type_name="lamp:1",
        thing_type_id=created.thing_type_id,
        thing_type_arn=f"{ARN}lamp:1",
        thing_type_properties=given,
        thing_type_metadata=iot.ThingTypeMetadata(deprecated=False, creation_date=NOW / 1000),
    )


def test_create_thing_type_without_properties(run: Run) -> None:
    run("CreateThingType", thing_type_name="lamp")
    assert described(run).thing_type_properties == iot.ThingTypeProperties()


def test_create_thing_type_again_alike_gives_the_same_ids(run: Run) -> None:
    given = properties("d", "b", "a", propagating=[from_thing("k", "a")])
    first = run("CreateThingType", thing_type_name="lamp", thing_type_properties=given)
    again = properties("d", "a", "b", propagating=[from_thing("k", "a")])
    assert run("CreateThingType", thing_type_name="lamp", thing_type_properties=again) == first
    run("DeprecateThingType", thing_type_name="lamp")
    assert run("CreateThingType", thing_type_name="lamp", thing_type_properties=again) == first
    plain = run("CreateThingType", thing_type_name="plain")
    for empty in (iot.ThingTypeProperties(), properties(""), properties(propagating=[])):
        assert run("CreateThingType", thing_type_name="plain", thing_type_properties=empty) == plain


@pytest.mark.parametrize(
    "other",
    [
        None,
        properties("other", "a", propagating=[from_thing("k", "a")]),
        properties("d", "a", "b", propagating=[from_thing("k", "a")]),
        properties("d", "a", propagating=[from_thing("k", "b")]),
        properties("d", "a"),
    ],
)
def test_create_thing_type_again_differently_conflicts(run: Run, other: iot.ThingTypeProperties | None) -> None:
    given = properties("d", "a", propagating=[from_thing("k", "a")])
    first = run("CreateThingType", thing_type_name="lamp", thing_type_properties=given)
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        run("CreateThingType", thing_type_name="lamp", thing_type_properties=other)
    assert caught.value.message == "Thing Type lamp already exists in current account with different properties"
    assert caught.value.members == {"resource_id": first.thing_type_id, "resource_arn": f"{ARN}lamp"}


def test_create_thing_type_names_every_violation_at_once(run: Run) -> None:
    both = iot.PropagatingAttribute(user_property_key="k", thing_attribute="a", connection_attribute="iot:ClientId")
    given = properties("d", "a", "b", "c", "d", propagating=[both])
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThingType", thing_type_name="l", thing_type_properties=given, tags=[iot.Tag(key="aws:x")])
    assert caught.value.message == (
        "searchableAttributes can have at most 3 attributes "
        "propagatingAttributes.1: one of thingAttribute and connectionAttribute is required, not both "
        "Tag key aws:x begins with aws:, which is reserved."
    )
    assert run("ListThingTypes").thing_types == []


# --- UpdateThingType ---


def test_update_thing_type_replaces_the_mqtt5_configuration(run: Run) -> None:
    run("CreateThingType", thing_type_name="lamp", thing_type_properties=properties("d", "a"))
    given = properties(propagating=[from_thing("k", "a")])
    run("UpdateThingType", thing_type_name="lamp", thing_type_properties=given)
    after = described(run).thing_type_properties
    assert after == properties("d", "a", propagating=[from_thing("k", "a")])
    run("UpdateThingType", thing_type_name="lamp")
    run("UpdateThingType", thing_type_name="lamp", thing_type_properties=iot.ThingTypeProperties())
    assert described(run).thing_type_properties == after
    run("UpdateThingType", thing_type_name="lamp", thing_type_properties=properties(propagating=[]))
    assert described(run).thing_type_properties == properties("d", "a")


@pytest.mark.parametrize("given", [properties("d"), properties(None, "a"), properties("d", "a", propagating=[])])
def test_update_thing_type_changes_nothing_else(run: Run, given: iot.ThingTypeProperties) -> None:
    run("CreateThingType", thing_type_name="lamp", thing_type_properties=properties("d", "a"))
    with pytest.raises(iot.InvalidRequestException, match=r"^Can only update mqtt5Configuration\.$"):
        run("UpdateThingType", thing_type_name="lamp", thing_type_properties=given)


def test_update_thing_type_refusals(run: Run) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing type none cannot be found\.$"):
        run("UpdateThingType", thing_type_name="none")
    run("CreateThingType", thing_type_name="lamp")
    many = properties(propagating=[from_thing(f"k{number}", "a") for number in range(21)])
    with pytest.raises(iot.InvalidRequestException, match=r"^propagatingAttributes can have at most 20 attributes$"):
        run("UpdateThingType", thing_type_name="lamp", thing_type_properties=many)


# --- DeprecateThingType ---


def test_deprecate_thing_type_and_undo(run: Run, call: Call) -> None:
    run("CreateThingType", thing_type_name="lamp")
    run("DeprecateThingType", thing_type_name="lamp", call=at(call, 1))
    run("DeprecateThingType", thing_type_name="lamp", undo_deprecate=False, call=at(call, 2))
    assert described(run).thing_type_metadata == iot.ThingTypeMetadata(
        deprecated=True, deprecation_date=NOW / 1000 + 60, creation_date=NOW / 1000
    )
    for _ in range(2):
        run("DeprecateThingType", thing_type_name="lamp", undo_deprecate=True)
        assert described(run).thing_type_metadata == iot.ThingTypeMetadata(deprecated=False, creation_date=NOW / 1000)


def test_deprecate_thing_type_unknown(run: Run) -> None:
    for undo in (None, True):
        with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing type none cannot be found\.$"):
            run("DeprecateThingType", thing_type_name="none", undo_deprecate=undo)


# --- DeleteThingType ---


def test_delete_thing_type_after_five_minutes_of_deprecation(run: Run, call: Call) -> None:
    run("CreateThingType", thing_type_name="lamp")
    with pytest.raises(iot.InvalidRequestException, match="must be deprecated first"):
        run("DeleteThingType", thing_type_name="lamp", call=at(call, 60))
    run("DeprecateThingType", thing_type_name="lamp", call=at(call, 60))
    soon = call._replace(now=NOW + 65 * MINUTE - 1)
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("DeleteThingType", thing_type_name="lamp", call=soon)
    assert caught.value.message == (
        "Cannot delete thing type : lamp. Please wait for 5 minutes after deprecation and then retry"
    )
    run("DeleteThingType", thing_type_name="lamp", call=at(call, 65))
    for operation in ("DescribeThingType", "DeleteThingType"):
        with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing type lamp cannot be found\.$"):
            run(operation, thing_type_name="lamp")
    run("CreateThingType", thing_type_name="lamp")
    assert described(run).thing_type_metadata.deprecated is False  # type: ignore[union-attr]


def test_delete_thing_type_waits_as_long_as_it_is_told(run: Run, call: Call) -> None:
    for minutes, name in ((0, "none"), (2, "two")):
        patient = call._replace(limits=call.limits._replace(thing_type_rest=minutes * MINUTE))
        run("CreateThingType", thing_type_name=name)
        run("DeprecateThingType", thing_type_name=name)
        if minutes:
            with pytest.raises(iot.InvalidRequestException, match="wait for 2 minutes"):
                run("DeleteThingType", thing_type_name=name, call=patient._replace(now=NOW + minutes * MINUTE - 1))
        run("DeleteThingType", thing_type_name=name, call=patient._replace(now=NOW + minutes * MINUTE))


def test_delete_thing_type_in_use(run: Run, call: Call) -> None:
    later = at(call, 10)
    run("CreateThingType", thing_type_name="lamp")
    for name in "tu":
        run("CreateThing", thing_name=name, thing_type_name="lamp")
    run("DeprecateThingType", thing_type_name="lamp")
    run("DeleteThing", thing_name="u")
    with pytest.raises(iot.InvalidRequestException, match="still things associated"):
        run("DeleteThingType", thing_type_name="lamp", call=later)
    run("UpdateThing", thing_name="t", remove_thing_type=True)
    run("DeleteThingType", thing_type_name="lamp", call=later)


def test_a_type_that_is_deleted_while_things_are_given_it(run: Run, call: Call, database: Database) -> None:
    """Whoever is first: no thing is left with a type that is not there."""
    for number in range(8):
        name = f"lamp{number}"
        run("CreateThingType", thing_type_name=name)
        run("CreateThing", thing_name=name)
        patient = call._replace(limits=call.limits._replace(thing_type_rest=0))

        def act(which: int, name: str = name, call: Call = patient) -> None:
            with contextlib.suppress(iot.InvalidRequestException, iot.ResourceNotFoundException):
                if which:
                    run("UpdateThing", thing_name=name, thing_type_name=name, call=call)
                else:
                    run("DeprecateThingType", thing_type_name=name, call=call)
                    run("DeleteThingType", thing_type_name=name, call=call)

        if database.concurrent:
            at_once(2, act)
        else:
            act(number % 2)
            act(1 - number % 2)
        there = run("ListThingTypes", thing_type_name=name).thing_types
        assert run("DescribeThing", thing_name=name).thing_type_name == (name if there else None)


# --- ListThingTypes ---


def test_list_thing_types(run: Run) -> None:
    for name in ("b", "A", "c"):
        run("CreateThingType", thing_type_name=name, thing_type_properties=properties(f"is {name}", "x"))
    run("DeprecateThingType", thing_type_name="b")
    pages: list[list[Any]] = []
    token = None
    while not pages or token:
        page = run("ListThingTypes", max_results=1, next_token=token)
        pages.append([one.thing_type_name for one in page.thing_types])
        token = page.next_token
    assert pages == [["A"], ["b"], ["c"]]
    assert run("ListThingTypes", thing_type_name="b").thing_types == [
        iot.ThingTypeDefinition(
            thing_type_name="b",
            thing_type_arn=f"{ARN}b",
            thing_type_properties=properties("is b", "x"),
            thing_type_metadata=iot.ThingTypeMetadata(
                deprecated=True, deprecation_date=NOW / 1000, creation_date=NOW / 1000
            ),
        )
    ]
    assert run("ListThingTypes", thing_type_name="none") == iot.ListThingTypesResponse(thing_types=[])
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListThingTypes", next_token="nonsense")
