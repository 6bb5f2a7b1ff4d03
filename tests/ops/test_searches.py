"""SearchIndex, GetStatistics and GetCardinality: control reference 18.2, 18.3, on both engines."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.conftest import NOW, Run
from tests.ops.indexed import change, connect, create, found, report, switch_on
from tidegate.ops import fleet_index, searches
from tidegate.ops.call import Call
from tidegate.ops.handler import ComputedInParts, InParts, Unfinished
from tidegate.ops.table import HANDLERS
from tidegate.store import scopes
from tidegate.store.connectivity import Session
from tidegate.store.database import Database, transact
from tidegate.wire import iot

REQUESTS: dict[str, Any] = {
    "SearchIndex": iot.SearchIndexRequest,
    "GetStatistics": iot.GetStatisticsRequest,
    "GetCardinality": iot.GetCardinalityRequest,
    "GetPercentiles": iot.GetPercentilesRequest,
    "GetBucketsAggregation": iot.GetBucketsAggregationRequest,
}
BUCKETS = {
    "query_string": "*",
    "aggregation_field": "attributes.size",
    "buckets_aggregation_type": iot.BucketsAggregationType(terms_aggregation=iot.TermsAggregation()),
}


@pytest.fixture
def fleet(run: Run) -> None:
    """Four lamps in two groups."""
    switch_on(run, custom_fields=[iot.Field(name="attributes.size", type="Number")])
    create(run, "Lamp_1", model="X200", size="75")
    create(run, "lamp-2", model="x300", size="8")
    create(run, "Lamp:3", size="75")
    create(run, "lampX1")
    for group, names in {"Hall": ["Lamp_1", "lamp-2"], "attic": ["Lamp_1", "Lamp:3"]}.items():
        run("CreateThingGroup", thing_group_name=group)
        for name in names:
            run("AddThingToThingGroup", thing_group_name=group, thing_name=name)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("*", ["Lamp:3", "Lamp_1", "lamp-2", "lampX1"]),
        ("thingName:lamp_1", ["Lamp_1"]),
        ("thingName:lamp_*", ["Lamp_1"]),
        ("thingName:lamp?1", ["Lamp_1", "lampX1"]),
        ("thingName:*1", ["Lamp_1", "lampX1"]),
        ("thingName:lamp\\:3", ["Lamp:3"]),
        ("thingGroupNames:hall", ["Lamp_1", "lamp-2"]),
        ("thingGroupNames:hall thingGroupNames:attic", ["Lamp_1"]),
        ("thingGroupNames:(hall OR attic)", ["Lamp:3", "Lamp_1", "lamp-2"]),
        ("thingGroupNames:(hall AND -attic)", ["lamp-2"]),
        ("NOT thingGroupNames:hall", ["Lamp:3", "lampX1"]),
        ("attributes.model:X*", ["Lamp_1", "lamp-2"]),
        ("attributes.model:X300", ["lamp-2"]),
        ("attributes.size:75.0", ["Lamp:3", "Lamp_1"]),
        ("attributes.size<70", ["lamp-2"]),
        ("attributes.size:*", ["Lamp:3", "Lamp_1", "lamp-2"]),
        ("attributes.size:75 thingGroupNames:attic NOT attributes.model:*", ["Lamp:3"]),
        ("x200 OR attic", ["Lamp:3", "Lamp_1"]),
        ("thingName:none", []),
        ("thingName:la!mp".replace("!", "\\!"), []),
    ],
)
def test_search(run: Run, text: str, names: list[str]) -> None:
    assert found(run, text) == names
    assert found(run, text, max_results=1) == names
    assert found(run, f"({text}) OR thingName:none") == names  # without what the store can look for by itself


@pytest.mark.usefixtures("fleet")
def test_pages(run: Run) -> None:
    sizes, token = [], None
    while True:
        response = run("SearchIndex", query_string="*", max_results=2, next_token=token)
        sizes.append(len(response.things))
        token = response.next_token
        if token is None:
            break
    assert sizes == [2, 2]
    other = run("SearchIndex", query_string="*", max_results=1).next_token
    with pytest.raises(iot.InvalidRequestException, match="Invalid nextToken"):
        run("SearchIndex", query_string="thingName:*", next_token=other)


@pytest.mark.usefixtures("fleet")
def test_a_search_that_finds_little_goes_on_over_short_pages(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "MOST_EXAMINED", 2)
    response = run("SearchIndex", query_string="lampx1")
    assert response.things == []
    assert response.next_token is not None
    assert found(run, "lampx1") == ["lampX1"]
    assert found(run, "*") == ["Lamp:3", "Lamp_1", "lamp-2", "lampX1"]


@pytest.mark.usefixtures("fleet")
def test_what_a_search_shows(run: Run) -> None:
    (thing,) = run("SearchIndex", index_name="AWS_Things", query_string="x200", query_version="2017-09-30").things
    assert thing == iot.ThingDocument(
        thing_name="Lamp_1",
        thing_id=run("DescribeThing", thing_name="Lamp_1").thing_id,
        thing_group_names=["Hall", "attic"],
        attributes={"model": "X200", "size": "75"},
    )


@pytest.mark.usefixtures("fleet")
def test_the_index_is_never_behind(run: Run) -> None:
    change(run, "lampX1", model="new")
    assert found(run, "attributes.model:new") == ["lampX1"]
    run("DeleteThing", thing_name="lampX1")
    assert found(run, "attributes.model:new") == []


def test_shadows_are_found_as_far_as_they_are_indexed(run: Run) -> None:
    create(run, "a")
    create(run, "b")
    report(run, "a", desired={"on": True}, reported={"on": False, "v": [1, 2]})
    report(run, "b", "$package", reported={"fw": {"version": "1.2.0"}})
    report(run, "b", "other", reported={"fw": {"version": "9"}})
    switch_on(run)
    assert found(run, "1.2.0") == []
    switch_on(run, "REGISTRY_AND_SHADOW")
    assert found(run, "shadow.hasDelta:true AND shadow.reported.v:2") == ["a"]
    names = iot.IndexingFilter(named_shadow_names=["$package"])
    switch_on(run, named_shadow_indexing_mode="ON", filter=names)
    assert found(run, "shadow.name.$package.reported.fw.version:1.2.0") == ["b"]
    assert found(run, "9 OR true") == []
    (thing,) = run("SearchIndex", query_string="1.2.0").things
    stamps = {"reported": {"fw": {"version": {"timestamp": NOW // 1000}}}}
    shown = {"reported": {"fw": {"version": "1.2.0"}}, "metadata": stamps, "hasDelta": False, "version": 1}
    assert json.loads(thing.shadow) == {"name": {"$package": shown}}


def test_connectivity(run: Run, database: Database, call: Call) -> None:
    for name in ("a", "b", "never"):
        create(run, name)
    connect(database, call, "a", True, NOW)
    connect(database, call, "b", True, NOW)
    connect(database, call, "b", False, NOW + 5, "CONNECTION_LOST")
    connect(database, call, "b", True, NOW + 4)  # told late
    connect(database, call, "no-thing", True, NOW)
    switch_on(run, thing_connectivity_indexing_mode="STATUS")
    assert found(run, "connectivity.connected:true") == ["a"]
    assert found(run, "connectivity.connected:false") == ["b", "never"]
    (thing,) = run("SearchIndex", query_string="thingName:never").things
    assert thing.connectivity == iot.ThingConnectivity(connected=False, timestamp=0)
    assert found(run, f"connectivity.timestamp > {NOW}") == ["b"]
    (thing,) = run("SearchIndex", query_string="connectivity.disconnectReason:connection_lost").things
    assert thing.connectivity == iot.ThingConnectivity(
        connected=False, timestamp=NOW + 5, disconnect_reason="CONNECTION_LOST"
    )
    run("DeleteThing", thing_name="a")
    create(run, "a")
    assert found(run, "connectivity.connected:true") == []
    assert found(run, "connectivity.timestamp > 0") == ["b"]


def test_what_is_known_of_a_session_stays_after_it(run: Run, database: Database, call: Call) -> None:
    from tidegate.ops import connectivity

    create(run, "a")
    switch_on(run, thing_connectivity_indexing_mode="STATUS")
    session = Session(client_id="a", keep_alive=30, clean_session=False, session_expiry=3600)
    transact(database, lambda tx: connectivity.record(tx, call, "a", True, NOW, None, session))
    connect(database, call, "a", False, NOW + 1, "CLIENT_INITIATED_DISCONNECT")
    (thing,) = run("SearchIndex", query_string="connectivity.cleanSession:false").things
    assert thing.connectivity == iot.ThingConnectivity(
        connected=False,
        timestamp=NOW + 1,
        disconnect_reason="CLIENT_INITIATED_DISCONNECT",
        keep_alive_duration=30,
        clean_session=False,
        session_expiry=3600,
        client_id="a",
    )


def test_thing_groups(run: Run) -> None:
    groups = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="ON")
    run("UpdateIndexingConfiguration", thing_group_indexing_configuration=groups)
    run("CreateThingGroup", thing_group_name="root")
    properties = iot.ThingGroupProperties(
        thing_group_description="all lamps", attribute_payload=iot.AttributePayload(attributes={"floor": "2"})
    )
    created = run(
        "CreateThingGroup", thing_group_name="leaf", parent_group_name="root", thing_group_properties=properties
    )
    run("CreateThingGroup", thing_group_name="below", parent_group_name="leaf")

    def groups_found(text: str, **members: Any) -> list[str]:
        response = run("SearchIndex", index_name="AWS_ThingGroups", query_string=text, **members)
        assert response.things is None
        return [group.thing_group_name for group in response.thing_groups]

    assert groups_found("*") == ["below", "leaf", "root"]
    assert groups_found("parentGroupNames:root") == ["below", "leaf"]
    assert groups_found("attributes.floor>1 lamps") == ["leaf"]
    assert groups_found("NOT parentGroupNames:*") == ["root"]
    first = run("SearchIndex", index_name="AWS_ThingGroups", query_string="*", max_results=2)
    assert groups_found("*", next_token=first.next_token) == ["root"]
    (leaf,) = run("SearchIndex", index_name="AWS_ThingGroups", query_string="thingGroupName:leaf").thing_groups
    assert leaf == iot.ThingGroupDocument(
        thing_group_name="leaf",
        thing_group_id=created.thing_group_id,
        thing_group_description="all lamps",
        attributes={"floor": "2"},
        parent_group_names=["root"],
    )
    response = run("GetStatistics", index_name="AWS_ThingGroups", query_string="*")
    assert response.statistics.count == 3


@pytest.mark.parametrize("operation", ["SearchIndex", "GetStatistics", "GetCardinality"])
def test_refusals(run: Run, operation: str) -> None:
    for name in (None, "AWS_Things", "AWS_ThingGroups", "other"):
        with pytest.raises(iot.ResourceNotFoundException) as missing:
            run(operation, query_string="*", index_name=name)
        assert missing.value.message == f"Index '{name or 'AWS_Things'}' does not exist"
    switch_on(run)
    with pytest.raises(iot.InvalidQueryException) as invalid:
        run(operation, query_string="a AND")
    message = "Invalid query string: a term is expected but the query ends (at character 6)."
    assert invalid.value.message == message
    with pytest.raises(iot.InvalidQueryException, match="unexpected character NUL"):
        run(operation, query_string="thingName:a\0b")
    with pytest.raises(iot.InvalidQueryException, match="more than 12 terms"):
        run(operation, query_string=" ".join("abcdefghijklm"))
    with pytest.raises(iot.InvalidRequestException) as version:
        run(operation, query_string="*", query_version="2020-01-01")
    message = "Query version 2020-01-01 is not supported; the supported version is 2017-09-30."
    assert version.value.message == message


def test_another_account_is_not_searched(run: Run, call: Call, database: Database) -> None:
    switch_on(run)
    create(run, "a", model="x")
    scope = transact(database, lambda tx: scopes.ensure(tx, "210987654321", call.region))
    other = call._replace(scope=scope, account="210987654321")
    wanted = iot.ThingIndexingConfiguration(thing_indexing_mode="REGISTRY")
    run("UpdateIndexingConfiguration", thing_indexing_configuration=wanted, call=other)
    for text in ("*", "attributes.model:x", "thingName:a"):
        assert found(run, text, call=other) == []


# --- statistics ---


@pytest.mark.usefixtures("fleet")
def test_statistics(run: Run) -> None:
    def of(field: str | None, text: str = "*") -> iot.Statistics:
        statistics: iot.Statistics = run("GetStatistics", query_string=text, aggregation_field=field).statistics
        return statistics

    assert of("attributes.size").count == 3
    assert float(of("attributes.size").sum or 0) == 158
    assert float(of("attributes.size", "attributes.size>10").average or 0) == 75
    assert of("thingName") == iot.Statistics(count=4)
    assert of("registry.thingGroupNames", "thingName:lamp_1") == iot.Statistics(count=2)
    assert of(None).count == 4  # versions
    assert of("attributes.size", "thingName:none") == iot.Statistics(count=0)


@pytest.mark.usefixtures("fleet")
def test_cardinality(run: Run) -> None:
    def of(field: str | None, text: str = "*") -> int:
        count: int = run("GetCardinality", query_string=text, aggregation_field=field).cardinality
        return count

    assert of("attributes.size") == 2
    assert of("thingName") == 4
    assert of("registry.thingGroupNames") == 2
    assert of(None) == 1
    assert of("attributes.size", "thingName:none") == 0


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("operation", ["GetStatistics", "GetCardinality"])
def test_only_managed_and_custom_fields_are_aggregated(run: Run, operation: str) -> None:
    with pytest.raises(iot.InvalidAggregationException) as caught:
        run(operation, query_string="*", aggregation_field="attributes.model")
    message = "The aggregation field attributes.model is neither a managed field nor a custom field of the index."
    assert caught.value.message == message


def test_statistics_of_shadows_and_connections(run: Run, database: Database, call: Call) -> None:
    create(run, "a")
    create(run, "b")
    report(run, "a", desired={"x": 1})
    report(run, "b", reported={"x": 1})
    connect(database, call, "a", True, NOW)
    switch_on(run, "REGISTRY_AND_SHADOW", thing_connectivity_indexing_mode="STATUS")
    delta = run("GetStatistics", query_string="*", aggregation_field="shadow.hasDelta").statistics
    assert (delta.count, float(delta.average)) == (2, 0.5)
    assert run("GetStatistics", query_string="*", aggregation_field="shadow.version").statistics.count == 2
    connected = run("GetStatistics", query_string="*", aggregation_field="connectivity.connected").statistics
    assert (connected.count, float(connected.sum)) == (2, 1)


# --- what is not indexed is not searched ---

UNKNOWN = "Unable to parse query, invalid field name, field name: {0}, query string: {1}"
OFF = "Query includes one or more constraints for {0} attribute, but {0} indexing is not enabled for AWS_Things index"
ALL = {
    "mode": "REGISTRY_AND_SHADOW",
    "thing_connectivity_indexing_mode": "STATUS",
    "named_shadow_indexing_mode": "ON",
    "filter": iot.IndexingFilter(named_shadow_names=["$package"]),
}


def refusal(run: Run, operation: str, **members: Any) -> str:
    with pytest.raises(iot.InvalidQueryException) as caught:
        run(operation, **members)
    return str(caught.value)


@pytest.mark.parametrize(
    "field",
    [
        *("thingGroupName", "bogus", "ThingName", "registry.version", "shadow.version", "attributes", "shadow"),
        *("connectivity.bogus", "connectivity", "shadow.reported", "shadow.bogus.x", "shadow.metadata.x"),
        *("shadow.name.other.reported.x", "shadow.name.$package", "shadow.name.$package.version", "parentGroupNames"),
    ],
)
def test_a_query_for_an_unknown_field_is_refused_wherever_one_is_taken(run: Run, field: str) -> None:
    switch_on(run, **ALL)
    for text in (f"{field}:2", f"thingName:* AND (NOT {field}:[1 TO 2] OR a)", f"{field}:(a OR b)"):
        told = UNKNOWN.format(field, text)
        for operation in ("SearchIndex", "GetStatistics", "GetCardinality"):
            assert refusal(run, operation, query_string=text) == told
        assert refusal(run, "CreateDynamicThingGroup", thing_group_name="g", query_string=text) == told
    run("CreateDynamicThingGroup", thing_group_name="g", query_string="thingName:a")
    properties = iot.ThingGroupProperties()
    changed = {"thing_group_name": "g", "thing_group_properties": properties, "query_string": f"{field}:2"}
    assert refusal(run, "UpdateDynamicThingGroup", **changed) == UNKNOWN.format(field, f"{field}:2")


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("shadow.reported.x", "shadow"),
        ("shadow.hasDelta", "shadow"),
        ("shadow.name.$package.reported.x", "named shadow"),
        ("connectivity.connected", "connectivity"),
        ("deviceDefender.violationCount", "deviceDefender"),
    ],
)
def test_a_query_for_what_is_switched_off_is_refused(run: Run, field: str, part: str) -> None:
    switch_on(run)
    assert refusal(run, "SearchIndex", query_string=f"a {field}:1") == OFF.format(part)
    assert refusal(run, "CreateDynamicThingGroup", thing_group_name="g", query_string=f"{field}:1") == OFF.format(part)


def test_every_field_that_is_indexed_may_be_named(run: Run) -> None:
    switch_on(run, **ALL, device_defender_indexing_mode="VIOLATIONS")
    shadows = ("reported.a.b", "desired.a", "delta.a", "metadata.reported.a.timestamp", "hasDelta")
    for field in (
        *("thingName", "thingId", "thingTypeName", "thingGroupNames", "attributes.a", "attributes.a.b"),
        *(f"shadow.{inner}" for inner in shadows),
        *(f"shadow.name.$package.{inner}" for inner in shadows),
        *("connectivity.timestamp", "connectivity.disconnectReason", "deviceDefender.violationCount"),
    ):
        assert found(run, f"{field}:none") == []


def test_fields_of_groups_are_known_too(run: Run) -> None:
    groups = iot.ThingGroupIndexingConfiguration(thing_group_indexing_mode="ON")
    run("UpdateIndexingConfiguration", thing_group_indexing_configuration=groups)
    where = {"index_name": "AWS_ThingGroups"}
    for field in ("thingGroupName", "thingGroupId", "description", "parentGroupNames", "attributes.a"):
        assert run("SearchIndex", query_string=f"{field}:none", **where).thing_groups == []
    told = refusal(run, "SearchIndex", query_string="thingName:a", **where)
    assert told == UNKNOWN.format("thingName", "thingName:a")


# --- types and billing groups ---


def test_types_and_billing_groups_are_found(run: Run) -> None:
    switch_on(run)
    run("CreateThingType", thing_type_name="Lamp")
    run("CreateBillingGroup", billing_group_name="Berlin")
    run("CreateThingGroup", thing_group_name="hall")
    run("CreateThing", thing_name="a", thing_type_name="Lamp", billing_group_name="Berlin")
    create(run, "b")
    run("AddThingToThingGroup", thing_group_name="hall", thing_name="a")
    for text in ("thingTypeName:lamp", "thingGroupNames:berlin", "thingGroupNames:b*", "berlin", "thingTypeName:*"):
        assert found(run, text) == ["a"], text
    (thing,) = run("SearchIndex", query_string="thingName:a").things
    assert (thing.thing_type_name, thing.thing_group_names) == ("Lamp", ["hall", "Berlin"])
    assert found(run, "NOT thingTypeName:lamp") == ["b"]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("SearchIndex", {"query_string": "*"}),
        ("SearchIndex", {"query_string": "attributes.size:*", "max_results": 2}),
        ("SearchIndex", {"query_string": "attributes.size:75"}),
        ("GetStatistics", {"query_string": "*", "aggregation_field": "attributes.size"}),
        ("GetCardinality", {"query_string": "*", "aggregation_field": "thingName"}),
        ("GetCardinality", {"query_string": "*"}),
        ("GetStatistics", {"query_string": "attributes.size:*", "aggregation_field": "attributes.size"}),
        ("GetPercentiles", {"query_string": "*", "aggregation_field": "attributes.size"}),
        ("GetBucketsAggregation", BUCKETS),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_walk_in_parts_finds_the_same(
    run: Run,
    database: Database,
    call: Call,
    name: str,
    members: dict[str, Any],
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part looks at one thing, in a transaction of its own."""
    whole = run(name, **members)
    monkeypatch.setattr(fleet_index, "CHUNK", chunk)
    monkeypatch.setattr(searches, "COUNTED_AT_ONCE", 1)
    handler, request = HANDLERS["iot", name], REQUESTS[name](**members)
    assert isinstance(handler, InParts)
    answer: Any = None
    parts = 0
    while answer is None or isinstance(answer, Unfinished):
        answer = database.read(partial(handler.run, call=call, request=request, so_far=answer, enough=lambda: True))
        parts += 1
    assert parts > 2
    assert (handler.compute(call, request, answer) if isinstance(handler, ComputedInParts) else answer) == whole


