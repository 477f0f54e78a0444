"""Who may import whom: the way of the data is the folder listing, from left to right."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import vbdata
from tests.helpers.builds import REPOSITORY
from vbdata import plugins
from vbdata.plugins.contract import KINDS

ORDER = """
    errors layout | machine | core | storage plugins | sources recipe guide codecs demo | index
    | planning | jobs | shard | run manifest | publish checks export evaluation | engine train
    | bench | locks api testing | terminal | view | cli
"""
FLAT = [*ORDER.replace("|", " ").split(), "__main__"]
DOOR = FLAT.index("api")  # where vbdata/__init__.py stands, which offers what is in api

OURS = ("vbdata", "pipelines", "transforms")
PLUG_INS = ("pipelines", "transforms")
FOR_PLUG_INS = ("vbdata.errors", "vbdata.core", "vbdata.storage", "vbdata.sources")
OF_RAY = ("vbdata/run/ray/", "vbdata/train/ray.py")


def files(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    return name.removesuffix(".__init__")


@functools.cache
def modules() -> Mapping[str, Path]:
    """The file of every module of ours."""
    return {module_of(path): path for package in OURS for path in files(package)}


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """What a file imports, in functions and for type checkers too: modules where they are ours."""
    tree = ast.parse(path.read_text())
    return frozenset(name for node in ast.walk(tree) for name in named(node, path))


def named(node: ast.AST, path: Path) -> Iterator[str]:
    """The modules, and names of modules, that a node of a file's tree imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = ".".join(path.relative_to(REPOSITORY).parent.parts)
        base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        full = [f"{base}.{alias.name}" for alias in node.names]
        yield from ((name if name in modules() else base) for name in full)
    elif isinstance(node, ast.Call) and node.args and "import_module" in ast.unparse(node.func):
        text = node.args[0]
        if isinstance(text, ast.Constant) and text.value in modules():
            yield text.value


def place(module: str) -> int:
    """Where a module of vbdata stands in the order, after all others if nowhere."""
    _, *parts = module.split(".")
    if not parts:
        return DOOR
    return FLAT.index(parts[0]) if parts[0] in FLAT else len(FLAT)


def within(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_every_folder_and_module_of_vbdata_has_a_place_in_the_order() -> None:
    found = {path.relative_to(REPOSITORY / "vbdata").parts[0] for path in files("vbdata")}
    known = {name.removesuffix(".py") for name in found} - {"__init__"}
    assert known == set(FLAT), f"{known ^ set(FLAT)}: in vbdata/ or in the order, not in both"


def test_no_import_of_vbdata_goes_right() -> None:
    wrong = [
        f"{shown(path)} imports {name}, which stands to its right"
        for path in files("vbdata")
        for name in sorted(imports(path))
        if within(name, ["vbdata"]) and place(name) > place(module_of(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_modules_of_vbdata_import_each_other_in_a_circle() -> None:
    waiting = {
        module_of(path): {n for n in imports(path) if n in modules() and within(n, ["vbdata"])}
        for path in files("vbdata")
    }
    while free := {name for name, needs in waiting.items() if not needs & waiting.keys() - {name}}:
        waiting = {name: needs for name, needs in waiting.items() if name not in free}
    circles = [" -> ".join(path_back(name, waiting)) for name in sorted(waiting)]
    assert not any(circles), "\n".join(filter(None, circles))


def path_back(start: str, graph: Mapping[str, set[str]]) -> list[str]:
    """The shortest way from a module to itself, [] if there is none."""
    ways, seen = [[start]], set[str]()
    for way in ways:
        for name in sorted(graph[way[-1]] & graph.keys() - seen):
            if name == start:
                return [*way, start]
            seen.add(name)
            ways.append([*way, name])
    return []


def test_imports_within_vbdata_are_absolute() -> None:
    for path in files("vbdata"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{shown(path)}: relative"


def test_no_package_of_vbdata_bears_the_name_of_a_function_that_it_offers() -> None:
    offered = {name for name in vbdata.__all__ if inspect.isroutine(getattr(vbdata, name))}
    assert {"load_recipe", "plan", "build", "open_build", "verify"} <= offered
    assert not offered & {path.stem for path in (REPOSITORY / "vbdata").iterdir()}


@pytest.mark.parametrize("package", PLUG_INS)
def test_plug_ins_know_only_the_engines_toolbox(package: str) -> None:
    for path in files(package):
        for name in imports(path):
            ours = within(name, OURS)
            assert not ours or within(name, (package, *FOR_PLUG_INS)), f"{shown(path)}: {name}"


@pytest.mark.parametrize("package", PLUG_INS)
def test_plug_ins_find_their_neighbours_whatever_their_package_is_called(package: str) -> None:
    """Their folder is `vbdata.plugins.PACKAGE`, too: vbdata/plugins/__init__.py says why."""
    assert not (REPOSITORY / package / "__init__.py").exists()
    for path in files(package):
        for node in ast.walk(ast.parse(path.read_text())):
            level = node.level if isinstance(node, ast.ImportFrom) else 0
            wrong = [name for name in named(node, path) if not level and within(name, PLUG_INS)]
            assert not wrong, f"{shown(path)}:{node.lineno}: import {wrong[0]} relatively"  # type: ignore[attr-defined]


def test_readers_do_not_know_demo_writers() -> None:
    for path in files("pipelines"):
        if not module_of(path).startswith("pipelines.demo"):
            assert not any(within(n, ["pipelines.demo"]) for n in imports(path)), shown(path)


def test_the_engine_names_no_dataset_and_no_task() -> None:
    listed = plugins.names("pipelines") + plugins.names("transforms")
    # words that are also nouns of the engine or plain English
    common = {*KINDS, "generate", "instance", "edit", "refer", "folders", "parquet", "spring"}
    common |= {"foreground", "panoptic", "boxes"}
    word = re.compile(rf"\b({'|'.join(set(listed) - common)})\b", re.IGNORECASE)
    for path in files("vbdata"):
        assert not any(within(name, PLUG_INS) for name in imports(path)), shown(path)
        code = "\n".join(
            line
            for line in path.read_text().splitlines()
            if not line.startswith(("    Examples", "        vbdata", "        >>> "))
        )
        assert not word.search(code), f"{shown(path)}: {word.search(code)}"


def test_only_the_ray_runners_import_ray() -> None:
    for package in OURS:
        for path in files(package):
            if not shown(path).startswith(OF_RAY):
                assert not any(within(name, ["ray"]) for name in imports(path)), shown(path)


def test_what_decides_bytes_reads_no_docstring() -> None:
    """Their digests are of code without docstrings (vbdata.plugins.digests)."""
    for package in ("vbdata/core", "vbdata/shard", *PLUG_INS):
        for path in files(package):
            assert not re.search(r"__doc__|getdoc", path.read_text()), shown(path)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from vbdata.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'numpy', 'fsspec', 'vbdata.plugins'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_stage_is_importable_alone() -> None:
    for name, path in modules().items():
        if not path.name.startswith("_") or path.name == "__init__.py":
            __import__(name)
