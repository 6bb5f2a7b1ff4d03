"""Custom authorizers (device reference 2.10): what clients may show instead of a certificate, and who judges it.

The judge is an HTTP service that the server was started with (``--hook``), in place of AWS's Lambda function. Unless
signing is disabled, a token whose signature does not hold is refused here, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from tidegate.core import authorizers, texts
from tidegate.core.audit import Image
from tidegate.core.authorizers import InvalidAnswerError, Shown, Verdict
from tidegate.net.hooks import Hook, HookFaultError
from tidegate.ops import tags
from tidegate.ops.call import Call
from tidegate.ops.effects import PoliciesChanged
from tidegate.ops.handler import Consulted, Handlers, Question, Read, Write
from tidegate.ops.paging import by_age
from tidegate.pki import tokens
from tidegate.store import authorizers as stored
from tidegate.store import tags as stored_tags
from tidegate.store.authorizers import ACTIVE, Authorizer, Facts
from tidegate.store.database import Tx
from tidegate.wire import iot
from tidegate.wire.timestamps import seconds

MOST_KEYS: Final = 20
"""Public keys of an authorizer. Ours: each is tried for each token."""
_KEYS: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])


def create_authorizer(tx: Tx, call: Call, request: iot.CreateAuthorizerRequest) -> iot.CreateAuthorizerResponse:
    """Keep a new authorizer, ACTIVE unless asked otherwise."""
    name = request.authorizer_name
    facts = Facts(
        function_arn=request.authorizer_function_arn,
        token_key_name=request.token_key_name,
        public_keys=_as_json(request.token_signing_public_keys),
        status=request.status or ACTIVE,
        caching=int(bool(request.enable_caching_for_http)),
    )
    disabled = bool(request.signing_disabled)
    wrong = tags.problems(request.tags, None) + _problems(call, facts, signing_disabled=disabled)
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    tags.require_room(request.tags, call.limits.tags_per_resource)
    if stored.find(tx, call.scope, name) is not None:
        raise iot.ResourceAlreadyExistsException(
            texts.authorizers.exists(name), resource_id=name, resource_arn=arn(call, name)
        )
    most = call.limits.authorizers
    if most and stored.count(tx, call.scope) >= most:
        raise iot.LimitExceededException(texts.requests.limit_exceeded("authorizers", most))
    stored.insert(tx, call.scope, name, facts, signing_disabled=int(disabled), now=call.now)
    stored_tags.put(tx, call.scope, arn(call, name), tags.as_map(request.tags))
    return iot.CreateAuthorizerResponse(authorizer_name=name, authorizer_arn=arn(call, name))


def describe_authorizer(tx: Tx, call: Call, request: iot.DescribeAuthorizerRequest) -> iot.DescribeAuthorizerResponse:
    """An authorizer with its public keys."""
    return iot.DescribeAuthorizerResponse(
        authorizer_description=_description(call, found(tx, call, request.authorizer_name))
    )


def update_authorizer(tx: Tx, call: Call, request: iot.UpdateAuthorizerRequest) -> iot.UpdateAuthorizerResponse:
    """Change what is given. Clients that an authorizer let in are judged anew."""
    known = found(tx, call, request.authorizer_name)
    facts = Facts(
        function_arn=request.authorizer_function_arn or known.function_arn,
        token_key_name=request.token_key_name or known.token_key_name,
        public_keys=known.public_keys
        if request.token_signing_public_keys is None
        else _as_json(request.token_signing_public_keys),
        status=request.status or known.status,
        caching=known.caching if request.enable_caching_for_http is None else int(request.enable_caching_for_http),
    )
    wrong = _problems(call, facts, signing_disabled=bool(known.signing_disabled))
    if wrong:
        raise iot.InvalidRequestException(" ".join(wrong))
    stored.update(tx, known.id, facts, call.now)
    tx.effects.append(PoliciesChanged(call.scope))
    return iot.UpdateAuthorizerResponse(authorizer_name=known.name, authorizer_arn=arn(call, known.name))


def delete_authorizer(tx: Tx, call: Call, request: iot.DeleteAuthorizerRequest) -> iot.DeleteAuthorizerResponse:
    """Remove an authorizer that is INACTIVE and not the default."""
    known = found(tx, call, request.authorizer_name)
    if known.is_default:
        raise iot.DeleteConflictException(texts.authorizers.is_default(known.name))
    if known.status == ACTIVE:
        raise iot.DeleteConflictException(texts.authorizers.active(known.name))
    stored.delete(tx, known.id)
    stored_tags.delete_all(tx, call.scope, arn(call, known.name))
    return iot.DeleteAuthorizerResponse()


def list_authorizers(tx: Tx, call: Call, request: iot.ListAuthorizersRequest) -> iot.ListAuthorizersResponse:
    """Names, from new to old unless ascending order is asked for."""
    status = request.status or ""
    rows, marker = by_age(
        ["ListAuthorizers", call.scope, status],
        request,
        upward=lambda after, limit: stored.page(tx, call.scope, status, after, limit),
        downward=lambda before, limit: stored.page_newest(tx, call.scope, status, before, limit),
    )
    shown = [iot.AuthorizerSummary(authorizer_name=row.name, authorizer_arn=arn(call, row.name)) for row in rows]
    return iot.ListAuthorizersResponse(authorizers=shown, next_marker=marker)


def set_default_authorizer(
    tx: Tx, call: Call, request: iot.SetDefaultAuthorizerRequest
) -> iot.SetDefaultAuthorizerResponse:
    """Have an authorizer judge those who name none. Another one must be cleared first."""
    known = found(tx, call, request.authorizer_name)
    present = stored.default(tx, call.scope)
    if present is not None and present.id != known.id:
        raise iot.ResourceAlreadyExistsException(
            texts.authorizers.default_exists(present.name),
            resource_id=present.name,
            resource_arn=arn(call, present.name),
        )
    stored.set_default(tx, known.id, is_default=True)
    return iot.SetDefaultAuthorizerResponse(authorizer_name=known.name, authorizer_arn=arn(call, known.name))


def describe_default_authorizer(
    tx: Tx, call: Call, _request: iot.DescribeDefaultAuthorizerRequest
) -> iot.DescribeDefaultAuthorizerResponse:
    """The default authorizer."""
    return iot.DescribeDefaultAuthorizerResponse(authorizer_description=_description(call, _default(tx, call)))


def clear_default_authorizer(
    tx: Tx, call: Call, _request: iot.ClearDefaultAuthorizerRequest
) -> iot.ClearDefaultAuthorizerResponse:
    """Have no default authorizer any more; the authorizer stays."""
    stored.set_default(tx, _default(tx, call).id, is_default=False)
    return iot.ClearDefaultAuthorizerResponse()


# --- being asked ----------------------------------------------------------------------------------------------------


class Judge(NamedTuple):
    """An authorizer that a client means, and what it takes to ask it; None where it need not be asked."""

    authorizer: Authorizer
    refusal: str | None
    """Why the client is refused without asking anybody."""
    question: Question | None


def judge(hooks: Mapping[str, Hook], known: Authorizer, shown: Shown, connection_id: str) -> Judge:
    """What to ask an authorizer about a client; a refusal if nothing is to be asked."""
    if known.status != ACTIVE:
        return Judge(known, f"authorizer {known.name} is {known.status}", None)
    key = known.token_key_name or ""
    token = shown.parameters.get(key, shown.parameters.get(key.lower()))  # names of headers have no case
    if token is not None and len(token) > authorizers.LONGEST_TOKEN:
        return Judge(known, "its token is too long", None)
    if not known.signing_disabled:
        signature = shown.parameters.get(authorizers.SIGNATURE)
        if token is None or signature is None:
            return Judge(known, f"it shows no {known.token_key_name} with {authorizers.SIGNATURE}", None)
        if not tokens.verifies(_KEYS.decode(known.public_keys).values(), token, signature):
            return Judge(known, "the signature of its token does not hold", None)
    hook = hooks.get(known.function_arn)
    if hook is None or not hook.is_service:
        return Judge(known, f"nobody answers for {known.function_arn}: --hook {known.function_arn}=URL", None)
    body = authorizers.event(shown, token=token, verified=not known.signing_disabled, connection_id=connection_id)
    return Judge(known, None, Question(hook, body, authorizers.TIMEOUT_S))


def _invoked(tx: Tx, call: Call, request: iot.TestInvokeAuthorizerRequest) -> Authorizer:
    return found(tx, call, request.authorizer_name)


def _tried(call: Call, request: iot.TestInvokeAuthorizerRequest, known: Authorizer) -> Question | None:
    mqtt, http, tls = request.mqtt_context, request.http_context, request.tls_context
    headers = None if http is None else dict(http.headers or {})
    query = (http.query_string or "").removeprefix("?") if http else ""
    parameters = {
        **authorizers.of_username(mqtt.username if mqtt else None),
        **authorizers.of_query(query),
        **{name.lower(): value for name, value in (headers or {}).items()},
        **(headers or {}),
    }
    if known.token_key_name and request.token is not None:
        parameters[known.token_key_name] = request.token
    if request.token_signature is not None:
        parameters[authorizers.SIGNATURE] = request.token_signature
    shown = Shown(
        parameters=parameters,
        server_name=tls.server_name if tls else None,
        username=mqtt.username if mqtt else None,
        password=mqtt.password if mqtt else None,
        client_id=mqtt.client_id if mqtt else None,
        headers=headers,
        query=query,
    )
    found = judge(call.hooks, known, shown, call.ids.uuid())
    if found.refusal is not None:
        raise iot.InvalidRequestException(found.refusal)
    return found.question


def _read(outcome: bytes | HookFaultError | None) -> Verdict | None:
    try:
        if not isinstance(outcome, bytes):
            raise InvalidAnswerError(str(outcome))
        return authorizers.read(outcome)
    except InvalidAnswerError as error:
        raise iot.InvalidResponseException(texts.authorizers.answer_invalid(str(error))) from None


def invoke_authorizer(
    _tx: Tx, _call: Call, _request: iot.TestInvokeAuthorizerRequest, verdict: Verdict | None
) -> iot.TestInvokeAuthorizerResponse:
    """What an authorizer says of made-up facts."""
    if verdict is None:
        return iot.TestInvokeAuthorizerResponse(is_authenticated=False)
    return iot.TestInvokeAuthorizerResponse(
        is_authenticated=True,
        principal_id=verdict.principal,
        policy_documents=list(verdict.documents),
        refresh_after_in_seconds=verdict.refresh_s,
        disconnect_after_in_seconds=verdict.disconnect_s,
    )


def arn(call: Call, name: str) -> str:
    """An authorizer's ARN."""
    return call.arn(f"authorizer/{name}")


