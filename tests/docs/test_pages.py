"""The pages tell the truth about the repository: links, paths, targets, layers, generated parts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name_of, prose, text_of
from tidegate.ops.table import HANDLERS
from tidegate.runtime.metrics import Metrics
from tidegate.wire.routes import OPERATIONS
from tools import generate_lifecycle, generate_parity, generate_standing, generate_strict

SOURCE = ROOT / "src" / "tidegate"
PACKAGES = {
    entry.name.removesuffix(".py")
    for entry in SOURCE.iterdir()
    if entry.suffix == ".py" or (entry / "__init__.py").exists()
} - {"__init__"}

_LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?:src|tools|tests|docs|{'|'.join(sorted(PACKAGES))})/[\w./]*|\w+\.py")
_MAKE = re.compile(r"^make ([a-z]+)\b", re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_the_pages_a_reader_expects_are_there() -> None:
    expected = {"README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY", "docs/parity", "docs/lifecycle"}
    assert {f"{name}.md" for name in expected} <= {name_of(page) for page in PAGES}


@pages
def test_links_resolve(page: Path) -> None:
    broken = []
    for target, anchor in _LINK.findall(prose(page)):
        found = (page.parent / target) if target else page
        if not found.exists() or (anchor and anchor not in _anchors(found)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def _anchors(page: Path) -> set[str]:
    """The anchors a forge gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_named_files_exist(page: Path) -> None:
    """A path in backticks is one of the repository or, shortened, of the package; placeholders are not looked for."""
    named = {code for code in _CODE.findall(prose(page)) if _PATH.fullmatch(code)}
    assert {path for path in named if not (ROOT / path).exists() and not (SOURCE / path).exists()} == set()


@pages
def test_named_targets_exist(page: Path) -> None:
    code = "\n".join(
        [*_CODE.findall(prose(page)), *re.findall(r"^make .*$", page.read_text(encoding="utf-8"), re.MULTILINE)]
    )
    assert set(_MAKE.findall(code)) <= _targets()


def _targets() -> set[str]:
    [phony] = re.findall(r"^\.PHONY: (.+)$", text_of("Makefile"), re.MULTILINE)
    return set(phony.split())


def test_every_target_says_what_it_does() -> None:
    assert set(re.findall(r"^([a-z]+):.*## \S", text_of("Makefile"), re.MULTILINE)) == _targets()


def test_the_layer_diagram_is_the_contract() -> None:
    contract = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]
    layers = [set(layer.replace("tidegate.", "").split(" | ")) for layer in contract["layers"]]
    [diagram] = re.findall(r"```text\n(.*?)```", text_of("ARCHITECTURE.md"), re.DOTALL)
    drawn = [set(re.split(r" │ ", line.partition("  ")[0])) for line in diagram.splitlines()]
    assert drawn == layers
    assert set().union(*drawn) == PACKAGES


def test_architecture_is_two_pages() -> None:
    assert len(text_of("ARCHITECTURE.md").split()) <= 1200


def test_every_decision_is_listed_under_its_title() -> None:
    index = text_of("docs/adr/README.md")
    for page in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        number, title = re.match(r"# (\d+)\. (.+)", page.read_text(encoding="utf-8")).groups()  # type: ignore[union-attr]
        assert f"| [{number}]({page.name}) | {title} |" in index
        assert page.name.startswith(f"{int(number):04d}-")
        assert re.findall(
            r"^\*\*(Context|Decision|Consequence)\.\*\*", page.read_text(encoding="utf-8"), re.MULTILINE
        ) == [
            "Context",
            "Decision",
            "Consequence",
        ]


@pytest.mark.parametrize(
    "generator",
    [generate_parity, generate_lifecycle, generate_standing, generate_strict],
    ids=lambda module: module.PAGE.name,
)
def test_generated_pages_are_current(generator: object) -> None:
    page: Path = generator.PAGE  # type: ignore[attr-defined]
    assert page.read_text(encoding="utf-8") == generator.render(), "run: make regen"  # type: ignore[attr-defined]


def test_parity_has_a_row_for_each_operation() -> None:
    rows = re.findall(r"^\| (\w+) \| `\w+ /\S*` \| (\w+) \| ?(.*?) ?\|$", text_of("docs/parity.md"), re.MULTILINE)
    named = [(plane, name) for plane, operations in OPERATIONS.items() for name in operations]
    assert [name for name, _, _ in rows] == [name for _, name in named]
    for key, (_, state, missing) in zip(named, rows, strict=True):
        assert (state == "absent") == (key not in HANDLERS)
        assert (state == "partial") == bool(missing)


@pytest.mark.parametrize(("plane", "count"), [("iot", 272), ("iot-jobs-data", 5), ("iot-data", 11)])
def test_parity_counts_the_whole_model_and_names_what_is_absent(plane: str, count: int) -> None:
    page = text_of("docs/parity.md")
    summary = re.search(rf"^\| `{plane}` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert summary is not None
    whole, done, partial, absent = map(int, summary.groups())
    assert whole == count == done + partial + absent
    section = page.partition(f"## Absent of `{plane}`\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \| ([^|]{10,}) \|$", section, re.MULTILINE)
    names = [name for row in rows for name in row[2].split(", ")]
    assert sum(int(row[1]) for row in rows) == len(names) == len(set(names)) == absent
    assert not any((plane, name) in HANDLERS for name in names)


def test_the_version_of_the_package_is_that_of_the_project() -> None:
    import tidegate

    assert tomllib.loads(text_of("pyproject.toml"))["project"]["version"] == tidegate.__version__


def test_every_metric_of_the_server_is_explained() -> None:
    named = set(re.findall(r"`(tidegate_\w+)`", text_of("docs/operations.md")))
    kept = set(re.findall(r"^# TYPE (tidegate_\w+)", Metrics().text().decode(), re.MULTILINE))
    assert named == kept
