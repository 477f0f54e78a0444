"""A miniature IRS: balls before a wall in two places, disparity and normals as its authors do it.

A fifteenth of the real size. The sky has disparity 0 and no normal. A list names all but one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from vbdata.core.rng import Stream

from . import exr
from .balls import Still, still

WIDTH, HEIGHT = 64, 36
PLACES = ("Home/RealisticRenderingDay", "Office/OfficeMedley3")
BASELINE = 0.1  # metres


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the places and lists/IRSDataset_TRAIN.list."""
    lines = []
    for place, number, shot in truth(seed=seed):
        rgb = cv2.imencode(".png", cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
        disparity = shot.camera[0] * BASELINE / shot.depth
        coded = (shot.normals + 1) / 2
        coded[~shot.normals.any(-1)] = 0
        files = {
            f"l_{number}.png": rgb,
            f"r_{number}.png": rgb,
            f"d_{number}.exr": exr.written({"G": disparity}),
            f"n_{number}.exr": exr.written(
                dict(zip("RGB", np.moveaxis(coded, -1, 0), strict=True))
            ),
        }
        for name, data in files.items():
            (folder / place / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / place / name).write_bytes(data)
        lines.append(" ".join(f"IRSDataset/{place}/{name}" for name in files))
    (folder / "lists").mkdir()
    text = "".join(f"{line}\t\n" for line in lines[:-1])
    (folder / "lists" / "IRSDataset_TRAIN.list").write_text(text)


def truth(*, seed: int = 0) -> Iterator[tuple[str, int, Still]]:
    """(place, number, what it shows)."""
    for place, number in product(PLACES, (1, 12)):
        stream = Stream(seed, "irs", place, number)
        yield place, number, still(stream, WIDTH, HEIGHT, focal=WIDTH / 2, turned=25)
