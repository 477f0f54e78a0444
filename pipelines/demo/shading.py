"""The light that comes back from surfaces, and the sky.

Light is linear: one sun or lamp with hard shadows, plus a sky or ceiling that brightens what looks
up.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .hits import shadowed
from .patterns import noise, reflectance
from .solids import Array, chart, dot, normal
from .world import Part, Scene, parts_of

LIFT = 1e-5  # metres off a surface where its shadow rays start


def facing(parts: list[Part], part_of: NDArray[np.int16], points: Array, ray: Array) -> Array:
    """World normals float64[3, N] of parts, towards the camera; part_of: int16[N], ascending."""
    out = np.empty_like(ray)
    for k, run in _runs(part_of):
        turned = normal(parts[k].solid, points[:, run])
        out[:, run] = turned * np.where(dot(turned, ray[:, run]) > 0, -1.0, 1.0)
    return out


def colours(scene: Scene, part_of: NDArray[np.int16], points: Array, normals: Array) -> Array:
    """What comes back float64[3, N] from points on those parts; part_of: int16[N], ascending."""
    parts = parts_of(scene)
    rgb = light(scene, points, normals)
    for k, run in _runs(part_of):
        rgb[:, run] *= reflectance(parts[k].paint, *chart(parts[k].solid, points[:, run]))
    return rgb


def _runs(part_of: NDArray[np.int16]) -> Iterator[tuple[int, slice]]:
    """Each part that occurs, and where it does."""
    edges = [*np.flatnonzero(np.diff(part_of, prepend=-1)).tolist(), len(part_of)]
    for start, end in pairwise(edges):
        yield int(part_of[start]), slice(start, end)


def light(scene: Scene, points: Array, normals: Array) -> Array:
    """Light float64[3, N] that reaches points with these normals."""
    light = scene.light
    towards = np.reshape(light.position, (3, 1)) - points
    far = np.sqrt(dot(towards, towards))
    towards = towards / far
    strength = np.maximum(dot(normals, towards), 0.0)
    if not light.sun:
        strength = strength / (far * far)
    lit = np.flatnonzero(strength > 0)
    start, there = points[:, lit] + normals[:, lit] * LIFT, towards[:, lit]
    strength[lit[shadowed(parts_of(scene), light.position, start, there, far[lit])]] = 0.0
    up = 0.65 + 0.35 * normals[2]
    return np.stack(
        [a * up + p * strength for a, p in zip(light.ambient, light.power, strict=True)]
    )


def sky(ray: Array) -> Array:
    """A sky float64[3, N]: pale at the horizon, blue above, with clouds."""
    up = np.clip(ray[2], 0.0, 1.0)
    lift = up + 0.12
    cloud = noise(ray[0] / lift * 0.9 + 7, ray[1] / lift * 0.9) * 1.1 - 0.4
    cloud = np.clip(cloud, 0.0, 1.0) * np.minimum(up * 6, 1.0)
    blue = 1 - (1 - up) * (1 - up)
    horizon, zenith = (0.95, 1.05, 1.15), (0.22, 0.45, 0.95)
    clear = [h + (z - h) * blue for h, z in zip(horizon, zenith, strict=True)]
    return np.stack([c + (w - c) * cloud for c, w in zip(clear, (1.35, 1.35, 1.35), strict=True)])
