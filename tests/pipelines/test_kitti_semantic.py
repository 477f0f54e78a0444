"""The KITTI semantic reader, on a miniature benchmark and on small label maps with damage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import kitti_semantic as kitti
from pipelines.demo import kitti_semantic as demo
from pipelines.parts.kitti.semantic_drives import group
from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 12, 6
ROAD, BUILDING, SKY, PERSON, CAR = 7, 11, 23, 24, 26


def codes() -> NDArray[np.uint16]:
    """Road below, two buildings above, two cars, ungrouped people, a column of void."""
    found = np.full((HEIGHT, WIDTH), ROAD * 256, np.uint16)
    found[:2, :6], found[:2, 6:] = BUILDING * 256 + 1, BUILDING * 256 + 2
    found[3:5, 1:4], found[3, 5:7] = CAR * 256 + 1, CAR * 256 + 255
    found[4, 8:10] = PERSON * 256
    found[:, -1] = 5 * 256 + 3  # dynamic
    return found


def png(file: Path, pixels: NDArray[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), pixels)


def put(folder: Path, frame: str, instance: NDArray[np.uint16] | None = None) -> None:
    instance = codes() if instance is None else instance
    top, name = folder / "training", f"{frame}_10.png"
    png(top / "image_2" / name, np.zeros((*instance.shape, 3), np.uint8))
    png(top / "instance" / name, instance)
    png(top / "semantic" / name, (instance >> 8).astype(np.uint8))


def tree(folder: Path, frames: int = 3) -> Folder:
    for number in range(frames):
        put(folder, f"{number:06d}")
    return Folder(str(folder))


def segments(root: Folder, entry: Entry) -> Segments:
    found = kitti.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


@pytest.mark.slow
def test_the_miniature_benchmark_is_the_truth(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=3)
    root = Folder(str(tmp_path))
    entries = list(kitti.index(root))
    shots = list(demo.truth(seed=3))
    assert [e.id for e in entries] == [shot.id for shot in shots]
    for entry, shot in zip(entries, shots, strict=True):
        assert not entry.fault
        truth = demo.instance_map(shot)
        label = segments(root, entry)
        assert label.ids.shape == truth.shape == (entry.height, entry.width)
        assert np.array_equal(label.valid, truth >= 7 * 256)
        for place, name in enumerate(label.classes, 1):
            here = truth[label.ids == place]
            thing = name == "car"
            assert label.things[place - 1] == thing
            assert {kitti.KINDS[c // 256].name for c in here.tolist()} == {name}
            if thing:  # one code, and all of it
                assert (truth == here[0]).sum() == here.size
                assert label.crowds[place - 1] == (here[0] % 256 == 0)
        assert len({n for n in label.classes if n != "car"}) == label.classes.index("car")
        image = kitti.load(root, entry, []).image
        assert image == (tmp_path / shot.image).read_bytes()
    crowds = [any(segments(root, entry).crowds) for entry in entries]
    assert any(crowds)


def test_segments_and_facts(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    assert (entry.width, entry.height, entry.labels) == (WIDTH, HEIGHT, ("segments",))
    assert entry.classes == (
        ClassFact(name="building", thing=False, instances=0, smallest=0),
        ClassFact(name="car", thing=True, instances=2, smallest=2),
        ClassFact(name="person", thing=True, instances=0, smallest=0),
        ClassFact(name="road", thing=False, instances=0, smallest=0),
    )
    label = segments(root, entry)
    assert label.classes == ("road", "building", "person", "car", "car")
    assert label.things == (False, False, True, True, True)
    assert label.crowds == (False, False, True, False, False)
    assert (label.ids == 2).sum() == 2 * (WIDTH - 1)  # both buildings
    assert (label.ids == 3).sum() == 2
    assert (label.ids == 5).sum() == 2
    assert not label.valid[:, -1].any()
    assert label.valid[:, :-1].all()


def test_the_classes_are_those_of_cityscapes() -> None:
    names = [kind.name for kind in kitti.KINDS]
    assert len(names) == 34
    known = {7: "road", 13: "fence", 17: "pole", 20: "traffic sign", 23: "sky", 33: "bicycle"}
    assert {k: names[k] for k in known} == known
    assert not any(names[:7])
    assert len(set(names[7:])) == 27
    counted = "person rider car truck bus caravan trailer train motorcycle bicycle"
    assert [kind.name for kind in kitti.KINDS if kind.thing] == counted.split()


@pytest.mark.parametrize("kept", ["instance", "semantic"])
def test_one_folder_of_labels_is_enough(tmp_path: Path, kept: str) -> None:
    tree(tmp_path)
    shutil.rmtree(tmp_path / "training" / {"instance": "semantic", "semantic": "instance"}[kept])
    root = Folder(str(tmp_path))
    entry = next(iter(kitti.index(root)))
    assert sorted(entry.files) == ["image", kept]
    label = segments(root, entry)
    if kept == "semantic":  # nothing is told apart
        assert label.classes == ("road", "building", "person", "car")
        assert label.crowds == (False, False, True, True)
        assert {fact.name: fact.instances for fact in entry.classes}["car"] == 0
    else:
        assert label.classes == ("road", "building", "person", "car", "car")


# image -> drive, as UnFlow's list of raw frames to leave out has them
DRIVES = {
    **{2: "0005", 3: "0005", 7: "0009", 12: "0009", 13: "0011", 17: "0011", 18: "0013"},
    **{22: "0014", 33: "0014", 34: "0015", 42: "0015", 43: "0017", 47: "0018", 54: "0019"},
    **{57: "0022", 60: "0027", 62: "0028", 69: "0028", 70: "0029", 72: "0032", 81: "0032"},
    **{83: "0036", 85: "0046", 88: "0051", 98: "0051", 105: "0056", 112: "0057", 118: "0059"},
    **{127: "0059", 128: "0070", 130: "0084", 132: "0084", 141: "0096", 144: "0101", 150: "0104"},
}


def test_groups_are_those_of_the_raw_drives() -> None:
    for number, drive in DRIVES.items():
        assert group(number) == f"kitti:2011_09_26_drive_{drive}_sync"
    later = {155: "09_28_drive_0002", 157: "09_29_drive_0004", 169: "09_29_drive_0071"}
    later |= {164: "09_29_drive_0004", 168: "09_29_drive_0071", 199: "10_03_drive_0047"}
    for number, drive in later.items():
        assert group(number) == f"kitti:2011_{drive}_sync"
    groups = [group(number) for number in range(200)]
    drives = {name for name in groups if name.startswith("kitti:")}
    assert (len(drives), sum(name in drives for name in groups)) == (29, 142)
    assert group(0) == group(1) == "kitti-semantic:000000"
    assert group(170) == group(198) == "kitti-semantic:000170"
    assert len(set(groups) - drives) == 10
    assert group(1000) == "kitti-semantic:001000"


def test_files_of_the_scene_flow_data_are_not_frames(tmp_path: Path) -> None:
    root = tree(tmp_path)
    png(tmp_path / "training/image_2/000000_11.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (tmp_path / "training/instance/Thumbs.db").write_bytes(b"x")
    assert [e.id for e in kitti.index(root)] == ["000000", "000001", "000002"]


@pytest.mark.parametrize("missing", ["image_2", "instance", "semantic"])
def test_a_missing_file(tmp_path: Path, missing: str) -> None:
    root = tree(tmp_path)
    (tmp_path / "training" / missing / "000001_10.png").unlink()
    entries = list(kitti.index(root))
    assert len(entries) == 3
    with pytest.raises(BadSample, match=rf"missing.*{missing}/000001_10\.png"):
        kitti.load(root, entries[1], ["segments"])
    segments(root, entries[2])


def changed(at: tuple[int, int], code: int) -> NDArray[np.uint16]:
    found = codes()
    found[at] = code
    return found


@pytest.mark.parametrize(
    ("folder", "pixels", "fault"),
    [
        ("semantic", (changed((0, 0), ROAD * 256) >> 8).astype(np.uint8), "garbled annotation: 1 "),
        ("instance", changed((5, 5), ROAD * 256 + 9), ""),  # a number on stuff says nothing
        ("instance", changed((5, 5), CAR * 256), "garbled annotation: 1 pixels of another class"),
        ("instance", np.ones((HEIGHT, WIDTH), np.uint8), "wrong dtype: instance is uint8.*uint16"),
        ("semantic", codes(), "wrong dtype: semantic is uint16.*grey uint8"),
        ("instance", np.ones((HEIGHT, WIDTH, 3), np.uint16), "wrong dtype"),
        ("instance", codes()[1:], "wrong size: instance map"),
    ],
)
def test_damaged_labels(tmp_path: Path, folder: str, pixels: NDArray[Any], fault: str) -> None:
    root = tree(tmp_path)
    entry = list(kitti.index(root))[1]
    file = tmp_path / "training" / folder / "000001_10.png"
    file.unlink()
    png(file, pixels)
    again = list(kitti.index(root))
    assert [bool(e.fault) for e in again] == [False, bool(fault), False]
    if not fault:
        assert segments(root, again[1]).classes == ("road", "building", "person", "car", "car")
        return
    for old in (entry, again[1]):  # found by the index, and by a worker whose index is older
        with pytest.raises(BadSample, match=f"^{fault}"):
            kitti.load(root, old, ["segments"])


@pytest.mark.parametrize(
    ("instance", "fault"),
    [
        (changed((0, 0), 34 * 256), "unknown category: label 34"),
        (changed((0, 0), 65535), "unknown category: label 255"),
        (np.full((HEIGHT, WIDTH), 4 * 256, np.uint16), "all invalid"),
    ],
)
def test_labels_without_a_class(tmp_path: Path, instance: NDArray[np.uint16], fault: str) -> None:
    put(tmp_path, "000000", instance)
    (entry,) = kitti.index(Folder(str(tmp_path)))
    assert entry.fault.startswith(fault)


def test_damaged_bytes(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    for key in ("image", "instance", "semantic"):
        file = tmp_path / entry.files[key].path
        whole = file.read_bytes()
        for data in (whole[:-14], b"", b"GIF89a"):
            file.write_bytes(data)
            with pytest.raises(BadSample, match=r"^(truncated|undecodable)"):
                kitti.load(root, entry, ["segments"])
        file.write_bytes(whole)
    png(tmp_path / entry.files["image"].path, np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8))
    with pytest.raises(BadSample, match="wrong size"):
        kitti.load(root, entry, ["segments"])


def test_a_file_that_changed_its_size_since_the_index(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    put(tmp_path, "000000", codes()[1:])
    png(tmp_path / entry.files["image"].path, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(BadSample, match="wrong size"):
        kitti.load(root, entry, ["segments"])


def test_nothing_to_read(tmp_path: Path) -> None:
    png(tmp_path / "training/image_2/000000_10.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(SourceError, match="no files in training/instance, nor in training/sem"):
        list(kitti.index(Folder(str(tmp_path))))
    shutil.rmtree(tmp_path / "training")
    png(tmp_path / "training/semantic/0.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(SourceError, match=r"no files NNNNNN_10\.png"):
        list(kitti.index(Folder(str(tmp_path))))


def test_official() -> None:
    found = kitti.official()
    assert found.entries == 200
    assert {d.path for d in found.downloads} >= {"training/image_2", "training/instance"}
