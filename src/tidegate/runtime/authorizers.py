"""Asks custom authorizers about clients (device reference 2.10): found in the store, asked outside any transaction."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import NamedTuple

from tidegate.core import authorizers
from tidegate.core.authorizers import InvalidAnswerError, Shown, Verdict
from tidegate.net.hooks import HookFaultError
from tidegate.ops import authorizers as operations
from tidegate.rate_limited_log import RateLimitedLog
from tidegate.runtime.service import Service
from tidegate.store import authorizers as stored
from tidegate.store import domain_configurations, scopes
from tidegate.store.authorizers import ACTIVE, Authorizer
from tidegate.store.database import Lane, Tx, in_lane

log = logging.getLogger("tidegate.access")

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


class Admitted(NamedTuple):
    """A client that an authorizer lets in, and the authorizer as it was then."""

    verdict: Verdict
    scope: int
    account: str
    region: str
    authorizer: Authorizer


class _RefusedError(Exception):
    """The authorizer's name, why a client is not let in as the metrics have it, and in words."""


class Authorizers:
    """The authorizers of a server. Lives on its event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._outcomes = service.authorized
        self._limited_log = RateLimitedLog(log)

    async def admit(self, shown: Shown, address: str) -> Admitted | None:
        """What an authorizer says of a client; None if it is not let in, with a line in the log.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            admitted = await self._asked(shown)
        except _RefusedError as refusal:
            name, outcome, reason = refusal.args
            self._outcomes[outcome] += 1
            self._service.refusals.count(address, f"a client of authorizer {name!a}", "CUSTOM_AUTHENTICATION_FAILED")
            self._limited_log.warning("a client at %s is not let in by authorizer %a: %s", address, name, reason)
            return None
        self._outcomes["accepted"] += 1
        return admitted

    async def _asked(self, shown: Shown) -> Admitted:
        service = self._service
        account, region = self._meant(shown.server_name)
        name = shown.parameters.get(authorizers.NAME)
        look = partial(_find, account=account, region=region, name=name, server_name=shown.server_name)
        found = await service.unit.read(in_lane(Lane.IDENTITY, look))
        if found is None:
            raise _RefusedError(
                name or "", "missing", "there is none" if name else "it names none, and there is no default"
            )
        scope, known = found
        judge = operations.judge(service.hooks_of(account), known, shown, service.ids.uuid())
        if judge.question is None:
            raise _RefusedError(known.name, "unasked", str(judge.refusal))
        question = judge.question
        try:
            answer = await service.hooks.call(question.hook, question.body, timeout_s=question.timeout_s)
            verdict = authorizers.read(answer)
        except (HookFaultError, InvalidAnswerError) as error:
            raise _RefusedError(known.name, "unanswered", f"its answer is none: {error}") from None
        if verdict is None:
            raise _RefusedError(known.name, "denied", "it says no")
        return Admitted(verdict, scope, account, region, known)

    async def stands(self, admitted: Admitted) -> bool:
        """Whether the authorizer that let a client in is what it was.

        Raises:
            StoreError: the store cannot be read.
        """

        def look(tx: Tx) -> bool:
            known, before = stored.by_id(tx, admitted.authorizer.id), admitted.authorizer
            return (
                known is not None and known.status == ACTIVE and known._replace(is_default=before.is_default) == before
            )

        return await self._service.unit.read(in_lane(Lane.IDENTITY, look))

    def _meant(self, server_name: str | None) -> tuple[str, str]:
        """Account and region that a server name has among its labels; the server's own otherwise."""
        labels = (server_name or "").lower().split(".")
        own = self._service.settings
        account = next((label for label in labels if _ACCOUNT.fullmatch(label)), own.account)
        return account, next((label for label in labels if _REGION.fullmatch(label)), own.region)


def _find(
    tx: Tx, account: str, region: str, name: str | None, server_name: str | None
) -> tuple[int, Authorizer] | None:
    """The authorizer that a client means, or that the domain it comes by has for it; and the scope that has it.

    The account is what a stranger says: one that was never used stays unknown.
    """
    scope = scopes.find(tx, account, region)
    known = None if scope is None else _of_scope(tx, scope, name, server_name)
    return None if scope is None or known is None else (scope, known)


def _of_scope(tx: Tx, scope: int, name: str | None, server_name: str | None) -> Authorizer | None:
    domain = None
    if server_name and server_name.isprintable():
        domain = domain_configurations.of_domain(tx, scope, server_name.lower())
    if domain is not None and domain.status == "ENABLED" and not (name and domain.allow_override) and domain.authorizer:
        return stored.find(tx, scope, domain.authorizer)
    if name is None:
        return stored.default(tx, scope)
    return stored.find(tx, scope, name) if name.isprintable() else None
