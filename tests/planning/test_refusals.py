"""What a plan says of records that it cannot draw: why a cell is empty, what is lost.

Over COCO-format data of a few pictures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vbdata.core.images import encode_jpeg
from vbdata.engine.build import build, planned
from vbdata.errors import BuildError, RecipeError
from vbdata.manifest.tally import warnings
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 64, 48
RECIPE = """
name: few
seed: 1
samples: 2
shard_size: 2
{more}
sources:
  few: {{dataset: coco, root: data, tasks: {{{tasks}}}}}
"""
Change = Callable[[dict[str, Any]], None]


def recipe_of(
    folder: Path, change: Change, tasks: str = "semantic: 1", more: str = "", lost: int = 0
) -> Recipe:
    """A recipe over four pictures with a cat each, the first `lost` of which are not there."""
    numbers = range(1, 5)
    whole: dict[str, Any] = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT} for n in numbers
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "area": 768}
            | {"segmentation": [[8, 8, 40, 8, 40, 32, 8, 32]], "bbox": [8, 8, 32, 24]}
            for n in numbers
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    change(whole)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/few.json").write_text(json.dumps(whole))
    rng = np.random.default_rng(0)
    for n in numbers:
        pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        if n > lost:
            (folder / f"data/{n}.jpg").write_bytes(encode_jpeg(pixels))
    (folder / "recipe.yaml").write_text(RECIPE.format(tasks=tasks, more=more))
    return load_recipe(folder / "recipe.yaml")


def nothing(_: dict[str, Any]) -> None:
    return


def of_all(**changes: Any) -> Change:
    """Change every annotation; keys that become ... are taken out."""

    def change(whole: dict[str, Any]) -> None:
        for each in whole["annotations"]:
            each |= changes
            for key in [key for key, value in changes.items() if value is ...]:
                del each[key]

    return change


def images(**changes: Any) -> Change:
    return lambda whole: [each.update(changes) for each in whole["images"]] and None


WHY: dict[str, tuple[Change, str, str, int, str]] = {  # change, task, more, lost, what is said
    "crowds": (of_all(iscrowd=1), "instance", "", 0, "4 of which all segments are crowds"),
    "stuff": (
        lambda whole: whole["categories"][0].update(isthing=0),
        "instance",
        "",
        0,
        "4 with stuff alone",
    ),
    "tiny": (
        of_all(segmentation=[[1, 1, 4, 1, 4, 4, 1, 4]], area=9, bbox=[1, 1, 3, 3]),
        "instance",
        "",
        0,
        "4 of which each class has an instance under 16 pixels",
    ),
    "boxes": (of_all(segmentation=...), "semantic", "", 0, "4 of which nothing is left, .* box"),
    "unmarked": (
        lambda whole: whole["annotations"].clear(),
        "semantic",
        "",
        0,
        "4 on which no class is marked",
    ),
    "width 0": (images(width=0), "semantic", "", 0, "4 faulty: garbled annotation .* 0 x 48"),
    "small": (
        nothing,
        "semantic",
        "image: {max_pixels: 65536, multiple_of: 64}",
        0,
        "4 too small, .*multiple_of = 64 .*64 x 48",
    ),
    "no size": (
        nothing,
        "semantic",
        "image: {buckets: [[65, 48], [48, 64]]}",
        0,
        "4 too small, .*the sizes 65x48, 48x64 .*64 x 48",
    ),
    "missing": (nothing, "semantic", "", 4, r"4 without a file of their image \(such as .*1\.jpg"),
    "captions": (nothing, "generate", "", 0, "4 without captions"),
    "mixed": (
        lambda whole: whole["annotations"].pop(),
        "instance",
        "",
        3,
        "3 without a file of their image .*; 1 on which no class is marked",
    ),
}


@pytest.mark.parametrize("name", WHY)
def test_an_empty_cell_says_why(tmp_path: Path, name: str) -> None:
    change, task, more, lost, said = WHY[name]
    recipe = recipe_of(tmp_path, change, f"{task}: 1", more, lost)
    wanted = rf"sources\.few\.tasks\.{task}: none of the source's 4 entries can serve this task: "
    with pytest.raises(RecipeError, match=wanted + said), planned(recipe):
        pass


def test_what_is_lost_is_warned_of_and_not_drawn(tmp_path: Path) -> None:
    def change(whole: dict[str, Any]) -> None:
        whole["annotations"].append(whole["annotations"][2] | {"id": 9, "segmentation": []})
        whole["images"].append({"id": 8, "file_name": "8.jpg", "width": 0, "height": 3})

    recipe = recipe_of(tmp_path, change, "semantic: 1000, instance: 1", lost=2)
    with planned(recipe) as plan:
        assert [len(cell.rows) for cell in plan.cells] == [2, 2]
        texts = warnings(plan)
    wanted = [
        "few: 1 of 5 records are faulty and not drawn: garbled annotation (such as 000000000008: ",
        "few: 2 of 5 records lack their image file (such as 1.jpg): no task",
        "few: 1 annotations of 1 records are left out: no mask (such as 000000000003: annotation 9",
        "few / instance: gets none of the 2 samples",
    ]
    assert len(texts) == len(wanted)
    for text, start in zip(texts, wanted, strict=True):
        assert text.startswith(start)


@pytest.mark.slow
def test_a_failed_build_names_source_reason_and_file(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, of_all(area=70_000), more="max_bad: 1")
    with pytest.raises(BuildError) as caught:
        build(recipe, Folder(str(tmp_path / "out")), How())
    said = str(caught.value)
    assert "few: " in said
    assert "garbled annotation (such as 00000000000" in said
    assert ".jpg]: annotation " in said
    assert "covers 768 pixels, its area is 70000" in said
