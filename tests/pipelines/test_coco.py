"""The COCO reader, on the real samples and on small trees with damage of every kind."""

from __future__ import annotations

import functools
import io
import json
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from pipelines import coco
from pipelines.demo import coco as demo
from pipelines.demo.scene import Truth
from pipelines.formats import rle as _rle
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core.images import check_jpeg, decode_rgb, encode_jpeg, jpeg_header
from vbdata.core.labels import Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

REAL = SAMPLES / "coco"
real = pytest.mark.skipif(not REAL.exists(), reason="no real COCO samples beside the repository")

WIDTH, HEIGHT = 40, 30
SQUARE = [[4, 4, 14, 4, 14, 14, 4, 14]]
INSIDE = [[6, 6, 10, 6, 10, 10, 6, 10]]
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    """A good annotation, and what to change in it."""
    good = {"id": number, "image_id": 7, "category_id": 1, "iscrowd": 0, "area": 100.0}
    return good | {"segmentation": SQUARE} | changes


def tree(
    folder: Path, annotations: list[Any], *, image: dict[str, Any] | None = None, **top: Any
) -> Folder:
    """A COCO of one image, number 7."""
    record = {"id": 7, "file_name": "000000000007.jpg", "width": WIDTH, "height": HEIGHT}
    whole = {"images": [record | (image or {})], "annotations": annotations}
    write_json(folder, "instances_train2017", whole | {"categories": CATEGORIES} | top)
    (folder / "train2017").mkdir(exist_ok=True)
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    (folder / "train2017" / "000000000007.jpg").write_bytes(encode_jpeg(pixels))
    return Folder(str(folder))


def write_json(folder: Path, name: str, value: Any) -> None:
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / "annotations" / f"{name}.json").write_text(json.dumps(value))


def only(root: Folder, **options: Any) -> Entry:
    (entry,) = coco.index(root, **options)
    return entry


def segments(root: Folder, entry: Entry) -> Segments:
    found = coco.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


def reference(part: Any, height: int, width: int) -> NDArray[np.bool_]:
    """annToMask of pycocotools."""
    shape = part["segmentation"]
    if isinstance(shape, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(shape, height, width))
    elif isinstance(shape["counts"], list):
        rle = coco_mask.frPyObjects(shape, height, width)
    else:
        rle = shape
    with warnings.catch_warnings():  # pycocotools 2.0.11 on NumPy 2.4: __array__ without copy
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(coco_mask.decode(rle)).astype(bool)


STUFF_FILE = REAL / "annotations/stuff_train2017.json"
STUFF_TABLE = json.loads(STUFF_FILE.read_text()) if REAL.exists() else {}


def real_pairs(split: str, kind: str) -> Iterator[tuple[Entry, list[dict[str, Any]]]]:
    """Entries of the real samples with the annotations of their images."""
    table = json.loads((REAL / f"annotations/{kind}_{split}.json").read_text())
    for entry in coco.index(Folder(str(REAL)), split=split, segments=kind):
        if "segments" in entry.labels:
            yield entry, [a for a in table["annotations"] if a["image_id"] == int(entry.id)]


@pytest.mark.slow
@real
@pytest.mark.parametrize("kind", ["instances", "person_keypoints"])
@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_every_real_instance_is_painted_as_pycocotools_would(split: str, kind: str) -> None:
    crowds = 0
    for entry, noted in real_pairs(split, kind):
        found = coco.partition(Folder(str(REAL)), entry)
        noted.sort(key=lambda a: a["id"])
        masks = [reference(a, entry.height, entry.width) for a in noted]
        expected = np.zeros((entry.height, entry.width), np.int32)
        best = np.full(expected.shape, np.inf)  # composite by comparing, not by painting over
        for k, (part, mask) in enumerate(zip(noted, masks, strict=True)):
            area = mask.sum() + (1e9 if part["iscrowd"] else 0)
            wins = mask & (area <= best)
            expected[wins], best[wins] = k + 1, area
        assert np.array_equal(found.ids, expected), entry.id
        assert found.crowds == tuple(bool(a["iscrowd"]) for a in noted)
        assert bool(found.valid.all())
        crowds += sum(found.crowds)
    assert crowds > 0 or (split, kind) == ("val2017", "person_keypoints")


