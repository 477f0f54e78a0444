"""Scenes from a seed: a camera, a room or an open field, and simple shapes in named colours.

World: that of scene.py. What may occur is a `Manner`; held-out manners change just one thing each,
so that a drop in a score has one cause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from vbdata.core.rng import Stream

from .patterns import Paint, Rgb
from .places import sun
from .scene import Region, furnish, looking, pinhole
from .solids import Box, Plane, Point
from .things import Maker, ball, block, extent, moved, paint, rod, thing
from .world import Camera, Light, Part, Scene, Surface

SHAPES = ("ball", "box", "pillar")
HUES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
UNSEEN = frozenset(  # of (colour, shape): only the manner "compositions" has them
    {
        *(("red", "box"), ("green", "box"), ("blue", "ball")),
        *(("purple", "ball"), ("yellow", "pillar"), ("orange", "pillar")),
    }
)
SEEN = tuple((hue, shape) for hue in HUES for shape in SHAPES if (hue, shape) not in UNSEEN)

Cover = tuple[str, Rgb, Rgb, float]
FLOORS: tuple[Cover, ...] = (
    ("planks", (0.45, 0.26, 0.11), (0.17, 0.08, 0.03), 0.3),
    ("tiles", (0.55, 0.52, 0.46), (0.2, 0.2, 0.2), 0.8),
    ("checker", (0.62, 0.6, 0.56), (0.12, 0.12, 0.13), 1.0),
    ("noise", (0.06, 0.19, 0.03), (0.2, 0.3, 0.1), 0.6),
)
WALLS: tuple[Cover, ...] = (
    ("plain", (0.62, 0.6, 0.54), (0.5, 0.5, 0.46), 1.0),
    ("stripes", (0.58, 0.6, 0.5), (0.4, 0.43, 0.5), 0.4),
    ("tiles", (0.5, 0.62, 0.62), (0.75, 0.75, 0.72), 0.6),
)
NEW_COVERS: tuple[Cover, ...] = (
    ("bricks", (0.36, 0.13, 0.08), (0.5, 0.46, 0.4), 0.25),
    ("bands", (0.5, 0.48, 0.44), (0.25, 0.3, 0.34), 0.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What may occur. things: least and most; view: degrees, least and most horizontal field."""

    pairs: tuple[tuple[str, str], ...] = SEEN
    things: tuple[int, int] = (1, 8)
    patterns: tuple[str, ...] = ("plain", "plain", "stripes", "checker")
    floors: tuple[Cover, ...] = FLOORS
    walls: tuple[Cover, ...] = WALLS
    view: tuple[float, float] = (45.0, 75.0)


MANNERS: dict[str, Manner] = {
    "train": Manner(),
    "validation": Manner(),
    "test": Manner(),
    "compositions": Manner(pairs=tuple(sorted(UNSEEN))),
    "crowded": Manner(things=(16, 24)),
    "textures": Manner(patterns=("noise", "bands"), floors=NEW_COVERS, walls=NEW_COVERS),
    "cameras": Manner(view=(75.0, 95.0)),
}


def scene(stream: Stream, manner: Manner, size: int) -> tuple[Scene, Camera]:
    """A scene and the camera that looks at it; pictures are size x size pixels."""
    high = stream.uniform(1.0, 4.0)
    camera = Camera(
        width=size,
        height=size,
        lens=pinhole(size, size, stream.uniform(*manner.view)),
        rotation=looking(stream.uniform(-30, 30), stream.uniform(0, 35)),
        position=(0.0, 0.0, high),
    )
    indoors = stream.integer(2) == 0
    shell, region, light = (_room if indoors else _field)(stream, manner, high)
    least, most = manner.things
    makers = [_maker(stream, manner) for _ in range(least + stream.integer(most - least + 1))]
    items = furnish(stream, [camera], makers, lambda _: [region])
    surfaces = (*shell, *items)
    return Scene(surfaces=surfaces, light=light, place="room" if indoors else "field"), camera


def _maker(stream: Stream, manner: Manner) -> Maker:
    """One shape in one colour; the colour that `furnish` draws is another catalogue's."""
    hue, shape = stream.choice(manner.pairs)
    pattern = stream.choice(manner.patterns)
    return lambda own, _: shaped(own, hue, shape, pattern)


