"""The topics the service publishes to, and who wants to hear of changes (device reference 3.1, 3.10)."""

from __future__ import annotations

import re

from tidegate.mqtt.reserved import EVERYTHING
from tidegate.mqtt.topics import split_share

THINGS = "$aws/things/"
_NOTIFY = re.compile(r"notify(-next)?(-namespace-[a-zA-Z0-9_-]{1,64})?")


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
    return "" if namespace is None else f"-namespace-{namespace}"


def is_notice(levels: list[str]) -> bool:
    """Whether a topic of a thing's jobs, split, is one of the two above."""
    return len(levels) == 5 and _NOTIFY.fullmatch(levels[4]) is not None


EVERY_THING = EVERYTHING
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
