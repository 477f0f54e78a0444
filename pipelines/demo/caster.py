"""Rays into a scene and exact labels out of it.

Camera: OpenCV axes, +x right, +y down, +z forward; any ray field, so any lens. World: metres, +z
up. Light is linear: one sun or lamp with hard shadows, plus a sky or ceiling that brightens what
looks up. Depth, normals and ids are those of the ray through the pixel's centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .patterns import Paint, Rgb, noise, reflectance
from .solids import Array, Point, Solid, bounding_sphere, chart, dot, hit, normal

GAMMA = 2.2
Ball = tuple[Point, float]  # centre and radius

LIFT = 1e-5  # metres off a surface where its shadow rays start


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A painted solid. One or several make a surface."""

    solid: Solid
    paint: Paint


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A thing or a piece of stuff, in one or several parts.

    name: its class, as COCO or the dataset names it; colour: a word, "" for stuff; thing: whether
    it can be counted; crowd: whether it is a heap that is not told apart.
    """

    name: str
    colour: str
    thing: bool
    parts: tuple[Part, ...]
    crowd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A lamp, or a sun whose light does not fade with distance. position: metres in the world.

    power: of direct light, for a lamp at 1 m; ambient: light from all sides; both linear RGB.
    """

    position: Point
    sun: bool
    power: Rgb
    ambient: Rgb


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Surfaces under a light. The k-th surface, counted from 1, has id k; id 0 is the sky.

    place: a word for what it is, such as room or street.
    """

    surfaces: tuple[Surface, ...]
    light: Light
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera in the world; width and height of its pictures in pixels.

    lens: 3x3, pixel (column, row, 1) -> ray, pixel centres at whole numbers; rotation: 3x3, camera
    -> world; position: metres in the world.
    """

    width: int
    height: int
    lens: Array
    rotation: Array
    position: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a camera sees of a scene.

    rgb: float32[H, W, 3] linear, >= 0; depth: float64[H, W] planar z in metres, +inf = sky;
    distance: float64[H, W] along the ray, +inf = sky; normals: float64[H, W, 3] unit, camera
    frame, facing the camera, 0 = sky; points: float64[H, W, 3] world metres, +inf = sky;
    ids: int32[H, W], 0 = sky, k = surfaces[k - 1].
    """

    rgb: NDArray[np.float32]
    depth: Array
    distance: Array
    normals: Array
    points: Array
    ids: NDArray[np.int32]
    surfaces: tuple[Surface, ...]


def shoot(scene: Scene, camera: Camera) -> Frame:
    """The frame that a camera sees, its colours smoothed: labels are those of pixels' centres.

    A colour is half that of the ray through the centre, half the mean of the four corners'.
    """
    centres, corners = rays(camera), rays(camera, corners=True)
    # Both at once: what a scene of small solids costs is the calls, not the rays.
    field = np.concatenate([centres.reshape(1, -1, 3), corners.reshape(1, -1, 3)], axis=1)
    both = cast(scene, field, camera.rotation, camera.position)
    count, shape = centres.shape[0] * centres.shape[1], centres.shape[:2]

    def image(flat: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(flat[0, :count]).reshape(*shape, *flat.shape[2:])

    rgb = image(both.rgb)
    corner = both.rgb[0, count:].reshape(corners.shape)
    around = corner[:-1, :-1] + corner[1:, :-1] + corner[:-1, 1:] + corner[1:, 1:]
    return Frame(
        rgb=rgb / np.float32(2) + around / np.float32(8),
        depth=image(both.depth),
        distance=image(both.distance),
        normals=image(both.normals),
        points=image(both.points),
        ids=image(both.ids),
        surfaces=scene.surfaces,
    )


def rays(camera: Camera, corners: bool = False) -> Array:
    """Ray directions float64[H, W, 3] in the camera frame, not of unit length.

    corners: through the pixels' corners instead of their centres, [H + 1, W + 1, 3].
    """
    column = np.arange(camera.width + corners) - corners / 2
    row = (np.arange(camera.height + corners) - corners / 2)[:, None]
    return np.stack([a * column + b * row + c for a, b, c in camera.lens], axis=-1)


def cast(scene: Scene, directions: Array, rotation: Array, position: Point) -> Frame:
    """The frame that rays float64[H, W, 3], in the camera frame, see from a position.

    rotation: 3x3, camera -> world; position: metres in the world.
    """
    height, width, _ = directions.shape
    view = np.ascontiguousarray(directions.reshape(-1, 3).T)
    view = view / np.sqrt(dot(view, view))
    ray = np.stack([dot(row, view) for row in rotation])
    owners = [k for k, surface in enumerate(scene.surfaces, 1) for _ in surface.parts]
    distance, part_of = _first_hits(scene, position, ray)
    seen = part_of >= 0
    points = np.where(
        seen, np.reshape(position, (3, 1)) + ray * np.where(seen, distance, 0), np.inf
    )
    facing = _facing(_parts(scene), part_of, points, ray)
    rgb = _sky(ray)
    rgb[:, seen] = _colours(scene, part_of[seen], points[:, seen], facing[:, seen])
    normals = np.stack([dot(column, facing) for column in rotation.T])

    def image(flat: Array) -> Array:
        return np.ascontiguousarray(flat.T).reshape(height, width, 3)

    return Frame(
        rgb=image(rgb).astype(np.float32),
        depth=np.where(seen, distance * view[2], np.inf).reshape(height, width),
        distance=distance.reshape(height, width),
        normals=image(normals),
        points=image(points),
        ids=np.array([*owners, 0], np.int32)[part_of].reshape(height, width),
        surfaces=scene.surfaces,
    )


def develop(rgb: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Linear light float[H, W, 3] to uint8 RGB, as Hypersim's tone mapping does it.

    Source: scene_generate_images_tonemap.py. The 90th percentile of brightness over valid pixels,
    bool[H, W], comes out at 0.8. The curve is a table of thresholds, since powers differ in their
    last bit from machine to machine.
    """
    light = rgb.astype(np.float64)
    brightness = 0.3 * light[..., 0] + 0.59 * light[..., 1] + 0.11 * light[..., 2]
    scale = 1.0
    if valid.any():
        bright = float(np.percentile(brightness[valid], 90))
        scale = 0.8**GAMMA / bright if bright >= 1e-4 else 0.0
    steps = np.array([((k + 0.5) / 255) ** GAMMA for k in range(255)])
    return np.searchsorted(steps, light * scale, side="right").astype(np.uint8)


