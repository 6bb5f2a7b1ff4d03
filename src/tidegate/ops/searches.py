"""Questions to the fleet index: a search, and statistics over what it finds (control reference 18.2, 18.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tidegate.core import aggregation, index_configuration, indexed_fields, indexing, pages, query, texts
from tidegate.core.indexing import IndexedGroup, IndexedThing
from tidegate.core.query import Value
from tidegate.ops import fleet_index, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, InParts, Unfinished, never
from tidegate.store.database import Tx
from tidegate.wire import iot

PAGE = 100
MOST_EXAMINED = 10_000
"""Things one SearchIndex looks at; a page that is not full by then is short, and the next one goes on from there."""


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


def get_statistics(
    tx: Tx,
    call: Call,
    request: iot.GetStatisticsRequest,
    so_far: Unfinished | None = None,
    enough: Callable[[], bool] = never,
) -> iot.GetStatisticsResponse | Unfinished:
    """Count, average and so on of a field's values."""
    kind, seen, whole = _aggregated(tx, call, request, so_far, enough)
    return iot.GetStatisticsResponse(statistics=aggregation.statistics(kind, seen.found)) if whole else seen


def get_cardinality(
    tx: Tx,
    call: Call,
    request: iot.GetCardinalityRequest,
    so_far: Unfinished | None = None,
    enough: Callable[[], bool] = never,
) -> iot.GetCardinalityResponse | Unfinished:
    """How many different values a field has; exact, where AWS promises an approximation."""
    _, seen, whole = _aggregated(tx, call, request, so_far, enough)
    return iot.GetCardinalityResponse(cardinality=len(set(seen.found))) if whole else seen


def get_percentiles(
    tx: Tx,
    call: Call,
    request: iot.GetPercentilesRequest,
    so_far: Unfinished | None = None,
    enough: Callable[[], bool] = never,
) -> iot.GetPercentilesResponse | Unfinished:
    """The values of a field of numbers at some percents of them.

    Raises:
        InvalidAggregationException: the field is not of numbers.
    """
    kind, seen, whole = _aggregated(tx, call, request, so_far, enough)
    if kind != "Number":
        raise iot.InvalidAggregationException(texts.fleet_index.not_of_numbers(request.aggregation_field or ""))
    percents = [float(each) for each in request.percents or aggregation.PERCENTS]
    return iot.GetPercentilesResponse(percentiles=aggregation.percentiles(seen.found, percents)) if whole else seen


def get_buckets_aggregation(
    tx: Tx,
    call: Call,
    request: iot.GetBucketsAggregationRequest,
    so_far: Unfinished | None = None,
    enough: Callable[[], bool] = never,
) -> iot.GetBucketsAggregationResponse | Unfinished:
    """How many things have each value of a field, and how many the query finds in all."""
    index, tree = _asked(tx, call, request)
    field = request.aggregation_field
    if index_configuration.type_of(field, index.managed, index.custom) is None:
        raise iot.InvalidAggregationException(texts.fleet_index.not_aggregated(field))
    name, seen = index_configuration.searched_name(field), so_far or Unfinished()
    for one in _documents(tx, call, index, tree, seen):
        if query.matches(tree, one.fields):
            seen.found.append({value.text for value in _values(one, name)})
        seen.last = _name(one)
        if enough():
            return seen
    terms = request.buckets_aggregation_type.terms_aggregation
    most = terms.max_buckets if terms is not None and terms.max_buckets is not None else aggregation.BUCKETS
    return iot.GetBucketsAggregationResponse(
        total_count=len(seen.found),
        buckets=aggregation.buckets((text for values in seen.found for text in values), most),
    )


def _aggregated(
    tx: Tx,
    call: Call,
    request: iot.GetStatisticsRequest | iot.GetCardinalityRequest | iot.GetPercentilesRequest,
    so_far: Unfinished | None,
    enough: Callable[[], bool],
) -> tuple[str, Unfinished, bool]:
    """The type of the field that is asked for, its values in what the query finds, and whether these are all."""
    index, tree = _asked(tx, call, request)
    field = request.aggregation_field or index.counted
    kind = index_configuration.type_of(field, index.managed, index.custom)
    if kind is None:
        raise iot.InvalidAggregationException(texts.fleet_index.not_aggregated(field))
    texts_too = kind == "String" and isinstance(request, iot.GetCardinalityRequest)
    name, seen = index_configuration.searched_name(field), so_far or Unfinished()
    for one in _documents(tx, call, index, tree, seen):
        if query.matches(tree, one.fields):
            values = _values(one, name)
            seen.found += [value.words for value in values] if texts_too else aggregation.numbers(kind, values)
        seen.last = _name(one)
        if enough():
            return kind, seen, False
    return kind, seen, True


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
    request: iot.SearchIndexRequest
    | iot.GetStatisticsRequest
    | iot.GetCardinalityRequest
    | iot.GetPercentilesRequest
    | iot.GetBucketsAggregationRequest,
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
    ("iot", "GetStatistics"): InParts(get_statistics),
    ("iot", "GetCardinality"): InParts(get_cardinality),
    ("iot", "GetPercentiles"): InParts(get_percentiles),
    ("iot", "GetBucketsAggregation"): InParts(get_buckets_aggregation),
}
