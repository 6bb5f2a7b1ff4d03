"""What every simulated device does, however it is connected: one job after another, as its behaviour plans.

A transport tells it what the service said (``_look``, ``_begin``, ``_accepted``, ``_rejected``) and sends what it wants
to say (``_ask_next``, ``_ask_start``, ``_tell``). An answer that does not come is asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tidegate.fleet.behaviour import Behaves, Plan, Report

PATIENCE_S = 30.0
"""How long an answer is waited for."""
_RETRY_S = 1.0
_IS_OVER = frozenset(
    {
        *("InvalidStateTransition", "ResourceNotFound", "TerminalStateReached", "VersionMismatch", "InvalidRequest"),
        *("TerminalState", "Conflict", "Validation"),
    }
)
"""Rejections that asking again cannot change (device reference 3.8), as MQTT and as HTTPS name them."""
_NEVER_WAS = 1_000_000
"""Beyond any version: an execution's grows by one an update."""


class Execution(msgspec.Struct, rename="camel", gc=False):
    """What a device is told of an execution (device reference 3.2).

    ``queued_at`` is in epoch seconds, ``job_document`` the JSON as it arrived.
    """

    job_id: str
    execution_number: int
    queued_at: int
    status: str = "QUEUED"
    version_number: int = 0
    job_document: msgspec.Raw = msgspec.Raw(b"null")

    def document(self) -> Any:
        """The job document as a Python value."""
        return msgspec.json.decode(self.job_document)


class _Execution(msgspec.Struct, gc=False):
    execution: Execution | None = None


