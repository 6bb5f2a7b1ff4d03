"""Whether the policies of a principal allow a request, and which statement said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tidegate.core import wildcards
from tidegate.core.iam import patterns
from tidegate.core.iam.documents import Policy, Statement
from tidegate.core.iam.patterns import Context
from tidegate.core.variables import UnresolvedError


class Asked(NamedTuple):
    """One question: may this be done to that?

    ``actions`` are the names of one action (older policies know some by another); a statement speaks of all of them if
    it speaks of one. ``resource`` is an ARN or ``*``.
    """

    actions: tuple[str, ...]
    resource: str
    context: Context


class Decision(NamedTuple):
    """What was decided. ``policy``, ``statement`` (from 1) and ``sid`` name the statement; None if none spoke.

    ``kind`` is whose policies decided: ``identity-based`` or ``session``.
    """

    allowed: bool
    kind: str = "identity-based"
    policy: str | None = None
    statement: int | None = None
    sid: str | None = None

    @property
    def explicit(self) -> bool:
        """A statement decided, and not the lack of one."""
        return self.statement is not None

    def because(self, action: str) -> str:
        """The end of AWS's sentence for a refusal."""
        if self.explicit:
            return f"with an explicit deny in {'an' if self.kind == 'identity-based' else 'a'} {self.kind} policy"
        return f"because no {self.kind} policy allows the {action} action"


def decide(identity: Sequence[Policy], session: Sequence[Policy] | None, asked: Asked) -> Decision:
    """Put a question to the policies of a principal.

    Args:
        identity: those attached to it.
        session: those of its temporary credentials, which may only take away; None if it has none.
        asked: the question.
    """
    own = _among(identity, asked, "identity-based")
    if session is None or (own.explicit and not own.allowed):
        return own
    narrowed = _among(session, asked, "session")
    return narrowed if own.allowed or (narrowed.explicit and not narrowed.allowed) else own


def _among(policies: Sequence[Policy], asked: Asked, kind: str) -> Decision:
    allowed: Decision | None = None
    lowered = tuple(action.lower() for action in asked.actions)
    for policy in policies:
        for statement in policy.statements:
            if (statement.effect == "Allow" and allowed) or not _applies(statement, lowered, asked):
                continue
            found = Decision(statement.effect == "Allow", kind, policy.name, statement.number, statement.sid)
            if not found.allowed:
                return found
            allowed = found
    return allowed or Decision(False, kind)


def _applies(statement: Statement, actions: tuple[str, ...], asked: Asked) -> bool:
    named = any(wildcards.matches(pattern, action) for pattern in statement.actions for action in actions)
    if named == statement.not_actions:
        return False
    try:
        resources = patterns.usable(statement.resources, asked.context, exceptions=statement.not_resources)
        meant = any(wildcards.matches(resource, asked.resource) for resource in resources)
        return meant != statement.not_resources and all(
            condition.met(asked.context) for condition in statement.conditions
        )
    except UnresolvedError:
        return False
