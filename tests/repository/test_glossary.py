"""docs/glossary.md names places that exist in the code, and has every noun of types and jobs."""

from __future__ import annotations

import ast
import dataclasses
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.helpers.builds import REPOSITORY

TEXT = (REPOSITORY / "docs" / "glossary.md").read_text()
ENTRY = re.compile(r"^- \*\*[^*]+\*\*.*? \(`([\w.]+)`\): ", re.MULTILINE)
PLACE = re.compile(r"`((?:vbdata|transforms|pipelines)\.[\w.]+)`")
NOUNS = ("core.types", "jobs.job", "jobs.context")


def module_file(parts: list[str]) -> Path | None:
    below = REPOSITORY.joinpath(*parts)
    files = (below.with_suffix(".py"), below / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def names(file: Path) -> set[str]:
    """What a module defines at its top level; it is not imported."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_every_place_exists() -> None:
    for place in sorted(set(PLACE.findall(TEXT))):
        *above, last = place.split(".")
        if not module_file([*above, last]):
            file = module_file(above)
            assert file, f"no module {'.'.join(above)}"
            assert last in names(file), place


def test_every_entry_has_a_place() -> None:
    entries = [line for line in TEXT.splitlines() if line.startswith("- **")]
    joined = re.sub(r"\n  ", " ", TEXT)
    assert len(ENTRY.findall(joined)) == len(entries) > 60


@pytest.mark.parametrize("module", NOUNS)
def test_every_noun_has_an_entry(module: str) -> None:
    defined = vars(import_module(f"vbdata.{module}")).items()
    nouns = {
        f"vbdata.{module}.{name}"
        for name, value in defined
        if dataclasses.is_dataclass(value) and value.__module__ == f"vbdata.{module}"
    }
    assert nouns
    assert nouns <= set(ENTRY.findall(re.sub(r"\n  ", " ", TEXT)))
