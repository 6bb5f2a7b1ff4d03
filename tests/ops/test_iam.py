"""Principals, policies and access keys, on both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW
from tidegate.clock import SequentialIds
from tidegate.core.iam import managed
from tidegate.core.iam.decisions import Asked
from tidegate.core.iam.documents import MalformedError
from tidegate.ops import iam
from tidegate.ops.effects import OperatorsChanged
from tidegate.ops.iam import Credentials, RefusedError
from tidegate.pki import vault as vaults
from tidegate.pki.vault import Vault
from tidegate.runtime.access_keys import Identity, Unknown, identity_of, load
from tidegate.store import keys, principals
from tidegate.store.database import Database, transact
from tidegate.store.keys import AccessKey

ADA = "arn:aws:iam::123456789012:user/ada"
READ = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:Get*", "Resource": "*"}})


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vaults.load_or_create(tmp_path, SequentialIds())


def make(database: Database, policies: dict[str, str] | None = None, principal: str = ADA) -> None:
    transact(database, lambda tx: iam.create_principal(tx, principal, NOW, policies=policies or {}, tags={}))


def key(database: Database, vault: Vault) -> Credentials:
    return transact(database, lambda tx: iam.create_key(tx, vault, SequentialIds(), ADA, NOW))


def loaded(database: Database, vault: Vault, key_id: str) -> Identity:
    found = database.read(lambda tx: load(tx, vault, key_id))
    assert isinstance(found, Identity), found
    return found


def reason(database: Database, vault: Vault, key_id: str) -> str:
    found = database.read(lambda tx: load(tx, vault, key_id))
    assert isinstance(found, Unknown)
    return found.reason


def may(identity: Identity, action: str) -> bool:
    return identity.decide(Asked((action,), "*", identity.variables)).allowed


def test_a_key_of_a_principal(database: Database, vault: Vault) -> None:
    make(database, {"Reader": READ})
    made = key(database, vault)
    assert (made.key_id[:4], len(made.key_id), len(made.secret), made.token) == ("AKIA", 20, 40, None)
    stored = database.read(lambda tx: keys.get(tx, made.key_id))
    assert stored is not None
    assert made.secret not in stored.secret
    identity = loaded(database, vault, made.key_id)
    assert (identity.secret, identity.principal, identity.unlimited) == (made.secret, ADA, False)
    assert (may(identity, "iot:GetPolicy"), may(identity, "iot:DeletePolicy")) == (True, False)
    assert identity.variables["aws:username"] == ("ada",)
    assert identity.variables["aws:principalaccount"] == ("123456789012",)


def test_a_principal_must_exist_and_have_a_proper_name(database: Database, vault: Vault) -> None:
    with pytest.raises(RefusedError, match="There is no principal arn:aws:iam::123456789012:user/ada"):
        key(database, vault)
    with pytest.raises(RefusedError, match="is no name of a principal"):
        iam.arn("123456789012", "a/b")
    make(database)
    with pytest.raises(RefusedError, match="exists already"):
        make(database)


def test_a_new_principal_may_do_nothing(database: Database, vault: Vault) -> None:
    make(database)
    assert not may(loaded(database, vault, key(database, vault).key_id), "iot:ListJobs")


def test_administrators_are_asked_nothing(database: Database, vault: Vault) -> None:
    transact(database, lambda tx: iam.ensure_administrator(tx, ADA, NOW))
    transact(database, lambda tx: iam.ensure_administrator(tx, ADA, NOW))
    made = key(database, vault)
    assert loaded(database, vault, made.key_id).unlimited
    denial = '{"Statement": {"Effect": "Deny", "Action": "iot:DeleteJob", "Resource": "*"}}'
    transact(database, lambda tx: iam.attach_policy(tx, ADA, "Careful", denial, NOW))
    identity = loaded(database, vault, made.key_id)
    assert not identity.unlimited
    assert (may(identity, "iot:CreateJob"), may(identity, "iot:DeleteJob")) == (True, False)


def test_policies_are_attached_replaced_and_detached(database: Database, vault: Vault) -> None:
    make(database, {"Reader": READ})
    made = key(database, vault)
    wider = READ.replace("iot:Get*", "iot:*")
    transact(database, lambda tx: iam.attach_policy(tx, ADA, "Reader", wider, NOW))
    assert may(loaded(database, vault, made.key_id), "iot:DeletePolicy")
    transact(database, lambda tx: iam.detach_policy(tx, ADA, "Reader"))
    assert not may(loaded(database, vault, made.key_id), "iot:GetPolicy")
    with pytest.raises(RefusedError, match="has no policy Reader"):
        transact(database, lambda tx: iam.detach_policy(tx, ADA, "Reader"))


def test_a_bad_policy_leaves_nothing(database: Database) -> None:
    with pytest.raises(MalformedError):
        make(database, {"Bad": "{}"})
    assert database.read(principals.every) == []
    make(database)
    for name, document, error in [("Bad", "{}", MalformedError), ("a b", READ, RefusedError)]:
        with pytest.raises(error):
            transact(database, lambda tx, name=name, document=document: iam.attach_policy(tx, ADA, name, document, 1))
    for number in range(iam.MOST_POLICIES):
        transact(database, lambda tx, number=number: iam.attach_policy(tx, ADA, f"p{number}", READ, NOW))
    transact(database, lambda tx: iam.attach_policy(tx, ADA, "p0", READ, NOW))
    with pytest.raises(RefusedError, match="has 10 policies already"):
        transact(database, lambda tx: iam.attach_policy(tx, ADA, "another", READ, NOW))


def test_keys_are_deactivated_activated_and_revoked(database: Database, vault: Vault) -> None:
    make(database)
    made = key(database, vault)
    transact(database, lambda tx: iam.set_key_status(tx, made.key_id, keys.INACTIVE))
    assert reason(database, vault, made.key_id) == "its access key is Inactive"
    transact(database, lambda tx: iam.set_key_status(tx, made.key_id, keys.ACTIVE))
    assert loaded(database, vault, made.key_id)
    transact(database, lambda tx: iam.revoke_key(tx, made.key_id))
    assert reason(database, vault, made.key_id) == "its access key does not exist"
    for change in (
        lambda tx: iam.revoke_key(tx, made.key_id),
        lambda tx: iam.set_key_status(tx, made.key_id, keys.ACTIVE),
    ):
        with pytest.raises(RefusedError, match="There is no access key"):
            transact(database, change)


def test_a_principal_goes_with_its_policies_and_keys(database: Database, vault: Vault) -> None:
    make(database, {"Reader": READ})
    made = key(database, vault)
    assert transact(database, lambda tx: iam.delete_principal(tx, ADA)) == 1
    assert reason(database, vault, made.key_id) == "its access key does not exist"
    make(database)
    assert not may(database.read(lambda tx: identity_of(tx, ADA)), "iot:GetPolicy")


def test_temporary_credentials(database: Database, vault: Vault) -> None:
    make(database, managed.POLICIES)
    made = transact(
        database,
        lambda tx: iam.create_session(tx, vault, SequentialIds(), ADA, NOW, lifetime_s=60, policy=READ),
    )
    assert made.key_id.startswith("ASIA")
    assert made.token
    identity = loaded(database, vault, made.key_id)
    assert (identity.expires_at, identity.unlimited) == (NOW + 60_000, False)
    assert identity.token_digest == iam.token_digest(made.token)
    assert (may(identity, "iot:GetPolicy"), may(identity, "iot:DeletePolicy")) == (True, False)


@pytest.mark.parametrize("lifetime", [0, 59, 36 * 3600 + 1])
def test_temporary_credentials_have_a_sensible_end(database: Database, vault: Vault, lifetime: int) -> None:
    make(database)
    with pytest.raises(RefusedError, match="from one minute to 36 hours"):
        transact(database, lambda tx: iam.create_session(tx, vault, SequentialIds(), ADA, NOW, lifetime_s=lifetime))


def test_expired_credentials_are_forgotten_in_the_end(database: Database, vault: Vault) -> None:
    make(database)
    ids = SequentialIds()
    first = transact(database, lambda tx: iam.create_session(tx, vault, ids, ADA, NOW, lifetime_s=60))
    soon, late = NOW + 120_000, NOW + 60_000 + iam.LONGEST_SESSION_S * 1000 + 1
    transact(database, lambda tx: iam.create_session(tx, vault, ids, ADA, soon, lifetime_s=60))
    assert loaded(database, vault, first.key_id), "who signs with it is told that it expired"
    transact(database, lambda tx: iam.create_session(tx, vault, ids, ADA, late, lifetime_s=60))
    assert "does not exist" in reason(database, vault, first.key_id)


def test_clear_secrets_are_sealed_once(database: Database, vault: Vault) -> None:
    transact(database, lambda tx: keys.insert(tx, "AKIAOLD", AccessKey("old-secret", ADA), 1))
    assert reason(database, vault, "AKIAOLD") == "the secret of AKIAOLD is not sealed"
    assert transact(database, lambda tx: iam.seal_secrets(tx, vault)) == 1
    assert transact(database, lambda tx: iam.seal_secrets(tx, vault)) == 0
    assert loaded(database, vault, "AKIAOLD").secret == "old-secret"
    assert database.read(lambda tx: iam.sealed_elsewhere(tx, vault)) == []
    other = Vault(b"k" * 32, SequentialIds())
    assert database.read(lambda tx: iam.sealed_elsewhere(tx, other)) == ["AKIAOLD"]
    assert "start it with the same --master-key" in reason(database, other, "AKIAOLD")
    make(database)
    with pytest.raises(RefusedError, match="are sealed with another master key: name the servers' with --master-key"):
        key(database, other)
    transact(database, lambda tx: iam.revoke_key(tx, "AKIAOLD"))
    assert key(database, other).key_id


def test_a_policy_that_no_longer_parses_denies(database: Database, vault: Vault) -> None:
    make(database, {"All": managed.POLICIES[managed.ADMINISTRATOR]})
    made = key(database, vault)
    principal = database.read(lambda tx: iam.existing(tx, ADA))
    transact(database, lambda tx: principals.put_policy(tx, principal.id, "Odd", '{"Version": "2049"}', NOW))
    assert not may(loaded(database, vault, made.key_id), "iot:GetPolicy")


def test_every_change_is_announced(database: Database, vault: Vault) -> None:
    make(database)
    made = key(database, vault)
    changes: list[Any] = [
        lambda tx: iam.attach_policy(tx, ADA, "Reader", READ, NOW),
        lambda tx: iam.detach_policy(tx, ADA, "Reader"),
        lambda tx: iam.set_key_status(tx, made.key_id, keys.INACTIVE),
        lambda tx: iam.revoke_key(tx, made.key_id),
        lambda tx: iam.delete_principal(tx, ADA),
    ]
    for change in changes:
        assert database.commit([change])[0].effects == [OperatorsChanged()]
