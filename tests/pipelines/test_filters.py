"""Filters reach facts, prompts and pixels of every reader alike, and what they did is counted.

Over COCO-format data of a few rectangles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import vbdata
from vbdata.core.images import encode_jpeg
from vbdata.engine.build import build, planned
from vbdata.engine.doctor import examine
from vbdata.errors import BuildError, RecipeError
from vbdata.locks.diff import compare
from vbdata.manifest.tally import warnings
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.stats import print_statement

WIDTH, HEIGHT = 64, 48
# class, x, y, width, height; a bus stands in the first three of six pictures
BOXES = ((1, 0, 0, 20, 20), (2, 24, 0, 20, 20), (1, 0, 24, 5, 5), (3, 24, 24, 10, 10))
NAMES = {1: "cat", 2: "dog", 3: "bus"}
RECIPE = """
name: few
seed: 1
samples: 12
shard_size: 6
spares: 0
{more}
sources:
  few:
    dataset: coco
    root: data
    tasks: {{{tasks}}}
{filters}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    (folder / "data").mkdir()
    rng, annotations = np.random.default_rng(0), []
    for n in range(1, 7):
        pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        (folder / f"data/{n}.jpg").write_bytes(encode_jpeg(pixels))
        for kind, x, y, w, h in BOXES[: 4 if n <= 3 else 3]:
            ring = [x, y, x + w, y, x + w, y + h, x, y + h]
            each = {"id": len(annotations) + 1, "image_id": n, "category_id": kind, "iscrowd": 0}
            more = {"bbox": [x, y, w, h], "area": w * h, "segmentation": [ring]}
            annotations.append(each | more)
    whole = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT}
            for n in range(1, 7)
        ],
        "annotations": annotations,
        "categories": [{"id": k, "name": name} for k, name in NAMES.items()],
    }
    (folder / "data/few.json").write_text(json.dumps(whole))
    return folder


def recipe(
    folder: Path, filters: str, tasks: str = "semantic: 1, instance: 1", more: str = ""
) -> Recipe:
    lines = "\n".join(f"    {line}" for line in filters.splitlines())
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(filters=lines, tasks=tasks, more=more))
    return load_recipe(path)


def area_of(name: str, least: int = 0) -> int:
    return sum(w * h for kind, _, _, w, h in BOXES if NAMES[kind] == name and w * h >= least)


def fault(folder: Path, filters: str, tasks: str = "semantic: 1") -> str:
    with pytest.raises(RecipeError) as caught, planned(recipe(folder, filters, tasks)):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    ("filters", "barred", "left"),
    [
        ("only: '*[12]'", {"only": 4}, 2),
        ("only: ['000000000001', 'few:6.jpg', {file: ids.txt}]", {"only": 3}, 3),
        ("without: '*[12]'\nonly: '*[123]'", {"only": 3, "without": 2}, 1),
        ("min_instances: 4", {"min_instances": 3}, 3),
        ("min_instances: 3\nmin_area: 30", {"min_instances": 3}, 3),
        ("min_size: [64, 48]", {"min_size": 0}, 6),
        ("where: '\"bus\" in classes'", {"where": 3}, 3),
        ("where: '\"van\" in classes'\nclasses: {rename: {bus: van}}", {"where": 3}, 3),
    ],
)
def test_records_are_barred_and_counted(
    filters: str, barred: dict[str, int], left: int, data: Path
) -> None:
    (data / "ids.txt").write_text("000000000003\nnobody\n")
    with planned(recipe(data, filters)) as plan:
        assert plan.barred["few"] == {"holdout": 0, "licence": 0, **barred}
        assert {len(cell.rows) for cell in plan.cells} == {left}
        told = [text for text in warnings(plan) if "ids.txt" in text]
        assert bool(told) == ("ids.txt" in filters)
        assert all("1 lines of ids.txt are no id and no group of the 6" in each for each in told)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ("only: 7*", "sources.few.only: '7*' is no id, group or glob of any of the 6 records"),
        ("without: [a, b]", "sources.few.without: 'b' is no id, group or glob"),
        ("classes: {drop: buss}", "classes.drop: 'buss' is no class of the data; did you mean"),
        ("classes: {merge: {pet: [cat, god]}}", "merge: 'god' is no class of the data. Known: bus"),
        (
            "classes: {rename: {cat: dog}}",
            "'cat' to 'dog', which is a class of the data: use merge",
        ),
        ("min_area: 401", "21 instances under min_area, the largest instance has 400 pixels"),
        ("min_size: 49", "6 barred by min_size"),
        ("where: width > 64", "6 barred by where"),
        ("classes: {keep: bus}\nwithout: '*[123]'", "by its filters: 18 segments of dropped"),
    ],
)
def test_filters_that_name_or_leave_nothing_are_faults(filters: str, said: str, data: Path) -> None:
    assert said in fault(data, filters)
    found = list(examine(recipe(data, filters), 1))
    assert any(each.level == "fail" and said in each.text for each in found)


