"""Results as a terminal table, JSON, JUnit and one HTML page."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from tidegate.conformance.expectation import Evidence, Outcome, Result
from tidegate.conformance.run import Summary, summary

_COLUMNS = ("Expectation", "Rule", "Section", "Evidence", "Outcome", "What came")
_STYLES = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_OBSERVED: "yellow"}


def by_chapter(results: Sequence[Result]) -> dict[str, Summary]:
    """Outcomes of each chapter."""
    chapters = dict.fromkeys(each.expectation.chapter for each in results)
    return {name: summary(results, lambda r, name=name: r.expectation.chapter == name) for name in chapters}  # type: ignore[misc]


def by_evidence(results: Sequence[Result]) -> dict[str, Summary]:
    """Outcomes by what the expectations rest on, the strongest first."""
    return {
        each.value: summary(results, lambda r, each=each: r.expectation.evidence is each)  # type: ignore[misc]
        for each in Evidence
    }


def table(results: Sequence[Result], console: Console) -> None:
    """Print what was not met, then the counts."""
    unmet = [each for each in results if each.outcome is not Outcome.PASSED]
    if unmet:
        shown = Table("Expectation", "Rule", "Rests on", "What came", expand=True, show_lines=False)
        for each in unmet:
            about = each.expectation
            rests = f"{about.section}\n{about.evidence}"
            shown.add_row(about.id, about.rule, rests, each.detail, style=_STYLES[each.outcome])
        console.print(shown)
    for title, counts in (("Chapter", by_chapter(results)), ("Evidence", by_evidence(results))):
        counted = Table(title, "passed", "failed", "not observed")
        for name, found in {**counts, "all": summary(results)}.items():
            counted.add_row(name, *map(str, found))
        console.print(counted)


def as_json(results: Sequence[Result], about: dict[str, Any]) -> str:
    """Everything, for programs. ``about`` says what was observed, and when."""
    entries = [
        {
            "id": each.expectation.id,
            "rule": each.expectation.rule,
            "section": each.expectation.section,
            "evidence": each.expectation.evidence.value,
            **({"source": each.expectation.source} if each.expectation.source else {}),
            "outcome": each.outcome.value,
            "detail": each.detail,
            "seconds": round(each.seconds, 3),
        }
        for each in results
    ]
    return json.dumps(
        {**about, "summary": summary(results)._asdict(), "results": entries}, indent=1, ensure_ascii=False
    )


def changes(results: Sequence[Result], earlier: str) -> tuple[list[str], list[str]]:
    """The ids of what is met no longer, and of what was not met, since a run whose JSON is given.

    Raises:
        ValueError: the text is no such JSON.
    """
    try:
        before = {each["id"]: each["outcome"] for each in json.loads(earlier)["results"]}
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no results of a run: {error}") from None
    failed = {each.expectation.id for each in results if each.outcome is Outcome.FAILED}
    passed = {each.expectation.id for each in results if each.outcome is Outcome.PASSED}
    worse = [name for name in failed if before.get(name) != Outcome.FAILED]
    better = [name for name in passed if before.get(name) == Outcome.FAILED]
    return sorted(worse), sorted(better)


def as_junit(results: Sequence[Result]) -> str:
    """A test suite, as CI systems read it."""
    counts = summary(results)
    suite = ElementTree.Element(
        "testsuite",
        name="tidegate conformance",
        tests=str(len(results)),
        failures=str(counts.failed),
        skipped=str(counts.not_observed),
    )
    for each in results:
        about = each.expectation
        case = ElementTree.SubElement(
            suite, "testcase", classname=about.chapter, name=about.id, time=f"{each.seconds:.3f}"
        )
        text = f"{about.rule} ({about.section}, {about.evidence})\n{each.detail}"
        if each.outcome is Outcome.FAILED:
            ElementTree.SubElement(case, "failure", message=_printable(about.rule)).text = _printable(text)
        elif each.outcome is Outcome.NOT_OBSERVED:
            ElementTree.SubElement(case, "skipped", message=_printable(each.detail))
    return ElementTree.tostring(suite, encoding="unicode")


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(each if each.isprintable() or each == "\n" else f"\\x{ord(each):02x}" for each in text)


def as_html(results: Sequence[Result], title: str) -> str:
    """One page that needs nothing else."""
    counts = summary(results)
    rows = "\n".join(
        f'<tr class="{each.outcome.name.lower()}"><td><code>{html.escape(each.expectation.id)}</code></td>'
        f"<td>{html.escape(each.expectation.rule)}</td><td>{html.escape(each.expectation.section)}</td>"
        f"<td>{html.escape(each.expectation.evidence)}</td><td>{each.outcome}</td><td>{html.escape(each.detail)}</td></tr>"
        for each in results
    )
    heads = "".join(f"<th>{each}</th>" for each in _COLUMNS)
    told = f"{counts.passed} passed, {counts.failed} failed, {counts.not_observed} not observed"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .3em .6em; border-bottom: 1px solid #8884 }}
.failed td:nth-child(5) {{ color: #c00; font-weight: bold }} .passed td:nth-child(5) {{ color: #080 }}
</style></head><body><h1>{html.escape(title)}</h1><p>{told}</p><table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></body></html>
"""
