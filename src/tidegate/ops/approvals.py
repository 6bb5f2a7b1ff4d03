"""Approvals: rules say which jobs are held when they are created, until another principal lets them go on.

Rules are an account's; they are judged when a job is created and when it is given more targets, on what it is then. Who
asks, adds targets to a job or changes one that waits, cannot approve it. With authentication off callers cannot be told
apart, and anybody approves. The forecast of a request is made when somebody looks at it, of the job and the groups as
they are then; the one at the moment of the approval is kept with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from tidegate.core import approval, texts
from tidegate.core import job as machine
from tidegate.core.approval import Rule
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.forecast.run import Start
from tidegate.core.job import Hold, HoldKind
from tidegate.ops import configuration, forecast, holds, job_state, transitions
from tidegate.ops.call import Call
from tidegate.ops.configuration import Configuration
from tidegate.ops.forecast import Bounds
from tidegate.ops.handler import Computed, Handlers, Prepared, Read, Write
from tidegate.ops.holds import HeldJob
from tidegate.ops.paging import following, page
from tidegate.store import approvals, groups, jobs
from tidegate.store import tags as stored_tags
from tidegate.store.database import Tx
from tidegate.store.jobs import Job, Target
from tidegate.wire import iot
from tidegate.wire.errors import AccessDeniedException
from tidegate.wire.shapes import SparseShape

ANONYMOUS: Final = "anonymous"
_NEWEST: Final = 1 << 62
_PAGE: Final = 50
_RUNS: Final = 20
_GROUPS: Final = 10_000
"""Groups below a target whose tags are looked at."""
_MOST_THINGS: Final = 20_000_000
"""In all runs of a forecast together: about ten seconds."""
_BOUNDS: Final = Bounds(present=20_000, learned=5_000)


class PutApprovalRuleRequest(SparseShape):
    """A rule: all conditions that are given must hold. ``tag`` is ``key=value``."""

    __required__ = ("rule_name",)
    rule_name: str
    more_than_things: int | None = None
    tag: str | None = None
    no_abort_criterion: bool = False


class DeleteApprovalRuleRequest(SparseShape):
    """Which rule."""

    __required__ = ("rule_name",)
    rule_name: str


class ListApprovalRulesRequest(SparseShape):
    """All of them."""


class ApprovalRules(SparseShape):
    """An account's rules, by name."""

    rules: list[PutApprovalRuleRequest]


class ListApprovalsRequest(SparseShape):
    """``waiting``: those alone that nobody has approved yet."""

    waiting: bool = False
    next_token: str | None = None
    max_results: int | None = None


class DescribeApprovalRequest(SparseShape):
    """``from_jobs``: what devices are like is learned from what these jobs did."""

    __required__ = ("job_id",)
    job_id: str
    from_jobs: list[str] | None = None


class ApproveJobRequest(SparseShape):
    """``from_jobs`` as of DescribeApproval."""

    __required__ = ("job_id",)
    job_id: str
    comment: str | None = None
    from_jobs: list[str] | None = None


class Approval(SparseShape):
    """A request and what became of it. Instants are epoch ms; ``forecast`` as ``POST /_tidegate/forecast`` has it."""

    job_id: str
    waiting: bool
    asked_by: list[str]
    asked_at: int
    reasons: list[str]
    approved_by: str | None = None
    approved_at: int | None = None
    comment: str | None = None
    forecast: Any = None
    no_forecast: str | None = None
    """Why there is none."""


class Approvals(SparseShape):
    """A page of requests, the newest job first, without their forecasts."""

    approvals: list[Approval]
    next_token: str | None = None


# --- rules ------------------------------------------------------------------------------------------------------------


def put_approval_rule(tx: Tx, call: Call, request: PutApprovalRuleRequest) -> PutApprovalRuleRequest:
    """Keep a rule, in place of one with the same name; it counts for jobs from now on.

    Raises:
        InvalidRequestException: it has no condition, or one that is none.
    """
    problems = []
    if not 1 <= len(request.rule_name) <= 128:
        problems.append("ruleName has 1 to 128 characters.")
    if request.more_than_things is not None and request.more_than_things < 0:
        problems.append("moreThanThings is not negative.")
    if request.tag is not None and not request.tag.partition("=")[0]:
        problems.append("tag is key=value.")
    if request.more_than_things is None and request.tag is None and not request.no_abort_criterion:
        problems.append("Give moreThanThings, tag, noAbortCriterion or several of them.")
    if problems:
        raise iot.InvalidRequestException(" ".join(problems))
    approvals.put_rule(tx, call.scope, request.rule_name, msgspec.json.encode(request).decode(), call.now)
    return request


