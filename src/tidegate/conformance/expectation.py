"""What an expectation is, what it rests on, and what came of observing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.conformance.endpoint import Endpoint

Observe = Callable[[Endpoint], None]
"""Raises ``UnmetError`` if the expectation is not met and ``UnobservedError`` if that cannot be seen here."""


class Evidence(StrEnum):
    """What a rule rests on, the strongest first."""

    MODEL = "model"
    """The service's model, as botocore ships it."""
    LIVE = "live"
    """An answer of the live service, printed in a public report or captured (``Expectation.source`` says when)."""
    DOCUMENT = "document"
    """AWS's developer guide, quotas page or API reference."""
    REPORT = "report"
    """Users' reports and code written against the live service."""
    THIRD_HAND = "third hand"
    """Seen of another implementation whose authors compare with the live service."""
    CHOICE = "our choice"
    """The sources are silent or contradict each other."""


MODEL, LIVE, DOCUMENT, REPORT, THIRD_HAND, CHOICE = Evidence


class Outcome(StrEnum):
    """What came of an expectation."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True)
class Expectation:
    """One line of the scoreboard."""

    id: str
    """``chapter.what``, kept for ever."""
    rule: str
    section: str
    """Of the reference: ``control 3.2``, ``device 3.10``."""
    evidence: Evidence
    observe: Observe = field(repr=False)
    source: str = ""
    """Date and region of a capture, or where a report is to be found."""

    @property
    def chapter(self) -> str:
        """The part of the id before the first dot."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Result:
    """What came of one expectation."""

    expectation: Expectation
    outcome: Outcome
    detail: str = ""
    """What came instead, or what was missing."""
    seconds: float = 0.0


class Chapter:
    """Expectations about one part of the service, in the order in which they are written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.expectations: list[Expectation] = []

    def expects(
        self, name: str, rule: str, section: str, evidence: Evidence, source: str = ""
    ) -> Callable[[Observe], Observe]:
        """Add the function that follows as the observation of an expectation."""

        def add(observe: Observe) -> Observe:
            self.expectations.append(Expectation(f"{self.name}.{name}", rule, section, evidence, observe, source))
            return observe

        return add
