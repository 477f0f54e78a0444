"""The Python door: what `import vbdata` offers, lazily, each name with an example that runs."""

from __future__ import annotations

import doctest
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vbdata
from tests.helpers.builds import REPOSITORY
from vbdata.errors import BuildError

OFFERED = ["build", "codecs", "errors", "load_recipe", "open_build", "plan", "verify"]
FUNCTIONS = [name for name in OFFERED if name not in ("codecs", "errors")]


@pytest.fixture(scope="module")
def here(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after `vbdata demo-data demo/data`, in which the examples are run."""
    folder = tmp_path_factory.mktemp("door")
    (folder / "manifests").mkdir()
    shutil.copy(REPOSITORY / "manifests" / "demo.yaml", folder / "manifests")
    (folder / "demo").mkdir()
    (folder / "demo" / "data").symlink_to(demo_data)
    return folder


def test_what_is_offered() -> None:
    assert sorted(vbdata.__all__) == ["__version__", *OFFERED]
    assert {*vbdata.__all__} <= {*dir(vbdata)}
    for name in vbdata.__all__:
        assert getattr(vbdata, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Build'"):
        _ = vbdata.Build


def test_each_function_says_units_shapes_and_errors() -> None:
    for name in FUNCTIONS:
        text = inspect.getdoc(getattr(vbdata, name)) or ""
        assert "Raises" in text, name
        assert ">>> " in text, name
    assert "float32[H, W]" in (vbdata.open_build.__doc__ or "")
    for name in ("encode", "decode"):
        assert "[H, W, 3]" in (getattr(vbdata.codecs, name).__doc__ or "")


@pytest.mark.slow
def test_the_examples_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `build` first: the others open what it made."""
    monkeypatch.chdir(here)
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for name in ("load_recipe", "plan", "build", "open_build", "verify"):
        found = finder.find(getattr(vbdata, name), name, globs={"vbdata": vbdata})
        assert found, name
        assert [test for test in found if test.examples], name
        for test in found:
            said: list[str] = []
            runner.run(test, out=said.append)
            assert not said, "".join(said)
    assert runner.summarize(verbose=False).attempted > 10


def test_a_lock_is_written_or_held_against(here: Path, demo_build: Path, tmp_path: Path) -> None:
    recipe = vbdata.load_recipe(here / "manifests" / "demo.yaml")
    with pytest.raises(ValueError, match="writes its lock or is held against one"):
        vbdata.build(recipe, tmp_path / "x", lock=True, locked=True)
    with pytest.raises(ValueError, match="give the lock's path"):
        vbdata.build(recipe, tmp_path / "x", lock=True)
    with pytest.raises(BuildError, match="holds no finished build"):
        vbdata.open_build(tmp_path)


@pytest.mark.slow
def test_a_plan_keeps_its_index_as_long_as_it_is_used(here: Path) -> None:
    made = vbdata.plan(here / "manifests" / "demo.yaml")
    assert made.shards == 3
    stored = Path(next(iter(made.indices.values())).stored.path)
    assert stored.exists()
    del made
    import gc

    gc.collect()
    assert not stored.exists()


def test_importing_loads_nothing() -> None:
    code = (
        "import sys, vbdata; vbdata.__version__; dir(vbdata)\n"
        "loaded = {'torch', 'ray', 'pyarrow', 'cv2', 'numpy', 'fsspec', 'pydantic', 'typer'}\n"
        "sys.exit(', '.join(loaded & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "start", [["-m", "vbdata"], ["-c", "from vbdata.cli.app import app; app()"]]
)
def test_the_command_says_its_version(start: list[str]) -> None:
    done = subprocess.run([sys.executable, *start, "--version"], capture_output=True, text=True)
    assert done.stdout == f"vbdata {vbdata.__version__}\n"
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "vbdata.__version__"}
    assert (REPOSITORY / "vbdata" / "py.typed").exists()
