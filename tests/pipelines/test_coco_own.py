"""COCO-format files of one's own: how tools write them, whose groups they have, what is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines import coco
from pipelines.formats import rle
from pipelines.parts.coco.extents import extents
from transforms import instance, semantic
from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream
from vbdata.core.types import Entry, Source
from vbdata.errors import BadSample, SourceError
from vbdata.index.index import build_index
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 64, 48
SQUARE = [8, 8, 40, 8, 40, 32, 8, 32]
CORNER = [44, 34, 60, 34, 60, 46, 44, 46]  # 16 x 12 pixels, apart from SQUARE
BOX = [8, 8, 32, 24]


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    """A good annotation of image 1; None takes a key out."""
    good = {"id": number, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    whole = good | {"bbox": BOX, "area": 768, "iscrowd": 0} | changes
    return {key: value for key, value in whole.items() if value is not ...}


def table(*annotations: Any, images: Any = None, **top: Any) -> dict[str, Any]:
    """An annotation file of image 1, 1.jpg, and the classes cat and dog."""
    record = {"id": 1, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    whole = {"images": images or [record], "annotations": list(annotations)}
    return whole | {"categories": categories} | top


def lay(folder: Path, files: dict[str, Any]) -> Folder:
    """Files by path: pictures where the value is None, else JSON."""
    for path, value in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if value is None:
            (folder / path).write_bytes(encode_jpeg(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)))
        else:
            (folder / path).write_text(json.dumps(value))
    return Folder(str(folder))


def one(folder: Path, whole: dict[str, Any], **options: Any) -> tuple[Entry, Any]:
    """The entry of a file's only image and its segments. The picture is train2017/1.jpg."""
    files = {"annotations/instances_train2017.json": whole, "train2017/1.jpg": None}
    root = lay(folder, files)
    (entry,) = coco.index(root, **options)
    assert entry.fault == ""
    return entry, coco.load(root, entry, ["segments"]).labels["segments"]


@pytest.mark.parametrize(
    "changes",
    [
        {"area": ...},
        {"area": None},
        {"area": float("nan")},
        {"area": 0},
        {"area": "big"},
        {"area": -3},
        {"area": True},
        {"iscrowd": ...},
        {"iscrowd": None},
        {"iscrowd": False},
        {"iscrowd": "0"},
        {"id": ...},
        {"id": None},
        {"id": "seven"},
        {"id": 1.0, "image_id": 1.0, "category_id": "1"},
        {"image_id": "1"},
        {"segmentation": SQUARE},
        {"segmentation": [SQUARE, [1, 1], [3, 3, 9, 9]]},
        {"bbox": ...},
        {"bbox": [8, 8, 40, 32]},  # corners instead of a size
        {"area": 32 * 24.0},
    ],
)
def test_what_tools_leave_out_or_write_otherwise(tmp_path: Path, changes: dict[str, Any]) -> None:
    entry, found = one(tmp_path, table(annotation(1, **changes)))
    assert (entry.id, entry.left_out) == ("000000000001", ())
    assert [(f.name, f.instances, f.smallest) for f in entry.classes] == [("cat", 1, 768)]
    assert int((found.ids == 1).sum()) == 768
    assert bool(found.valid.all())


def test_annotations_without_ids_are_numbered_by_place(tmp_path: Path) -> None:
    first, second = (annotation(9, segmentation=[s], area=...) for s in (SQUARE, CORNER))
    del second["id"], second["bbox"]
    entry, found = one(tmp_path, table(first, second | {"category_id": 2}))
    assert found.classes == ("cat", "dog")
    bad = second | {"category_id": 99}
    entry, found = one(tmp_path, table(first, bad))
    assert entry.left_out == ("unknown category: annotation 2: category 99, not one of 2",)


