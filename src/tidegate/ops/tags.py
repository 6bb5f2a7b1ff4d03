"""Tags (control reference 19): up to 50 pairs on a resource, by its ARN, gone with it.

What can be tagged is said by each noun's module in its ``TAGGABLE``: a kind of ARN and how to see whether the named
resource is there. ``table`` joins them and makes the operations here know them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tidegate.core import arn, checks, texts
from tidegate.ops.call import Call
from tidegate.ops.handler import Handler, Read, Write
from tidegate.store import tags
from tidegate.store.database import Tx
from tidegate.wire import iot

Exists = Callable[[Tx, int, arn.Arn], bool]
"""Whether the resource that an ARN of the scope names is there."""
Kinds = Mapping[str, Exists]
"""What can be tagged, by the type in its ARN."""


def named(find: Callable[[Tx, int, str], object | None]) -> Exists:
    """The check of a noun whose rows are found by (transaction, scope, name)."""
    return lambda tx, scope, name: find(tx, scope, name.resource_id) is not None


def problems(given: Sequence[iot.Tag] | None, limit: int | None) -> list[str]:
    """What is wrong with the tags of a request, for every operation that takes some.

    ``limit`` is how many there may be, for operations that model no LimitExceededException; None for the others, which
    call ``require_room`` when all else is right.
    """
    found = checks.tags([tag.key or "" for tag in given or ()])
    return [*found, texts.tags.too_many_tags(limit)] if limit is not None and len(given or ()) > limit else found


def require_room(given: Sequence[iot.Tag] | None, limit: int) -> None:
    """Refuse more tags than a new resource may have.

    Raises:
        LimitExceededException: there are more.
    """
    if len(given or ()) > limit:
        raise iot.LimitExceededException(texts.tags.too_many_tags(limit))


def as_map(given: Sequence[iot.Tag] | None) -> dict[str, str]:
    """Tags by key; one without a value has the empty one."""
    return {tag.key or "": tag.value or "" for tag in given or ()}


def tag_resource(kinds: Kinds, tx: Tx, call: Call, request: iot.TagResourceRequest) -> iot.TagResourceResponse:
    """Set tags; those with the same key are overwritten, the others stay."""
    limit = call.limits.tags_per_resource
    new = as_map(request.tags)
    wrong = problems(request.tags, None)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    name = _resource(kinds, tx, call, request.resource_arn)
    if len(tags.of(tx, call.scope, name) | new) > limit:
        raise iot.LimitExceededException(texts.tags.too_many_tags(limit))
    tags.put(tx, call.scope, name, new)
    return iot.TagResourceResponse()


def untag_resource(kinds: Kinds, tx: Tx, call: Call, request: iot.UntagResourceRequest) -> iot.UntagResourceResponse:
    """Remove tags by key; keys that the resource does not have are passed over."""
    name = _resource(kinds, tx, call, request.resource_arn)
    for key in request.tag_keys:
        tags.delete(tx, call.scope, name, key)
    return iot.UntagResourceResponse()


def list_tags_for_resource(
    kinds: Kinds, tx: Tx, call: Call, request: iot.ListTagsForResourceRequest
) -> iot.ListTagsForResourceResponse:
    """Every tag, by key: 50 fit on one page, so that no token is ever given out."""
    if request.next_token:
        raise iot.InvalidRequestException("Invalid nextToken")
    name = _resource(kinds, tx, call, request.resource_arn)
    found = tags.of(tx, call.scope, name)
    return iot.ListTagsForResourceResponse(tags=[iot.Tag(key=key, value=value) for key, value in found.items()])


def _resource(kinds: Kinds, tx: Tx, call: Call, text: str | None) -> str:
    name = arn.parse(text or "")
    if name is None:
        raise iot.InvalidRequestException(texts.requests.not_an_arn(text or ""))
    exists = kinds.get(name.resource_type)
    if name.service != "iot" or exists is None:
        raise iot.InvalidRequestException(texts.tags.not_taggable(str(name)))
    if str(name) != call.arn(name.resource) or not exists(tx, call.scope, name):
        raise iot.ResourceNotFoundException(texts.tags.resource_missing(str(name)))
    return str(name)


def handlers(kinds: Kinds) -> dict[tuple[str, str], Handler]:
    """The operations as ``table`` joins them, given what every noun's module says can be tagged."""
    return {
        ("iot", "TagResource"): Write(partial(tag_resource, kinds)),
        ("iot", "UntagResource"): Write(partial(untag_resource, kinds)),
        ("iot", "ListTagsForResource"): Read(partial(list_tags_for_resource, kinds)),
    }
