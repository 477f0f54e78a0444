"""The pages of docs/ are true: their snippets import public names that exist, their files exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY
from vbdata.guide import frames

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
OURS = ("vbdata", "pipelines", "transforms", "benchmarks", "experiments", "tests")
FILES = (*OURS, "manifests", "docs")
PATH = re.compile(rf"(?<![\w/.-])((?:{'|'.join(FILES)})/[\w./-]*\w)(?:::(\w+))?")


def snippets() -> Iterator[tuple[str, str]]:
    """(page and number, code) of every Python block."""
    for page in PAGES:
        found = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        yield from ((f"{page.name} {k}", code) for k, code in enumerate(found, 1))


SNIPPETS = dict(snippets())


def imported(code: str) -> Iterator[tuple[str, str, str]]:
    """(module, name in it or "", name in the snippet) of every import."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield str(node.module), alias.name, alias.asname or alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", alias.asname or alias.name.partition(".")[0]


@pytest.mark.parametrize("page", SNIPPETS)
def test_snippets_import_public_names_that_exist(page: str) -> None:
    for module, name, _ in imported(SNIPPETS[page]):
        assert not any(part.startswith("_") for part in (*module.split("."), name)), (module, name)
        loaded = importlib.import_module(module)
        assert not name or hasattr(loaded, name) or importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("page", SNIPPETS)
def test_snippets_call_with_keywords_that_exist(page: str) -> None:
    names = {}
    for module, name, here in imported(SNIPPETS[page]):
        if name and module.partition(".")[0] in OURS:
            names[here] = getattr(importlib.import_module(module), name, None)
    for node in ast.walk(ast.parse(SNIPPETS[page])):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = names.get(node.func.id)
            given = {keyword.arg for keyword in node.keywords}
            if called is not None and given:
                assert given <= inspect.signature(called).parameters.keys(), node.func.id


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_files_and_tests_exist(page: Path) -> None:
    for path, test in PATH.findall(page.read_text()):
        if "NAME" in path:  # a file of the reader's own
            continue
        file = REPOSITORY / path
        assert file.exists(), path
        assert not test or f"def {test}(" in file.read_text(), f"{path}::{test}"


def test_the_table_of_frames_is_that_of_the_readers() -> None:
    page = (REPOSITORY / "docs" / "frames.md").read_text()
    assert [name for name, said in frames.stored() if not said] == []
    assert frames.renewed(page) == page, "make docs writes the table of docs/frames.md"
    for name, said in frames.stored():
        kinds = {"z", "ray", "disparity", "inverse", "none"}
        assert re.split(r"\W", said["depth"])[0] in kinds, name
        axes = re.findall(r"\b(?:left|right|up|down|forward|backward)\b", said["normals"])
        assert len(axes) % 3 == 0, name
        assert bool(axes) != bool(re.match("made of depth|none|as the", said["normals"])), name
    with pytest.raises(ValueError, match="without the marks"):
        frames.renewed("# Frames")
