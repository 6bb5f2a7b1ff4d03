"""States of a command's execution: reach reference 7.5."""

from __future__ import annotations

import itertools

import pytest

from tidegate.core.command import FINAL, MOVES, REPORTS, RUNNING, Act, State, request_topic


def test_the_moves_are_those_of_the_guide() -> None:
    ends = {"SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT"}
    allowed = {
        "CREATED": {"IN_PROGRESS", "UNANSWERED", *ends},
        "IN_PROGRESS": {"IN_PROGRESS", "UNANSWERED", *ends},
        "UNANSWERED": ends,
    }
    found: dict[str, set[str]] = {}
    for (before, _), after in MOVES.items():
        found.setdefault(before.name, set()).add(after.name)
    assert found == allowed


def test_only_a_report_is_final() -> None:
    assert not any(state in FINAL for state, _ in MOVES)
    for (_, act), after in MOVES.items():
        assert (after in FINAL) is (act not in (Act.TIME_OUT, Act.REPORT_IN_PROGRESS))


def test_the_timer_touches_what_runs_alone() -> None:
    assert {state for state, act in MOVES if act is Act.TIME_OUT} == RUNNING


def test_whatever_is_reported_time_passes_once_at_most() -> None:
    """Every history of four acts: a given-up device never begins again, an ended one never moves."""
    for acts in itertools.product(Act, repeat=4):
        state, given_up = State.CREATED, False
        for act in acts:
            after = MOVES.get((state, act))
            if after is None:
                continue
            assert state not in FINAL
            assert not (given_up and after in RUNNING)
            given_up = given_up or after is State.UNANSWERED
            state = after


def test_clients_see_one_word() -> None:
    assert {state.status for state in State} == {"CREATED", *REPORTS}
    assert State.UNANSWERED.status == State.TIMED_OUT.status == "TIMED_OUT"


@pytest.mark.parametrize(
    ("content_type", "end"),
    [("application/json", "/json"), ("application/cbor", "/cbor"), ("text/plain", ""), ("application/JSON", "")],
)
def test_topics_of_requests(content_type: str, end: str) -> None:
    topic = request_topic("things", "lamp", "e-1", content_type)
    assert topic == f"$aws/commands/things/lamp/executions/e-1/request{end}"