@pytest.mark.slow
@real
def test_every_real_mask_equals_pycocotools_alone() -> None:
    count = 0
    for split, kind in (
        ("train2017", "instances"),
        ("val2017", "instances"),
        ("train2017", "stuff"),
        ("train2017", "person_keypoints"),
        ("val2017", "person_keypoints"),
    ):
        for entry, noted in real_pairs(split, kind):
            for part in noted:
                runs = _rle.runs(part["segmentation"], entry.height, entry.width)
                mask = reference(part, entry.height, entry.width)
                assert np.array_equal(_rle.paint([(1, runs)], entry.height, entry.width), mask)
                assert _rle.area(runs) == mask.sum()
                count += 1
    assert count == 1444 + 298 + 17 + 172 + 44


@real
def test_real_persons_are_the_instances_persons() -> None:
    root, persons = Folder(str(REAL)), 0
    instances = {e.id: e for e in coco.index(root)}
    for entry in coco.index(root, segments="person_keypoints"):
        assert not entry.fault
        if "segments" in entry.labels:
            twin = instances[entry.id]
            wanted = tuple(fact for fact in twin.classes if fact.name == "person")
            assert entry.classes == wanted
            assert (entry.files, entry.captions) == (twin.files, twin.captions)
            persons += sum(fact.instances for fact in wanted)
    table = json.loads((REAL / "annotations/person_keypoints_train2017.json").read_text())
    assert persons == sum(not a["iscrowd"] for a in table["annotations"]) > 150


@real
def test_every_real_stuff_pixel_and_area_is_exact() -> None:
    """By pycocotools alone: its masks, its areas, no overlap; class 183 is valid and no segment."""
    count = 0
    for entry, noted in real_pairs("train2017", "stuff"):
        found = coco.partition(Folder(str(REAL)), entry)
        names = {c["id"]: c["name"] for c in STUFF_TABLE["categories"]}
        named = sorted((a for a in noted if a["category_id"] != 183), key=lambda a: a["id"])
        assert found.classes == tuple(names[a["category_id"]] for a in named)
        assert not any(found.things)
        covered = np.zeros((entry.height, entry.width), np.int64)
        for a in noted:
            mask = reference(a, entry.height, entry.width)
            assert int(coco_mask.area(a["segmentation"])) == a["area"] == mask.sum()
            covered += mask
            number = named.index(a) + 1 if a in named else 0
            assert np.array_equal(np.unique(found.ids[mask]), [number])
            assert number == 0 or int((found.ids == number).sum()) == a["area"]
            count += 1
        assert covered.max() == 1
        assert np.array_equal(found.valid, covered > 0)
    assert count == 17


@real
def test_real_panoptic_areas_are_exact() -> None:
    count = 0
    for entry, (annotation_,) in real_pairs("val2017", "panoptic"):
        found = segments(Folder(str(REAL)), entry)
        with Image.open(REAL / "annotations/panoptic_val2017" / annotation_["file_name"]) as png:
            red, green, blue = np.moveaxis(np.asarray(png.convert("RGB")).astype(np.int64), -1, 0)
        colors = red + 256 * green + 256 * 256 * blue  # panopticapi's rgb2id
        parts = sorted(annotation_["segments_info"], key=lambda part: part["id"])
        known = np.array([0, *(part["id"] for part in parts)])
        assert np.array_equal(known[found.ids], colors)
        for k, part in enumerate(parts, 1):
            assert int((found.ids == k).sum()) == part["area"]
            assert found.crowds[k - 1] == bool(part["iscrowd"])
            count += 1
        assert bool(((found.ids > 0) == found.valid).all())
    table = json.loads((REAL / "annotations/panoptic_val2017.json").read_text())
    assert count == sum(len(a["segments_info"]) for a in table["annotations"]) >= 24


