"""Seeded rooms and streets, and cameras that look at them. World: metres, +y ahead, +z up."""

from __future__ import annotations

import math
from dataclasses import replace

from vbdata.core.rng import Stream

from . import things
from .patterns import Paint, Rgb
from .scene import Region, colour, furnish, looking, pinhole
from .solids import Bounds, Plane, Point
from .things import Maker, block, moved
from .world import Camera, Light, Part, Scene, Surface

INF = math.inf

FLOORS: dict[str, tuple[str, Rgb, Rgb, float]] = {
    "floor-wood": ("planks", (0.45, 0.26, 0.11), (0.17, 0.08, 0.03), 0.14),
    "floor-tile": ("tiles", (0.55, 0.52, 0.46), (0.2, 0.2, 0.2), 0.45),
    "floor-marble": ("checker", (0.62, 0.6, 0.56), (0.09, 0.09, 0.1), 0.5),
    "carpet": ("noise", (0.28, 0.09, 0.08), (0.4, 0.2, 0.13), 0.25),
}
WALLS: dict[str, tuple[str, Rgb, Rgb, float]] = {
    "wall-brick": ("bricks", (0.36, 0.13, 0.08), (0.5, 0.46, 0.4), 0.085),
    "wall-tile": ("tiles", (0.5, 0.62, 0.62), (0.75, 0.75, 0.72), 0.3),
    "wall-wood": ("planks", (0.5, 0.32, 0.15), (0.24, 0.12, 0.05), 0.18),
    "wall-concrete": ("noise", (0.5, 0.48, 0.44), (0.4, 0.39, 0.37), 0.8),
    "wall-other": ("stripes", (0.58, 0.6, 0.5), (0.5, 0.53, 0.46), 0.22),
}
GROUNDS: dict[str, tuple[str, Rgb, Rgb, float]] = {
    "road": ("lane", (0.085, 0.085, 0.09), (0.7, 0.7, 0.66), 1.0),
    "pavement": ("tiles", (0.36, 0.34, 0.31), (0.18, 0.17, 0.16), 0.6),
    "grass": ("noise", (0.06, 0.19, 0.03), (0.16, 0.3, 0.07), 0.35),
}
LAWN = (6.0, INF)  # metres from the middle of the road
KERB = 3.8


def room(stream: Stream, width: int, height: int, crowd: bool = False) -> tuple[Scene, Camera]:
    """A furnished room and a camera in it."""
    size = room_size(stream)
    camera = room_camera(stream, width, height, size)
    return furnished(stream, [camera], size, bool(stream.integer(2)), crowd), camera


def room_size(stream: Stream) -> Point:
    """Width, depth and height in metres."""
    return stream.uniform(3.6, 6), stream.uniform(4.2, 7), stream.uniform(2.4, 3.1)


def furnished(
    stream: Stream, cameras: list[Camera], size: Point, window: bool, crowd: bool = False
) -> Scene:
    """A room with things that its cameras see in turn; crowd: with a heap of balls."""
    wide, deep, high = size
    shell = _shell(stream, size, window)
    inside = (-wide / 2, wide / 2, 0.0, deep)
    makers: list[Maker] = stream.shuffled(things.INDOOR)
    makers = [*makers[: 2 + stream.integer(4)], stream.choice(makers), makers[0]]
    if crowd:
        makers = [things.heap, *makers]
    items = furnish(stream, cameras, makers, lambda _: [inside])
    lamp = (stream.uniform(-wide / 4, wide / 4), stream.uniform(0.25, 0.6) * deep, high - 0.25)
    light = Light(position=lamp, sun=False, power=(5.2, 4.7, 3.9), ambient=(0.42, 0.45, 0.5))
    return Scene(surfaces=(*shell, *items), light=light, place="room")


def room_camera(stream: Stream, width: int, height: int, size: Point) -> Camera:
    """Somewhere near the front wall of a room, looking in."""
    wide = size[0]
    position = (stream.uniform(-0.3, 0.3) * wide, stream.uniform(0.1, 0.5), stream.uniform(1, 2))
    rotation = looking(stream.uniform(-22, 22) - 30 * position[0] / wide, stream.uniform(4, 32))
    lens = pinhole(width, height, stream.uniform(48, 75))
    return Camera(width=width, height=height, lens=lens, rotation=rotation, position=position)


def street(stream: Stream, width: int, height: int, crowd: bool = False) -> tuple[Scene, Camera]:
    """A street corner with a few things on it, and a camera."""
    position = (stream.uniform(-3, 3), 0.0, stream.uniform(1.2, 4))
    rotation = looking(stream.uniform(-25, 25), stream.uniform(0, 6) * position[2])
    lens = pinhole(width, height, stream.uniform(45, 72))
    camera = Camera(width=width, height=height, lens=lens, rotation=rotation, position=position)
    makers: list[Maker] = stream.shuffled(things.OUTDOOR)
    makers = [stream.choice(makers), *makers[: 3 + stream.integer(3)]]
    makers.sort(key=lambda make: make not in (things.car, things.bus))
    if crowd:
        makers = [things.heap, *makers]
    items = furnish(stream, [camera], makers, _beside_the_road)
    surfaces = (*ground(), *roadside(stream, 10.0, 60.0), *items)
    return Scene(surfaces=surfaces, light=sun(stream), place="street"), camera


def avenue(stream: Stream) -> Scene:
    """A long street to drive along y through: parked cars, trees, lights and houses."""
    surfaces = [*ground(), *roadside(stream, 6.0, 110.0)]
    for side in (-1, 1):
        y = stream.uniform(9, 14)
        while y < 95:
            item = stream.choice((things.car, things.car, things.car, things.traffic_light))
            x = side * (3.0 if item is things.car else 4.5)
            surfaces.append(moved(item(stream, colour(stream)), x, y))
            y += stream.uniform(6, 15)
    return Scene(surfaces=tuple(surfaces), light=sun(stream), place="street")


