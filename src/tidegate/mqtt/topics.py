"""Topic names: what is legal, what a filter matches, and which topics belong to Jobs.

Pure. Limits and matching follow device reference 2.3 and 2.4, reserved topics 2.5, the Jobs grammar 3.1.
"""

from __future__ import annotations

import enum
import re
from typing import Literal

import msgspec

MAX_BYTES = 256
MAX_SLASHES = 7
MAX_SHARE_NAME = 128

THINGS = "$aws/things/"
_RULES = "$aws/rules/"
_COMMANDS = "$aws/commands/"
"""Its reply topics have more levels than others may."""
_NAMESPACE = "namespace-"
_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SHADOW = re.compile(
    r"\$aws/things/(?P<thing>[a-zA-Z0-9:_-]{1,128})/shadow"
    r"(?:/name/(?P<name>[$a-zA-Z0-9:_-]{1,64}))?/(?P<operation>get|update|delete)"
)
_NAMESPACE_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SHARE_NAME = re.compile(rf"[^/+#\0]{{1,{MAX_SHARE_NAME}}}")
_NOTIFY = re.compile(r"notify(-next)?(-namespace-[a-zA-Z0-9_-]{1,64})?")


class Operation(enum.Enum):
    """The four Jobs operations of a device."""

    GET_PENDING = "GetPendingJobExecutions"
    START_NEXT = "StartNextPendingJobExecution"
    DESCRIBE = "DescribeJobExecution"
    UPDATE = "UpdateJobExecution"

    __hash__ = object.__hash__  # every request looks something up by it; an enum's own hash is a call of Python code


class Kind(enum.Enum):
    """What a topic is to a publishing client, when it is no Jobs request."""

    ORDINARY = "ordinary"
    RESERVED = "reserved"  # a known AWS family: accepted, not routed to subscribers
    SERVER_ONLY = "server only"  # only the service may publish here
    UNKNOWN = "unknown"  # begins with $ and belongs to nobody we know


class JobsRequest(msgspec.Struct, frozen=True, gc=False):
    """A parsed request topic. ``job_id`` is None for thing-level operations and may be ``$next`` for a describe."""

    topic: str
    thing_name: str
    operation: Operation
    job_id: str | None = None
    namespace: str | None = None


class ShadowRequest(msgspec.Struct, frozen=True, gc=False):
    """A parsed request topic of a shadow, the classic one being named ``""``."""

    topic: str
    thing_name: str
    shadow_name: str
    operation: Literal["get", "update", "delete"]


class InvalidTopic(msgspec.Struct, frozen=True, gc=False):
    """A topic under a thing's ``jobs/`` that maps to no operation."""

    topic: str


Classified = JobsRequest | InvalidTopic | Kind

_THING_OPERATIONS = {"get": Operation.GET_PENDING, "start-next": Operation.START_NEXT}
_JOB_OPERATIONS = {"get": Operation.DESCRIBE, "update": Operation.UPDATE}
_KNOWN_FAMILIES = frozenset({"certificates", "provisioning-templates", "commands", "device_location", "sitewise"})
_KNOWN_THING_FAMILIES = frozenset({"shadow", "defender", "streams", "greengrass", "greengrassv2"})
_ANSWERS = frozenset({"accepted", "rejected"})
_SHADOW_ANSWERS = frozenset({"accepted", "rejected", "delta", "documents"})


# -- validity ---------------------------------------------------------------------------------------------------------


def valid_topic(topic: str) -> bool:
    """Whether a client may name this topic in a PUBLISH (device reference 2.4): no wildcards, 256 bytes, 7 slashes."""
    if "+" in topic or "#" in topic or "\0" in topic:
        return False
    return _within_limits(_without_rule(topic))


