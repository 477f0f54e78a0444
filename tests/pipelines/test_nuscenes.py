"""The nuScenes reader: its projection against the devkit's five steps, splits, tables, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import nuscenes
from pipelines.demo import nuscenes as demo
from pipelines.parts.nuscenes import poses, splits
from vbdata.core.labels import Depth
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture
def copy(demo_of: Callable[[str], Path], tmp_path: Path) -> Path:
    shutil.copytree(demo_of("nuscenes"), tmp_path / "data")
    return tmp_path / "data"


def depth(root: Folder, entry: Entry) -> Depth:
    found = nuscenes.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def tables(folder: Path, version: str = "v1.0-mini") -> Tables:
    return {path.stem: json.loads(path.read_text()) for path in (folder / version).iterdir()}


def save(folder: Path, changed: Tables, version: str = "v1.0-mini") -> Folder:
    for name, rows in changed.items():
        (folder / version / f"{name}.json").write_text(json.dumps(rows))
    return Folder(str(folder))


def rotation(q: list[float]) -> NDArray[np.float64]:
    """A quaternion w, x, y, z as a matrix, by its action: q v q*, with products of 4 x 4."""
    w, x, y, z = np.array(q) / np.linalg.norm(q)
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    right = np.array([[w, x, y, z], [-x, w, -z, y], [-y, z, w, -x], [-z, -y, x, w]])
    return np.asarray((left @ right)[1:, 1:])


def official(folder: Path, found: Tables, name: str) -> NDArray[np.float64]:
    """The devkit's five steps for one picture, in float64; the nearest point of each pixel."""
    by = {key: {row["token"]: row for row in rows} for key, rows in found.items()}
    (cam,) = (r for r in found["sample_data"] if r["is_key_frame"] and name in r["filename"])
    (lidar,) = (
        r
        for r in found["sample_data"]
        if r["is_key_frame"]
        and r["sample_token"] == cam["sample_token"]
        and r["filename"].startswith("samples/LIDAR_TOP")
    )
    points = np.fromfile(folder / lidar["filename"], np.float32).reshape(-1, 5)[:, :3].T
    points = points.astype(np.float64)
    sensor, car = (
        by["calibrated_sensor"][lidar["calibrated_sensor_token"]],
        by["ego_pose"][lidar["ego_pose_token"]],
    )
    for pose in (sensor, car):
        points = rotation(pose["rotation"]) @ points + np.array(pose["translation"])[:, None]
    sensor, car = (
        by["calibrated_sensor"][cam["calibrated_sensor_token"]],
        by["ego_pose"][cam["ego_pose_token"]],
    )
    for pose in (car, sensor):
        points = rotation(pose["rotation"]).T @ (points - np.array(pose["translation"])[:, None])
    z = points[2]
    u, v, _ = np.array(sensor["camera_intrinsic"]) @ points / z
    width, height = cam["width"], cam["height"]
    kept = (z > 1) & (u > 1) & (u < width - 1) & (v > 1) & (v < height - 1)
    drawn = np.full((height, width), np.inf)
    for column, row, far in zip(u[kept], v[kept], z[kept], strict=True):
        pixel = int(np.floor(row + 0.5)), int(np.floor(column + 0.5))
        drawn[pixel] = min(drawn[pixel], far)
    return drawn


def test_the_miniature_is_projected_as_the_devkit_does(demo_of: Callable[[str], Path]) -> None:
    folder = demo_of("nuscenes")
    root, found = Folder(str(folder)), tables(folder)
    shots = {
        demo.stem(frame, name): (frame, name)
        for frame in demo.truth("v1.0-mini")
        for name in demo.CAMERAS
    }
    entries = [e for s in ("mini_train", "mini_val") for e in nuscenes.index(root, split=s)]
    assert sorted(e.id for e in entries) == sorted(shots)
    for entry in entries:
        label = depth(root, entry)
        metres, valid = np.asarray(label.metres), np.asarray(label.valid)
        drawn = official(folder, found, entry.id)
        assert np.array_equal(valid, np.isfinite(drawn))
        assert np.abs(metres - drawn)[valid].max() < 1e-5
        frame, name = shots[entry.id]
        shot = frame.shots[name]
        exact = np.abs(metres / shot.depth - 1)[valid]
        assert np.median(exact) < 0.01  # points are up to 0.3 pixels from a pixel's centre
        assert (exact < 0.12).mean() > 0.97
        assert 0.1 < valid.mean() < 0.6
        assert entry.camera == pytest.approx(shot.camera)
        assert entry.group == f"nuscenes:{frame.scene}"
        assert (entry.width, entry.height) == (demo.WIDTH, demo.HEIGHT)


def test_the_pose_of_the_car_at_either_time_counts(copy: Path) -> None:
    found = tables(copy)
    root = Folder(str(copy))
    (entry, *_) = nuscenes.index(root, split="mini_val")
    before = np.asarray(depth(root, entry).metres)
    for row in found["ego_pose"]:
        if row["token"].startswith("LIDAR_TOP"):
            row["translation"][0] += 0.5
    root = save(copy, found)
    (entry, *_) = nuscenes.index(root, split="mini_val")
    after = np.asarray(depth(root, entry).metres)
    assert np.abs(after - before).max() > 0.4
    assert np.allclose(after[after > 0], official(copy, found, entry.id)[after > 0], rtol=1e-5)