def delete_approval_rule(tx: Tx, call: Call, request: DeleteApprovalRuleRequest) -> ApprovalRules:
    """Remove a rule; what waits because of it waits on. The rules that are left. Raises ResourceNotFoundException."""
    if not approvals.delete_rule(tx, call.scope, request.rule_name):
        raise iot.ResourceNotFoundException(f"There is no approval rule {request.rule_name}.")
    return list_approval_rules(tx, call, ListApprovalRulesRequest())


def list_approval_rules(tx: Tx, call: Call, _request: ListApprovalRulesRequest) -> ApprovalRules:
    """Every rule."""
    found = [msgspec.json.decode(each.config, type=PutApprovalRuleRequest) for each in approvals.rules(tx, call.scope)]
    return ApprovalRules(rules=found)


def demanded(
    tx: Tx, call: Call, configured: Configuration, targets: Iterable[Target], own_tags: dict[str, str]
) -> list[str]:
    """Why a job needs an approval; nothing if it needs none."""
    stored = approvals.rules(tx, call.scope)
    if not stored:
        return []
    aimed = list(targets)
    rules = [_rule(msgspec.json.decode(each.config, type=PutApprovalRuleRequest)) for each in stored]
    tagged = [own_tags]
    if any(rule.tag is not None for rule in rules):
        tagged += _tags_of_groups(tx, call, aimed)
    judged = approval.Judged(
        tagged, bool(configuration.abort_criteria(configured)), lambda limit: _exceeds(tx, aimed, limit)
    )
    return approval.reasons(rules, judged)


def _rule(given: PutApprovalRuleRequest) -> Rule:
    key, _, value = (given.tag or "").partition("=")
    return Rule(given.rule_name, given.more_than_things, (key, value) if given.tag else None, given.no_abort_criterion)


def _tags_of_groups(tx: Tx, call: Call, targets: Iterable[Target]) -> list[dict[str, str]]:
    """The tags of every group that a job is aimed at, and of those above and below it."""
    named: dict[str, None] = {}
    for target in targets:
        if target.group_id is not None:
            below = groups.page_below(tx, target.group_id, children=False, prefix="", after="", limit=_GROUPS)
            named |= dict.fromkeys([target.arn.rpartition("/")[2]])
            named |= dict.fromkeys(
                [each.name for each in groups.lineage(tx, target.group_id)] + [each.name for each in below]
            )
    return [stored_tags.of(tx, call.scope, call.arn(f"thinggroup/{name}")) for name in named]


def _exceeds(tx: Tx, targets: Iterable[Target], limit: int) -> bool:
    """Whether there are more things than so many; what is in several groups counts in each."""
    count = 0
    for target in targets:
        of_group = [] if target.group_id is None else groups.descendants(tx, target.group_id)
        for size in [1] if target.group_id is None else (groups.member_count(tx, each) for each in of_group):
            count += size
            if count > limit:
                return True
    return False


# --- requests ---------------------------------------------------------------------------------------------------------


def hold(call: Call, reasons: list[str]) -> Hold:
    """What holds a job that needs an approval."""
    return Hold(HoldKind.APPROVAL, call.now, "", texts.holds.awaits_approval(reasons))


def ask(tx: Tx, call: Call, job_id: int, reasons: list[str]) -> None:
    """Ask for the approval of a job; who asked for it before cannot approve it either."""
    before = approvals.get(tx, job_id)
    asked_by = dict.fromkeys([*(before.asked_by if before else ()), call.principal])
    approvals.put(tx, call.scope, job_id, list(asked_by), call.now, reasons)


def more_targets(tx: Tx, call: Call, row: Job, targets: Iterable[Target]) -> Job:
    """Hold a job that is given more targets, if it needs an approval with them."""
    own_tags = stored_tags.of(tx, call.scope, call.arn(f"job/{row.name}"))
    reasons = demanded(tx, call, configuration.decode(row.config), targets, own_tags)
    if not reasons or not machine.may_pause(job_state.of(row)):
        return row
    ask(tx, call, row.id, reasons)
    return transitions.advance(tx, call.now, row, machine.Pause(hold(call, reasons)))


def changed(tx: Tx, call: Call, row: Job) -> None:
    """A job was changed: who changes one that waits for an approval has asked for it, too."""
    kept = job_state.held(row).hold
    known = approvals.get(tx, row.id) if kept is not None and kept.kind is HoldKind.APPROVAL else None
    if known is not None and call.principal not in known.asked_by:
        approvals.put(tx, call.scope, row.id, [*known.asked_by, call.principal], known.asked_at, known.reasons)


