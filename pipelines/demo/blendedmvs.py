"""A miniature BlendedMVS: balls before a wall in two projects of train, one of val.

A twelfth of the low resolution. Each project has a scale of its own, and depth of 0 where the mesh
ends, which is the sky.
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

WIDTH, HEIGHT = 64, 48
SCALES = {  # project -> its units in a metre
    "5a3ca9cb270f0e3f14d0eddb": 0.037,
    "5bfe5ae0fe0ea555e6a969ca": 41.0,
    "5b7a3890fc8fcf6781e2593a": 1.9,
}


class Shot(NamedTuple):
    """A view. stored: float32[H, W], its depth as written."""

    project: str
    view: str
    still: Still
    stored: NDArray[np.float32]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the projects, with masked pictures and lists of pairs."""
    for shot in truth(seed=seed):
        fx, fy, cx, cy = shot.still.camera
        pose = "1 0 0 0\n0 1 0 0\n0 0 1 2.5\n0 0 0 1\n"
        matrix = f"{fx!r} 0 {cx!r}\n0 {fy!r} {cy!r}\n0 0 1\n"
        rows = np.ascontiguousarray(shot.stored[::-1], "<f4").tobytes()
        masked = np.where((shot.stored > 0)[..., None], shot.still.rgb, np.uint8(0))
        files = {
            f"blended_images/{shot.view}.jpg": encode_jpeg(shot.still.rgb),
            f"blended_images/{shot.view}_masked.jpg": encode_jpeg(masked),
            f"rendered_depth_maps/{shot.view}.pfm": f"Pf\n{WIDTH} {HEIGHT} \n-1\n".encode() + rows,
            f"cams/{shot.view}_cam.txt": (
                f"extrinsic\n{pose}\nintrinsic\n{matrix}\n0.4 0.003 192 1.0 \n".encode()
            ),
            "cams/pair.txt": b"1\n0\n0\n",
        }
        for name, data in files.items():
            path = folder / shot.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The views by project and number."""
    for project, scale in SCALES.items():
        for number in range(2):
            shot = still(Stream(seed, "blendedmvs", project, number), WIDTH, HEIGHT)
            near = np.isfinite(shot.depth)
            stored = np.where(near, shot.depth * scale, 0).astype(np.float32)
            yield Shot(project, f"{number:08d}", shot, stored)
