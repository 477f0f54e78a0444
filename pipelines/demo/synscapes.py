"""A miniature Synscapes: balls for cars before a wall, told apart by their numbers.

A fifteenth of the real size. The sky is stored as 1e10 m, one ball has no instance number, and the
bottom row is the ego vehicle; everything else has numbers, too, which mean nothing.
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
FRAMES = (1, 2, 10, 25000)
LABEL_IDS = (23, 7, 11, 26)  # of sky, floor (road), wall (building), balls (cars)
EGO = 1
UNTOLD = (2, 5)  # the frame and the id of the ball that was not told apart
FAR = 1e10  # metres


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out img/ and meta/."""
    for place in ("img/rgb", "img/depth", "img/class", "img/instance", "meta"):
        (folder / place).mkdir(parents=True)
    for number, shot, labels, instances in truth(seed=seed):
        colours = np.stack([instances & 255, instances >> 8 & 255, instances >> 16], -1)
        pictures = {
            "rgb": cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR),
            "class": labels,
            "instance": np.ascontiguousarray(colours[..., ::-1].astype(np.uint8)),
        }
        for name, pixels in pictures.items():
            data = cv2.imencode(".png", pixels)[1].tobytes()
            (folder / f"img/{name}/{number}.png").write_bytes(data)
        stored = np.where(np.isfinite(shot.depth), shot.depth, FAR)
        (folder / f"img/depth/{number}.exr").write_bytes(exr.written({"Z": stored}))
        lens = dict(zip(("fx", "fy", "u0", "v0"), shot.camera, strict=True))
        about = {"camera": {"intrinsic": {**lens, "resx": WIDTH, "resy": HEIGHT}}}
        (folder / f"meta/{number}.json").write_text(json.dumps(about))


def truth(*, seed: int = 0) -> Iterator[tuple[int, Still, NDArray[np.uint8], NDArray[np.int64]]]:
    """(number, what it shows, label ids uint8[H, W], instance numbers int64[H, W])."""
    for number in FRAMES:
        shot = still(Stream(seed, "synscapes", number), WIDTH, HEIGHT, wall=15.0, turned=25)
        labels = np.array(LABEL_IDS, np.uint8)[np.minimum(shot.ids, 3)]
        labels[-1] = EGO
        instances = shot.ids.astype(np.int64) * 70_001
        instances[(shot.ids == UNTOLD[1]) & (number == UNTOLD[0])] = 0
        yield number, shot, labels, instances
