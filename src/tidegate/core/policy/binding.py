"""Fixing a context and answering in it. Once per connection, then once per packet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tidegate.core import variables
from tidegate.core.policy import patterns, templates
from tidegate.core.policy.document import Policy, Statement
from tidegate.core.policy.patterns import Patterns
from tidegate.core.policy.templates import Context, ContextValues, Refuses, refuses_for_iot
from tidegate.core.variables import UnresolvedError


class Decision(NamedTuple):
    """What was decided, and by which statement: its policy, its index from 0, its Sid, the policy's version.

    None if no statement spoke: a denial that names no policy is implicit.
    """

    allowed: bool
    policy: str | None = None
    statement: int | None = None
    sid: str | None = None
    version: int | None = None

    @property
    def denied(self) -> bool:
        """Whether a statement denies it, which no other can allow."""
        return not self.allowed and self.policy is not None

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.policy is None:
            return "no statement allows it"
        verb = "allowed" if self.allowed else "denied"
        named = f" ({self.sid})" if self.sid else ""
        of = f"policy {self.policy!r}" if self.version is None else f"version {self.version} of policy {self.policy!r}"
        return f"{verb} by statement {self.statement}{named} of {of}"


class Skipped(NamedTuple):
    """A statement that cannot match in this context, or one resource of it, and why.

    ``missing`` are keys it needs that have no value.
    """

    policy: str
    statement: int
    sid: str | None
    reason: str
    missing: tuple[str, ...]


class Explanation(NamedTuple):
    """Everything about one decision.

    ``allowing`` and ``denying`` are the policies that have a statement of that effect which matches, ``skipped`` what
    this context leaves out of the statements about the action, ``missing`` the keys without a value that those name.
    """

    decision: Decision
    allowing: tuple[str, ...]
    denying: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Each key once, in the order of the policies."""
        return tuple(dict.fromkeys(key for entry in self.skipped for key in entry.missing))


class _Live(NamedTuple):
    policy: Policy
    statement: Statement
    resources: Patterns

    def applies(self, action: str) -> bool:
        return self.statement.applies(action)

    def covers(self, resource: str) -> bool:
        return self.resources.match(resource) != self.statement.not_resources


class _Side(NamedTuple):
    """Everything one effect says about one action."""

    named: Patterns
    all_but: tuple[Patterns, ...]

    def match(self, resource: str) -> bool:
        return self.named.match(resource) or any(not patterns.match(resource) for patterns in self.all_but)


class Bound:
    """The policies of one principal in one context, ready to answer."""

    __slots__ = ("_by_action", "_live", "_skipped")

    def __init__(self, live: tuple[_Live, ...], skipped: tuple[tuple[Statement, Skipped], ...]) -> None:
        self._live = live
        self._by_action: dict[str, tuple[_Side | None, _Side | None]] = {}
        self._skipped = skipped

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What this context leaves out of the statements; for explaining a refusal."""
        return tuple(entry for _, entry in self._skipped)

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
        return self.explain(action, resource).decision

    def explain(self, action: str, resource: str) -> Explanation:
        """The same with all that bears on it."""
        folded = action.lower()
        matching = [entry for entry in self._live if entry.applies(folded) and entry.covers(resource)]
        denying = [entry for entry in matching if entry.statement.effect == "Deny"]
        allowing = [entry for entry in matching if entry.statement.effect == "Allow"]
        return Explanation(
            _decision(denying or allowing, allowed=not denying),
            _named(allowing),
            _named(denying),
            tuple(entry for statement, entry in self._skipped if statement.applies(folded)),
        )

    def _sides(self, action: str) -> tuple[_Side | None, _Side | None]:
        live = [entry for entry in self._live if entry.applies(action.lower())]
        return (
            _side([entry for entry in live if entry.statement.effect == "Deny"]),
            _side([entry for entry in live if entry.statement.effect == "Allow"]),
        )


def _decision(deciding: list[_Live], *, allowed: bool) -> Decision:
    for policy, statement, _ in deciding:
        return Decision(allowed, policy.name, statement.index, statement.sid, policy.version)
    return Decision(allowed=False)


def _named(entries: list[_Live]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.policy.name for entry in entries))


def _side(live: list[_Live]) -> _Side | None:
    if not live:
        return None
    named = [entry.resources for entry in live if not entry.statement.not_resources]
    return _Side(
        patterns.union(named) if named else Patterns(),
        tuple(entry.resources for entry in live if entry.statement.not_resources),
    )


def bind(policies: Iterable[Policy], context: ContextValues, refuses: Refuses = refuses_for_iot) -> Bound:
    """Fix the context of a principal.

    Keys that only one request has (``iot:ConnectAttributes``, ``iot:LastWillTopic``) are known at CONNECT alone: bind
    for it with them and once more without. What looks at the time is good as long as
    the time in the context: bind again.
    """
    fixed = Context(context, refuses)
    live: list[_Live] = []
    skipped: list[tuple[Statement, Skipped]] = []
    for policy in policies:
        for statement in policy.statements:
            try:
                resources, lacking = _bound(statement, fixed)
                live.append(_Live(policy, statement, resources))
            except UnresolvedError as error:
                lacking = [error]
            skipped += [(statement, _skipped(policy, statement, error)) for error in lacking]
    return Bound(tuple(live), tuple(skipped))


def _skipped(policy: Policy, statement: Statement, error: UnresolvedError) -> Skipped:
    missing = () if error.missing is None else (error.missing,)
    return Skipped(policy.name, statement.index, statement.sid, str(error), missing)


def _bound(statement: Statement, context: Context) -> tuple[Patterns, list[UnresolvedError]]:
    """The resources of a statement in a context, and why others are left out.

    Raises ``UnresolvedError`` if the statement cannot match there.
    """
    for condition in statement.conditions:
        if not condition.met(context):
            known = bool(context.values(condition.key))
            text = f"condition {condition.name} on {condition.key} is not met"
            raise UnresolvedError(text, None if known else condition.key)
    if statement.fixed is not None:
        return statement.fixed, []
    usable, lacking = variables.usable(
        statement.resources,
        lambda template: templates.substituted(template, context),
        exceptions=statement.not_resources,
    )
    return patterns.of(usable), lacking
