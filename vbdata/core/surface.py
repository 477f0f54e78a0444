"""Surface normals from a dense map of planar depth."""

from __future__ import annotations

import numpy as np

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Normals
from vbdata.core.rounding import sqrt
from vbdata.errors import BadSample

BEND = 0.01  # largest second difference of inverse depth on one surface, as a share of it
DENSE = 0.25  # least share of the valid pixels that must have four valid neighbours


def normals_from_depth(
    metres: Array, valid: Array, camera: tuple[float, float, float, float], sky: Array
) -> Normals:
    """Unit normals of a planar z-depth map, facing the camera, in OpenCV axes.

    metres: float32[H, W]; valid, sky: bool[H, W]; camera: fx, fy, cx, cy of a pinhole, in pixels,
    pixel centres at whole numbers. Axes: +x right, +y down, +z forward.

    On a plane, inverse depth w is linear in the pixel (u, v), so central differences give the
    plane's normal exactly, at any tilt: m = (fx w_u, fy w_v, w - (u - cx) w_u - (v - cy) w_v) has
    m . P = 1 for every point P of the plane, and -m faces the camera. A pixel is not valid where
    one of its four neighbours is not, or where w bends by more than 1 % of itself, at an edge.

    Raises BadSample("all invalid") if too few pixels have neighbours (LiDAR projections).
    """
    xp = namespace(metres)
    fx, fy, cx, cy = camera
    height, width = metres.shape
    known = valid & (metres > 0)
    padded = xp.full((height + 2, width + 2), xp.nan, dtype=xp.float64, device=metres.device)
    w = padded[1:-1, 1:-1]
    w[...] = xp.where(known, 1.0 / xp.asarray(xp.where(known, metres, 1.0), dtype=w.dtype), xp.nan)
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    above, below = padded[:-2, 1:-1], padded[2:, 1:-1]
    bend = xp.maximum(abs(left - 2 * w + right), abs(above - 2 * w + below))
    _refuse_sparse(w, bend)
    good = bend <= BEND * w
    w_u, w_v = (right - left) / 2, (below - above) / 2
    u = xp.arange(width, dtype=xp.float64, device=metres.device) - cx
    v = xp.arange(height, dtype=xp.float64, device=metres.device)[:, None] - cy
    m = xp.stack([fx * w_u, fy * w_v, w - u * w_u - v * w_v])
    x, y, z = m
    with np.errstate(divide="ignore", invalid="ignore"):  # where no surface is
        unit = -m / sqrt(x * x + y * y + z * z)
    xyz = xp.asarray(xp.where(good, unit, 0.0), dtype=xp.float32)
    return Normals(xyz=xyz, valid=good & ~sky, sky=sky)


def _refuse_sparse(w: Array, bend: Array) -> None:
    xp = namespace(w)
    known, inside = (int(xp.isfinite(map_).sum()) for map_ in (w, bend))
    if not known or inside < DENSE * known:
        raise BadSample(
            "all invalid",
            f"depth is too sparse for normals: {inside} of {known} pixels have all four neighbours",
        )