def list_approvals(tx: Tx, call: Call, request: ListApprovalsRequest) -> Approvals:
    """Requests, the newest job first."""
    listing = ("ListApprovals", call.scope, request.waiting)
    where = page(listing, token=request.next_token, size=min(request.max_results or _PAGE, _PAGE), start=[_NEWEST])
    rows = approvals.page(tx, call.scope, int(where.position[0]), where.size + 1)
    shown = [_shown(each) for each in rows[: where.size] if _waits(each) or not request.waiting]
    return Approvals(approvals=shown, next_token=following(listing, rows, where.size, lambda row: [row.job_id]))


def _waits(found: approvals.Approval) -> bool:
    kept = job_state.read_hold(found.hold).hold
    return kept is not None and kept.kind is HoldKind.APPROVAL


def _shown(found: approvals.Approval) -> Approval:
    return Approval(
        job_id=found.job_name,
        waiting=_waits(found),
        asked_by=found.asked_by,
        asked_at=found.asked_at,
        reasons=found.reasons,
        approved_by=found.approved_by,
        approved_at=found.approved_at,
        comment=found.comment,
    )


class _Found(NamedTuple):
    shown: Approval
    kept: str | None
    start: Start | None
    fleet: Fleet


def _request(tx: Tx, call: Call, request: DescribeApprovalRequest | ApproveJobRequest) -> _Found:
    row = jobs.get(tx, call.scope, request.job_id)
    known = None if row is None else approvals.get(tx, row.id)
    if row is None or known is None:
        raise iot.ResourceNotFoundException(texts.holds.no_approval(request.job_id))
    shown = _shown(known)
    if not shown.waiting:
        return _Found(shown, known.forecast, None, Fleet())
    wanted = forecast.Wanted(job=row.name)
    try:
        start = forecast.start(tx, call, wanted, _BOUNDS)
        fleet = forecast.learned(tx, call, request.from_jobs, _BOUNDS) if request.from_jobs else Fleet()
    except forecast.RefusedError as error:
        shown.no_forecast = str(error)
        return _Found(shown, None, None, Fleet())
    return _Found(shown, None, start, fleet)


def _forecast(_call: Call, _request: Any, found: _Found) -> Approval:
    shown = found.shown
    if found.kept is not None:
        shown.forecast = json.loads(found.kept)
    elif found.start is not None:
        try:
            from tidegate.core.forecast import findings, report
            from tidegate.core.forecast import shown as as_json
        except ImportError:
            shown.no_forecast = "A forecast needs numpy: pip install 'tidegate[forecast]'."
            return shown
        runs = max(1, min(_RUNS, _MOST_THINGS // max(1, found.start.total)))
        made = report.of(found.start, found.fleet, runs=runs, seed=1)
        shown.forecast = as_json.of(made._replace(findings=tuple(findings.of(made, found.fleet))))
    return shown


def approve_job(tx: Tx, call: Call, request: ApproveJobRequest, seen: Approval) -> HeldJob:
    """Let a job go on that waits for an approval.

    Raises:
        ResourceNotFoundException: there is no such job, or it needs no approval.
        AccessDeniedException: the caller has asked for it, or has changed it meanwhile.
        InvalidStateTransitionException: it waits no more.
        LimitExceededException: it would begin now, and as many jobs run at once as may.
    """
    row = holds.locked(tx, call, request.job_id)
    kept = job_state.held(row).hold
    known = approvals.get(tx, row.id)
    if known is None:
        raise iot.ResourceNotFoundException(texts.holds.no_approval(row.name))
    if kept is None or kept.kind is not HoldKind.APPROVAL:
        raise iot.InvalidStateTransitionException(texts.holds.not_waiting(row.name))
    if call.principal in known.asked_by and call.principal != ANONYMOUS:
        raise AccessDeniedException(texts.holds.own_approval(row.name, call.principal))
    told = None if seen.forecast is None else json.dumps(seen.forecast)
    approvals.decide(tx, row.id, call.principal, call.now, request.comment, told)
    return holds.let_go_on(tx, call, row)


HANDLERS: Handlers = {
    ("tidegate", "PutApprovalRule"): Write(put_approval_rule),
    ("tidegate", "DeleteApprovalRule"): Write(delete_approval_rule),
    ("tidegate", "ListApprovalRules"): Read(list_approval_rules),
    ("tidegate", "ListApprovals"): Read(list_approvals),
    ("tidegate", "DescribeApproval"): Computed(_request, _forecast),
    ("tidegate", "ApproveJob"): Prepared(approve_job, prepare=_forecast, look=_request),
}
REQUESTS: dict[str, type[SparseShape]] = {
    "PutApprovalRule": PutApprovalRuleRequest,
    "DeleteApprovalRule": DeleteApprovalRuleRequest,
    "ListApprovalRules": ListApprovalRulesRequest,
    "ListApprovals": ListApprovalsRequest,
    "DescribeApproval": DescribeApprovalRequest,
    "ApproveJob": ApproveJobRequest,
}
