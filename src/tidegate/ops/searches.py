"""Questions to the fleet index: a search, and statistics over what it finds (control reference 18.2, 18.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from tidegate.core import aggregation, index_configuration, indexed_fields, indexing, pages, query, texts
from tidegate.core.indexing import IndexedGroup, IndexedThing
from tidegate.core.query import Value
from tidegate.ops import fleet_index, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import ComputedInParts, Handlers, InParts, Unfinished, never
from tidegate.store import fleet_index as stored_index
from tidegate.store.database import Tx
from tidegate.wire import iot

PAGE = 100
MOST_EXAMINED = 10_000
"""Things one SearchIndex looks at; a page that is not full by then is short, and the next one goes on from there."""
COUNTED_AT_ONCE = 4000
"""Rows whose values the store counts in one statement, which takes a millisecond."""


class _Index(NamedTuple):
    """An index that is on: its fields by type, and the one that is aggregated when none is named."""

    name: str
    managed: index_configuration.Fields
    custom: list[iot.Field] | None
    counted: str


def search_index(
    tx: Tx,
    call: Call,
    request: iot.SearchIndexRequest,
    so_far: Unfinished | None = None,
    enough: Callable[[], bool] = never,
) -> iot.SearchIndexResponse | Unfinished:
    """The things or thing groups that a query finds, by name."""
    index, tree = _asked(tx, call, request)
    listing = ("SearchIndex", call.account, call.region, index.name, request.query_string)
    page = paging.page(listing, token=request.next_token, size=request.max_results or PAGE, start=[""])
    seen = so_far or Unfinished(last=str(page.position[0]))
    for one in _documents(tx, call, index, tree, seen):
        if seen.examined == MOST_EXAMINED:
            return _answer(index, seen.found, pages.token(listing, [seen.last]))
        if query.matches(tree, one.fields):
            if len(seen.found) == page.size:
                return _answer(index, seen.found, pages.token(listing, [_name(seen.found[-1])]))
            seen.found.append(one)
        seen.last = _name(one)
        seen.examined += 1
        if enough():
            return seen
    return _answer(index, seen.found, None)


def _answer(index: _Index, found: list[IndexedThing | IndexedGroup], token: str | None) -> iot.SearchIndexResponse:
    """The list of the index that was searched, empty or not; the other is left out."""
    things = [one.shown for one in found if isinstance(one, IndexedThing)]
    groups = [one.shown for one in found if isinstance(one, IndexedGroup)]
    if index.name == index_configuration.GROUPS:
        return iot.SearchIndexResponse(next_token=token, thing_groups=groups)
    return iot.SearchIndexResponse(next_token=token, things=things)


def _name(one: IndexedThing | IndexedGroup) -> str:
    shown = one.shown
    name = shown.thing_name if isinstance(shown, iot.ThingDocument) else shown.thing_group_name
    assert name is not None
    return name


def get_statistics(_call: Call, _request: iot.GetStatisticsRequest, found: Counted) -> iot.GetStatisticsResponse:
    """Count, average and so on of a field's values."""
    return iot.GetStatisticsResponse(statistics=aggregation.statistics(found.kind, found.values))


def get_cardinality(_call: Call, _request: iot.GetCardinalityRequest, found: Counted) -> iot.GetCardinalityResponse:
    """How many different values a field has; exact, where AWS promises an approximation."""
    return iot.GetCardinalityResponse(cardinality=len(found.values))


def get_percentiles(_call: Call, request: iot.GetPercentilesRequest, found: Counted) -> iot.GetPercentilesResponse:
    """The values of a field of numbers at some percents of them."""
    percents = [float(each) for each in request.percents or aggregation.PERCENTS]
    return iot.GetPercentilesResponse(percentiles=aggregation.percentiles(found.values, percents))


