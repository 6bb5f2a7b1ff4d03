"""What is compiled, by what, and what must not stand in it."""

from __future__ import annotations

import ast
import enum
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tidegate import form
from tools import compiled

hatch_build = pytest.importorskip("hatch_build", reason="needs hatchling", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[2]


class Colour(enum.IntEnum):
    RED = 0


class Paint(NamedTuple):
    name: str
    colour: Colour


class Tin(msgspec.Struct, frozen=True):
    name: str


def _faults(source: str, *classes: type) -> list[str]:
    return [what for _, what in compiled.faults(ast.parse(source), {each.__name__: each for each in classes})]


@pytest.mark.parametrize(
    ("source", "classes", "says"),
    [
        ("class Tin(msgspec.Struct, frozen=True):\n    name: str", [Tin], "lose its class keywords"),
        ('STAR = "\\udc00"', [], "lone surrogate"),
        ("class Door:\n    def __init__(self):\n        self._signed = 1", [], "word of C"),
        ("class Paint(NamedTuple):\n    def f(self):\n        return lambda: 1", [Paint], "mypyc fails"),
        ("@dataclass(frozen=True, slots=True)\nclass Door:\n    name: str", [], "made anew"),
        ("class Door:\n    def shut(self): ...\n    close = shut", [], "second name for the method shut"),
        ("class OSError(Exception):\n    status: int = 403", [OSError], "status of an exception"),
        ("Paint(*row)", [Paint], "colour of Paint"),
        ("Paint._make(row)", [Paint], "colour of Paint"),
    ],
)
def test_the_check_finds_what_would_be_other_when_compiled(source: str, classes: list[type], says: str) -> None:
    [said] = _faults(source, *classes)
    assert says in said


@pytest.mark.parametrize(
    "source",
    [
        "Paint(row[0], Colour(row[1]))",
        "class OSError(Exception):\n    status: ClassVar[int] = 403",
        "Paint._make((row[0], *made))",
        "Tin(*row)",
    ],
)
def test_what_is_the_same_passes(source: str) -> None:
    assert _faults(source, Paint, Tin, OSError) == []


def test_a_final_surrogate_is_refused_wherever_it_stands() -> None:
    [(line, said)] = compiled.inlined(ast.parse('A: Final = "a"\nSTAR: Final = "\\udc00"\nHOLE: str = "\\udc01"'))
    assert (line, "no Final" in said) == (2, True)


def test_nothing_in_the_list_is_other_when_compiled() -> None:
    assert compiled.found() == []


def test_the_compiler_is_the_checked_version() -> None:
    dev = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
    assert hatch_build.COMPILER in dev


def test_without_a_compiler_a_wheel_is_pure_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIDEGATE_BUILD", "auto")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no C compiler" in str(hatch_build.why_pure())
    assert hatch_build.COMPILER not in hatch_build.get_requires_for_build_wheel()


def test_a_wheel_is_pure_unless_more_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEGATE_BUILD", raising=False)
    assert "would ask for more" in str(hatch_build.why_pure())


def test_an_editable_install_asks_for_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_BUILD", "compiled")
    assert hatch_build.COMPILER not in hatch_build.get_requires_for_build_editable()


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "small/sums.py" in str(hatch_build.compile_modules(tmp_path, ["small.sums"], tmp_path / "made"))


def test_the_form_is_told_in_a_line() -> None:
    found = importlib.util.find_spec("tidegate.clock")
    assert found is not None
    assert form.name() == ("pure" if str(found.origin).endswith(".py") else "compiled")
    assert re.fullmatch(r"tidegate \d+\.\d+\.\d+, (compiled|pure), CPython 3\.\d+\.\d+ \(.+\)", form.text())
