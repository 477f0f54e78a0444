"""Rays into a scene and exact labels out of it.

Depth, normals and ids are those of the ray through the pixel's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hits import Index, first_hits, picture_tiles
from .shading import colours, facing, sky
from .solids import Array, Point, dot
from .world import Camera, Frame, Scene, parts_of

GAMMA = 2.2


def shoot(scene: Scene, camera: Camera) -> Frame:
    """The frame that a camera sees, its colours smoothed: labels are those of pixels' centres.

    A colour is half that of the ray through the centre, half the mean of the four corners'.
    """
    fields = rays(camera), rays(camera, corners=True)
    # Both at once: what a scene of small solids costs is the calls, not the rays.
    centres, corners = _seen(scene, fields, camera.rotation, camera.position)
    corner = corners.rgb.astype(np.float32)
    around = corner[:-1, :-1] + corner[1:, :-1] + corner[:-1, 1:] + corner[1:, 1:]
    return _frame(
        scene, centres, centres.rgb.astype(np.float32) / np.float32(2) + around / np.float32(8)
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
    (seen,) = _seen(scene, (directions,), rotation, position)
    return _frame(scene, seen, seen.rgb.astype(np.float32))


class _Seen(NamedTuple):
    """What the rays of a picture meet, as in a Frame; part_of: int16[H, W], -1 = sky."""

    rgb: Array
    depth: Array
    distance: Array
    normals: Array
    points: Array
    part_of: NDArray[np.int16]

    def picture(self, some: slice, height: int, width: int) -> _Seen:
        """Some of the rays, one after the other, as a picture."""
        maps: Any = (map_[some].reshape(height, width, *map_.shape[1:]) for map_ in self)
        return _Seen(*maps)


def _frame(scene: Scene, seen: _Seen, rgb: NDArray[np.float32]) -> Frame:
    owners = [k for k, surface in enumerate(scene.surfaces, 1) for _ in surface.parts]
    return Frame(
        rgb=rgb,
        depth=seen.depth,
        distance=seen.distance,
        normals=seen.normals,
        points=seen.points,
        ids=np.array([*owners, 0], np.int32)[seen.part_of],
        surfaces=scene.surfaces,
    )


def _seen(scene: Scene, fields: Sequence[Array], rotation: Array, position: Point) -> list[_Seen]:
    """What the rays of some pictures see, each float64[H, W, 3] in the camera frame.

    Rays are worked on in tiles until it is known what they meet, then part by part.
    """
    tiled = [picture_tiles(*field.shape[:2]) for field in fields]
    starts = np.cumsum([0, *(len(order) for order, _ in tiled)])
    order = np.concatenate([own + start for (own, _), start in zip(tiled, starts, strict=False)])
    view = np.concatenate([field.reshape(-1, 3) for field in fields])[order].T.copy()
    view = view / np.sqrt(dot(view, view))
    ray = np.stack([dot(row, view) for row in rotation])
    sizes = np.concatenate([sizes for _, sizes in tiled])
    distance, part_of = first_hits(parts_of(scene), position, ray, sizes)
    by_part = np.argsort(part_of, kind="stable")  # the sky, -1, comes first
    missed, found = np.split(by_part, [np.count_nonzero(part_of < 0)])
    kind, towards = part_of[found], ray[:, found]
    points = np.reshape(position, (3, 1)) + towards * distance[found]
    outward = facing(parts_of(scene), kind, points, towards)
    flat = _Seen(
        rgb=_placed(colours(scene, kind, points, outward), sky(ray[:, missed]), order, by_part),
        depth=np.empty(len(order)),
        distance=np.empty(len(order)),
        normals=_placed(
            np.stack([dot(column, outward) for column in rotation.T]),
            np.stack([dot(column, np.zeros((3, len(missed)))) for column in rotation.T]),
            order,
            by_part,
        ),
        points=_placed(points, np.full((3, len(missed)), np.inf), order, by_part),
        part_of=np.empty(len(order), np.int16),
    )
    flat.depth[order] = np.where(part_of >= 0, distance * view[2], np.inf)
    flat.distance[order], flat.part_of[order] = distance, part_of
    ends = zip(fields, starts[:-1], starts[1:], strict=True)
    return [flat.picture(slice(a, b), *field.shape[:2]) for field, a, b in ends]


def _placed(found: Array, missed: Array, order: Index, by_part: Index) -> Array:
    """float64[N, 3] in the order of the pixels: what was missed, then what was found, [3, ...]."""
    placed = np.empty((len(order), 3))
    placed[order[by_part]] = np.concatenate([missed, found], axis=1).T
    return placed


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
