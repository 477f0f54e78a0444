"""The LVIS reader: masks by pycocotools, what is absent and what is not said, both folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as rle

from pipelines import lvis
from pipelines.demo import lvis as demo
from pipelines.demo import marked_balls as balls
from tests.helpers.builds import REAL, needs_real_data
from transforms import boxes, instance, semantic
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Entry, Geometry
from vbdata.errors import SourceError
from vbdata.storage.folder import Folder

VOCABULARY = [(lvis.in_words(name), True) for name in demo.CLASSES]


def segments(root: Folder, entry: Entry) -> Segments:
    found = lvis.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.mark.parametrize("split", lvis.SPLITS)
def test_the_miniature_is_what_pycocotools_draws(
    split: str, demo_of: Callable[[str], Path]
) -> None:
    root = Folder(str(demo_of("lvis")))
    wanted = {each.number: each for each in demo.truth() if each.split == split}
    table = json.loads((demo_of("lvis") / f"lvis_v1_{split}.json").read_text())
    entries = list(lvis.index(root, split=split))
    assert [int(entry.id) for entry in entries] == sorted(wanted)
    for entry in entries:
        each, label = wanted[int(entry.id)], segments(root, entry)
        assert entry.files["image"].path == each.file
        assert entry.group == f"coco:{each.number:012d}"
        assert set(entry.absent or ()) == {lvis.in_words(name) for name in each.absent}
        masks = []
        for note in [a for a in table["annotations"] if a["image_id"] == each.number]:
            coded = rle.frPyObjects(note["segmentation"], balls.HEIGHT, balls.WIDTH)
            masks.append(rle.decode(rle.merge(coded)) > 0)
        depth = np.sum(masks, axis=0)
        order = sorted(range(len(masks)), key=lambda k: -masks[k].sum())
        topmost = np.zeros(depth.shape, int)
        for k in order:
            topmost[masks[k]] = k + 1
        assert np.array_equal(label.ids, topmost)
        assert np.array_equal(label.valid, depth > 0)
        assert label.under is not None
        assert np.array_equal(np.asarray(label.under) > 0, depth > 1)
        partly = {lvis.in_words(name) for name in each.partly}
        assert {f.name for f in entry.classes if not f.instances} == partly
        marked = {lvis.in_words(name) for name, _ in each.masks}
        assert set(label.known) == (marked - partly) | set(entry.absent or ())
    assert len({Path(each.file).parent for each in wanted.values()}) == (2 if split == "val" else 1)


def test_what_is_asked_and_never_taught(demo_of: Callable[[str], Path]) -> None:
    """Absent classes are asked for in vain; a part that lies on a ball is no background of it."""
    root = Folder(str(demo_of("lvis")))
    each = next(each for each in demo.truth() if each.partly)
    entry = next(e for e in lvis.index(root) if int(e.id) == each.number)
    label = segments(root, entry)
    label = label.fit(
        Geometry(source=(72, 54), scaled=(72, 54), left=8, top=2, width=56, height=48)
    )
    crop = (slice(2, 50), slice(8, 64))
    asks = [
        instance.ask(entry, Stream(n), vocabulary=VOCABULARY, negatives=0.5).params
        for n in range(60)
    ]
    asked = {params["class"]: params for params in asks}
    assert set(asked) == {"red ball", "blue ball (toy)", "sticker", "aerosol can", "cat"}
    for name, params in asked.items():
        valid = np.asarray(instance.valid(label, params))
        painted = np.asarray(instance.render(label, params)).any(-1)
        own = np.zeros_like(valid)
        for kind, mask in each.masks:
            own |= mask[crop] & (lvis.in_words(kind) == name)
        assert np.array_equal(painted, own)  # whole, a sticker or not
        assert valid.all()  # and all of the image is known for it
        assert instance.roundtrip(label, np.asarray(instance.render(label, params)), params) == 0
    boxed = boxes.ask(entry, Stream(2), vocabulary=VOCABULARY, negatives=0, style="filled").params
    boxed |= {"class": "blue ball (toy)", "palette": boxed["palette"][:1]}
    rows, columns = np.nonzero(dict(each.masks)[demo.NAMES["blue"]][crop])  # the sticker's, too
    painted = np.asarray(boxes.render(label, boxed)).any(-1)
    inside = np.zeros_like(painted)
    inside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert np.array_equal(painted, inside)
    assert boxes.roundtrip(label, np.asarray(boxes.render(label, boxed)), boxed) == 0
    legend = {"legend": [{"name": "blue ball (toy)", "rgb": [9, 9, 9]}], "background": [0, 0, 0]}
    marked = np.any([mask[crop] for _, mask in each.masks], axis=0)
    blue = dict(each.masks)[demo.NAMES["blue"]][crop]
    assert np.array_equal(np.asarray(semantic.render(label, legend)).any(-1), blue)
    assert np.array_equal(semantic.valid(label, legend), marked)
    both = Segments(  # two balls of a class under a sticker: which is in front?
        ids=np.full((4, 5), 3, np.int32),
        classes=("ball", "ball", "sticker"),
        things=(True,) * 3,
        crowds=(False,) * 3,
        valid=np.ones((4, 5), np.bool_),
        known=("ball", "sticker"),
        under=np.array([[0, 1, 2, 3, 3]] * 4, np.int32),
        covered=((0,), (1,), (0, 1)),
    )
    two = {"class": "ball", "palette": [[9, 0, 0], [0, 9, 0]], "background": [0, 0, 0]}
    drawn = np.asarray(instance.render(both, two))
    assert drawn[0].tolist() == [[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 0], [0, 0, 0]]
    assert np.asarray(instance.valid(both, two))[0].tolist() == [True, True, True, False, False]
    alike = {"legend": [{"name": "ball", "rgb": [9, 9, 9]}], "background": [0, 0, 0]}
    assert np.asarray(semantic.render(both, alike))[0, :, 0].tolist() == [0, 9, 9, 9, 9]
    assert np.asarray(semantic.valid(both, alike)).all()


def test_holdouts_groups_and_the_release(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copy(demo_of("lvis") / "lvis_v1_val.json", tmp_path / "lvis_v1_val.json")
    alone = Folder(str(tmp_path))
    held = list(lvis.groups(alone, **lvis.HOLDOUTS["lvis-val"]))
    assert held == [f"coco:{each.number:012d}" for each in demo.truth() if each.split == "val"]
    with pytest.raises(SourceError, match="no folder train2017 or val2017"):
        list(lvis.index(alone, split="val"))
    with pytest.raises(SourceError, match=r"no lvis_v1_train\.json or annotations/lvis_v1_train"):
        list(lvis.groups(alone))
    assert [lvis.official(split=split).entries for split in lvis.SPLITS] == [100_170, 19_809]
    (tmp_path / "train2017").mkdir()
    first = next(iter(lvis.index(alone, split="val")))
    assert (first.fault, first.files["image"].size) == ("", -1)


@needs_real_data
def test_a_real_photograph_of_coco_by_its_url_alone(tmp_path: Path) -> None:
    """COCO's own records with what LVIS leaves out and adds."""
    table = json.loads((REAL / "coco/annotations/instances_val2017.json").read_text())
    image = next(each for each in table["images"] if each["id"] == 11813)
    notes = [a for a in table["annotations"] if a["image_id"] == image["id"]]
    url = image["coco_url"]
    del image["file_name"]
    present = {note["category_id"] for note in notes}
    image |= {"neg_category_ids": [1 + (1 in present)], "not_exhaustive_category_ids": []}
    kept = {"images": [image], "annotations": notes, "categories": table["categories"]}
    (tmp_path / "lvis_v1_val.json").write_text(json.dumps(kept))
    (tmp_path / "val2017").mkdir()
    name = url.rpartition("/")[2]
    shutil.copy(REAL / "coco/val2017" / name, tmp_path / "val2017" / name)
    (entry,) = lvis.index(Folder(str(tmp_path)), split="val")
    sample = lvis.load(Folder(str(tmp_path)), entry, ["segments"])
    assert sample.image == (tmp_path / "val2017" / name).read_bytes()
    assert (entry.fault, entry.group) == ("", "coco:000000011813")
    assert len(entry.absent or ()) == 1
