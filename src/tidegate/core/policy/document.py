"""Reading a policy document: grammar, literal patterns, condition operands. Once per stored policy version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from tidegate.core import comparison, wildcards
from tidegate.core.policy import conditions, malformed, patterns, templates
from tidegate.core.policy.malformed import MalformedPolicyError


class Statement(msgspec.Struct, frozen=True):
    """One statement; ``index`` counts from 0 in its document."""

    index: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    actions: patterns.Patterns
    not_actions: bool
    resources: tuple[templates.Template, ...]
    not_resources: bool
    conditions: tuple[conditions.Condition, ...]
    fixed: patterns.Patterns | None
    """The resources, if none of them holds a variable."""

    def applies(self, action: str) -> bool:
        """Whether it is about an action, in lower case."""
        return self.actions.match(action) != self.not_actions


class Policy(msgspec.Struct, frozen=True):
    """A parsed document; ``name`` and ``version`` are only for naming it in decisions.

    ``keys`` are those whose values it needs, folded.
    """

    name: str
    version: int | None
    statements: tuple[Statement, ...]
    keys: frozenset[str]


_VERSIONS: Final = (None, "2012-10-17", "2008-10-17")
_DOCUMENT_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_MEMBERS: Final = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")


def parse(document: str, name: str = "", version: int | None = None) -> Policy:
    """Read a policy document. Raises ``MalformedPolicyError`` for what CreatePolicy refuses.

    The size limit (device reference 6) is not checked here. ``Version`` may be missing; variables are substituted
    whatever it says, so that a Deny never silently stops working for lack of it.
    """
    try:
        root = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise MalformedPolicyError(malformed.DOCUMENT, f"not JSON: {error}") from None
    if not isinstance(root, dict) or not root.keys() <= _DOCUMENT_MEMBERS:
        raise malformed.syntax(f"a policy is an object of {', '.join(sorted(_DOCUMENT_MEMBERS))}")
    if root.get("Version") not in _VERSIONS:
        raise malformed.syntax("Version must be 2012-10-17")
    statements = root.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise malformed.syntax("Statement must be a statement or a list of them")
    found = tuple(_statement(index, source) for index, source in enumerate(statements))
    return Policy(name, version, found, frozenset(key for entry in found for key in _keys(entry)))


def _keys(statement: Statement) -> Iterable[str]:
    for condition in statement.conditions:
        yield templates.fold(condition.key)
    operands = [operand for condition in statement.conditions for operand in condition.operands]
    for template in (*statement.resources, *operands):
        yield from templates.keys(template)


def _statement(index: int, source: object) -> Statement:
    if not isinstance(source, dict) or not source.keys() <= _STATEMENT_MEMBERS:
        raise malformed.syntax(f"statement {index} must be an object of {', '.join(sorted(_STATEMENT_MEMBERS))}")
    sid, effect = source.get("Sid"), source.get("Effect")
    if not isinstance(sid, str | None):
        raise malformed.syntax(f"Sid of statement {index} must be a string")
    if effect not in ("Allow", "Deny"):
        raise malformed.syntax(f"Effect of statement {index} must be Allow or Deny")
    not_actions, actions = _one_of(source, "Action", "NotAction", index)
    not_resources, resources = _one_of(source, "Resource", "NotResource", index)
    templates = tuple(_resource(text) for text in resources)
    return Statement(
        index=index,
        sid=sid,
        effect=effect,
        actions=patterns.of(_action(text) for text in actions),
        not_actions=not_actions,
        resources=templates,
        not_resources=not_resources,
        conditions=tuple(_conditions(source.get("Condition", {}), index)),
        fixed=_fixed(templates),
    )


def _fixed(templates: tuple[templates.Template, ...]) -> patterns.Patterns | None:
    plain = [template for template in templates if isinstance(template, str)]
    return patterns.of(plain) if len(plain) == len(templates) else None


def _one_of(source: dict[str, Any], name: str, negation: str, index: int) -> tuple[bool, list[str]]:
    if (name in source) == (negation in source):
        raise malformed.syntax(f"statement {index} must have either {name} or {negation}")
    value = source.get(name, source.get(negation))
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise malformed.syntax(f"{name} of statement {index} must be a string or a list of strings")
    return negation in source, texts


def _action(text: str) -> str:
    if not _ACTION.fullmatch(text):
        raise malformed.action(text)
    return text.lower().replace("*", wildcards.STAR).replace("?", wildcards.HOLE)


def _resource(text: str) -> templates.Template:
    if text != "*" and not (text.startswith("arn:") and (text.count(":") >= 5 or text.endswith("*"))):
        raise malformed.resource(text)
    return templates.parse(text, wildcards=True)


def _conditions(source: object, index: int) -> Iterable[conditions.Condition]:
    if not isinstance(source, dict):
        raise malformed.syntax(f"Condition of statement {index} must be an object")
    for name, keys in source.items():
        found = _OPERATOR.fullmatch(name)
        if not found or (found[2] not in comparison.OPERATORS and found[2] != "Null"):
            raise malformed.syntax(f"statement {index} has an unknown condition operator {name!r}")
        if not isinstance(keys, dict) or not keys:
            raise malformed.syntax(f"{name} of statement {index} must be an object of condition keys")
        for key, value in keys.items():
            yield conditions.Condition(
                name, found[2], found[1] or "", bool(found[3]), key, _operands(found[2], name, value)
            )


def _operands(operator: str, name: str, value: object) -> tuple[templates.Template, ...]:
    texts = [_scalar(item, name) for item in (value if isinstance(value, list) else [value])]
    known = None if operator == "Null" else comparison.OPERATORS[operator]
    read = known.read if known else comparison.truth
    operands = tuple(templates.parse(text, wildcards=bool(known and known.wildcards)) for text in texts)
    for operand in operands:
        if isinstance(operand, str):
            try:
                read(operand)
            except ValueError:
                raise malformed.syntax(f"{operand!r} is no operand of {name}") from None
    return operands


def _scalar(value: object, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise malformed.syntax(f"the operands of {name} must be strings")
