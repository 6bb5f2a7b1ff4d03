"""Provisioning templates (reach reference 3.9): bodies in versions, one in force.

``ops.provisioning`` carries them out.
"""

from __future__ import annotations

from typing import Any

from tidegate.core import checks, texts
from tidegate.core.audit import Image
from tidegate.core.provisioning import hook as hooks
from tidegate.core.provisioning import template as language
from tidegate.core.provisioning.template import InvalidTemplateError, Kind
from tidegate.ops import tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PrincipalChanged
from tidegate.ops.handler import Handlers, Read, Write
from tidegate.ops.paging import following, page
from tidegate.store import ca_certificates
from tidegate.store import provisioning as stored_provisioning
from tidegate.store import provisioning_templates as templates
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.provisioning_templates import NewTemplate, Template
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

# --- templates ------------------------------------------------------------------------------------------------------


def create_provisioning_template(
    tx: Tx, call: Call, request: iot.CreateProvisioningTemplateRequest
) -> iot.CreateProvisioningTemplateResponse:
    """A template with version 1, which is the default; not enabled unless asked for."""
    kind = Kind(request.type or Kind.FLEET)
    wrong = tags.problems(request.tags, None) + _role_problems(request.provisioning_role_arn)
    wrong += _hook_problems(call, kind, request.pre_provisioning_hook) + body_problems(request.template_body, kind)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    hook = request.pre_provisioning_hook
    new = NewTemplate(
        name=request.template_name,
        type=kind,
        description=request.description or None,
        enabled=int(bool(request.enabled)),
        role_arn=request.provisioning_role_arn,
        hook=hook.target_arn if hook else None,
        created_at=call.now,
    )
    template_id = templates.insert(tx, call.scope, new)
    where = arn(call, new.name)
    if template_id is None:
        raise iot.ResourceAlreadyExistsException(
            texts.provisioning.template_exists(new.name), resource_id=new.name, resource_arn=where
        )
    templates.insert_version(tx, template_id, 1, request.template_body, now=call.now)
    stored_tags.put(tx, call.scope, where, tags.as_map(request.tags))
    return iot.CreateProvisioningTemplateResponse(template_arn=where, template_name=new.name, default_version_id=1)


def describe_provisioning_template(
    tx: Tx, call: Call, request: iot.DescribeProvisioningTemplateRequest
) -> iot.DescribeProvisioningTemplateResponse:
    """A template with the body that is in force."""
    found = named(tx, call, request.template_name)
    hook = found.hook
    return iot.DescribeProvisioningTemplateResponse(
        template_arn=arn(call, found.name),
        template_name=found.name,
        description=found.description,
        creation_date=seconds(found.created_at),
        last_modified_date=seconds(found.updated_at),
        default_version_id=found.default_version,
        template_body=body_of(tx, found),
        enabled=bool(found.enabled),
        provisioning_role_arn=found.role_arn,
        pre_provisioning_hook=iot.ProvisioningHook(payload_version=hooks.PAYLOAD_VERSION, target_arn=hook)
        if hook
        else None,
        type=found.type,
    )


def update_provisioning_template(
    tx: Tx, call: Call, request: iot.UpdateProvisioningTemplateRequest
) -> iot.UpdateProvisioningTemplateResponse:
    """Change what is given, or take the hook away; the type is for ever."""
    found = named(tx, call, request.template_name)
    hook, role, number = request.pre_provisioning_hook, request.provisioning_role_arn, request.default_version_id
    wrong = _role_problems(role) + _hook_problems(call, Kind(found.type), hook)
    if hook is not None and request.remove_pre_provisioning_hook:
        wrong.append(texts.provisioning.HOOK_SET_AND_REMOVED)
    if number is not None and templates.version(tx, found.id, number) is None:
        wrong.append(texts.provisioning.default_version_missing(number))
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    changed = found._replace(
        description=found.description if request.description is None else request.description or None,
        enabled=found.enabled if request.enabled is None else int(request.enabled),
        role_arn=role or found.role_arn,
        default_version=number or found.default_version,
        hook=None if request.remove_pre_provisioning_hook else hook.target_arn if hook else found.hook,
    )
    if changed != found:
        templates.update(tx, changed, now=call.now)
    return iot.UpdateProvisioningTemplateResponse()