def well_formed(topic_filter: str) -> bool:
    """Whether a text is a filter by MQTT's rules, ``$share`` or not [MQTT-4.7.1-1] to [MQTT-4.8.2-2]."""
    if topic_filter.startswith("$share/"):
        name, topic_filter = split_share(topic_filter)
        if name is None or not _SHARE_NAME.fullmatch(name):
            return False
    if not topic_filter or "\0" in topic_filter:
        return False
    return not is_wildcard(topic_filter) or _wildcards_stand_alone(topic_filter.split("/"))


def valid_filter(topic_filter: str) -> bool:
    """Whether a client may name this filter in a SUBSCRIBE (device reference 2.3)."""
    if not well_formed(topic_filter):
        return False
    plain = split_share(topic_filter)[1]
    slashes = MAX_BYTES if plain.startswith(_COMMANDS) else MAX_SLASHES
    return _within_limits(_without_rule(plain), slashes)


def is_wildcard(topic_filter: str) -> bool:
    """Whether the filter holds ``+`` or ``#``."""
    return "+" in topic_filter or "#" in topic_filter


def split_share(topic_filter: str) -> tuple[str | None, str]:
    """``$share/{name}/{filter}`` as (name, filter); (None, filter) for an ordinary filter, ("", "") if broken."""
    if not topic_filter.startswith("$share/"):
        return None, topic_filter
    name, slash, rest = topic_filter[7:].partition("/")
    return (name, rest) if slash else ("", "")


def subscribable(topic_filter: str) -> bool:
    """Whether a filter's first level is open to clients: ``$SYS`` and the like end the connection (2.3)."""
    plain = split_share(topic_filter)[1]
    return not plain.startswith("$") or plain.startswith("$aws/")


def _within_limits(topic: str, slashes: int = MAX_SLASHES) -> bool:
    if not topic or len(topic) > MAX_BYTES or topic.count("/") > slashes:
        return False
    return len(topic) <= MAX_BYTES // 4 or len(topic.encode("utf-8", "replace")) <= MAX_BYTES


def _without_rule(topic: str) -> str:
    """The topic without ``$aws/rules/{name}/``, which counts towards no limit."""
    return topic[len(_RULES) :].partition("/")[2] if topic.startswith(_RULES) else topic


def _wildcards_stand_alone(levels: list[str]) -> bool:
    for level in levels:
        if len(level) > 1 and ("+" in level or "#" in level):
            return False
    return "#" not in levels[:-1]


# -- matching ---------------------------------------------------------------------------------------------------------


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a valid filter matches a topic as AWS does it: ``a/#`` does not match ``a``, nor ``#`` a ``$…``."""
    if topic_filter == topic:
        return True
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):  # [MQTT-4.7.2-1]
        return False
    if wanted[-1] == "#":
        return len(levels) >= len(wanted) and _levels_match(wanted[:-1], levels)
    return len(levels) == len(wanted) and _levels_match(wanted, levels)


def _levels_match(wanted: list[str], levels: list[str]) -> bool:
    return all(want in ("+", level) for want, level in zip(wanted, levels, strict=False))


# -- Jobs and the other reserved families -----------------------------------------------------------------------------


def classify(topic: str) -> Classified:
    """What a publish to ``topic`` means (device reference 2.5 and 3.1); the topic is taken to be valid."""
    if not topic.startswith("$"):
        return Kind.ORDINARY
    if topic.startswith(THINGS):
        levels = topic.split("/")
        if len(levels) > 4 and levels[3] == "jobs":
            return _jobs(topic, levels)
        return _thing_family(levels)
    return _family(topic.split("/"))


def _jobs(topic: str, levels: list[str]) -> Classified:
    thing_name = levels[2]
    if levels[-1] in _ANSWERS or (len(levels) == 5 and _NOTIFY.fullmatch(levels[4])):
        return Kind.SERVER_ONLY
    if not _THING_NAME.fullmatch(thing_name):
        return InvalidTopic(topic)
    if len(levels) == 5:
        operation = _THING_OPERATIONS.get(levels[4])
        return JobsRequest(topic, thing_name, operation) if operation else InvalidTopic(topic)
    return _job_request(topic, thing_name, levels[4], levels[5:])


