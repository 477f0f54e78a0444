"""A miniature UrbanSyn: balls for cars before a wall, with depth in hundreds of kilometres.

A twentieth of the real size. The sky is stored as 1 km; the bottom row has no class. Two maps of
classes are grey, two RGB of three equal channels; one depth map has the name of a second download.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from . import exr
from .balls import Still, still

WIDTH, HEIGHT = 96, 48
LENS = {"focalLength_mm": 30.0, "sensorWidth_mm": 36.0, "sensorHeight_mm": 18.0}
FRAMES = ("0001", "0002", "3000", "7539")
AGAIN = "3000"  # of which the depth map was downloaded twice
TRAIN_IDS = (10, 0, 2, 13)  # of sky, floor (road), wall (building), balls (cars)
SKY = 1000.0  # metres


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out rgb/, depth/, ss/ and camera_metadata.json."""
    for place in ("rgb", "depth", "ss"):
        (folder / place).mkdir(parents=True)
    about = {"parameters": [{"Camera": LENS}]}
    (folder / "camera_metadata.json").write_text(json.dumps(about))
    for number, (name, shot, ids) in enumerate(truth(seed=seed)):
        rgb = cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR)
        (folder / f"rgb/rgb_{name}.png").write_bytes(cv2.imencode(".png", rgb)[1].tobytes())
        stored = np.where(np.isfinite(shot.depth), shot.depth, SKY) / 1e5
        again = ".1" if name == AGAIN else ""
        (folder / f"depth/depth_{name}.exr{again}").write_bytes(exr.written({"Y": stored}))
        classes = np.repeat(ids[..., None], 3, axis=2) if number % 2 else ids
        (folder / f"ss/ss_{name}.png").write_bytes(cv2.imencode(".png", classes)[1].tobytes())


def truth(*, seed: int = 0) -> Iterator[tuple[str, Still, NDArray[np.uint8]]]:
    """(number, what it shows, train ids uint8[H, W])."""
    focal = LENS["focalLength_mm"] / LENS["sensorWidth_mm"] * WIDTH
    for name in FRAMES:
        shot = still(
            Stream(seed, "urbansyn", name), WIDTH, HEIGHT, wall=15.0, focal=focal, turned=25
        )
        ids = np.array(TRAIN_IDS, np.uint8)[np.minimum(shot.ids, 3)]
        ids[-1] = 255
        yield name, shot, ids
