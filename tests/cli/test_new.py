"""`vbdata new`: skeletons that keep their contract, whose tests pass as they are written."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vbdata import plugins
from vbdata.cli.app import app
from vbdata.errors import RecipeError
from vbdata.guide.skeleton import KINDS, Kind, module_of, write
from vbdata.recipe.recipe import load_recipe


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_is_a_plug_in_and_its_recipe_names_it(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"new_{tmp_path.name}"
    monkeypatch.syspath_prepend(str(tmp_path))
    _, test, recipe = write(kind, name, tmp_path)
    importlib.invalidate_caches()
    package = plugins.DATASETS if kind == "reader" else plugins.TASKS
    assert plugins.why_not(package, f"{name}.{kind}") == ""
    compile(test.read_text(), str(test), "exec")
    assert "$" not in "".join(path.read_text() for path in (tmp_path / name).glob("*.*"))
    (source,) = load_recipe(recipe).sources
    assert f"{name}.{kind}" in (source.dataset, *source.tasks)
    with pytest.raises(RecipeError, match=rf"{kind}\.py: exists; take another name"):
        write(kind, name, tmp_path)


def test_names_are_what_python_can_import() -> None:
    assert module_of("task", "farm") == "farm.task"
    assert module_of("reader", "farm.barn") == "farm.barn"
    for name in ("3x", "a-b", "class", "farm.", "", "../x", "vbdata.x", "pipelines.x"):
        with pytest.raises(RecipeError):
            module_of("reader", name)


def test_another_kind_is_told_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["new", "raeder", "x"])
    assert result.exit_code == 2
    assert "did you mean 'reader'" in result.output


@pytest.mark.slow
def test_the_tests_of_skeletons_pass_in_an_empty_folder(tmp_path: Path) -> None:
    for kind in KINDS:
        done = CliRunner().invoke(app, ["new", kind, "farm", "--in", str(tmp_path)])
        assert done.exit_code == 0, done.output
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "farm"]
    tested = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "7 passed" in tested.stdout
