"""A miniature KITTI: raw drives, calibration by date, sparse annotated depth.

A quarter of the real size; ground truth is missing for the first and last five frames of a drive,
above the scanner's highest ring, on the sky and beyond 85 m, and follows rings elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream, mix64, word_of

from .caster import develop, shoot
from .places import avenue
from .scene import Truth, lens_of, looking
from .solids import Array
from .world import NOTHING, Camera, Frame

EDGE = 5  # frames at either end of a drive that have no ground truth
RANGE = 85.0  # metres
STEP = 0.9  # metres driven between two frames
RING = 0.0165  # slope between two rings of the scanner
HIGHEST = -0.03  # slope of the highest ring: upwards is negative
BASELINES = (0.0, -0.537, 0.0598, -0.4731)  # metres: where camera 0 lies, seen from cameras 0 to 3
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What is calibrated once a date. Rectified size and intrinsics in pixels."""

    width: int
    height: int
    focal: float
    cx: float
    cy: float


DAYS = {
    "2011_09_26": Day(width=310, height=94, focal=180.3844, cx=152.0148, cy=42.8385),
    "2011_09_28": Day(width=306, height=93, focal=176.7623, cx=150.6454, cy=44.7516),
}
DRIVES = (
    ("train", "2011_09_26_drive_0001_sync"),
    ("train", "2011_09_28_drive_0001_sync"),
    ("val", "2011_09_26_drive_0002_sync"),
)


def write(folder: Path, *, seed: int = 0, frames: int = 15) -> None:
    """Lay out raw/ and depth/; `frames` raw images a drive."""
    for date, day in DAYS.items():
        _write_calibration(folder / "raw" / date, day)
    for shot in truth(seed=seed, frames=frames):
        rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
        _write_png(folder / shot.image, np.ascontiguousarray(rgb[..., ::-1]))
        path = depth_path(shot, frames)
        if path is not None:
            _write_png(folder / path, annotated_depth(shot, seed))


def truth(*, seed: int = 0, frames: int = 15) -> Iterator[Truth]:
    """The raw frames in the order of the drives; `id` is drive/frame."""
    for view in views(seed=seed, frames=frames):
        yield replace(view, frame=shoot(view.scene, view.camera))


def views(*, seed: int = 0, frames: int = 15) -> Iterator[Truth]:
    """The raw frames in the order of the drives, with an empty frame each, as none is cast."""
    for split, drive in DRIVES:
        stream = Stream(seed, "kitti", drive)
        scene, day = avenue(stream), DAYS[drive[:10]]
        rotation = looking(stream.uniform(-3, 3), stream.uniform(-0.5, 1.5))
        lens = lens_of(day.focal, day.focal, day.cx, day.cy)
        for number in range(frames):
            camera = Camera(
                width=day.width,
                height=day.height,
                lens=lens,
                rotation=rotation,
                position=(0.9, STEP * number, 1.65),
            )
            yield Truth(
                image=f"raw/{drive[:10]}/{drive}/image_02/data/{number:010d}.png",
                id=f"{drive}/{number:010d}",
                split=split,
                scene=scene,
                camera=camera,
                frame=NOTHING,
            )


def depth_path(shot: Truth, frames: int = 15) -> str | None:
    """Where the ground truth of a frame lies below the folder; None near a drive's ends."""
    drive, number = shot.id.split("/")
    if not EDGE <= int(number) < frames - EDGE:
        return None
    return f"depth/{shot.split}/{drive}/proj_depth/groundtruth/image_02/{number}.png"


def annotated_depth(shot: Truth, seed: int = 0) -> NDArray[np.uint16]:
    """uint16[H, W]: planar metres x 256 where the scanner hit something, 0 elsewhere."""
    scanned = _scanned(shot.frame, shot.camera, word_of(seed, "kitti", "echoes", shot.id))
    metres = np.where(scanned, shot.frame.depth, 0.0)
    return np.floor(metres * 256 + 0.5).astype(np.uint16)


def _scanned(frame: Frame, camera: Camera, key: int) -> NDArray[np.bool_]:
    """Which pixels lie on a ring of a scanner 27 cm behind and 8 cm above the camera."""
    fx, fy = 1 / camera.lens[0, 0], 1 / camera.lens[1, 1]
    near = frame.depth < RANGE
    z = np.where(near, frame.depth, 1.0)
    row, column = np.indices(z.shape)
    x = (column + camera.lens[0, 2] * fx) / fx * z
    y = (row + camera.lens[1, 2] * fy) / fy * z + 0.08
    slope = y / np.sqrt(x * x + (z + 0.27) * (z + 0.27))
    ring = (slope - HIGHEST) / RING
    words = mix64(np.arange(z.size, dtype=np.uint64).reshape(z.shape), key)
    heard = words % np.uint64(100) < np.uint64(92)
    on_ring: NDArray[np.bool_] = (ring >= 0) & (ring - np.floor(ring) < 0.38)
    return near & heard & on_ring


def _write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _write_calibration(folder: Path, day: Day) -> None:
    """The three files of a date, in the official order and number format."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["calib_time: 09-Jan-2012 13:57:47", _line("corner_dist", (0.0995,))]
    for camera, baseline in enumerate(BASELINES):
        lines += _camera_lines(camera, baseline, day)
    (folder / "calib_cam_to_cam.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    forward = (0.0, -1.0, 0.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0)
    lines = ["calib_time: 15-Mar-2012 11:37:16", _line("R", forward), _line("T", (0, -0.08, -0.27))]
    lines += [_line("delta_f", (0, 0)), _line("delta_c", (0, 0))]
    (folder / "calib_velo_to_cam.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    lines = [
        "calib_time: 25-May-2012 16:47:16",
        _line("R", IDENTITY),
        _line("T", (-0.81, 0.32, -0.8)),
    ]
    (folder / "calib_imu_to_velo.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


def _camera_lines(number: int, baseline: float, day: Day) -> list[str]:
    """Eight lines of one camera, S to P_rect."""
    focal = day.focal * 1.36
    raw: Array = np.array([focal, 0, 174, 0, focal, 58, 0, 0, 1])
    projection = (
        *(day.focal, 0, day.cx, day.focal * baseline),
        *(0, day.focal, day.cy, 0),
        *(0, 0, 1, 0),
    )
    values = {
        "S": (348, 128),
        "K": tuple(raw.tolist()),
        "D": (-0.37, 0.2, 0.0014, 0.0006, -0.068),
        "R": IDENTITY,
        "T": (baseline, 0, 0),
        "S_rect": (day.width, day.height),
        "R_rect": IDENTITY,
        "P_rect": projection,
    }
    return [_line(f"{name}_{number:02d}", numbers) for name, numbers in values.items()]


def _line(name: str, numbers: tuple[float, ...]) -> str:
    return f"{name}: " + " ".join(f"{number:.6e}" for number in numbers)
