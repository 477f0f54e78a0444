"""The PhraseCut reader: regions as Pillow draws them in the official code, groups, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines import phrasecut
from pipelines.demo import marked_balls as balls
from pipelines.demo import phrasecut as demo
from transforms import refer
from vbdata.core.rng import Stream
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


def official(instances: Any) -> NDArray[np.bool_]:
    """The official utility: polygons of whole numbers, each drawn by itself, then joined."""
    mask = np.zeros((balls.HEIGHT, balls.WIDTH), bool)
    for polygon in [polygon for each in instances for polygon in each]:
        if len(polygon) >= 2:
            picture = Image.new("L", (balls.WIDTH, balls.HEIGHT), 0)
            ImageDraw.Draw(picture).polygon(
                [(int(x), int(y)) for x, y in polygon], outline=1, fill=1
            )
            mask |= np.array(picture) > 0
    return mask


@pytest.mark.parametrize("split", phrasecut.SPLITS)
def test_the_miniature_is_what_the_official_code_draws(
    split: str, demo_of: Callable[[str], Path]
) -> None:
    root = Folder(str(demo_of("phrasecut")))
    wanted = {each.task: each for each in demo.truth() if each.split == split}
    entries = list(phrasecut.index(root, split=split))
    assert [entry.id for entry in entries] == sorted(wanted)
    assert set(phrasecut.groups(root, split=split)) == {entry.group for entry in entries}
    for entry in entries:
        each = wanted[entry.id]
        assert entry.group == (f"coco:{each.coco:012d}" if each.coco else f"vg:{each.image}")
        label = phrasecut.load(root, entry, entry.labels).labels["segments"]
        drawn = official(demo.outlines(each))
        assert np.array_equal(np.asarray(label.ids) > 0, drawn)
        assert bool(label.valid.all())
        seen = balls.seen(each.shot)
        meant = np.any([seen[colour] for colour in demo.PHRASES[each.phrase]], axis=0)
        assert (drawn & meant).sum() >= 0.7 * (drawn | meant).sum()
        (expression,) = entry.expressions
        assert expression.text == " ".join(each.phrase.split())
        assert len(expression.targets) == len(demo.PHRASES[each.phrase])
        params = refer.ask(entry, Stream(1), several=0.5, negatives=1).params
        assert np.array_equal(np.asarray(refer.render(label, params)).any(-1), drawn)
        assert (entry.classes, entry.absent) == ((), ())


DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "of no image": ({"image_id": 7}, "garbled annotation: image 7 is not listed"),
    "no phrase": ({"phrase": " "}, "garbled annotation: its phrase is ' '"),
    "no outline": ({"Polygons": [[]]}, "empty label: it has no outline"),
    "points alone": ({"Polygons": [[[[3, 4]]]]}, "empty label: it has no outline"),
    "flat": ({"Polygons": [[[1, 2, 3, 4]]]}, "garbled annotation: a polygon is"),
    "no list": ({"Polygons": {}}, "garbled annotation: its Polygons are {}"),
    "far away": ({"Polygons": [[[[0, 0], [1e9, 2]]]]}, "out of range: a polygon leads"),
    "without an id": ({"task_id": None}, "garbled annotation: phrase 0 of the file has the task"),
    "with a path as its id": ({"task_id": "../x"}, "garbled annotation: phrase 0 of the file"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_phrases(case: str, demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    changes, wrong = DAMAGED[case]
    shutil.copytree(demo_of("phrasecut"), tmp_path / "data/VGPhraseCut_v0")
    path = tmp_path / "data/VGPhraseCut_v0/refer_val.json"
    tasks = json.loads(path.read_text())
    path.write_text(json.dumps([tasks[0] | changes, tasks[1]]))
    faults = [entry.fault for entry in phrasecut.index(Folder(str(tmp_path)), split="val")]
    assert sorted(faults)[0] == ""
    assert sorted(faults)[1].startswith(wrong)


def test_outlines_beside_the_picture_and_missing_files(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("phrasecut"), tmp_path / "a")
    root, path = Folder(str(tmp_path / "a")), tmp_path / "a/refer_val.json"
    (tmp_path / "a/image_data_split.json").rename(tmp_path / "a/image_data_split3000.json")
    task = json.loads(path.read_text())[0]
    path.write_text(json.dumps([task | {"Polygons": [[[[900, 900], [950, 900], [950, 950]]]]}]))
    (entry,) = phrasecut.index(root, split="val")
    with pytest.raises(BadSample, match="its outlines cover no pixel"):
        phrasecut.load(root, entry, ["segments"])
    (tmp_path / "a/image_data_split3000.json").write_text("[")
    with pytest.raises(SourceError, match="not readable as a JSON list of pictures"):
        list(phrasecut.index(root, split="val"))
    with pytest.raises(SourceError, match=r"no refer_val\.json, nor below VGPhraseCut_v0/"):
        list(phrasecut.index(Folder(str(tmp_path)), split="val"))
    assert [phrasecut.official(split=s).entries for s in phrasecut.SPLITS] == [
        *(310_816, 20_316, 14_354, 821),
    ]
