"""Topic names: what is legal, and what a filter matches.

Pure. Limits and matching follow device reference 2.3 and 2.4.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_BYTES = 256
MAX_SLASHES = 7
MAX_SHARE_NAME = 128

_RULES = "$aws/rules/"
_COMMANDS = "$aws/commands/"
"""Its reply topics have more levels than others may."""
_SHARE_NAME = re.compile(rf"[^/+#\0]{{1,{MAX_SHARE_NAME}}}")


# -- validity ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)  # devices publish to the same few topics again and again
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
