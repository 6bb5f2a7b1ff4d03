"""Refusals come before the first write, or a test fails."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tidegate.store import refusals, scopes
from tidegate.store.database import Tx
from tidegate.store.refusals import LateRefusal
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire import iot


def test_a_refusal_after_a_write_is_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    database = SqliteDatabase(None, now=NOW)

    def late(tx: Tx) -> None:
        scopes.ensure(tx, "123456789012", "eu-west-1")
        raise iot.InvalidRequestException("no")

    def early(_: Tx) -> None:
        raise iot.InvalidRequestException("no")

    [outcome, other] = database.commit([late, early])
    assert isinstance(outcome.error, LateRefusal)
    assert isinstance(other.error, iot.InvalidRequestException)
    monkeypatch.setattr(refusals, "strict", False)
    [outcome] = database.commit([late])
    assert isinstance(outcome.error, iot.InvalidRequestException)
    assert database.read(lambda tx: scopes.find(tx, "123456789012", "eu-west-1")) is None
    database.close()
