"""`vbdata demo`: raw data, build, picture and report by one command."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vbdata import demo
from vbdata.cli.app import app
from vbdata.errors import BuildError
from vbdata.manifest.opened import open_build
from vbdata.recipe.recipe import load_recipe
from vbdata.storage.folder import Folder


@pytest.mark.slow
def test_one_command_makes_a_build_a_picture_and_a_report(demo_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for source in load_recipe(demo.RECIPE, {}).sources:
        (tmp_path / "data" / source.name).symlink_to(demo_data / source.name)
    done = CliRunner().invoke(app, ["demo", str(tmp_path), "--local"])
    assert done.exit_code == 0, done.output
    assert len(open_build(Folder(str(tmp_path / "build")))) == 96
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (tmp_path / "report.html").read_text()
    first, last = done.output.strip().splitlines()[-2:]
    assert str(tmp_path / "sheet.png") in first
    assert str(tmp_path / "report.html") in first
    assert str(tmp_path / "demo.yaml") in last


def test_the_recipe_is_the_one_of_the_checkout(tmp_path: Path) -> None:
    path = demo.first_recipe(tmp_path / "new")
    assert demo.first_recipe(tmp_path / "new") == path
    here, there = load_recipe(path, {}), load_recipe(demo.RECIPE, {})
    assert [source.tasks for source in here.sources] == [source.tasks for source in there.sources]
    assert {Path(root).parent for source in here.sources for root in source.roots} == {
        tmp_path / "new" / "data"
    }
    path.write_text("name: mine\n")
    with pytest.raises(BuildError, match="is another recipe than the demo's"):
        demo.first_recipe(tmp_path / "new")


@pytest.mark.slow
def test_data_are_written_once_and_whole(tmp_path: Path) -> None:
    assert list(demo.write_missing(["triplets"], tmp_path, 0)) == [("triplets", 10)]
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    (tmp_path / ".eth3d.part").mkdir()  # as an interrupted run leaves it
    assert [name for name, _ in demo.write_missing(["triplets", "eth3d"], tmp_path, 0)] == ["eth3d"]
    assert not list(tmp_path.glob(".*"))
    assert {path: path.stat().st_mtime_ns for path in files if path != tmp_path} == {
        path: time for path, time in files.items() if path != tmp_path
    }
    with pytest.raises(KeyError, match="nosuch"):
        list(demo.write_missing(["nosuch"], tmp_path, 0))
