"""Observes expectations, one after another, each with things of its own."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tidegate.clock import Ids, monotonic
from tidegate.conformance import capture, derived
from tidegate.conformance.assertions import UnmetError, UnobservedError, shortened
from tidegate.conformance.capture import Exchange, Recorder
from tidegate.conformance.chapters import broker, executions, jobs, mqtt, registry, rollout, templates
from tidegate.conformance.endpoint import Endpoint, Where
from tidegate.conformance.expectation import Evidence, Expectation, Outcome, Result

CHAPTERS = (templates, jobs, rollout, executions, mqtt, broker, registry)
_BROKEN = (OSError, AttributeError, KeyError, IndexError, TypeError, ValueError)
"""What an answer of another shape than expected leads to."""


class Summary(NamedTuple):
    """How many of each outcome."""

    passed: int
    failed: int
    not_observed: int


def expectations() -> list[Expectation]:
    """All, chapter by chapter; no two have an id."""
    found = [each for module in CHAPTERS for each in module.chapter.expectations]
    return [*found, *derived.expectations()]


def chosen(only: Iterable[str] = ()) -> list[Expectation]:
    """Those whose id one of some patterns (``jobs.*``, ``*.conflict``) takes; all if there is none."""
    patterns = tuple(only)
    found = expectations()
    if not patterns:
        return found
    return [each for each in found if any(fnmatch.fnmatchcase(each.id, pattern) for pattern in patterns)]


def observe(
    where: Where, wanted: Iterable[Expectation], ids: Ids, captured: dict[str, list[Exchange]] | None = None
) -> Iterator[Result]:
    """Observe expectations in turn. What they make is removed after each.

    ``captured`` is filled with what the endpoint answered, redacted, by expectation.
    """
    recorder = None if captured is None else Recorder()
    endpoint = Endpoint(where, ids.uuid()[:8], recorder)
    try:
        for expectation in wanted:
            result = _observed(endpoint, expectation)
            if captured is not None and recorder is not None:
                exchanges = recorder.taken()
                if result.outcome is not Outcome.NOT_OBSERVED:
                    captured[expectation.id] = exchanges
            yield result
    finally:
        endpoint.close()


def compare(
    where: Where,
    wanted: Iterable[Expectation],
    ids: Ids,
    known: Mapping[str, Sequence[Exchange]],
    evidence: Evidence,
    source: str,
) -> Iterator[Result]:
    """Expect what another endpoint answered (``known``, by expectation), on its evidence and of its source."""
    found: dict[str, list[Exchange]] = {}
    for result in observe(where, [each for each in wanted if each.id in known], ids, found):
        own = result.expectation
        meant = dataclasses.replace(own, id=f"captured.{own.id}", evidence=evidence, source=source)
        if own.id not in found:
            yield dataclasses.replace(result, expectation=meant)
            continue
        told = capture.differences(known[own.id], found[own.id])
        outcome = Outcome.FAILED if told else Outcome.PASSED
        yield Result(meant, outcome, shortened("; ".join(told), 600), result.seconds)


def _observed(endpoint: Endpoint, expectation: Expectation) -> Result:
    begun = monotonic()

    def result(outcome: Outcome, detail: str = "") -> Result:
        return Result(expectation, outcome, shortened(detail, 600), monotonic() - begun)

    if expectation.chapter == mqtt.chapter.name and not endpoint.where.mqtt:
        return result(Outcome.NOT_OBSERVED, "no --mqtt address")
    try:
        expectation.observe(endpoint)
    except UnobservedError as error:
        return result(Outcome.NOT_OBSERVED, str(error))
    except UnmetError as error:
        return result(Outcome.FAILED, str(error))
    except _BROKEN as error:
        return result(Outcome.FAILED, f"an answer of another shape: {type(error).__name__}: {error}")
    finally:
        endpoint.clear()
    return result(Outcome.PASSED)


def summary(results: Iterable[Result], of: Callable[[Result], bool] = lambda _: True) -> Summary:
    """Count outcomes of those results that are meant."""
    found = [each.outcome for each in results if of(each)]
    return Summary(*(found.count(outcome) for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_OBSERVED)))