@pytest.mark.parametrize(
    ("changes", "reason", "lost"),
    [
        ({"segmentation": []}, "no mask", (16, 12)),
        ({"segmentation": ...}, "no mask", (16, 12)),
        ({"segmentation": [[50.0, 40.0]]}, "unusable mask", (16, 12)),
        ({"segmentation": [], "bbox": ...}, "no mask", (0, 0)),
        ({"segmentation": [], "bbox": [60, 44, 99, 99]}, "no mask", (4, 4)),
        ({"segmentation": [], "bbox": [44, 34, -1, 5]}, "no mask", (0, 0)),
        ({"category_id": 99}, "unknown category", (16, 12)),
        ({"category_id": [1]}, "unknown category", (16, 12)),
        ({"category_id": 99, "segmentation": []}, "unknown category", (16, 12)),
        ({"iscrowd": "yes"}, "garbled annotation", (16, 12)),
        ({"segmentation": [[1, 1, 1, 1, 2, 1]], "area": 0}, "empty mask", (0, 0)),
    ],
)
def test_a_part_is_lost_and_the_whole_is_kept(
    tmp_path: Path, changes: dict[str, Any], reason: str, lost: tuple[int, int]
) -> None:
    bad = annotation(2, segmentation=[CORNER], bbox=[44, 34, 16, 12], area=192)
    bad = {key: value for key, value in (bad | changes).items() if value is not ...}
    entry, found = one(tmp_path, table(annotation(1), bad))
    assert [line.partition(": ")[0] for line in entry.left_out] == [reason]
    assert "annotation 2" in entry.left_out[0]
    assert found.classes == ("cat",)
    assert int((found.ids == 1).sum()) == 768
    assert int((~found.valid).sum()) == lost[0] * lost[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"segmentation": [[0.1, 0.1, 0.7, 0.1, 0.7, 0.7, 0.1, 0.7]]}, "1 pixels.* 768"),
        ({"segmentation": [[0.1, 0.1, 0.7, 0.1, 0.7, 0.7, 0.1, 0.7]], "area": ...}, "768"),
        ({"segmentation": [[0.1, 0.1, 0.7, 0.1, 0.7, 0.7, 0.1, 0.7]], "bbox": ...}, "768"),
        ({"segmentation": [[8, 8, 8, 40, 32, 40, 32, 8]]}, "swapped"),
        ({"segmentation": [[8, 8, 8, 40, 32, 40, 32, 8]], "area": ...}, "swapped"),
        ({"segmentation": [[2 * n for n in SQUARE]]}, "2 times as large"),
        ({"segmentation": [[n / 2 for n in SQUARE]]}, "0.5 times as large"),
        ({"segmentation": [[1.5 * n for n in SQUARE]], "area": ...}, "1.5 times as large"),
        ({"segmentation": [[24, 24, 56, 24, 56, 48, 24, 48]]}, "another place"),
        ({"area": 76_800}, "covers 768 pixels, its area is 76800"),
        ({"area": 0.25}, "covers 768 pixels, its area is 0.25"),
        ({"segmentation": [[100, 8, 120, 8, 120, 30]]}, "covers 0 pixels"),
    ],
)
def test_a_mask_that_contradicts_its_record(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    files = {
        "annotations/instances_train2017.json": table(annotation(1, **changes)),
        "train2017/1.jpg": None,
    }
    root = lay(tmp_path, files)
    (entry,) = coco.index(root)
    with pytest.raises(BadSample, match=f"garbled annotation: annotation 1: .*{said}"):
        coco.load(root, entry, ["segments"])


def thin(mask: Any) -> list[list[float]]:
    return [[8, 8, 40, 32, 40, 33, 8, 9]]


@pytest.mark.parametrize(
    "changes",
    [
        {"segmentation": [CORNER], "area": 192},  # a box that lies elsewhere proves nothing
        {"segmentation": [CORNER], "area": 0},
        {"segmentation": thin(0), "area": 768},  # an area that is the box's
        {"segmentation": [[3, 3, 4, 3, 4, 5, 3, 5]], "area": 60, "bbox": [3, 3, 9, 7]},
        {"area": 1000},
        {"area": 300},
    ],
)
def test_records_that_are_only_off(tmp_path: Path, changes: dict[str, Any]) -> None:
    entry, found = one(tmp_path, table(annotation(1, **changes)))
    assert entry.left_out == ()
    assert int((found.ids == 1).sum()) > 0


def test_extents_are_those_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    for height, width in ((5, 7), (1, 9), (9, 1), (1, 1)):
        masks = rng.random((6, height, width)) < rng.random((6, 1, 1))
        masks[0], masks[1] = True, False
        runs = [rle.runs(uncompressed(mask), height, width) for mask in masks]
        boxes, areas = extents(runs, height)
        for mask, box, area in zip(masks, boxes, areas, strict=True):
            rows, columns = np.nonzero(mask)
            wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if area else []
            assert box == (wanted or [0, 0, 0, 0])
            assert area == mask.sum()
    assert extents([], 5) == ([], [])


def uncompressed(mask: np.ndarray) -> dict[str, Any]:
    flat = np.concatenate(([0], mask.T.ravel(), [2]))
    ends = np.flatnonzero(np.diff(flat))
    return {"counts": np.diff(ends, prepend=0).tolist(), "size": list(mask.shape)}


ROBOFLOW = "1_jpg.rf.4ab.jpg"
LAYOUTS: dict[
    str, tuple[dict[str, Any], dict[str, Any], str, str]
] = {  # files, options, path, group
    "json and folder": (
        {"annotations.json": table(annotation(1)), "images/1.jpg": None},
        {},
        "images/1.jpg",
        "images/1",
    ),
    "roboflow": (
        {
            "train/_annotations.coco.json": table(
                annotation(1), images=[{"id": 1, "file_name": ROBOFLOW, "width": 64, "height": 48}]
            ),
            f"train/{ROBOFLOW}": None,
            "valid/_annotations.coco.json": table(),
            "valid/1.jpg": None,
        },
        {"split": "train"},
        f"train/{ROBOFLOW}",
        "train/1_jpg",
    ),
    "cvat": (
        {"annotations/instances_default.json": table(annotation(1)), "images/default/1.jpg": None},
        {"split": "default"},
        "images/default/1.jpg",
        "images/default/1",
    ),
    "options": (
        {"notes/a.json": table(annotation(1)), "x/y/1.jpg": None, "x/z/1.jpg": None},
        {"annotations": "notes/*.json", "images": "./x/y/"},
        "x/y/1.jpg",
        "x/y/1",
    ),
    "beside the json": (
        {"a/set.json": table(annotation(1)), "a/1.jpg": None, "images/1.jpg": None},
        {"annotations": ["a/set.json"]},
        "a/1.jpg",
        "a/1",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    files, options, path, group = LAYOUTS[name]
    root = lay(tmp_path, files)
    (entry,) = coco.index(root, **options, source="mine")
    assert entry.fault == ""
    assert (entry.files["image"].path, entry.group) == (path, f"mine:{group}")
    assert coco.load(root, entry, ["segments"]).labels["segments"].classes == ("cat",)
    assert coco.official(**options) is not None


NAMES = {
    "images\\1.jpg": "pics/images/1.jpg",
    "./images/1.jpg": "pics/images/1.jpg",
    "../pics/images/1.jpg": "pics/images/1.jpg",
    "C:\\Users\\me\\set\\pics\\images\\1.jpg": "pics/images/1.jpg",
    "/data/local-files/?d=images/1.jpg": "pics/images/1.jpg",
    "/home/me/images/1.jpg": "pics/images/1.jpg",
    "deep.jpg": "pics/a/b/deep.jpg",
    "http://x.org/pics/images/1.jpg": "pics/images/1.jpg",
    "two%20words.jpg": "pics/two%20words.jpg",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(tmp_path: Path, name: str) -> None:
    image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
    there = dict.fromkeys(NAMES.values()) | {"pics/images/2.jpg": None}
    root = lay(tmp_path, {"labels.json": table(images=[image])} | there)
    for options in ({}, {"annotations": "labels.json", "images": "pics"}):
        (entry,) = coco.index(root, **options)
        assert (entry.files["image"].path, entry.fault) == (NAMES[name], "")
        assert entry.files["image"].size > 0


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("twice.jpg", "garbled annotation: file_name 'twice.jpg' may be"),
        ("../../etc/passwd", "unsafe path"),
        ("/etc/passwd", "unsafe path"),
        ("a\0.jpg", "unsafe path"),
        ("", "garbled annotation"),
        (7, "garbled annotation"),
    ],
)
def test_names_that_mean_no_file(tmp_path: Path, name: Any, fault: str) -> None:
    image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
    there: dict[str, Any] = {"pics/a/twice.jpg": None, "pics/b/twice.jpg": None}
    root = lay(tmp_path, {"labels.json": table(images=[image])} | there)
    (entry,) = coco.index(root)
    assert entry.fault.startswith(fault)


def test_a_picture_is_never_another_of_the_same_name(tmp_path: Path) -> None:
    """a/1.jpg is not there: it is missing, and not b/1.jpg."""
    image = {"id": 1, "file_name": "a/1.jpg", "width": WIDTH, "height": HEIGHT}
    there: dict[str, Any] = {"pics/b/1.jpg": None, "pics/a/2.jpg": None}
    root = lay(tmp_path, {"labels.json": table(images=[image])} | there)
    (entry,) = coco.index(root, images="pics")
    assert (entry.files["image"].path, entry.files["image"].size) == ("pics/a/1.jpg", -1)


def test_lvis(tmp_path: Path) -> None:
    url = "http://images.cocodataset.org/{}/000000000001.jpg"
    images = [
        {"id": 1, "coco_url": url.format("train2017"), "width": WIDTH, "height": HEIGHT},
        {"id": 5, "coco_url": url.format("val2017").replace("1.jpg", "5.jpg"), "width": 64}
        | {"height": 48, "neg_category_ids": [2], "not_exhaustive_category_ids": [1]},
    ]
    notes = [annotation(1, iscrowd=...), annotation(2, image_id=5, iscrowd=...)]
    files = {"annotations/lvis_v1_train.json": table(*notes, images=images)}
    there: dict[str, Any] = dict.fromkeys(
        ("train2017/000000000001.jpg", "val2017/000000000005.jpg")
    )
    root = lay(tmp_path, files | there)
    plain, federated = coco.index(root, source="lvis")
    assert [e.files["image"].path for e in (plain, federated)] == sorted(there)
    assert (plain.group, federated.group) == ("coco:000000000001", "coco:000000000005")
    assert [f.instances for f in federated.classes] == [0]
    found = coco.load(root, federated, ["segments"]).labels["segments"]
    assert found.crowds == (True,)
    assert np.array_equal(found.valid, found.ids > 0)
    assert (plain.absent, federated.absent, found.known) == (None, ("dog",), ("dog",))


FEDERATED: dict[str, tuple[dict[str, Any], Any, tuple[str, ...], tuple[str, ...]]] = {
    # neg_category_ids, annotations' changes, absent, known
    "absent": ({"neg_category_ids": [2]}, {}, ("dog",), ("cat", "dog")),
    "none": ({"neg_category_ids": []}, {}, (), ("cat",)),
    "of another form": ({"neg_category_ids": None}, {}, (), ("cat",)),
    "as texts": ({"neg_category_ids": ["2", 2.0]}, {}, ("dog",), ("cat", "dog")),
    "of no class": ({"neg_category_ids": [99, None, [1]]}, {}, (), ("cat",)),
    "marked all the same": ({"neg_category_ids": [1, 2]}, {}, ("dog",), ("cat", "dog")),
    "a crowd": ({"neg_category_ids": [2]}, {"iscrowd": 1}, ("dog",), ("dog",)),
    "marked without a mask": (
        {"neg_category_ids": [1, 2]},
        {"segmentation": []},
        ("dog",),
        (),
    ),
}


@pytest.mark.parametrize("case", FEDERATED)
def test_federated_labels_say_what_is_absent(tmp_path: Path, case: str) -> None:
    more, changes, absent, known = FEDERATED[case]
    image = {"id": 1, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT} | more
    entry, found = one(tmp_path, table(annotation(1, **changes), images=[image]))
    assert (entry.absent, found.known) == (absent, known)


def test_prompts_ask_for_classes_that_are_known_to_be_absent(tmp_path: Path) -> None:
    """Of one class all of the image is valid, of a legend what is marked."""
    image = {"id": 1, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}
    whole = table(annotation(1), images=[image | {"neg_category_ids": [2]}])
    entry, found = one(tmp_path, whole)
    vocabulary = [("cat", True), ("dog", True), ("owl", True)]
    asked = [
        instance.ask(entry, Stream(n), vocabulary=vocabulary, negatives=0.5).params
        for n in range(40)
    ]
    assert {params["class"] for params in asked} == {"cat", "dog"}
    for params in asked:
        assert bool(instance.valid(found, params).all())
    legends = [
        semantic.ask(entry, Stream(n), vocabulary=vocabulary, absent=1).params for n in range(10)
    ]
    assert {item["name"] for params in legends for item in params["legend"]} == {"cat", "dog"}
    assert np.array_equal(semantic.valid(found, legends[0]), found.ids > 0)
    unlooked = replace(entry, absent=())
    prompts = [
        instance.ask(unlooked, Stream(n), vocabulary=vocabulary, negatives=1) for n in range(5)
    ]
    assert {ask.params["class"] for ask in prompts} == {"cat"}


def test_sizes_of_the_picture_where_the_record_has_none(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "gone.jpg"}]
    root = lay(tmp_path, {"a.json": table(annotation(1), images=images), "1.jpg": None})
    there, gone = coco.index(root)
    assert (there.width, there.height, there.fault) == (WIDTH, HEIGHT, "")
    assert gone.fault.startswith("missing: ")


def test_several_files_of_one_source(tmp_path: Path) -> None:
    """An id means another image in each file; a file_name means the same in all."""
    other = [{"id": 1, "file_name": "2.jpg", "width": WIDTH, "height": HEIGHT}]
    told = {"images": table()["images"], "annotations": [{"image_id": 1, "caption": "a cat"}]}
    pictures: dict[str, Any] = {"images/1.jpg": None, "images/2.jpg": None}
    notes = {"a.json": table(annotation(1)), "b.json": table(images=other), "c.json": told}
    root = lay(tmp_path, notes | pictures)
    one_, two = coco.index(root, annotations=["?.json"], source="mine")
    assert (one_.id, two.id) == ("a/000000000001", "b/000000000001")
    assert (one_.captions, one_.labels) == (("a cat",), ("segments", "captions"))
    assert (one_.group, two.group) == ("mine:images/1", "mine:images/2")
    lay(tmp_path, {"c.json": table(annotation(1))})
    twice = next(iter(coco.index(root, annotations=["?.json"])))
    assert twice.fault == "garbled annotation: both a.json and c.json have masks of it"
    with pytest.raises(SourceError, match=r"a\.json, b\.json, c\.json may all be meant"):
        list(coco.index(root))


@pytest.mark.parametrize(
    ("image", "options", "group"),
    [
        ({}, {}, "mine:train2017/1"),
        ({}, {"ids": "own"}, "mine:train2017/1"),
        ({}, {"ids": "shared"}, "shared:train2017/1"),
        ({}, {"ids": "coco"}, "coco:000000000001"),
        ({"coco_url": "http://mscoco.org/images/139"}, {}, "coco:000000000139"),
        ({"coco_url": "http://images.cocodataset.org/val2017/000000000139.jpg"}, {}, "coco:139"),
        ({"coco_url": "http://mscoco.org/images/139"}, {"ids": "own"}, "mine:train2017/1"),
        ({"coco_url": "http://else.org/000000000139.jpg"}, {}, "mine:train2017/1"),
        ({"file_name": "COCO_val2014_000000000139.jpg"}, {}, "coco:000000000139"),
        ({"file_name": "000000000139.jpg"}, {}, "mine:train2017/000000000139"),
    ],
)
def test_whose_picture_it_is(
    tmp_path: Path, image: dict[str, Any], options: dict[str, Any], group: str
) -> None:
    record = table()["images"][0] | image
    files = {"annotations/instances_train2017.json": table(images=[record])}
    root = lay(tmp_path, files | {"train2017/x.jpg": None})
    (entry,) = coco.index(root, **options, source="mine")
    name, _, number = group.partition(":")
    assert entry.group == (f"coco:{int(number):012d}" if name == "coco" else group)


def test_sources_of_ones_own_share_no_group(tmp_path: Path) -> None:
    files = {"annotations.json": table(annotation(1)), "images/1.jpg": None}
    lay(tmp_path / "data", files)
    for name in ("one", "two"):
        source = Source(name=name, dataset="coco", roots=(str(tmp_path / "data"),), tasks={})
        index = build_index(source, tmp_path / "index")
        assert index.facts["group"].to_pylist() == [f"{name}:images/1"]


def test_a_file_in_two_roots_is_an_error(tmp_path: Path) -> None:
    files = {"annotations/instances_train2017.json": table(annotation(1)), "train2017/1.jpg": None}
    for name in "ab":
        lay(tmp_path / name, files)
        (tmp_path / name / "train2017" / ".DS_Store").write_text(name)
    roots = tuple(str(tmp_path / name) for name in "ab")
    source = Source(name="x", dataset="coco", roots=roots, tasks={})
    with pytest.raises(SourceError, match=r"instances_train2017\.json stands in two roots.*/a and"):
        build_index(source, tmp_path / "index")
    (tmp_path / "b/annotations/instances_train2017.json").unlink()
    with pytest.raises(SourceError, match=r"train2017/1\.jpg stands in two roots"):
        build_index(source, tmp_path / "index")
    (tmp_path / "b/train2017/1.jpg").unlink()
    assert len(build_index(source, tmp_path / "index")) == 1
    assert open_root(roots).read("train2017/.DS_Store") == b"a"


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        ([{"id": 1, "name": ""}], "expected its own id, and a name"),
        ([{"id": 1, "name": " \t"}], "expected its own id, and a name"),
        ([{"id": 1, "name": "\u200b\u202e"}], "expected its own id, and a name"),
        ([{"id": 1}], "expected its own id, and a name"),
        ([{"id": 1, "name": "cat"}, {"id": "1", "name": "dog"}], "expected its own id"),
        ([{"id": 1, "name": "Cat"}, {"id": 2, "name": "cat "}], "'Cat' and 'cat' differ in case"),
    ],
)
def test_classes_that_cannot_be_asked_for(tmp_path: Path, categories: list[Any], said: str) -> None:
    root = lay(tmp_path, {"a.json": table(categories=categories), "1.jpg": None})
    with pytest.raises(SourceError, match=said):
        list(coco.index(root))


