"""A miniature TartanAir: balls before a wall, two runs of version 1, two of 2, two of Ground.

A tenth of the real size. The sky is 10,000 m of the engine's sphere away, so its planar depth is
less beside the axis. Zips of version 1 repeat the place in their folders, which one place here has.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import Still, still

SIZES = {"v1": (64, 48), "v2": (48, 48), "ground": (48, 48)}
RUNS = (  # release, folder of the run, camera
    ("v1", "abandonedfactory/abandonedfactory/Easy/P001", "left"),
    ("v1", "seasonsforest_winter/Hard/P005", "left"),
    ("v2", "AbandonedCable/Data_easy/P000", "lcam_front"),
    ("v2", "AbandonedCable/Data_hard/P003", "lcam_front"),
    ("ground", "Downtown/Data_ground/P0000", "lcam_front"),
    ("ground", "Downtown/Data_omni/P0001", "lcam_front"),
)
SPHERE = 10_000.0  # metres


class Shot(NamedTuple):
    """A frame. stored: float32[H, W], what is written of its depth."""

    release: str
    run: str
    camera: str
    name: str
    still: Still
    stored: NDArray[np.float32]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the places of all releases, with poses beside."""
    for shot in truth(seed=seed):
        place = folder / shot.run
        rgb = cv2.cvtColor(shot.still.rgb, cv2.COLOR_RGB2BGR)
        _put(place / f"image_{shot.camera}/{shot.name}.png", cv2.imencode(".png", rgb)[1].tobytes())
        if shot.release == "v1":
            data = io.BytesIO()
            np.save(data, shot.stored)
            _put(place / f"depth_{shot.camera}/{shot.name}_depth.npy", data.getvalue())
        else:
            four = np.ascontiguousarray(shot.stored[..., None]).view("<u1")  # as the tools write it
            png = cv2.imencode(".png", four)[1].tobytes()
            _put(place / f"depth_{shot.camera}/{shot.name}_depth.png", png)
        (place / f"pose_{shot.camera}.txt").write_text("0 0 0 0 0 0 1\n")


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames of all releases."""
    for (release, run, camera), number in product(RUNS, range(2)):
        width, height = SIZES[release]
        shot = still(
            Stream(seed, "tartanair", run, number), width, height, focal=width / 2, turned=25
        )
        x = (np.arange(width) - shot.camera[2]) / shot.camera[0]
        y = (np.arange(height)[:, None] - shot.camera[3]) / shot.camera[1]
        sphere = SPHERE / np.sqrt(1 + x * x + y * y)
        stored = np.where(np.isfinite(shot.depth), shot.depth, sphere).astype(np.float32)
        yield Shot(release, run, camera, f"{number:06d}_{camera}", shot, stored)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