@real
def test_real_facts_captions_and_licences() -> None:
    entries = {e.id: e for e in coco.index(Folder(str(REAL)))}
    assert list(entries) == sorted(entries)
    assert len(entries) == 160
    assert {e.fault for e in entries.values()} == {""}
    assert entries["000000000790"].license == "CC-BY-2.0"
    assert entries["000000000790"].group == "coco:000000000790"
    told = [e for e in entries.values() if "captions" in e.labels]
    assert told
    assert all(c and c == c.strip() for e in told for c in e.captions)
    fact = {f.name: f for f in entries["000000098304"].classes}
    table = json.loads((REAL / "annotations/instances_train2017.json").read_text())
    mine = [a for a in table["annotations"] if a["image_id"] == 98304 and not a["iscrowd"]]
    assert sum(f.instances for f in fact.values()) == len(mine)
    assert min(f.smallest for f in fact.values() if f.instances) == int(
        min(a["area"] for a in mine)
    )


def test_smaller_lies_on_top_and_crowds_below(tmp_path: Path) -> None:
    crowd = {"counts": [0, WIDTH * HEIGHT], "size": [HEIGHT, WIDTH]}
    root = tree(
        tmp_path,
        [
            annotation(3, segmentation=INSIDE, category_id=3, area=16.0),
            annotation(5, segmentation=crowd, iscrowd=1, area=1200.0),
            annotation(4),
            annotation(6, area=0.0, segmentation=[[1, 1, 1, 1, 2, 1]]),
        ],
    )
    entry = only(root)
    assert entry.left_out == ("empty mask: annotation 6: it covers no pixel",)
    found = segments(root, entry)
    assert found.classes == ("car", "person", "person")
    assert found.crowds == (False, False, True)
    assert [int(found.ids[y, x]) for y, x in ((8, 8), (12, 12), (25, 30))] == [1, 2, 3]
    facts = {f.name: (f.instances, f.smallest) for f in entry.classes}
    assert facts == {"car": (1, 16), "person": (1, 100)}


def test_masks_are_painted_one_over_the_other() -> None:
    """More masks than a byte can number, some empty, some of the whole picture, some of a line."""
    rng = np.random.default_rng(0)
    for count, height, width in ((5, 7, 9), (300, 20, 13), (3, 1, 6), (3, 6, 1), (1, 1, 1)):
        masks = rng.random((count, height, width)) < rng.random((count, 1, 1))
        masks[rng.random(count) < 0.2] = False
        masks[: count // 2 : 7] = True
        wanted, layers = np.zeros((height, width), np.int32), []
        for number, mask in enumerate(masks, 1):
            rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            layers.append((number, _rle.runs(as_text(rle), height, width)))
            wanted[mask] = number
        found = _rle.paint(layers, height, width)
        assert (found.dtype, found.flags.c_contiguous) == (np.int32, True)
        assert np.array_equal(found, wanted)
        assert [_rle.area(runs) for _, runs in layers] == masks.sum((1, 2)).tolist()
    assert not _rle.paint([], 4, 5).any()


def as_text(rle: Any) -> dict[str, Any]:
    return {"counts": rle["counts"].decode("ascii"), "size": list(rle["size"])}


@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=40))
def test_runs_of_any_length_are_unpacked(runs: list[int]) -> None:
    text = ""
    for k, run in enumerate(runs):  # rleToString of maskApi.c
        value, more = run - (runs[k - 2] if k > 2 else 0), True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            text += chr(group + 32 * more + 48)
    assert _rle.unpack(text.encode()).tolist() == runs


def test_image_without_annotations_has_an_empty_partition(tmp_path: Path) -> None:
    root = tree(tmp_path, [])
    found = segments(root, only(root))
    assert found.classes == ()
    assert not found.ids.any()
    assert bool(found.valid.all())


def test_captions_alone_will_do(tmp_path: Path) -> None:
    root = tree(tmp_path, [])
    (tmp_path / "annotations/instances_train2017.json").unlink()
    image = {"id": 7, "file_name": "000000000007.jpg", "width": WIDTH, "height": HEIGHT}
    texts = ["  a dog\n", " ", "a cat"]
    told = [{"id": k, "image_id": 7, "caption": text} for k, text in enumerate(texts)]
    write_json(tmp_path, "captions_train2017", {"images": [image], "annotations": told})
    entry = only(root)
    assert entry.labels == ("captions",)
    assert entry.captions == ("a dog", "a cat")
    assert coco.load(root, entry, ["captions"]).labels == {"captions": ("a dog", "a cat")}
    with pytest.raises(SourceError, match=r"panoptic_train2017\.json. annotations: would name"):
        list(coco.index(root, segments="panoptic"))


