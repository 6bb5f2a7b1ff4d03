"""The two indices: what they hold, and whether they are there (control reference 18.1)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tidegate.core import index_configuration, indexed_fields, texts
from tidegate.ops import dynamic_membership, fleet_index, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.store import dynamic_groups
from tidegate.store import fleet_index as stored_index
from tidegate.store.database import Tx
from tidegate.wire import iot, jsontext


def update_indexing_configuration(
    tx: Tx, call: Call, request: iot.UpdateIndexingConfigurationRequest
) -> iot.UpdateIndexingConfigurationResponse:
    """Replace the configuration of either index or of both; dynamic groups are held against the new index of things."""
    things, groups = request.thing_indexing_configuration, request.thing_group_indexing_configuration
    wrong = index_configuration.problems(things) if things else []
    wrong += index_configuration.group_problems(groups) if groups else []
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    if things is not None:
        _configure_things(tx, call, things)
    if groups is not None:
        kept = msgspec.structs.replace(groups, managed_fields=None)
        stored_index.put_configuration(tx, call.scope, index_configuration.GROUPS, jsontext.to_json(kept))
    return iot.UpdateIndexingConfigurationResponse()


def _configure_things(tx: Tx, call: Call, wanted: iot.ThingIndexingConfiguration) -> None:
    known = dynamic_groups.of_scope(tx, call.scope)
    if known and not index_configuration.is_on(wanted):
        raise iot.InvalidRequestException(texts.fleet_index.DYNAMIC_GROUPS_NEED_INDEXING)
    before = fleet_index.configured(tx, call.scope)
    outgrown = indexed_fields.outgrown([group.query for group in known], before, wanted)
    if outgrown:
        raise iot.InvalidRequestException(texts.fleet_index.groups_outgrown(outgrown))
    kept = msgspec.structs.replace(wanted, managed_fields=None)
    stored_index.put_configuration(tx, call.scope, index_configuration.THINGS, jsontext.to_json(kept))
    dynamic_membership.fill(tx, call, known, "REBUILDING")


def get_indexing_configuration(
    tx: Tx, call: Call, _request: iot.GetIndexingConfigurationRequest
) -> iot.GetIndexingConfigurationResponse:
    """What both indices hold, with the fields the service manages itself."""
    things, groups = fleet_index.configured(tx, call.scope), fleet_index.groups_configured(tx, call.scope)
    managed = index_configuration.as_fields(index_configuration.managed_fields(things))
    of_groups = index_configuration.as_fields(index_configuration.group_managed_fields(groups))
    return iot.GetIndexingConfigurationResponse(
        thing_indexing_configuration=msgspec.structs.replace(
            things,
            thing_connectivity_indexing_mode=things.thing_connectivity_indexing_mode or "OFF",
            device_defender_indexing_mode=things.device_defender_indexing_mode or "OFF",
            named_shadow_indexing_mode=things.named_shadow_indexing_mode or "OFF",
            managed_fields=managed,
        ),
        thing_group_indexing_configuration=msgspec.structs.replace(groups, managed_fields=of_groups),
    )


def describe_index(tx: Tx, call: Call, request: iot.DescribeIndexRequest) -> iot.DescribeIndexResponse:
    """An index that is on; it is made from the registry at each question, so it is always ACTIVE."""
    schemas = dict(_indices(tx, call))
    name = request.index_name
    if name not in schemas:
        raise iot.ResourceNotFoundException(texts.fleet_index.index_missing(name))
    return iot.DescribeIndexResponse(index_name=name, index_status="ACTIVE", schema=schemas[name])


def list_indices(tx: Tx, call: Call, request: iot.ListIndicesRequest) -> iot.ListIndicesResponse:
    """The names of the indices that are on."""
    listing = ("ListIndices", call.account, call.region)
    page = paging.page(listing, token=request.next_token, size=request.max_results, start=[""])
    names = sorted(name for name, _ in _indices(tx, call) if name > str(page.position[0]))
    token = paging.following(listing, names, page.size, lambda name: [name])
    return iot.ListIndicesResponse(index_names=names[: page.size], next_token=token)


def _indices(tx: Tx, call: Call) -> Iterator[tuple[str, str]]:
    """(name, schema) of the indices that are on."""
    things = fleet_index.configured(tx, call.scope)
    if index_configuration.is_on(things):
        yield index_configuration.THINGS, index_configuration.schema(things)
    if index_configuration.groups_on(fleet_index.groups_configured(tx, call.scope)):
        yield index_configuration.GROUPS, "THING_GROUPS"


HANDLERS: Handlers = {
    ("iot", "UpdateIndexingConfiguration"): Write(
        update_indexing_configuration,
        partial="Device Defender data and geographic fields, which are kept and shown only",
    ),
    ("iot", "GetIndexingConfiguration"): Read(get_indexing_configuration),
    ("iot", "DescribeIndex"): Read(describe_index),
    ("iot", "ListIndices"): Read(list_indices),
}
