"""The AWS policy language, as AWS IoT evaluates it (device reference 8.1 to 8.4).

Three steps, each done as rarely as its input changes:

1. ``parse`` reads one document: grammar, literal patterns, condition operands. Once per stored policy version.
2. ``bind`` fixes a context (client id, certificate, address): substitutes variables, settles conditions, and drops the
   statements that cannot match. Once per connection.
3. ``Bound.allows`` answers one ``(action, resource)``. Once per packet.

The rules: an explicit Deny wins, else any Allow, else no. ``*`` is any run of characters, ``/`` and ``:`` included,
and ``?`` any one; MQTT's ``+`` and ``#`` are ordinary text. Substituted text is literal. A statement with a variable
that has no value does not match, whatever its effect. ``${*}``, ``${?}`` and ``${$}`` stand for the characters
themselves.

Which policies apply, and which variables exist, is the caller's knowledge; nothing here knows IoT but
``refuses_for_iot``. Patterns are matched by hand rather than by ``re``: compiling a regular expression per connection
costs more than the connection, and a pattern with many stars must not be able to backtrack.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

ContextValues = Mapping[str, str | Sequence[str]]
"""Condition keys and policy variables with their values, spelled as policies spell them; case is ignored."""

Refuses = Callable[[str, str], bool]
"""``(folded key, value)``: true if the value must not be substituted for a variable."""

# --------------------------------------------------------------------------------------------------------------- texts

_TEXTS: Final = {
    "document": "Policy document is Malformed",
    "syntax": "Policy document is Malformed: Invalid policy syntax.",
    "resource": "Policy document is Malformed: The following resources are invalid : {}",
    # By analogy with the resource text, which was observed; not observed itself.
    "action": "Policy document is Malformed: The following actions are invalid : {}",
}


class MalformedPolicyError(ValueError):
    """A document CreatePolicy refuses. ``str(error)`` is the answer on the wire, ``detail`` says what is wrong."""

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(text)
        self.detail = detail


def _malformed(detail: str) -> MalformedPolicyError:
    return MalformedPolicyError(_TEXTS["syntax"], detail)


# ------------------------------------------------------------------------------------------------------------ patterns

# Marks for the two wildcards inside a pattern. Lone surrogates never occur in text decoded from UTF-8 or JSON.
_STAR: Final = "\udc00"
_HOLE: Final = "\udc01"


class _Variable(NamedTuple):
    key: str
    default: str | None


_Template = str | tuple[str | _Variable, ...]
"""A pattern with marks; a plain string if it holds no variable."""

_SPECIAL = re.compile(r"\$\{([^{}]*)\}|[*?]")
_VARIABLE = re.compile(r"([^\s,'\[\]]+(?:\[[^\]]+\])?)(?:\s*,\s*'([^']*)')?\Z")
_ESCAPES: Final = frozenset("*?$")
_MARKS: Final = {"*": _STAR, "?": _HOLE}
_MARKED: Final = frozenset(_MARKS.values())


class _UnresolvedError(Exception):
    """A variable without a usable value."""


def _template(text: str, *, wildcards: bool) -> _Template:
    parts: list[str | _Variable] = []
    literal = ""
    end = 0
    for found in _SPECIAL.finditer(text):
        literal += _plain(text[end : found.start()])
        end = found.end()
        name = found[1]
        if name is None:
            literal += _MARKS[found[0]] if wildcards else found[0]
        elif name in _ESCAPES:
            literal += name
        else:
            parts += [literal, _variable(name)]
            literal = ""
    literal += _plain(text[end:])
    return (*parts, literal) if parts else literal


def _plain(text: str) -> str:
    if "${" in text:
        raise _malformed(f"a variable is not closed in {text!r}")
    return text


def _variable(text: str) -> _Variable:
    found = _VARIABLE.match(text.strip())
    if not found:
        raise _malformed(f"${{{text}}} is no variable")
    return _Variable(found[1], found[2])


def _substituted(template: _Template, context: _Context) -> str:
    if isinstance(template, str):
        return template
    return "".join([part if isinstance(part, str) else context.substitute(part) for part in template])


_NONE: Final[frozenset[str]] = frozenset()
"""One for all: an empty frozenset takes 216 bytes, and every connection has several."""


class _Patterns(NamedTuple):
    """A set of patterns, sorted by how they are matched."""

    exact: frozenset[str] = _NONE
    prefixes: tuple[str, ...] = ()
    globs: tuple[tuple[str, ...], ...] = ()

    def match(self, text: str) -> bool:
        return (
            text in self.exact
            or (bool(self.prefixes) and text.startswith(self.prefixes))
            or (bool(self.globs) and any(_glob(segments, text) for segments in self.globs))
        )


def _patterns(marked: Iterable[str]) -> _Patterns:
    exact: set[str] = set()
    prefixes: list[str] = []
    globs: list[tuple[str, ...]] = []
    for pattern in marked:
        segments = tuple(pattern.split(_STAR))
        if _HOLE in pattern or len(segments) > 2 or (len(segments) == 2 and segments[1]):
            globs.append(segments)
        elif len(segments) == 2:
            prefixes.append(segments[0])
        else:
            exact.add(pattern)
    return _Patterns(frozenset(exact) if exact else _NONE, tuple(prefixes), tuple(globs))


def _union(sets: Sequence[_Patterns]) -> _Patterns:
    if len(sets) == 1:
        return sets[0]
    return _Patterns(
        frozenset().union(*[s.exact for s in sets]),
        tuple(prefix for s in sets for prefix in s.prefixes),
        tuple(glob for s in sets for glob in s.globs),
    )


def _glob(segments: tuple[str, ...], text: str) -> bool:
    """Match text against segments with any run of characters between them. The leftmost place of each is enough."""
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(text) == len(first) and _fits(first, text, 0)
    at, end = len(first), len(text) - len(last)
    if at > end or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    for segment in segments[1:-1]:
        at = _find(segment, text, at, end)
        if at < 0:
            return False
        at += len(segment)
    return True


def _fits(segment: str, text: str, at: int) -> bool:
    if _HOLE not in segment:
        return text.startswith(segment, at)
    window = text[at : at + len(segment)]
    return len(window) == len(segment) and all(s in (c, _HOLE) for s, c in zip(segment, window, strict=True))


def _find(segment: str, text: str, at: int, end: int) -> int:
    if _HOLE not in segment:
        return text.find(segment, at, end)
    return next((place for place in range(at, end - len(segment) + 1) if _fits(segment, text, place)), -1)


# ---------------------------------------------------------------------------------------------------------- conditions


def _number(text: str) -> float:
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text, re.ASCII):
        raise ValueError(text)
    return float(text)


def _instant(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 date or of a number of seconds."""
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return float(text)
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


