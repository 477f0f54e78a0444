"""The ADE20K reader: void, counted classes and maps that are one less; codes of the full set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines import ade20k
from pipelines.demo import ade20k as demo
from pipelines.demo import marked_balls as balls
from pipelines.parts.ade20k import classes
from transforms import instance, semantic
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder


def segments(root: Folder, entry: Entry) -> Segments:
    found = ade20k.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    demo.write(folder, release="full")
    return folder


@pytest.mark.parametrize("split", ade20k.SPLITS)
def test_scene_parsing_is_what_was_drawn(split: str, demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("ade20k")))
    wanted = {each.name: each for each in demo.truth() if each.split == split}
    entries = list(ade20k.index(root, split=split))
    assert [entry.id for entry in entries] == sorted(wanted)
    assert [*ade20k.groups(root, split=split)] == [entry.group for entry in entries]
    for entry in entries:
        each, label = wanted[entry.id], segments(root, entry)
        ids, valid = np.asarray(label.ids), np.asarray(label.valid)
        assert np.array_equal(~valid, each.shot.ids == demo.FLOOR)
        for name, surface in (("sky", 0), ("wall", demo.WALL)):
            (number,) = (k for k, given in enumerate(label.classes, 1) if given == name)
            assert np.array_equal(ids == number, each.shot.ids == surface)
        found = [
            (label.crowds[k - 1], ids == k)
            for k in range(1, len(label.classes) + 1)
            if label.classes[k - 1] == "ball"
        ]
        told = [] if each.first else [each.shot.ids == ball for ball in (4, 5)]
        crowd = (each.shot.ids >= 3) & ~np.any([np.zeros(ids.shape, bool), *told], axis=0)
        assert [mask.tolist() for is_crowd, mask in found if is_crowd] == [crowd.tolist()]
        assert [m.tolist() for is_crowd, m in found if not is_crowd] == [m.tolist() for m in told]
        asked = semantic.ask(entry, Stream(1), absent=0, subset=0)
        assert not np.asarray(semantic.render(label, asked.params))[~valid].any()
        assert np.array_equal(semantic.valid(label, asked.params), valid)
        if told:
            params = instance.ask(entry, Stream(1), negatives=0).params
            assert params["class"] == "ball"
            seen = np.asarray(instance.valid(label, params))
            assert np.array_equal(seen, valid & ~crowd)


def test_maps_that_are_one_less(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    """Where they say that they are, they are read; where they do not, they are refused."""
    shutil.copytree(demo_of("ade20k"), tmp_path / "a")
    top = tmp_path / "a/ADEChallengeData2016"
    root = Folder(str(top))
    plain = [segments(root, entry) for entry in ade20k.index(root)]
    for path in (top / "annotations").rglob("*.png"):
        stored = np.asarray(Image.open(path)) - np.uint8(1)  # as uint8 arithmetic has it
        cv2.imwrite(str(path), stored)
    for entry in ade20k.index(root):
        assert entry.fault.startswith("unknown category: ")
        assert entry.fault.endswith(
            "label 255: a map that is one less, which belongs in annotations_detectron2"
        )
        with pytest.raises(BadSample, match="label 255"):
            segments(root, entry)
    (top / "annotations").rename(top / "annotations_detectron2")
    for entry, label in zip(ade20k.index(root), plain, strict=True):
        again = segments(root, entry)
        assert np.array_equal(again.ids, label.ids)
        assert again.classes == label.classes


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_full_set_by_its_own_utility(level: int, full: Path) -> None:
    """Classes and instances as utils_ade20k.py has them: R / 10 x 256 + G, and B."""
    root = Folder(str(full))
    assert len(list(ade20k.index(root, level=ade20k.LEVELS[level]))) == demo.COUNTS["training"]
    for entry, each in zip(
        ade20k.index(root, level=ade20k.LEVELS[level]), demo.truth(), strict=False
    ):
        label = segments(root, entry)
        stored = np.asarray(Image.open(full / entry.files["map"].path)).astype(int)
        kinds = stored[..., 0] // 10 * 256 + stored[..., 1]
        shown = np.array(["", *label.classes])[np.asarray(label.ids)]
        assert np.array_equal(
            np.select([kinds == k for k in demo.NDX.values()], [*demo.NDX], ""), shown
        )
        assert np.array_equal(label.valid, kinds > 0)
        pairs = {(int(k), int(b)) for k, b in zip(kinds.flat, stored[..., 2].flat, strict=True)}
        balls_seen = sum(k == demo.NDX["ball"] for k, _ in pairs)
        assert sum(fact.instances for fact in entry.classes) == (0 if level else balls_seen)
        assert (not level) == (balls_seen == len(balls.seen(each.shot)))
        assert entry.absent == (() if level else None)
        assert entry.group == f"ade20k:{each.name}"


def test_a_class_without_a_name_and_too_many_objects(full: Path, tmp_path: Path) -> None:
    shutil.copytree(full, tmp_path / "a")
    root = Folder(str(tmp_path / "a"))
    first = next(ade20k.index(root))
    path = tmp_path / "a" / first.files["notes"].path
    value = json.loads(path.read_bytes().decode("cp1252"))
    objects = value["annotation"]["object"]
    value["annotation"]["object"] = [o for o in objects if o["name"] != "wall"]
    path.write_text(json.dumps(value))
    entry = next(ade20k.index(root))
    assert entry.left_out == ("unknown category: class 2978 of the map is not in its JSON",)
    assert "wall" not in segments(root, entry).classes
    value["annotation"]["object"] = [o | {"parts": {"part_level": "0"}} for o in objects * 40]
    path.write_text(json.dumps(value))
    crowded = next(ade20k.index(root))
    assert {fact.instances for fact in crowded.classes} == {0}
    for bad in ({"annotation": []}, {"annotation": {"object": [{"parts": {}}]}}):
        path.write_text(json.dumps(bad))
        assert next(ade20k.index(root)).fault.startswith("garbled annotation: ")


def test_the_release(tmp_path: Path) -> None:
    assert (len(set(classes.NAMES)), len(classes.THINGS)) == (150, 100)
    counts = [ade20k.official(split=split).entries for split in ade20k.SPLITS]
    assert (counts, ade20k.official(release="full").entries) == ([20_210, 2_000], 25_574)
    assert ade20k.official(level="parts").downloads[0].path.startswith("ADE20K_2021_17_01/")
    with pytest.raises(SourceError, match="no images/training or ADEChallengeData2016/images"):
        list(ade20k.index(Folder(str(tmp_path))))
    with pytest.raises(SourceError, match="level: 'parts' is not a choice"):
        list(ade20k.index(Folder(str(tmp_path)), release="scene_parsing", level="parts"))
