"""Domain configurations, as far as they name a host, its certificate and its default authorizer.

What a listener serves is the operator's to say when the server starts (``--tls-certificate``, ``--name``): the ARN of a
certificate is kept and shown. Who comes by an ENABLED configuration's name is judged by its authorizer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tidegate.core import texts
from tidegate.core.arn import Arn
from tidegate.core.audit import Image
from tidegate.ops import tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import by_age
from tidegate.store import authorizers, domain_configurations
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.domain_configurations import DomainConfiguration, New
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

ENABLED: Final = "ENABLED"
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SETTINGS: Final[dict[str, type]] = {
    "tls_config": iot.TlsConfig,
    "server_certificate_config": iot.ServerCertificateConfig,
    "authentication_type": str,
    "application_protocol": str,
    "client_certificate_config": iot.ClientCertificateConfig,
}
"""Members that are kept and shown, and nothing else."""


def create_domain_configuration(
    tx: Tx, call: Call, request: iot.CreateDomainConfigurationRequest
) -> iot.CreateDomainConfigurationResponse:
    """Keep a new domain configuration, ENABLED. Without a domain name it is about the server's own name."""
    name, domain = request.domain_configuration_name, (request.domain_name or "").lower() or None
    config = request.authorizer_config
    wrong = tags.problems(request.tags, None) + _authorizer_problems(tx, call, config)
    if domain is not None and not _HOST.fullmatch(domain):
        wrong.append(texts.domain_configurations.domain_invalid(domain))
    if (domain is not None) != bool(request.server_certificate_arns):
        wrong.append(texts.domain_configurations.CERTIFICATE_REQUIRED)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    _require_free(tx, call, name, domain)
    most = call.limits.domain_configurations
    if most and domain_configurations.count(tx, call.scope) >= most:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("domain configurations", most))
    new = New(
        name=name,
        suffix=call.ids.token(5),
        domain=domain,
        certificates=msgspec.json.encode(request.server_certificate_arns or []).decode(),
        service_type=request.service_type or "DATA",
        status=ENABLED,
        authorizer=config.default_authorizer_name if config else None,
        allow_override=int(bool(config and config.allow_authorizer_override)),
        settings=_settings(request, {}),
        changed_at=call.now,
    )
    domain_configurations.insert(tx, call.scope, new)
    made = found(tx, call, name)
    stored_tags.put(tx, call.scope, arn(call, made), tags.as_map(request.tags))
    return iot.CreateDomainConfigurationResponse(
        domain_configuration_name=name, domain_configuration_arn=arn(call, made)
    )


def describe_domain_configuration(
    tx: Tx, call: Call, request: iot.DescribeDomainConfigurationRequest
) -> iot.DescribeDomainConfigurationResponse:
    """A domain configuration."""
    known = found(tx, call, request.domain_configuration_name)
    settings = msgspec.json.decode(known.settings)
    certificates: list[str] = msgspec.json.decode(known.certificates)
    return iot.DescribeDomainConfigurationResponse(
        domain_configuration_name=known.name,
        domain_configuration_arn=arn(call, known),
        domain_name=known.domain or call.endpoints.data.partition(":")[0],
        server_certificates=[
            iot.ServerCertificateSummary(server_certificate_arn=each, server_certificate_status="VALID")
            for each in certificates
        ],
        authorizer_config=_config(known),
        domain_configuration_status=known.status,
        service_type=known.service_type,
        domain_type="CUSTOMER_MANAGED" if known.domain else "AWS_MANAGED",
        last_status_change_date=seconds(known.changed_at),
        **{name: msgspec.convert(settings[name], kind) for name, kind in _SETTINGS.items() if name in settings},
    )


def update_domain_configuration(
    tx: Tx, call: Call, request: iot.UpdateDomainConfigurationRequest
) -> iot.UpdateDomainConfigurationResponse:
    """Change what is given."""
    config, removed = request.authorizer_config, bool(request.remove_authorizer_config)
    wrong = _authorizer_problems(tx, call, config)
    if config is not None and removed:
        wrong.append(texts.domain_configurations.AUTHORIZER_SET_AND_REMOVED)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    known = found(tx, call, request.domain_configuration_name)
    status = request.domain_configuration_status or known.status
    changed = known._replace(
        status=status,
        settings=_settings(request, msgspec.json.decode(known.settings)),
        changed_at=known.changed_at if status == known.status else call.now,
    )
    if removed:
        changed = changed._replace(authorizer=None, allow_override=0)
    elif config is not None:
        name = known.authorizer if config.default_authorizer_name is None else config.default_authorizer_name
        allows = config.allow_authorizer_override
        override = known.allow_override if allows is None else int(allows)
        changed = changed._replace(authorizer=name, allow_override=override)
    domain_configurations.update(tx, changed)
    tx.effects.append(PoliciesChanged(call.scope))
    return iot.UpdateDomainConfigurationResponse(
        domain_configuration_name=known.name, domain_configuration_arn=arn(call, known)
    )