def get_buckets_aggregation(
    _call: Call, request: iot.GetBucketsAggregationRequest, found: Counted
) -> iot.GetBucketsAggregationResponse:
    """How many things have each value of a field, and how many the query finds in all."""
    terms = request.buckets_aggregation_type.terms_aggregation
    most = terms.max_buckets if terms is not None and terms.max_buckets is not None else aggregation.BUCKETS
    return iot.GetBucketsAggregationResponse(total_count=found.total, buckets=aggregation.buckets(found.values, most))


class Counted(NamedTuple):
    """The values of a field in what a query finds, how often each is there, and how many things were found."""

    kind: str
    values: Counter[Any]
    total: int


_Aggregating = (
    iot.GetStatisticsRequest | iot.GetCardinalityRequest | iot.GetPercentilesRequest | iot.GetBucketsAggregationRequest
)


def count(
    tx: Tx, call: Call, request: _Aggregating, so_far: Unfinished | None, enough: Callable[[], bool]
) -> Counted | Unfinished:
    """Count the values of the field that is asked for.

    Raises:
        InvalidAggregationException: the field may not be aggregated, or percentiles are asked of one that is not of
            numbers.
    """
    index, tree = _asked(tx, call, request)
    field = request.aggregation_field or index.counted
    kind = index_configuration.type_of(field, index.managed, index.custom)
    if kind is None:
        raise iot.InvalidAggregationException(texts.fleet_index.not_aggregated(field))
    if kind != "Number" and isinstance(request, iot.GetPercentilesRequest):
        raise iot.InvalidAggregationException(texts.fleet_index.not_of_numbers(field))
    name, seen = index_configuration.searched_name(field), so_far or Unfinished()
    of = _counted_of(request, kind)
    if not isinstance(request, iot.GetBucketsAggregationRequest) and _is_column(index, tree, name):
        finished = _count_column(tx, call.scope, name, of, seen, enough)
    else:
        finished = _count_documents(_documents(tx, call, index, tree, seen), tree, name, of, seen, enough)
    return Counted(kind, seen.counted, seen.examined) if finished else seen


_Of = Callable[[Iterable[Value]], Iterable[Hashable]]


def _counted_of(request: _Aggregating, kind: str) -> _Of:
    """What is counted of the values of one thing."""
    if isinstance(request, iot.GetBucketsAggregationRequest):
        return lambda values: {value.text for value in values}
    if kind == "String" and isinstance(request, iot.GetCardinalityRequest):
        return lambda values: [value.words for value in values]
    return partial(aggregation.numbers, kind)


def _count_documents(
    documents: Iterable[IndexedThing | IndexedGroup],
    tree: query.Node,
    name: str,
    of: _Of,
    seen: Unfinished,
    enough: Callable[[], bool],
) -> bool:
    for one in documents:
        if query.matches(tree, one.fields):
            for value in of(_values(one, name)):
                seen.counted[value] += 1
            seen.examined += 1
        seen.last = _name(one)
        if enough():
            return False
    return True


_VERSION = "registry.version"
_ATTRIBUTES = "attributes."


def _is_column(index: _Index, tree: query.Node, name: str) -> bool:
    """Whether the store can count by itself: a value of every thing's own row."""
    everything = isinstance(tree, query.Everything) and index.name == index_configuration.THINGS
    return everything and (name == _VERSION or name.startswith(_ATTRIBUTES))


def _count_column(tx: Tx, scope: int, name: str, of: _Of, seen: Unfinished, enough: Callable[[], bool]) -> bool:
    """The same by pages of the store's own counting: a twentieth of what documents cost."""
    finished = False
    while not finished:
        if name == _VERSION:
            page = stored_index.versions(tx, scope, seen.last, COUNTED_AT_ONCE)
        else:
            attribute = name.removeprefix(_ATTRIBUTES)
            page = stored_index.attribute_values(tx, scope, attribute, (seen.last, seen.thing), COUNTED_AT_ONCE)
        for stored, times in page.counts:
            for value in of([query.value(stored)]):
                seen.counted[value] += times
        finished = sum(times for _, times in page.counts) < COUNTED_AT_ONCE
        seen.last, seen.thing = page.last, page.thing
        if enough():
            return finished
    return True


