"""What every scene has: exact labels, lenses and directions, and things placed in view.

World: metres, +x right, +y ahead, +z up, the floor or ground at z = 0. Everything follows from a
Stream, so the same names give the same scene.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from vbdata.core.rng import Stream

from .patterns import COLOURS
from .solids import Array, Point, dot
from .things import Maker, extent, moved
from .world import Camera, Frame, Scene, Surface

Region = tuple[float, float, float, float]  # x from, x to, y from, y to, in metres


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A frame that was written, and the scene that it shows, for tests to compare with.

    image: path of its picture below the dataset's folder; id: as its reader will give it.
    """

    image: str
    id: str
    split: str
    scene: Scene
    camera: Camera
    frame: Frame


def pinhole(width: int, height: int, degrees: float) -> Array:
    """The lens of a centred pinhole with this horizontal field of view."""
    focal = width / 2 / math.tan(math.radians(degrees) / 2)
    return lens_of(focal, focal, (width - 1) / 2, (height - 1) / 2)


def lens_of(fx: float, fy: float, cx: float, cy: float) -> Array:
    """Pixel (column, row, 1) -> ray, for intrinsics in pixels, centres at whole numbers."""
    return np.array([[1 / fx, 0, -cx / fx], [0, 1 / fy, -cy / fy], [0, 0, 1]])


def looking(yaw: float, pitch: float) -> Array:
    """Camera -> world, 3x3: degrees to the right of +y, and downwards."""
    sy, cy = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
    sp, cp = math.sin(math.radians(pitch)), math.cos(math.radians(pitch))
    right, down, ahead = (cy, -sy, 0.0), (-sy * sp, -cy * sp, -cp), (sy * cp, cy * cp, -sp)
    return np.array([right, down, ahead]).T


def furnish(
    stream: Stream,
    cameras: list[Camera],
    makers: Iterable[Maker],
    regions: Callable[[str], list[Region]],
) -> list[Surface]:
    """Things of the makers on the floor: in view of a camera in turn, apart, not hidden.

    regions: where a thing of that name may stand.
    """
    placed: list[Surface] = []
    taken: list[tuple[float, float, float]] = []
    for number, make in enumerate(makers):
        item = make(stream, colour(stream))
        radius, high = extent(item)
        for _ in range(60):
            camera = cameras[number % len(cameras)]
            spot = _spot(stream, camera)
            if spot is None or not _free(spot, radius, regions(item.name), taken):
                continue
            if any(math.dist(spot, c.position[:2]) < radius + 0.7 for c in cameras):
                continue
            if not _shown(camera, spot, radius, high, taken):
                continue
            taken.append((*spot, radius))
            placed.append(moved(item, *spot, _turn(stream, item)))
            break
    return placed


def colour(stream: Stream) -> str:
    """A random one of the names of COLOURS."""
    return stream.choice(tuple(COLOURS))


def _turn(stream: Stream, item: Surface) -> float:
    """Cars and buses keep to the road; everything else turns as it likes."""
    if item.name in ("car", "bus"):
        return math.radians(stream.choice((0, 180)) + stream.uniform(-8, 8))
    return math.radians(stream.uniform(-55, 55))


def _spot(stream: Stream, camera: Camera) -> tuple[float, float] | None:
    """Where the ray through a random pixel of the lower part meets the floor, if it does."""
    column = stream.uniform(0.1, 0.9) * camera.width
    row = stream.uniform(0.3, 0.95) * camera.height
    ray = dot(camera.rotation.T, dot(camera.lens.T, (column, row, 1.0)))
    if ray[2] > -1e-3:
        return None
    t = camera.position[2] / -ray[2]
    return float(camera.position[0] + t * ray[0]), float(camera.position[1] + t * ray[1])


def _free(
    spot: tuple[float, float],
    radius: float,
    regions: list[Region],
    taken: list[tuple[float, float, float]],
) -> bool:
    x, y = spot
    inside = any(
        a + radius < x < b - radius and c + radius < y < d - radius for a, b, c, d in regions
    )
    return inside and all(math.dist(spot, (a, b)) > radius + r + 0.05 for a, b, r in taken)


def _shown(
    camera: Camera,
    spot: tuple[float, float],
    radius: float,
    high: float,
    taken: list[tuple[float, float, float]],
) -> bool:
    """Large enough, mostly inside the picture, and not right behind or before another thing."""
    column, row, away = project(camera, (*spot, high / 2))
    reach = max(radius, high / 2) / away * (1 / camera.lens[0, 0])
    inside = 0 < column < camera.width and 0 < row < camera.height
    top = project(camera, (*spot, high))[1] > -0.12 * camera.height
    if not inside or not top or reach < 0.035 * camera.width or reach > 0.45 * camera.width:
        return False
    for x, y, r in taken:
        other, _, depth = project(camera, (x, y, high / 2))
        both = radius / away / camera.lens[0, 0] + r / depth / camera.lens[0, 0]
        if abs(other - column) < 0.6 * both:
            return False
    return True


def project(camera: Camera, point: Point) -> tuple[float, float, float]:
    """(column, row, depth in metres) of a world point."""
    offset = [a - b for a, b in zip(point, camera.position, strict=True)]
    ray = np.linalg.solve(camera.lens, dot(camera.rotation, offset))
    return float(ray[0] / ray[2]), float(ray[1] / ray[2]), max(float(ray[2]), 1e-3)
