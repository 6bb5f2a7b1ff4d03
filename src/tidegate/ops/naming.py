"""What a request may name by its name, by its ARN, or by both."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.core import texts
from tidegate.ops.call import Call
from tidegate.wire import iot


class Kind(NamedTuple):
    """A kind of resource and what is said when it is named badly.

    ``type`` is that of its ARN, ``noun`` its name in a sentence; ``unnamed`` is said when neither member names one,
    ``differs`` when they name two.
    """

    type: str
    noun: str
    unnamed: str
    differs: str


THING_OF_GROUP = Kind("thing", "thing", texts.groups.THING_UNNAMED, texts.groups.THING_NAMED_TWICE)
THING_OF_BILLING_GROUP = Kind("thing", "thing", texts.billing_groups.THING_UNNAMED, texts.groups.THING_NAMED_TWICE)
THING_GROUP = Kind("thinggroup", "thing group", texts.groups.GROUP_UNNAMED, texts.groups.GROUP_NAMED_TWICE)
BILLING_GROUP = Kind(
    "billinggroup", "billing group", texts.billing_groups.GROUP_UNNAMED, texts.billing_groups.GROUP_NAMED_TWICE
)


def name_of(call: Call, kind: Kind, name: str | None, arn: str | None) -> str:
    """The name of what a request means. Whether it exists is not looked at.

    Raises:
        InvalidRequestException: it is not named, or the members contradict each other, or the ARN is of something
            else.
    """
    if not arn:
        if not name:
            raise iot.InvalidRequestException(kind.unnamed)
        return name
    prefix = call.arn(f"{kind.type}/")
    if not arn.startswith(prefix) or arn == prefix:
        raise iot.InvalidRequestException(texts.requests.not_an_arn_of(kind.noun, arn))
    if name and name != arn.removeprefix(prefix):
        raise iot.InvalidRequestException(kind.differs)
    return arn.removeprefix(prefix)
