"""Who may import whom: the way of the data is the folder listing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY
from vbdata import plugins

OURS = ("vbdata", "pipelines", "transforms")
# What plug-ins may take from the engine: nouns and tools, nothing that joins stages.
TOOLS = {
    f"vbdata.{name}"
    for name in (
        *(
            "archive_tar",
            "compiled",
            "english",
            "errors",
            "images",
            "nouns",
            "prompts",
            "rand",
            "storage",
        ),
        *("rounding", "streams", "surface"),
    )
}


def files(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


@pytest.mark.parametrize("package", ["pipelines", "transforms"])
def test_plug_ins_know_only_the_engines_tools(package: str) -> None:
    other = {"pipelines": "transforms", "transforms": "pipelines"}[package]
    for path in files(package):
        engine = {name for name in imports(path) if name.startswith("vbdata")}
        known = {n for n in engine if n == "vbdata" or ".".join(n.split(".")[:2]) in TOOLS}
        assert engine == known, path
        assert not {name for name in imports(path) if name.partition(".")[0] == other}, path


def test_readers_do_not_know_demo_writers() -> None:
    for path in (REPOSITORY / "pipelines").glob("*.py"):
        assert not any(name.startswith("pipelines.demo") for name in imports(path)), path


def test_the_engine_names_no_dataset_and_no_task() -> None:
    named = plugins.names("pipelines") + plugins.names("transforms")
    # words that are also nouns of the engine or plain English
    common = {"depth", "normals", "generate", "instance", "edit", "refer"}
    word = re.compile(rf"\b({'|'.join(set(named) - common)})\b", re.IGNORECASE)
    for path in files("vbdata"):
        assert not any(n.startswith(("pipelines", "transforms")) for n in imports(path)), path
        code = "\n".join(
            line
            for line in path.read_text().splitlines()
            if not line.startswith(("    Examples", "        vbdata"))
        )
        assert not word.search(code), f"{path}: {word.search(code)}"


def test_only_the_ray_runner_imports_ray() -> None:
    for package in OURS:
        for path in files(package):
            if not path.name.startswith("ray_"):
                assert not any(n.partition(".")[0] == "ray" for n in imports(path)), path


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from vbdata.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'numpy', 'fsspec'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_stage_is_importable_alone() -> None:
    for package in OURS:
        for path in files(package):
            if path.name.startswith("_") and path.name != "__init__.py":
                continue
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            name = ".".join(p for p in parts if p != "__init__")
            assert name.startswith(package)
            __import__(name)
