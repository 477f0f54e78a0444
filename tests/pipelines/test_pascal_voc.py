"""The PASCAL VOC reader: background, border and objects; palettes that are lost; SBD's maps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import pascal_voc as voc
from pipelines.demo import marked_balls as balls
from pipelines.demo import pascal_voc as demo
from transforms import instance, semantic
from vbdata.core.labels import Segments
from vbdata.core.rng import Stream
from vbdata.core.types import Entry
from vbdata.errors import SourceError
from vbdata.storage.folder import Folder

TOP = "VOCdevkit/VOC2012"


def segments(root: Folder, entry: Entry) -> Segments:
    found = voc.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.mark.parametrize("split", ["train", "val", "trainval", "trainaug"])
def test_the_miniature_is_what_pillow_reads(split: str, demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("pascal_voc")))
    of = {"trainval": ("train", "val"), "trainaug": ("train", "aug")}.get(split, (split,))
    wanted = {each.name: each for each in demo.truth() if each.split in of}
    entries = list(voc.index(root, split=split))
    assert [entry.id for entry in entries] == sorted(wanted)
    assert [*voc.groups(root, split=split)] == [entry.group for entry in entries]
    for entry in entries:
        label, each = segments(root, entry), wanted[entry.id]
        folder = demo_of("pascal_voc") / TOP
        aug = "Aug" if each.split == "aug" else ""
        kinds = np.asarray(Image.open(folder / f"SegmentationClass{aug}/{entry.id}.png"))
        assert np.array_equal(label.valid, kinds != 255)
        names = np.array(["", *label.classes])[np.asarray(label.ids)]
        table = np.array(["", *voc.NAMES])
        assert np.array_equal(names, table[np.where(kinds == 255, 0, kinds)])
        if not aug:
            objects = np.asarray(Image.open(folder / f"SegmentationObject/{entry.id}.png"))
            told = np.isin(objects, [0, 255], invert=True)
            single = np.array([False, *(not crowd for crowd in label.crowds)])
            assert np.array_equal(single[np.asarray(label.ids)], told & (kinds != 255))
            for number in range(1, len(label.classes) + 1):
                assert len(np.unique(objects[np.asarray(label.ids) == number])) == 1
        assert all(label.crowds) == bool(aug)
        assert any(label.crowds) == bool(aug or each.untold)
        params = semantic.ask(entry, Stream(1), absent=0, subset=0).params
        target = np.asarray(semantic.render(label, params))
        assert not target[kinds == 255].any()
        assert np.array_equal(semantic.valid(label, params), kinds != 255)
        if not aug:
            one = instance.ask(entry, Stream(1), negatives=0).params
            assert not np.asarray(instance.valid(label, one))[kinds == 255].any()


def test_sbd_as_its_mat_files_have_it(tmp_path: Path) -> None:
    demo.write(tmp_path, sbd=True)
    root = Folder(str(tmp_path))
    wanted = {each.name: each for each in demo.truth()}
    assert {
        split: len([*voc.groups(root, release="sbd", split=split)]) for split in ("train", "val")
    }
    for entry in voc.index(root, release="sbd"):
        each, label = wanted[entry.id], segments(root, entry)
        for number, (name, crowd) in enumerate(zip(label.classes, label.crowds, strict=True), 1):
            (colour,) = (c for c, kind in demo.CLASSES.items() if voc.NAMES[kind - 1] == name)
            assert np.array_equal(np.asarray(label.ids) == number, balls.seen(each.shot)[colour])
            assert crowd == (colour == each.untold)
        assert bool(label.valid.all())
    place = tmp_path / "benchmark_RELEASE/dataset"
    names = [entry.id for entry in voc.index(root, release="sbd")]
    whole = (place / f"cls/{names[0]}.mat").read_bytes()
    broken = {
        names[0]: (whole[:100], "truncated"),
        names[1]: (whole[:126] + b"??" + whole[128:], "undecodable: "),
        names[2]: (whole[:-20], "truncated: "),
        names[3]: (demo.mat("GTinst", np.zeros((54, 72), np.uint8)), "wrong dtype: "),
        names[4]: (demo.mat("GTcls", np.full((54, 72), 21, np.uint8)), "unknown category: "),
    }
    for name, (data, _) in broken.items():
        (place / f"cls/{name}.mat").write_bytes(data)
    for entry in voc.index(root, release="sbd"):
        assert entry.fault.startswith(broken[entry.id][1])
    assert [voc.official(release="sbd", split=s).entries for s in ("train", "val")] == [
        8_498,
        2_857,
    ]


def test_maps_that_are_none_of_vocs(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(demo_of("pascal_voc"), tmp_path / "a")
    root, folder = Folder(str(tmp_path / "a")), tmp_path / "a" / TOP
    first, second, third, fourth = (entry.id for entry in voc.index(root))
    path = folder / f"SegmentationClass/{first}.png"
    Image.open(path).convert("RGB").save(path)
    path = folder / f"SegmentationClass/{second}.png"
    Image.fromarray(np.asarray(Image.open(path)) + np.uint8(10)).save(path)
    path = folder / f"SegmentationClass/{third}.png"
    Image.fromarray(np.full_like(np.asarray(Image.open(path)), 255)).save(path)
    path = folder / f"SegmentationObject/{fourth}.png"
    Image.fromarray(np.asarray(Image.open(path))[1:]).save(path)
    faults = [entry.fault.partition(":")[0] for entry in voc.index(root)]
    assert faults == ["wrong dtype", "unknown category", "all invalid", "wrong size"]


def test_lists_and_the_release(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(demo_of("pascal_voc") / TOP, tmp_path / "a")
    root = Folder(str(tmp_path / "a"))
    path = tmp_path / "a/ImageSets/Segmentation/train.txt"
    path.write_text("/JPEGImages/2007_000001.jpg /SegmentationClass/2007_000001.png\n\n")
    assert [entry.id for entry in voc.index(root)] == ["2007_000001"]
    path.write_text("../../etc\n")
    with pytest.raises(SourceError, match="'etc' is no image"):
        list(voc.index(root))
    path.write_text("\n")
    with pytest.raises(SourceError, match=r"train\.txt: names no image"):
        list(voc.groups(root))
    with pytest.raises(SourceError, match=r"no ImageSets/Segmentation/val\.txt, nor below VOCdev"):
        list(voc.index(Folder(str(tmp_path)), split="val"))
    counts = [voc.official(split=split).entries for split in voc.SPLITS["voc2012"]]
    assert counts == [1_464, 1_449, 2_913, 10_582]
    assert voc.official(release="voc2007", split="test").downloads[0].archive.startswith("VOCtest")