def delete_domain_configuration(
    tx: Tx, call: Call, request: iot.DeleteDomainConfigurationRequest
) -> iot.DeleteDomainConfigurationResponse:
    """Remove one that is DISABLED."""
    known = found(tx, call, request.domain_configuration_name)
    if known.status == ENABLED:
        raise iot.InvalidRequestException(texts.domain_configurations.enabled(known.name))
    domain_configurations.delete(tx, known.id)
    stored_tags.delete_all(tx, call.scope, arn(call, known))
    return iot.DeleteDomainConfigurationResponse()


@dataclass
class _Asked:
    """A page of a list that has one order."""

    marker: str | None
    page_size: int | None
    ascending_order: bool | None = True


def list_domain_configurations(
    tx: Tx, call: Call, request: iot.ListDomainConfigurationsRequest
) -> iot.ListDomainConfigurationsResponse:
    """In the order of their creation."""
    kind = request.service_type or ""

    def read(after: int, limit: int) -> list[DomainConfiguration]:
        return domain_configurations.page(tx, call.scope, kind, after, limit)

    asked = _Asked(request.marker, request.page_size)
    rows, marker = by_age(["ListDomainConfigurations", call.scope, kind], asked, upward=read, downward=read)
    shown = [
        iot.DomainConfigurationSummary(
            domain_configuration_name=row.name,
            domain_configuration_arn=arn(call, row),
            service_type=row.service_type,
        )
        for row in rows
    ]
    return iot.ListDomainConfigurationsResponse(domain_configurations=shown, next_marker=marker)


def arn(call: Call, known: DomainConfiguration) -> str:
    """Its ARN, which tells it from one of the same name before."""
    return call.arn(f"domainconfiguration/{known.name}/{known.suffix}")


def found(tx: Tx, call: Call, name: str) -> DomainConfiguration:
    """The domain configuration of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    known = domain_configurations.find(tx, call.scope, name)
    if known is None:
        raise iot.ResourceNotFoundException(texts.domain_configurations.missing(name))
    return known


def _require_free(tx: Tx, call: Call, name: str, domain: str | None) -> None:
    known = domain_configurations.find(tx, call.scope, name)
    told = texts.domain_configurations.exists(name)
    if known is None and domain is not None:
        known = domain_configurations.of_domain(tx, call.scope, domain)
        told = texts.domain_configurations.domain_taken(domain, known.name if known else "")
    if known is not None:
        raise iot.ResourceAlreadyExistsException(told, resource_id=known.name, resource_arn=arn(call, known))


def _authorizer_problems(tx: Tx, call: Call, config: iot.AuthorizerConfig | None) -> list[str]:
    name = config.default_authorizer_name if config else None
    known = name is None or authorizers.find(tx, call.scope, name) is not None
    return [] if known else [texts.authorizers.missing(name or "")]


def _config(known: DomainConfiguration) -> iot.AuthorizerConfig | None:
    if known.authorizer is None and not known.allow_override:
        return None
    return iot.AuthorizerConfig(
        default_authorizer_name=known.authorizer, allow_authorizer_override=bool(known.allow_override)
    )


def _settings(request: Any, before: dict[str, Any]) -> str:
    given = {name: getattr(request, name) for name in _SETTINGS}
    kept = {**before, **{name: msgspec.to_builtins(value) for name, value in given.items() if value is not None}}
    return msgspec.json.encode(kept).decode()


def _there(tx: Tx, scope: int, name: Arn) -> bool:
    plain, _, suffix = name.resource_id.partition("/")
    known = domain_configurations.find(tx, scope, plain)
    return known is not None and known.suffix == suffix


def _image(
    tx: Tx, call: Call, request: iot.UpdateDomainConfigurationRequest | iot.DeleteDomainConfigurationRequest
) -> Image:
    known = domain_configurations.find(tx, call.scope, request.domain_configuration_name)
    if known is None:
        return {}
    return {"domain": known.domain or "", "status": known.status, "authorizer": known.authorizer or ""}


HANDLERS: Handlers = {
    ("iot", "CreateDomainConfiguration"): Write(create_domain_configuration),
    ("iot", "DescribeDomainConfiguration"): Read(describe_domain_configuration),
    ("iot", "UpdateDomainConfiguration"): Write(update_domain_configuration, image=_image),
    ("iot", "DeleteDomainConfiguration"): Write(delete_domain_configuration, image=_image),
    ("iot", "ListDomainConfigurations"): Read(list_domain_configurations),
}
TAGGABLE = {"domainconfiguration": _there}