def delete_provisioning_template(
    tx: Tx, call: Call, request: iot.DeleteProvisioningTemplateRequest
) -> iot.DeleteProvisioningTemplateResponse:
    """Remove a template with its versions and tags; what was provisioned by it stays."""
    found = templates.get(tx, call.scope, request.template_name)
    if found is None:
        raise iot.ResourceNotFoundException(texts.provisioning.TEMPLATE_TO_DELETE_MISSING)
    users = ca_certificates.page(tx, call.scope, 0, 1, found.name)
    if users:
        raise iot.DeleteConflictException(texts.provisioning.template_used_by_ca(found.name, users[0].certificate_id))
    gone = stored_provisioning.delete_claims(tx, found.id)
    tx.effects += [PrincipalChanged(each.scope, each.certificate_id) for each in gone]
    templates.delete(tx, found)
    stored_tags.delete_all(tx, call.scope, arn(call, found.name))
    return iot.DeleteProvisioningTemplateResponse()


def list_provisioning_templates(
    tx: Tx, call: Call, request: iot.ListProvisioningTemplatesRequest
) -> iot.ListProvisioningTemplatesResponse:
    """Templates by name."""
    listing = ("ListProvisioningTemplates", call.scope)
    where = page(listing, token=request.next_token, size=request.max_results, start=[""])
    rows = templates.page(tx, call.scope, str(where.position[0]), where.size + 1)
    return iot.ListProvisioningTemplatesResponse(
        templates=[
            iot.ProvisioningTemplateSummary(
                template_arn=arn(call, row.name),
                template_name=row.name,
                description=row.description,
                creation_date=seconds(row.created_at),
                last_modified_date=seconds(row.updated_at),
                enabled=bool(row.enabled),
                type=row.type,
            )
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, lambda row: [row.name]),
    )


# --- versions -------------------------------------------------------------------------------------------------------


def create_provisioning_template_version(
    tx: Tx, call: Call, request: iot.CreateProvisioningTemplateVersionRequest
) -> iot.CreateProvisioningTemplateVersionResponse:
    """A further body, in force at once if asked. None is dropped unasked."""
    found = named(tx, call, request.template_name)
    wrong = body_problems(request.template_body, Kind(found.type))
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    most = call.limits.provisioning_template_versions
    if templates.count_versions(tx, found.id) >= most:
        raise iot.VersionsLimitExceededException(texts.provisioning.versions_full(found.name, most))
    number, default = found.last_version + 1, bool(request.set_as_default)
    templates.insert_version(tx, found.id, number, request.template_body, now=call.now)
    in_force = number if default else found.default_version
    templates.update(tx, found._replace(last_version=number, default_version=in_force), now=call.now)
    return iot.CreateProvisioningTemplateVersionResponse(
        template_arn=arn(call, found.name), template_name=found.name, version_id=number, is_default_version=default
    )


def describe_provisioning_template_version(
    tx: Tx, call: Call, request: iot.DescribeProvisioningTemplateVersionRequest
) -> iot.DescribeProvisioningTemplateVersionResponse:
    """One body."""
    found = named(tx, call, request.template_name)
    version = _version(tx, found, request.version_id)
    return iot.DescribeProvisioningTemplateVersionResponse(
        version_id=version.version,
        creation_date=seconds(version.created_at),
        template_body=version.body,
        is_default_version=version.version == found.default_version,
    )


def list_provisioning_template_versions(
    tx: Tx, call: Call, request: iot.ListProvisioningTemplateVersionsRequest
) -> iot.ListProvisioningTemplateVersionsResponse:
    """Versions by number."""
    found = named(tx, call, request.template_name)
    listing = ("ListProvisioningTemplateVersions", call.scope, found.id)
    where = page(listing, token=request.next_token, size=request.max_results, start=[0])
    rows = templates.versions(tx, found.id, int(where.position[0]), where.size + 1)
    return iot.ListProvisioningTemplateVersionsResponse(
        versions=[
            iot.ProvisioningTemplateVersionSummary(
                version_id=row.version,
                creation_date=seconds(row.created_at),
                is_default_version=row.version == found.default_version,
            )
            for row in rows[: where.size]
        ],
        next_token=following(listing, rows, where.size, lambda row: [row.version]),
    )