@functools.lru_cache(maxsize=256)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _within(network: str, address: str) -> bool:
    found = ipaddress.ip_address(address)
    # A listener on both protocols sees an IPv4 peer as ::ffff:a.b.c.d.
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in _network(network)


def _like(pattern: str, text: str) -> bool:
    return _glob(tuple(pattern.split(_STAR)), text)


def _arn_like(pattern: str, text: str) -> bool:
    # Each of the six parts by itself: a wildcard does not reach over a colon.
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(_like, patterns, parts))


class _Operator(NamedTuple):
    """``holds(operand, value)``; an operand that ``check`` refuses makes the policy malformed."""

    holds: Callable[[str, str], bool]
    negated: bool = False
    wildcards: bool = False
    check: Callable[[str], object] = str


def _compared(read: Callable[[str], Any], test: Callable[[Any, Any], bool], *, negated: bool = False) -> _Operator:
    return _Operator(lambda operand, value: test(read(value), read(operand)), negated=negated, check=read)


def _ordered(name: str, read: Callable[[str], Any]) -> dict[str, _Operator]:
    return {
        f"{name}Equals": _compared(read, lambda value, operand: bool(value == operand)),
        f"{name}NotEquals": _compared(read, lambda value, operand: bool(value == operand), negated=True),
        f"{name}LessThan": _compared(read, lambda value, operand: bool(value < operand)),
        f"{name}LessThanEquals": _compared(read, lambda value, operand: bool(value <= operand)),
        f"{name}GreaterThan": _compared(read, lambda value, operand: bool(value > operand)),
        f"{name}GreaterThanEquals": _compared(read, lambda value, operand: bool(value >= operand)),
    }


def _same_but_case(operand: str, value: str) -> bool:
    return operand.lower() == value.lower()


