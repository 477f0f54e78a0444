"""The SA-Co/Gold reader: three annotators joined, masks by pycocotools, what is known, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from pipelines import saco
from pipelines.demo import saco as demo
from vbdata.core.images import encode_jpeg
from vbdata.core.labels import Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 8, 6
NAME = "1/1001/metaclip_1_1001_c1.jpeg"


@pytest.mark.parametrize("subset", demo.SUBSETS)
def test_the_miniature_is_what_pycocotools_reads(
    subset: str, demo_of: Callable[[str], Path]
) -> None:
    folder = demo_of("saco")
    root = Folder(str(folder))
    files = [
        json.loads(
            (folder / f"gt-annotations/gold_{subset}_merged_{a}_release_test.json").read_text()
        )
        for a in "abc"
    ]
    entries = list(saco.index(root, subset=subset))
    assert [int(e.id) for e in entries] == [image["id"] for image in files[0]["images"]]
    crowds = overlaps = partly = 0
    for place, entry in enumerate(entries):
        sample = saco.load(root, entry, entry.labels)
        truths = sample.labels["truths"]
        assert len(truths) == 3
        for file, truth in zip(files, truths, strict=True):
            image = file["images"][place]
            marked = [a for a in file["annotations"] if a["image_id"] == image["id"]]
            masks = [coco_mask.decode(a["segmentation"]).astype(bool) for a in marked]
            assert truth.crowds == tuple(bool(a["iscrowd"]) for a in marked)
            assert truth.classes == (image["text_input"],) * len(marked)
            together = np.zeros((demo.HEIGHT, demo.WIDTH), int) + sum(masks)
            ids = np.asarray(truth.ids)
            assert np.array_equal(ids > 0, together > 0)
            for number, mask in enumerate(masks, 1):
                assert not ((ids == number) & ~mask).any()
                assert np.array_equal((ids == number)[together == 1], mask[together == 1])
            assert truth.known == (
                (image["text_input"],) if image["is_instance_exhaustive"] else ()
            )
            assert bool(np.asarray(truth.valid).all()) == bool(
                image["is_pixel_exhaustive"] or (ids > 0).all()
            )
            crowds += sum(truth.crowds)
            overlaps += int((together > 1).sum())
            partly += not truth.known
        first = [a for a in files[0]["annotations"] if a["image_id"] == int(entry.id)]
        facts = {f.name: (f.instances, f.smallest) for f in entry.classes}
        areas = [coco_mask.area(a["segmentation"]) for a in first]
        phrase = files[0]["images"][place]["text_input"]
        assert facts == ({phrase: (len(first), min(areas))} if first else {})
        assert entry.absent == (() if first else (phrase,))
        assert [(e.text, e.targets) for e in entry.expressions] == [
            (phrase, tuple(range(len(first))))
        ]
        assert np.array_equal(np.asarray(sample.labels["segments"].ids), np.asarray(truths[0].ids))
    assert min(crowds, partly) > 0
    assert subset == "sa1b" or overlaps > 0
    assert len({e.group for e in entries}) == demo.PICTURES


def rle(mask: Any, **changes: Any) -> dict[str, Any]:
    stored = coco_mask.encode(np.asfortranarray(np.asarray(mask, np.uint8)))
    return {"counts": stored["counts"].decode(), "size": stored["size"], **changes}


def box(x0: int, y0: int, x1: int, y1: int) -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y0:y1, x0:x1] = 1
    return rle(mask)


def annotation(shape: Any, number: int = 7, **changes: Any) -> dict[str, Any]:
    area = {"area": 0.1, "bbox": [0.1, 0.1, 0.2, 0.2]}
    return {"id": 1, "image_id": number, "segmentation": shape, "iscrowd": 0, **area, **changes}


def image(number: int = 7, **changes: Any) -> dict[str, Any]:
    flags = {"is_instance_exhaustive": 1, "is_pixel_exhaustive": 1}
    named = {"id": number, "file_name": NAME, "text_input": "a  red ball"}
    return {**named, "width": WIDTH, "height": HEIGHT, **flags, **changes}


def put(folder: Path, *marked: list[Any], images: Any = None) -> Folder:
    """marked: the annotations of a, b and c; images: of each of them, instead of one pair."""
    (folder / "pictures" / NAME).parent.mkdir(parents=True, exist_ok=True)
    (folder / "pictures" / NAME).write_bytes(encode_jpeg(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    for place, annotator in enumerate("abc"):
        pairs = images[place] if images else [image()]
        value = {"images": pairs, "annotations": marked[place] if place < len(marked) else []}
        name = f"gold_metaclip_merged_{annotator}_release_test.json"
        (folder / name).write_text(json.dumps(value))
    return Folder(str(folder))


def truths(root: Folder, entry: Entry) -> tuple[Segments, ...]:
    found = saco.load(root, entry, ["truths"]).labels["truths"]
    assert isinstance(found, tuple)
    return found


def test_overlaps_crowds_and_masks_of_nothing(tmp_path: Path) -> None:
    small, large, crowd = box(2, 2, 4, 4), box(1, 1, 6, 5), box(0, 0, 8, 6)
    marked = [annotation(small), annotation(large), annotation(crowd, iscrowd=1)]
    nothing = annotation(rle(np.zeros((HEIGHT, WIDTH))))
    root = put(tmp_path, [nothing, *marked], marked[::-1])
    (entry,) = saco.index(root)
    assert entry.left_out == ("empty label: mask 0 covers no pixel",)
    assert entry.expressions[0].text == "a red ball"
    assert entry.expressions[0].targets == (0, 1, 2)
    (fact,) = entry.classes
    assert (fact.instances, fact.smallest) == (2, 4)
    first, second, third = truths(root, entry)
    assert np.bincount(np.asarray(first.ids).ravel()).tolist() == [0, 4, 16, 28]
    assert np.bincount(np.asarray(second.ids).ravel()).tolist() == [0, 28, 16, 4]
    assert third.classes == ()
    assert np.asarray(third.valid).all()


def test_a_negative_pair_is_absent_only_where_somebody_looked(tmp_path: Path) -> None:
    partly = {"is_instance_exhaustive": 0, "is_pixel_exhaustive": 0}
    pairs = [[image(), image(8, **partly)]] * 3
    root = put(tmp_path, images=pairs)
    looked, not_looked = saco.index(root)
    assert looked.absent == ("a red ball",)
    assert not_looked.absent == ()
    assert not np.asarray(truths(root, not_looked)[0].valid).any()
    assert looked.group == not_looked.group == "metaclip:metaclip_1_1001_c1"


GOOD = annotation(box(2, 2, 4, 4))
DAMAGED: dict[str, tuple[Any, str]] = {
    "polygons": (
        annotation([[1, 1, 3, 1, 3, 3]]),
        "garbled annotation: annotations[0] has no comp",
    ),
    "counts": (
        annotation({"counts": [3, 45], "size": [6, 8]}),
        "garbled annotation: annotations[0]",
    ),
    "size": (annotation(rle(np.ones((8, 6)))), "garbled annotation: annotations[0] is of the size"),
    "cut": (annotation({"counts": "0", "size": [6, 8]}), "garbled annotation: "),
    "crowd": (
        annotation(box(0, 0, 1, 1), iscrowd=2),
        "garbled annotation: annotations[0] has iscr",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_masks_are_faults_of_their_pair(name: str, tmp_path: Path) -> None:
    bad, reason = DAMAGED[name]
    pairs = [[image(), image(8)]] * 3
    good = [annotation(box(0, 0, 3, 3), 8)]
    root = put(tmp_path, [bad, *good], [GOOD, *good], [GOOD, *good], images=pairs)
    first, second = saco.index(root)
    assert first.fault.startswith(reason)
    assert not second.fault
    root = put(tmp_path, [GOOD, *good], [GOOD, *good], [bad, *good], images=pairs)
    first, second = saco.index(root)  # what another annotator marked is decoded when it is loaded
    with pytest.raises(BadSample, match=r"^garbled annotation"):
        saco.load(root, first, ["truths"])


def test_pairs_that_are_not_the_same_and_strays(tmp_path: Path) -> None:
    a = [image(7), image(8), image(9), image(9)]
    b = [image(7, text_input="a blue ball"), image(8), image(9), image(10)]
    c = [image(7), image(9), {"id": True}]
    root = put(tmp_path, [annotation(box(0, 0, 1, 1), 11)], [], [], images=[a, b, c])
    found = list(saco.index(root))
    assert [e.id for e in found] == [
        *("00000007", "00000008", "00000009"),
        *(f"stray-{n:06d}" for n in range(4)),
    ]
    assert "pair 7 is 'a blue ball'" in found[0].fault
    assert found[1].fault == "missing: pair 8 is not there"
    assert not found[2].fault
    said = [e.fault for e in found[3:]]
    assert "has the id 9" in said[0]
    assert "is of the pair 11, which is not there" in said[1]
    assert "pair 10 is not in the first" in said[2]
    assert "has the id True" in said[3]


def test_pictures_and_files_that_are_missing(tmp_path: Path) -> None:
    root = put(tmp_path)
    (entry,) = saco.index(root, images="pictures")
    assert entry.files["image"].path == f"pictures/{NAME}"
    shutil.rmtree(tmp_path / "pictures")
    (entry,) = saco.index(root)
    with pytest.raises(BadSample, match="missing"):
        saco.load(root, entry, ["segments"])
    third = tmp_path / "gold_metaclip_merged_c_release_test.json"
    third.write_text("{}")
    with pytest.raises(SourceError, match="has no lists `images` and `annotations`"):
        list(saco.index(root))
    (tmp_path / "more").mkdir()
    shutil.copy(third, tmp_path / "more")
    with pytest.raises(SourceError, match=r"2 files, gold_metaclip_merged_c.* each of three"):
        list(saco.index(root))
    with pytest.raises(SourceError, match=r"no file gold_fg_food_merged_a_release_test\.json"):
        list(saco.index(root, subset="fg_food"))
    with pytest.raises(SourceError, match="Known: attributes, crowded"):
        list(saco.index(root, subset="gold"))
    assert sum(saco.official(subset=s).entries or 0 for s in saco.SUBSETS) == 168_202
