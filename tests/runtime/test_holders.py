"""Policies are parsed for the first time where they hold up nobody, and their holder waits for them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.conftest import Run
from tests.ops.x509_samples import self_signed
from tidegate.core import policy
from tidegate.ops import identity
from tidegate.runtime import holders
from tidegate.runtime import unit as units
from tidegate.store.database import Database


class Parses:
    """Which documents were parsed, and by whom."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by: list[tuple[str, int]] = []
        parse = policy.parse

        def noted(document: str, name: str = "", version: int | None = None) -> policy.Policy:
            self.by.append((name, threading.get_ident()))
            return parse(document, name, version)

        monkeypatch.setattr(policy, "parse", noted)

    def take(self) -> list[tuple[str, int]]:
        by, self.by = self.by, []
        return by


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Parses:
    monkeypatch.setattr(identity, "_PARSED", {})
    return Parses(monkeypatch)


@pytest.fixture
def fleet(run: Run) -> Callable[[int, int], str]:
    """A device with so many policies of so many characters; its certificate's id."""

    def made(count: int, size: int) -> str:
        found = run("RegisterCertificateWithoutCA", certificate_pem=self_signed("unit"), status="ACTIVE")
        for number in range(count):
            resource = f"arn:aws:iot:eu-west-1:123456789012:topic/{number}"
            document = json.dumps({"Statement": {"Effect": "Allow", "Action": "iot:Publish", "Resource": resource}})
            run("CreatePolicy", policy_name=f"p{number}", policy_document=document.ljust(size))
            run("AttachPolicy", policy_name=f"p{number}", target=found.certificate_arn)
        return str(found.certificate_id)

    return made


def ask(database: Database, monkeypatch: pytest.MonkeyPatch, certificate_id: str) -> identity.Device | None:
    async def scene() -> identity.Device | None:
        unit = units.over(database)
        try:
            return await holders.device(unit, partial(identity.load, certificate_id=certificate_id))
        finally:
            await unit.close()

    monkeypatch.setattr(database, "close", lambda: None)  # others use it after us
    return asyncio.run(scene())


def allowed(device: identity.Device | None) -> list[bool]:
    assert device is not None
    bound = device.bind(None, None, lambda: 0)
    return [bound.allows("iot:Publish", f"topic/{number}") for number in range(4)]


def test_many_policies_are_parsed_on_no_thread_that_others_wait_for(
    database: Database, fleet: Any, parses: Parses, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = fleet(3, 2000)
    parses.take()
    assert allowed(ask(database, monkeypatch, device)) == [True, True, True, False]
    by = parses.take()
    assert [name for name, _ in by] == ["p0", "p1", "p2"]
    (reader,) = {thread for _, thread in by}
    assert reader in {thread.ident for thread in threading.enumerate() if thread.name.startswith("tidegate-policies")}
    assert allowed(ask(database, monkeypatch, device)) == [True, True, True, False]
    assert not parses.take()  # they are kept


def test_one_policy_is_not_worth_the_detour(
    database: Database, fleet: Any, parses: Parses, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = fleet(1, holders.AT_ONCE)
    parses.take()
    assert allowed(ask(database, monkeypatch, device)) == [True, False, False, False]
    ((_, thread),) = parses.take()
    assert thread not in {each.ident for each in threading.enumerate() if each.name.startswith("tidegate-policies")}


def test_one_that_no_longer_parses_refuses_its_device_all_the_same(
    database: Database, fleet: Any, parses: Parses, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = fleet(3, 2000)
    parses.take()

    def stricter(document: str, name: str = "", version: int | None = None) -> policy.Policy:
        raise policy.MalformedPolicyError("stricter", name)

    monkeypatch.setattr(policy, "parse", stricter)
    with pytest.raises(policy.MalformedPolicyError):
        ask(database, monkeypatch, device)


def test_no_more_parsed_policies_are_kept_than_a_bound(fleet: Any, parses: Parses) -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    entries = [identity.policies.InForce(f"p{number}", text, 1) for number in range(identity._MOST_PARSED + 10)]
    identity.prepare(entries)
    assert len(identity._PARSED) == identity._MOST_PARSED
    assert entries[0] not in identity._PARSED
    assert entries[-1] in identity._PARSED
