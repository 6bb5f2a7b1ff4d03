"""Whose answers are out of date when something changes: those of whom it concerns, and never fewer."""

from __future__ import annotations

import pytest

from tidegate.devices import changes
from tidegate.devices.changes import Changes


def test_a_change_concerns_its_principal_alone() -> None:
    seen = Changes()
    seen.note("lamp")
    since = seen.count
    assert not seen.outdated(since, "lamp", signs=False)
    seen.note("other")
    assert not seen.outdated(since, "lamp", signs=True)
    assert seen.outdated(since, None, signs=False)
    seen.note("lamp")
    assert seen.outdated(since, "lamp", signs=False)


def test_a_change_of_all_concerns_everybody() -> None:
    seen = Changes()
    seen.note(None)
    assert seen.outdated(0, "lamp", signs=False)
    assert not seen.outdated(seen.count, "lamp", signs=False)


def test_a_change_of_access_keys_concerns_who_signs() -> None:
    seen = Changes()
    seen.note_signers()
    assert seen.outdated(0, "user", signs=True)
    assert not seen.outdated(0, "lamp", signs=False)


def test_what_is_no_longer_remembered_may_concern_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_REMEMBERED", 2)
    seen = Changes()
    for name in ("a", "b"):
        seen.note(name)
    assert not seen.outdated(0, "lamp", signs=False)
    seen.note("c")  # which a is forgotten for
    assert seen.outdated(0, "lamp", signs=False)
    assert not seen.outdated(1, "lamp", signs=False)
    assert seen.outdated(1, "b", signs=False)
