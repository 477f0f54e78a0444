"""Balls on a floor before a wall, with exact depth and normals, for a millisecond a picture.

For miniatures of benchmarks, of which layout and coding are what counts; the caster's scenes are
for training. Camera: OpenCV axes, +x right, +y down, +z forward, pixel centres at whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

Array = NDArray[np.float64]
FLOOR, WALL = 1, 2  # ids of the surfaces; balls from 3 on, 0 is the sky
SUN = np.array([-0.4, -0.8, -0.45])  # the way to the light
COLOURS = (
    (0.36, 0.3, 0.22),
    (0.62, 0.6, 0.52),
    (0.8, 0.2, 0.15),
    (0.2, 0.45, 0.8),
    (0.9, 0.75, 0.2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A picture and its truth.

    rgb: uint8[H, W, 3]; depth: float64[H, W] planar z in metres, +inf = sky; normals: float64[H, W,
    3] unit, facing the camera, 0 = sky; ids: int32[H, W] of surfaces; camera: fx, fy, cx, cy.
    """

    rgb: NDArray[np.uint8]
    depth: Array
    normals: Array
    ids: NDArray[np.int32]
    camera: tuple[float, float, float, float]


def still(
    stream: Stream,
    width: int,
    height: int,
    *,
    wall: float = 6.0,
    balls: int = 3,
    focal: float = 0.0,
    turned: float = 0.0,
) -> Still:
    """A seeded still. wall: metres to it, over which the sky is seen; balls: how many.

    focal: in pixels, of a camera whose axis meets the middle; 0 for a seeded camera; turned:
    degrees by which the wall's right side comes nearer.
    """
    shift = 0.0 if focal else 2.0
    focal = focal or width * stream.uniform(0.75, 1.0)
    camera = (focal, focal, (width - 1) / 2 + stream.uniform(-shift, shift), (height - 1) / 2)
    x = (np.arange(width) - camera[2]) / focal
    y = (np.arange(height)[:, None] - camera[3]) / focal
    rays = np.stack(np.broadcast_arrays(x, y, 1.0), -1)
    depth, ids = np.full((height, width), np.inf), np.zeros((height, width), np.int32)
    normals = np.zeros((height, width, 3))
    low, top = stream.uniform(1.0, 1.5), 0.3 * height / focal * wall
    with np.errstate(divide="ignore", invalid="ignore"):
        _nearer(depth, ids, normals, np.where(y > 0, low / y, np.inf) + 0 * x, FLOOR, (0, -1, 0))
    along, ahead = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    plane = ahead * wall / (ahead + along * x)
    upright = np.where(y * plane > -top, plane, np.inf)
    _nearer(depth, ids, normals, upright, WALL, (0.0 - along, 0, -ahead))
    for number in range(balls):
        radius, away = stream.uniform(0.35, 0.7), stream.uniform(2.2, 0.8 * wall)
        aside = (number - (balls - 1) / 2 + stream.uniform(-0.3, 0.3)) * away * 0.7 / balls
        _ball(depth, ids, normals, rays, np.array([aside, low - radius, away]), radius, 3 + number)
    light = 0.35 + 0.65 * np.clip(normals @ (SUN / np.linalg.norm(SUN)), 0, 1)
    tint = np.array([(0.55, 0.75, 0.95), *COLOURS, *COLOURS[2:]])[np.minimum(ids, 7)]
    shade = np.where(ids > 0, light, 1.0)[..., None] * tint
    rgb = np.floor(255 * np.clip(shade, 0, 1) + 0.5).astype(np.uint8)
    return Still(rgb=rgb, depth=depth, normals=normals, ids=ids, camera=camera)


def _ball(
    depth: Array,
    ids: NDArray[np.int32],
    normals: Array,
    rays: Array,
    middle: Array,
    radius: float,
    number: int,
) -> None:
    """Draw a ball where it is nearer than what is there."""
    a, b = (rays * rays).sum(-1), rays @ middle
    under = b * b - a * (middle @ middle - radius * radius)
    with np.errstate(invalid="ignore"):
        z = np.where(under > 0, (b - np.sqrt(under)) / a, np.inf)
    outward = np.where(np.isfinite(z), z, 0)[..., None] * rays - middle
    _nearer(depth, ids, normals, z, number, outward / radius)


def _nearer(
    depth: Array, ids: NDArray[np.int32], normals: Array, z: Array, number: int, facing: object
) -> None:
    here = z < depth
    normals[here] = np.broadcast_to(np.asarray(facing, np.float64), normals.shape)[here]
    depth[here], ids[here] = z[here], number
