"""What is remembered of access keys, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from tests.operators import admit
from tidegate.clock import SequentialIds
from tidegate.ops import iam
from tidegate.pki import vault as vaults
from tidegate.pki.vault import Vault
from tidegate.runtime import unit
from tidegate.runtime.access_keys import AccessKeys, Identity, Unknown
from tidegate.store import keys
from tidegate.store.database import transact
from tidegate.store.sqlite import SqliteDatabase

ADA = "arn:aws:iam::123456789012:user/ada"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vaults.load_or_create(tmp_path, SequentialIds())


def run(
    work: Callable[[AccessKeys, SqliteDatabase, unit.Unit], Coroutine[Any, Any, None]], vault: Vault | None
) -> None:
    async def main() -> None:
        database = SqliteDatabase(None, now=NOW)
        shared = unit.over(database)
        try:
            await work(AccessKeys(shared, vault), database, shared)
        finally:
            await shared.close()

    asyncio.run(main())


def test_what_another_process_changes_counts_within_a_second(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("tidegate.runtime.access_keys.monotonic", lambda: now[0])

    async def work(known: AccessKeys, database: SqliteDatabase, _: unit.Unit) -> None:
        assert isinstance(await known.find("AKIA1"), Unknown)
        transact(database, lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        first = await known.find("AKIA1")
        assert isinstance(first, Identity), "a new key counts at once"
        transact(database, lambda tx: iam.revoke_key(tx, "AKIA1"))
        now[0] += 0.99
        assert await known.find("AKIA1") is first
        now[0] += 0.02
        assert isinstance(await known.find("AKIA1"), Unknown)

    run(work, vault)


def test_what_this_process_changes_counts_at_once(vault: Vault) -> None:
    async def work(known: AccessKeys, _: SqliteDatabase, shared: unit.Unit) -> None:
        await shared.transact(lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        assert isinstance(await known.find("AKIA1"), Identity)
        await shared.transact(lambda tx: iam.revoke_key(tx, "AKIA1"))
        await shared.delivered()
        assert isinstance(await known.find("AKIA1"), Unknown)

    run(work, vault)


def test_what_was_read_before_a_change_is_not_remembered(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(known: AccessKeys, _: SqliteDatabase, shared: unit.Unit) -> None:
        await shared.transact(lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        read = shared.read

        async def slowly(work: Any) -> Any:
            found = await read(work)
            await shared.transact(lambda tx: iam.revoke_key(tx, "AKIA1"))
            await shared.delivered()
            return found

        monkeypatch.setattr(shared, "read", slowly)
        assert isinstance(await known.holder("AKIA1"), Identity), "read before it was revoked"
        monkeypatch.setattr(shared, "read", read)
        assert isinstance(await known.holder("AKIA1"), Unknown)

    run(work, vault)


def test_the_source_of_an_identity_differs_when_what_it_may_do_might(vault: Vault) -> None:
    narrow = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'

    async def work(known: AccessKeys, database: SqliteDatabase, _: unit.Unit) -> None:
        transact(database, lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        transact(database, lambda tx: admit(tx, vault, "AKIA2", "secret", ADA))
        first = await known.holder("AKIA1")
        assert isinstance(first, Identity)
        found = await known.sources(["AKIA1", "AKIA2", "AKIA3"])
        assert found.keys() == {"AKIA1", "AKIA2"}
        assert found["AKIA1"] == first.source
        transact(database, lambda tx: keys.used(tx, "AKIA1", NOW))
        assert (await known.sources(["AKIA1"]))["AKIA1"] == first.source, "its use changes nothing"
        seen = {first.source}
        for change in (
            lambda tx: iam.attach_policy(tx, ADA, "More", narrow, NOW),
            lambda tx: iam.attach_policy(tx, ADA, "More", narrow.replace("Deny", "Allow"), NOW),
            lambda tx: iam.detach_policy(tx, ADA, "More"),
            lambda tx: iam.detach_policy(tx, ADA, "AdministratorAccess"),
        ):
            transact(database, change)
            seen.add((await known.sources(["AKIA1"]))["AKIA1"])
        assert len(seen) == 4, "without the policy again it is as it was"
        transact(database, lambda tx: iam.set_key_status(tx, "AKIA1", keys.INACTIVE))
        assert (await known.sources(["AKIA1", "AKIA2"])).keys() == {"AKIA2"}

    run(work, vault)


def test_the_last_use_is_written_now_and_then(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = [NOW]
    monkeypatch.setattr("tidegate.runtime.access_keys.wall_now", lambda: wall[0])

    async def work(known: AccessKeys, _: SqliteDatabase, shared: unit.Unit) -> None:
        await shared.transact(lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        written = []
        for minutes in (0, 1, 9, 11):
            wall[0] = NOW + minutes * 60_000
            found = await known.find("AKIA1")
            assert isinstance(found, Identity)
            before = shared.calls
            known.used(found)
            written.append(shared.calls > before)
        assert written == [True, False, False, True]

    run(work, vault)


def test_temporary_credentials_are_found_with_their_token_and_expire(vault: Vault) -> None:
    async def work(known: AccessKeys, database: SqliteDatabase, _: unit.Unit) -> None:
        transact(database, lambda tx: admit(tx, vault, "AKIA1", "secret", ADA))
        made = transact(database, lambda tx: iam.create_session(tx, vault, SequentialIds(), ADA, NOW, lifetime_s=60))
        found = await known.find(made.key_id, made.token)
        assert isinstance(found, Identity)
        assert [found.expired(NOW + seconds * 1000) for seconds in (0, 59, 60)] == [False, False, True]
        assert found.allows("s3:GetObject", "arn:aws:s3:::bucket/key")
        for key_id, token in [(made.key_id, None), (made.key_id, "other"), ("AKIA1", made.token)]:
            assert isinstance(await known.find(key_id, token), Unknown)

    run(work, vault)


@pytest.mark.parametrize("key_id", ["", "AKIA\0", "AKIA\n"])
def test_key_ids_that_are_none(vault: Vault, key_id: str) -> None:
    async def work(known: AccessKeys, _: SqliteDatabase, __: unit.Unit) -> None:
        assert isinstance(await known.find(key_id), Unknown)

    run(work, vault)


def test_without_a_master_key_nobody_is_known() -> None:
    async def work(known: AccessKeys, _: SqliteDatabase, __: unit.Unit) -> None:
        assert await known.find("AKIA1") == Unknown("this server has no master key")

    run(work, None)
