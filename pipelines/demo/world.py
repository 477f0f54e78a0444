"""What is looked at and what is seen: surfaces under a light, a camera, and the frame it takes.

Camera: OpenCV axes, +x right, +y down, +z forward; any ray field, so any lens. World: metres, +z
up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .patterns import Paint, Rgb
from .solids import Array, Point, Solid


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


def _nothing() -> Frame:
    """The frame of what is not cast yet: no pixel."""
    none = np.zeros((0, 0))
    return Frame(
        rgb=np.zeros((0, 0, 3), np.float32),
        depth=none,
        distance=none,
        normals=none,
        points=none,
        ids=np.zeros((0, 0), np.int32),
        surfaces=(),
    )


NOTHING = _nothing()


def parts_of(scene: Scene) -> list[Part]:
    """The parts of all surfaces, in order."""
    return [part for surface in scene.surfaces for part in surface.parts]
