"""What the runtime consists of: the lock file, the audit of it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.audit import verdict

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE)
PINNED = {canonicalize_name(name): version for name, version in PINS}


def test_the_lock_file_satisfies_the_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(each) for each in project["dependencies"] + project["optional-dependencies"]["postgres"]]
    for each in wanted:
        assert each.specifier.contains(PINNED[canonicalize_name(each.name)]), each


def test_everything_in_it_has_a_hash_and_names_no_host() -> None:
    entries = [entry for entry in re.split(r"\n(?=\S)", LOCK.strip()) if not entry.startswith("#")]
    assert len(entries) == len(PINNED)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index-url|--find-links|--extra-index-url", LOCK)


def _said(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies})


FINE = {"name": "fine", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"], "description": ""}]}
SKIPPED = {"name": "skipped", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("status", "output", "errors", "expected", "says"),
    [
        (0, _said(FINE), "", 0, ""),
        (1, _said(FINE, BAD), "", 1, "bad 1: PYSEC-1, fixed in 2"),
        (1, _said(SKIPPED, BAD), "", 1, "PYSEC-1"),
        (0, _said(FINE, SKIPPED), "", 0, "not known to the service: skipped"),
        (0, _said(SKIPPED), "", 0, "cannot be reached"),
        (1, "", "ERROR: Could not connect to the vulnerability feed", 0, "cannot be reached"),
        (1, "", "ERROR: the file cannot be parsed", 1, "cannot be parsed"),
        (2, "", "usage: …", 2, "usage"),
    ],
)
def test_findings_fail_and_silence_does_not(status: int, output: str, errors: str, expected: int, says: str) -> None:
    found = verdict(status, output, errors)
    assert found.status == expected
    assert says in found.text
    assert bool(says) == bool(found.text)
