"""The states of a command's execution, and the moves between them (reach reference 7.5).

TIMED_OUT is two states: one that the service sets because it has heard nothing, and that a late report still wins
against; and one that the device reports, which is final. Clients see one word, and tell them apart by the reason.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class State(IntEnum):
    """What an execution is in. The values are stored, so they are for ever."""

    CREATED = 0
    IN_PROGRESS = 1
    SUCCEEDED = 2
    FAILED = 3
    REJECTED = 4
    TIMED_OUT = 5
    """The device says so."""
    UNANSWERED = 6
    """The service says TIMED_OUT."""

    @property
    def status(self) -> str:
        """The word for it on the wire."""
        return State.TIMED_OUT.name if self is State.UNANSWERED else self.name


class Act(StrEnum):
    """What can happen to an execution."""

    REPORT_IN_PROGRESS = "IN_PROGRESS"
    REPORT_SUCCEEDED = "SUCCEEDED"
    REPORT_FAILED = "FAILED"
    REPORT_REJECTED = "REJECTED"
    REPORT_TIMED_OUT = "TIMED_OUT"
    TIME_OUT = "time out"


RUNNING: Final = frozenset({State.CREATED, State.IN_PROGRESS})
"""Those whose time runs."""
FINAL: Final = frozenset({State.SUCCEEDED, State.FAILED, State.REJECTED, State.TIMED_OUT})
"""Those that no report changes any more."""

REPORTS: Final[dict[str, Act]] = {
    act.value: act
    for act in (
        Act.REPORT_IN_PROGRESS,
        Act.REPORT_SUCCEEDED,
        Act.REPORT_FAILED,
        Act.REPORT_REJECTED,
        Act.REPORT_TIMED_OUT,
    )
}
"""What a device may report (7.4)."""

_ENDS: Final = {
    Act.REPORT_SUCCEEDED: State.SUCCEEDED,
    Act.REPORT_FAILED: State.FAILED,
    Act.REPORT_REJECTED: State.REJECTED,
    Act.REPORT_TIMED_OUT: State.TIMED_OUT,
}

MOVES: Final[dict[tuple[State, Act], State]] = {
    **{(state, act): end for state in (*RUNNING, State.UNANSWERED) for act, end in _ENDS.items()},
    **{(state, Act.REPORT_IN_PROGRESS): State.IN_PROGRESS for state in RUNNING},
    **{(state, Act.TIME_OUT): State.UNANSWERED for state in RUNNING},
}
"""A move that is not a key is illegal: a device that was given up does not begin again, it only ends."""

NO_RESPONSE: Final = "$NO_RESPONSE_FROM_DEVICE"
"""The reason code of UNANSWERED; no device can send it, because of the ``$`` (7.5)."""

DEFAULT_TIMEOUT_S: Final = 10
MOST_TIMEOUT_S: Final = 12 * 60 * 60
"""Guide: twelve hours (7.1)."""
PAYLOAD_BYTES: Final = 32_768
DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"
PROPAGATION: Final = 12 * 60 * 60 * 1000
"""How long (ms) a command must have been deprecated before it is deleted at once (7.1)."""
RETENTION: Final = 183 * 24 * 60 * 60 * 1000
"""How long (ms) an execution is kept: six months, says the service model."""

_SUFFIXES: Final = {"application/json": "/json", "application/cbor": "/cbor"}


def request_topic(place: str, target: str, execution: str, content_type: str) -> str:
    """Where a device is sent a command; ``place`` is ``things`` or ``clients`` (7.3)."""
    return f"$aws/commands/{place}/{target}/executions/{execution}/request{_SUFFIXES.get(content_type, '')}"


def event_topic(command: str, state: State) -> str:
    """Where an execution's new state is made known (7.6)."""
    return f"$aws/events/commandExecution/{command}/{state.status}"