def test_names_of_classes_are_what_can_be_seen(tmp_path: Path) -> None:
    names = [" black \x00 cat\u202e", "dog\u200b", "dog"]
    categories = [{"id": k, "name": name} for k, name in enumerate(names)]
    notes = [annotation(k, category_id=k) for k in range(3)]
    entry, found = one(tmp_path, table(*notes, categories=categories))
    assert found.classes == ("black cat", "dog", "dog")
    assert [(f.name, f.instances) for f in entry.classes] == [("black cat", 1), ("dog", 2)]


@pytest.mark.parametrize("ids", [("a b", "z"), (-1, 1.5), (10**13, "x" * 400), (True, "007")])
def test_ids_of_any_kind(tmp_path: Path, ids: tuple[Any, Any]) -> None:
    images = [{"id": id_, "file_name": f"{k}.jpg"} for k, id_ in enumerate(ids)]
    notes = [annotation(k, image_id=id_) for k, id_ in enumerate(ids)]
    pictures: dict[str, Any] = {"0.jpg": None, "1.jpg": None}
    root = lay(tmp_path, {"a.json": table(*notes, images=images)} | pictures)
    entries = list(coco.index(root))
    assert [e.fault for e in entries] == ["", ""]
    assert [e.id for e in entries] == sorted(e.id for e in entries)
    assert all(len(e.classes) == 1 for e in entries)