# --- percentiles and buckets ---


@pytest.mark.usefixtures("fleet")
def test_percentiles(run: Run) -> None:
    def of(*percents: float, field: str = "attributes.size", text: str = "*") -> list[tuple[float, float]]:
        chosen = [Decimal(str(each)) for each in percents] or None
        found = run("GetPercentiles", query_string=text, aggregation_field=field, percents=chosen).percentiles
        return [(float(one.percent), float(one.value)) for one in found]

    assert of(0, 50, 100) == [(0, 8), (50, 75), (100, 75)]
    assert of(25) == [(25, 41.5)]
    assert [percent for percent, _ in of()] == [1, 5, 25, 50, 75, 95, 99]
    assert of(99.9, text="thingName:lamp_1") == [(99.9, 75)]
    assert of(50, text="thingName:none") == []
    with pytest.raises(iot.InvalidAggregationException, match="thingName is not of type Number"):
        of(50, field="thingName")
    with pytest.raises(iot.InvalidAggregationException, match="neither a managed field"):
        of(50, field="attributes.model")


@pytest.mark.usefixtures("fleet")
def test_buckets(run: Run) -> None:
    def of(field: str, text: str = "*", most: int | None = None) -> tuple[int, list[tuple[str, int]]]:
        kind = iot.BucketsAggregationType(terms_aggregation=iot.TermsAggregation(max_buckets=most))
        found = run("GetBucketsAggregation", query_string=text, aggregation_field=field, buckets_aggregation_type=kind)
        return found.total_count, [(one.key_value, one.count) for one in found.buckets]

    assert of("attributes.size") == (4, [("75", 2), ("8", 1)])
    assert of("registry.thingGroupNames") == (4, [("Hall", 2), ("attic", 2)])
    assert of("registry.thingGroupNames", most=1) == (4, [("Hall", 2)])
    assert of("thingName", "thingName:lamp_*") == (1, [("Lamp_1", 1)])
    assert of("thingName", "thingName:none") == (0, [])
    with pytest.raises(iot.InvalidAggregationException):
        of("attributes.model")


