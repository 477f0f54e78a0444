"""The Cityscapes reader: its miniature read by PIL, what is void, and maps of train ids."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipelines import cityscapes
from vbdata.core.labels import Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

# names of helpers/labels.py from id 7 on; those with a - are ignoreInEval
OFFICIAL = [
    *("road", "sidewalk", "-parking", "-rail track", "building", "wall", "fence", "-guard rail"),
    *("-bridge", "-tunnel", "pole", "-polegroup", "traffic light", "traffic sign", "vegetation"),
    *("terrain", "sky", "person", "rider", "car", "truck", "bus", "-caravan", "-trailer", "train"),
    *("motorcycle", "bicycle"),
]
STEM = "zurich/zurich_000000_000019"


def segments(root: Folder, entry: Entry) -> Segments:
    found = cityscapes.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


def put(folder: Path, instance: NDArray[Any], *, frame: str = STEM, split: str = "train") -> None:
    """A frame with both maps of the same codes."""
    label = np.where(instance >= 1000, instance // 1000, instance).astype(np.uint8)
    files = {
        f"leftImg8bit/{split}/{frame}_leftImg8bit.png": np.zeros((*instance.shape, 3), np.uint8),
        f"gtFine/{split}/{frame}_gtFine_instanceIds.png": instance.astype(np.uint16),
        f"gtFine/{split}/{frame}_gtFine_labelIds.png": label,
    }
    for path, pixels in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / path)


def test_the_miniature_is_what_other_libraries_read(demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("cityscapes")))
    ignored = 0
    for split, count in (("train", 6), ("val", 4)):
        entries = list(cityscapes.index(root, split=split))
        assert len(entries) == count
        for entry in entries:
            city = entry.id.split("_")[0]
            assert entry.group == f"cityscapes:{city}"
            stem = f"{root.url}/gtFine/{split}/{city}/{entry.id}_gtFine"
            labels = np.asarray(Image.open(f"{stem}_labelIds.png")).astype(int)
            codes = np.asarray(Image.open(f"{stem}_instanceIds.png")).astype(int)
            train = np.asarray(Image.open(f"{stem}_labelTrainIds.png"))
            label = segments(root, entry)
            ids, valid = np.asarray(label.ids), np.asarray(label.valid)
            assert np.array_equal(valid, train != 255)
            assert np.array_equal(ids > 0, valid)
            ignored += int((labels == 18).sum())
            for place, name in enumerate(label.classes, 1):
                here = ids == place
                code = OFFICIAL.index(name) + 7
                if name == "car":
                    (number,) = np.unique(codes[here])
                    assert label.crowds[place - 1] == (number == 26)
                    assert np.array_equal(here, codes == number)
                else:
                    assert np.array_equal(here, labels == code)
    assert ignored > 10  # the pole group of one city, which no class has


def test_the_classes_are_the_official_ones() -> None:
    names = [kind.name for kind in cityscapes.CLASSES["named"]]
    assert names[:7] == [""] * 7
    assert names[7:] == [name.strip("-").replace("polegroup", "pole group") for name in OFFICIAL]
    counted = [kind.name for kind in cityscapes.CLASSES["evaluated"]]
    assert counted[7:] == ["" if name[0] == "-" else name for name in OFFICIAL]
    assert len(list(filter(None, counted))) == 19


def test_instances_from_0_groups_and_what_the_evaluation_ignores(tmp_path: Path) -> None:
    codes = np.full((6, 10), 7, np.uint16)
    codes[0, :] = 26_000  # the first car
    codes[1, :5], codes[1, 5:] = 26_001, 26_999
    codes[2, :] = 26  # a group
    codes[3, :], codes[4, :] = 29_000, 9  # a caravan, a parking place
    codes[5, :2] = 1
    put(tmp_path, codes)
    root = Folder(str(tmp_path))
    (entry,) = cityscapes.index(root)
    label = segments(root, entry)
    assert label.classes == ("road", "car", "car", "car", "car")
    assert label.crowds == (False, True, False, False, False)
    assert np.array_equal(np.asarray(label.valid), ~np.isin(codes, (29_000, 9, 1)))
    assert {f.name: (f.instances, f.smallest) for f in entry.classes} == {
        "road": (0, 0),
        "car": (3, 5),
    }
    (named,) = cityscapes.index(root, classes="named")
    label = segments(root, named)
    assert {"parking", "caravan"} <= set(label.classes)
    assert np.array_equal(np.asarray(label.valid), codes != 1)


@pytest.mark.parametrize("kept", ["labelIds", "instanceIds"])
def test_one_of_the_maps_is_enough(
    kept: str, demo_of: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(demo_of("cityscapes"), tmp_path / "data")
    for path in (tmp_path / "data" / "gtFine").rglob("*.png"):
        if not path.stem.endswith(f"_{kept}"):
            path.unlink()
    whole, part = Folder(str(demo_of("cityscapes"))), Folder(str(tmp_path / "data"))
    for one, other in zip(cityscapes.index(whole), cityscapes.index(part), strict=True):
        a, b = segments(whole, one), segments(part, other)
        assert np.array_equal(np.asarray(a.valid), np.asarray(b.valid))
        names = [np.array(["", *label.classes])[np.asarray(label.ids)] for label in (a, b)]
        assert np.array_equal(*names)
        assert kept == "instanceIds" or all(f.instances == 0 for f in other.classes)


def test_maps_of_train_ids_are_told_apart(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(demo_of("cityscapes"), tmp_path / "only")
    gone = [*(tmp_path / "only").rglob("*_labelIds.png"), *tmp_path.rglob("*_instanceIds.png")]
    for path in gone:
        path.unlink()
    with pytest.raises(SourceError, match=r"_labelTrainIds\.png and its like hold train ids .*car"):
        list(cityscapes.index(Folder(str(tmp_path / "only"))))
    for path in (tmp_path / "only").rglob("*_labelTrainIds.png"):
        path.rename(path.with_name(path.name.replace("TrainIds", "Ids")))
    with pytest.raises(SourceError, match=r"_labelIds\.png and its like hold train ids"):
        list(cityscapes.index(Folder(str(tmp_path / "only"))))
    put(tmp_path / "one", np.full((4, 4), 26_000))
    put(tmp_path / "one", np.full((4, 4), 255), frame="zurich/zurich_000001_000019")
    good, bad = cityscapes.index(Folder(str(tmp_path / "one")))
    assert not good.fault
    assert bad.fault.startswith("unknown category: label 255: train ids")


def test_faults_of_single_frames_and_of_options(tmp_path: Path) -> None:
    frames = [f"ulm/ulm_{number:06d}_000019" for number in range(5)]
    for frame in frames:
        put(tmp_path, np.full((4, 6), 24_000), frame=frame)
    gt = tmp_path / "gtFine/train"
    (gt / f"{frames[0]}_gtFine_labelIds.png").unlink()
    Image.fromarray(np.full((4, 6), 25, np.uint8)).save(gt / f"{frames[1]}_gtFine_labelIds.png")
    Image.fromarray(np.full((4, 5), 24, np.uint8)).save(gt / f"{frames[2]}_gtFine_labelIds.png")
    put(tmp_path, np.full((4, 6), 34_000), frame=frames[3])
    put(tmp_path, np.full((4, 6), 3), frame=frames[4])
    faults = [e.fault for e in cityscapes.index(Folder(str(tmp_path)))]
    starts = ("missing", "garbled annotation: 24 pixels", "wrong size", "unknown", "all invalid")
    assert all(f.startswith(start) for f, start in zip(faults, starts, strict=True))
    root = Folder(str(tmp_path))
    assert list(cityscapes.groups(root)) == ["cityscapes:ulm"]
    for options, match in (
        ({"split": "test"}, "truth of test is not published"),
        ({"split": "train_extra"}, r"split \(of fine labels\).*Known: train, val"),
        ({"truth": "rough"}, "truth: 'rough' is not a choice"),
        ({"classes": "all"}, "Known: evaluated, named"),
        ({"split": "val"}, "no files CITY"),
    ):
        with pytest.raises(SourceError, match=match):
            list(cityscapes.index(root, **options))
    (tmp_path / "leftImg8bit/train" / f"{frames[0]}_leftImg8bit.png").unlink()
    put(tmp_path, np.full((4, 6), 7), frame=frames[0])
    entry = next(iter(cityscapes.index(root)))
    (tmp_path / "leftImg8bit/train" / f"{frames[0]}_leftImg8bit.png").unlink()
    with pytest.raises(BadSample, match="missing"):
        cityscapes.load(root, entry, ["segments"])


def test_the_official_release() -> None:
    counts = [cityscapes.official(split=s).entries for s in ("train", "val")]
    assert counts == [2975, 500]
    extra = cityscapes.official(split="train_extra", truth="coarse")
    assert extra.entries == 19998
    assert [d.archive for d in extra.downloads] == ["leftImg8bit_trainextra.zip", "gtCoarse.zip"]