def test_the_nearest_point_of_a_pixel_and_the_border() -> None:
    straight = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0))
    points = np.array(
        [
            *([0, 0, 5], [0, 0, 3], [0, 0, 9], [0.1, 0, 1], [-4, 0, 4], [-2.9, 0, 4]),
            *([9, 9, -4], [np.nan, 0, 4], [0, np.inf, 4], [3.4, 0, 4]),
        ],
        np.float32,
    )
    found = poses.depth(points, straight, (4.0, 4.0, 4.0, 3.0), (9, 7))
    seen = {(int(r), int(c)): float(found[r, c]) for r, c in np.argwhere(np.isfinite(found))}
    assert seen == {(3, 4): 3.0, (3, 1): 4.0, (3, 7): 4.0}


def test_poses_and_their_inverses() -> None:
    row = {"rotation": [0.5, -0.5, 0.5, -0.5], "translation": [1, 2.5, -3]}
    pose = poses.pose(row, "x")
    assert np.allclose(np.array(pose)[:, :3], rotation(row["rotation"]))
    assert np.allclose(np.array(poses.after(poses.inverse(pose), pose)), np.eye(4)[:3])
    for bad in ([1, 0, 0], [0, 0, 0, 0], [1, 0, 0, float("nan")], ["1", 0, 0, 0], None):
        with pytest.raises(BadSample, match=r"of x"):
            poses.pose({"rotation": bad, "translation": [0, 0, 0]}, "x")


def test_splits_and_cameras(demo_of: Callable[[str], Path]) -> None:
    root = Folder(str(demo_of("nuscenes")))
    scenes = {s: {e.group for e in nuscenes.index(root, split=s)} for s in ("val", "mini_train")}
    assert scenes == {"val": {"nuscenes:scene-0003"}, "mini_train": {"nuscenes:scene-0061"}}
    front = [e.id for e in nuscenes.index(root, cameras="CAM_FRONT")]
    assert len(front) == 2
    assert all("__CAM_FRONT__" in name for name in front)
    assert len(splits.VAL) == 150
    assert not splits.VAL & splits.MINI_TRAIN - {"scene-0553", "scene-0796"}
    assert splits.MINI_VAL <= splits.VAL
    assert nuscenes.official(cameras=["CAM_BACK"]).entries == 6019
    for options, match in (
        ({"split": "train"}, "has no key frames of train"),
        ({"split": "test"}, "Known: mini_train, mini_val, train, val"),
        ({"cameras": "CAM_TOP"}, "did you mean 'CAM_"),
        ({"cameras": []}, "none is listed"),
    ):
        with pytest.raises(SourceError, match=match):
            list(nuscenes.index(root, **options))  # type: ignore[arg-type]


def test_damaged_rows_are_faults_of_their_pictures(copy: Path) -> None:
    found = tables(copy)
    first, second = (r for r in found["sample"] if r["scene_token"] == "scene-0103")
    found["ego_pose"] = [
        row for row in found["ego_pose"] if row["token"] != f"CAM_FRONT of {first['token']}"
    ]
    for row in found["calibrated_sensor"]:
        if row["token"] == f"CAM_BACK of {first['token']}":
            row["camera_intrinsic"] = []
        if row["token"] == f"LIDAR_TOP of {second['token']}":
            row["rotation"] = [9, 9, 9, 9]
    root = save(copy, found)
    faults = [e.fault for e in nuscenes.index(root, split="mini_val")]
    assert [fault.partition(":")[0] for fault in faults] == [
        *("garbled annotation", "out of range", "missing", "out of range"),
    ]
    assert "ego_pose_token 'CAM_FRONT of scene-0103-0'" in faults[2]


def test_damaged_scans_and_tables(copy: Path) -> None:
    root = Folder(str(copy))
    (entry, *_) = nuscenes.index(root, split="mini_val")
    scan = copy / entry.files["scan"].path
    for data, reason in (
        (scan.read_bytes()[:-1], "truncated"),
        (b"", "truncated"),
        (np.full(50, np.nan, "<f4").tobytes(), "all invalid"),
    ):
        scan.write_bytes(data)
        with pytest.raises(BadSample, match=f"^{reason}"):
            nuscenes.load(root, entry, ["depth"])
    (copy / "v1.0-mini/ego_pose.json").write_text('{"a": 1}')
    with pytest.raises(SourceError, match=r"ego_pose\.json is a JSON dict, no list"):
        list(nuscenes.index(root, split="mini_val"))
    (copy / "v1.0-mini/ego_pose.json").write_text("[1,")
    with pytest.raises(SourceError, match=r"ego_pose\.json is no JSON"):
        list(nuscenes.index(root, split="mini_val"))
    (copy / "v1.0-mini/ego_pose.json").unlink()
    with pytest.raises(SourceError, match=r"no v1\.0-mini/ego_pose\.json"):
        list(nuscenes.index(root, split="mini_val"))
