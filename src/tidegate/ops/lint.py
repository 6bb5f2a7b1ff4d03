"""Lint of jobs, templates and requests: the rules of ``core.lint``, and what CreateJob would refuse."""

from __future__ import annotations

from typing import Any

from tidegate.core import lint as rules
from tidegate.core import presign
from tidegate.core.forecast import model
from tidegate.core.forecast.fleet import Fleet
from tidegate.core.lint import Finding, Level, Linted
from tidegate.ops import configuration, forecast, subjects
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Read
from tidegate.ops.subjects import Named, Subject
from tidegate.store.database import Tx
from tidegate.wire import iot
from tidegate.wire.shapes import SparseShape

_DEFAULT_EXPIRY_S = 3600


class LintRequest(Named):
    """What is linted; for how many ``things`` or for which ``group``, if its targets do not say so.

    ``model`` is what the devices are like, as forecasts take it; ``ignore`` names rules.
    """

    things: int | None = None
    group: str | None = None
    model: dict[str, Any] | None = None
    ignore: list[str] | None = None


class LintFinding(SparseShape):
    """What a rule says; ``level`` is error, warning or note."""

    rule: str
    level: str
    text: str


class Linting(SparseShape):
    """Everything there is to say, the gravest first."""

    title: str
    findings: list[LintFinding]


def lint(tx: Tx, call: Call, request: LintRequest) -> Linting:
    """Look at one for what is dubious.

    Raises:
        InvalidRequestException: it is not clear what is meant, a rule is unknown, or the model is none.
        ResourceNotFoundException: there is no such template, job or group.
    """
    unknown = [name for name in request.ignore or () if name not in (*rules.RULES, "refused")]
    if unknown:
        told = f"There is no rule {', '.join(unknown)}: there is {', '.join(('refused', *rules.RULES))}."
        raise iot.InvalidRequestException(told)
    try:
        fleet = model.parse(request.model) if request.model is not None else Fleet()
    except ValueError as error:
        raise iot.InvalidRequestException(str(error)) from None
    subject = subjects.of(tx, call, request)
    found = [] if "refused" in (request.ignore or ()) else [_refused(each) for each in subject.problems]
    if not subject.problems:
        found += rules.of(_linted(tx, call, request, subject, fleet), request.ignore or ())
    return Linting(title=subject.title, findings=[_shown(each) for each in found])


def _refused(problem: str) -> Finding:
    return Finding("refused", Level.ERROR, f"CreateJob would refuse it: {problem}")


def _linted(tx: Tx, call: Call, request: LintRequest, subject: Subject, fleet: Fleet) -> Linted:
    configured = subject.configured
    times = configured.scheduling_config
    return Linted(
        configuration.plan_of(configured, subject.selection),
        call.now,
        configuration.timeout_minutes(configured),
        subject.document,
        subject.description,
        times.start_time if times else None,
        _expires(call, subject),
        _things(tx, call, request, subject),
        fleet,
        subject.tags,
    )


def _expires(call: Call, subject: Subject) -> int | None:
    """How long the URLs of its document count; None if it asks for none."""
    text = subject.document or ""
    asks = "${aws:iot:package" in text or bool(presign.read(text, hosts=call.endpoints.objects).slots)
    given = subject.configured.presigned_url_config
    return ((given.expires_in_sec if given else None) or _DEFAULT_EXPIRY_S) if asks else None


def _things(tx: Tx, call: Call, request: LintRequest, subject: Subject) -> int | None:
    if request.things is None and request.group is None and not subject.targets:
        return None
    try:
        return forecast.count(tx, call, request.things, request.group, subject.targets)
    except iot.ResourceNotFoundException:
        if request.group is not None:
            raise
        return None  # a group that a job was aimed at is gone
    except forecast.RefusedError as error:
        raise iot.InvalidRequestException(str(error)) from None


def _shown(found: Finding) -> LintFinding:
    return LintFinding(rule=found.rule, level=found.level.name.lower(), text=found.text)


HANDLERS: Handlers = {("tidegate", "Lint"): Read(lint)}
REQUESTS: dict[str, type[SparseShape]] = {"Lint": LintRequest}
