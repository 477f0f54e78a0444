"""The Mapillary Vistas reader: three kinds of maps of the same images, void, numbers from 0."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines import mapillary_vistas as vistas
from pipelines.demo import mapillary_vistas as demo
from transforms import semantic
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Entry
from vbdata.errors import SourceError
from vbdata.storage.folder import Folder

NAMES = ("sky", "building", "car", "person", "")  # by label; the last is void


def segments(root: Folder, entry: Entry) -> Segments:
    found = vistas.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.mark.parametrize("maps", ["panoptic", "instances", "labels"])
def test_the_same_streets_by_each_kind_of_map(
    maps: str, demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = demo_of("mapillary_vistas")
    if maps == "labels":
        folder = tmp_path / "a"
        shutil.copytree(demo_of("mapillary_vistas"), folder)
        for kind in ("panoptic", "instances"):
            shutil.rmtree(folder / "training/v2.0" / kind)
    root = Folder(str(folder))
    wanted = {each.key: each for each in demo.truth() if each.split == "training"}
    entries = list(vistas.index(root, maps="" if maps == "labels" else maps))
    assert [entry.id for entry in entries] == sorted(wanted)
    assert [*vistas.groups(root)] == [entry.group for entry in entries]
    for entry in entries:
        each, label = wanted[entry.id], segments(root, entry)
        codes, ids = demo.instances(each.shot), np.asarray(label.ids)
        assert np.array_equal(label.valid, each.shot.ids != demo.FLOOR)
        shown = np.array(["", *label.classes])[ids]
        assert np.array_equal(shown, np.array(NAMES)[codes >> 8])
        crowds = np.array([False, *label.crowds])[ids]
        group = each.shot.ids == demo.GROUP
        expected = {
            "panoptic": group,
            "instances": np.zeros_like(group),
            "labels": each.shot.ids >= 3,
        }
        assert np.array_equal(crowds, expected[maps])
        if maps != "labels":  # each ball is one of its own, number 0 too
            balls = [np.unique(ids[each.shot.ids == ball]).tolist() for ball in demo.OF_BALLS]
            assert len({tuple(ball) for ball in balls}) == len(balls)
            assert all(len(ball) == 1 for ball in balls)
        params = semantic.ask(entry, Stream(1), absent=0, subset=0).params
        assert {item["name"] for item in params["legend"]} == {*NAMES} - {""}
        assert not np.asarray(semantic.render(label, params))[each.shot.ids == demo.FLOOR].any()


def test_the_older_layout_and_what_is_missing(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("mapillary_vistas"), tmp_path / "a")
    root, top = Folder(str(tmp_path / "a")), tmp_path / "a"
    new = {entry.id: segments(root, entry) for entry in vistas.index(root, maps="instances")}
    for kind in ("instances", "labels"):
        (top / "training/v2.0" / kind).rename(top / "training" / kind)
    with pytest.raises(SourceError, match=r"no config\.json \(the labels\)"):
        list(vistas.index(root, maps="instances"))
    (top / "config_v2.0.json").rename(top / "config.json")
    old = {entry.id: segments(root, entry) for entry in vistas.index(root, maps="instances")}
    assert all(np.array_equal(old[key].ids, label.ids) for key, label in new.items())
    with pytest.raises(SourceError, match=r"no folder panoptic in training/v1\.2 or training"):
        list(vistas.index(root, version="v1.2", maps="panoptic"))
    (top / "config.json").write_text(json.dumps({"labels": [{"readable": "Sky"}]}))
    with pytest.raises(SourceError, match=r"config\.json: not a JSON object of labels with"):
        list(vistas.index(root, maps="instances"))
    assert [vistas.official(split=split).entries for split in vistas.SPLITS] == [18_000, 2_000]


def test_a_category_of_what_is_unlabeled_is_void(
    demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("mapillary_vistas"), tmp_path / "a")
    root, path = Folder(str(tmp_path / "a")), "training/v2.0/panoptic/panoptic_2020.json"
    table = json.loads((tmp_path / "a" / path).read_text())
    table["categories"][0]["name"] = "Unlabeled"
    (tmp_path / "a" / path).write_text(json.dumps(table))
    entry = next(vistas.index(root))
    label, sky = segments(root, entry), next(demo.truth()).shot.ids == 0
    assert "unlabeled" not in {fact.name for fact in entry.classes}
    assert len(entry.left_out) == 1
    assert not np.asarray(label.valid)[sky].any()


def test_a_label_that_config_does_not_have(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(demo_of("mapillary_vistas"), tmp_path / "a")
    root = Folder(str(tmp_path / "a"))
    path = sorted((tmp_path / "a/training/v2.0/instances").iterdir())[0]
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    stored[0, 0] = 200 * 256
    cv2.imwrite(str(path), stored)
    first = next(vistas.index(root, maps="instances"))
    assert first.fault.startswith("unknown category: ")
    assert "label 200, known: 0 to 4" in first.fault
    path.write_bytes(cv2.imencode(".png", (stored >> 8).astype(np.uint8))[1].tobytes())
    assert next(vistas.index(root, maps="instances")).fault.startswith("wrong dtype: ")