def _parts(scene: Scene) -> list[Part]:
    return [part for surface in scene.surfaces for part in surface.parts]


def _grouped(scene: Scene) -> list[tuple[Ball | None, list[tuple[int, Part]]]]:
    """The numbered parts of every surface under a sphere around them all (None: planes)."""
    groups, k = [], 0
    for surface in scene.surfaces:
        numbered = list(enumerate(surface.parts, k))
        groups.append((_around([part.solid for part in surface.parts]), numbered))
        k += len(numbered)
    return groups


def _around(solids: list[Solid]) -> Ball | None:
    balls = [ball for ball in map(bounding_sphere, solids) if ball is not None]
    if not balls:
        return None
    centres = np.array([centre for centre, _ in balls])
    middle = (centres.min(0) + centres.max(0)) / 2
    away = [float(np.sqrt(dot(offset, offset))) for offset in centres - middle]
    reach = max(a + radius for a, (_, radius) in zip(away, balls, strict=True))
    return (float(middle[0]), float(middle[1]), float(middle[2])), reach


def _first_hits(scene: Scene, start: Point, ray: Array) -> tuple[Array, NDArray[np.intp]]:
    """(distance float64[N], inf = none; index of the part, -1 = none) of each ray."""
    best = np.full(ray.shape[1], np.inf)
    index = np.full(ray.shape[1], -1, np.intp)
    for ball, numbered in _grouped(scene):
        near = _near(ball, start, ray)
        candidates = ray[:, near]
        for k, part in numbered if near.size else ():
            some = _near(bounding_sphere(part.solid), start, candidates)
            if not some.size:
                continue
            t, to = hit(part.solid, start, candidates[:, some]), near[some]
            closer = t < best[to]
            best[to] = np.where(closer, t, best[to])
            index[to] = np.where(closer, k, index[to])
    return best, index