def test_stuff_leaves_other_without_a_segment_but_valid(tmp_path: Path) -> None:
    root = tree(tmp_path, [])
    rows = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    rows[:10] = 1
    sky, other = coco_mask.encode(rows), coco_mask.encode(np.asfortranarray(np.roll(rows, 10, 0)))
    parts = [
        annotation(k, category_id=c, segmentation=m | {"counts": m["counts"].decode()})
        for k, c, m in ((1, 157, sky), (2, 183, other))
    ]
    categories = [{"id": 157, "name": "sky-other"}, {"id": 183, "name": "other"}]
    images = [{"id": 7, "file_name": "000000000007.jpg", "width": WIDTH, "height": HEIGHT}]
    whole = {"images": images, "annotations": parts, "categories": categories}
    write_json(tmp_path, "stuff_train2017", whole)
    entry = only(root, segments="stuff")
    found = segments(root, entry)
    assert found.classes == ("sky-other",)
    assert found.things == (False,)
    assert [int(found.ids[y, 0]) for y in (5, 15, 25)] == [1, 0, 0]
    assert [bool(found.valid[y, 0]) for y in (5, 15, 25)] == [True, True, False]
    assert [(f.name, f.thing, f.instances) for f in entry.classes] == [("sky-other", False, 0)]


def panoptic(folder: Path, colors: NDArray[Any], ids: list[int], at: str) -> Folder:
    root = tree(folder, [])
    numbers = colors[..., :3].astype(np.int64) @ [1, 256, 65536]
    areas = [int((numbers == k).sum()) for k in ids]
    pairs = zip(ids, areas, strict=True)
    listed = [{"id": k, "category_id": 1, "iscrowd": 0, "area": area} for k, area in pairs]
    images = [{"id": 7, "file_name": "000000000007.jpg", "width": WIDTH, "height": HEIGHT}]
    notes = [{"image_id": 7, "file_name": "000000000007.png", "segments_info": listed}]
    categories = [{"id": 1, "name": "person", "isthing": 1}]
    whole = {"images": images, "annotations": notes, "categories": categories}
    write_json(folder, "panoptic_train2017", whole)
    (folder / at).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / at / "000000000007.png"), colors[..., ::-1])
    return root


@pytest.mark.parametrize("at", ["annotations/panoptic_train2017", "panoptic_train2017"])
def test_panoptic_ids_are_widened(tmp_path: Path, at: str) -> None:
    colors = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colors[:5] = (200, 201, 202)
    root = panoptic(tmp_path, colors, [200 + 256 * 201 + 65536 * 202], at)
    found = segments(root, only(root, segments="panoptic"))
    assert bool((found.ids[:5] == 1).all())
    assert not found.valid[5:].any()
    assert found.valid[:5].all()


@pytest.mark.parametrize("ids", [[], [5], [5, 9, 10], [0, 9], [9, 9]])
def test_panoptic_ids_must_be_those_of_the_json(tmp_path: Path, ids: list[int]) -> None:
    colors = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colors[:5, :, 0] = 9
    root = panoptic(tmp_path, colors, ids, "panoptic_train2017")
    with pytest.raises(BadSample, match="garbled annotation"):
        segments(root, only(root, segments="panoptic"))


def test_panoptic_png_of_other_form(tmp_path: Path) -> None:
    for colors, reason in (
        (np.zeros((HEIGHT, WIDTH, 3), np.uint16), "wrong dtype"),
        (np.zeros((HEIGHT, WIDTH - 1, 3), np.uint8), "wrong size"),
    ):
        root = panoptic(tmp_path, colors, [], "panoptic_train2017")
        with pytest.raises(BadSample, match=reason):
            segments(root, only(root, segments="panoptic"))


