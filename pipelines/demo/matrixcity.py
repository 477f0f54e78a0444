"""A miniature MatrixCity: balls before a wall, in two train blocks and a test block.

A twentieth of the real size. A street block has depth in 16 bits, where the sky is 65504, an aerial
one in 32 bits, where it is 2e7 cm; normals are those of Unreal's world, by cameras that are turned
and tilted. One picture of each train block is not among its poses, and the test block has neither
poses nor normals. Street blocks lie in folders of folders, as tars are unpacked by hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from . import exr
from .balls import Still, still
from .rgb_png import rgb_png

SIDE = 48
BLOCKS = (
    "small_city/aerial/train/block_1",
    "small_city/street/test/small_city_road_down_test",
    "small_city/street/train/small_city_road_down",
)
FRAMES, LISTED = 3, 2  # pictures of a block; how many of them have a pose
SKY = {"aerial": 2e7, "street": 65504.0}  # centimetres, as written
ANGLE = math.pi / 2  # of view


class Shot(NamedTuple):
    """A frame. rotation: float64[3, 3] from the camera, +x right, +y up, +z back, to the world."""

    block: str
    number: int
    still: Still
    rotation: NDArray[np.float64]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out small_city with depth and normals beside it."""
    poses: dict[str, list[dict[str, Any]]] = {}
    for shot in truth(seed=seed):
        city, _, place = shot.block.partition("/")
        view = place.partition("/")[0]
        centimetres = np.where(np.isfinite(shot.still.depth), 100 * shot.still.depth, SKY[view])
        top, name = f"{city}_depth{'_float32' * (view == 'aerial')}", f"{shot.number:04d}"
        if view == "street":
            centimetres = centimetres.astype(np.float16)
        _put(folder / f"{city}/{_in(place, '')}/{name}.png", rgb_png(shot.still.rgb))
        planes = dict.fromkeys("RGB", centimetres)
        _put(folder / f"{top}/{_in(place, '_depth')}/{name}.exr", exr.written(planes))
        if "/test/" in shot.block:
            continue
        shown = np.moveaxis(unreal(shot), -1, 0) / 2 + 0.5
        planes = dict(zip("RGB", shown.astype(np.float16), strict=True))
        _put(folder / f"{city}_normal/{_in(place, '_normal')}/{name}.exr", exr.written(planes))
        matrix = np.eye(4)
        matrix[:3, :3] = shot.rotation / 100
        matrix[:3, 3] = 7 * shot.number
        frame = {"frame_index": shot.number, "rot_mat": matrix.tolist()}
        poses.setdefault(shot.block, []).append(frame)
    for block, frames in poses.items():
        content = {"camera_angle_x": ANGLE, "frames": frames[:LISTED]}
        _put(folder / block / "transforms.json", json.dumps(content).encode())


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames by block and number, with those that have no pose."""
    for block in BLOCKS:
        for number in range(FRAMES):
            stream = Stream(seed, "matrixcity", block, number)
            shot = still(stream, SIDE, SIDE, focal=SIDE / 2)
            yaw, pitch = stream.uniform(0, 2 * math.pi), stream.uniform(0.9, 1.4)
            yield Shot(block, number, shot, _turned(yaw) @ _tilted(pitch))


def unreal(shot: Shot) -> NDArray[np.float64]:
    """The normals of a frame in Unreal's world, [H, W, 3]; (-1, -1, -1) in the sky."""
    camera = shot.still.normals * (1, -1, -1)
    world = camera @ shot.rotation.T
    world[..., 1] *= -1
    world[shot.still.ids == 0] = -1
    return world


def _turned(angle: float) -> NDArray[np.float64]:
    """A rotation about the third axis, which is up."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _tilted(angle: float) -> NDArray[np.float64]:
    """A rotation about the first axis."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _in(place: str, suffix: str) -> str:
    """The folder of a block's files of a kind."""
    block = place.rpartition("/")[2] + suffix
    return f"{place}{suffix}/{block}" if place.startswith("street") else f"{place}{suffix}"


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
