"""The COCO reader's fast paths say of any file what its careful one says: entries and messages."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines import coco
from pipelines.formats import json_cut
from pipelines.parts.coco import form, tables
from pipelines.parts.coco.opened import opened
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core import compiled
from vbdata.core.entry_columns import entries_of
from vbdata.core.types import Entry
from vbdata.errors import SourceError
from vbdata.index.facts import entry_digest, entry_line
from vbdata.storage.folder import Folder

columns = pytest.mark.skipif(compiled.library() is None, reason="columns need compiled loops")
REAL = SAMPLES / "coco"

SQUARE = [[4, 4, 14, 4, 14, 14, 4, 14]]
ROUND = [[1.5, 2, 9.25, 2, 9, 11.125], [20, 20, 30, 20, 30, 29.5, 20, 30]]
CROWD = {"counts": [10, 20, 1170], "size": [30, 40]}
SHAPES: list[Any] = [
    *(SQUARE, ROUND, CROWD, [], None, {}, "x", 7, [[]], [[1, 2, 3, 4]], [1, 2, 3, 4, 5, 6]),
    *([[1, 2, 3, 4, 5]], [SQUARE], [[1, 2, 3, 4, 5, "6"]], [[1, 2, 3, None, 5, 6]], [{}]),
    *([[1, 2, 3, 4, 5, float("nan")]], [[1e308, 1e308, 1e308, 1, 2, 3]], [[*SQUARE[0], True]]),
    *([[int("9" * 400), 1, 2, 3, 4, 5]], {"counts": "05d0", "size": [30, 40]}, [[1, 2] * 90]),
    *([SQUARE[0], [1, 2]], [SQUARE[0], 5], [[-1.5e0, 2, 9, 2, 9, 11]]),
]
SCALARS: list[Any] = [
    *(0, 1, 2, 7, 7.0, "7", -1, 1.5, True, False, None, "", " ", "a b", [], {}, 10**13, 1 << 63),
    *(float("nan"), float("inf"), "\ud800", "é", 1e-5, 1e-300, 1 << 28, 200_000_000, "x" * 501),
]
KEYS = ["id", "image_id", "category_id", "iscrowd", "area", "caption", "bbox", "file_name"]


def annotation(rng: random.Random, number: int) -> dict[str, Any]:
    note: dict[str, Any] = {
        "segmentation": rng.choice(SHAPES if rng.random() < 0.3 else SHAPES[:3]),
        "area": rng.choice([100.0, 99.5, 12, 0.25, 1e-4]),
        "iscrowd": rng.randrange(2),
        "image_id": rng.randrange(1, 5),
        "bbox": rng.choice([[4, 4, 10, 10], None, []]),
        "category_id": rng.choice([1, 3, 5]),
        "id": number,
    }
    if rng.random() < 0.15:
        note = {"image_id": note["image_id"], "id": number, "caption": rng.choice(["a cat", " "])}
    while rng.random() < 0.15:
        key = rng.choice(KEYS)
        if rng.random() < 0.3:
            note.pop(key, None)
        else:
            note[key] = rng.choice(SCALARS)
    return note


def content(rng: random.Random) -> dict[str, Any]:
    images = [
        {"id": k, "file_name": f"{k}.jpg", "width": 40, "height": 30, "license": 1, "flickr": 0}
        for k in range(1, 4)
    ]
    for image in images:
        if rng.random() < 0.15:
            image[rng.choice([*image])] = rng.choice(SCALARS)
    notes: list[Any] = [annotation(rng, k) for k in range(rng.randrange(14))]
    if rng.random() < 0.1:
        notes.insert(rng.randrange(len(notes) + 1), rng.choice(SCALARS))
    if rng.random() < 0.1 and notes:
        notes.append(notes[0])
    classes = [{"id": 1, "name": "cat é"}, {"id": 3, "name": "dog", "isthing": 0}]
    top = {"images": images, "annotations": notes, "licenses": [{"id": 1, "name": "mine"}]}
    return top | ({"categories": classes} if rng.random() < 0.9 else {})


def said(root: Folder, **options: str) -> Any:
    """All that the reader says of a file: entries with their digests, or its message."""
    try:
        entries = list(coco.index(root, source="x", **options))
    except SourceError as err:
        return str(err)
    return entries, [*map(entry_digest, entries)]


@pytest.mark.slow
def test_both_paths_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fast", "careful", "held"):
        (tmp_path / name).mkdir()
        for k in range(1, 5):
            (tmp_path / name / f"{k}.jpg").write_bytes(b"")
    fast, careful = (tmp_path / name / "a.json" for name in ("fast", "careful"))
    good = 0
    for seed in range(150):
        rng = random.Random(seed)
        monkeypatch.setattr(json_cut, "PIECE", rng.choice([300, 3000, 1 << 20]))
        monkeypatch.setattr(tables, "HELD", rng.choice([0, 1 << 20]))
        top = content(rng)
        text = json.dumps(top, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
        data = text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.1:
            at = rng.randrange(len(data))
            data = data[:at] + data[at + 1 :]
        fast.write_bytes(data)
        careful.write_bytes(b'{"x": 0, "x": 0, ' + data[1:])  # a key that comes twice
        options = {"segments": rng.choice(["instances", "instances", "stuff"])}
        one, other = (said(Folder(str(path.parent)), **options) for path in (fast, careful))
        if isinstance(one, str) or isinstance(other, str):
            assert isinstance(one, str), (seed, one, other)
            assert isinstance(other, str), (seed, one, other)
            if "char" not in one:  # a place in the text, of which one is longer
                assert one.replace("/fast", "") == other.replace("/careful", ""), seed
        else:
            for mine, theirs in zip(one[0], other[0], strict=True):
                assert mine == theirs, seed
            assert one[1] == other[1], seed
            good += sum(not entry.fault for entry in one[0])
    assert good > 100


def test_the_form_of_masks_is_seen_in_their_text() -> None:
    """Nothing is taken for plain polygons in which anything is wrong."""
    seen = 0
    beside = [[[1, 2, 3, 4, 5], 5], [5, [1, 2, 3, 4, 5]], [SQUARE[0], 5, SQUARE[0]]]
    for shape in SHAPES + beside:
        for text in (json.dumps(shape), json.dumps(shape, indent=1)):
            data = text.encode()
            plain = form.look_plain(data, short=form.are_short(data))
            assert not plain or not form.wrong_mask({"segmentation": shape}), text
            seen += plain
    assert seen >= 6
    long = json.dumps([[int("9" * 300)] * 8]).encode()
    assert not form.are_short(long)
    assert not form.look_plain(long, short=False)


def words(given: Iterable[Entry | pa.RecordBatch], seen: list[str]) -> Any:
    """All that is said of entries and batches, or a message. seen: gets a letter for each."""

    def entries() -> Iterator[Entry]:
        for each in given:
            seen.append("e" if isinstance(each, Entry) else "B")
            yield from [each] if isinstance(each, Entry) else entries_of(each)

    try:
        return [(each, entry_line(each), each.record) for each in entries()]
    except SourceError as err:
        return str(err)


def in_blocks(
    root: Folder,
    sizes: dict[str, int],
    *,
    annotations: Sequence[str] = (),
    images: Sequence[str] = (),
    **options: str,
) -> Iterator[Entry | pa.RecordBatch]:
    """What coco.index_columns says, in blocks of other sizes."""
    files = opened(root, coco.SEGMENTS, annotations, images, pngs="", **options)
    yield from files.columns(**sizes)


def image_record(rng: random.Random, number: Any, server: str, *, odd: bool) -> dict[str, Any]:
    name = f"{number:012d}.jpg" if type(number) is int else f"{number}.jpg"
    image = {"id": number, "file_name": name, "height": 30, "width": 40, "license": 1}
    image["coco_url"] = server + name
    if odd:
        changes: list[dict[str, Any]] = [{"license": each} for each in (2, -1, -1, "7")]
        changes += [{"file_name": each} for each in (" ", "../x.jpg", "a\0.jpg")]
        changes += [{"width": each} for each in (-3, -(1 << 70), "40", 40.5)]
        changes += [{"coco_url": f"{server}000000000099.jpg"}, {"neg_category_ids": [3]}]
        changes += [{rng.choice([*image][1:]): rng.choice(SCALARS)}] * 3
        image |= rng.choice(changes)
    return image


def mask(rng: random.Random, number: int, *, odd: bool) -> dict[str, Any]:
    note = annotation(rng, number)
    if odd and "caption" not in note and rng.random() < 0.3:
        return note
    area, kind = rng.choice([1, 2.5, 1e-3, 77]), rng.choice([1, 3])
    if odd and rng.random() < 0.5:
        area, kind = rng.choice([(1e-6, kind), (area, 5)])
    known = {"id": number, "category_id": kind, "iscrowd": rng.randrange(2), "area": area}
    return known | {"segmentation": rng.choice(SHAPES[:3])}


def lay_out(folder: Path, rng: random.Random) -> dict[str, Any]:
    """A COCO of some odd images among plain ones, and options of its reader."""
    ids: list[Any] = rng.sample(range(1, 60), rng.randrange(1, 20))
    if rng.random() < 0.3:
        ids[-1] = rng.choice([10**12] * 5 + [10**13, True, "7", -1, ids[0]])
    share = rng.choice([0, 0.2, 0.5])
    odd = {each: rng.choice(["record", "picture", "masks"]) for each in ids if rng.random() < share}
    server = rng.choice(["https://images.cocodataset.org/val2014/", "https://cats.example/"])
    images = [image_record(rng, each, server, odd=odd.get(each) == "record") for each in ids]
    for image in images:
        name = image.get("file_name")
        for place in rng.choice([["train2017"]] * 3 + [["."], ["train2017", "."]]):
            if odd.get(image["id"]) != "picture" and isinstance(name, str) and "/" not in name:
                path = folder / place / (name[:99].replace("\0", "") or "x")
                path.parent.mkdir(exist_ok=True, parents=True)
                path.write_bytes(b"x" * len(place))
    notes = []
    for number in range(rng.randrange(40)):
        owner = rng.choice(ids) if share < 0.5 or rng.random() > 0.01 else 99
        notes.append(mask(rng, number, odd=odd.get(owner) == "masks") | {"image_id": owner})
    told = rng.sample(images, rng.randrange(len(images) + 1)) if rng.random() < 0.5 else images
    if rng.random() < 0.1:
        told = [*told, image_record(rng, 98, server, odd=False)]
    texts = rng.choice([["a cat"], ["a cat", " a dog ", "caf\u00e9", " ", ""]])
    captions = [
        {"id": place, "image_id": image["id"], "caption": rng.choice(texts)}
        for place, image in enumerate(rng.choices(told, k=rng.randrange(1, 30)) if told else [])
    ]
    if told and rng.random() < 0.1:
        captions.append(mask(rng, 99, odd=False) | {"image_id": told[0]["id"]})
    listed = [{"id": 1, "name": "cat \u00e9"}, {"id": 3, "name": "dog", "isthing": 0}]
    top = {"licenses": [{"id": 1, "name": "mine"}, {"id": "-1", "name": "minus"}]}
    files = {
        "instances": {"images": images, "annotations": notes, "categories": listed} | top,
        "captions": {"images": told, "annotations": captions} | top,
    }
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir(exist_ok=True)
    for kind in rng.choice([["instances", "captions"]] * 2 + [["captions"], ["instances"]]):
        keys = [*files[kind]][:: rng.choice([1] * 9 + [-1])]
        path = folder / "annotations" / f"{kind}_train2017.json"
        whole = {key: files[kind][key] for key in keys}
        path.write_text(json.dumps(whole, indent=rng.choice([None, 1])))
    given: dict[str, Any] = {"split": "train2017", "segments": "instances", "source": "x"}
    if rng.random() < 0.3:
        given |= {
            "annotations": [f"annotations/{kind}_train2017.json"],
            "images": ["train2017", "."],
        }
    given |= {"ids": rng.choice(["", "", "", "coco", "own"]), "licence": rng.choice(["", "", "x"])}
    return given | {"exif": rng.choice(["", "", "stored", "shown"])}


@columns
def test_columns_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: Counter[str] = Counter()
    for seed in range(60):
        rng = random.Random(seed)
        monkeypatch.setattr(tables, "HELD", rng.choice([0, 1 << 20]))
        options = lay_out(tmp_path / str(seed), rng)
        root, seen = Folder(str(tmp_path / str(seed))), list[str]()
        sizes = rng.choice([{"block": 3}, {}]) | {"short": 1}
        found = words(in_blocks(root, sizes, **options), seen)
        assert words(coco.index(root, **options), []) == found, seed
        assert words(coco.index_columns(root, **options), []) == found, seed
        orders["".join(seen).replace("BB", "B")] += 1
    for part in ("Be", "eB", "eBe", "BeB"):
        assert sum(part in order for order in orders) > 5, orders
    assert orders["B"] > 3


@columns
@pytest.mark.skipif(not REAL.exists(), reason="no real COCO samples beside the repository")
@pytest.mark.parametrize("annotations", ["", "instances", "captions", "person_keypoints"])
def test_columns_say_the_same_of_real_images(annotations: str) -> None:
    own = {"annotations": f"annotations/{annotations}_train2017.json", "images": "train2017"}
    root, options, seen = Folder(str(REAL)), own if annotations else {}, list[str]()
    found = words(coco.index_columns(root, source="x", **options), seen)
    assert seen == ["B"]
    assert words(coco.index(root, source="x", **options), []) == found
    assert len(found) >= 80
