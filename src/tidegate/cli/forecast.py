"""``tidegate forecast``: what a rollout will do, before it does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console

from tidegate.cli import options
from tidegate.clock import RandomIds, wall_now
from tidegate.core.forecast import model
from tidegate.core.forecast.fleet import Fleet
from tidegate.ops import forecast as ops
from tidegate.ops.call import Call
from tidegate.ops.forecast import Bounds, RefusedError, Wanted
from tidegate.store import scopes
from tidegate.store.database import Database, Tx
from tidegate.store.sqlite import SqliteDatabase
from tidegate.wire.errors import WireError

if TYPE_CHECKING:  # numpy is an extra, and takes a tenth of a second
    from tidegate.core.forecast.gates import Gate
    from tidegate.core.forecast.report import Report

_GATE = 3
_EXTRA = "tidegate: a forecast needs numpy: pip install 'tidegate[forecast]'"
_NO_SCOPE = -1


def _check_plot(_type: Any, file: Path | None) -> None:
    if file is not None and file.suffix not in (".svg", ".png", ".html"):
        raise ValueError(f"{file} does not end in .svg, .png or .html")


def forecast(
    *,
    template: Annotated[
        str | None, Parameter(help="A job template: its name, or a file with what CreateJobTemplate takes.")
    ] = None,
    request: Annotated[Path | None, Parameter(help="A file with what CreateJob takes, as JSON.")] = None,
    job: Annotated[str | None, Parameter(help="A job that runs: from now on.")] = None,
    backtest: Annotated[
        str | None, Parameter(help="A job that ran: what would have been forecast beside what happened.")
    ] = None,
    things: Annotated[int | None, Parameter(help="For so many things.")] = None,
    group: Annotated[str | None, Parameter(help="For the things of a group of this store.")] = None,
    model: Annotated[Path | None, Parameter(help="What the devices are like: a file, see docs/forecast.md.")] = None,
    from_job: Annotated[
        tuple[str, ...], Parameter(help="Learn what the devices are like from what this job did; several times.")
    ] = (),
    runs: Annotated[int, Parameter(help="Runs, each with other chances.")] = 20,
    seed: Annotated[int, Parameter(help="The first run's; the same seed gives the same forecast.")] = 1,
    days: Annotated[int, Parameter(help="How far to look.")] = 60,
    fail_if: Annotated[
        tuple[str, ...], Parameter(help="End with 3 if this holds, such as 'p90 > 6h'; several times.")
    ] = (),
    plot: Annotated[
        Path | None, Parameter(help="Draw the curves into a .svg, .png or .html file.", validator=_check_plot)
    ] = None,
    json: Annotated[bool, Parameter(help="Print the forecast as JSON.", negative=())] = False,
    account: options.OwnAccount = None,
    region: Annotated[str, Parameter(help="The region of the job.")] = "us-east-1",
    data: options.Data = options.DATA,
    store: options.Store = "sqlite",
) -> int:
    """Say what a rollout will do: how long it takes, whether it is aborted and how many devices it has touched by then.

    Takes a template, a request or a job. Reads the store, beside a running server or without one; with a file and a
    number of things it needs none. Ends with 0, with 3 if a --fail-if holds, with 2 if it cannot be said.
    """
    try:
        from tidegate.cli import forecast_shown
        from tidegate.core.forecast import gates
    except ImportError:
        print(_EXTRA, file=sys.stderr)
        return 2
    try:
        conditions = [gates.parse(text) for text in fail_if]
        wanted = Wanted(_request(template, request), _named(template), backtest or job, things, group, days)
        with _store(data, store) as database:
            asked = _Asked(database, account or options.account_of(data), region, runs, seed)
            if backtest is not None:
                return asked.backtest(backtest, _model(model), from_job, json=json)
            found = asked.forecast(wanted, _model(model), from_job)
    except (RefusedError, ValueError, WireError) as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return 2
    return _told(found, conditions, plot, json=json, shown=forecast_shown)


def _told(found: Report, conditions: list[Gate], plot: Path | None, *, json: bool, shown: Any) -> int:
    failures = [failure for gate in conditions if (failure := gate.failure(found)) is not None]
    if json:
        print(msgspec.json.encode(shown.as_json(found) | {"failed": failures}).decode())
    else:
        Console(highlight=False).print(*shown.lines(found), sep="\n")
    if plot is not None:
        shown.draw(found, plot)
    for failure in failures:
        print(f"tidegate: {failure}", file=sys.stderr)
    return _GATE if failures else 0


class _Asked:
    """Where to look, and how often to run."""

    def __init__(self, database: Database, account: str, region: str, runs: int, seed: int) -> None:
        if not 1 <= runs <= 1000:
            raise RefusedError("Give from 1 to 1000 runs.")
        self._database, self._runs, self._seed = database, runs, seed
        self._account, self._region, self._now = account, region, wall_now()

    def forecast(self, wanted: Wanted, fleet: Fleet | None, learn: tuple[str, ...]) -> Report:
        from tidegate.core.forecast import findings, report

        begun = self._read(lambda tx, call: ops.start(tx, call, wanted, Bounds()))
        known = self._fleet(fleet, learn)
        found = report.of(begun, known, runs=self._runs, seed=self._seed)
        return found._replace(findings=tuple(findings.of(found, known)))

    def backtest(self, name: str, fleet: Fleet | None, learn: tuple[str, ...], *, json: bool) -> int:
        from tidegate.cli import forecast_shown
        from tidegate.core.forecast import report

        begun, run = self._read(lambda tx, call: ops.looking_back(tx, call, ops.job_named(tx, call, name), Bounds()))
        known = self._fleet(fleet, learn or (() if fleet else (name,)))
        foreseen = report.of(begun._replace(until=begun.now + 60 * 86_400_000), known, runs=self._runs, seed=self._seed)
        happened = report.happened(run, known)
        if json:
            print(msgspec.json.encode(forecast_shown.both_as_json(foreseen, happened)).decode())
        else:
            hint = "" if fleet or learn else "The model was learned from this very job: name others with --from-job."
            Console(highlight=False).print(*forecast_shown.compared(foreseen, happened), hint, sep="\n")
        return 0

    def _fleet(self, given: Fleet | None, learn: tuple[str, ...]) -> Fleet:
        if given is not None and learn:
            raise RefusedError("Give a model or jobs to learn from, not both.")
        if learn:
            known: Fleet = self._read(lambda tx, call: ops.learned(tx, call, learn, Bounds()))
            return known
        return given or Fleet()

    def _read(self, work: Callable[[Tx, Call], Any]) -> Any:
        def read(tx: Tx) -> Any:
            scope = scopes.find(tx, self._account, self._region)
            known = _NO_SCOPE if scope is None else scope
            return work(tx, Call(known, self._account, self._region, self._now, RandomIds()))

        return self._database.read(read)


@contextmanager
def _store(data: Path, store: str) -> Iterator[Database]:
    """The store; an empty one in memory if there is none, for files say it all."""
    if store == "sqlite" and not (data / "tidegate.db").exists():
        empty = SqliteDatabase(None, now=wall_now())
        yield empty
        empty.close()
        return
    with options.database(data, store) as database:
        yield database


def _named(template: str | None) -> str | None:
    return template if template is not None and not Path(template).is_file() else None


def _request(template: str | None, request: Path | None) -> dict[str, Any] | None:
    """What CreateJob takes, from a file of it or of a template."""
    file = request if request is not None else Path(template) if template and Path(template).is_file() else None
    if file is None:
        return None
    given = _json(file)
    if not isinstance(given, dict):
        raise RefusedError(f"{file} holds no JSON object.")
    windows = given.pop("maintenanceWindows", None)
    if windows:
        given["schedulingConfig"] = {**given.get("schedulingConfig", {}), "maintenanceWindows": windows}
    return given


def _model(file: Path | None) -> Fleet | None:
    return None if file is None else model.read(file.read_bytes(), toml=file.suffix == ".toml")


def _json(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except msgspec.DecodeError as error:
        raise RefusedError(f"{file} is not JSON: {error}") from None
