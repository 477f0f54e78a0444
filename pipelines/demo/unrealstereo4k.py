"""A miniature UnrealStereo4K: balls before a wall, pairs of two places with other baselines.

A sixtieth of the real size. Cameras stand anywhere in a left-handed world, turned by 30 degrees;
the sky is 20 km away, and a corner has disparity 0. Alpha is 0 where the sky is, which nobody may
see.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 64, 36
BASELINES = {"00003": 0.5, "00008": 0.2}  # metres
SKY = 20_000.0  # metres
TURN = np.array([[3**0.5 / 2, 0, -0.5], [0, -1, 0], [0.5, 0, 3**0.5 / 2]])  # of det -1


class View(NamedTuple):
    """One picture of a pair. baseline: metres; stored: disparity, float32[H, W]."""

    scene: str
    side: int
    baseline: float
    still: Still
    stored: NDArray[np.float32]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the places, a pair each."""
    for view in truth(seed=seed):
        alpha = np.where(np.isfinite(view.still.depth), 255, 0).astype(np.uint8)
        four = np.dstack([view.still.rgb[..., ::-1], alpha])
        data = io.BytesIO()
        np.save(data, view.stored)
        place = np.array([3.0 + view.side * view.baseline, -1.5, 7.0])  # along the camera's x
        where = TURN @ np.array([place[0], 0, 0]) + np.array([0, place[1], place[2]])
        pose = np.hstack([TURN.T, -(TURN.T @ where)[:, None]])
        fx, fy, cx, cy = view.still.camera
        lines = (np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1.0]), pose.ravel())
        text = "".join(" ".join(f"{number:.9f}" for number in line) + "\n" for line in lines)
        for path, content in {
            f"Image{view.side}/00000.png": cv2.imencode(".png", four)[1].tobytes(),
            f"Disp{view.side}/00000.npy": data.getvalue(),
            f"Extrinsics{view.side}/00000.txt": text.encode(),
        }.items():
            target = folder / view.scene / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def truth(*, seed: int = 0) -> Iterator[View]:
    """The views by place and side; both sides show stills of their own."""
    for scene, baseline in BASELINES.items():
        for side in (0, 1):
            shot = still(
                Stream(seed, "unrealstereo4k", scene, side), WIDTH, HEIGHT, wall=9.0, turned=25
            )
            far = np.where(np.isfinite(shot.depth), shot.depth, SKY)
            stored = (shot.camera[0] * baseline / far).astype(np.float32)
            stored[-3:, -3:] = 0
            yield View(scene, side, baseline, shot, stored)
