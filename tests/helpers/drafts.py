"""Folders of data as people have them, and the recipes that `vbdata init` drafts for them."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from tests.helpers.own_folders import HEIGHT, WIDTH, png, put
from vbdata.cli.app import app
from vbdata.core.images import encode_jpeg
from vbdata.engine.build import planned
from vbdata.guide.draft import Drafted, draft
from vbdata.guide.recipe_text import FILL
from vbdata.recipe.recipe import Recipe, load_recipe

DEPTH16 = png(np.full((HEIGHT, WIDTH), 1500, np.uint16))
RGB = png(np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
INDEX = png(np.ones((HEIGHT, WIDTH), np.uint8))
BIG = 96


def run(*arguments: str) -> Result:
    """The command's answer."""
    return CliRunner().invoke(app, ["init", *arguments])


def drafted(folder: Path) -> dict[str, Drafted]:
    """The sources of a folder's draft by name."""
    return {source.name: source for source in draft(folder).sources}


def only(folder: Path) -> Drafted:
    """The only source of a folder's draft."""
    (source,) = draft(folder).sources
    return source


def written(folder: Path) -> Path:
    """The recipe for a folder, in a folder of its own."""
    recipe = folder.parent / "recipes" / f"{folder.name}.yaml"
    done = run(str(folder), "--out", str(recipe))
    assert done.exit_code == 0, done.output
    return recipe


def filled(recipe: Path) -> Recipe:
    """A recipe whose blanks have been filled in by their examples."""
    text = recipe.read_text()
    blank = re.compile(rf"^( +)# {FILL}: .*\n(?:\1# (?!\w+: ).*\n)*\1# (\w+: .*)$", re.MULTILINE)
    recipe.write_text(blank.sub(r"\1\2", text))
    return load_recipe(recipe)


def eligible(recipe: Recipe) -> dict[str, int]:
    """How many records each cell of a recipe has: "source/task" -> count."""
    with planned(recipe) as made:
        return {f"{cell.source}/{cell.task}": len(cell.rows) for cell in made.cells}


def coco(root: Path, path: str, names: list[str], **more: Any) -> None:
    """A COCO-format file with a square in each of some pictures."""
    square = [[4, 4, 80, 4, 80, 80, 4, 80]]
    value = {
        "images": [
            {"id": k, "file_name": n, "width": BIG, "height": BIG} for k, n in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "bolt"}],
        "annotations": [
            {"id": k + 1, "image_id": k, "category_id": 1, "bbox": [4, 4, 76, 76]}
            | {"segmentation": square, "area": 5776, "iscrowd": 0}
            | more
            for k in range(len(names))
        ],
    }
    put(root, path, data=json.dumps(value))


def big_jpeg() -> bytes:
    """A picture in which COCO's square has its room."""
    return encode_jpeg(np.zeros((BIG, BIG, 3), np.uint8))


def tar(path: Path, members: dict[str, bytes]) -> None:
    """Write a tar of some members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))


def texts(folder: Path) -> Path:
    """A picture with a caption beside it, in a folder of their own."""
    put(folder, "a.jpg")
    put(folder, "a.txt", data="a cat")
    return folder
