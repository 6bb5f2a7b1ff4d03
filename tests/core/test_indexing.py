"""The documents of the fleet index: control reference 18.2, 18.3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.core import indexing, query
from tidegate.core.indexing import Narrowed, Parts
from tidegate.wire import iot


def parts(**members: Any) -> Parts:
    """A thing of which only what is named is known."""
    values: dict[str, Any] = {
        "name": "t",
        "uuid": "u",
        "type_name": None,
        "groups": [],
        "attributes": {},
        "version": 1,
        "shadows": {},
        "connectivity": None,
    }
    return Parts(**{**values, **members})


def stamped(node: Any) -> Any:
    """The metadata of a state: a time at each leaf."""
    if isinstance(node, dict):
        return {name: stamped(inner) for name, inner in node.items()}
    return [stamped(item) for item in node] if isinstance(node, list) else {"timestamp": 5}


def shadow(desired: Any = None, reported: Any = None, version: int = 1) -> tuple[int, str]:
    state = {name: value for name, value in (("desired", desired), ("reported", reported)) if value is not None}
    return version, json.dumps({"state": state, "metadata": stamped(state)})


def finds(text: str, known: Parts) -> bool:
    return query.matches(query.parse(text), indexing.thing(known).fields)


def test_a_thing_of_which_nothing_is_known() -> None:
    found = indexing.thing(parts())
    assert set(found.fields) == {"thingName", "thingId"}
    assert found.versions == {"registry.version": 1}
    assert found.shown == iot.ThingDocument(thing_name="t", thing_id="u")


def test_the_registry() -> None:
    known = parts(type_name="Lamp", groups=["a", "B"], attributes={"size": "75", "a.b": "c"}, version=3)
    for text in ("thingTypeName:lamp", "thingGroupNames:b", "attributes.size>70", "attributes.a.b:c", "lamp b 75"):
        assert finds(text, known), text
    assert indexing.thing(known).shown == iot.ThingDocument(
        thing_name="t",
        thing_id="u",
        thing_type_name="Lamp",
        thing_group_names=["a", "B"],
        attributes={"size": "75", "a.b": "c"},
    )


def test_a_classic_shadow() -> None:
    state = {
        "desired": {"power": True, "color": "red", "one": {"two": {"three": "v2"}}},
        "reported": {"power": True, "color": "blue", "values": [1, 2], "mixed": [{"a": 1}]},
    }
    known = parts(shadows={"": shadow(**state, version=9)})
    for found in (
        "shadow.desired.power:true",
        "shadow.desired.one.two.three:v2",
        "shadow.reported.values:2",
        "shadow.delta.color:red",
        "NOT shadow.delta.power:*",
        "shadow.hasDelta:true",
        "shadow.metadata.reported.color.timestamp:5",
        "shadow.metadata.reported.values.timestamp:5",
        "NOT shadow.reported.mixed:* NOT shadow.version:9",
    ):
        assert finds(found, known), found
    indexed = indexing.thing(known)
    assert indexed.versions == {"registry.version": 1, "shadow.version": 9}
    assert json.loads(indexed.shown.shadow or "") == {
        **state,
        "delta": {"color": "red", "one": {"two": {"three": "v2"}}},
        "metadata": stamped(state),
        "hasDelta": True,
        "version": 9,
    }


def test_what_is_not_indexed_has_no_indexed_metadata() -> None:
    text = shadow(reported={"palette": [{"name": "red"}], "none": None})
    fields = indexing.thing(parts(shadows={"": text})).fields
    assert set(fields) == {"thingName", "thingId", "shadow.hasDelta"}


def test_named_shadows() -> None:
    package = shadow(reported={"firmware": {"version": "1.2.0"}}, version=4)
    known = parts(shadows={"$package": package, "config": shadow(desired={"a": 1})})
    assert finds("shadow.name.$package.reported.firmware.version:1.2.0", known)
    assert finds("shadow.name.config.hasDelta:true AND shadow.name.$package.hasDelta:false", known)
    assert not finds("shadow.hasDelta:*", known)
    indexed = indexing.thing(known)
    assert indexed.versions["shadow.name.$package.version"] == 4
    shown = json.loads(indexed.shown.shadow or "")
    assert set(shown) == {"name"}
    assert shown["name"]["$package"] == {
        "reported": {"firmware": {"version": "1.2.0"}},
        "metadata": {"reported": {"firmware": {"version": {"timestamp": 5}}}},
        "hasDelta": False,
        "version": 4,
    }


def test_an_empty_shadow() -> None:
    assert finds("shadow.hasDelta:false", parts(shadows={"": (1, json.dumps({"state": {}}))}))


def test_connectivity() -> None:
    connectivity = iot.ThingConnectivity(connected=False, timestamp=1557651600000, disconnect_reason="CONNECTION_LOST")
    known = parts(connectivity=connectivity)
    assert finds("connectivity.connected:false connectivity.timestamp>1557651599999", known)
    assert finds("connectivity.disconnectReason:connection_lost NOT connectivity.clientId:*", known)
    assert indexing.thing(known).shown.connectivity is connectivity


def test_a_thing_group() -> None:
    shown = iot.ThingGroupDocument(
        thing_group_name="leaf",
        thing_group_id="u",
        thing_group_description="all lamps",
        attributes={"floor": "2"},
        parent_group_names=["root", "middle"],
    )
    found = indexing.group(shown, 7)
    for text in (
        "thingGroupName:leaf",
        "thingGroupNames:le*",
        "thingGroupDescription:lamps",
        'description:"all lamps"',
        "attributes.floor<3",
        "parentGroupNames:middle",
        "thingGroupId:u",
    ):
        assert query.matches(query.parse(text), found.fields), text
    assert found.versions == {"version": 7}
    assert found.shown is shown


# --- narrowing ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("*", Narrowed()),
        ("a", Narrowed()),
        ("thingName:Pump_1", Narrowed(name="pump!_1")),
        ("thingName:p*_?", Narrowed(name="p%!__")),
        ("thingName:75", Narrowed()),
        ("thingGroupNames:Site", Narrowed(group="site")),
        ("attributes.model:X", Narrowed(attribute="model", attribute_value="x")),
        ("attributes.size:75", Narrowed()),
        ("attributes.size>75", Narrowed()),
        ("attributes.a>75 attributes.b:x", Narrowed(attribute="b", attribute_value="x")),
        ("attributes.b:x attributes.a>75", Narrowed(attribute="b", attribute_value="x")),
        ("attributes.a:*", Narrowed()),
        ("thingTypeName:Lamp attributes.a:b*", Narrowed(type_name="lamp")),
        ("thingName:a* AND thingGroupNames:g AND shadow.hasDelta:true", Narrowed(name="a%", group="g")),
        ("NOT thingName:a", Narrowed()),
        ("thingName:a OR thingName:b", Narrowed()),
        ("thingGroupNames:(a OR b)", Narrowed()),
        ("NOT attributes.a:b", Narrowed()),
    ],
)
def test_narrowed(text: str, found: Narrowed) -> None:
    assert indexing.narrowed(query.parse(text)) == found


def test_a_version_of_a_package_is_no_number() -> None:
    known = parts(shadows={"$package": shadow(reported={"app": {"version": "2.10"}, "a.b": {"version": "1.0"}})})
    for text in ("app.version:2.10", "a.b.version:1.0", "app.version:2.*", "app.version:*"):
        assert finds(f"shadow.name.$package.reported.{text}", known), text
    for text in ("app.version:2.1", "a.b.version:1", "app.version>2.0", "app.version:[2 TO 3]"):
        assert not finds(f"shadow.name.$package.reported.{text}", known), text
    assert finds("NOT shadow.name.$package.reported.app.version:2.1", known)
    assert finds("shadow.reported.version:2.1", parts(shadows={"": shadow(reported={"version": "2.10"})}))


def test_packages_are_counted() -> None:
    one = {"version": "1.0", "attributes": {"flavour": "mint"}}
    known = parts(shadows={"$package": shadow(reported={"app": one, "lib": one, "note": "no package"})})
    assert finds("shadow.name.$package.reported.totalCount:2", known)
    assert finds("shadow.name.$package.reported.totalCount>1", known)
    assert "totalCount" not in (indexing.thing(known).shown.shadow or "")
    assert finds("shadow.name.$package.reported.totalCount:0", parts(shadows={"$package": shadow()}))
    assert not finds("shadow.name.other.reported.totalCount:1", parts(shadows={"other": shadow(reported={"app": one})}))
