"""The geometry of Hypersim's cameras: each scene has its own, some tilted or shifted.

M_cam_from_uv takes (u, v, 1) to a point on the pixel's ray, in a frame with +x right, +y up and
-z forward; u (right) and v (up) run from -1 to 1 between the picture's edges, so pixel j of W has
u = (2 j + 1) / W - 1. Everything that leaves this module is in OpenCV's axes, (x, -y, -z).
Source: ml-hypersim, contrib/mikeroberts3000/jupyter/01_casting_rays_that_match_hypersim_images.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled

SHORTEST = 1e-3  # of a normal that still has a direction
AWAY = 1e-3  # cosine between normal and ray from which on it faces away
ROWS = 32  # worked on at a time, so that they stay in the processor's cache

Matrix = tuple[float, ...]


class Camera(NamedTuple):
    """A scene's camera: picture size, and M_cam_from_uv row by row."""

    width: int
    height: int
    matrix: Matrix


def pinhole(camera: Camera) -> tuple[float, float, float, float] | None:
    """fx, fy, cx, cy (pixel centres at whole numbers) of a camera without tilt; else None."""
    a, b, c, d, e, f, g, h, i = camera.matrix
    if max(abs(b), abs(d), abs(g), abs(h), abs(i + 1)) > 1e-6 or min(a, e) <= 0:
        return None
    fx, fy = camera.width / (2 * a), camera.height / (2 * e)
    return fx, fy, (camera.width - 1) / 2 - c * fx, (camera.height - 1) / 2 + f * fy


@functools.lru_cache(maxsize=4)
def rays(matrix: Matrix, width: int, height: int) -> NDArray[np.float64]:
    """Unit rays of all pixels in OpenCV's axes, float64[3, H, W]. Shared: do not write to it."""
    u = (2 * np.arange(width) + 1) / width - 1
    v = 1 - (2 * np.arange(height)[:, None] + 1) / height
    right, up, back = (r[0] * u + r[1] * v + r[2] for r in (matrix[:3], matrix[3:6], matrix[6:]))
    found = np.stack((right, -up, -back)) / np.sqrt(right * right + up * up + back * back)
    found.setflags(write=False)
    return found


@functools.lru_cache(maxsize=4)
def directions(matrix: Matrix, width: int, height: int) -> NDArray[np.float32]:
    """The same rays, float32[3, H, W]."""
    found = rays(matrix, width, height).astype(np.float32)
    found.setflags(write=False)
    return found


def orient(
    stored: NDArray[np.float16], ray: NDArray[np.float32], sky: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Hypersim's normal_cam [H, W, 3] as unit OpenCV normals [3, H, W] facing the camera, valid.

    sky: bool[H, W], pixels to leave out; what is not valid is 0. float32 throughout: the stored
    numbers have 11 bits.
    """
    planes = np.ascontiguousarray(np.moveaxis(stored, -1, 0))
    xyz, valid = np.empty(planes.shape, np.float32), np.empty(sky.shape, np.bool_)
    if library := compiled.library():
        given = [np.ascontiguousarray(each) for each in (planes, ray, sky)]
        found = compiled.address(xyz), compiled.address(valid)
        library.vb_orient(*map(compiled.address, given), sky.size, SHORTEST, AWAY, *found)
        return xyz, valid
    for top in range(0, len(sky), ROWS):
        rows = slice(top, top + ROWS)
        xyz[:, rows] = planes[:, rows]
        np.logical_not(sky[rows], out=valid[rows])
        _orient_rows(xyz[:, rows], ray[:, rows], valid[rows])
    return xyz, valid


def _orient_rows(
    unit: NDArray[np.float32], ray: NDArray[np.float32], valid: NDArray[np.bool_]
) -> None:
    """In place: make vectors unit, valid or zero, in OpenCV's axes, turned against their rays."""
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.sqrt(_dot(unit, unit))
        valid &= np.isfinite(length)
        valid &= length >= np.float32(SHORTEST)
    np.negative(unit[1:], out=unit[1:])
    np.copyto(unit, 0, where=~valid)
    np.copyto(length, 1, where=~valid)
    np.divide(unit, length, out=unit)
    np.negative(unit, out=unit, where=valid & (_dot(unit, ray) > np.float32(AWAY)))


def _dot(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products over the first axis, summed from x to z."""
    found = a[0] * b[0]
    found += a[1] * b[1]
    found += a[2] * b[2]
    return found