_OPERATORS: Final[dict[str, _Operator]] = {
    "StringEquals": _Operator(str.__eq__),
    "StringNotEquals": _Operator(str.__eq__, negated=True),
    "StringEqualsIgnoreCase": _Operator(_same_but_case),
    "StringNotEqualsIgnoreCase": _Operator(_same_but_case, negated=True),
    "StringLike": _Operator(_like, wildcards=True),
    "StringNotLike": _Operator(_like, negated=True, wildcards=True),
    "ArnEquals": _Operator(_arn_like, wildcards=True),
    "ArnLike": _Operator(_arn_like, wildcards=True),
    "ArnNotEquals": _Operator(_arn_like, negated=True, wildcards=True),
    "ArnNotLike": _Operator(_arn_like, negated=True, wildcards=True),
    "Bool": _compared(_truth, lambda value, operand: value is operand),
    "IpAddress": _Operator(_within, check=_network),
    "NotIpAddress": _Operator(_within, negated=True, check=_network),
    **_ordered("Numeric", _number),
    **_ordered("Date", _instant),
}


class _Condition(NamedTuple):
    """One operator on one key; ``operands`` are alternatives."""

    name: str
    operator: str
    quantifier: str
    if_exists: bool
    key: str
    operands: tuple[_Template, ...]

    def met(self, context: _Context) -> bool:
        values = context.values(self.key)
        operands = [_substituted(operand, context) for operand in self.operands]
        if self.operator == "Null":
            return any(operand.lower() == ("false" if values else "true") for operand in operands)
        if not values and self.if_exists:
            return True
        operator = _OPERATORS[self.operator]
        single = functools.partial(_single, operator, operands)
        if self.quantifier == "ForAllValues":
            return all(map(single, values))
        if self.quantifier == "ForAnyValue":
            return any(map(single, values))
        if operator.negated:
            return all(map(single, values))
        return any(map(single, values))


def _single(operator: _Operator, operands: list[str], value: str) -> bool:
    return any(_holds(operator, operand, value) for operand in operands) != operator.negated


def _holds(operator: _Operator, operand: str, value: str) -> bool:
    try:
        return operator.holds(operand, value)
    except ValueError:  # a value of another kind: "abc" where a number or an address is compared
        return False


# ------------------------------------------------------------------------------------------------------------- parsing


class Statement(msgspec.Struct, frozen=True):
    """One statement; ``index`` counts from 0 in its document."""

    index: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    actions: _Patterns
    not_actions: bool
    resources: tuple[_Template, ...]
    not_resources: bool
    conditions: tuple[_Condition, ...]
    fixed: _Patterns | None
    """The resources, if none of them holds a variable."""


class Policy(msgspec.Struct, frozen=True):
    """A parsed document; ``name`` is only for naming it in decisions."""

    name: str
    statements: tuple[Statement, ...]


_VERSIONS: Final = (None, "2012-10-17", "2008-10-17")
_DOCUMENT_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_MEMBERS: Final = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_CONDITION = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")


def parse(document: str, name: str = "") -> Policy:
    """Read a policy document. Raises ``MalformedPolicyError`` for what CreatePolicy refuses.

    The size limit (device reference 6) is not checked here. ``Version`` may be missing; variables are substituted
    whatever it says, so that a Deny never silently stops working for lack of it.
    """
    try:
        root = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise MalformedPolicyError(_TEXTS["document"], f"not JSON: {error}") from None
    if not isinstance(root, dict) or not root.keys() <= _DOCUMENT_MEMBERS:
        raise _malformed(f"a policy is an object of {', '.join(sorted(_DOCUMENT_MEMBERS))}")
    if root.get("Version") not in _VERSIONS:
        raise _malformed("Version must be 2012-10-17")
    statements = root.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("Statement must be a statement or a list of them")
    return Policy(name, tuple(_statement(index, source) for index, source in enumerate(statements)))


def _statement(index: int, source: object) -> Statement:
    if not isinstance(source, dict) or not source.keys() <= _STATEMENT_MEMBERS:
        raise _malformed(f"statement {index} must be an object of {', '.join(sorted(_STATEMENT_MEMBERS))}")
    sid, effect = source.get("Sid"), source.get("Effect")
    if not isinstance(sid, str | None):
        raise _malformed(f"Sid of statement {index} must be a string")
    if effect not in ("Allow", "Deny"):
        raise _malformed(f"Effect of statement {index} must be Allow or Deny")
    not_actions, actions = _one_of(source, "Action", "NotAction", index)
    not_resources, resources = _one_of(source, "Resource", "NotResource", index)
    templates = tuple(_resource(text) for text in resources)
    return Statement(
        index=index,
        sid=sid,
        effect=effect,
        actions=_patterns(_action(text) for text in actions),
        not_actions=not_actions,
        resources=templates,
        not_resources=not_resources,
        conditions=tuple(_conditions(source.get("Condition", {}), index)),
        fixed=_fixed(templates),
    )