def found(tx: Tx, call: Call, name: str) -> Authorizer:
    """The authorizer of this name.

    Raises:
        ResourceNotFoundException: there is none.
    """
    known = stored.find(tx, call.scope, name)
    if known is None:
        raise iot.ResourceNotFoundException(texts.authorizers.missing(name))
    return known


def _default(tx: Tx, call: Call) -> Authorizer:
    known = stored.default(tx, call.scope)
    if known is None:
        raise iot.ResourceNotFoundException(texts.authorizers.DEFAULT_MISSING)
    return known


def _as_json(keys: dict[str, str] | None) -> str:
    return msgspec.json.encode(keys or {}).decode()


def _problems(call: Call, facts: Facts, *, signing_disabled: bool) -> list[str]:
    """What is wrong with an authorizer."""
    wrong = []
    hook = call.hooks.get(facts.function_arn)
    if hook is None or not hook.is_service:
        wrong.append(texts.authorizers.function_unknown(facts.function_arn))
    keys = _KEYS.decode(facts.public_keys)
    if not signing_disabled and not (facts.token_key_name and keys):
        wrong.append(texts.authorizers.SIGNING_INCOMPLETE)
    if len(keys) > MOST_KEYS:
        return [*wrong, texts.authorizers.too_many_keys(MOST_KEYS)]
    return wrong + [texts.authorizers.key_invalid(name) for name, pem in keys.items() if not tokens.usable(pem)]


