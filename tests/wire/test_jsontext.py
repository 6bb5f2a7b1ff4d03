"""Stored JSON: digits stay, unset members go."""

from __future__ import annotations

from decimal import Decimal

from tidegate import wire
from tidegate.wire import iot


def rollout(factor: str) -> iot.JobExecutionsRolloutConfig:
    rate = iot.ExponentialRolloutRate(base_rate_per_minute=5, increment_factor=Decimal(factor))
    return iot.JobExecutionsRolloutConfig(exponential_rate=rate)


def test_stored_structs_keep_digits_and_leave_out_unset_members() -> None:
    text = wire.to_json(rollout("1.50"))
    assert text == '{"exponentialRate":{"baseRatePerMinute":5,"incrementFactor":1.50}}'
    again = wire.from_json(iot.JobExecutionsRolloutConfig, text)
    assert again == rollout("1.50")
    assert wire.to_json(again) == text


def test_lists_and_maps_of_structs_can_be_stored() -> None:
    tags = [iot.Tag(key="a", value=""), iot.Tag(key="b")]
    assert wire.to_json(tags) == '[{"Key":"a","Value":""},{"Key":"b"}]'
    assert wire.from_json(list[iot.Tag], wire.to_json(tags)) == tags
    assert wire.from_json(dict[str, str], wire.to_json({"k": "v"}).encode()) == {"k": "v"}


def test_encode_writes_nulls_and_decimals_as_numbers() -> None:
    body = wire.json_encode(rollout("2.0"))
    assert b'"incrementFactor":2.0' in body
    assert b'"maximumPerMinute":null' in body