def _fixed(templates: tuple[_Template, ...]) -> _Patterns | None:
    plain = [template for template in templates if isinstance(template, str)]
    return _patterns(plain) if len(plain) == len(templates) else None


def _one_of(source: dict[str, Any], name: str, negation: str, index: int) -> tuple[bool, list[str]]:
    if (name in source) == (negation in source):
        raise _malformed(f"statement {index} must have either {name} or {negation}")
    value = source.get(name, source.get(negation))
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _malformed(f"{name} of statement {index} must be a string or a list of strings")
    return negation in source, texts


def _action(text: str) -> str:
    if not _ACTION.fullmatch(text):
        raise MalformedPolicyError(_TEXTS["action"].format(text), f"{text!r} is no action")
    return text.lower().replace("*", _STAR).replace("?", _HOLE)


def _resource(text: str) -> _Template:
    if text != "*" and not (text.startswith("arn:") and (text.count(":") >= 5 or text.endswith("*"))):
        raise MalformedPolicyError(_TEXTS["resource"].format(text), f"{text!r} is no resource")
    return _template(text, wildcards=True)


def _conditions(source: object, index: int) -> Iterable[_Condition]:
    if not isinstance(source, dict):
        raise _malformed(f"Condition of statement {index} must be an object")
    for name, keys in source.items():
        found = _CONDITION.fullmatch(name)
        if not found or (found[2] not in _OPERATORS and found[2] != "Null"):
            raise _malformed(f"statement {index} has an unknown condition operator {name!r}")
        if not isinstance(keys, dict) or not keys:
            raise _malformed(f"{name} of statement {index} must be an object of condition keys")
        for key, value in keys.items():
            yield _Condition(name, found[2], found[1] or "", bool(found[3]), key, _operands(found[2], name, value))


def _operands(operator: str, name: str, value: object) -> tuple[_Template, ...]:
    texts = [_scalar(item, name) for item in (value if isinstance(value, list) else [value])]
    wildcards = operator != "Null" and _OPERATORS[operator].wildcards
    check = _truth if operator == "Null" else _OPERATORS[operator].check
    operands = tuple(_template(text, wildcards=wildcards) for text in texts)
    for operand in operands:
        if isinstance(operand, str):
            try:
                check(operand)
            except ValueError:
                raise _malformed(f"{operand!r} is no operand of {name}") from None
    return operands