def test_own_panoptic_masks(tmp_path: Path) -> None:
    """Without areas, with a segment of an unknown class, in a folder named after the JSON."""
    numbers = np.zeros((HEIGHT, WIDTH), np.uint32)
    numbers[:10], numbers[10:20], numbers[20:22] = 70_000, 5, 6
    listed = [{"id": 70_000, "category_id": 1}, {"id": 5, "category_id": 99}]
    listed.append({"id": 6, "category_id": 2, "iscrowd": None, "area": None})  # type: ignore[dict-item]
    notes = {"image_id": 1, "file_name": "1.png", "segments_info": listed}
    root = lay(tmp_path, {"pan.json": table(notes), "images/1.jpg": None})
    (tmp_path / "pan").mkdir()
    rgb = np.stack([numbers >> shift & 255 for shift in (0, 8, 16)], -1).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "pan/1.png")
    (entry,) = coco.index(root, segments="panoptic")
    assert entry.left_out == ("unknown category: segment 5: category 99, not one of 2",)
    assert [(f.name, f.smallest) for f in entry.classes] == [("cat", 640), ("dog", 128)]
    found = coco.load(root, entry, ["segments"]).labels["segments"]
    assert found.classes == ("dog", "cat")
    assert [int((found.ids == k).sum()) for k in (1, 2)] == [128, 640]
    assert int(found.valid.sum()) == 768
    with pytest.raises(SourceError, match=r"pan\.json: its masks are of the kind 'panoptic'"):
        list(coco.index(root))
    listed[0]["area"] = 10
    lay(tmp_path, {"pan.json": table(notes)})
    (entry,) = coco.index(root, segments="panoptic")
    with pytest.raises(BadSample, match="segment 70000 covers 640 pixels, its area is 10"):
        coco.load(root, entry, ["segments"])


