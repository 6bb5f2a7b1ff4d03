"""Role aliases (reach reference 4.1): what devices call a role whose credentials they ask for."""

from __future__ import annotations

from typing import Final

from tidegate.core import checks, texts
from tidegate.core.audit import Image
from tidegate.ops import tags
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import by_age
from tidegate.store import role_aliases
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.role_aliases import RoleAlias
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

DURATION_S: Final = 3600
"""How long credentials last unless the alias says otherwise."""


def create_role_alias(tx: Tx, call: Call, request: iot.CreateRoleAliasRequest) -> iot.CreateRoleAliasResponse:
    """Keep a new role alias. Whether there is such a role is found out when a device asks, as on AWS."""
    name = request.role_alias
    wrong = tags.problems(request.tags, None) + _role_problems(call, request.role_arn)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    most = call.limits.role_aliases
    if role_aliases.find(tx, call.scope, name) is not None:
        raise iot.ResourceAlreadyExistsException(
            texts.credentials.alias_exists(name), resource_id=name, resource_arn=arn(call, name)
        )
    if most and role_aliases.count(tx, call.scope) >= most:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("role aliases", most))
    duration = request.credential_duration_seconds or DURATION_S
    role_aliases.insert(tx, call.scope, name, role_arn=request.role_arn, duration_s=duration, now=call.now)
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    return iot.CreateRoleAliasResponse(role_alias=name, role_alias_arn=arn(call, name))


def describe_role_alias(tx: Tx, call: Call, request: iot.DescribeRoleAliasRequest) -> iot.DescribeRoleAliasResponse:
    """A role alias, and the role it stands for."""
    alias = found(tx, call, request.role_alias)
    return iot.DescribeRoleAliasResponse(
        role_alias_description=iot.RoleAliasDescription(
            role_alias=alias.name,
            role_alias_arn=arn(call, alias.name),
            role_arn=alias.role_arn,
            owner=call.account,
            credential_duration_seconds=alias.duration_s,
            creation_date=seconds(alias.created_at),
            last_modified_date=seconds(alias.updated_at),
        )
    )


def update_role_alias(tx: Tx, call: Call, request: iot.UpdateRoleAliasRequest) -> iot.UpdateRoleAliasResponse:
    """Change what is given; credentials that are out keep the role they were made for."""
    wrong = _role_problems(call, request.role_arn)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    alias = found(tx, call, request.role_alias)
    role_aliases.update(
        tx,
        alias.id,
        role_arn=request.role_arn or alias.role_arn,
        duration_s=request.credential_duration_seconds or alias.duration_s,
        now=call.now,
    )
    return iot.UpdateRoleAliasResponse(role_alias=alias.name, role_alias_arn=arn(call, alias.name))


def delete_role_alias(tx: Tx, call: Call, request: iot.DeleteRoleAliasRequest) -> iot.DeleteRoleAliasResponse:
    """Remove a role alias; credentials that are out go on until their end."""
    alias = found(tx, call, request.role_alias)
    role_aliases.delete(tx, alias.id)
    stored_tags.delete_all(tx, call.scope, arn(call, alias.name))
    return iot.DeleteRoleAliasResponse()


def list_role_aliases(tx: Tx, call: Call, request: iot.ListRoleAliasesRequest) -> iot.ListRoleAliasesResponse:
    """Names, from new to old unless ascending order is asked for."""
    rows, marker = by_age(
        ["ListRoleAliases", call.scope],
        request,
        upward=lambda after, limit: role_aliases.page(tx, call.scope, after, limit),
        downward=lambda before, limit: role_aliases.page_newest(tx, call.scope, before, limit),
    )
    return iot.ListRoleAliasesResponse(role_aliases=[row.name for row in rows], next_marker=marker)


def arn(call: Call, name: str) -> str:
    """A role alias's ARN."""
    return call.arn(f"rolealias/{name}")


def found(tx: Tx, call: Call, name: str) -> RoleAlias:
    """The role alias of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    alias = role_aliases.find(tx, call.scope, name)
    if alias is None:
        raise iot.ResourceNotFoundException(texts.credentials.alias_missing(name))
    return alias


def _role_problems(call: Call, role: str | None) -> list[str]:
    fits = checks.is_role(role, any_account=call.leniency.role_accounts)
    return [] if fits else [texts.credentials.role_invalid(role or "")]


def _image(tx: Tx, call: Call, request: iot.UpdateRoleAliasRequest | iot.DeleteRoleAliasRequest) -> Image:
    alias = role_aliases.find(tx, call.scope, request.role_alias)
    return {} if alias is None else {"role": alias.role_arn, "seconds": str(alias.duration_s)}


HANDLERS: Handlers = {
    ("iot", "CreateRoleAlias"): Write(create_role_alias),
    ("iot", "DescribeRoleAlias"): Read(describe_role_alias),
    ("iot", "UpdateRoleAlias"): Write(update_role_alias, image=_image),
    ("iot", "DeleteRoleAlias"): Write(delete_role_alias, image=_image),
    ("iot", "ListRoleAliases"): Read(list_role_aliases),
}
TAGGABLE = {"rolealias": tags.named(role_aliases.find)}
