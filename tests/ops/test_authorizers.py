"""Custom authorizers (device reference 2.10), on both engines."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import NOW, Run
from tidegate.net.hooks import Hook
from tidegate.ops.call import Call
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:auth"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


RSA = pem(rsa.generate_private_key(65537, 2048))


@pytest.fixture
def call(call: Call) -> Call:
    return call._replace(hooks={FUNCTION: Hook("http://127.0.0.1:9/")})


@pytest.fixture
def create(run: Run) -> Any:
    return functools.partial(
        run,
        "CreateAuthorizer",
        authorizer_function_arn=FUNCTION,
        token_key_name="token",
        token_signing_public_keys={"first": RSA},
    )


def test_create_and_describe_authorizer(run: Run, create: Any) -> None:
    made = create(authorizer_name="a")
    assert made == iot.CreateAuthorizerResponse(authorizer_name="a", authorizer_arn=f"{HOME}:authorizer/a")
    assert run("DescribeAuthorizer", authorizer_name="a").authorizer_description == iot.AuthorizerDescription(
        authorizer_name="a",
        authorizer_arn=f"{HOME}:authorizer/a",
        authorizer_function_arn=FUNCTION,
        token_key_name="token",
        token_signing_public_keys={"first": RSA},
        status="ACTIVE",
        creation_date=NOW / 1000,
        last_modified_date=NOW / 1000,
        signing_disabled=False,
        enable_caching_for_http=False,
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"authorizer_function_arn": FUNCTION + "2"}, "Access denied during lambda validation"),
        ({"token_key_name": None}, "unless signingDisabled"),
        ({"token_signing_public_keys": None}, "unless signingDisabled"),
        ({"token_signing_public_keys": {f"k{number}": RSA for number in range(21)}}, "cannot have more than 20 keys"),
        ({"token_signing_public_keys": {"k": "x"}}, "k is not a public RSA key"),
        ({"token_signing_public_keys": {"k": pem(ec.generate_private_key(ec.SECP256R1()))}}, "k is not a public RSA"),
        ({"tags": [iot.Tag(key="k"), iot.Tag(key="k")]}, "k"),
    ],
)
def test_what_is_wrong_with_an_authorizer(create: Any, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(iot.InvalidRequestException, match=told):
        create(authorizer_name="a", **wrong)


def test_without_signing_no_key_is_needed(run: Run) -> None:
    run("CreateAuthorizer", authorizer_name="a", authorizer_function_arn=FUNCTION, signing_disabled=True)
    found = run("DescribeAuthorizer", authorizer_name="a").authorizer_description
    assert (found.signing_disabled, found.token_signing_public_keys) == (True, None)


def test_an_authorizer_that_exists(create: Any) -> None:
    create(authorizer_name="a")
    with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
        create(authorizer_name="a")
    assert caught.value.members == {"resource_id": "a", "resource_arn": f"{HOME}:authorizer/a"}


def test_ten_and_no_more(create: Any) -> None:
    for number in range(10):
        create(authorizer_name=f"a{number}")
    with pytest.raises(iot.LimitExceededException):
        create(authorizer_name="b")


def test_update_authorizer_changes_what_is_given(run: Run, create: Any, call: Call) -> None:
    create(authorizer_name="a")
    effects: list[Any] = []
    run("UpdateAuthorizer", call=call._replace(now=NOW + 1000), authorizer_name="a", status="INACTIVE", effects=effects)
    found = run("DescribeAuthorizer", authorizer_name="a").authorizer_description
    assert (found.status, found.token_key_name, found.last_modified_date) == ("INACTIVE", "token", NOW / 1000 + 1)
    assert effects, "those whom it let in are judged anew"
    with pytest.raises(iot.InvalidRequestException):
        run("UpdateAuthorizer", authorizer_name="a", token_signing_public_keys={})


def test_delete_authorizer_only_when_nobody_needs_it(run: Run, create: Any) -> None:
    create(authorizer_name="a")
    with pytest.raises(iot.DeleteConflictException, match="ACTIVE"):
        run("DeleteAuthorizer", authorizer_name="a")
    run("UpdateAuthorizer", authorizer_name="a", status="INACTIVE")
    run("SetDefaultAuthorizer", authorizer_name="a")
    with pytest.raises(iot.DeleteConflictException, match="default"):
        run("DeleteAuthorizer", authorizer_name="a")
    run("ClearDefaultAuthorizer")
    run("DeleteAuthorizer", authorizer_name="a")
    for name in ("DescribeAuthorizer", "UpdateAuthorizer", "DeleteAuthorizer", "SetDefaultAuthorizer"):
        with pytest.raises(iot.ResourceNotFoundException, match="Authorizer a cannot be found"):
            run(name, authorizer_name="a")


def test_the_default_authorizer(run: Run, create: Any) -> None:
    for name in ("DescribeDefaultAuthorizer", "ClearDefaultAuthorizer"):
        with pytest.raises(iot.ResourceNotFoundException, match="no default authorizer"):
            run(name)
    create(authorizer_name="a")
    create(authorizer_name="b")
    run("SetDefaultAuthorizer", authorizer_name="a")
    run("SetDefaultAuthorizer", authorizer_name="a")
    with pytest.raises(iot.ResourceAlreadyExistsException, match="Authorizer a is the default"):
        run("SetDefaultAuthorizer", authorizer_name="b")
    assert run("DescribeDefaultAuthorizer").authorizer_description.authorizer_name == "a"
    run("ClearDefaultAuthorizer")
    run("SetDefaultAuthorizer", authorizer_name="b")


def test_three_pages_and_by_status(run: Run, create: Any) -> None:
    for name in "abcde":
        create(authorizer_name=name, status="INACTIVE" if name == "c" else "ACTIVE")

    def pages(**how: Any) -> list[str]:
        found, marker = [], None
        while True:
            answer = run("ListAuthorizers", page_size=2, marker=marker, **how)
            found.append("".join(each.authorizer_name for each in answer.authorizers))
            marker = answer.next_marker
            if marker is None:
                return found

    assert pages(ascending_order=True) == ["ab", "cd", "e"]
    assert pages() == ["ed", "cb", "a"]
    assert pages(status="INACTIVE") == ["c"]
    assert pages(status="ACTIVE") == ["ed", "ba"]


def test_accounts_do_not_see_each_other(run: Run, create: Any, call: Call, database: Database) -> None:
    create(authorizer_name="a")
    run("SetDefaultAuthorizer", authorizer_name="a")
    scope = transact(database, lambda tx: scopes.ensure(tx, "2" * 12, "eu-west-1"))
    other = call._replace(account="2" * 12, scope=scope)
    assert run("ListAuthorizers", call=other).authorizers == []
    with pytest.raises(iot.ResourceNotFoundException):
        run("DescribeDefaultAuthorizer", call=other)
