"""What operations leave in the outbox, as subscribers would see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.core import events as wording
from tidegate.store import events
from tidegate.store.database import Database, transact

Sent = Callable[[], list[tuple[str, dict[str, Any]]]]

_THINGS = "arn:aws:iot:eu-west-1:123456789012:thing"


@pytest.fixture
def sent(database: Database) -> Sent:
    """Takes (topic, event) out of the outbox, each as it would be published."""

    def take() -> list[tuple[str, dict[str, Any]]]:
        found = database.read(lambda tx: events.underway(tx, 0, 1000))
        transact(database, lambda tx: events.delete(tx, [each.id for each in found]))
        return [(each.topic, published(each)) for each in found]

    def published(each: events.Event) -> dict[str, Any]:
        arn = each.thing_name and f"{_THINGS}/{each.thing_name}"
        event: dict[str, Any] = json.loads(wording.complete(each.message, origin=str(each.id), thing_arn=arn))
        return event

    return take