def delete_provisioning_template_version(
    tx: Tx, call: Call, request: iot.DeleteProvisioningTemplateVersionRequest
) -> iot.DeleteProvisioningTemplateVersionResponse:
    """Any version but the default."""
    found = named(tx, call, request.template_name)
    number = _version(tx, found, request.version_id).version
    if number == found.default_version:
        raise iot.DeleteConflictException(texts.provisioning.default_version_stays(found.name, number))
    templates.delete_version(tx, found.id, number)
    return iot.DeleteProvisioningTemplateVersionResponse()


# --- for provisioning -----------------------------------------------------------------------------------------------


def arn(call: Call, name: str) -> str:
    """A template's ARN."""
    return call.arn(f"provisioningtemplate/{name}")


def named(tx: Tx, call: Call, name: str) -> Template:
    """The template of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    found = templates.get(tx, call.scope, name)
    if found is None:
        raise iot.ResourceNotFoundException(texts.provisioning.template_missing(name))
    return found


def body_of(tx: Tx, found: Template) -> str:
    """The body that is in force."""
    version = templates.version(tx, found.id, found.default_version)
    assert version is not None, "a default version is never deleted"
    return version.body


# --- details --------------------------------------------------------------------------------------------------------


def _version(tx: Tx, found: Template, number: int) -> templates.Version:
    # More digits than a stored integer has were never given out.
    version = templates.version(tx, found.id, number) if abs(number) < 1 << 62 else None
    if version is None:
        raise iot.ResourceNotFoundException(texts.provisioning.template_version_missing(found.name, number))
    return version


def body_problems(body: str, kind: Kind) -> list[str]:
    """What is wrong with a body of this kind."""
    try:
        language.parse(body, kind)
    except InvalidTemplateError as error:
        return [str(error)]
    return []


def _role_problems(role: str | None) -> list[str]:
    return [] if checks.is_role(role) else [texts.provisioning.role_invalid(role or "")]


def _hook_problems(call: Call, kind: Kind, hook: iot.ProvisioningHook | None) -> list[str]:
    """What is wrong with a hook (reach reference 3.7)."""
    if hook is None:
        return []
    if kind is not Kind.FLEET:
        return [texts.provisioning.hook_unsupported(kind)]
    wrong = []
    if hook.payload_version not in (None, hooks.PAYLOAD_VERSION):
        wrong.append(texts.provisioning.hook_version_unsupported(hooks.PAYLOAD_VERSION))
    if hook.target_arn not in call.hooks:  # a template must not look protected without being so
        wrong.append(texts.provisioning.hook_unknown(hook.target_arn))
    return wrong


def _image(tx: Tx, call: Call, request: Any) -> Image:
    """What the audit log shows of the template that a request names."""
    found = templates.get(tx, call.scope, request.template_name)
    if found is None:
        return {}
    shown = {"enabled": str(bool(found.enabled)).lower(), "version in force": str(found.default_version)}
    return {**shown, "hook": found.hook or "none", "in force": body_of(tx, found)}


HANDLERS: Handlers = {
    ("iot", "CreateProvisioningTemplate"): Write(create_provisioning_template, image=_image),
    ("iot", "DescribeProvisioningTemplate"): Read(describe_provisioning_template),
    ("iot", "UpdateProvisioningTemplate"): Write(update_provisioning_template, image=_image),
    ("iot", "DeleteProvisioningTemplate"): Write(delete_provisioning_template, image=_image),
    ("iot", "ListProvisioningTemplates"): Read(list_provisioning_templates),
    ("iot", "CreateProvisioningTemplateVersion"): Write(create_provisioning_template_version, image=_image),
    ("iot", "DescribeProvisioningTemplateVersion"): Read(describe_provisioning_template_version),
    ("iot", "ListProvisioningTemplateVersions"): Read(list_provisioning_template_versions),
    ("iot", "DeleteProvisioningTemplateVersion"): Write(delete_provisioning_template_version, image=_image),
}
TAGGABLE = {"provisioningtemplate": tags.named(templates.get)}
