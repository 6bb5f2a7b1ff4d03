"""A rolling upgrade of two servers: nothing fails that boto3's own retries do not cure, every device is answered."""

from __future__ import annotations

from collections.abc import Callable

from tools.ordeal import rolling


def test_two_servers_are_replaced_in_turn_under_load(new_postgres: Callable[[str], str]) -> None:
    """How long devices wait is measured by ``make ordeal NAMES=rolling``; here the machine may be busy."""
    _, failures = rolling.run(devices=8, store=new_postgres("tidegate-rolling"))
    assert failures.ok, failures
