"""A miniature MVS-Synth: balls before a wall in two sequences of two frames, depth in tenths.

A fifteenth of the real size of GTAV_720. The sky is stored as +inf.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from vbdata.core.rng import Stream

from . import exr
from .balls import Still, still

WIDTH, HEIGHT = 80, 44
SCENES = ("0000", "0062")
WALL = 20.0  # metres


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out GTAV_720/ and its num_images.json."""
    for scene, frame, shot in truth(seed=seed):
        fx, fy, cx, cy = shot.camera
        pose = {"f_x": fx, "f_y": fy, "c_x": cx, "c_y": cy, "extrinsic": np.eye(4).tolist()}
        rgb = cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR)
        for path, data in {
            f"images/{frame}.png": cv2.imencode(".png", rgb)[1].tobytes(),
            f"depths/{frame}.exr": exr.written({"Y": shot.depth * 10}),
            f"poses/{frame}.json": json.dumps(pose).encode(),
        }.items():
            place = folder / "GTAV_720" / scene / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    (folder / "GTAV_720" / "num_images.json").write_text(json.dumps([2, 2]))


def truth(*, seed: int = 0) -> Iterator[tuple[str, str, Still]]:
    """(sequence, frame, what it shows)."""
    for scene, frame in product(SCENES, ("0000", "0001")):
        stream = Stream(seed, "mvs_synth", scene, frame)
        yield scene, frame, still(stream, WIDTH, HEIGHT, wall=WALL, turned=25)