def shaped(stream: Stream, hue: str, shape: str, pattern: str) -> Surface:
    """A thing that stands on z = 0 at the origin."""
    look = replace(paint(hue, pattern, stream.uniform(0.25, 0.5)), second=_darker(hue))
    if shape == "ball":
        radius = stream.uniform(0.4, 1.1)
        return thing("ball", hue, ball(0, 0, radius, radius, look))
    if shape == "box":
        size = tuple(stream.uniform(0.7, 1.8) for _ in range(3))
        return thing("box", hue, block(0, 0, 0, (size[0], size[1], size[2]), look))
    radius, high = stream.uniform(0.25, 0.5), stream.uniform(1.6, 3.2)
    return thing("pillar", hue, rod(0, 0, 0, radius, high, look))


def recoloured(surface: Surface, hue: str) -> Surface:
    """A thing repainted in one plain colour, hue, a name of patterns.COLOURS."""
    colours = paint(hue)
    parts = tuple(
        replace(part, paint=replace(part.paint, first=colours.first, second=_darker(hue)))
        for part in surface.parts
    )
    return replace(surface, colour=hue, parts=parts)


def shifted(surface: Surface, x: float, y: float) -> Surface:
    """A thing moved over the floor by x and y metres, turned as it was."""
    parts = []
    for part in surface.parts:
        there = moved(replace(surface, parts=(part,)), x, y).parts[0]
        if isinstance(part.solid, Box) and isinstance(there.solid, Box):
            turned = replace(there.solid, cos=part.solid.cos, sin=part.solid.sin)
            there = replace(there, solid=turned)
        parts.append(there)
    return replace(surface, parts=tuple(parts))


def stands(surface: Surface) -> tuple[float, float, float]:
    """(x, y) of a thing's middle and its radius seen from above, metres."""
    solid = surface.parts[0].solid
    if isinstance(solid, Plane):
        raise TypeError("planes stand nowhere")
    x, y, _ = solid.centre
    return x, y, extent(shifted(surface, -x, -y))[0]


def _darker(hue: str) -> Rgb:
    red, green, blue = paint(hue).first
    return 0.55 * red, 0.55 * green, 0.55 * blue


def _room(
    stream: Stream, manner: Manner, camera_high: float
) -> tuple[list[Surface], Region, Light]:
    """Floor, ceiling and four walls around the camera."""
    half, deep, back = stream.uniform(2.5, 5), stream.uniform(4.5, 11), stream.uniform(0.5, 1.5)
    high = max(2.6, camera_high + 0.4) + stream.uniform(0, 1)
    level, across, along = (
        (-half, half, -back, deep),
        (-half, half, 0.0, high),
        (-back, deep, 0, high),
    )
    ahead, side, up = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    wall = stream.choice(manner.walls)
    ceiling = ("plain", (0.7, 0.69, 0.66), (0.6, 0.6, 0.58), 1.0)
    sides = [
        Plane(point=(0, deep, 0), u=ahead, v=up, bounds=across),
        Plane(point=(0, -back, 0), u=ahead, v=up, bounds=across),
        Plane(point=(-half, 0, 0), u=side, v=up, bounds=along),
        Plane(point=(half, 0, 0), u=side, v=up, bounds=along),
    ]
    shell = [
        _stuff(
            "floor",
            [Plane(point=(0, 0, 0), u=ahead, v=side, bounds=level)],
            stream.choice(manner.floors),
        ),
        _stuff("wall", sides, wall),
        _stuff("ceiling", [Plane(point=(0, 0, high), u=ahead, v=side, bounds=level)], ceiling),
    ]
    lamp = (stream.uniform(-half, half) / 2, stream.uniform(0.2, 0.7) * deep, high - 0.2)
    reach = (deep + half) / 4
    power = (5.2 * reach * reach, 4.7 * reach * reach, 3.9 * reach * reach)
    light = Light(position=lamp, sun=False, power=power, ambient=(0.42, 0.45, 0.5))
    return shell, (-half, half, 0.0, deep), light


def _field(
    stream: Stream, manner: Manner, camera_high: float
) -> tuple[list[Surface], Region, Light]:
    """Ground without an end under a sky."""
    ground = Plane(point=(0, 0, 0), u=(1, 0, 0), v=(0, 1, 0))
    shell = [_stuff("floor", [ground], stream.choice(manner.floors))]
    return shell, (-7.0, 7.0, 0.5, 11.0), sun(stream)


def _stuff(name: str, planes: list[Plane], cover: Cover) -> Surface:
    pattern, first, second, scale = cover
    look = Paint(first=first, second=second, pattern=pattern, scale=scale)
    return Surface(
        name=name, colour="", thing=False, parts=tuple(Part(solid=p, paint=look) for p in planes)
    )


def nearest_free(spot: Point, others: list[tuple[float, float, float]], radius: float) -> bool:
    """Whether a thing of that radius can stand there without touching another."""
    return all(math.dist(spot[:2], (x, y)) > radius + r + 0.05 for x, y, r in others)