def _values(one: IndexedThing | IndexedGroup, field: str) -> list[Value]:
    values = list(one.fields.get(field, ()))
    return [*values, query.value(one.versions[field])] if field in one.versions else values


def parsed(text: str | None, version: str | None, most_terms: int = query.MOST_TERMS) -> query.Node:
    """The tree of a request's query.

    Raises:
        InvalidQueryException: it is none.
        InvalidRequestException: the version is not known.
    """
    known = index_configuration.QUERY_VERSION
    if version is not None and version != known:
        raise iot.InvalidRequestException(texts.fleet_index.query_version_unknown(version, known))
    try:
        return query.parse(text or "", most_terms)
    except query.InvalidQueryError as error:
        raise iot.InvalidQueryException(str(error)) from error


def fitting(text: str, node: query.Node, configured: iot.ThingIndexingConfiguration) -> None:
    """Refuse a query for what the index of things does not have.

    Raises:
        InvalidQueryException: it names a field that is unknown, or not indexed.
    """
    wrong = indexed_fields.problem(node, text, configured)
    if wrong is not None:
        raise iot.InvalidQueryException(wrong)


def _asked(
    tx: Tx,
    call: Call,
    request: iot.SearchIndexRequest | _Aggregating,
) -> tuple[_Index, query.Node]:
    """The index of a request, and its query of it."""
    text = request.query_string
    tree = parsed(text, request.query_version)
    index = _index(tx, call, request.index_name)
    if index.name == index_configuration.THINGS:
        fitting(text, tree, fleet_index.configured(tx, call.scope))
    elif (wrong := indexed_fields.group_problem(tree, text)) is not None:
        raise iot.InvalidQueryException(wrong)
    return index, tree


def _index(tx: Tx, call: Call, name: str | None) -> _Index:
    """The index a request names.

    Raises:
        ResourceNotFoundException: it is off, or there is no such index.
    """
    things, groups = fleet_index.configured(tx, call.scope), fleet_index.groups_configured(tx, call.scope)
    if name in (None, index_configuration.THINGS) and index_configuration.is_on(things):
        managed = index_configuration.managed_fields(things)
        return _Index(index_configuration.THINGS, managed, things.custom_fields, "registry.version")
    if name == index_configuration.GROUPS and index_configuration.groups_on(groups):
        managed = index_configuration.group_managed_fields(groups)
        return _Index(index_configuration.GROUPS, managed, groups.custom_fields, "version")
    raise iot.ResourceNotFoundException(texts.fleet_index.index_missing(name or index_configuration.THINGS))


def _documents(
    tx: Tx, call: Call, index: _Index, tree: query.Node, seen: Unfinished
) -> Iterator[IndexedThing | IndexedGroup]:
    """What is in an index, by name; of things only those that the store cannot rule out."""
    if index.name == index_configuration.GROUPS:
        return fleet_index.thing_groups(tx, call.scope, seen.ahead, seen.last)
    configuration = fleet_index.configured(tx, call.scope)
    narrowed = indexing.narrowed(tree)
    return fleet_index.things(tx, call.scope, configuration, seen.ahead, after=seen.last, narrowed=narrowed)


HANDLERS: Handlers = {
    ("iot", "SearchIndex"): InParts(search_index, partial="Device Defender data and geographic queries"),
    ("iot", "GetStatistics"): ComputedInParts(count, get_statistics),
    ("iot", "GetCardinality"): ComputedInParts(count, get_cardinality),
    ("iot", "GetPercentiles"): ComputedInParts(count, get_percentiles),
    ("iot", "GetBucketsAggregation"): ComputedInParts(count, get_buckets_aggregation),
}
