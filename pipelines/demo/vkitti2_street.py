"""The streets of the miniature Virtual KITTI 2, and what its tables call the things on them."""

from __future__ import annotations

from dataclasses import replace

from vbdata.core.rng import Stream

from . import places, things
from .scene import colour
from .things import Maker, block, moved, paint
from .world import Part, Scene, Surface

COLORS = {
    "Terrain": (210, 0, 200),
    "Sky": (90, 200, 255),
    "Tree": (0, 199, 0),
    "Vegetation": (90, 240, 0),
    "Building": (140, 140, 140),
    "Road": (100, 60, 100),
    "GuardRail": (250, 100, 255),
    "TrafficSign": (255, 255, 0),
    "TrafficLight": (200, 200, 0),
    "Pole": (255, 130, 0),
    "Misc": (80, 80, 80),
    "Truck": (160, 60, 60),
    "Car": (255, 127, 80),
    "Van": (0, 139, 139),
    "Undefined": (0, 0, 0),
}
OFFICIAL = {
    "road": "Road",
    "pavement": "Terrain",
    "grass": "Vegetation",
    "tree": "Tree",
    "building-other": "Building",
    "traffic light": "TrafficLight",
    "guard rail": "GuardRail",
    "wall": "Misc",
    "bench": "Undefined",
    "car": "Car",
    "van": "Van",
    "truck": "Truck",
}
GAP = 3  # a trackID that no vehicle has


def van(stream: Stream, colour: str) -> Surface:
    """A tall box with a windscreen on four wheels."""
    body = block(0, 0, 0.35, (1.95, 5.2, 1.9), paint(colour))
    screen = block(0, -2.62, 1.3, (1.7, 0.05, 0.7), things.GLASS)
    return things.thing("van", colour, body, screen, *_wheels(0.85, 1.7))


def truck(stream: Stream, colour: str) -> Surface:
    """A cab and a higher box behind it."""
    cab = block(0, -2.9, 0.45, (2.2, 1.8, 2.0), paint(colour))
    box = block(0, 1.0, 0.7, (2.4, 5.6, stream.uniform(2.2, 2.8)), paint("white", "stripes"))
    return things.thing("truck", colour, cab, box, *_wheels(1.0, 2.6))


def guard_rail(stream: Stream, colour: str) -> Surface:
    """A long bar along the road."""
    bar = block(0, 0, 0.45, (0.06, 7.0, 0.3), things.STEEL)
    posts = [block(0.05, y, 0, (0.08, 0.12, 0.5), things.DARK) for y in (-3, 0, 3)]
    return Surface(name="guard rail", colour="grey", thing=False, parts=(bar, *posts))


def wall(stream: Stream, colour: str) -> Surface:
    """A garden wall, which has no class of its own."""
    bricks = paint("brown", "bricks", 0.1, "grey")
    part = block(0, 0, 0, (0.3, 9.0, stream.uniform(1.6, 2.2)), bricks)
    return Surface(name="wall", colour="brown", thing=False, parts=(part,))


def parked(stream: Stream, colour: str) -> Surface:
    """A car that nobody tracks."""
    return replace(things.car(stream, colour), crowd=True)


def _wheels(x: float, y: float) -> list[Part]:
    return [things.ball(a, b, 0.4, 0.4, things.DARK) for a in (-x, x) for b in (-y, y)]


def street(stream: Stream) -> Scene:
    """An avenue with everything on it, cars and vans in front of trucks."""
    surfaces = [*places.ground(), *places.roadside(stream, 6.0, 90.0)]
    left: list[Maker] = [wall, things.car, things.bench, parked, van, truck, things.car]
    right: list[Maker] = [things.traffic_light, things.car, guard_rail, van, truck, things.car]
    for side, makers in ((-1, left), (1, right)):
        y = stream.uniform(9, 11)
        for make in makers:
            item = make(stream, colour(stream))
            surfaces.append(moved(item, side * (3.0 if item.thing else 4.9), y))
            y += stream.uniform(7, 9)
    return Scene(surfaces=tuple(surfaces), light=places.sun(stream), place="street")


def tracks_of(scene: Scene) -> dict[int, int]:
    """trackID -> place of the vehicle among the scene's surfaces; a crowd has no track."""
    vehicles = [
        k
        for k, surface in enumerate(scene.surfaces)
        if surface.name in ("car", "van", "truck") and not surface.crowd
    ]
    return {n + (n >= GAP): k for n, k in enumerate(vehicles)}
