"""What was acknowledged is there after servers were killed, and nothing is there by half.

``python -m tools.ordeal kills`` does a thousand of these rounds; its parts say how.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.ordeal._acknowledged import go_through

ROUNDS = 50
"""Kills under load, on each store; further ones come before the server has said that it runs."""


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_acknowledged_writes_survive_sigkill(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = "sqlite" if engine == "sqlite" else request.getfixturevalue("new_postgres")("tidegate-durability")
    found = go_through(store, tmp_path, ROUNDS, f"durability {engine}")
    assert found.acknowledged > 5 * ROUNDS
    assert found.under_way > 0
    assert found.kills > ROUNDS