def _job_request(topic: str, thing_name: str, job_id: str, rest: list[str]) -> JobsRequest | InvalidTopic:
    namespace = None
    if len(rest) == 2 and rest[0].startswith(_NAMESPACE):
        namespace = rest.pop(0)[len(_NAMESPACE) :]
    operation = _JOB_OPERATIONS.get(rest[0]) if len(rest) == 1 else None
    named = _JOB_ID.fullmatch(job_id) or (job_id == "$next" and operation is Operation.DESCRIBE)
    if operation is None or not named or (namespace is not None and not _NAMESPACE_ID.fullmatch(namespace)):
        return InvalidTopic(topic)
    return JobsRequest(topic, thing_name, operation, job_id, namespace)


def _thing_family(levels: list[str]) -> Kind:
    family = levels[3] if len(levels) > 4 else ""
    if family == "tunnels" or (family in _KNOWN_THING_FAMILIES and levels[-1] in _ANSWERS):
        return Kind.SERVER_ONLY
    if family == "shadow" and levels[-1] in _SHADOW_ANSWERS:
        return Kind.SERVER_ONLY
    return Kind.RESERVED if family in _KNOWN_THING_FAMILIES else Kind.UNKNOWN


def _family(levels: list[str]) -> Kind:
    family = levels[1] if levels[0] == "$aws" and len(levels) > 2 else ""
    if family == "rules":
        return Kind.RESERVED
    if family == "events" or (family in _KNOWN_FAMILIES and levels[-1] in _ANSWERS):
        return Kind.SERVER_ONLY
    return Kind.RESERVED if family in _KNOWN_FAMILIES else Kind.UNKNOWN


def shadow_request(topic: str) -> ShadowRequest | None:
    """The shadow request that a publish to ``topic`` is; None if it is none (device reference 9.1)."""
    found = _SHADOW.fullmatch(topic)
    if found is None:
        return None
    return ShadowRequest(topic, found["thing"], found["name"] or "", found["operation"])  # type: ignore[arg-type]


def accepted(request_topic: str) -> str:
    """Where the accepted reply to a request goes: the literal request topic and ``/accepted``."""
    return request_topic + "/accepted"


def rejected(request_topic: str) -> str:
    """Where the rejected reply to a request goes."""
    return request_topic + "/rejected"


def notify(thing_name: str, namespace: str | None = None) -> str:
    """The topic of JobExecutionsChanged."""
    return f"{THINGS}{thing_name}/jobs/notify{_suffix(namespace)}"


def notify_next(thing_name: str, namespace: str | None = None) -> str:
    """The topic of NextJobExecutionChanged."""
    return f"{THINGS}{thing_name}/jobs/notify-next{_suffix(namespace)}"


def _suffix(namespace: str | None) -> str:
    return "" if namespace is None else f"-{_NAMESPACE}{namespace}"


EVERY_THING = "*"
"""What ``notify_interest`` answers for a filter that reaches the notices of any thing; no thing is named so."""


def notify_interest(topic_filter: str) -> str | None:
    """Whose job notices a filter can match: a thing name, ``EVERY_THING``, or None."""
    wanted = split_share(topic_filter)[1].split("/")
    if wanted[0] != "$aws":
        return None
    open_ended = wanted[-1] == "#"
    if open_ended:
        wanted = (wanted[:-1] + ["+"] * 5)[:5] if len(wanted) <= 5 else wanted
    if len(wanted) != 5 or wanted[1] not in ("things", "+") or wanted[3] not in ("jobs", "+"):
        return None
    if wanted[4] != "+" and not _NOTIFY.fullmatch(wanted[4]):
        return None
    return EVERY_THING if wanted[2] == "+" else wanted[2]
