"""The JSON schema of recipes: what it takes is what `vbdata` takes, and editors find it."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from tests.helpers.builds import REPOSITORY
from vbdata.cli.app import app
from vbdata.errors import RecipeError
from vbdata.guide.recipe_text import SCHEMA_LINE
from vbdata.guide.schema import FILE, recipe_schema
from vbdata.recipe import yaml12
from vbdata.recipe.recipe import parse_recipe

RECIPES = sorted((REPOSITORY / "manifests").glob("*.yaml"))
GOOD = """\
name: it
seed: 1
samples: all
image: {max_pixels: 4096}
holdout: [kitti-val, {file: ids.txt}]
tasks: {depth: {c: 120}, my.own: {x: 1}}
sources:
  a:
    dataset: coco
    root: [one, two]
    split: val2017
    only: [{file: a.txt}, "b/*"]
    classes: {keep: cat, merge: {pet: [cat, dog]}}
    min_size: [64, 64]
    tasks: {semantic: 1}
  b: {dataset: my.reader, root: ., anything: 1, tasks: {my.own: 1, depth: 0}}
"""
WRONG = {  # what stands in place of something, and where the schema says that it is wrong
    ("seed: 1", "seed: one"): "seed",
    ("samples: all", "samples: 0"): "samples",
    ("seed: 1", "seed: 1\nsead: 1"): "",
    ("max_pixels: 4096", "pixels: 4096"): "image",
    ("{c: 120}", "{k: 120}"): "tasks.depth",
    ("dataset: coco", "dataset: cocoa"): "sources.a.dataset",
    ("split: val2017", "spilt: val2017"): "sources.a",
    ("semantic: 1", "depth: 1"): "sources.a.tasks",
    ("semantic: 1", "semantic: -1"): "sources.a.tasks.semantic",
    ("merge: {pet", "marge: {pet"): "sources.a.classes",
    ("[64, 64]", "[64]"): "sources.a.min_size",
    ("    root: [one, two]\n", ""): "sources.a",
}


@cache
def checker() -> Any:
    schema = recipe_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def wrong(text: str) -> list[str]:
    """Where the schema finds faults in a recipe's text, as faults name keys."""

    def plain(value: Any) -> Any:
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, dict):
            return {str(key): plain(part) for key, part in value.items()}
        return [plain(part) for part in value] if isinstance(value, list) else value

    found = checker().iter_errors(plain(yaml12.load(text)))
    return sorted(".".join(map(str, error.absolute_path)) for error in found)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_our_recipes_are_right_and_name_the_schema(recipe: Path) -> None:
    text = recipe.read_text()
    assert wrong(text) == []
    first = text.partition("\n")[0]
    assert first == f"{SCHEMA_LINE}{FILE}"
    assert (recipe.parent / first.removeprefix(SCHEMA_LINE)).exists()


def test_the_schema_beside_our_recipes_is_todays() -> None:
    """Otherwise: vbdata schema --out manifests/vbdata.schema.json, which make lock runs, too."""
    assert json.loads((REPOSITORY / "manifests" / FILE).read_text()) == recipe_schema()


def test_what_is_wrong_is_found_where_it_stands() -> None:
    assert wrong(GOOD) == []
    for (old, new), place in WRONG.items():
        assert old in GOOD
        assert wrong(GOOD.replace(old, new, 1)) == [place], (old, new)


def test_it_takes_what_is_taken_and_refuses_only_what_is_refused(tmp_path: Path) -> None:
    sources = "sources: {k: {dataset: kitti, root: ., tasks: {depth: 1}, %s}}"
    options = ("split: val", "split: trian", "camera: 2", "min_size: 8", "splt: val", "where: 3")
    for option in options:
        text = f"name: x\nseed: 1\nsamples: 1\n{sources % option}"
        try:
            parse_recipe(text, "r.yaml", tmp_path, {})
        except RecipeError:
            continue
        assert wrong(text) == []


def test_the_command_prints_or_writes_it(tmp_path: Path) -> None:
    run = CliRunner()
    printed = run.invoke(app, ["schema"])
    assert json.loads(printed.stdout) == recipe_schema()
    assert run.invoke(app, ["schema", "--out", str(tmp_path / "s.json")]).exit_code == 0
    assert (tmp_path / "s.json").read_text() == printed.stdout
