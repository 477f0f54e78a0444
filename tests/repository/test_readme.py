"""The README is true: its snippet runs, its tests exist, its recipe is valid, its keys are all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.helpers.builds import REPOSITORY, manifest_of
from vbdata import plugins
from vbdata.errors import REASONS
from vbdata.recipe.recipe import _Recipe, load_recipe

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
def test_the_snippets_run(
    demo_build: Path, demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(manifest_of(demo_build)["shards"][0]["tar"]).parent
    reading, codec, door = blocks("python")
    seen: dict[str, object] = {}
    exec(reading.replace("out/shards/<digest>", str(demo_build / folder)), seen)
    assert np.isfinite(seen["metres"]).any()  # type: ignore[call-overload]
    exec(codec, seen)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "data").symlink_to(demo_data)
    shutil.copytree(REPOSITORY / "manifests", tmp_path / "manifests")
    monkeypatch.chdir(tmp_path)
    exec(door, seen)
    assert len(seen["build"]) == 96  # type: ignore[arg-type]
    assert abs(seen["metres"] - 2.5).max() < 0.01  # type: ignore[operator]
    assert (seen["ids"] == np.eye(3)).all()  # type: ignore[attr-defined]


def test_every_named_test_exists() -> None:
    table = README.split("which test proves it")[1]
    file = ""
    for path, name in re.findall(r"`(tests/\w+/\w+\.py)?(?:::(\w+))?`", table):
        file = path or file
        text = (REPOSITORY / file).read_text()
        assert not name or f"def {name}(" in text, f"{file}::{name}"
    assert file


def test_the_recipe_is_valid_and_every_key_is_explained(tmp_path: Path) -> None:
    text, roots, held = blocks("yaml")
    (tmp_path / "recipe.yaml").write_text(text)
    load_recipe(tmp_path / "recipe.yaml")
    explained = {*yaml.safe_load(text), *re.findall(r"^\| `([a-z_.]+)` \|", README, re.MULTILINE)}
    assert set(_Recipe.model_fields) <= explained
    (tmp_path / "my_test_ids.txt").write_text("coco:000000000139\n")
    (tmp_path / "guarded.yaml").write_text(f"{text}\n{held}")
    guarded = load_recipe(tmp_path / "guarded.yaml", {"refcoco-val": "/data/refer"})
    assert len(guarded.holdout) == 4
    for line in roots.splitlines():
        alone = re.sub(r"root: \S+,", line.partition("#")[0] + ",", text, count=1)
        (tmp_path / "root.yaml").write_text(alone)
        assert load_recipe(tmp_path / "root.yaml").sources[0].roots


def test_every_reader_and_every_reason_stands_in_a_table() -> None:
    readers = [name for name in plugins.names(plugins.DATASETS) if f"| `{name}` |" not in README]
    assert not readers
    assert all(f"| {reason} | {meaning} |" in README for reason, meaning in REASONS.items())


def test_every_task_stands_in_the_table() -> None:
    assert all(f"| `{task}` |" in README for task in plugins.names(plugins.TASKS))


def test_every_make_target_in_the_text_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert all(
        re.search(rf"^{t}:", makefile, re.MULTILINE) for t in re.findall(r"^make (\w+)", README)
    )


def test_the_map_of_the_house_is_true() -> None:
    """docs/architecture.md names every folder of vbdata/, and no file that is not there."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    folders = {path.parent.name for path in (REPOSITORY / "vbdata").glob("*/__init__.py")}
    table = {
        name
        for line in re.findall(r"^\| (`.*?) \|", text, re.M)
        for name in re.findall(r"`(\w+)/`", line)
    }
    assert table == folders
    for name in re.findall(r"`((?:vbdata|pipelines|transforms|tests)/[\w/]+(?:\.py)?)`", text):
        assert (REPOSITORY / name).exists(), name
    trip = text.split("## A sample's trip")[1]
    for name in re.findall(
        r"`(?:vbdata/)?((?:index|planning|jobs|run|shard|core|manifest)/[\w/]+\.py)`", trip
    ):
        assert (REPOSITORY / "vbdata" / name).exists(), name
