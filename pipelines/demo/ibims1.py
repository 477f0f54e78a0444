"""A miniature iBims-1: balls before a wall, one of them of glass, with all official folders.

An eighth of the real size. The sky gives no return (65535), and a few pixels give 0; the masks,
of 1 bit, take away a corner and the glass, over depth that is there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 80, 60
NAMES = ("corridor_01", "factory_02", "kitchen_03", "livingroom_04")
GLASS = 4  # the id of the ball of glass


class Scanned(NamedTuple):
    """A picture, what was stored of its depth, and its two masks."""

    name: str
    shot: Still
    stored: NDArray[np.uint16]
    measured: NDArray[np.bool_]
    opaque: NDArray[np.bool_]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out ibims1_core_raw/ and imagelist.txt."""
    top = folder / "ibims1_core_raw"
    for each in truth(seed=seed):
        planes = {"mask_wall": each.shot.ids == 2, "mask_floor": each.shot.ids == 1}
        planes |= {"mask_table": np.zeros_like(each.opaque)}
        files: dict[str, NDArray[Any]] = {"rgb": each.shot.rgb, "depth": each.stored}
        files |= {"mask_invalid": each.measured, "mask_transp": each.opaque, **planes}
        files["edges"] = _edges(each.shot)
        for name, pixels in files.items():
            (top / name).mkdir(parents=True, exist_ok=True)
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "png")
            (top / name / f"{each.name}.png").write_bytes(data.getvalue())
        (top / "calib").mkdir(exist_ok=True)
        numbers = ",".join(f"{number:.4f}" for number in each.shot.camera)
        (top / "calib" / f"{each.name}.txt").write_text(numbers)
    (folder / "imagelist.txt").write_text("".join(f"{name}\n" for name in NAMES))


def truth(*, seed: int = 0) -> Iterator[Scanned]:
    """The pictures by name."""
    for name in NAMES:
        shot = still(Stream(seed, "ibims1", name), WIDTH, HEIGHT)
        near = np.isfinite(shot.depth)
        stored = np.full(near.shape, 65535, np.uint16)
        stored[near] = np.floor(shot.depth[near] * 65535 / 50 + 0.5)
        stored[::7, ::11] = 0
        measured = np.ones_like(near)
        measured[:8, :8] = measured[-6:, -9:] = False
        yield Scanned(name, shot, stored, measured, shot.ids != GLASS)


def _edges(shot: Still) -> NDArray[np.bool_]:
    edges = np.zeros(shot.ids.shape, np.bool_)
    edges[:, 1:] = shot.ids[:, 1:] != shot.ids[:, :-1]
    return edges