def test_several_filters_that_name_nothing_are_told_at_once(data: Path) -> None:
    assert len(fault(data, "only: [x, y]\nwithout: z").splitlines()) == 3


def labels(out: Path) -> list[tuple[str, dict[str, list[int]], int]]:
    """Of each sample its prompt, pixels of the segments by class, and pixels that do not count."""
    found = []
    for sample in vbdata.open_build(str(out)):
        ids, classes = np.asarray(sample.label), dict[str, list[int]]()
        names = [line["name"] for line in sample.params.get("legend", ())]
        for number in range(1, int(ids.max()) + 1):
            name = names[number - 1] if names else sample.params["class"]
            classes.setdefault(name, []).append(int((ids == number).sum()))
        invalid = int((~np.asarray(sample.valid)).sum())
        found.append((sample.instruction, classes, invalid))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "areas", "void", "counts"),
    [
        (
            "classes: {keep: [pet], merge: {pet: [cat, dog]}}\nmin_area: 30",
            {"pet": [400, 400]},
            25,
            {
                "instances under min_area": 6,
                "segments of dropped classes": 3,
                "segments under another name": 18,
            },
        ),
        (
            "classes: {drop: [bus, dog], rename: {cat: kitten}}",
            {"kitten": [25, 400]},
            0,
            {"segments of dropped classes": 9, "segments under another name": 12},
        ),
        (
            "classes: {merge: {dog: [cat]}, keep: dog}",
            {"dog": [25, 400, 400]},
            0,
            {"segments of dropped classes": 3, "segments under another name": 12},
        ),
    ],
)
def test_facts_prompts_and_pixels_agree(
    filters: str,
    areas: dict[str, list[int]],
    void: int,
    counts: dict[str, int],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = "tasks: {semantic: {absent: 0, subset: 0}, instance: {negatives: 0}}"
    wanted = recipe(data, filters, more=options)
    made = build(wanted, Folder(str(tmp_path)), How(ray=None))
    assert made["quarantine"] == {}
    assert made["sources"][0]["filtered"] == counts
    assert vbdata.verify(str(tmp_path)) == []
    (name,) = areas
    for prompt, found, invalid in labels(tmp_path):
        assert name in prompt
        assert not [old for old in NAMES.values() if old != name and old in prompt]
        assert invalid == void
        assert {k: sum(v) for k, v in found.items()} == {k: sum(v) for k, v in areas.items()}
        assert sorted(found[name]) in (areas[name], [sum(areas[name])])
    print_statement(made, Console(width=200))
    said = capsys.readouterr().out
    assert all(what in said for what in counts)


@pytest.mark.slow
def test_other_filters_reuse_no_label_and_the_same_ones_all(data: Path, tmp_path: Path) -> None:
    def built(name: str, filters: str, *reuse: str) -> dict[str, Any]:
        how = How(ray=None, reuse=tuple(str(tmp_path / each) for each in reuse))
        out = Folder(str(tmp_path / name))
        return build(recipe(data, filters, "semantic: 1"), out, how)

    plain = built("plain", "")
    kept = built("kept", "min_area: 20", "plain")  # which leaves nothing out
    assert [s["sha256"] for s in kept["shards"]] == [s["sha256"] for s in plain["shards"]]
    fresh = built("fresh", "min_area: 30")
    reused = built("reused", "min_area: 30", "plain")
    assert [s["sha256"] for s in reused["shards"]] == [s["sha256"] for s in fresh["shards"]]
    assert {invalid for _, _, invalid in labels(tmp_path / "reused")} == {25}
    with pytest.raises(BuildError, match=r"sources\.few\.filters: None -> {'min_area': 30}"):
        built("plain", "min_area: 30")
    changes = compare(str(tmp_path / "plain"), str(tmp_path / "fresh"))
    assert any("filters" in change.key for change in changes.recipe)
