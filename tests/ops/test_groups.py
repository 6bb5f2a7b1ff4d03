"""Static thing groups: control reference 17.3, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.x509_samples import self_signed
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged, PrincipalChanged
from tidegate.store import groups, scopes, tags, things
from tidegate.store.database import Database, Tx, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"


def payload(*, merge: bool | None = None, **attributes: str) -> iot.AttributePayload:
    return iot.AttributePayload(attributes=attributes, merge=merge)


def properties(description: str | None = None, given: iot.AttributePayload | None = None) -> iot.ThingGroupProperties:
    return iot.ThingGroupProperties(thing_group_description=description, attribute_payload=given)


def named(*names: str) -> list[iot.GroupNameAndArn]:
    return [iot.GroupNameAndArn(group_name=name, group_arn=f"{HOME}:thinggroup/{name}") for name in names]


def tree(run: Any, parents: dict[str, str | None]) -> None:
    """Groups by name with the name of their parent."""
    for name, parent in parents.items():
        run("CreateThingGroup", thing_group_name=name, parent_group_name=parent)


def group_id(database: Database, call: Call, name: str) -> int:
    group = transact(database, lambda tx: groups.find(tx, call.scope, name))
    assert group is not None
    return group.id


def thing_id(database: Database, call: Call, name: str) -> int:
    thing = transact(database, lambda tx: things.find(tx, call.scope, name))
    assert thing is not None
    return thing.id


def member_names(run: Any, group: str, **members: Any) -> list[str]:
    found: list[str] = run("ListThingsInThingGroup", thing_group_name=group, **members).things
    return found


def group_names(run: Any, thing: str) -> list[str | None]:
    return [group.group_name for group in run("ListThingGroupsForThing", thing_name=thing).thing_groups]


# --- CreateThingGroup ---


def test_create_thing_group(run: Any) -> None:
    effects: list[Any] = []
    response = run("CreateThingGroup", thing_group_name="g:1", effects=effects)
    assert response == iot.CreateThingGroupResponse(
        thing_group_name="g:1",
        thing_group_arn=f"{HOME}:thinggroup/g:1",
        thing_group_id="00000000-0000-0000-0000-000000000001",
    )
    assert effects == []  # nobody is in a new group


def test_create_thing_group_again_alike_gives_the_same_ids(run: Any) -> None:
    tree(run, {"root": None})
    given = {
        "thing_group_name": "g",
        "parent_group_name": "root",
        "thing_group_properties": properties("d", payload(a="1", b="2")),
    }
    first = run("CreateThingGroup", **given)
    again = run("CreateThingGroup", **{**given, "thing_group_properties": properties("d", payload(b="2", a="1"))})
    assert again == first
    assert run("DescribeThingGroup", thing_group_name="g").version == 1


def test_create_thing_group_again_without_properties_is_alike_whatever_way_they_are_left_out(run: Any) -> None:
    first = run("CreateThingGroup", thing_group_name="g")
    for given in (properties(), properties("", payload()), properties("", payload(a=""))):
        assert run("CreateThingGroup", thing_group_name="g", thing_group_properties=given) == first


@pytest.mark.parametrize(
    "other",
    [
        {"parent_group_name": "root"},
        {"parent_group_name": "root", "thing_group_properties": properties("other", payload(a="1"))},
        {"parent_group_name": "root", "thing_group_properties": properties("d", payload(a="2"))},
        {"parent_group_name": "root2", "thing_group_properties": properties("d", payload(a="1"))},
        {"thing_group_properties": properties("d", payload(a="1"))},
    ],
)
def test_create_thing_group_again_differently_conflicts(run: Any, other: dict[str, Any]) -> None:
    tree(run, {"root": None, "root2": None})
    given = properties("d", payload(a="1"))
    first = run("CreateThingGroup", thing_group_name="g", parent_group_name="root", thing_group_properties=given)
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        run("CreateThingGroup", thing_group_name="g", **other)
    assert caught.value.message == "Thing Group g already exists in current account with different properties"
    assert caught.value.members == {"resource_id": first.thing_group_id, "resource_arn": first.thing_group_arn}


def test_create_thing_group_unknown_parent(run: Any) -> None:
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing group none cannot be found\.$"):
        run("CreateThingGroup", thing_group_name="g", parent_group_name="none")


def test_create_thing_group_is_at_most_seven_deep(run: Any) -> None:
    tree(run, {f"g{depth}": f"g{depth - 1}" if depth > 1 else None for depth in range(1, 8)})
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThingGroup", thing_group_name="g8", parent_group_name="g7")
    assert caught.value.message == "Thing group g8 would be deeper than 7 levels"


def test_create_thing_group_at_most_a_hundred_children(run: Any) -> None:
    tree(run, {"root": None} | {f"child{number}": "root" for number in range(100)})
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThingGroup", thing_group_name="one-more", parent_group_name="root")
    assert caught.value.message == "Thing group root cannot have more than 100 direct child groups"
    tree(run, {"one-more": "child7"})
    assert run("CreateThingGroup", thing_group_name="child5", parent_group_name="root").thing_group_name == "child5"


def test_create_thing_group_at_most_fifty_attributes(run: Any) -> None:
    fifty = {f"a{number}": "1" for number in range(50)}
    run("CreateThingGroup", thing_group_name="fifty", thing_group_properties=properties(None, payload(**fifty)))
    with pytest.raises(iot.InvalidRequestException, match=r"^Thing group more cannot have more than 50 attributes$"):
        run(
            "CreateThingGroup",
            thing_group_name="more",
            thing_group_properties=properties(None, payload(**fifty, a="1")),
        )


def test_create_thing_group_keeps_tags_until_it_goes(run: Any, database: Database, call: Call) -> None:
    arn = f"{HOME}:thinggroup/g"
    labels = [iot.Tag(key="site", value="north"), iot.Tag(key="empty")]
    run("CreateThingGroup", thing_group_name="g", tags=labels)
    assert transact(database, lambda tx: tags.of(tx, call.scope, arn)) == {"site": "north", "empty": ""}
    run("CreateThingGroup", thing_group_name="g", tags=[iot.Tag(key="site", value="south")])
    assert transact(database, lambda tx: tags.of(tx, call.scope, arn)) == {"site": "north", "empty": ""}
    run("DeleteThingGroup", thing_group_name="g")
    assert transact(database, lambda tx: tags.of(tx, call.scope, arn)) == {}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a", "b", "a"], "Duplicate tag keys: a."),
        (["aws:x"], "Tag key aws:x begins with aws:, which is reserved."),
        (["AWS:x"], "Tag key AWS:x begins with aws:, which is reserved."),
        ([f"k{number}" for number in range(51)], "A resource cannot have more than 50 tags"),
    ],
)
def test_create_thing_group_tag_rules(run: Any, keys: list[str], message: str) -> None:
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("CreateThingGroup", thing_group_name="g", tags=[iot.Tag(key=key, value="") for key in keys])
    assert caught.value.message == message
    assert run("ListThingGroups").thing_groups == []


def test_create_thing_group_with_fifty_tags(run: Any) -> None:
    run("CreateThingGroup", thing_group_name="g", tags=[iot.Tag(key=f"k{number}") for number in range(50)])
    assert run("ListThingGroups").thing_groups == named("g")


# --- DescribeThingGroup ---


def test_describe_thing_group_at_the_root(run: Any, call: Call) -> None:
    created = run("CreateThingGroup", thing_group_name="g")
    assert run("DescribeThingGroup", thing_group_name="g") == iot.DescribeThingGroupResponse(
        thing_group_name="g",
        thing_group_id=created.thing_group_id,
        thing_group_arn=created.thing_group_arn,
        version=1,
        thing_group_properties=iot.ThingGroupProperties(),
        thing_group_metadata=iot.ThingGroupMetadata(creation_date=call.now / 1000),
    )


def test_describe_thing_group_below_others(run: Any, call: Call) -> None:
    tree(run, {"z-root": None, "middle": "z-root"})
    given = properties("text", payload(a="1"))
    run("CreateThingGroup", thing_group_name="leaf", parent_group_name="middle", thing_group_properties=given)
    described = run("DescribeThingGroup", thing_group_name="leaf")
    assert described.thing_group_properties == given
    assert described.thing_group_metadata == iot.ThingGroupMetadata(
        parent_group_name="middle",
        root_to_parent_thing_groups=named("z-root", "middle"),
        creation_date=call.now / 1000,
    )


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeThingGroup", {}),
        ("UpdateThingGroup", {"thing_group_properties": iot.ThingGroupProperties()}),
        ("ListThingsInThingGroup", {}),
        ("AddThingToThingGroup", {"thing_name": "t"}),
        ("RemoveThingFromThingGroup", {"thing_name": "t"}),
    ],
)
def test_unknown_group(run: Any, operation: str, members: dict[str, Any]) -> None:
    run("CreateThing", thing_name="t")
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing group none cannot be found\.$"):
        run(operation, thing_group_name="none", **members)


def test_groups_of_another_scope_are_not_seen(run: Any, call: Call, database: Database) -> None:
    run("CreateThingGroup", thing_group_name="g")
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", call.region))
    other = call._replace(scope=scope, account="210987654321")
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeThingGroup", thing_group_name="g", call=other)
    for recursive in (None, False):
        assert run("ListThingGroups", recursive=recursive, call=other).thing_groups == []
    created = run("CreateThingGroup", thing_group_name="g", call=other)
    assert created.thing_group_arn == "arn:aws:iot:eu-west-1:210987654321:thinggroup/g"


# --- UpdateThingGroup ---


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (properties(), (None, {"a": "1", "b": "2"})),
        (properties("new"), ("new", {"a": "1", "b": "2"})),
        (properties("", payload()), (None, {})),
        (properties("old", payload(c="3")), ("old", {"c": "3"})),
        (properties("old", payload(merge=True, c="3", a="")), ("old", {"b": "2", "c": "3"})),
    ],
)
def test_update_thing_group(
    run: Any, given: iot.ThingGroupProperties, after: tuple[str | None, dict[str, str]]
) -> None:
    start = properties("old", payload(a="1", b="2"))
    run("CreateThingGroup", thing_group_name="g", thing_group_properties=start)
    assert run("UpdateThingGroup", thing_group_name="g", thing_group_properties=given).version == 2
    described = run("DescribeThingGroup", thing_group_name="g")
    shown = described.thing_group_properties
    attributes = shown.attribute_payload.attributes if shown.attribute_payload else {}
    assert (shown.thing_group_description, attributes) == after
    assert described.version == 2


def test_update_thing_group_refusals(run: Any) -> None:
    run("CreateThingGroup", thing_group_name="g")
    given = properties(None, payload(**{f"a{number}": "1" for number in range(51)}))
    with pytest.raises(iot.InvalidRequestException, match="more than 50 attributes"):
        run("UpdateThingGroup", thing_group_name="g", thing_group_properties=given)
    with pytest.raises(iot.VersionConflictException) as caught:
        run("UpdateThingGroup", thing_group_name="g", thing_group_properties=properties("d"), expected_version=2)
    assert caught.value.message == "The version for thing group g does not match the expected version."
    assert run("UpdateThingGroup", thing_group_name="g", thing_group_properties=properties(), expected_version=1)
    assert run("DescribeThingGroup", thing_group_name="g").version == 2


def attached(run: Any, thing: str) -> str:
    """The id of a new certificate of a thing."""
    made = run("RegisterCertificateWithoutCA", certificate_pem=self_signed())
    run("AttachThingPrincipal", thing_name=thing, principal=made.certificate_arn)
    found: str = made.certificate_id
    return found


# --- DeleteThingGroup ---


def test_delete_thing_group(run: Any, call: Call) -> None:
    run("CreateThing", thing_name="t")
    tree(run, {"root": None, "g": "root"})
    run("AddThingToThingGroup", thing_name="t", thing_group_name="g")
    effects: list[Any] = []
    assert run("DeleteThingGroup", thing_group_name="g", effects=effects) == iot.DeleteThingGroupResponse()
    assert effects == [PoliciesChanged(call.scope)]
    assert run("ListThingGroups").thing_groups == named("root")
    assert group_names(run, "t") == []
    tree(run, {"g": "root"})
    assert member_names(run, "g") == []


def test_delete_thing_group_that_is_not_there_succeeds(run: Any) -> None:
    effects: list[Any] = []
    run("DeleteThingGroup", thing_group_name="none", expected_version=3, effects=effects)
    assert effects == []


def test_delete_thing_group_refusals(run: Any) -> None:
    tree(run, {"root": None, "g": "root"})
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("DeleteThingGroup", thing_group_name="root")
    message = "Cannot delete thing group : root when there are still child groups attached to it"
    assert caught.value.message == message
    with pytest.raises(iot.VersionConflictException, match=r"^The version for thing group g does not match"):
        run("DeleteThingGroup", thing_group_name="g", expected_version=2)
    run("DeleteThingGroup", thing_group_name="g", expected_version=1)
    run("DeleteThingGroup", thing_group_name="root")
    assert run("ListThingGroups").thing_groups == []


def test_a_group_created_again_has_no_policies_of_the_old_one(run: Any, database: Database, call: Call) -> None:
    def attached(tx: Any) -> int:
        query = "SELECT count(*) FROM policy_target"
        count: int = tx._connection.execute(query).fetchone()[0]
        return count

    def attach(tx: Any) -> None:
        for name in ("g", "g2"):
            values = f"(1, {call.scope}, '{HOME}:thinggroup/{name}')"
            tx._connection.execute(f"INSERT INTO policy_target (policy_id, scope_id, target_arn) VALUES {values}")

    tree(run, {"g": None})
    transact(database, attach)
    run("DeleteThingGroup", thing_group_name="g")
    assert transact(database, attached) == 1


def test_the_id_of_a_deleted_group_is_never_given_again(run: Any, database: Database, call: Call) -> None:
    tree(run, {"g": None})
    old = group_id(database, call, "g")
    run("DeleteThingGroup", thing_group_name="g")
    tree(run, {"h": None})
    assert group_id(database, call, "h") > old


# --- ListThingGroups ---


FOREST: dict[str, str | None] = {
    "b": None,
    "ab": None,
    "a": None,
    "a-1": "a",
    "x": "a",
    "a-2": "a",
    "a-1-1": "a-1",
    "y": "x",
    "b-1": "b",
}


def pages(run: Any, operation: str, size: int, **members: Any) -> list[list[str]]:
    """The names on each page, following tokens to the end."""
    found, token = [], None
    while True:
        response = run(operation, max_results=size, next_token=token, **members)
        if operation == "ListThingsInThingGroup":
            found.append(response.things)
        else:
            found.append([group.group_name for group in response.thing_groups])
        token = response.next_token
        if token is None:
            return found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [["a", "a-1", "a-1-1", "a-2"], ["ab", "b", "b-1", "x"], ["y"]]),
        ({"recursive": True}, [["a", "a-1", "a-1-1", "a-2"], ["ab", "b", "b-1", "x"], ["y"]]),
        ({"recursive": False}, [["a", "ab", "b"]]),
        ({"name_prefix_filter": "a"}, [["a", "a-1", "a-1-1", "a-2"], ["ab"]]),
        ({"name_prefix_filter": "a-1"}, [["a-1", "a-1-1"]]),
        ({"name_prefix_filter": "a", "recursive": False}, [["a", "ab"]]),
        ({"name_prefix_filter": "c"}, [[]]),
        ({"parent_group": "a"}, [["a-1", "a-1-1", "a-2", "x"], ["y"]]),
        ({"parent_group": "a", "recursive": True}, [["a-1", "a-1-1", "a-2", "x"], ["y"]]),
        ({"parent_group": "a", "recursive": False}, [["a-1", "a-2", "x"]]),
        ({"parent_group": "a", "recursive": True, "name_prefix_filter": "a-1"}, [["a-1", "a-1-1"]]),
        ({"parent_group": "a", "name_prefix_filter": "a-1"}, [["a-1", "a-1-1"]]),
        ({"parent_group": "a", "recursive": False, "name_prefix_filter": "a-1"}, [["a-1"]]),
        ({"parent_group": "y"}, [[]]),
    ],
)
def test_list_thing_groups(run: Any, filters: dict[str, Any], found: list[list[str]]) -> None:
    tree(run, FOREST)
    assert pages(run, "ListThingGroups", 4, **filters) == found


@pytest.mark.parametrize(
    "filters",
    [{}, {"recursive": False}, {"parent_group": "a"}, {"parent_group": "a", "recursive": True}],
)
def test_list_thing_groups_one_by_one(run: Any, filters: dict[str, Any]) -> None:
    tree(run, FOREST)
    (whole,) = pages(run, "ListThingGroups", 250, name_prefix_filter="a", **filters)
    assert len(whole) >= 2
    assert pages(run, "ListThingGroups", 1, name_prefix_filter="a", **filters) == [[name] for name in whole]


def test_list_thing_groups_names_them_by_arn(run: Any) -> None:
    tree(run, {"g": None})
    assert run("ListThingGroups").thing_groups == named("g")


def test_list_thing_groups_refusals(run: Any) -> None:
    tree(run, FOREST)
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing group none cannot be found\.$"):
        run("ListThingGroups", parent_group="none")
    token = run("ListThingGroups", max_results=1).next_token
    for members in ({"recursive": False}, {"parent_group": "a"}, {"name_prefix_filter": "a"}):
        with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
            run("ListThingGroups", next_token=token, **members)


# --- AddThingToThingGroup, RemoveThingFromThingGroup ---


@pytest.mark.parametrize(
    "members",
    [
        {"thing_group_name": "g", "thing_name": "t"},
        {"thing_group_arn": f"{HOME}:thinggroup/g", "thing_arn": f"{HOME}:thing/t"},
        {
            "thing_group_name": "g",
            "thing_group_arn": f"{HOME}:thinggroup/g",
            "thing_name": "t",
            "thing_arn": f"{HOME}:thing/t",
        },
    ],
)
def test_add_and_remove_thing(run: Any, call: Call, members: dict[str, str]) -> None:
    run("CreateThing", thing_name="t")
    changed = [PrincipalChanged(call.scope, attached(run, "t"))]
    tree(run, {"g": None})
    for operation, after in (("AddThingToThingGroup", ["t"]), ("RemoveThingFromThingGroup", [])):
        effects: list[Any] = []
        run(operation, **members, effects=effects)
        assert member_names(run, "g") == after
        assert effects == changed  # nobody else's policies are others
        effects.clear()
        run(operation, **members, effects=effects)
        assert member_names(run, "g") == after
        assert effects == []


@pytest.mark.parametrize("operation", ["AddThingToThingGroup", "RemoveThingFromThingGroup"])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"thing_name": "t"},
            " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them",
        ),
        ({"thing_group_name": "g"}, " Both thingArn and thingName are empty. Need to specify at least one of them"),
        (
            {"thing_name": "t", "thing_group_name": "g", "thing_group_arn": f"{HOME}:thinggroup/h"},
            "ThingGroupName thingGroupArn does not match specified thingGroupName in request",
        ),
        (
            {"thing_name": "t", "thing_arn": f"{HOME}:thing/u", "thing_group_name": "g"},
            "ThingName thingArn does not match specified thingName in request",
        ),
        (
            {"thing_name": "t", "thing_group_arn": f"{HOME}:thing/g"},
            f"{HOME}:thing/g is not the ARN of a thing group of this account and region.",
        ),
        (
            {"thing_arn": "arn:aws:iot:us-east-1:123456789012:thing/t", "thing_group_name": "g"},
            "arn:aws:iot:us-east-1:123456789012:thing/t is not the ARN of a thing of this account and region.",
        ),
    ],
)
def test_naming_rules(run: Any, operation: str, members: dict[str, str], message: str) -> None:
    run("CreateThing", thing_name="t")
    tree(run, {"g": None, "h": None})
    with pytest.raises(iot.InvalidRequestException) as caught:
        run(operation, **members)
    assert caught.value.message == message


@pytest.mark.parametrize("operation", ["AddThingToThingGroup", "RemoveThingFromThingGroup"])
def test_unknown_thing(run: Any, operation: str) -> None:
    tree(run, {"g": None})
    for naming in ({"thing_name": "none"}, {"thing_arn": f"{HOME}:thing/none"}):
        with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing none cannot be found\.$"):
            run(operation, thing_group_name="g", **naming)


@pytest.mark.parametrize(("first", "second"), [("a-1", "a-1-1"), ("a-1-1", "a"), ("a-2", "y"), ("a", "x")])
def test_a_thing_is_once_in_a_hierarchy(run: Any, first: str, second: str) -> None:
    tree(run, FOREST)
    run("CreateThing", thing_name="t")
    run("AddThingToThingGroup", thing_name="t", thing_group_name=first)
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("AddThingToThingGroup", thing_name="t", thing_group_name=second)
    message = f"Thing t already belongs to a thing group of the same hierarchy as {second}"
    assert caught.value.message == message
    run("AddThingToThingGroup", thing_name="t", thing_group_name="b-1")
    assert set(group_names(run, "t")) >= {first, "b-1", "b"}
    assert (member_names(run, first), member_names(run, second)) == (["t"], [])


def test_a_thing_is_in_at_most_ten_groups(run: Any) -> None:
    run("CreateThing", thing_name="t")
    tree(run, {f"g{number}": None for number in range(11)})
    for number in range(10):
        run("AddThingToThingGroup", thing_name="t", thing_group_name=f"g{number}")
    with pytest.raises(iot.InvalidRequestException) as caught:
        run("AddThingToThingGroup", thing_name="t", thing_group_name="g10", override_dynamic_groups=True)
    assert caught.value.message == "Thing t cannot be in more than 10 thing groups"
    run("AddThingToThingGroup", thing_name="t", thing_group_name="g3")
    run("RemoveThingFromThingGroup", thing_name="t", thing_group_name="g3")
    run("AddThingToThingGroup", thing_name="t", thing_group_name="g10")
    assert "g10" in group_names(run, "t")


# --- UpdateThingGroupsForThing ---


def test_update_thing_groups_for_thing(run: Any, call: Call) -> None:
    run("CreateThing", thing_name="t")
    changed = [PrincipalChanged(call.scope, attached(run, "t"))]
    tree(run, FOREST)
    run("AddThingToThingGroup", thing_name="t", thing_group_name="a-1")
    effects: list[Any] = []
    run(
        "UpdateThingGroupsForThing",
        thing_name="t",
        thing_groups_to_add=["a-2", "b", "a-2"],
        thing_groups_to_remove=["a-1", "ab"],
        effects=effects,
    )
    assert group_names(run, "t") == ["a", "a-2", "b"]
    assert member_names(run, "a-1") == []
    assert effects == changed
    effects.clear()
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["b"], effects=effects)
    run("UpdateThingGroupsForThing", thing_name="t", effects=effects)
    assert effects == []


def test_update_thing_groups_for_thing_exchanges_the_tenth(run: Any) -> None:
    run("CreateThing", thing_name="t")
    ten = [f"g{number}" for number in range(10)]
    tree(run, dict.fromkeys([*ten, "new"]))
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=ten)
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["new"], thing_groups_to_remove=["g0"])
    assert group_names(run, "t") == [*ten[1:], "new"]


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        (
            {"thing_groups_to_add": ["b"]},
            iot.InvalidRequestException,
            " Both thingArn and thingName are empty. Need to specify at least one of them",
        ),
        (
            {"thing_name": "none", "thing_groups_to_add": ["b"]},
            iot.ResourceNotFoundException,
            "Thing none cannot be found.",
        ),
        (
            {"thing_name": "t", "thing_groups_to_add": ["b", "none"], "thing_groups_to_remove": ["a"]},
            iot.ResourceNotFoundException,
            "Thing group none cannot be found.",
        ),
        (
            {"thing_name": "t", "thing_groups_to_add": ["b"], "thing_groups_to_remove": ["a", "none"]},
            iot.ResourceNotFoundException,
            "Thing group none cannot be found.",
        ),
        (
            {"thing_name": "t", "thing_groups_to_add": ["b", "b-1"], "thing_groups_to_remove": ["a"]},
            iot.InvalidRequestException,
            "Thing t already belongs to a thing group of the same hierarchy as b-1",
        ),
    ],
)
def test_update_thing_groups_for_thing_is_whole_or_not_at_all(
    run: Any, members: dict[str, Any], error: type[Exception], message: str
) -> None:
    run("CreateThing", thing_name="t")
    tree(run, FOREST)
    run("AddThingToThingGroup", thing_name="t", thing_group_name="a")
    with pytest.raises(error) as caught:
        run("UpdateThingGroupsForThing", **members)
    assert str(caught.value) == message
    assert group_names(run, "t") == ["a"]


# --- ListThingsInThingGroup, ListThingGroupsForThing ---


@pytest.fixture
def populated(run: Any) -> None:
    """Things named after their groups: three in a, none in x, two in y, a-1-1 and b one each."""
    tree(run, FOREST)
    for thing, group in (
        ("y1", "y"),
        ("a1", "a"),
        ("b1", "b"),
        ("a2", "a"),
        ("deep", "a-1-1"),
        ("y2", "y"),
        ("a3", "a"),
    ):
        run("CreateThing", thing_name=thing)
        run("AddThingToThingGroup", thing_name=thing, thing_group_name=group)


@pytest.mark.usefixtures("populated")
def test_list_things_in_thing_group(run: Any) -> None:
    assert pages(run, "ListThingsInThingGroup", 1, thing_group_name="a") == [["a1"], ["a2"], ["a3"]]
    assert pages(run, "ListThingsInThingGroup", 2, thing_group_name="a", recursive=False) == [["a1", "a2"], ["a3"]]
    assert pages(run, "ListThingsInThingGroup", 3, thing_group_name="a") == [["a1", "a2", "a3"]]
    assert pages(run, "ListThingsInThingGroup", 3, thing_group_name="x") == [[]]


@pytest.mark.usefixtures("populated")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
def test_list_things_in_thing_group_with_those_below(run: Any, size: int) -> None:
    found = pages(run, "ListThingsInThingGroup", size, thing_group_name="a", recursive=True)
    names = [name for page in found for name in page]
    assert names == ["a1", "a2", "a3", "deep", "y1", "y2"]
    assert [len(page) for page in found[:-1]] == [size] * (len(found) - 1)
    assert len(found) == -(-6 // size)


@pytest.mark.usefixtures("populated")
def test_list_things_in_thing_group_token_belongs_to_its_list(run: Any) -> None:
    token = run("ListThingsInThingGroup", thing_group_name="a", max_results=1).next_token
    for members in ({"thing_group_name": "y"}, {"thing_group_name": "a", "recursive": True}):
        with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
            run("ListThingsInThingGroup", next_token=token, **members)


def test_list_thing_groups_for_thing(run: Any) -> None:
    run("CreateThing", thing_name="t")
    tree(run, {"root": None, "c": "root", "b": None, "a": None})
    assert run("ListThingGroupsForThing", thing_name="t").thing_groups == []
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["c", "b", "a"])
    assert run("ListThingGroupsForThing", thing_name="t").thing_groups == named("a", "b", "c", "root")
    assert pages(run, "ListThingGroupsForThing", 3, thing_name="t") == [["a", "b", "c"], ["root"]]
    with pytest.raises(iot.ResourceNotFoundException, match=r"^Thing none cannot be found\.$"):
        run("ListThingGroupsForThing", thing_name="none")
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("ListThingGroupsForThing", thing_name="t", next_token="nonsense")


# --- what the store gives to others ---


def test_descendants_come_by_id_the_group_first(run: Any, database: Database, call: Call) -> None:
    tree(run, FOREST)
    ids = {name: group_id(database, call, name) for name in FOREST}
    found = transact(database, lambda tx: groups.descendants(tx, ids["a"]))
    assert found == sorted(ids[name] for name in ("a", "a-1", "x", "a-2", "a-1-1", "y"))
    assert found[0] == ids["a"]
    assert transact(database, lambda tx: groups.descendants(tx, ids["y"])) == [ids["y"]]


def test_groups_of_thing_with_those_above(run: Any, database: Database, call: Call) -> None:
    tree(run, FOREST)
    run("CreateThing", thing_name="t")
    run("UpdateThingGroupsForThing", thing_name="t", thing_groups_to_add=["y", "b-1"])
    thing = thing_id(database, call, "t")

    def look(tx: Tx) -> tuple[list[str], list[str]]:
        direct = [group.name for group in groups.groups_of_thing(tx, thing)]
        return direct, [group.name for group in groups.groups_of_thing(tx, thing, ancestors=True)]

    assert transact(database, look) == (["b-1", "y"], ["a", "b", "b-1", "x", "y"])


def test_find_by_uuid(run: Any, database: Database, call: Call) -> None:
    uuid = run("CreateThingGroup", thing_group_name="g").thing_group_id
    found = transact(database, lambda tx: groups.find_by_uuid(tx, call.scope, uuid))
    assert found is not None
    assert found.name == "g"
    assert transact(database, lambda tx: groups.find_by_uuid(tx, call.scope, "none")) is None
