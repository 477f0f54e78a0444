"""COCO's images as columns are what they are as entries, whatever is odd about some of them."""

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
from pipelines.parts.coco import tables
from pipelines.parts.coco.opened import opened
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core import compiled
from vbdata.core.entry_columns import entries_of
from vbdata.core.types import Entry
from vbdata.errors import SourceError
from vbdata.index.facts import entry_line
from vbdata.storage.folder import Folder

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="columns need compiled loops")
REAL = SAMPLES / "coco"
SHAPES: list[Any] = [
    [[4, 4, 14, 4, 14, 14, 4, 14]],
    [[1.5, 2, 9.25, 2, 9, 11.125], [20, 20, 30, 20, 30, 29.5, 20, 30]],
    {"counts": [10, 20, 1170], "size": [30, 40]},
]
ODD_MASKS: list[dict[str, Any]] = [
    *({"segmentation": []}, {"segmentation": [[1, 2, 3]]}, {"id": 0}, {"id": None}, {"area": 0}),
    *({"area": 1e-6}, {"area": 1 << 28}, {"category_id": 5}, {"category_id": 5}, {"iscrowd": 2}),
]
ODD_IMAGES: list[dict[str, Any]] = [
    *({"license": 2}, {"license": -1}, {"license": -1}, {"license": "1"}, {"file_name": " "}),
    *({"file_name": " "}, {"file_name": " "}, {"file_name": "../x.jpg"}, {"file_name": "a\0.jpg"}),
    *({"file_name": 7}, {"width": -3}, {"width": -(1 << 70)}, {"width": "40"}, {"height": None}),
    *({"height": 1 << 27}, {"neg_category_ids": [3]}, {"neg_category_ids": [3]}),
]


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
    other = {"coco_url": f"{server}000000000099.jpg"}
    return image | (rng.choice([*ODD_IMAGES, other, other]) if odd else {})


def mask(rng: random.Random, number: int, *, odd: bool) -> dict[str, Any]:
    area, kind = rng.choice([1, 2.5, 1e-3, 77]), rng.choice([1, 3])
    note = {"id": number, "category_id": kind, "iscrowd": rng.randrange(2), "area": area}
    note["segmentation"] = rng.choice(SHAPES)
    return note | (rng.choice(ODD_MASKS) if odd and rng.random() < 0.6 else {})


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


@pytest.mark.slow
def test_columns_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: Counter[str] = Counter()
    for seed in range(80):
        rng = random.Random(seed)
        monkeypatch.setattr(tables, "HELD", rng.choice([0, 1 << 20]))
        options = lay_out(tmp_path / str(seed), rng)
        root, seen = Folder(str(tmp_path / str(seed))), list[str]()
        sizes = rng.choice([{"block": 3}, {"block": 3}, {}, {}, {"most": 5000}]) | {"short": 1}
        found = words(in_blocks(root, sizes, **options), seen)
        assert words(coco.index(root, **options), []) == found, seed
        assert words(coco.index_columns(root, **options), []) == found, seed
        orders["".join(seen).replace("BB", "B")] += 1
    for part in ("Be", "eB", "eBe", "BeB"):
        assert sum(part in order for order in orders) > 5, orders
    assert orders["B"] > 3


@pytest.mark.skipif(not REAL.exists(), reason="no real COCO samples beside the repository")
@pytest.mark.parametrize("annotations", ["", "instances", "captions", "person_keypoints"])
def test_columns_say_the_same_of_real_images(annotations: str) -> None:
    own = {"annotations": f"annotations/{annotations}_train2017.json", "images": "train2017"}
    root, options, seen = Folder(str(REAL)), own if annotations else {}, list[str]()
    found = words(coco.index_columns(root, source="x", **options), seen)
    assert seen == ["B"]
    assert words(coco.index(root, source="x", **options), []) == found
    assert len(found) >= 80