def test_the_licence_of_a_source(tmp_path: Path) -> None:
    entry, _ = one(tmp_path, table(annotation(1)), licence="CC0-1.0")
    assert entry.license == "CC0-1.0"


@pytest.mark.parametrize("frame", ["", "stored", "shown"])
def test_pictures_that_viewers_turn(tmp_path: Path, frame: str) -> None:
    """Own masks on a turned picture need the option `exif`; COCO's own lie on the stored pixels."""
    pixels = Image.new("RGB", (HEIGHT, WIDTH), (90, 80, 70))
    pixels.paste((255, 255, 255), (0, 0, 10, 20))
    tags = Image.Exif()
    tags[0x0112] = 6
    stored = frame == "stored"
    size = (HEIGHT, WIDTH) if stored else (WIDTH, HEIGHT)
    image = {"id": 1, "file_name": "1.jpg", "width": size[0], "height": size[1]}
    note = annotation(1, segmentation=[[1, 1, 20, 1, 20, 20]], area=..., bbox=...)
    root = lay(tmp_path, {"a.json": table(note, images=[image])})
    pixels.save(tmp_path / "1.jpg", exif=tags)
    (entry,) = coco.index(root, exif=frame)
    if not frame:
        with pytest.raises(BadSample, match="EXIF orientation 6"):
            coco.load(root, entry, ["segments"])
        return
    sample = coco.load(root, entry, ["segments"])
    assert isinstance(sample.image, bytes) == stored
    assert sample.labels["segments"].ids.shape == size[::-1]
