"""Copies of held-out pictures under their old names, in data that has groups of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.own_folders import JPEG
from vbdata.engine.build import planned
from vbdata.manifest.tally import warnings
from vbdata.recipe.recipe import load_recipe

HELD = [f"{number * 139:012d}" for number in range(1, 11)]
RECIPE = """
name: own
seed: 1
samples: 1
shard_size: 1
holdout: [{{set: coco-val2017, root: coco}}]
sources:
  own: {{dataset: {dataset}, root: own, tasks: {{generate: 1}}{options}}}
"""
COCO = "say ids: coco (and ids: own if not)"


def warned(folder: Path, names: list[str], ids: list[int], options: str = "") -> list[str]:
    """What a plan says of own captioned COCO-format pictures beside a held-out val2017."""
    instances = {"images": [{"id": int(n)} for n in HELD], "annotations": [], "categories": []}
    images = [
        {"id": id_, "file_name": name, "width": 64, "height": 48}
        for id_, name in zip(ids, names, strict=True)
    ]
    notes = [{"id": id_, "image_id": id_, "caption": "a cat"} for id_ in ids]
    files = {
        "coco/annotations/instances_val2017.json": instances,
        "own/notes.json": {"images": images, "annotations": notes},
    }
    for path, value in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(value))
    for name in names:
        (folder / "own" / name).parent.mkdir(exist_ok=True)
        (folder / "own" / name).write_bytes(JPEG)
    return said(folder, "coco", options)


def said(folder: Path, dataset: str, options: str = "") -> list[str]:
    (folder / "recipe.yaml").write_text(RECIPE.format(dataset=dataset, options=options))
    with planned(load_recipe(folder / "recipe.yaml")) as plan:
        return warnings(plan)


OTHER = [f"img_{number}.jpg" for number in range(1, 11)]
CASES: dict[str, tuple[list[str], list[int], int]] = {  # names, ids, records that are named so
    "as COCO names them": ([f"{HELD[0]}.jpg", "mine.jpg"], [1, 2], 1),
    "in a folder": ([f"pics/{HELD[0]}.jpg", "mine.jpg"], [1, 2], 1),
    "by Roboflow": ([f"{HELD[0]}_jpg.rf.0a1b2c.jpg", "mine.jpg"], [1, 2], 1),
    "with the split before it": ([f"val-{HELD[0]}.png", "mine.jpg"], [1, 2], 1),
    "by their ids": (OTHER, [int(n) for n in HELD], 10),
    "other names, ids from 1": (OTHER, list(range(135, 145)), 0),
    "COCO's form, none held out": (["000000000140.jpg", "000000000141.jpg"], [1, 2], 0),
}


@pytest.mark.parametrize("case", CASES)
def test_names_of_held_out_pictures_are_warned_of(tmp_path: Path, case: str) -> None:
    names, ids, count = CASES[case]
    lines = warned(tmp_path, names, ids)
    start = f"own: {count} of {len(ids)} records are named as pictures of the held-out coco-val2017"
    assert [line.startswith(start) and line.endswith(COCO) for line in lines] == [True] * bool(
        count
    )


@pytest.mark.parametrize("ids", ["own", "shared"])
def test_a_source_that_says_whose_its_pictures_are_is_not_warned_of(
    tmp_path: Path, ids: str
) -> None:
    names, numbers, _ = CASES["as COCO names them"]
    assert warned(tmp_path, names, numbers, f", ids: {ids}") == []


def test_pictures_with_captions_are_told_to_state_their_group(tmp_path: Path) -> None:
    warned(tmp_path, ["mine.jpg"], [1])
    (tmp_path / "own/notes.json").unlink()
    for stem in ("mine", HELD[2]):
        (tmp_path / f"own/{stem}.jpg").write_bytes(JPEG)
        (tmp_path / f"own/{stem}.txt").write_text("a cat")
    (line,) = said(tmp_path, "captioned")
    assert line.endswith(f"state their group, such as 'coco:{HELD[0]}'")


@pytest.mark.parametrize(
    ("groups", "left"), [("", {"first": 1, "second": 2}), ("both", {"first": 1, "second": 1})]
)
def test_a_holdout_of_one_source_leaves_another_alone(
    tmp_path: Path, groups: str, left: dict[str, int]
) -> None:
    """Two folders with pictures of the same names, unless they say that they share them."""
    for folder in left:
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            (tmp_path / folder / f"{name}.jpg").write_bytes(JPEG)
            (tmp_path / folder / f"{name}.txt").write_text("a cat")
    shared = {"groups": groups} if groups else {}
    source = {"dataset": "captioned", "tasks": {"generate": 1}} | shared
    recipe = {
        **{"name": "two", "seed": 1, "samples": 2, "shard_size": 2},
        "holdout": [{"file": "held.txt"}],
        "sources": {folder: source | {"root": folder} for folder in left},
    }
    (tmp_path / "held.txt").write_text(f"{groups or 'first'}:a.jpg\n")
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    with planned(load_recipe(tmp_path / "recipe.yaml")) as plan:
        assert {cell.source: len(cell.rows) for cell in plan.cells} == left


def test_a_source_that_is_called_coco_has_no_group_of_coco(tmp_path: Path) -> None:
    """Its picture 000000000139.jpg is in no folder, so the name alone would be the group."""
    names, ids, _ = CASES["as COCO names them"]
    warned(tmp_path, names, ids)
    text = (tmp_path / "recipe.yaml").read_text().replace("own: {dataset", "coco: {dataset")
    (tmp_path / "recipe.yaml").write_text(text)
    with planned(load_recipe(tmp_path / "recipe.yaml")) as plan:
        assert len(plan.cells[0].rows) == len(names)
        assert len(warnings(plan)) == 1