def _near(ball: Ball | None, start: Point, ray: Array) -> NDArray[np.intp]:
    """Which unit rays pass through a sphere: all of them where there is none."""
    if ball is None:
        return np.arange(ray.shape[1])
    offset = [c - s for c, s in zip(ball[0], start, strict=True)]
    along = dot(offset, ray)
    beside = dot(offset, offset) - ball[1] * ball[1]
    if beside <= 0:
        return np.arange(ray.shape[1])
    return np.flatnonzero(along >= np.sqrt(beside))


def _facing(parts: list[Part], part_of: NDArray[np.intp], points: Array, ray: Array) -> Array:
    """World normals float64[3, N] towards the camera of the parts that were hit, 0 elsewhere."""
    facing = np.zeros_like(ray)
    for k in np.unique(part_of[part_of >= 0]):
        where = np.flatnonzero(part_of == k)
        out = normal(parts[k].solid, points[:, where])
        facing[:, where] = out * np.where(dot(out, ray[:, where]) > 0, -1.0, 1.0)
    return facing


def _colours(scene: Scene, part_of: NDArray[np.intp], points: Array, facing: Array) -> Array:
    """What comes back float64[3, N] from points on those parts."""
    parts = _parts(scene)
    rgb = _light(scene, points, facing)
    for k in np.unique(part_of):
        where = np.flatnonzero(part_of == k)
        rgb[:, where] *= reflectance(parts[k].paint, *chart(parts[k].solid, points[:, where]))
    return rgb


def _light(scene: Scene, points: Array, facing: Array) -> Array:
    """Light float64[3, N] that reaches points with these normals."""
    light = scene.light
    towards = np.reshape(light.position, (3, 1)) - points
    far = np.sqrt(dot(towards, towards))
    towards = towards / far
    strength = np.maximum(dot(facing, towards), 0.0)
    if not light.sun:
        strength = strength / (far * far)
    lit = np.flatnonzero(strength > 0)
    start = points[:, lit] + facing[:, lit] * LIFT
    strength[lit[_shadowed(scene, start, towards[:, lit], far[lit])]] = 0.0
    up = 0.65 + 0.35 * facing[2]
    return np.stack(
        [a * up + p * strength for a, p in zip(light.ambient, light.power, strict=True)]
    )


def _shadowed(scene: Scene, start: Array, towards: Array, far: Array) -> NDArray[np.bool_]:
    """Whether something stands between each point and the light (planes cast no shadow)."""
    dark = np.zeros(start.shape[1], bool)
    back = -towards
    for ball, numbered in _grouped(scene):
        if ball is None:
            continue
        near = _near(ball, scene.light.position, back)
        near = near[~dark[near]]
        candidates = back[:, near]
        for _, part in numbered if near.size else ():
            some = near[_near(bounding_sphere(part.solid), scene.light.position, candidates)]
            if not some.size:
                continue
            dark[some] |= hit(part.solid, start[:, some], towards[:, some]) < far[some]
    return dark


def _sky(ray: Array) -> Array:
    """A sky float64[3, N]: pale at the horizon, blue above, with clouds."""
    up = np.clip(ray[2], 0.0, 1.0)
    lift = up + 0.12
    cloud = noise(ray[0] / lift * 0.9 + 7, ray[1] / lift * 0.9) * 1.1 - 0.4
    cloud = np.clip(cloud, 0.0, 1.0) * np.minimum(up * 6, 1.0)
    blue = 1 - (1 - up) * (1 - up)
    horizon, zenith = (0.95, 1.05, 1.15), (0.22, 0.45, 0.95)
    clear = [h + (z - h) * blue for h, z in zip(horizon, zenith, strict=True)]
    return np.stack([c + (w - c) * cloud for c, w in zip(clear, (1.35, 1.35, 1.35), strict=True)])