NO_SHAPES: dict[str, Any] = {
    "odd": [[1, 2, 3, 4, 5]],
    "short": [[1, 2, 3, 4]],
    "point": [[7, 8]],
    "empty": [],
    "empty inside": [[]],
    "no runs": {},
    "nan": [[float("nan"), 2, 3, 4, 5, 6]],
    "infinite": [[float("inf"), 2, 3, 4, 5, 6]],
    "words": [["1", "2", "3", "4", "5", "6"]],
    "nested": [[[1, 2], [3, 4], [5, 6], [5, 6], [1, 1], [2, 2]]],
    "ragged": [[[1, 2], 3, 4, 5, 6, 7]],
    "number": 5,
    "text": "[[1, 2, 3, 4, 5, 6]]",
    "none": None,
}
BROKEN_SHAPES: dict[str, Any] = {
    "far": [[1e9, 2, 3, 4, 5, 6]],
    "size": {"counts": [0, 1200], "size": [WIDTH, HEIGHT]},
    "few": {"counts": [5, 5], "size": [HEIGHT, WIDTH]},
    "negative": {"counts": [-5, 1205], "size": [HEIGHT, WIDTH]},
    "fraction": {"counts": [0.5, 1199.5], "size": [HEIGHT, WIDTH]},
    "no counts": {"size": [HEIGHT, WIDTH]},
    "no runs": {"counts": [], "size": [HEIGHT, WIDTH]},
    "no text": {"counts": "", "size": [HEIGHT, WIDTH]},
    "surrogate": {"counts": "\ud800", "size": [HEIGHT, WIDTH]},
    "alphabet": {"counts": "zz~~", "size": [HEIGHT, WIDTH]},
    "unicode": {"counts": "\u20ac", "size": [HEIGHT, WIDTH]},
    "unfinished": {"counts": "oo", "size": [HEIGHT, WIDTH]},
    "endless": {"counts": "o" * 5000, "size": [HEIGHT, WIDTH]},
    "minus": {"counts": "O", "size": [HEIGHT, WIDTH]},
}


@pytest.mark.parametrize("name", NO_SHAPES)
def test_an_annotation_without_a_mask_costs_the_image_nothing_else(
    tmp_path: Path, name: str
) -> None:
    bad = annotation(2, segmentation=NO_SHAPES[name], bbox=[20, 10, 5.5, 6])
    root = tree(tmp_path, [annotation(1), bad])
    entry = only(root)
    (line,) = entry.left_out
    assert re.match(r"(no|unusable) mask: annotation 2: .", line)
    found = segments(root, entry)
    assert found.classes == ("person",)
    assert np.array_equal(np.argwhere(~found.valid).min(0), [10, 20])
    assert np.array_equal(np.argwhere(~found.valid).max(0), [15, 25])
    assert int((~found.valid).sum()) == 36


@pytest.mark.parametrize("name", BROKEN_SHAPES)
def test_garbled_geometry(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, [annotation(1, segmentation=BROKEN_SHAPES[name])])
    with pytest.raises(BadSample, match=r"garbled annotation: annotation 1: .*000000000007.jpg"):
        segments(root, only(root))


@pytest.mark.parametrize(
    ("parts", "image", "fault"),
    [
        ([annotation(1, area=float("inf"))], {}, "garbled annotation"),
        ([annotation(1, area=10**30)], {}, "garbled annotation"),
        ([annotation(1), annotation(1)], {}, "garbled annotation"),
        ([annotation(1), annotation("1")], {}, "garbled annotation"),
        ([], {"file_name": "../../etc/passwd"}, "unsafe path"),
        ([], {"file_name": "/etc/passwd"}, "unsafe path"),
        ([], {"file_name": None}, "garbled annotation"),
        ([], {"file_name": "\ud800.jpg"}, "garbled annotation"),
        ([], {"width": None}, "garbled annotation"),
        ([], {"width": 0}, "garbled annotation"),
        ([], {"width": 40.5}, "garbled annotation"),
        ([], {"height": 10**30}, "garbled annotation"),
    ],
)
def test_structural_faults_are_entries(
    tmp_path: Path, parts: list[Any], image: dict[str, Any], fault: str
) -> None:
    root = tree(tmp_path, parts, image=image)
    entry = only(root)
    assert entry.id == "000000000007"
    assert entry.fault.startswith(f"{fault}: ")
    with pytest.raises(BadSample, match=fault):
        coco.load(root, entry, ["segments"])


def test_strays_and_orphans_are_entries_too(tmp_path: Path) -> None:
    root = tree(tmp_path, [5, annotation(1, image_id=[7]), annotation(2, image_id=8)])
    found = {e.id: e.fault for e in coco.index(root)}
    assert list(found) == ["000000000007", "000000000008", "stray-000000", "stray-000001"]
    assert found["000000000007"] == ""
    assert "no image record" in found["000000000008"]