def _description(call: Call, known: Authorizer) -> iot.AuthorizerDescription:
    return iot.AuthorizerDescription(
        authorizer_name=known.name,
        authorizer_arn=arn(call, known.name),
        authorizer_function_arn=known.function_arn,
        token_key_name=known.token_key_name,
        token_signing_public_keys=_KEYS.decode(known.public_keys) or None,
        status=known.status,
        creation_date=seconds(known.created_at),
        last_modified_date=seconds(known.updated_at),
        signing_disabled=bool(known.signing_disabled),
        enable_caching_for_http=bool(known.caching),
    )


def _image(tx: Tx, call: Call, request: iot.UpdateAuthorizerRequest | iot.DeleteAuthorizerRequest) -> Image:
    known = stored.find(tx, call.scope, request.authorizer_name)
    return {} if known is None else {"function": known.function_arn, "status": known.status, "keys": known.public_keys}


HANDLERS: Handlers = {
    ("iot", "CreateAuthorizer"): Write(create_authorizer),
    ("iot", "DescribeAuthorizer"): Read(describe_authorizer),
    ("iot", "UpdateAuthorizer"): Write(update_authorizer, image=_image),
    ("iot", "DeleteAuthorizer"): Write(delete_authorizer, image=_image),
    ("iot", "ListAuthorizers"): Read(list_authorizers),
    ("iot", "SetDefaultAuthorizer"): Write(set_default_authorizer),
    ("iot", "DescribeDefaultAuthorizer"): Read(describe_default_authorizer),
    ("iot", "ClearDefaultAuthorizer"): Write(clear_default_authorizer),
    ("iot", "TestInvokeAuthorizer"): Consulted(invoke_authorizer, look=_invoked, question=_tried, read=_read),
}
TAGGABLE = {"authorizer": tags.named(stored.find)}
