"""A miniature nuScenes: balls before a wall, and a scan that hits them from beside the camera.

v1.0-mini with a scene of each split, v1.0-trainval with one of val; two key frames a scene and two
of the six cameras, in tables as the devkit reads them. A twentieth of the real size. The car moves
and turns between scan and pictures; a scan has points on what the cameras see, hidden behind that,
on the car itself, and behind the cameras.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 80, 45
CAMERAS = ("CAM_FRONT", "CAM_BACK")
SCENES = {"v1.0-mini": ("scene-0061", "scene-0103"), "v1.0-trainval": ("scene-0003",)}
KEY_FRAMES = 2
POINTS = 1500  # of a scan on what a camera sees
TABLES = ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor")
Array = NDArray[np.float64]
Quaternion = tuple[float, float, float, float]


class Pose(NamedTuple):
    """From a frame to the one around it. rotation: w, x, y, z; translation: metres."""

    rotation: Quaternion
    translation: tuple[float, float, float]

    def __call__(self, points: Array) -> Array:
        """Points [N, 3] in the frame around."""
        w, axis = self.rotation[0], np.array(self.rotation[1:])
        twice = 2 * np.cross(axis, points)
        return np.asarray(points + w * twice + np.cross(axis, twice) + self.translation)

    def back(self, points: Array) -> Array:
        """Points [N, 3] of the frame around in this one."""
        w, axis = self.rotation[0], -np.array(self.rotation[1:])
        moved = points - self.translation
        twice = 2 * np.cross(axis, moved)
        return np.asarray(moved + w * twice + np.cross(axis, twice))


class Frame(NamedTuple):
    """A key frame.

    shots: what its cameras see; sensors: their poses on the car; cars: the car's, when each of them
    looked; points: float64[N, 3] of the scan, in the LiDAR's frame.
    """

    scene: str
    number: int
    shots: dict[str, Still]
    sensors: dict[str, Pose]
    cars: dict[str, Pose]
    points: Array


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the tables of both versions and samples/."""
    for version in SCENES:
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for frame in truth(version, seed=seed):
            _add(rows, frame, folder)
        (folder / version).mkdir(parents=True)
        for name, listed in rows.items():
            text = json.dumps(listed, indent=0)
            (folder / version / f"{name}.json").write_text(text, encoding="ascii")


def truth(version: str, *, seed: int = 0) -> Iterator[Frame]:
    """The key frames of a version, by scene and number."""
    forward = (0.5, -0.5, 0.5, -0.5)  # a camera's axes, right, down, ahead, in those of a car
    for scene in SCENES[version]:
        for number in range(KEY_FRAMES):
            stream = Stream(seed, "nuscenes", scene, number)
            shots = {name: still(stream, WIDTH, HEIGHT, wall=9.0) for name in CAMERAS}
            sensors = {
                "CAM_FRONT": Pose(_times(_turn(0.05), forward), (1.5, 0.1, 1.4)),
                "CAM_BACK": Pose(_times(_turn(math.pi + 0.02), forward), (0.0, 0.0, 1.5)),
                "LIDAR_TOP": Pose(_turn(-math.pi / 2), (0.9, 0.0, 1.84)),
            }
            x, y = 400.0 + 3 * number, 1100.0 + stream.uniform(0, 50)
            cars = {
                name: Pose(_turn(0.3 + 0.01 * k), (x + 0.4 * k, y + 0.1 * k, 0.0))
                for k, name in enumerate(("LIDAR_TOP", *CAMERAS))
            }
            hit = [_hit(stream, shots[n], sensors[n], cars[n]) for n in CAMERAS]
            points = sensors["LIDAR_TOP"].back(cars["LIDAR_TOP"].back(np.concatenate(hit)))
            yield Frame(scene, number, shots, sensors, cars, points)


def stem(frame: Frame, channel: str) -> str:
    """The name of a file without its type."""
    when = 1532402927000000 + 500000 * frame.number + int(frame.scene[-4:])
    return f"n015-2018-07-24-11-22-45+0800__{channel}__{when}"


def _hit(stream: Stream, shot: Still, camera: Pose, car: Pose) -> Array:
    """World points on what a camera sees, hidden behind it, and too near."""
    numbers = np.random.default_rng(stream.integer(1 << 31))
    rows, columns = (numbers.integers(2, n - 2, POINTS) for n in (HEIGHT, WIDTH))
    known = np.isfinite(shot.depth[rows, columns])
    rows, columns = rows[known], columns[known]
    fx, fy, cx, cy = shot.camera
    aside, down = numbers.uniform(-0.3, 0.3, (2, len(rows)))  # of a pixel, from its centre
    rays = np.stack([(columns + aside - cx) / fx, (rows + down - cy) / fy, np.ones(len(rows))], 1)
    z = shot.depth[rows, columns][:, None]
    points = [rays * z, rays[::9] * z[::9] * 1.5, rays[::50] * 0.6, -rays[::50] * 3]
    return car(camera(np.concatenate(points)))


def _turn(angle: float) -> Quaternion:
    """A turn about the upright axis."""
    return math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2)


def _times(p: Quaternion, q: Quaternion) -> Quaternion:
    (a, b, c, d), (e, f, g, h) = p, q
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def _add(rows: dict[str, list[dict[str, Any]]], frame: Frame, folder: Path) -> None:
    """Add the rows of a key frame, and write its files."""
    token = f"{frame.scene}-{frame.number}"
    if not frame.number:
        rows["scene"].append({"token": frame.scene, "name": frame.scene, "nbr_samples": KEY_FRAMES})
    rows["sample"].append({"token": token, "scene_token": frame.scene, "timestamp": frame.number})
    for channel in ("LIDAR_TOP", *CAMERAS):
        kind = "pcd.bin" if channel == "LIDAR_TOP" else "jpg"
        name, is_camera = f"samples/{channel}/{stem(frame, channel)}.{kind}", kind == "jpg"
        own = f"{channel} of {token}"
        fx, fy, cx, cy = frame.shots[channel].camera if is_camera else (0.0, 0.0, 0.0, 0.0)
        matrix = [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]] if is_camera else []
        car, sensor = frame.cars[channel], frame.sensors[channel]
        rows["ego_pose"].append({"token": own, **car._asdict(), "timestamp": frame.number})
        rows["calibrated_sensor"].append(
            {"token": own, "sensor_token": channel, **sensor._asdict(), "camera_intrinsic": matrix}
        )
        size = (WIDTH, HEIGHT) if is_camera else (0, 0)
        row: dict[str, Any] = {"sample_token": token, "ego_pose_token": own}
        row |= {
            "calibrated_sensor_token": own,
            "fileformat": kind,
            "width": size[0],
            "height": size[1],
        }
        rows["sample_data"].append({"token": own, **row, "is_key_frame": True, "filename": name})
        sweep = {"is_key_frame": False, "filename": name.replace("samples", "sweeps")}
        rows["sample_data"].append({"token": f"sweep {own}", **row, **sweep})
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_camera:
            path.write_bytes(encode_jpeg(frame.shots[channel].rgb))
        else:
            more = np.zeros((len(frame.points), 2))
            path.write_bytes(np.concatenate([frame.points, more], 1).astype("<f4").tobytes())