def test_damaged_pictures(tmp_path: Path) -> None:
    root = tree(tmp_path, [annotation(1)])
    entry = only(root)
    picture = tmp_path / "train2017" / "000000000007.jpg"
    whole = picture.read_bytes()
    other = encode_jpeg(np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8))
    for data, reason in (
        (whole[:100], "truncated"),  # in its headers
        (whole[:-40], "truncated"),  # before the first scan
        (b"", "truncated"),
        (b"<html>", "undecodable"),
        (other, "wrong size"),
    ):
        picture.write_bytes(data)
        with pytest.raises(BadSample, match=rf"^{reason}.*000000000007.jpg"):
            coco.load(root, entry, ["segments"])
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    picture.write_bytes(cut := encode_jpeg(noise)[:-400])
    assert coco.load(root, entry, ["segments"]).image == cut  # its pixels are the engine's to check
    with pytest.raises(BadSample, match="truncated"):
        check_jpeg(cut)
    picture.unlink()
    for known in (entry, only(root)):  # gone since, and gone before
        with pytest.raises(BadSample, match="missing"):
            coco.load(root, known, ["segments"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"split": "train2018"},
            "no annotations/instances_train2018.json, nor .*Found: annotations/instances_train2017",
        ),
        ({"split": "../x"}, "split"),
        ({"ids": "a b"}, "ids"),
        ({"exif": "turned"}, "exif: 'turned' .*shown, stored"),
        ({"annotations": "x.json"}, "no x.json .annotations.; did you mean|no x.json"),
        ({"annotations": "*.xml"}, r"no file is \*\.xml"),
        ({"annotations": [1]}, "annotations"),
        ({"images": "pics"}, "no folder pics .images:.*Folders: annotations, train2017"),
        ({"annotations": "annotations/instances_train2017.json", "segments": "panoptic"}, "pngs"),
        ({"segments": "masks"}, "segments: 'masks'.*instances, panoptic, person_keypoints, stuff"),
        ({"split": ["train2017"]}, "split"),
        ({"split": "val2017"}, "instances_val2017.json, nor annotations/captions_val2017"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(coco.index(tree(tmp_path, []), **options))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"images": {}}', '{"images": [], "annotations": []}', "[" * 100_000]
)
def test_json_that_is_not_coco(tmp_path: Path, text: str) -> None:
    root = tree(tmp_path, [])
    (tmp_path / "annotations/instances_train2017.json").write_text(text)
    with pytest.raises(SourceError, match=r"instances_train2017\.json"):
        list(coco.index(root))


