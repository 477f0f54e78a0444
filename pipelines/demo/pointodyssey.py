"""A miniature PointOdyssey: balls before a wall in two films of train, one of val.

A fifteenth of the real size. The sky is background, 0; the deepest pixel of each frame is stored as
65535, the end of the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still
from .folders import npy
from .rgb_png import map_png

WIDTH, HEIGHT = 64, 36
FILMS = ("train/ani", "train/cab_h_bench_3rd", "val/r6_new_f")


class Shot(NamedTuple):
    """A frame. stored: uint16[H, W], its depth as written."""

    film: str
    number: int
    still: Still
    stored: NDArray[np.uint16]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out train/ and val/, with normals, masks and a stub of tracks beside."""
    for shot in truth(seed=seed):
        normals = np.floor(shot.still.normals * 127.5 + 128).astype(np.uint8)
        files = {
            f"rgbs/rgb_{shot.number:05d}.jpg": encode_jpeg(shot.still.rgb),
            f"depths/depth_{shot.number:05d}.png": map_png(shot.stored),
            f"normals/normal_{shot.number:05d}.jpg": encode_jpeg(normals),
            f"masks/mask_{shot.number:05d}.png": map_png(shot.still.ids.astype(np.uint8)),
            "tracks.npy": npy(np.zeros((2, 3), np.float32)),
        }
        for name, data in files.items():
            path = folder / shot.film / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames by film and number."""
    for film in FILMS:
        for number in range(2):
            shot = still(Stream(seed, "pointodyssey", film, number), WIDTH, HEIGHT)
            near = np.isfinite(shot.depth)
            stored = np.zeros(near.shape, np.uint16)
            stored[near] = np.floor(shot.depth[near] * 65535 / 1000 + 0.5)
            stored[np.unravel_index(np.where(near, shot.depth, 0).argmax(), near.shape)] = 65535
            yield Shot(film, number, shot, stored)
