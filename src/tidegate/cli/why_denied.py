"""``tidegate why-denied``: which statement decides what a device may do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from tidegate.cli import options
from tidegate.clock import wall_now
from tidegate.ops import why_denied as asked
from tidegate.ops.why_denied import Answer, Question, UnknownError
from tidegate.server import open_store

_DENIED = 3
_ACTION = re.compile(r"(iot|iotjobsdata):[A-Za-z]+")


def _check_action(_type: Any, text: str) -> None:
    if not _ACTION.fullmatch(text):
        raise ValueError("an action is iot:Publish, iotjobsdata:StartNextPendingJobExecution or the like")


def why_denied(
    *,
    action: Annotated[
        str, Parameter(help="iot:Connect, iot:Publish, iot:Subscribe, iot:Receive …", validator=_check_action)
    ],
    resource: Annotated[str, Parameter(help="topic/…, topicfilter/…, client/…, thing/…, or a whole ARN.")],
    client_id: Annotated[
        str | None, Parameter(help="The MQTT client id; by default the thing's name, over HTTPS none.")
    ] = None,
    certificate: Annotated[str | None, Parameter(help="The certificate's id or ARN.")] = None,
    thing: Annotated[
        str | None, Parameter(help="A thing, with each of its certificates; by default the client id.")
    ] = None,
    source_ip: Annotated[str | None, Parameter(help="The device's address.")] = None,
    server_name: Annotated[str | None, Parameter(help="The host name it asks for (SNI).")] = None,
    persistent: Annotated[bool, Parameter(help="iot:Connect: it asks for a persistent session.")] = False,
    will_topic: Annotated[str | None, Parameter(help="iot:Connect: the topic of its will.")] = None,
    account: options.OwnAccount = None,
    region: Annotated[str, Parameter(help="The region of the thing.")] = "us-east-1",
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Say what the policies of a device decide, and why. Reads the store, beside a running server or without one.

    Ends with 0 if the device may, 3 if not, 2 if there is no such device.
    """
    if certificate is None and thing is None and client_id is None:
        print("tidegate: name the device: --certificate, --thing or --client-id", file=sys.stderr)
        return 2
    question = Question(
        action=action,
        resource=resource,
        account=account or options.account_of(data),
        region=region,
        certificate_id=certificate,
        thing=thing,
        client_id=client_id if client_id is not None or action.startswith("iotjobsdata:") else thing,
        source_ip=source_ip,
        server_name=server_name,
        persistent=persistent,
        will_topic=will_topic,
    )
    if store == "sqlite" and not (data / "tidegate.db").exists():
        print(f"tidegate: there is no store in {data}", file=sys.stderr)
        return 2
    database = open_store(data, store, wall_now())
    try:
        answers = database.read(lambda tx: asked.why(tx, question, wall_now()))
    except UnknownError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    finally:
        database.close()
    print("\n\n".join("\n".join(lines(question, answer)) for answer in answers))
    return 0 if all(answer.allowed for answer in answers) else _DENIED


def lines(question: Question, answer: Answer) -> Iterator[str]:
    """An answer for people."""
    found, owner = answer.explanation, answer.owner
    verdict = "ALLOWED" if answer.allowed else "DENIED"
    yield f"{verdict}: {question.action} on {answer.resource}"
    yield f"  certificate  {answer.certificate_id}  {owner.status}, account {owner.account}, region {owner.region}"
    yield f"  client id    {question.client_id or 'none'}, {f'thing {answer.thing}' if answer.thing else 'no thing'}"
    yield f"  decided by   {_decided(answer)}"
    for name, version, source in answer.applying:
        yield f"  policy       {name}, version {version}, of {source}: {_spoke(answer, name)}"
    for entry in found.skipped:
        named = f" ({entry.sid})" if entry.sid else ""
        yield f"  left out     statement {entry.statement}{named} of policy {entry.policy}: {entry.reason}"
    if found.missing:
        yield f"  missing      {', '.join(found.missing)}"
    for hint in answer.hints:
        yield f"  note         {hint}"


def _decided(answer: Answer) -> str:
    if answer.refused:
        return f"the certificate, which is {answer.owner.status}; of the policies: {answer.explanation.decision.reason}"
    return answer.explanation.decision.reason


def _spoke(answer: Answer, name: str) -> str:
    said = [
        word
        for word, names in (("denies", answer.explanation.denying), ("allows", answer.explanation.allowing))
        if name in names
    ]
    return " and ".join(said) or "says nothing about it"
