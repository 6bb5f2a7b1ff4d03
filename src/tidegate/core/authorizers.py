"""Custom authorizers (device reference 2.10): how clients name one, what it is asked, and what its answer means.

The client's part is text that strangers write; the answer is the operator's own service's, and still judged: whatever
it is not sure about is a no.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from tidegate.core import policy

NAME: Final = "x-amz-customauthorizer-name"
SIGNATURE: Final = "x-amz-customauthorizer-signature"
TIMEOUT_S: Final = 5.0
MOST_POLICIES: Final = 10
LONGEST_POLICY: Final = 2048
SHORTEST_S, LONGEST_S = 300, 86_400
LONGEST_TOKEN: Final = 6144
_PRINCIPAL = re.compile(r"[A-Za-z0-9]{1,128}")


class Shown(NamedTuple):
    """What a client shows: MQTT's user name and password, the request's headers and query; None where there is none.

    ``parameters`` are the names and values in its user name, query or headers, names in lower case but as they are for
    the token, whose key is the operator's.
    """

    parameters: Mapping[str, str]
    server_name: str | None = None
    username: str | None = None
    password: bytes | None = None
    client_id: str | None = None
    headers: Mapping[str, str] | None = None
    query: str = ""


class Verdict(NamedTuple):
    """An authorizer's yes. ``refresh_s`` and ``disconnect_s`` are seconds from now on."""

    principal: str
    policies: tuple[policy.Policy, ...]
    documents: tuple[str, ...]
    refresh_s: int
    disconnect_s: int


class InvalidAnswerError(Exception):
    """An answer that means nothing; the message says every reason."""


def of_username(username: str | None) -> dict[str, str]:
    """The parameters behind the last ``?`` of a user name that names an authorizer or a token.

    The SDKs append their own, also with a further ``?``.
    """
    found: dict[str, str] = {}
    _, _, query = (username or "").partition("?")
    for pair in re.split(r"[&?]", query):
        name, equals, value = pair.partition("=")
        if equals:
            found.setdefault(name, unquote(value))
    return found


def of_query(query: str) -> dict[str, str]:
    """The parameters of a query string."""
    return of_username("?" + query)


def event(shown: Shown, *, token: str | None, verified: bool, connection_id: str) -> bytes:
    """What the authorizer is sent, as JSON: AWS's form of the event that its Lambda function gets."""
    protocols: list[str] = []
    data: dict[str, Any] = {}
    if shown.server_name is not None:
        protocols.append("tls")
        data["tls"] = {"serverName": shown.server_name}
    if shown.headers is not None:
        protocols.append("http")
        data["http"] = {"headers": shown.headers, "queryString": f"?{shown.query}" if shown.query else ""}
    if shown.client_id is not None or shown.username is not None or shown.password is not None:
        protocols.append("mqtt")
        password = None if shown.password is None else base64.b64encode(shown.password).decode()
        told = {"username": shown.username, "password": password, "clientId": shown.client_id}
        data["mqtt"] = {name: value for name, value in told.items() if value is not None}
    asked: dict[str, Any] = {"signatureVerified": verified, "protocols": protocols, "protocolData": data}
    asked |= {"connectionMetadata": {"id": connection_id}}
    return msgspec.json.encode(asked if token is None else {"token": token, **asked})


def read(answer: bytes) -> Verdict | None:
    """What an answer means; None if it says no.

    Raises:
        InvalidAnswerError: it means nothing.
    """
    try:
        found = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        raise InvalidAnswerError("it is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("isAuthenticated"), bool):
        raise InvalidAnswerError("it is no object with isAuthenticated, true or false")
    if not found["isAuthenticated"]:
        return None
    wrong: list[str] = []
    principal = found.get("principalId")
    if not isinstance(principal, str) or not _PRINCIPAL.fullmatch(principal):
        wrong.append("principalId is not 1 to 128 letters and digits")
    times = [found.get(name) for name in ("refreshAfterInSeconds", "disconnectAfterInSeconds")]
    if not all(type(each) is int and SHORTEST_S <= each <= LONGEST_S for each in times):
        wrong.append(f"refreshAfterInSeconds and disconnectAfterInSeconds are not both {SHORTEST_S} to {LONGEST_S}")
    documents, policies = _policies(found.get("policyDocuments"), wrong)
    if wrong:
        raise InvalidAnswerError("; ".join(wrong))
    return Verdict(str(principal), policies, documents, *[int(each) for each in times if each])


def _policies(given: object, wrong: list[str]) -> tuple[tuple[str, ...], tuple[policy.Policy, ...]]:
    """The documents, given as texts or as objects, and what they mean."""
    if not isinstance(given, list) or not 0 < len(given) <= MOST_POLICIES:
        wrong.append(f"policyDocuments are not 1 to {MOST_POLICIES}")
        return (), ()
    documents = tuple(each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in given)
    policies: list[policy.Policy] = []
    for number, document in enumerate(documents, start=1):
        if len(document) > LONGEST_POLICY:
            wrong.append(f"policy document {number} has more than {LONGEST_POLICY} characters")
            continue
        try:
            policies.append(policy.parse(document, f"policy document {number}"))
        except policy.MalformedPolicyError as error:
            wrong.append(f"policy document {number}: {error}")
    return documents, tuple(policies)
