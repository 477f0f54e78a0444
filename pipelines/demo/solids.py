"""Solids in closed form: where a ray meets them, which way they face, how a pattern lies on them.

World: metres, +x right, +y ahead, +z up. Vectors are float64[3, ...], components first. Everything
is + - x / and square roots, one NumPy step each, which round alike on any processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Point = tuple[float, float, float]
Bounds = tuple[float, float, float, float]

NEAR = 1e-6  # metres: a ray does not meet what it starts on


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A plane through `point`, spanned by the unit vectors u and v; seen from both sides.

    bounds: u from, u to, v from, v to, in metres from the point; holes: openings, given likewise.
    """

    point: Point
    u: Point
    v: Point
    bounds: Bounds = (-np.inf, np.inf, -np.inf, np.inf)
    holes: tuple[Bounds, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box that is turned about z by the angle of this cosine and sine.

    half: half its size in metres along its own axes.
    """

    centre: Point
    half: Point
    cos: float = 1.0
    sin: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sphere:
    """A sphere; centre and radius in metres."""

    centre: Point
    radius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cylinder:
    """An upright, closed cylinder, in metres; centre: the middle of its bottom disc."""

    centre: Point
    radius: float
    height: float


Solid = Plane | Box | Sphere | Cylinder


def dot(a: Any, b: Any) -> Any:
    """Inner product along the first axis, always in one order; BLAS would choose its own."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def hit(solid: Solid, start: Any, ray: Any) -> Array:
    """Metres along unit rays from `start` to where they first meet the solid, inf if never."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        match solid:
            case Plane():
                return _hit_plane(solid, start, ray)
            case Box():
                return _hit_box(solid, start, ray)
            case Sphere():
                return _hit_sphere(solid, start, ray)
            case Cylinder():
                return _hit_cylinder(solid, start, ray)


def normal(solid: Solid, points: Array) -> Array:
    """Outward unit normals float64[3, N] at points on the surface; a plane's is u x v."""
    match solid:
        case Plane():
            return np.broadcast_to(np.reshape(cross(solid.u, solid.v), (3, 1)), points.shape)
        case Box():
            return _box_normal(solid, points)
        case Sphere():
            out: Array = (points - np.reshape(solid.centre, (3, 1))) / solid.radius
            return out
        case Cylinder():
            return _cylinder_normal(solid, points)


def chart(solid: Solid, points: Array) -> tuple[Array, Array]:
    """Coordinates u, v of surface points float64[3, N] for patterns, float64[N] each.

    In metres; on spheres, eighths of the way around and radii.
    """
    if isinstance(solid, Plane):
        from_point = points - np.reshape(solid.point, (3, 1))
        return dot(from_point, solid.u), dot(from_point, solid.v)
    if isinstance(solid, Box):
        x, y, z = local = _into_box(solid, points)
        axis = _box_axis(solid, local)
        return np.where(axis == 0, y, x), np.where(axis == 2, y, z)
    x, y, z = points - np.reshape(solid.centre, (3, 1))
    quarters = _quarters(x, y)
    if isinstance(solid, Sphere):
        return 2 * quarters, 2 * z / solid.radius
    return quarters * (solid.radius * np.pi / 2), z


def bounding_sphere(solid: Solid) -> tuple[Point, float] | None:
    """Centre and radius of a sphere around the solid; None for a plane."""
    match solid:
        case Plane():
            return None
        case Box(centre=centre, half=half):
            return centre, float(np.sqrt(dot(half, half))) + NEAR
        case Sphere(centre=centre, radius=radius):
            return centre, radius + NEAR
        case Cylinder(centre=(x, y, z), radius=radius, height=height):
            reach = float(np.sqrt(radius * radius + height * height / 4))
            return (x, y, z + height / 2), reach + NEAR


def cross(a: Any, b: Any) -> Point:
    """Vector product of two points."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _hit_plane(plane: Plane, start: Any, ray: Any) -> Array:
    facing = cross(plane.u, plane.v)
    offset = [p - s for p, s in zip(plane.point, start, strict=True)]
    t = dot(offset, facing) / dot(ray, facing)
    meets = (t > NEAR) & (t < np.inf)
    if plane.holes or plane.bounds != (-np.inf, np.inf, -np.inf, np.inf):
        u = dot(ray, plane.u) * t - dot(offset, plane.u)
        v = dot(ray, plane.v) * t - dot(offset, plane.v)
        meets &= _inside(plane.bounds, u, v)
        for hole in plane.holes:
            meets &= ~_inside(hole, u, v)
    return np.where(meets, t, np.inf)


def _inside(bounds: Bounds, u: Array, v: Array) -> NDArray[np.bool_]:
    return (u >= bounds[0]) & (u < bounds[1]) & (v >= bounds[2]) & (v < bounds[3])


def _hit_box(box: Box, start: Any, ray: Any) -> Array:
    offset = [s - c for s, c in zip(start, box.centre, strict=True)]
    enter, leave = -np.inf, np.inf
    axes = zip(_turned(box, offset), _turned(box, ray), box.half, strict=True)
    for o, d, half in axes:
        a, b = (-half - o) / d, (half - o) / d
        enter = np.maximum(enter, np.minimum(a, b))
        leave = np.minimum(leave, np.maximum(a, b))
    return np.where((enter <= leave) & (enter > NEAR), enter, np.inf)


def _hit_sphere(sphere: Sphere, start: Any, ray: Any) -> Array:
    offset = [c - s for s, c in zip(start, sphere.centre, strict=True)]
    along = dot(offset, ray)
    left = along * along - (dot(offset, offset) - sphere.radius * sphere.radius)
    t = along - np.sqrt(left)
    return np.where((left >= 0) & (t > NEAR), t, np.inf)


def _hit_cylinder(cylinder: Cylinder, start: Any, ray: Any) -> Array:
    x, y, z = (s - c for s, c in zip(start, cylinder.centre, strict=True))
    dx, dy, dz = ray
    squared = cylinder.radius * cylinder.radius
    a, b, c = dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - squared
    left = b * b - a * c
    t = (-b - np.sqrt(left)) / a
    height = z + t * dz
    on_side = (left >= 0) & (t > NEAR) & (height >= 0) & (height <= cylinder.height)
    best = np.where(on_side, t, np.inf)
    for level in (0.0, cylinder.height):
        t = (level - z) / dz
        off_x, off_y = x + t * dx, y + t * dy
        on_cap = (t > NEAR) & (off_x * off_x + off_y * off_y <= squared)
        best = np.minimum(best, np.where(on_cap, t, np.inf))
    return best


def _turned(box: Box, vector: Any) -> tuple[Any, Any, Any]:
    """A world vector along the box's own axes."""
    x, y, z = vector
    return box.cos * x + box.sin * y, box.cos * y - box.sin * x, z


def _into_box(box: Box, points: Array) -> Array:
    """World points along the box's own axes, from its centre."""
    return np.stack(_turned(box, points - np.reshape(box.centre, (3, 1))))


def _box_axis(box: Box, local: Array) -> NDArray[np.intp]:
    """Which pair of faces each surface point lies on."""
    axis: NDArray[np.intp] = np.argmin(np.abs(np.reshape(box.half, (3, 1)) - np.abs(local)), axis=0)
    return axis


def _box_normal(box: Box, points: Array) -> Array:
    local = _into_box(box, points)
    axis = _box_axis(box, local)
    x, y, z = (np.where(axis == k, np.sign(local[k]), 0.0) for k in range(3))
    return np.stack((box.cos * x - box.sin * y, box.sin * x + box.cos * y, z))


def _cylinder_normal(cylinder: Cylinder, points: Array) -> Array:
    x, y, z = points - np.reshape(cylinder.centre, (3, 1))
    out = np.sqrt(x * x + y * y)
    to_cap = np.minimum(np.abs(z), np.abs(z - cylinder.height))
    cap = to_cap < np.abs(out - cylinder.radius)
    up = np.where(z > cylinder.height / 2, 1.0, -1.0)
    safe = np.where(cap, 1.0, out)
    return np.stack(
        (np.where(cap, 0.0, x / safe), np.where(cap, 0.0, y / safe), np.where(cap, up, 0.0))
    )


def _quarters(x: Array, y: Array) -> Array:
    """How far around the z axis, 0 to 4: like an angle, but rational."""
    total = np.abs(x) + np.abs(y)
    part = np.where(total > 0, y / np.where(total > 0, total, 1.0), 0.0)
    return np.where(x < 0, 2 - part, np.where(y < 0, 4 + part, part))
