"""``tidegate approve`` and ``tidegate approvals``: jobs that wait for a second pair of eyes, and the rules for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from tidegate.cli import options
from tidegate.cli.hold import JobId
from tidegate.cli.own import Place, Region
from tidegate.ops.approvals import (
    Approval,
    ApprovalRules,
    Approvals,
    ApproveJobRequest,
    DeleteApprovalRuleRequest,
    DescribeApprovalRequest,
    ListApprovalRulesRequest,
    ListApprovalsRequest,
    PutApprovalRuleRequest,
)
from tidegate.ops.holds import HeldJob

app = App(name="approvals", help="Jobs that wait for an approval, and the rules that demand it.")

Learn = Annotated[tuple[str, ...], Parameter(help="Learn what the devices are like from what this job did; several.")]


def approve(
    job: JobId,
    /,
    *,
    comment: Annotated[str | None, Parameter(help="Why; it is kept with the approval.")] = None,
    from_job: Learn = (),
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Let a job go on that waits for an approval, as the user of this machine.

    Works on the store; a running server follows within a second. Ends with 0, or 2 if the job cannot be approved.
    """
    request = ApproveJobRequest(job_id=job, comment=comment, from_jobs=list(from_job) or None)
    found: HeldJob | None = Place(data, store, account, region).carry_out("ApproveJob", request)
    if found is None:
        return 2
    print(f"Job {found.job_id} is approved.")
    return 0


@app.command(name="list")
def show_all(
    *,
    waiting: Annotated[bool, Parameter(help="Those alone that nobody has approved.", negative=())] = False,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """List the requests, the newest job first."""
    place, token = Place(data, store, account, region), None
    while True:
        request = ListApprovalsRequest(waiting=waiting, next_token=token)
        found: Approvals | None = place.carry_out("ListApprovals", request)
        if found is None:
            return 2
        for each in found.approvals:
            print(_line(each))
        token = found.next_token
        if token is None:
            return 0


@app.command
def show(
    job: JobId,
    /,
    *,
    from_job: Learn = (),
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Show a request with its forecast: of now while it waits, of then if it was approved."""
    request = DescribeApprovalRequest(job_id=job, from_jobs=list(from_job) or None)
    found: Approval | None = Place(data, store, account, region).carry_out("DescribeApproval", request)
    if found is None:
        return 2
    print(_line(found))
    for text in found.forecast["findings"] if found.forecast else [found.no_forecast]:
        print(f"  {text}")
    return 0


@app.command
def add_rule(
    name: Annotated[str, Parameter(help="The rule's name; one with this name is replaced.")],
    /,
    *,
    more_than_things: Annotated[int | None, Parameter(help="Jobs for more things than this.")] = None,
    tag: Annotated[str | None, Parameter(help="KEY=VALUE: jobs with this tag, or aimed at groups with it.")] = None,
    no_abort_criterion: Annotated[bool, Parameter(help="Jobs without an abort criterion.", negative=())] = False,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Have jobs wait for an approval that meet all conditions given."""
    request = PutApprovalRuleRequest(
        rule_name=name, more_than_things=more_than_things, tag=tag, no_abort_criterion=no_abort_criterion
    )
    if Place(data, store, account, region).carry_out("PutApprovalRule", request) is None:
        return 2
    print(f"Rule {name} counts from now on.")
    return 0


@app.command
def delete_rule(
    name: Annotated[str, Parameter(help="The rule's name.")],
    /,
    *,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Delete a rule; what waits because of it waits on."""
    request = DeleteApprovalRuleRequest(rule_name=name)
    if Place(data, store, account, region).carry_out("DeleteApprovalRule", request) is None:
        return 2
    print(f"Rule {name} is deleted.")
    return 0


@app.command
def rules(
    *,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """List the rules."""
    request = ListApprovalRulesRequest()
    found: ApprovalRules | None = Place(data, store, account, region).carry_out("ListApprovalRules", request)
    if found is None:
        return 2
    for each in found.rules:
        conditions = [f"more than {each.more_than_things} things"] if each.more_than_things is not None else []
        conditions += [f"tag {each.tag}"] if each.tag is not None else []
        conditions += ["no abort criterion"] if each.no_abort_criterion else []
        print(f"{each.rule_name}: {' and '.join(conditions)}")
    return 0


def _line(found: Approval) -> str:
    """A request for people."""
    asked = f"asked for by {', '.join(found.asked_by)} at {_told(found.asked_at)}"
    said = f" ({found.comment})" if found.comment else ""
    approved = f"approved by {found.approved_by} at {_told(found.approved_at or 0)}{said}"
    state = "waits" if found.waiting else approved if found.approved_by else "waits no more"
    return f"{found.job_id}: {state}; {asked}; {'; '.join(found.reasons)}"


def _told(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
