"""The KITTI reader, on the two real frames and on small drives with damage of every kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import kitti
from pipelines.demo import kitti as demo
from pipelines.demo.caster import shoot
from tests.helpers.builds import REAL as SAMPLES
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

REAL = SAMPLES / "kitti"
real = pytest.mark.skipif(not REAL.exists(), reason="no real KITTI samples beside the repository")

DRIVE = "2011_09_26_drive_0001_sync"
WIDTH, HEIGHT = 24, 10
CALIBRATION = f"""calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_02: 1.392000e+03 5.120000e+02
S_rect_02: {WIDTH:e} {HEIGHT:e}
P_rect_02: 20 0 11.5 4.4 0 21 4.5 0.2 0 0 1 0.003
S_rect_03: {WIDTH:e} {HEIGHT:e}
P_rect_03: 22 0 12.5 -3 0 23 5.5 0.2 0 0 1 0.003
"""


def depth_map(value: int = 512) -> NDArray[np.uint16]:
    stored = np.zeros((HEIGHT, WIDTH), np.uint16)
    stored[4:] = value
    return stored


def png(file: Path, pixels: NDArray[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), pixels)


def tree(folder: Path, *, raw: str = "raw", depth: str = "depth", frames: int = 13) -> Folder:
    """A drive of `frames` raw frames, the first and last 5 without depth, in train."""
    (folder / raw / DRIVE[:10]).mkdir(parents=True)
    (folder / raw / DRIVE[:10] / "calib_cam_to_cam.txt").write_text(CALIBRATION)
    for k in range(frames):
        at = folder / raw / DRIVE[:10] / DRIVE / "image_02/data" / f"{k:010d}.png"
        png(at, np.full((HEIGHT, WIDTH, 3), k, np.uint8))
    for k in range(5, frames - 5):
        png(depth_file(folder / depth, k), depth_map())
    return Folder(str(folder))


def depth_file(depth: Path, frame: int, part: str = "train") -> Path:
    return depth / part / DRIVE / "proj_depth/groundtruth/image_02" / f"{frame:010d}.png"


def read_depth(root: Folder, entry: Entry) -> Depth:
    found = kitti.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


@real
def test_real_frames() -> None:
    root = Folder(str(REAL))
    entries = list(kitti.index(root))
    assert [e.id for e in entries] == [f"{DRIVE}/image_02/{k:010d}" for k in (5, 50)]
    for entry in entries:
        assert (entry.width, entry.height, entry.group) == (1242, 375, f"kitti:{DRIVE}")
        assert entry.camera == (721.5377, 721.5377, 609.5593, 172.854)
        found = read_depth(root, entry)
        assert 0.18 < found.valid.mean() < 0.21
        assert found.metres[found.valid].min() >= 5.1
        assert found.metres.max() < 84.9
        assert not found.valid[:100].any()
        assert not found.metres[~found.valid].any()


@pytest.mark.parametrize(("raw", "depth"), [("raw", "depth"), (".", "."), ("raw", ".")])
def test_layouts_and_units(tmp_path: Path, raw: str, depth: str) -> None:
    root = tree(tmp_path, raw=raw, depth=depth)
    entries = list(kitti.index(root))
    assert [e.id[-1] for e in entries] == ["5", "6", "7"]
    assert entries[0].camera == (20, 21, 11.5, 4.5)
    found = read_depth(root, entries[0])
    assert set(found.metres[found.valid].tolist()) == {2.0}
    assert not found.valid[:4].any()
    image = kitti.load(root, entries[0], []).image
    assert image == (tmp_path / entries[0].files["image"].path).read_bytes()


def test_drives_of_both_splits_in_order(tmp_path: Path) -> None:
    root = tree(tmp_path)
    other = "2011_09_26_drive_0000_sync"
    shutil.copytree(tmp_path / "depth/train" / DRIVE, tmp_path / "depth/val" / other)
    entries = list(kitti.index(root, split="both"))
    assert [e.id[:26] for e in entries] == [other] * 3 + [DRIVE] * 3
    assert [e.files["image"].size for e in entries[:3]] == [-1, -1, -1]  # no raw drive
    with pytest.raises(BadSample, match="missing"):
        kitti.load(root, entries[0], ["depth"])
    shutil.move(tmp_path / "depth/val" / other, tmp_path / "depth/val" / DRIVE)
    with pytest.raises(SourceError, match="in train and in val"):
        list(kitti.index(root, split="both"))


def test_a_hole_in_the_depth_is_a_missing_file(tmp_path: Path) -> None:
    root = tree(tmp_path)
    depth_file(tmp_path / "depth", 6).unlink()
    entries = list(kitti.index(root))
    assert [e.files["depth"].size > 0 for e in entries] == [True, False, True]
    with pytest.raises(BadSample, match=r"missing.*0000000006"):
        kitti.load(root, entries[1], ["depth"])


@pytest.mark.parametrize("text", ["", "S_rect_02: 1 2\n"])
def test_a_date_without_calibration_costs_its_drives_alone(tmp_path: Path, text: str) -> None:
    root = tree(tmp_path)
    other = "2011_09_28_drive_0002_sync"
    for k in (5, 6):
        file = depth_file(tmp_path / "depth", k)
        png(Path(str(file).replace(DRIVE, other)), depth_map())
    if text:
        (tmp_path / "raw/2011_09_28").mkdir()
        (tmp_path / "raw/2011_09_28/calib_cam_to_cam.txt").write_text(text)
    *frames, lost = kitti.index(root)
    assert [entry.fault for entry in frames] == ["", "", ""]
    assert (lost.id, lost.group) == (f"{other}/image_02", f"kitti:{other}")
    reason = "garbled annotation" if text else "missing"
    assert lost.fault.startswith(f"{reason}: all frames of the drive: ")
    assert "raw/2011_09_28/calib_cam_to_cam.txt" in lost.fault
    assert str(tmp_path) not in lost.fault


def test_stray_files_are_not_frames(tmp_path: Path) -> None:
    root = tree(tmp_path)
    depth_file(tmp_path / "depth", 6).with_name("notes.txt").write_text("")
    (tmp_path / "depth/train/__MACOSX").mkdir()
    assert len(list(kitti.index(root))) == 3


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((HEIGHT, WIDTH), np.uint16), "all invalid"),
        (depth_map().astype(np.uint8), "wrong dtype"),
        (np.ones((HEIGHT, WIDTH, 3), np.uint16), "wrong dtype"),
        (np.ones((HEIGHT, WIDTH + 1), np.uint16), "wrong size"),
    ],
)
def test_damaged_depth(tmp_path: Path, pixels: NDArray[Any], reason: str) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    png(depth_file(tmp_path / "depth", 5), pixels)
    with pytest.raises(BadSample, match=f"{reason}.*depth/train"):
        kitti.load(root, entry, ["depth"])


def test_damaged_files(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    for key in ("image", "depth"):
        file = tmp_path / entry.files[key].path
        whole = file.read_bytes()
        for data, reason in (
            (whole[:-14], "truncated"),
            (b"", "truncated|undecodable"),
            (b"<html>", "undecodable"),
        ):
            file.write_bytes(data)
            with pytest.raises(BadSample, match=f"^({reason})"):
                kitti.load(root, entry, ["depth"])
        file.write_bytes(whole)
    png(tmp_path / entry.files["image"].path, np.zeros((HEIGHT, WIDTH - 1, 3), np.uint8))
    with pytest.raises(BadSample, match="wrong size"):
        kitti.load(root, entry, [])


def test_a_flipped_byte_inside_the_depth(tmp_path: Path) -> None:
    root = tree(tmp_path)
    entry = next(iter(kitti.index(root)))
    file = depth_file(tmp_path / "depth", 5)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    with pytest.raises(BadSample, match=r"undecodable|truncated"):
        kitti.load(root, entry, ["depth"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P_rect_02: 20 0", "P_rect_02: 20", "P_rect_02 should be 12 numbers"),
        ("P_rect_02: 20 0", "P_rect_02: nan 0", "P_rect_02 should be 12 numbers"),
        ("P_rect_02: 20 0", "P_rect_02: x 0", "P_rect_02 should be 12 numbers"),
        ("P_rect_02: 20 0", "P_rect_02: -20 0", "not > 0"),
        ("S_rect_02", "S_wrecked", "S_rect_02 should be 2 numbers, found 'nothing'"),
    ],
)
def test_malformed_calibration(tmp_path: Path, old: str, new: str, message: str) -> None:
    root = tree(tmp_path)
    file = tmp_path / "raw/2011_09_26/calib_cam_to_cam.txt"
    file.write_text(CALIBRATION.replace(old, new))
    with pytest.raises(SourceError, match=f"calib_cam_to_cam.txt.*{message}"):
        list(kitti.index(root))
    file.unlink()
    with pytest.raises(SourceError, match=r"no raw/2011_09_26/calib_cam_to_cam\.txt"):
        list(kitti.index(root))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, "split: 'test' is not a choice.*both, train, val"),
        ({"camera": "image_00"}, "camera: 'image_00'"),
        ({"split": "val"}, "no folders YYYY_MM_DD_drive_NNNN_sync in depth/val"),
        ({"camera": "image_03"}, "no depth for image_03"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(kitti.index(tree(tmp_path), **options))


@pytest.mark.slow
def test_miniature_drives_are_the_truth(demo_of: Callable[[str], Path]) -> None:
    """Three drives of 15 frames, of which five have depth: all are listed, one each is compared."""
    root = Folder(str(demo_of("kitti")))
    entries = {e.id: e for e in kitti.index(root, split="both")}
    annotated = 0
    for number, view in enumerate(demo.views()):
        drive, frame = view.id.split("/")
        entry = entries.get(f"{drive}/image_02/{frame}")
        assert (entry is not None) == (demo.depth_path(view) is not None)
        if entry is None:
            continue
        annotated += 1
        lens = np.linalg.inv(view.camera.lens)
        fx, fy, cx, cy = entry.camera or (0, 0, 0, 0)
        assert np.allclose((fx, fy, cx, cy), (lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]))
        found = read_depth(root, entry)
        assert found.valid.any()
        if number % 5 == 2:
            expected = shoot(view.scene, view.camera).depth[found.valid]
            assert np.abs(found.metres[found.valid] - expected).max() <= 0.5 / 256 + 1e-6
    assert annotated == len(entries) == 15


def test_the_parts_of_the_benchmark_and_eigens_test_set() -> None:
    parts = {part: kitti.drives.names(numbers) for part, numbers in kitti.drives.PARTS.items()}
    assert [len(parts[part]) for part in ("train", "val")] == [138, 13]
    assert not set(parts["train"]) & set(parts["val"])
    for names in parts.values():
        assert names == sorted(set(names))
        assert all(kitti.DRIVE.fullmatch(name) for name in names)
    held = kitti.HOLDOUTS
    assert {name: len(groups) for name, groups in held.items()} == {
        "kitti-val": 13,
        "kitti-eigen-test": 28,
    }
    assert held["kitti-val"] == {f"kitti:{name}" for name in parts["val"]}
    known = {f"kitti:{name}" for names in parts.values() for name in names}
    assert held["kitti-eigen-test"] < known
    assert len(held["kitti-eigen-test"] & held["kitti-val"]) == 7  # most of it is in train


@pytest.mark.slow
def test_held_out_drives_are_the_groups_of_entries(demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("kitti")))
    groups = {split: {e.group for e in kitti.index(root, split=split)} for split in kitti.SPLITS}
    assert groups["val"] == {"kitti:2011_09_26_drive_0002_sync"} < kitti.HOLDOUTS["kitti-val"]
    assert not groups["train"] & kitti.HOLDOUTS["kitti-val"]


@pytest.mark.parametrize(
    ("split", "frames", "drives"),
    [("train", 42_949, 138), ("val", 3_426, 13), ("both", 46_375, 151)],
)
def test_the_official_release(split: str, frames: int, drives: int) -> None:
    official = kitti.official(split=split)
    assert official.entries == frames == kitti.official(split=split, camera="image_03").entries
    assert 2 * frames in (85_898, 6_852, 85_898 + 6_852)  # depth maps, of both cameras
    urls = [download.url for download in official.downloads]
    server = "https://s3.eu-central-1.amazonaws.com/avg-kitti"
    assert urls.count(f"{server}/data_depth_annotated.zip") == len(kitti.SPLITS[split])
    assert sum(url.endswith("_sync.zip") for url in urls) == drives
    assert len({download.path for download in official.downloads}) == len(official.downloads)
    if split != "val":
        drive = "2011_09_26_drive_0001"
        assert f"{server}/raw_data/{drive}/{drive}_sync.zip" in urls
        assert f"{server}/raw_data/2011_09_26_calib.zip" in urls


@real
def test_the_release_unpacks_to_where_the_reader_looks() -> None:
    root = Folder(str(REAL))
    there = {d.path for d in kitti.official().downloads if root.exists(d.path)}
    assert there == {
        "depth/train",
        "raw/2011_09_26/calib_cam_to_cam.txt",
        f"raw/2011_09_26/{DRIVE}",
    }
