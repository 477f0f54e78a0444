"""The README is true: its snippet runs, its tests exist, its recipe is valid, its keys are all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import yaml
from conftest import REPOSITORY, manifest_of

from vbdata import plugins
from vbdata.recipe import _Recipe, load_recipe

README = (REPOSITORY / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_snippet_reads_a_build(demo_build: Path) -> None:
    folder = Path(manifest_of(demo_build)["shards"][0]["tar"]).parent
    reading, codec = blocks("python")
    seen: dict[str, object] = {}
    exec(reading.replace("out/shards/<digest>", str(demo_build / folder)), seen)
    assert seen["label"].valid.any()  # type: ignore[attr-defined]
    exec(codec, seen)
    assert abs(seen["metres"] - 2.5).max() < 0.01  # type: ignore[operator]
    assert (seen["ids"] == np.eye(3)).all()  # type: ignore[attr-defined]


def test_every_named_test_exists() -> None:
    table = README.split("which test proves it")[1]
    file = ""
    for path, name in re.findall(r"`(tests/\w+\.py)?(?:::(\w+))?`", table):
        file = path or file
        text = (REPOSITORY / file).read_text()
        assert not name or f"def {name}(" in text, f"{file}::{name}"
    assert file


def test_the_recipe_is_valid_and_every_key_is_explained(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "recipe.yaml").write_text(text)
    load_recipe(tmp_path / "recipe.yaml")
    explained = {*yaml.safe_load(text), *re.findall(r"^\| `([a-z_.]+)` \|", README, re.MULTILINE)}
    assert set(_Recipe.model_fields) <= explained


def test_every_task_stands_in_the_table() -> None:
    assert all(f"| `{task}` |" in README for task in plugins.names(plugins.TASKS))


def test_every_make_target_in_the_text_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert all(
        re.search(rf"^{t}:", makefile, re.MULTILINE) for t in re.findall(r"^make (\w+)", README)
    )