def test_no_image_folder(tmp_path: Path) -> None:
    root = tree(tmp_path, [])
    (tmp_path / "train2017").rename(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match="no folder train2017"):
        list(coco.index(root))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature COCO."""
    folder = tmp_path_factory.mktemp("coco")
    demo.write(folder, seed=3, frames=9)
    return folder


@functools.cache
def shots() -> dict[int, Truth]:
    found = {int(shot.id): shot for shot in demo.truth(seed=3, frames=9)}
    return {number: shot for number, shot in found.items() if shot.split == "train2017"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["instances", "panoptic", "stuff"])
def test_miniature_masks_are_the_truth(drawn: Path, kind: str) -> None:
    root, truth = Folder(str(drawn)), shots()
    entries = list(coco.index(root, segments=kind))
    assert [int(e.id) for e in entries] == sorted(truth)
    for entry in entries:
        assert not entry.fault
        assert len(entry.captions) > 0
        assert entry.license.startswith("CC-BY")
        found, shot = segments(root, entry), truth[int(entry.id)]
        frame, surfaces = shot.frame, shot.scene.surfaces
        if kind == "stuff":
            wanted = demo.stuff_names(shot)
            names = np.array(["other", *found.classes])[found.ids]
            assert np.array_equal(names, wanted)
            assert bool(found.valid.all())
            continue
        things = [k for k, s in enumerate(surfaces, 1) if s.thing and (frame.ids == k).any()]
        for k in things:  # nothing overlaps here: one thing, one id of its name
            inside = found.ids[(frame.ids == k) & found.valid]
            if inside.size:
                (number,) = np.unique(inside)
                surface = surfaces[k - 1]
                assert found.classes[number - 1] == surface.name
                assert found.things[number - 1]
                assert found.crowds[number - 1] == surface.crowd
        void = ~found.valid
        assert not void.any() or (kind == "panoptic" and void[:, -demo.VOID :].all())
        if kind == "instances":
            assert np.array_equal(found.ids > 0, np.isin(frame.ids, things))
            counted = sum(f.instances for f in entry.classes)
            assert counted == sum(not surfaces[k - 1].crowd for k in things)


def turned(data: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF orientation, as a phone that was held upright writes it."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_turns_nothing(tmp_path: Path, orientation: int) -> None:
    """The official sizes are of the stored pixels, and masks lie on these."""
    url = "http://images.cocodataset.org/train2017/000000000007.jpg"
    root = tree(tmp_path, [annotation(1)], image={"coco_url": url})
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[4:14, 4:14] = 255  # what the mask is of
    data = turned(encode_jpeg(pixels), orientation)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.getexif()[0x0112] == orientation
        upright = ImageOps.exif_transpose(opened)
        assert (upright.size == (HEIGHT, WIDTH)) == (orientation in (6, 8))
    (tmp_path / "train2017" / "000000000007.jpg").write_bytes(data)
    sample = coco.load(root, only(root), ["segments"])
    assert sample.image == data
    stored = decode_rgb(data)
    assert stored.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(stored[..., 0] > 127, sample.labels["segments"].ids == 1)
    # handed on as it is only if no viewer would turn it; else its stored pixels are encoded anew
    assert jpeg_header(data).plain == (orientation == 1)


def official_paths(**options: str) -> dict[str, str]:
    return {download.path: download.url for download in coco.official(**options).downloads}


def test_the_official_release() -> None:
    entries = {split: coco.official(split=split).entries for split in coco.SPLITS}
    assert entries == {
        **{"train2017": 118_287, "val2017": 5_000},
        **{"train2014": 82_783, "val2014": 40_504},
    }
    assert official_paths(split="val2017", segments="panoptic") == {
        "val2017": "http://images.cocodataset.org/zips/val2017.zip",
        **dict.fromkeys(
            ("annotations/panoptic_val2017.json", "annotations/panoptic_val2017"),
            "http://images.cocodataset.org/annotations/panoptic_annotations_trainval2017.zip",
        ),
        "annotations/captions_val2017.json": (
            "http://images.cocodataset.org/annotations/annotations_trainval2017.zip"
        ),
    }
    assert coco.official(split="val2014", segments="stuff").entries is None  # there is none
    assert "annotations/instances_val2014.json" in official_paths(split="val2014")
    own: list[dict[str, Any]] = [{"split": "valid"}, {"annotations": "a.json"}, {"ids": "mine"}]
    assert all(not coco.official(**each).downloads for each in own)


@pytest.mark.parametrize("kind", coco.SEGMENTS)
def test_the_files_of_the_release_are_all_that_is_read(
    drawn: Path, tmp_path: Path, kind: str
) -> None:
    for path in official_paths(segments=kind):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).symlink_to(drawn / path)
    here = list(coco.index(Folder(str(tmp_path)), segments=kind))
    assert here == list(coco.index(Folder(str(drawn)), segments=kind))


def test_held_out_groups_need_no_picture(drawn: Path, tmp_path: Path) -> None:
    root, bare = Folder(str(drawn)), Folder(str(tmp_path))
    wanted = [e.group for e in coco.index(root, split="val2017")]
    assert coco.HOLDOUTS["coco-val2017"] == {"split": "val2017"}
    (tmp_path / "annotations").mkdir()
    for kind in ("captions", "instances", "stuff", "panoptic"):  # any one of them will do
        name = f"annotations/{kind}_val2017.json"
        (tmp_path / name).symlink_to(drawn / name)
        assert list(coco.groups(bare, split="val2017")) == wanted
        (tmp_path / name).unlink()
    with pytest.raises(SourceError, match=r"instances_val2017\.json, nor .*captions"):
        list(coco.groups(bare, split="val2017"))
    with pytest.raises(SourceError, match="no annotations/instances_val2018"):
        list(coco.groups(bare, split="val2018"))
