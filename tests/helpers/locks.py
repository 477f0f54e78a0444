"""A small build of real parts, for the tests of locks and of comparisons: seconds, not minutes."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from vbdata.cli.app import app
from vbdata.engine.build import build
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

SMALL = """\
name: small
seed: 3
samples: 12
shard_size: 4
max_bad: 0.5
sources:
  coco:
    dataset: coco
    root: {data}/coco
    split: train2017
    tasks: {{semantic: 0.25, generate: 0.25}}
  kitti: {{dataset: kitti, root: {data}/kitti, tasks: {{depth: 0.5}}}}
"""


def write_recipe(folder: Path, data: Path, *changes: tuple[str, str]) -> Path:
    """The small recipe over some data, with some of its text changed."""
    text = SMALL.format(data=data)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "small.yaml"
    folder.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def build_small(folder: Path, data: Path, *changes: tuple[str, str]) -> Path:
    """It, built into folder/out."""
    recipe = load_recipe(write_recipe(folder, data, *changes))
    build(recipe, Folder(str(folder / "out")), How())
    return folder / "out"


def run(*arguments: str | Path) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
