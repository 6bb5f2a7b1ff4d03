"""Settings of the endpoint that an operator gives."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tidegate.devices.server import admission_limits
from tidegate.mqtt.settings import LENIENT, Settings, overridden
from tidegate.net.admission import LIMITS

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
NAMES = [field.name for field in dataclasses.fields(Settings) if field.name not in LENIENT]


def test_the_example_of_the_documentation() -> None:
    found = re.search(r"<!-- tested: mqtt settings -->\n```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    chosen = overridden(Settings(), tomllib.loads(found[1]))
    assert (chosen.max_session_expiry, chosen.publish_rate, chosen.lenient_qos2) == (604_800, 20, True)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_may_be_given(name: str) -> None:
    default = getattr(Settings(), name)
    assert overridden(Settings(), {name: default}) == Settings()
    for wrong in ("1", None, -1, [], 2**60):
        with pytest.raises(ValueError, match=name):
            overridden(Settings(), {name: wrong})


def test_what_is_left_out_stays() -> None:
    strict = Settings.strict()
    assert overridden(strict, {"publish_rate": 7}) == dataclasses.replace(strict, publish_rate=7)


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        (
            {"max_sessions": 1, "publish_rate": -1},
            ["There is no MQTT setting max_sessions", "publish_rate must be a whole"],
        ),
        ({"max_session_expiry": 604_801}, ["max_session_expiry must be a whole number from 0 to 604800"]),
        ({"lenient_qos2": 1}, ["lenient_qos2 must be true or false"]),
        ({"connect_timeout": True}, ["connect_timeout must be a number"]),
        ({"denials_told": False}, ["There is no MQTT setting denials_told"]),
        ({"min_keep_alive": 1201}, ["min_keep_alive must not be more than max_keep_alive"]),
        ({"max_payload": 200_000}, ["max_payload must not be more than max_packet"]),
    ],
)
def test_what_is_wrong_is_told_at_once(given: dict[str, Any], sentences: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\.") as caught:
        overridden(Settings(), given)
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_admission_is_as_elsewhere_unless_it_is_set() -> None:
    assert admission_limits(Settings(), LIMITS) == LIMITS
    set_here = Settings(
        handshake_timeout=1, max_handshakes=2, max_handshakes_per_address=3, waiting=4, max_connections_per_address=5
    )
    assert admission_limits(set_here, LIMITS)[:4] == (2, 3, 4, 5)
    assert admission_limits(set_here, LIMITS).handshake_s == 1
