"""Virtual KITTI 2's depth: uint16 centimetres to metres, and to surface normals.

Centimetres are too coarse for normals: at 10 m a pixel is 1.4 cm wide, so neighbours on a wall
differ by no step or by one, and slopes jump between 0 and 20 degrees. But every stored value stands
for an interval of 1 cm, and the surface runs through all intervals. So inverse depth, which is
linear on planes, is averaged with its neighbours and clipped to its interval, eight times. As it
never leaves its interval, edges stay. On ray-cast streets of the official size the mean angle to
the true normals falls from 3.3 to 1.2 degrees (0.6 with unrounded depth).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Normals
from vbdata.core.surface import normals_from_depth
from vbdata.errors import BadSample

from .. import maps, records

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

STEPS_PER_METRE = 100
SKY = 65535
PASSES = 8


def read(root: Root, entry: Entry) -> NDArray[np.uint16]:
    """The stored centimetres of an entry, uint16[H, W], 65535 = sky, 0 = none. Raises BadSample."""
    path, stored = entry.files["depth"].path, maps.grey(root, entry, "depth", np.uint16)
    records.check_size(stored.shape, entry, path)
    if not stored.any():
        raise BadSample("all invalid", "no pixel has a depth", path)
    return stored.astype(np.uint16, copy=False)


def metric(stored: NDArray[np.uint16]) -> Depth:
    """Stored centimetres as a label: the float32 nearest to value / 100, +inf for sky.

    Pixels that are stored as 0 are not valid.
    """
    metres = _metres(stored)
    metres[stored == SKY] = np.inf
    return Depth(metres=metres, valid=stored > 0)


def normals(stored: NDArray[np.uint16], camera: tuple[float, float, float, float]) -> Normals:
    """Normals of stored centimetres, uint16[H, W], by the rule of vbdata.core.surface.

    camera: fx, fy, cx, cy in pixels. Raises BadSample("all invalid").
    """
    sky = stored == SKY
    solid = (stored > 0) & ~sky
    metres = unrounded(stored, solid)
    return normals_from_depth(metres, solid, camera, sky)


def unrounded(stored: NDArray[np.uint16], solid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Metres, float32[H, W], smoothed within half a step of the stored ones; 0 where not solid.

    solid: bool[H, W], pixels that see a surface.
    """
    metres = np.where(solid, _metres(stored), np.float32(1))
    half = np.float32(0.5) / np.float32(STEPS_PER_METRE)
    least = np.where(solid, 1 / (metres + half), np.float32(0))
    most = np.where(solid, 1 / (metres - half), np.float32(0))
    inverse = np.where(solid, 1 / metres, np.float32(0))
    other = np.empty_like(inverse)
    for _ in range(PASSES):
        _average(inverse.T, other.T)
        _average(other, inverse)
        np.clip(inverse, least, most, out=inverse)
    return np.where(solid, 1 / np.where(solid, inverse, np.float32(1)), np.float32(0))


def _metres(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    # both operands are exact in float32, so the quotient is rounded once
    return stored.astype(np.float32) / np.float32(STEPS_PER_METRE)


def _average(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """(before + 2 here + after) / 4 along the first axis; its first and last stay as they are."""
    half, quarter = np.float32(0.5), np.float32(0.25)
    np.multiply(values, half, out=out)
    out[1:-1] += (values[:-2] + values[2:]) * quarter
    out[[0, -1]] += values[[0, -1]] * half
