"""Policy documents: grammar and limits, every problem told at once."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple

import msgspec

from tidegate.core import document
from tidegate.core.iam import conditions, patterns
from tidegate.core.iam.conditions import Condition
from tidegate.core.iam.patterns import Template
from tidegate.faults import ToldError

LONGEST: Final = 6144
"""Characters of a document, white space between values not counted: IAM's limit of a managed policy."""
CURRENT: Final = "2012-10-17"
"""The version of the language that has variables."""

_VERSIONS: Final = (CURRENT, "2008-10-17")
_DOCUMENT_MEMBERS: Final = ("Version", "Id", "Statement")
_STATEMENT_MEMBERS: Final = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_SID = re.compile(r"[A-Za-z0-9]*")


class MalformedError(ToldError, ValueError):
    """A document that is no policy; ``problems`` are sentences, all of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems

    def sentence(self) -> str:
        return "\n".join(["the policy document is refused:", *self.problems])


class Statement(NamedTuple):
    """One statement; ``number`` counts from 1 in its document. ``actions`` are patterns in lower case."""

    number: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[Template, ...]
    not_resources: bool
    conditions: tuple[Condition, ...]


class Policy(NamedTuple):
    """A document that was read; ``name`` is for naming it in decisions, ``keys`` are those whose values it needs."""

    name: str
    statements: tuple[Statement, ...]
    keys: frozenset[str]


def parse(text: str, name: str = "") -> Policy:
    """Read a document.

    Raises:
        MalformedError: it is no policy for a principal; with every problem.
    """
    problems: list[str] = []
    size = document.length(text)
    if size > LONGEST:
        problems.append(f"The policy has {size} characters; {LONGEST} are allowed.")
    statements = tuple(_statements(_root(text, problems), problems))
    if problems:
        raise MalformedError(problems)
    return Policy(name, statements, frozenset(key for statement in statements for key in _keys(statement)))


def _root(text: str, problems: list[str]) -> dict[str, Any]:
    try:
        root = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError([*problems, f"The policy is not JSON: {error}."]) from None
    if not isinstance(root, dict):
        raise MalformedError([*problems, "The policy must be a JSON object."])
    problems += [f"A policy has no element {member}." for member in root if member not in _DOCUMENT_MEMBERS]
    if root.get("Version", CURRENT) not in _VERSIONS:
        problems.append(f"Version must be {CURRENT}.")
    return root


def _statements(root: dict[str, Any], problems: list[str]) -> list[Statement]:
    given = root.get("Statement")
    sources = [given] if isinstance(given, dict) else given
    if not isinstance(sources, list) or not sources:
        problems.append("Statement must be a statement or a list of statements.")
        return []
    # IAM's default is the old version, in which ${…} is ordinary text.
    variables = root.get("Version") == CURRENT
    found = [_statement(number, source, variables, problems) for number, source in enumerate(sources, 1)]
    sids = [statement.sid for statement in found if statement and statement.sid]
    problems += [f"Sid {sid} appears more than once." for sid in dict.fromkeys(sids) if sids.count(sid) > 1]
    return [statement for statement in found if statement]


def _statement(number: int, source: object, variables: bool, problems: list[str]) -> Statement | None:
    where = f"Statement {number}"
    if not isinstance(source, dict):
        problems.append(f"{where} must be an object.")
        return None
    problems += [f"{where} has no element {member}." for member in source if member not in _STATEMENT_MEMBERS]
    sid, effect = source.get("Sid"), source.get("Effect")
    if sid is not None and not (isinstance(sid, str) and _SID.fullmatch(sid)):
        problems.append(f"{where}: Sid must be letters and digits.")
        sid = None
    if effect not in ("Allow", "Deny"):
        problems.append(f"{where}: Effect must be Allow or Deny.")
    not_actions, actions = _one_of(source, "Action", "NotAction", problems, where)
    not_resources, resources = _one_of(source, "Resource", "NotResource", problems, where)
    return Statement(
        number=number,
        sid=sid,
        effect="Allow" if effect == "Allow" else "Deny",
        actions=tuple(_action(text, problems, where) for text in actions),
        not_actions=not_actions,
        resources=tuple(_resource(text, variables, problems, where) for text in resources),
        not_resources=not_resources,
        conditions=conditions.read(source.get("Condition", {}), variables=variables, problems=problems, where=where),
    )


def _one_of(
    source: dict[str, Any], name: str, negation: str, problems: list[str], where: str
) -> tuple[bool, list[str]]:
    if (name in source) == (negation in source):
        problems.append(f"{where} must have either {name} or {negation}.")
        return False, []
    value = source.get(name, source.get(negation))
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        problems.append(f"{where}: {name if name in source else negation} must be a string or a list of strings.")
        return False, []
    return negation in source, texts


def _action(text: str, problems: list[str], where: str) -> str:
    if not _ACTION.fullmatch(text):
        problems.append(f"{where}: {text!r} is no action such as iot:CreateJob.")
    (pattern,) = patterns.template(text.lower(), wildcards=True, variables=False)
    return str(pattern)


def _resource(text: str, variables: bool, problems: list[str], where: str) -> Template:
    if text != "*" and not (text.startswith("arn:") and (text.count(":") >= 5 or text.endswith("*"))):
        problems.append(f"{where}: {text!r} is no resource such as * or arn:aws:iot:*:*:job/*.")
    try:
        return patterns.template(text, wildcards=True, variables=variables)
    except ValueError as error:
        problems.append(f"{where}: {error}.")
        return ("",)


def _keys(statement: Statement) -> list[str]:
    found = [key for resource in statement.resources for key in patterns.keys(resource)]
    return found + [key for condition in statement.conditions for key in condition.needed()]
