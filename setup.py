"""Puts the compiled loops into wheels; everything else of the package stands in pyproject.toml.

Where a C compiler is found (CC, cc, gcc or clang) the wheel is of its platform, and nothing is
compiled where it is installed. Without one it is pure Python, as an editable installation always
is, and vbdata compiles at its first use, if it can. VBDATA_WHEEL names an architecture, such as
x86_64 or aarch64, for a compiler of $CC that makes code for another machine; where it is set, a
wheel without the loops is an error.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

FOLDER = Path("vbdata", "core", "compiled")


@functools.cache
def compiler() -> ModuleType:
    """vbdata.core.compiled.compiler, without the packages around it."""
    path = Path(__file__).parent / FOLDER / "compiler.py"
    spec = importlib.util.spec_from_file_location("vbdata_compiler", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def architecture() -> str:
    """The one that the wheel is for."""
    return os.environ.get("VBDATA_WHEEL") or compiler().machine()


@functools.cache
def libraries() -> dict[str, bytes]:
    """The compiled loops by file name; {} where there is no compiler and nobody asks for them."""
    required, command = bool(os.environ.get("VBDATA_WHEEL")), compiler().found()
    if command is None:
        if required:
            raise SystemExit("no C compiler was found for the loops of this wheel; set CC")
        return {}
    try:
        return compiler().build_all(Path(__file__).parent / FOLDER, command, architecture())
    except (OSError, subprocess.SubprocessError) as err:
        if required:
            raise SystemExit(f"{' '.join(command)} did not compile the loops: {err}") from None
        print(f"warning: a wheel without its compiled loops: {err}", file=sys.stderr)
        return {}


class WithLoops(build_py):
    """Copies the modules, and writes the compiled loops beside their C code."""

    def run(self) -> None:
        """Write the package into the folder of which the wheel is made."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib) / FOLDER / compiler().BUILT
        for old in folder.glob("*.so"):  # setuptools keeps what an earlier build left
            old.unlink()
        for name, data in libraries().items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


class OfItsPlatform(Distribution):
    """A package that is of its platform, if there is a compiler for its loops."""

    def has_ext_modules(self) -> bool:
        """Whether there are parts that only one platform can use."""
        wanted = "VBDATA_WHEEL" in os.environ or compiler().found() is not None
        return wanted and "editable_wheel" not in self.commands


class ForEveryPython(bdist_wheel):
    """A wheel for every Python of a platform, as the loops are called through ctypes."""

    def get_tag(self) -> tuple[str, str, str]:
        """Python, ABI and platform; setuptools would name the Python that runs this."""
        _, _, platform = super().get_tag()
        if not self.root_is_pure and architecture() != compiler().machine():
            platform = f"linux_{architecture()}"
        return "py3", "none", platform


setup(
    distclass=OfItsPlatform,
    cmdclass={"build_py": WithLoops, "bdist_wheel": ForEveryPython},
)