def sun(stream: Stream) -> Light:
    """A sun behind one's shoulder or to the side, never below 25 degrees."""
    angle, up = math.radians(stream.uniform(-80, 80)), math.radians(stream.uniform(28, 60))
    flat = math.cos(up)
    away = 1e4
    position = (away * math.sin(angle) * flat, -away * math.cos(angle) * flat, away * math.sin(up))
    return Light(position=position, sun=True, power=(2.5, 2.3, 1.95), ambient=(0.5, 0.6, 0.78))


def ground() -> list[Surface]:
    """A road along y, pavements and lawns."""
    return [
        _ground("road", [(-KERB, KERB)]),
        _ground("pavement", [(-LAWN[0], -KERB), (KERB, LAWN[0])]),
        _ground("grass", [(-INF, -LAWN[0]), LAWN]),
    ]


def roadside(stream: Stream, start: float, end: float) -> list[Surface]:
    """Trees behind the pavements and buildings behind the lawns, from y = start to end."""
    placed = []
    for side in (-1, 1):
        y = start + stream.uniform(0, 4)
        while y < end:
            placed.append(moved(things.tree(stream), side * stream.uniform(7.6, 9.5), y))
            y += stream.uniform(6, 16)
        y = start
        while y < end:
            long = stream.uniform(9, 18)
            near = side * (stream.uniform(13, 16) + 5)
            placed.append(moved(_building(stream, long), near, y + long / 2))
            y += long + stream.uniform(1, 7)
    end_x = stream.uniform(-14, 14)
    return [*placed, moved(_building(stream, 12.0), end_x, end + 25)]


def _beside_the_road(name: str) -> list[Region]:
    """Cars belong on the road, balls anywhere, the rest beside it."""
    near, far = 2.0, 26.0
    if name in ("car", "bus"):
        return [(-1.5 - KERB, KERB + 1.5, near, 40.0)]
    if name == "sports ball":
        return [(-LAWN[0], LAWN[0], near, far)]
    return [(-9.0, -KERB, near, far), (KERB, 9.0, near, far)]


def _shell(stream: Stream, size: Point, window: bool) -> list[Surface]:
    """Floor, ceiling and four walls, perhaps with a window through which one sees the sky."""
    wide, deep, high = size
    floor, wall = stream.choice(tuple(FLOORS)), stream.choice(tuple(WALLS))
    plain = Paint(first=(0.7, 0.69, 0.66), second=(0.6, 0.6, 0.58), pattern="plain")
    pane, sill = stream.uniform(0.9, 1.5), stream.uniform(0.8, 1.05)
    across = stream.uniform(-0.25, 0.25) * wide
    opening = (across - pane / 2, across + pane / 2, sill, min(sill + pane, high - 0.25))
    holes = (opening,) if window else ()
    x = wide / 2
    across_walls, along_walls = (-x, x, 0.0, high), (0.0, deep, 0.0, high)
    level = (-x, x, 0.0, deep)
    front, side, up = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    walls = (
        Plane(point=(0, deep, 0), u=front, v=up, bounds=across_walls, holes=holes),
        Plane(point=(0, 0, 0), u=front, v=up, bounds=across_walls),
        Plane(point=(-x, 0, 0), u=side, v=up, bounds=along_walls),
        Plane(point=(x, 0, 0), u=side, v=up, bounds=along_walls),
    )
    bottom = Plane(point=(0, 0, 0), u=front, v=side, bounds=level)
    top = Plane(point=(0, 0, high), u=front, v=side, bounds=level)
    return [
        Surface(name=floor, colour="", thing=False, parts=(_part(bottom, FLOORS[floor]),)),
        Surface(
            name="ceiling-other", colour="", thing=False, parts=(Part(solid=top, paint=plain),)
        ),
        Surface(
            name=wall, colour="", thing=False, parts=tuple(_part(p, WALLS[wall]) for p in walls)
        ),
    ]


def _part(plane: Plane, look: tuple[str, Rgb, Rgb, float]) -> Part:
    pattern, first, second, scale = look
    return Part(solid=plane, paint=Paint(first=first, second=second, pattern=pattern, scale=scale))


def _ground(name: str, strips: list[tuple[float, float]]) -> Surface:
    bounds: list[Bounds] = [(a, b, -INF, INF) for a, b in strips]
    planes = [Plane(point=(0, 0, 0), u=(1, 0, 0), v=(0, 1, 0), bounds=b) for b in bounds]
    parts = tuple(_part(plane, GROUNDS[name]) for plane in planes)
    return Surface(name=name, colour="", thing=False, parts=parts)


def _building(stream: Stream, long: float) -> Surface:
    """A house with rows of windows and a flat roof."""
    first = stream.choice(
        ((0.5, 0.42, 0.3), (0.42, 0.2, 0.14), (0.55, 0.55, 0.52), (0.3, 0.33, 0.36))
    )
    front = Paint(
        first=first, second=(0.05, 0.07, 0.1), pattern="facade", scale=stream.uniform(2, 3)
    )
    high = stream.uniform(5, 13)
    walls = block(0, 0, 0, (10.0, long, high), front)
    red, green, blue = first
    dark = replace(front, first=(red / 2, green / 2, blue / 2), pattern="plain")
    roof = block(0, 0, high, (10.4, long + 0.4, 0.35), dark)
    return Surface(name="building-other", colour="", thing=False, parts=(walls, roof))
