"""Domain configurations, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW, Run
from tidegate.net.hooks import Hook
from tidegate.ops.call import Call
from tidegate.runtime.authorizers import _of_scope
from tidegate.store import scopes
from tidegate.store.database import Database, transact
from tidegate.wire import iot

HOME = "arn:aws:iot:eu-west-1:123456789012"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:auth"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/a"


@pytest.fixture
def call(call: Call) -> Call:
    return call._replace(hooks={FUNCTION: Hook("http://127.0.0.1:9/")})


def create(run: Run, name: str = "d", domain: str | None = "iot.example.com", **more: Any) -> Any:
    certificates = [CERTIFICATE] if domain else None
    return run(
        "CreateDomainConfiguration",
        domain_configuration_name=name,
        domain_name=domain,
        server_certificate_arns=certificates,
        **more,
    )


def authorizers(run: Run, *names: str) -> None:
    for name in names:
        run("CreateAuthorizer", authorizer_name=name, authorizer_function_arn=FUNCTION, signing_disabled=True)


def described(run: Run, name: str = "d") -> Any:
    return run("DescribeDomainConfiguration", domain_configuration_name=name)


def test_create_and_describe_domain_configuration(run: Run) -> None:
    authorizers(run, "a")
    config = iot.AuthorizerConfig(default_authorizer_name="a", allow_authorizer_override=True)
    tls = iot.TlsConfig(security_policy="IoTSecurityPolicy_TLS13_1_2_2022_10")
    made = create(run, domain="IoT.Example.com", authorizer_config=config, tls_config=tls)
    assert made.domain_configuration_arn.startswith(f"{HOME}:domainconfiguration/d/")
    assert described(run) == iot.DescribeDomainConfigurationResponse(
        domain_configuration_name="d",
        domain_configuration_arn=made.domain_configuration_arn,
        domain_name="iot.example.com",
        server_certificates=[
            iot.ServerCertificateSummary(server_certificate_arn=CERTIFICATE, server_certificate_status="VALID")
        ],
        authorizer_config=config,
        domain_configuration_status="ENABLED",
        service_type="DATA",
        domain_type="CUSTOMER_MANAGED",
        last_status_change_date=NOW / 1000,
        tls_config=tls,
    )
    create(run, "own", None)
    assert (described(run, "own").domain_name, described(run, "own").domain_type) == ("localhost", "AWS_MANAGED")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"domain_name": "no host"}, "is not a host name"),
        ({"server_certificate_arns": None}, "serverCertificateArns names one"),
        ({"domain_name": None}, "serverCertificateArns names one"),
        ({"authorizer_config": iot.AuthorizerConfig(default_authorizer_name="none")}, "Authorizer none cannot"),
    ],
)
def test_what_is_wrong_with_one(run: Run, wrong: dict[str, Any], told: str) -> None:
    good = {"domain_name": "iot.example.com", "server_certificate_arns": [CERTIFICATE]}
    with pytest.raises(iot.InvalidRequestException, match=told):
        run("CreateDomainConfiguration", domain_configuration_name="d", **{**good, **wrong})


def test_a_name_and_a_domain_are_taken_once(run: Run) -> None:
    create(run)
    for name, domain in (("d", "other.example.com"), ("e", "iot.example.com")):
        with pytest.raises(iot.ResourceAlreadyExistsException) as caught:
            create(run, name, domain)
        assert caught.value.members["resource_id"] == "d"


def test_update_and_delete(run: Run, call: Call) -> None:
    authorizers(run, "a")
    made = create(run, tags=[iot.Tag(key="k", value="v")])
    arn = made.domain_configuration_arn
    assert run("ListTagsForResource", resource_arn=arn).tags == [iot.Tag(key="k", value="v")]
    with pytest.raises(iot.InvalidRequestException, match="ENABLED"):
        run("DeleteDomainConfiguration", domain_configuration_name="d")
    config = iot.AuthorizerConfig(default_authorizer_name="a")
    run("UpdateDomainConfiguration", domain_configuration_name="d", authorizer_config=config)
    assert described(run).authorizer_config.default_authorizer_name == "a"
    with pytest.raises(iot.InvalidRequestException, match="contradict"):
        run(
            "UpdateDomainConfiguration",
            domain_configuration_name="d",
            authorizer_config=config,
            remove_authorizer_config=True,
        )
    later = call._replace(now=NOW + 1000)
    run(
        "UpdateDomainConfiguration",
        call=later,
        domain_configuration_name="d",
        remove_authorizer_config=True,
        domain_configuration_status="DISABLED",
    )
    found = described(run)
    assert (found.authorizer_config, found.domain_configuration_status) == (None, "DISABLED")
    assert found.last_status_change_date == NOW / 1000 + 1
    run("DeleteDomainConfiguration", domain_configuration_name="d")
    for name in ("Describe", "Update", "Delete"):
        with pytest.raises(iot.ResourceNotFoundException, match="Domain configuration d cannot be found"):
            run(f"{name}DomainConfiguration", domain_configuration_name="d")
    with pytest.raises(iot.ResourceNotFoundException):
        run("ListTagsForResource", resource_arn=arn)


def test_three_pages_by_type_and_a_limit(run: Run) -> None:
    for number in range(10):
        create(run, f"d{number}", f"d{number}.example.com", service_type="JOBS" if number == 1 else "DATA")
    with pytest.raises(iot.LimitExceededException):
        create(run, "one-more", "more.example.com")

    def pages(**how: Any) -> list[list[str]]:
        found, marker = [], None
        while True:
            answer = run("ListDomainConfigurations", page_size=4, marker=marker, **how)
            found.append([each.domain_configuration_name[1:] for each in answer.domain_configurations])
            marker = answer.next_marker
            if marker is None:
                return found

    assert pages() == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]
    assert pages(service_type="JOBS") == [["1"]]


def test_whose_authorizer_judges(run: Run, call: Call, database: Database) -> None:
    """The domain's; another that the client names only where that is allowed; none of a domain that is DISABLED."""
    authorizers(run, "a", "b", "c")
    run("SetDefaultAuthorizer", authorizer_name="c")

    def judge(name: str | None, domain: str | None = "IOT.example.com") -> str:
        known = database.read(lambda tx: _of_scope(tx, call.scope, name, domain))
        return known.name if known else "nobody"

    create(run, authorizer_config=iot.AuthorizerConfig(default_authorizer_name="a"))
    assert (judge(None), judge("b"), judge(None, "localhost"), judge("b", None)) == ("a", "a", "c", "b")
    allowing = iot.AuthorizerConfig(allow_authorizer_override=True)
    run("UpdateDomainConfiguration", domain_configuration_name="d", authorizer_config=allowing)
    assert (judge(None), judge("b"), judge("none")) == ("a", "b", "nobody")
    run("UpdateDomainConfiguration", domain_configuration_name="d", domain_configuration_status="DISABLED")
    assert (judge(None), judge("b")) == ("c", "b")


def test_accounts_do_not_see_each_other(run: Run, call: Call, database: Database) -> None:
    create(run)
    scope = transact(database, lambda tx: scopes.ensure(tx, "2" * 12, "eu-west-1"))
    other = call._replace(account="2" * 12, scope=scope)
    assert run("ListDomainConfigurations", call=other).domain_configurations == []
    assert database.read(lambda tx: _of_scope(tx, scope, None, "iot.example.com")) is None
