"""A hook that is a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate.net import allow_list, hooks
from tidegate.net.hooks import HookFaultError

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:listed"


@pytest.mark.parametrize(
    ("parameters", "allowed"),
    [
        ({"SerialNumber": "7"}, True),
        ({"SerialNumber": " 8 "}, True),
        ({"SerialNumber": "77"}, False),
        ({"SerialNumber": "# 9"}, False),
        ({"SerialNumber": ""}, False),
        ({}, False),
    ],
)
def test_the_serial_number_must_be_listed(tmp_path: Path, parameters: dict[str, str], allowed: bool) -> None:
    path = tmp_path / "list"
    path.write_text("7\n\n  8\r\n# 9\n")
    answer = allow_list.answer(str(path), json.dumps({"parameters": parameters}).encode())
    assert json.loads(answer) == {"allowProvisioning": allowed}


def test_a_list_that_cannot_be_read_denies(tmp_path: Path) -> None:
    with pytest.raises(HookFaultError, match="the list cannot be read"):
        allow_list.answer(str(tmp_path / "none"), b'{"parameters":{}}')


def test_how_a_list_is_written(tmp_path: Path) -> None:
    path = tmp_path / "list"
    with pytest.raises(OSError, match="No such file"):
        hooks.parse(f"{ARN}=list:{path}")
    path.write_text("7")
    assert hooks.parse(f"{ARN}=list:{path}") == (ARN, hooks.Hook(f"list:{path}"))
