"""The one table of the device plane: which topic is which operation (device reference 2.5, 3.1, 9.1)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from tidegate.devices import commands, jobs, provisioning, shadows, streams, topics
from tidegate.devices.route import LABELS, Asked, Family, Route, all_are_ours, answers_are_ours, none_is_ours
from tidegate.mqtt.reserved import Claim, Kind

FAMILIES: Final[tuple[Family, ...]] = (
    jobs.FAMILY,
    shadows.FAMILY,
    streams.FAMILY,
    *(Family(f"things/{name}", answers_are_ours) for name in ("defender", "greengrass", "greengrassv2")),
    Family("things/tunnels", all_are_ours),
    provisioning.CERTIFICATES,
    provisioning.TEMPLATES,
    commands.FAMILY,
    Family("device_location", answers_are_ours),
    Family("sitewise", answers_are_ours),
    Family("events", all_are_ours),
    Family("rules", none_is_ours),
)
"""Every feature of AWS that has topics of its own; what is published to those without routes is dropped (2.5)."""

_THING, _PLAIN = 3, 1
"""The level that names the family, below ``$aws/things/{thingName}/`` and below ``$aws/``."""
_LABEL = re.compile(r"\{(\w+)\}")


class _Known(NamedTuple):
    family: Family
    routes: dict[tuple[int, str], list[tuple[re.Pattern[str], Route]]]
    """By number of levels and last level."""


class Table:
    """Finds the operation that a topic asks for (``mqtt.reserved.Reserved``)."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = {family.root: _Known(family, _indexed(family.routes)) for family in families}

    def find(self, topic: str) -> Claim | Kind:
        if not topic.startswith("$"):
            return Kind.ORDINARY
        levels = topic.split("/")
        known = self._family(levels)
        if known is None:
            return Kind.DENIED
        family = known.family
        for pattern, route in known.routes.get((len(levels), levels[-1]), ()):
            found = pattern.fullmatch(topic)
            if found is not None:
                return Asked(topic, family.seen, family=family, route=route, labels=found.groupdict())
        if family.ours(levels):
            return Kind.DENIED
        if family.otherwise is not None:
            return family.otherwise
        return Asked(topic, family.seen, by_will=False, family=family)

    def watched(self, topic_filter: str) -> str | None:
        return topics.notify_interest(topic_filter)

    def _family(self, levels: list[str]) -> _Known | None:
        if levels[0] != "$aws" or len(levels) <= _PLAIN + 1:
            return None
        if levels[_PLAIN] != "things":
            return self._families.get(levels[_PLAIN])
        return self._families.get(f"things/{levels[_THING]}") if len(levels) > _THING + 1 else None


def _indexed(routes: Iterable[Route]) -> dict[tuple[int, str], list[tuple[re.Pattern[str], Route]]]:
    index: dict[tuple[int, str], list[tuple[re.Pattern[str], Route]]] = defaultdict(list)
    for route in routes:
        levels = route.template.split("/")
        last = LABELS["format"].split("|") if levels[-1] == "{format}" else [levels[-1]]
        for each in last:
            index[len(levels), each].append((_pattern(route.template), route))
    return dict(index)


def _pattern(template: str) -> re.Pattern[str]:
    pieces = _LABEL.split(template)
    literal, labels = [re.escape(each) for each in pieces[::2]], pieces[1::2]
    groups = [f"(?P<{label}>{LABELS[label]})" for label in labels]
    return re.compile("".join(part for pair in zip(literal, [*groups, ""], strict=True) for part in pair))


TABLE: Final = Table(FAMILIES)
