"""Builds wheels: of pure Python, or with the hot modules compiled by mypyc.

``TIDEGATE_BUILD=compiled`` asks for a compiled wheel, or fails; ``auto`` takes what it can get,
and warns when that is the pure form. Left to itself a build is pure, until the whole suite has passed in the compiled
form (ADR 28). A wheel's name says which form it has. Which modules are compiled stands in pyproject.toml.
Editable installs are always pure: no part of this file is asked.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.build import *  # noqa: F403 - this file is the build backend; what is not said here is hatchling's
from hatchling.build import get_requires_for_build_wheel as _hatchling_requires
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILER = "mypy[mypyc]==2.4.1"
"""Its translation of a module is part of the product: another version is tried by the whole suite first."""

# Runs in a process of its own: setuptools changes its process, and mypyc ends it where it finds an error. Nearly all C
# is of one extension, whose files setuptools would compile one after the other.
_SETUP = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
from mypyc.build import mypycify
from setuptools import setup
from distutils.ccompiler import CCompiler  # setuptools' own, which it puts in the place of the old

compile_all = CCompiler.compile

def compile_abreast(compiler, sources, *rest, **more):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda each: compile_all(compiler, [each], *rest, **more), sources)
        return [each for some in made for each in some]

CCompiler.compile = compile_abreast
sources = json.loads(sys.argv.pop())
flags = ["--config-file=/dev/null", "--ignore-missing-imports", "--follow-imports=silent", "--python-version=3.11"]
made = mypycify([*flags, *sources], opt_level="2", debug_level="0", multi_file=True)
setup(name="tidegate", ext_modules=made)
"""


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What pip installs before it builds a wheel; an editable install takes none of it."""
    return [*_hatchling_requires(config_settings), *([] if why_pure() else [COMPILER])]


def why_pure() -> str | None:
    """Why a wheel built here is pure Python, in words; None if it can be compiled."""
    if os.environ.get("TIDEGATE_BUILD", "pure") == "pure":
        return "TIDEGATE_BUILD=compiled or auto would ask for more"
    if sys.implementation.name != "cpython" or os.name != "posix":
        return "mypyc is used with CPython on POSIX systems only"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "the header files of this Python are missing (Debian: python3-dev)"
    return None


def compile_modules(root: Path, modules: list[str], into: Path) -> str | None:
    """Compile modules of ``src`` into extension modules below a folder.

    Returns:
        What went wrong, in the compiler's last words; None if all went well.
    """
    sources = [f"src/{module.replace('.', '/')}.py" for module in modules]
    missing = [source for source in sources if not (root / source).exists()]
    if missing:
        return f"no such modules: {', '.join(missing)}"
    with tempfile.TemporaryDirectory() as work:
        place = ["--build-lib", str(into), "--build-temp", f"{work}/o"]
        (Path(work) / "src").symlink_to(root / "src")  # without pyproject.toml: old setuptools do not know its licence
        command = [sys.executable, "-c", _SETUP, "--quiet", "build_ext", *place, json.dumps(sources)]
        flags = {"MYPYPATH": "src", "CFLAGS": f"{os.environ.get('CFLAGS', '')} -g0 -w".strip()}
        done = subprocess.run(  # noqa: S603 - our own words
            command, cwd=work, env={**os.environ, **flags}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return "\n".join(said[-20:]) or f"the compiler ended with {done.returncode}"
    return None


class CompiledModules(BuildHookInterface):
    """Puts extension modules beside their sources into a wheel; Python takes an extension module first."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the wheel is editable or is to be pure."""
        if version == "editable":
            return
        why = why_pure()
        if why is None:
            self._folder = tempfile.mkdtemp(prefix="tidegate-build-")
            why = compile_modules(Path(self.root), self.config["modules"], Path(self._folder))
        if why is not None:
            self._stay_pure(why)
            return
        made = Path(self._folder).rglob("*.so")
        build_data["force_include"].update({str(each): str(each.relative_to(self._folder)) for each in made})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        self.app.display_info(f"tidegate: {len(self.config['modules'])} modules are compiled")

    def _stay_pure(self, why: str) -> None:
        if os.environ.get("TIDEGATE_BUILD") == "compiled":
            raise RuntimeError(f"tidegate cannot be compiled: {why}")
        self.app.display_warning(f"tidegate: the wheel is pure Python, and slower than a compiled one: {why}")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take the compiled modules away: they are in the wheel."""
        if hasattr(self, "_folder"):
            shutil.rmtree(self._folder, ignore_errors=True)