# --- live connectivity ---


def test_thing_connectivity_data(run: Run, database: Database, call: Call) -> None:
    create(run, "a")
    assert run("GetThingConnectivityData", thing_name="a") == iot.GetThingConnectivityDataResponse(
        thing_name="a", connected=False
    )
    connect(database, call, "a", True, NOW, session=Session("client", 30, False, 60, "::1", 4711, "::2", 8883))
    assert run("GetThingConnectivityData", thing_name="a").source_ip is None
    assert run("GetThingConnectivityData", thing_name="a", include_socket_information=True) == (
        iot.GetThingConnectivityDataResponse(
            thing_name="a",
            connected=True,
            timestamp=NOW / 1000,
            keep_alive_duration=30,
            clean_session=False,
            session_expiry=60,
            client_id="client",
            source_ip="::1",
            source_port=4711,
            target_ip="::2",
            target_port=8883,
        )
    )
    connect(database, call, "a", False, NOW + 1000, "CONNECTION_LOST")
    found = run("GetThingConnectivityData", thing_name="a")
    assert (found.connected, found.timestamp, found.disconnect_reason) == (False, NOW / 1000 + 1, "CONNECTION_LOST")
    with pytest.raises(iot.ResourceNotFoundException):
        run("GetThingConnectivityData", thing_name="b")
