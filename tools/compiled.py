"""What mypyc would make other, silently or only at run time: ``python -m tools.compiled``, part of `make check`.

The modules that pyproject.toml lists are compiled when a wheel is built; tests of an editable install never see that
form. Each rule here is a difference between the two forms that was met; the compiler says the rest itself.
"""

from __future__ import annotations

import ast
import enum
import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ROOT / "src"

C_WORDS: Final = frozenset({"_Bool", "_Complex", "_Generic", "_Imaginary", "_Noreturn"}) | {
    f"__{word}"
    for word in (
        *("alignof", "asm", "attribute", "auto_type", "builtin", "complex", "const", "extension", "imag", "inline"),
        *("int128", "label", "real", "restrict", "signed", "thread", "typeof", "volatile"),
    )
}
"""Reserved in C; an attribute ``_thread`` becomes the member ``__thread`` of a struct."""

Fault = tuple[int, str]
"""A line and what is wrong there."""


def modules() -> list[str]:
    """The modules that are compiled."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
    return listed


def path(module: str) -> Path:
    """A module's source."""
    return SOURCES / f"{module.replace('.', '/')}.py"


def faults(tree: ast.Module, classes: dict[str, type]) -> Iterator[Fault]:
    """What is wrong in a compiled module; ``classes`` are those it knows, by name, as Python made them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _in_class(node, classes.get(node.name))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _broken(node.value):
            yield node.lineno, "a lone surrogate in a literal would come out as other text: chr(0x…)"
        elif isinstance(node, ast.Call):
            yield from _in_call(node, classes)


def inlined(tree: ast.Module) -> Iterator[Fault]:
    """What is wrong in any module, for compiled ones put the values of others' ``Final`` names into their own code."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and "Final" in ast.unparse(node.annotation):
            each = node.value
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and _broken(each.value):
                yield node.lineno, "a Final of a lone surrogate is put into compiled code as other text: no Final"


def _broken(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)


def _in_class(node: ast.ClassDef, known: type | None) -> Iterator[Fault]:
    if known is not None and issubclass(known, msgspec.Struct):
        yield (
            node.lineno,
            f"{node.name} would lose its class keywords: a Struct stands in a module not compiled",
        )
    if any("slots=True" in ast.unparse(each) for each in node.decorator_list):
        yield node.lineno, f"{node.name}: a dataclass with slots is made anew, which a compiled class cannot be"
    yield from _in_body(node, is_exception=known is not None and issubclass(known, BaseException))
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and _is_own(each) and f"_{each.attr}" in C_WORDS:
            yield each.lineno, f"{each.attr} becomes _{each.attr}, which is a word of C: another name"
    if known is not None and issubclass(known, (tuple, enum.Enum)):
        for method in (each for each in node.body if isinstance(each, ast.FunctionDef)):
            if any(each is not method and isinstance(each, ast.FunctionDef | ast.Lambda) for each in ast.walk(method)):
                yield method.lineno, "mypyc fails at a function within a method of a tuple or Enum"


def _in_body(node: ast.ClassDef, *, is_exception: bool) -> Iterator[Fault]:
    """What would be missing from a class: found at run time only, the second by whoever makes one of them."""
    methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Name) and each.value.id in methods:
            yield each.lineno, f"a second name for the method {each.value.id} is not found: a method of its own"
        elif is_exception and isinstance(each, ast.AnnAssign) and each.value and "ClassVar" not in ast.unparse(each):
            yield each.lineno, f"{ast.unparse(each.target)} of an exception would have no value: a ClassVar"


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _in_call(node: ast.Call, classes: dict[str, type]) -> Iterator[Fault]:
    """A row becomes a named tuple as it is: SQL has no enums, and compiled code asks for what the annotations say."""
    made = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "_make" else node.func
    known = classes.get(made.id) if isinstance(made, ast.Name) else None
    if known is None or not hasattr(known, "_fields") or len(node.args) != 1:
        return
    whole = node.args[0].value if isinstance(node.args[0], ast.Starred) else node.args[0]
    if isinstance(whole, ast.Name) and (node.func is not made or isinstance(node.args[0], ast.Starred)):
        lying = [name for name, kind in _kinds(known).items() if kind is bool or _is_enum(kind)]
        if lying:
            yield node.lineno, f"{', '.join(lying)} of {known.__name__} would be a plain value of the row: convert it"


def _kinds(known: type) -> dict[str, Any]:
    space = vars(sys.modules[known.__module__])
    return {name: eval(kind, dict(space)) if isinstance(kind, str) else kind for name, kind in _said(known).items()}


def _said(known: type) -> dict[str, Any]:
    return {name: getattr(kind, "__forward_arg__", kind) for name, kind in known.__annotations__.items()}


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _classes(module: str) -> dict[str, type]:
    return {name: each for name, each in vars(importlib.import_module(module)).items() if isinstance(each, type)}


def found() -> list[str]:
    """Everything that is wrong, as ``file:line: what``."""
    said = []
    for module in modules():
        tree = ast.parse(path(module).read_text())
        said += [(path(module), *each) for each in faults(tree, _classes(module))]
    for each in sorted(SOURCES.rglob("*.py")):
        said += [(each, *fault) for fault in inlined(ast.parse(each.read_text()))]
    return [f"{file.relative_to(ROOT)}:{line}: {what}" for file, line, what in said]


def main() -> int:
    """Print what is wrong; the exit status."""
    wrong = found()
    print("\n".join(wrong)) if wrong else None
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