def _scalar(value: object, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _malformed(f"the operands of {name} must be strings")


# ------------------------------------------------------------------------------------------------------------- binding


def refuses_for_iot(key: str, value: str) -> bool:
    """Values a client chooses must not smuggle wildcards into a policy (device reference 8.3)."""
    if not (key.startswith("iot:certificate.") or key == "iot:clientid"):
        return False
    return len(value) > 1024 or not _WILD.isdisjoint(value)


_WILD: Final = frozenset("*$+?#")


class _Context:
    __slots__ = ("_refuses", "_values")

    def __init__(self, values: ContextValues, refuses: Refuses) -> None:
        self._refuses = refuses
        self._values = {
            _fold(key): (value,) if isinstance(value, str) else tuple(value) for key, value in values.items()
        }

    def values(self, key: str) -> tuple[str, ...]:
        return self._values.get(_fold(key), ())

    def substitute(self, variable: _Variable) -> str:
        key = _fold(variable.key)
        values = self._values.get(key, ())
        if not values and variable.default is not None:
            return variable.default
        if len(values) != 1:
            raise _UnresolvedError(f"${{{variable.key}}} has no value")
        if self._refuses(key, values[0]) or not _MARKED.isdisjoint(values[0]):
            raise _UnresolvedError(f"the value of ${{{variable.key}}} holds wildcards or is too long")
        return values[0]


def _fold(key: str) -> str:
    # Attribute names between brackets keep their case: two attributes may differ in nothing else.
    head, bracket, rest = key.partition("[")
    return head.lower() + bracket + rest


class Decision(NamedTuple):
    """What was decided, and by which statement: its policy, its index from 0, its Sid. None if no statement spoke."""

    allowed: bool
    policy: str | None = None
    statement: int | None = None
    sid: str | None = None

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.policy is None:
            return "no statement allows it"
        verb = "allowed" if self.allowed else "denied"
        named = f" ({self.sid})" if self.sid else ""
        return f"{verb} by statement {self.statement}{named} of policy {self.policy!r}"


class Skipped(NamedTuple):
    """A statement that cannot match in this context, and why."""

    policy: str
    statement: int
    sid: str | None
    reason: str


class _Live(NamedTuple):
    policy: str
    statement: Statement
    resources: _Patterns

    def applies(self, action: str) -> bool:
        return self.statement.actions.match(action) != self.statement.not_actions

    def covers(self, resource: str) -> bool:
        return self.resources.match(resource) != self.statement.not_resources


class _Side(NamedTuple):
    """Everything one effect says about one action."""

    named: _Patterns
    all_but: tuple[_Patterns, ...]

    def match(self, resource: str) -> bool:
        return self.named.match(resource) or any(not patterns.match(resource) for patterns in self.all_but)


class Bound:
    """The policies of one principal in one context, ready to answer."""

    __slots__ = ("_by_action", "_live", "skipped")

    def __init__(self, live: tuple[_Live, ...], skipped: tuple[Skipped, ...]) -> None:
        self._live = live
        self._by_action: dict[str, tuple[_Side | None, _Side | None]] = {}
        self.skipped = skipped
        """Statements that this context leaves out; for explaining a refusal."""

    def allows(self, action: str, resource: str) -> bool:
        """Whether ``action`` (any case) on ``resource`` (an ARN) is allowed."""
        sides = self._by_action.get(action)
        if sides is None:
            sides = self._by_action[action] = self._sides(action)
        deny, allow = sides
        if deny is not None and deny.match(resource):
            return False
        return allow is not None and allow.match(resource)

    def decide(self, action: str, resource: str) -> Decision:
        """As ``allows``, naming the first statement that decides."""
        folded = action.lower()
        matching = [entry for entry in self._live if entry.applies(folded) and entry.covers(resource)]
        denying = [entry for entry in matching if entry.statement.effect == "Deny"]
        for entry in denying or matching:
            return Decision(not denying, entry.policy, entry.statement.index, entry.statement.sid)
        return Decision(allowed=False)

    def _sides(self, action: str) -> tuple[_Side | None, _Side | None]:
        live = [entry for entry in self._live if entry.applies(action.lower())]
        return (
            _side([entry for entry in live if entry.statement.effect == "Deny"]),
            _side([entry for entry in live if entry.statement.effect == "Allow"]),
        )


def _side(live: list[_Live]) -> _Side | None:
    if not live:
        return None
    named = [entry.resources for entry in live if not entry.statement.not_resources]
    return _Side(
        _union(named) if named else _Patterns(),
        tuple(entry.resources for entry in live if entry.statement.not_resources),
    )


def bind(policies: Iterable[Policy], context: ContextValues, refuses: Refuses = refuses_for_iot) -> Bound:
    """Fix the context of a principal.

    Keys that only one request has (``iot:ConnectAttributes``, ``iot:LastWillTopic``) are known at CONNECT alone: bind
    for it with them and once more without. Conditions on the time hold as of ``aws:CurrentTime`` in the context.
    """
    fixed = _Context(context, refuses)
    live: list[_Live] = []
    skipped: list[Skipped] = []
    for policy in policies:
        for statement in policy.statements:
            try:
                resources, reason = _bound(statement, fixed)
            except _UnresolvedError as error:
                resources, reason = None, str(error)
            if resources is None:
                skipped.append(Skipped(policy.name, statement.index, statement.sid, reason))
            else:
                live.append(_Live(policy.name, statement, resources))
    return Bound(tuple(live), tuple(skipped))


def _bound(statement: Statement, context: _Context) -> tuple[_Patterns | None, str]:
    for condition in statement.conditions:
        if not condition.met(context):
            return None, f"condition {condition.name} on {condition.key} is not met"
    if statement.fixed is not None:
        return statement.fixed, ""
    return _patterns(_substituted(template, context) for template in statement.resources), ""
