"""A miniature Sintel: balls before a wall in two scenes, both renderings, with all three archives.

A sixteenth of the real size. The sky is 250,000 units away, and a corner of every frame is marked
invalid over depth that is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import Still, still
from .rgb_png import map_png, rgb_png

WIDTH, HEIGHT = 64, 28
SCENES = ("alley_1", "market_2")
DOME = 250_000.0
INVALID = np.s_[20:, 50:]


class Shot(NamedTuple):
    """A frame. stored: float32[H, W], its depth as written."""

    scene: str
    name: str
    still: Still
    stored: NDArray[np.float32]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out training/."""
    for shot in truth(seed=seed):
        fx, fy, cx, cy = shot.still.camera
        matrices = [fx, 0, cx, 0, fy, cy, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
        header = struct.pack("<fii", 202021.25, WIDTH, HEIGHT)
        invalid = np.zeros((HEIGHT, WIDTH), np.uint8)
        invalid[INVALID] = 255
        files = {
            "final": ("png", rgb_png(shot.still.rgb)),
            "clean": ("png", rgb_png(255 - (255 - shot.still.rgb) // 2)),
            "depth": ("dpt", header + shot.stored.astype("<f4").tobytes()),
            "camdata_left": ("cam", struct.pack("<f21d", 202021.25, *matrices)),
            "invalid": ("png", map_png(invalid)),
        }
        for place, (kind, data) in files.items():
            path = folder / "training" / place / shot.scene / f"{shot.name}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames by scene and number."""
    for scene in SCENES:
        for number in (1, 2):
            shot = still(Stream(seed, "sintel", scene, number), WIDTH, HEIGHT, wall=4)
            stored = np.where(np.isfinite(shot.depth), shot.depth, DOME).astype(np.float32)
            yield Shot(scene, f"frame_{number:04d}", shot, stored)
