"""The rules of jobs, told by scripts: ``scripts/*.txt`` in the language of ``script.py``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.core.job.script import played

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_job_does_what_its_script_says(path: Path) -> None:
    text = path.read_text()
    found = played(text)
    if os.environ.get("REWRITE"):
        path.write_text(found)
    assert found == text


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 30


@pytest.mark.parametrize("text", ["job with x things\n----\n", "job with 1 thing, quickly\n----\n", "look\n----\n"])
def test_a_script_that_is_not_understood_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such|first command"):
        played(text)
