"""A miniature EDEN: balls before a wall in two gardens and two lights, by both cameras.

A tenth of the real size. Files are MATLAB's of level 5, written here: depth packed, three planes of
which the first counts, 1e10 in the sky; cameras not packed, with two matrices.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .balls import Still, still
from .rgb_png import rgb_png

WIDTH, HEIGHT = 64, 48
PLACES = ("0001/clear", "0001/twilight", "0017/overcast", "0017/sunset")
NOWHERE = 1e10
CLASSES = {np.dtype("<f8"): (6, 9), np.dtype("<f4"): (7, 7)}  # of a dtype its class and its type


class Shot(NamedTuple):
    """A frame of one camera, L or R."""

    place: str
    number: int
    side: str
    still: Still


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out RGB/, Depth/ and cam_matrix/."""
    cameras: dict[str, dict[str, NDArray[Any]]] = {}
    for shot in truth(seed=seed):
        name = f"{shot.place}/{shot.number}"
        depth = np.where(np.isfinite(shot.still.depth), shot.still.depth, NOWHERE)
        planes = np.stack([depth, np.zeros_like(depth), np.ones_like(depth)], -1)
        fx, fy, cx, cy = shot.still.camera
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        cameras.setdefault(name, {})[f"K_{shot.side}"] = matrix
        _put(folder / f"RGB/{name}_{shot.side}.png", rgb_png(shot.still.rgb))
        packed = mat({"Depth": planes.astype("<f4")}, packed=True)
        _put(folder / f"Depth/{name}_{shot.side}.mat", packed)
    for name, matrices in cameras.items():
        _put(folder / f"cam_matrix/{name}.mat", mat(matrices))


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames by place, number and camera."""
    for place in PLACES:
        for side in "LR":
            stream = Stream(seed, "eden", place, side)
            yield Shot(place, 7, side, still(stream, WIDTH, HEIGHT))


def mat(arrays: dict[str, NDArray[Any]], *, packed: bool = False) -> bytes:
    """A level 5 file of arrays. Source: MathWorks, "MAT-File Format"."""
    header = b"MATLAB 5.0 MAT-file, by hand".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return header + b"".join(_variable(name, each, packed) for name, each in arrays.items())


def _variable(name: str, values: NDArray[Any], packed: bool) -> bytes:
    kind, stored = CLASSES[values.dtype]
    shape = np.array(values.shape, "<i4").tobytes()
    parts = [(6, struct.pack("<2I", kind, 0)), (5, shape), (1, name.encode())]
    parts.append((stored, values.tobytes(order="F")))
    content = b"".join(_element(*part) for part in parts)
    element = _element(14, content)
    return struct.pack("<2I", 15, len(z := zlib.compress(element))) + z if packed else element


def _element(kind: int, content: bytes) -> bytes:
    if len(content) <= 4:  # in the tag itself
        return struct.pack("<2H", kind, len(content)) + content.ljust(4, b"\0")
    return struct.pack("<2I", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