class _Update(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    status: str
    execution_number: int
    status_details: dict[str, str] | None = None
    expected_version: int | None = None


_decode_execution = msgspec.json.Decoder(_Execution).decode
_encode = msgspec.json.Encoder().encode
_Key = tuple[str, int]


def told(payload: bytes) -> Execution | None:
    """The execution that a message or an answer holds. AWS says ``{}`` for none."""
    found = _decode_execution(payload).execution
    return found if found is not None and found.job_id else None


def _update(execution: Execution, report: Report) -> bytes:
    expected = _NEVER_WAS if report.stale else None
    return _encode(_Update(report.status, execution.execution_number, report.details or None, expected))


class Watcher:
    """Is told what happens to devices; every method may be overridden. Called on the event loop, so answer quickly."""

    def connected(self, device: Agent) -> None:
        """It has subscribed and begins to ask for work."""

    def lost(self, device: Agent, error: Exception | None) -> None:
        """Its connection is gone; not called after ``close``."""

    def passed(self, device: Agent, execution: Execution) -> None:
        """It has heard of an execution and will never begin it."""

    def started(self, device: Agent, execution: Execution) -> None:
        """It begins an execution, or goes on with it after a lost connection."""

    def silent(self, device: Agent, execution: Execution) -> None:
        """It will not be heard of again about this execution."""

    def dropped(self, device: Agent) -> None:
        """The execution it worked on, or was silent about, is no longer its next: it timed out or was canceled."""

    def finished(self, device: Agent, execution: Execution, status: str) -> None:
        """The server has accepted its terminal status."""

    def refused(self, device: Agent, execution: Execution | None, code: str) -> None:
        """A request was rejected with this code."""

    def unanswered(self, device: Agent) -> None:
        """A request got no answer in ``PATIENCE_S``; it is sent again."""


class Agent:
    """One device. ``execution`` is what it works on, None while it is idle. Used on one event loop."""

    __slots__ = (
        "_asked",
        "_behaviour",
        "_loop",
        "_more",
        "_plan",
        "_planned",
        "_reports",
        "_sent",
        "_timer",
        "_watcher",
        "execution",
        "thing_name",
    )

    def __init__(self, thing_name: str, behaviour: Behaves, watcher: Watcher) -> None:
        self.thing_name = thing_name
        self.execution: Execution | None = None
        self._behaviour = behaviour
        self._watcher = watcher
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._plan = _NONE
        self._planned: _Key | None = None
        self._reports: Iterator[Report] = iter(())
        self._sent: Report | None = None
        self._asked = self._more = False

    @property
    def online(self) -> bool:
        """Whether it reaches the service."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        """Whether it works on an execution, or will soon."""
        return self._sent is not None or self._timer is not None

    async def close(self) -> None:
        """Take leave; what it works on stays IN_PROGRESS."""
        raise NotImplementedError

    # -- what a transport sends --

    def _ask_next(self) -> None:
        """Ask what is next; comes to ``_look``."""
        raise NotImplementedError

    def _ask_start(self) -> None:
        """StartNextPendingJobExecution; comes to ``_begin``."""
        raise NotImplementedError

    def _tell(self, job_id: str, update: bytes) -> None:
        """UpdateJobExecution; comes to ``_accepted`` or ``_rejected``."""
        raise NotImplementedError

    # -- what it was told --

    def _look(self, head: Execution | None) -> None:
        """What is next. Work under way is carried through only by who is deaf, or has reported its end already."""
        if head is not None and self._holds(head):
            return
        sent = self._sent
        if sent is not None and (self._plan.deaf or (self._asked and sent.ends)):
            self._more = head is not None
            return
        had = self.execution
        self._rest()
        if had is not None:
            self._watcher.dropped(self)
        if head is not None:
            self._consider(head)

    def _holds(self, head: Execution) -> bool:
        mine = self.execution
        known = self._planned if mine is None else (mine.job_id, mine.execution_number)
        return known == (head.job_id, head.execution_number)

    def _consider(self, head: Execution) -> None:
        plan = self._behaviour.plan(self.thing_name, head.job_id, head.execution_number)
        self._planned = head.job_id, head.execution_number
        if not plan.begins:
            self._watcher.passed(self, head)
        else:
            self._after(0.0 if head.status == "IN_PROGRESS" else plan.start_s, self._start)

    def _start(self) -> None:
        self._expect(self._start)
        self._ask_start()

    def _begin(self, execution: Execution | None) -> None:
        if self.execution is not None:
            return
        self._rest()
        if execution is None:
            return
        self.execution = execution
        self._plan = self._behaviour.plan(self.thing_name, execution.job_id, execution.execution_number)
        self._reports = self._plan.reports()
        self._watcher.started(self, execution)
        self._next_report()

    def _accepted(self, job_id: str) -> None:
        execution, report = self.execution, self._sent
        if execution is None or report is None or not self._asked or execution.job_id != job_id:
            return
        self._stop_timer()
        if not report.ends:
            self._next_report()
            return
        more = self._more
        self._rest()
        self._watcher.finished(self, execution, report.status)
        if report.twice:
            self._tell(job_id, _update(execution, report))
        if more:
            self._ask()

    def _rejected(self, code: str, job_id: str | None = None) -> None:
        """A question was refused, or the update of an execution."""
        self._watcher.refused(self, self.execution, code)
        report = self._sent
        if job_id is None:
            if self.execution is None:
                self._after(_RETRY_S, self._ask)
        elif self.execution is None or self.execution.job_id != job_id or report is None or not self._asked:
            return
        elif report.stale and code in _IS_OVER:
            self._sent = report._replace(stale=False)
            self._after(0.0, self._send)
        elif code not in _IS_OVER:
            self._after(_RETRY_S, self._send)
        else:
            self._rest()
            self._ask()

    # -- work --

    def _rest(self) -> None:
        """Nothing to do, nothing asked."""
        self._stop_timer()
        self.execution = None
        self._plan = _NONE
        self._planned = self._sent = None
        self._reports = iter(())
        self._asked = self._more = False

    def _ask(self) -> None:
        self._planned = None
        self._expect(self._ask)
        self._ask_next()

    def _next_report(self) -> None:
        execution = self.execution
        assert execution is not None
        self._sent = next(self._reports, None)
        if self._sent is None:
            self._watcher.silent(self, execution)
        else:
            self._after(self._sent.after_s, self._send)

    def _send(self) -> None:
        execution, report = self.execution, self._sent
        assert execution is not None
        assert report is not None
        self._expect(self._send)
        self._asked = True
        self._tell(execution.job_id, _update(execution, report))

    # -- time --

    def _expect(self, again: Callable[[], None]) -> None:
        """Do something again if there is no answer to what is about to be asked."""

        def unanswered() -> None:
            self._timer = None
            self._watcher.unanswered(self)
            again()

        self._stop_timer()
        self._timer = self._loop.call_later(PATIENCE_S, unanswered)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._stop_timer()
        self._asked = False
        if seconds:
            self._timer = self._loop.call_later(seconds, self._act, act)
        else:
            act()

    def _act(self, act: Callable[[], None]) -> None:
        self._timer = None
        act()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_NONE = Plan(None, 0.0, 0)
