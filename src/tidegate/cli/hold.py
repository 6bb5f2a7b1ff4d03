"""``tidegate pause`` and ``tidegate resume``: hold a job, and let it go on."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tidegate.cli import options
from tidegate.cli.own import Place, Region
from tidegate.ops.holds import HeldJob, PauseJobRequest, ResumeJobRequest
from tidegate.wire.shapes import SparseShape

JobId = Annotated[str, Parameter(help="The job's id.")]


def pause(
    job: JobId,
    /,
    *,
    comment: Annotated[str | None, Parameter(help="Why; DescribeJob shows it meanwhile.")] = None,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Hold a job: nothing of it is released, started or tried again until it is resumed; what runs, runs on.

    Works on the store; a running server follows within a second. Ends with 0, or 2 if the job cannot be paused.
    """
    request = PauseJobRequest(job_id=job, comment=comment)
    return _done(Place(data, store, account, region), "PauseJob", request, "is paused")


def resume(
    job: JobId,
    /,
    *,
    account: options.OwnAccount = None,
    region: Region = None,
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Let a job go on that was paused, by somebody or by an abort criterion.

    Works on the store; a running server follows within a second. Ends with 0, or 2 if nothing holds the job.
    """
    return _done(Place(data, store, account, region), "ResumeJob", ResumeJobRequest(job_id=job), "goes on")


def _done(place: Place, name: str, request: SparseShape, what: str) -> int:
    found: HeldJob | None = place.carry_out(name, request)
    if found is None:
        return 2
    print(f"Job {found.job_id} {what}.")
    return 0
