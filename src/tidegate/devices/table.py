"""The one table of the device plane: which topic is which operation (device reference 2.5, 3.1, 9.1)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from tidegate.devices import commands, jobs, provisioning, shadows, streams, topics
from tidegate.devices.route import LABELS, NOWHERE, Asked, Family, Route, all_are_ours, answers_are_ours, none_is_ours
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

_THINGS = "things/"
_REMEMBERED = 4096
"""Topics: a device asks for the same few again and again."""
_LABEL = re.compile(r"\{(\w+)\}")


class _Known(NamedTuple):
    family: Family
    routes: dict[tuple[int, str], list[tuple[re.Pattern[str], Route]]]
    """By number of levels and last level."""


class Table:
    """Finds the operation that a topic asks for (``mqtt.reserved.Reserved``)."""

    def __init__(self, families: Iterable[Family]) -> None:
        known = {family.root: _Known(family, _indexed(family.routes)) for family in families}
        self._of_things = {root.removeprefix(_THINGS): each for root, each in known.items() if root.startswith(_THINGS)}
        self._others = {root: each for root, each in known.items() if not root.startswith(_THINGS)}
        self.find: Callable[[str], Claim | Kind] = lru_cache(maxsize=_REMEMBERED)(self._find)

    def _find(self, topic: str) -> Claim | Kind:
        if not topic.startswith("$aws/"):
            return Kind.DENIED if topic.startswith("$") else Kind.ORDINARY
        levels = topic.split("/")
        depth = len(levels)
        if depth > 4 and levels[1] == "things":  # $aws/things/{thingName}/FAMILY/…
            known = self._of_things.get(levels[3])
        else:  # $aws/FAMILY/…
            known = self._others.get(levels[1]) if depth > 2 else None
        if known is None:
            return Kind.DENIED
        family, routes = known
        for pattern, route in routes.get((depth, levels[-1]), ()):
            found = pattern.fullmatch(topic)
            if found is not None:
                return Asked(topic, family.seen, family=family, route=route, labels=found.groupdict())
        if family.ours(levels):
            return Kind.DENIED
        if family.otherwise is not None:
            return family.otherwise
        return Asked(topic, family.seen, by_will=False, family=family, route=NOWHERE)

    def watched(self, topic_filter: str) -> str | None:
        return topics.notify_interest(topic_filter)


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
