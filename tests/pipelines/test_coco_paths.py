"""The COCO reader's fast path says of any file what its careful one says: entries and messages."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pipelines import coco
from pipelines.formats import json_cut
from pipelines.parts.coco import form, tables
from vbdata.errors import SourceError
from vbdata.index.facts import entry_digest
from vbdata.storage.folder import Folder

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
