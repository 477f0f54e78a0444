"""A miniature Structured3D: balls before a wall in two scenes of train, one of val, one invalid.

A twentieth of the real size. Walls, floors and balls have NYU40's classes, balls are instances, and
what the window behind the wall shows has no depth and no class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import FLOOR, WALL, Still, still
from .rgb_png import map_png, rgb_png

WIDTH, HEIGHT = 64, 36
VIEWS = (
    "scene_00007/2D_rendering/485142/perspective/full/0",
    "scene_00007/2D_rendering/485142/perspective/full/1",
    "scene_01155/2D_rendering/12/perspective/full/0",
    "scene_02999/2D_rendering/490854/perspective/full/2",
    "scene_02999/2D_rendering/490854/perspective/full/3",
    "scene_03000/2D_rendering/11/perspective/full/0",
    "scene_00007/2D_rendering/485142/perspective/empty/0",
)
CLASSES = {FLOOR: 2, WALL: 1}  # surface -> NYU40: floor, wall; balls are chairs
CHAIR = 5
BACKGROUND = 65535
ANGLE = 0.698132  # half of the view across, radians


class Shot(NamedTuple):
    """A view. albedo: uint8[H, W, 3], its colours without light."""

    view: str
    still: Still
    albedo: NDArray[np.uint8]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out Structured3D/."""
    for shot in truth(seed=seed):
        seen = shot.still
        near = np.isfinite(seen.depth)
        millimetres = np.floor(np.where(near, seen.depth, 0) * 1000 + 0.5).astype(np.uint16)
        right, down, forward = np.moveaxis(seen.normals, -1, 0)
        stored = np.stack([forward, -down, -right], -1)
        vectors = np.clip(np.floor(128 * (1 + stored) + 0.5), 0, 255).astype(np.uint8)
        balls = seen.ids > WALL
        semantic = np.where(balls, CHAIR, 0).astype(np.uint8)
        for surface, number in CLASSES.items():
            semantic[seen.ids == surface] = number
        instance = np.where(balls, seen.ids - WALL - 1, BACKGROUND).astype(np.uint16)
        half_down = math.atan(math.tan(ANGLE) * HEIGHT / WIDTH)
        files = {
            "rgb_rawlight.png": rgb_png(seen.rgb),
            "depth.png": map_png(millimetres),
            "normal.png": rgb_png(vectors),
            "albedo.png": rgb_png(shot.albedo),
            "semantic.png": map_png(semantic),
            "camera_pose.txt": f"9 9 1500 1 0 0 0 0 1 {ANGLE} {half_down!r} 1".encode(),
        }
        if "/full/" in shot.view:
            files["instance.png"] = map_png(instance)
        for name, data in files.items():
            path = folder / "Structured3D" / shot.view / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The views, of which one is of a scene that the errata call invalid."""
    focal = WIDTH / 2 / math.tan(ANGLE)
    for view in VIEWS:
        shot = still(Stream(seed, "structured3d", view), WIDTH, HEIGHT, wall=4, focal=focal)
        yield Shot(view, shot, (40 + 25 * np.stack([shot.ids] * 3, -1)).astype(np.uint8))
