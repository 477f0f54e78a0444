"""The geometry of Hypersim's cameras: each scene has its own, some tilted or shifted.

The scenes' renderer has lenses with tilt and shift, so no pair of focal lengths fits all: with the
constant 886.81 that is usually taken, the depth of half of the scenes would be wrong. Their matrix
M_cam_from_uv takes (u, v, 1) to a point on the pixel's ray, in a frame with +x right, +y up and -z
forward. u (right) and v (up) run from -1 to 1 between the picture's edges, so the centre of pixel j
of W has u = (2 j + 1) / W - 1.

Everything that leaves this module is in OpenCV axes, (x, -y, -z).
Source: ml-hypersim, contrib/mikeroberts3000/jupyter/01_casting_rays_that_match_hypersim_images.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled

SHORTEST = 1e-3  # length of a stored normal below which it has no direction
AWAY = 1e-3  # cosine between a normal and its ray above which it faces away from the camera
ROWS = 32  # worked on at a time, so that they stay in the processor's cache

Matrix = tuple[float, ...]  # 3 x 3, row by row


class Camera(NamedTuple):
    """A scene's camera. width, height: of its pictures in pixels; matrix: M_cam_from_uv."""

    width: int
    height: int
    matrix: Matrix


def pinhole(camera: Camera) -> tuple[float, float, float, float] | None:
    """fx, fy, cx, cy in pixels, pixel centres at whole numbers; None for a tilted lens.

    A tilted lens is no pinhole of these four numbers: its depth planes are not parallel to its
    picture.
    """
    a, b, c, d, e, f, g, h, i = camera.matrix
    if max(abs(b), abs(d), abs(g), abs(h), abs(i + 1)) > 1e-6 or min(a, e) <= 0:
        return None
    fx, fy = camera.width / (2 * a), camera.height / (2 * e)
    return fx, fy, (camera.width - 1) / 2 - c * fx, (camera.height - 1) / 2 + f * fy


@functools.lru_cache(maxsize=4)
def rays(matrix: Matrix, width: int, height: int) -> NDArray[np.float64]:
    """Unit rays of all pixels in OpenCV axes, float64[3, H, W]. Cached and read-only."""
    u = (2 * np.arange(width) + 1) / width - 1
    v = 1 - (2 * np.arange(height)[:, None] + 1) / height
    right, up, back = (r[0] * u + r[1] * v + r[2] for r in (matrix[:3], matrix[3:6], matrix[6:]))
    unit = np.stack((right, -up, -back)) / np.sqrt(right * right + up * up + back * back)
    unit.setflags(write=False)
    return unit


@functools.lru_cache(maxsize=4)
def directions(matrix: Matrix, width: int, height: int) -> NDArray[np.float32]:
    """Unit rays of all pixels in OpenCV axes, float32[3, H, W]. Cached and read-only."""
    unit = rays(matrix, width, height).astype(np.float32)
    unit.setflags(write=False)
    return unit


def orient(
    stored: NDArray[np.float16], ray: NDArray[np.float32], sky: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Hypersim's normal_cam as unit normals that face the camera, and where they are valid.

    stored: float16[H, W, 3], +y up and -z forward; ray: float32[3, H, W], `directions`; sky:
    bool[H, W], pixels to leave out. Returns float32[3, H, W] in OpenCV axes, 0 where not valid, and
    bool[H, W]. Everything is float32: the stored numbers have 11 bits.

    Some surfaces were modelled inside out, so a normal that points along its ray is turned round;
    up to a cosine of AWAY it stays, as rounding could turn it either way.
    """
    planes = np.ascontiguousarray(np.moveaxis(stored, -1, 0))
    xyz, valid = np.empty(planes.shape, np.float32), np.empty(sky.shape, np.bool_)
    if library := compiled.library():
        given = [np.ascontiguousarray(each) for each in (planes, ray, sky)]
        results = compiled.address(xyz), compiled.address(valid)
        library.vb_orient(*map(compiled.address, given), sky.size, SHORTEST, AWAY, *results)
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
    """Scale vectors to length 1, in OpenCV axes, facing the camera; in place, 0 where not valid."""
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
    """Inner products over the first axis, summed from x to z: another order rounds differently."""
    product = a[0] * b[0]
    product += a[1] * b[1]
    product += a[2] * b[2]
    return product
