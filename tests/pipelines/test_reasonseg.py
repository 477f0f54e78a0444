"""The ReasonSeg reader: regions as the official loader draws them, by OpenCV; texts; damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import reasonseg
from pipelines.demo import reasonseg as demo
from vbdata.core.images import encode_jpeg
from vbdata.core.labels import Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 20, 14


def official(shapes: list[dict[str, Any]], width: int, height: int) -> NDArray[np.uint8]:
    """The official order and drawing, for shapes of different areas."""
    kept = [shape for shape in shapes if shape["label"].lower() != "flag"]

    def draw(mask: NDArray[np.uint8], shape: dict[str, Any], value: int) -> NDArray[np.uint8]:
        points = np.array([shape["points"]], dtype=np.int32)
        cv2.polylines(mask, points, True, value, 1)
        cv2.fillPoly(mask, points, value)
        return mask

    areas = [draw(np.zeros((height, width), np.uint8), shape, 1).sum() for shape in kept]
    mask = np.zeros((height, width), np.uint8)
    for place in np.argsort(areas)[::-1]:
        draw(mask, kept[place], 255 if "ignore" in kept[place]["label"].lower() else 1)
    return mask


def put(folder: Path, value: Any, name: str = "a", *, split: str = "val") -> Folder:
    """An image with this JSON, a value or bytes."""
    place = folder / split
    place.mkdir(exist_ok=True)
    picture = encode_jpeg(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (place / f"{name}.jpg").write_bytes(picture)
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    (place / f"{name}.json").write_bytes(data)
    return Folder(str(folder))


def said(*shapes: tuple[str, Any], text: Any = ("the region",)) -> dict[str, Any]:
    listed = [{"label": label, "points": points} for label, points in shapes]
    return {"text": text, "is_sentence": False, "shapes": listed}


def segments(root: Folder, entry: Entry) -> Segments:
    found = reasonseg.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.mark.parametrize("split", reasonseg.SPLITS)
def test_the_miniature_is_what_the_official_loader_draws(
    split: str, demo_of: Callable[[str], Path]
) -> None:
    root = Folder(str(demo_of("reasonseg")))
    asked = {each.name: each for each in demo.truth() if each.split == split}
    entries = list(reasonseg.index(root, split=split))
    assert [e.id for e in entries] == sorted(asked)
    void = 0
    for entry in entries:
        each = asked[entry.id]
        assert [e.text for e in entry.expressions] == list(each.texts)
        drawn = official(demo.shapes(each), demo.WIDTH, demo.HEIGHT)
        label = segments(root, entry)
        assert np.array_equal(np.asarray(label.ids), drawn == 1)
        assert np.array_equal(np.asarray(label.valid), drawn != 255)
        void += int((drawn == 255).sum())
        assert {e.targets for e in entry.expressions} == {(0,) if each.meant else ()}
        if each.meant:
            inside = each.shot.ids == each.meant
            assert (inside & (drawn == 1)).sum() > 0.9 * (drawn == 1).sum() > 20
        else:
            assert label.classes == ()
    assert void > 20
    assert any("\u2019" in e.text for entry in entries for e in entry.expressions)


BIG, SMALL = [[1, 1], [15, 1], [15, 11], [1, 11]], [[4.9, 3.9], [8.9, 3.9], [8.9, 7.9], [4.9, 7.9]]


def test_order_ignored_parts_and_flags(tmp_path: Path) -> None:
    for name, shapes in {
        "hole": [("a", BIG), ("IGNORE this", SMALL)],
        "other order": [("ignore", SMALL), ("a", BIG)],
        "island": [("a", SMALL), ("ignored", BIG)],
        "flag": [("Flag", BIG), ("flags", SMALL)],
        "outline": [("a", [[2.9, 2.9]]), ("b", [[3, 9], [17, 9]])],
        "outside": [("a", [[-5, -5], [9, -5], [9, 300]])],
    }.items():
        (tmp_path / name).mkdir()
        root = put(tmp_path / name, said(*shapes))
        (entry,) = reasonseg.index(root, split="val")
        drawn = official(said(*shapes)["shapes"], WIDTH, HEIGHT)
        label = segments(root, entry)
        assert np.array_equal(np.asarray(label.ids) == 1, drawn == 1), name
        assert np.array_equal(np.asarray(label.valid), drawn != 255), name
    island = official(said(("a", SMALL), ("ignored", BIG))["shapes"], WIDTH, HEIGHT)
    assert island[5, 6] == 1  # 4.9 is cut to 4
    assert island[3, 4] == 1
    assert island[8, 9] == 255


def test_texts_of_train_and_of_val(tmp_path: Path) -> None:
    value = said(("a", BIG), text=["one  way\nto say it", "another", "another", " "])
    for split in ("train", "val"):
        put(tmp_path, value, split=split)
    root = Folder(str(tmp_path))
    texts = {s: [e.text for e in next(reasonseg.index(root, split=s)).expressions] for s in SPLITS}
    assert texts == {"train": ["one way to say it", "another"], "val": ["one way to say it"]}
    with pytest.raises(SourceError, match="Known: test, train, val"):
        list(reasonseg.index(root, split="dev"))
    with pytest.raises(SourceError, match=r"no files NAME\.jpg and NAME\.json in test, ReasonSeg"):
        list(reasonseg.index(root, split="test"))


SPLITS = ("train", "val")
DAMAGED: dict[str, tuple[Any, str]] = {
    "a list": ([], "garbled annotation: a list"),
    "no text": ({"shapes": []}, "garbled annotation: its text is None"),
    "no words": (said(text=[" "]), "empty label: no text"),
    "no shapes": ({"text": ["a"]}, "garbled annotation: its shapes are None"),
    "no label": ({"text": ["a"], "shapes": [{}]}, "garbled annotation: shape 0 has no label"),
    "no points": (said(("a", None)), "garbled annotation: shape 0: points None"),
    "no corner": (said(("a", [])), "garbled annotation: shape 0: points"),
    "uneven": (said(("a", [[1, 2], [3]])), "garbled annotation: shape 0: points"),
    "words": (said(("a", [["x", 2]])), "garbled annotation: shape 0: points"),
    "far away": (said(("a", [[0, 0], [1e9, 2]])), "out of range: shape 0 leads"),
    "endless": (b'{"text": ["a"], "shapes": [{"label": "a", "points": [[NaN, 1]]}]}', "out of ran"),
    "no JSON": (b"\x81\x8d{", "garbled annotation: no JSON"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    value, reason = DAMAGED[name]
    root = put(tmp_path, value)
    (entry,) = reasonseg.index(root, split="val")
    assert entry.fault.replace("val/a.json: ", "").startswith(reason)
    with pytest.raises(BadSample, match=reason.partition(":")[0]):
        reasonseg.load(root, entry, ["segments"])


def test_missing_files_and_the_release(tmp_path: Path) -> None:
    root = put(tmp_path, said(("a", BIG)))
    (tmp_path / "val" / "a.json").unlink()
    (tmp_path / "val" / "b.json").write_bytes(b"{}")
    first, second = reasonseg.index(root, split="val")
    assert first.fault == "missing: val/a.json: no val/a.json"
    assert second.fault == "missing: val/b.json: no val/b.jpg"
    assert [reasonseg.official(split=s).entries for s in reasonseg.SPLITS] == [239, 200, 779]
