"""A miniature Spring: balls before a wall, two sequences of two frames, disparity on a double grid.

A thirtieth of the real size. Sky has disparity 0, a corner NaN. The three values of a pixel that
are not its own are those of points beside, as in the original.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 64, 36
SEQUENCES = ("0001", "0041")
BASELINE = 0.065  # metres


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out train/ with cameras, and a picture of test/."""
    lines: dict[str, list[str]] = {}
    for sequence, frame, shot, stored in truth(seed=seed):
        place = folder / "train" / sequence
        rgb = cv2.imencode(".png", cv2.cvtColor(shot.rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
        held = io.BytesIO()
        with h5py.File(held, "w") as opened:
            opened.create_dataset("disparity", data=stored, compression="gzip", compression_opts=5)
        for path, data in {
            f"frame_left/frame_left_{frame:04d}.png": rgb,
            f"disp1_left/disp1_left_{frame:04d}.dsp5": held.getvalue(),
        }.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
        lines.setdefault(sequence, []).append(" ".join(f"{n:.6f}" for n in shot.camera))
    for sequence, listed in lines.items():
        (folder / "train" / sequence / "cam_data").mkdir()
        text = "".join(f"{line}\n" for line in listed)
        (folder / "train" / sequence / "cam_data" / "intrinsics.txt").write_text(text)
    hidden = folder / "test" / "0003" / "frame_left"
    hidden.mkdir(parents=True)
    (hidden / "frame_left_0001.png").write_bytes(rgb)


def truth(*, seed: int = 0) -> Iterator[tuple[str, int, Still, NDArray[np.float32]]]:
    """(sequence, number, what it shows, disparity as stored, float32[2 H, 2 W])."""
    for sequence, frame in product(SEQUENCES, (1, 2)):
        shot = still(Stream(seed, "spring", sequence, frame), WIDTH, HEIGHT, turned=25)
        disparity = shot.camera[0] * BASELINE / shot.depth  # 0 in the sky
        stored = np.repeat(np.repeat(disparity, 2, 0), 2, 1)
        stored[1::2] *= 1.5
        stored[:, 1::2] *= 0.5
        stored[-6:, -6:] = np.nan
        yield sequence, frame, shot, stored.astype(np.float32)
