"""``tidegate lint`` and ``diff`` on files, without a store: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate import cli

GOOD = {
    "description": "d",
    "document": '{"a": 1}',
    "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
    "abortConfig": {
        "criteriaList": [
            {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 10, "minNumberOfExecutedThings": 5}
        ]
    },
    "jobExecutionsRolloutConfig": {"maximumPerMinute": 10},
}


def ended(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--data", str(tmp_path / "none")])
    told = capsys.readouterr()
    return int(caught.value.code or 0), told.out + told.err


def file(tmp_path: Path, name: str, value: object) -> str:
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return str(path)


def test_lint_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = file(tmp_path, "good.json", GOOD)
    assert ended(tmp_path, capsys, "lint", good, "--things", "500") == (0, "Nothing to say.\n")
    bad = file(tmp_path, "bad.json", {"document": "{}", "jobTemplateId": "t"})
    code, told = ended(tmp_path, capsys, "lint", bad)
    assert (code, told.splitlines()[0].split(":")[0]) == (3, "WARNING no-timeout")
    assert ended(tmp_path, capsys, "lint", bad, "--fail-on", "error")[0] == 0
    rules = ("no-timeout", "no-abort", "document-empty")
    code, told = ended(tmp_path, capsys, "lint", bad, "--json", *(f"--ignore={each}" for each in rules))
    assert (code, [each["rule"] for each in json.loads(told)["findings"]]) == (0, ["no-description"])


def test_diff_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = file(tmp_path, "one.json", GOOD)
    other = file(tmp_path, "other.json", {**GOOD, "timeoutConfig": {"inProgressTimeoutInMinutes": 5}})
    words = "Timeout: 5 min from the start of an execution; before it was 30 min from the start of an execution.\n"
    assert ended(tmp_path, capsys, "diff", one, other) == (3, words)
    assert ended(tmp_path, capsys, "diff", one, one) == (0, "request request and request request do not differ.\n")


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(tmp_path, capsys, "lint", "none") == (2, "tidegate: Job none cannot be found.\n")
    assert ended(tmp_path, capsys, "lint", "template:none")[0] == 2
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    code, told = ended(tmp_path, capsys, "lint", str(broken))
    assert (code, "cannot be read" in told) == (1, True)
    assert ended(tmp_path, capsys, "lint", file(tmp_path, "list.json", []))[0] == 1
