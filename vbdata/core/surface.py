"""Surface normals from a dense map of planar depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vbdata.core.rounding import sqrt
from vbdata.core.types import Normals
from vbdata.errors import BadSample

if TYPE_CHECKING:
    from torch import Tensor

BEND = 0.01  # largest second difference of inverse depth on one surface, as a share of it
DENSE = 0.25  # least share of the valid pixels that must have four valid neighbours


def normals_from_depth(
    metres: Tensor, valid: Tensor, camera: tuple[float, float, float, float], sky: Tensor
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
    """Each pixel's neighbour at an offset of -1, 0 or 1 rows and columns; NaN outside [H, W]."""
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
