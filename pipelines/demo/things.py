"""A small catalogue of things, each a few painted solids that stand on z = 0 at the origin.

A maker takes (stream, colour name) and returns a Surface; `moved` stands it elsewhere. Sizes in
metres. Names are COCO's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from vbdata.core.rng import Stream

from .patterns import COLOURS, Paint
from .solids import Box, Cylinder, Plane, Point, Sphere
from .world import Part, Surface

Maker = Callable[[Stream, str], Surface]

DARK = Paint(first=(0.02, 0.02, 0.022), second=(0.05, 0.05, 0.05))
GLASS = Paint(first=(0.03, 0.05, 0.07), second=(0.12, 0.16, 0.2), pattern="noise")
STEEL = Paint(first=(0.42, 0.43, 0.45), second=(0.3, 0.3, 0.32))
WOOD = Paint(first=(0.42, 0.24, 0.10), second=(0.2, 0.1, 0.035), pattern="planks", scale=0.12)
LEAVES = Paint(first=(0.05, 0.2, 0.04), second=(0.16, 0.38, 0.07), pattern="noise", scale=0.3)


def paint(colour: str, pattern: str = "plain", scale: float = 1.0, other: str = "white") -> Paint:
    """Paint of a named colour, patterned with another named one. scale: metres of its unit."""
    return Paint(first=COLOURS[colour], second=COLOURS[other], pattern=pattern, scale=scale)


def block(x: float, y: float, z: float, size: Point, paint: Paint) -> Part:
    """A box by the middle of its bottom and its full size."""
    half = (size[0] / 2, size[1] / 2, size[2] / 2)
    return Part(solid=Box(centre=(x, y, z + half[2]), half=half), paint=paint)


def rod(x: float, y: float, z: float, radius: float, height: float, paint: Paint) -> Part:
    """An upright cylinder by the middle of its bottom."""
    return Part(solid=Cylinder(centre=(x, y, z), radius=radius, height=height), paint=paint)


def ball(x: float, y: float, z: float, radius: float, paint: Paint) -> Part:
    """A sphere by its centre."""
    return Part(solid=Sphere(centre=(x, y, z), radius=radius), paint=paint)


def thing(name: str, colour: str, *parts: Part) -> Surface:
    """A countable surface."""
    return Surface(name=name, colour=colour, thing=True, parts=parts)


def sports_ball(stream: Stream, colour: str) -> Surface:
    """A beach ball with white sectors, or a plain one."""
    radius = stream.uniform(0.14, 0.27)
    look = paint(colour, stream.choice(("stripes", "bands", "plain", "noise")))
    return thing("sports ball", colour, ball(0, 0, radius, radius, look))


def heap(stream: Stream, colour: str) -> Surface:
    """Three touching balls with a fourth on top: a crowd."""
    radius = stream.uniform(0.16, 0.24)
    out = 2 * radius / math.sqrt(3)
    look = paint(colour, "stripes")
    below = [
        ball(out * c, out * s, radius, radius, look)
        for c, s in ((1.0, 0.0), (-0.5, math.sqrt(0.75)), (-0.5, -math.sqrt(0.75)))
    ]
    above = ball(0, 0, radius * (1 + 2 * math.sqrt(2 / 3)), radius, look)
    return replace(thing("sports ball", colour, *below, above), crowd=True)


def suitcase(stream: Stream, colour: str) -> Surface:
    """A ribbed case with a handle."""
    wide, deep, high = (
        stream.uniform(0.4, 0.55),
        stream.uniform(0.22, 0.3),
        stream.uniform(0.5, 0.7),
    )
    red, green, blue = COLOURS[colour]
    ribs = replace(paint(colour, "stripes", 0.05), second=(0.7 * red, 0.7 * green, 0.7 * blue))
    handle = [block(s * wide / 4, 0, high, (0.025, 0.025, 0.16), DARK) for s in (-1, 1)]
    bar = block(0, 0, high + 0.16, (wide / 2 + 0.025, 0.035, 0.03), DARK)
    return thing("suitcase", colour, block(0, 0, 0, (wide, deep, high), ribs), *handle, bar)


def refrigerator(stream: Stream, colour: str) -> Surface:
    """Two doors and their handles."""
    high = stream.uniform(1.4, 1.75)
    body = block(0, 0, 0, (0.7, 0.66, high), paint(colour))
    seam = block(0, -0.335, high * 0.62, (0.7, 0.01, 0.02), DARK)
    handles = [block(0.27, -0.36, high * level, (0.03, 0.04, 0.3), STEEL) for level in (0.38, 0.68)]
    return thing("refrigerator", colour, body, seam, *handles)


def bottle(stream: Stream, colour: str) -> Surface:
    """A large bottle: body, neck and cap."""
    radius, high = stream.uniform(0.07, 0.1), stream.uniform(0.28, 0.38)
    look = paint(colour, "bands", 0.11)
    neck = rod(0, 0, high, radius * 0.4, high * 0.35, paint(colour))
    cap = rod(0, 0, high * 1.35, radius * 0.45, 0.03, DARK)
    return thing("bottle", colour, rod(0, 0, 0, radius, high, look), neck, cap)


def vase(stream: Stream, colour: str) -> Surface:
    """A belly between a foot and a neck."""
    radius = stream.uniform(0.14, 0.2)
    look = paint(colour, stream.choice(("bands", "stripes", "noise")), 0.5)
    foot = rod(0, 0, 0, radius * 0.7, radius * 0.4, paint(colour))
    belly = ball(0, 0, radius * 1.1, radius, look)
    neck = rod(0, 0, radius * 1.9, radius * 0.42, radius * 0.9, paint(colour))
    return thing("vase", colour, foot, belly, neck)


def chair(stream: Stream, colour: str) -> Surface:
    """Four legs, a seat and a back."""
    seat, high = stream.uniform(0.42, 0.48), stream.uniform(0.85, 1.0)
    look, leg = paint(colour), stream.choice((WOOD, STEEL, DARK))
    away = seat / 2 - 0.03
    legs = [rod(x, y, 0, 0.022, 0.44, leg) for x in (-away, away) for y in (-away, away)]
    back = block(0, away, 0.62, (seat, 0.035, high - 0.62), look)
    posts = [block(x, away, 0.48, (0.04, 0.03, 0.16), leg) for x in (-away, away)]
    return thing("chair", colour, *legs, *posts, block(0, 0, 0.44, (seat, seat, 0.05), look), back)


def dining_table(stream: Stream, colour: str) -> Surface:
    """A slab on four legs."""
    wide, deep = stream.uniform(0.9, 1.4), stream.uniform(0.7, 0.9)
    look = paint(colour, "planks", 0.14, "black")
    x, y = wide / 2 - 0.06, deep / 2 - 0.06
    legs = [block(a, b, 0, (0.06, 0.06, 0.7), look) for a in (-x, x) for b in (-y, y)]
    return thing("dining table", colour, *legs, block(0, 0, 0.7, (wide, deep, 0.05), look))


def couch(stream: Stream, colour: str) -> Surface:
    """A base, a back, two arms and two cushions."""
    wide, look = stream.uniform(1.3, 1.8), paint(colour, "plain", 0.4)
    arms = [block(s * (wide / 2 - 0.09), 0, 0.08, (0.18, 0.8, 0.5), look) for s in (-1, 1)]
    base = block(0, 0, 0.05, (wide, 0.78, 0.2), look)
    back = block(0, 0.3, 0.25, (wide - 0.36, 0.2, 0.55), look)
    half = (wide - 0.38) / 2
    cushions = [
        block(s * half / 2, -0.09, 0.25, (half - 0.02, 0.56, 0.16), paint(colour)) for s in (-1, 1)
    ]
    return thing("couch", colour, *arms, base, back, *cushions)


def potted_plant(stream: Stream, colour: str) -> Surface:
    """A coloured pot with a round bush in it."""
    radius, bush = stream.uniform(0.14, 0.2), stream.uniform(0.22, 0.32)
    pot = rod(0, 0, 0, radius, 0.3, paint(colour, "bands", 0.1))
    stem = rod(0, 0, 0.3, 0.025, 0.2, WOOD)
    leaves = [
        ball(a * bush, b * bush, 0.45 + c * bush, bush * d, LEAVES)
        for a, b, c, d in ((0, 0, 0.75, 1), (0.55, 0.2, 0.4, 0.6), (-0.5, -0.3, 0.5, 0.65))
    ]
    return thing("potted plant", colour, pot, stem, *leaves)


def car(stream: Stream, colour: str) -> Surface:
    """Body, glazed cabin, roof, four wheels and lamps; it points along y."""
    wide, long, high = stream.uniform(1.7, 1.85), stream.uniform(3.9, 4.6), stream.uniform(0.5, 0.6)
    body = block(0, 0, 0.3, (wide, long, high), paint(colour))
    cabin_long = long * stream.uniform(0.48, 0.6)
    cabin = block(0, -0.15, 0.3 + high, (wide - 0.2, cabin_long, 0.42), GLASS)
    roof = block(0, -0.15, 0.72 + high, (wide - 0.16, cabin_long - 0.3, 0.07), paint(colour))
    axle = long / 2 - 0.75
    wheels = [
        ball(x, y, 0.32, 0.32, DARK)
        for x in (0.2 - wide / 2, wide / 2 - 0.2)
        for y in (-axle, axle)
    ]
    red, white = paint("red"), paint("white")
    lamps = [
        block(x, s * (long / 2), 0.55, (0.3, 0.03, 0.14), white if s > 0 else red)
        for x in (0.25 - wide / 2, wide / 2 - 0.25)
        for s in (-1, 1)
    ]
    return thing("car", colour, body, cabin, roof, *wheels, *lamps)


def bus(stream: Stream, colour: str) -> Surface:
    """A long box with a band of windows."""
    long = stream.uniform(8.0, 10.0)
    body = block(0, 0, 0.35, (2.4, long, 1.0), paint(colour))
    windows = block(0, 0, 1.35, (2.36, long - 0.06, 0.9), GLASS)
    roof = block(0, 0, 2.25, (2.4, long, 0.35), paint(colour))
    axle = long / 2 - 1.6
    wheels = [ball(x, y, 0.45, 0.45, DARK) for x in (-0.9, 0.9) for y in (-axle, axle)]
    return thing("bus", colour, body, windows, roof, *wheels)


def fire_hydrant(stream: Stream, colour: str) -> Surface:
    """A barrel with a dome and a collar."""
    high = stream.uniform(0.55, 0.7)
    look = paint(colour)
    barrel = [rod(0, 0, 0, 0.19, 0.08, look), rod(0, 0, 0.08, 0.13, high, look)]
    collar = rod(0, 0, high, 0.18, 0.05, STEEL)
    return thing("fire hydrant", colour, *barrel, collar, ball(0, 0, high + 0.06, 0.13, look))


def bench(stream: Stream, colour: str) -> Surface:
    """A seat and a back on two supports."""
    wide, look = stream.uniform(1.3, 1.7), paint(colour, "bands", 0.07, "black")
    legs = [block(s * (wide / 2 - 0.15), 0, 0, (0.07, 0.4, 0.42), DARK) for s in (-1, 1)]
    seat = block(0, 0, 0.42, (wide, 0.45, 0.05), look)
    back = block(0, 0.22, 0.5, (wide, 0.04, 0.4), look)
    return thing("bench", colour, *legs, seat, back)


def traffic_light(stream: Stream, colour: str) -> Surface:
    """A pole with a box of three lamps that face -y."""
    high = stream.uniform(2.6, 3.2)
    lamps = [
        ball(0, -0.17, high + 0.2 + 0.27 * k, 0.1, paint(hue))
        for k, hue in enumerate(("green", "yellow", "red"))
    ]
    box = block(0, 0, high, (0.32, 0.3, 0.95), paint(colour))
    return thing("traffic light", colour, rod(0, 0, 0, 0.07, high, STEEL), box, *lamps)


INDOOR: tuple[Maker, ...] = (
    sports_ball,
    suitcase,
    refrigerator,
    bottle,
    vase,
    chair,
    dining_table,
    couch,
    potted_plant,
)
OUTDOOR: tuple[Maker, ...] = (car, car, bus, fire_hydrant, bench, traffic_light, sports_ball)


def tree(stream: Stream) -> Surface:
    """A trunk and a crown of four balls."""
    high, crown = stream.uniform(1.8, 3.0), stream.uniform(1.2, 1.9)
    bark = Paint(first=(0.16, 0.1, 0.06), second=(0.07, 0.045, 0.03), pattern="noise", scale=0.15)
    offsets = ((0, 0, 0.9, 1), (0.6, 0.2, 0.5, 0.7), (-0.5, 0.4, 0.6, 0.7), (0, -0.6, 0.5, 0.65))
    leaves = [
        ball(a * crown, b * crown, high + c * crown, crown * d, LEAVES) for a, b, c, d in offsets
    ]
    trunk = rod(0, 0, 0, stream.uniform(0.14, 0.24), high + 0.4, bark)
    return Surface(name="tree", colour="green", thing=False, parts=(trunk, *leaves))


def moved(surface: Surface, x: float, y: float, angle: float = 0.0) -> Surface:
    """The surface turned about z by `angle` (radians, from +x to +y), then shifted."""
    cos, sin = math.cos(angle), math.sin(angle)

    def move(part: Part) -> Part:
        solid = part.solid
        if isinstance(solid, Plane):
            raise TypeError("planes stay where they are")
        a, b, z = solid.centre
        solid = replace(solid, centre=(x + cos * a - sin * b, y + sin * a + cos * b, z))
        if isinstance(solid, Box):
            solid = replace(solid, cos=cos, sin=sin)
        return replace(part, solid=solid)

    return replace(surface, parts=tuple(map(move, surface.parts)))


def extent(surface: Surface) -> tuple[float, float]:
    """(radius around the origin seen from above, height) of a thing that stands there."""
    radius, height = 0.0, 0.0
    for part in surface.parts:
        solid = part.solid
        if isinstance(solid, Plane):
            raise TypeError("planes have no extent")
        x, y, z = solid.centre
        match solid:
            case Box(half=half):
                reach, top = math.hypot(abs(x) + half[0], abs(y) + half[1]), z + half[2]
            case Sphere(radius=r):
                reach, top = math.hypot(x, y) + r, z + r
            case Cylinder(radius=r, height=high):
                reach, top = math.hypot(x, y) + r, z + high
        radius, height = max(radius, reach), max(height, top)
    return radius, height
