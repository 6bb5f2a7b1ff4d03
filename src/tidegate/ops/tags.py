"""Tags (control reference 19): up to 50 pairs on a resource, by its ARN, gone with it.

What can be tagged stands in ``_EXISTS``: a kind of ARN and how to see whether the named resource is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tidegate.core import arn, texts
from tidegate.ops.call import Call
from tidegate.ops.handler import Handler
from tidegate.store import jobs, policies, tags, templates
from tidegate.store.database import Tx
from tidegate.wire import iot
from tidegate.wire.errors import WireError

MOST = 50

_EXISTS: dict[str, Callable[[Tx, int, str], object]] = {
    "job": jobs.get,
    "jobtemplate": templates.get,
    "policy": policies.get,
    "thinggroup": policies.group_id,
}


def checked(
    given: Iterable[iot.Tag] | None, *, too_many: type[WireError] = iot.LimitExceededException
) -> dict[str, str]:
    """The tags of a request by key, for any operation that takes some.

    Raises:
        InvalidRequestException: a key is given twice or is reserved.
        WireError: of the class ``too_many``, for more than 50.
    """
    found: dict[str, str] = {}
    for tag in given or ():
        key = tag.key or ""
        if key.lower().startswith("aws:"):
            raise iot.InvalidRequestException(texts.TAG_KEY_RESERVED)
        if key in found:
            raise iot.InvalidRequestException(texts.tag_repeated(key))
        found[key] = tag.value or ""
    if len(found) > MOST:
        raise too_many(texts.tags_full(MOST))
    return found


def tag_resource(tx: Tx, call: Call, request: iot.TagResourceRequest) -> iot.TagResourceResponse:
    """Set tags; those with the same key are overwritten, the others stay."""
    new = checked(request.tags)
    name = _resource(tx, call, request.resource_arn)
    if len(tags.of(tx, call.scope, name) | new) > MOST:
        raise iot.LimitExceededException(texts.tags_full(MOST))
    tags.put(tx, call.scope, name, new)
    return iot.TagResourceResponse()


def untag_resource(tx: Tx, call: Call, request: iot.UntagResourceRequest) -> iot.UntagResourceResponse:
    """Remove tags by key; keys that the resource does not have are passed over."""
    name = _resource(tx, call, request.resource_arn)
    for key in request.tag_keys or ():
        tags.delete(tx, call.scope, name, key)
    return iot.UntagResourceResponse()


def list_tags_for_resource(
    tx: Tx, call: Call, request: iot.ListTagsForResourceRequest
) -> iot.ListTagsForResourceResponse:
    """Every tag, by key: 50 fit on one page, so that no token is ever given out."""
    if request.next_token is not None:
        raise iot.InvalidRequestException("Invalid nextToken")
    name = _resource(tx, call, request.resource_arn)
    found = tags.of(tx, call.scope, name)
    return iot.ListTagsForResourceResponse(tags=[iot.Tag(key=key, value=value) for key, value in found.items()])


def _resource(tx: Tx, call: Call, text: str | None) -> str:
    name = arn.parse(text or "")
    if name is None:
        raise iot.InvalidRequestException(texts.not_an_arn(text or ""))
    exists = _EXISTS.get(name.resource_type)
    if name.service != "iot" or exists is None:
        raise iot.InvalidRequestException(texts.not_taggable(str(name)))
    if str(name) != call.arn(name.resource) or exists(tx, call.scope, name.resource_id) is None:
        raise iot.ResourceNotFoundException(texts.resource_missing(str(name)))
    return str(name)


HANDLERS = {
    ("iot", "TagResource"): Handler(tag_resource),
    ("iot", "UntagResource"): Handler(untag_resource),
    ("iot", "ListTagsForResource"): Handler(list_tags_for_resource, reads=True),
}
