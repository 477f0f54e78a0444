"""Geometry of surfaces: normals of a dense planar depth map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vbdata.core.rounding import sqrt
from vbdata.core.types import Normals
from vbdata.errors import BadSample

if TYPE_CHECKING:
    from torch import Tensor

BEND = 0.01  # largest second difference of inverse depth on one surface, as a share of it
DENSE = 0.25  # least share of the valid pixels that must have valid neighbours all round


def normals_from_depth(
    metres: Tensor, valid: Tensor, camera: tuple[float, float, float, float], sky: Tensor
) -> Normals:
    """Normals of float32[H, W] planar z-depth seen by a pinhole camera (fx, fy, cx, cy in pixels).

    Inverse depth w is linear in the pixel on every plane, so its central differences give a
    plane's normal exactly, at any tilt: m = (fx w_u, fy w_v, w - (u - cx) w_u - (v - cy) w_v)
    has m . P = 1 for the points P, and -m is the normal that faces the camera. Where w bends by
    more than 1 % from one pixel to the next there is an edge, and the pixel is not valid; neither
    is one that has no valid neighbours. Pixel centres are at whole numbers.

    Raises BadSample for a depth map that is too sparse to have surfaces (LiDAR projections).
    """
    import torch

    fx, fy, cx, cy = camera
    height, width = metres.shape
    w = torch.where(valid & (metres > 0), 1.0 / metres.double(), torch.nan)
    left, right = _shifted(w, 0, -1), _shifted(w, 0, 1)
    above, below = _shifted(w, -1, 0), _shifted(w, 1, 0)
    bend = torch.maximum((left - 2 * w + right).abs(), (above - 2 * w + below).abs())
    _refuse_sparse(w, bend)
    good = bend <= BEND * w
    w_u, w_v = (right - left) / 2, (below - above) / 2
    u = torch.arange(width, dtype=torch.float64, device=w.device) - cx
    v = torch.arange(height, dtype=torch.float64, device=w.device)[:, None] - cy
    m = torch.stack([fx * w_u, fy * w_v, w - u * w_u - v * w_v])
    x, y, z = m
    unit = -m / sqrt(x * x + y * y + z * z)
    xyz = torch.where(good, unit, 0.0).float()
    return Normals(xyz=xyz, valid=good & ~sky, sky=sky)


def _shifted(map_: Tensor, down: int, right: int) -> Tensor:
    """The neighbour's value at every pixel of [H, W]; NaN beyond the border."""
    import torch

    padded = torch.nn.functional.pad(map_, (1, 1, 1, 1), value=torch.nan)
    height, width = map_.shape
    return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]


def _refuse_sparse(w: Tensor, bend: Tensor) -> None:
    known = int(w.isfinite().sum())
    inside = int(bend.isfinite().sum())
    if not known or inside < DENSE * known:
        raise BadSample(
            "all invalid",
            f"depth is too sparse for normals: {inside} of {known} pixels have all four neighbours",
        )
