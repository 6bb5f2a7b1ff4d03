"""Refusals come before the first write, or a test fails."""

from __future__ import annotations

import pytest

from tidegate.store import refusals, scopes
from tidegate.store.database import Database, Tx, locks_rows
from tidegate.store.refusals import LateRefusal
from tidegate.wire import iot


def test_a_refusal_after_a_write_is_a_fault_of_ours(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(tx: Tx) -> None:
        scopes.ensure(tx, "123456789012", "eu-west-1")
        raise iot.InvalidRequestException("no")

    def early(tx: Tx) -> None:
        tx.run("policy_delete", {"id": 0})  # a statement that touches no row
        raise iot.InvalidRequestException("no")

    [outcome, other, alone] = [*database.commit([late, early]), *database.commit([locks_rows(late)])]
    assert isinstance(outcome.error, LateRefusal)
    assert isinstance(other.error, iot.InvalidRequestException)
    assert isinstance(alone.error, LateRefusal)
    monkeypatch.setattr(refusals, "strict", False)
    [outcome] = database.commit([late])
    assert isinstance(outcome.error, iot.InvalidRequestException)
    assert database.read(lambda tx: scopes.find(tx, "123456789012", "eu-west-1")) is None
