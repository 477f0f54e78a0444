"""Procedural paint: colour names, and patterns that mix two colours over a surface.

A pattern maps a surface's coordinates u, v, in multiples of the paint's scale, to the share of the
second colour, float64[N] of 0 to 1. Patterns are polynomials of fractional parts, without sines,
which round alike on any processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .solids import Array

Rgb = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {  # linear reflectance
    "red": (0.62, 0.05, 0.04),
    "orange": (0.80, 0.27, 0.03),
    "yellow": (0.82, 0.63, 0.06),
    "green": (0.06, 0.36, 0.09),
    "blue": (0.05, 0.14, 0.58),
    "purple": (0.27, 0.06, 0.42),
    "pink": (0.82, 0.30, 0.44),
    "brown": (0.21, 0.10, 0.045),
    "black": (0.025, 0.025, 0.03),
    "white": (0.80, 0.80, 0.77),
    "grey": (0.27, 0.27, 0.28),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """A pattern of two colours, linear RGB. scale: metres of one unit (on spheres: see `chart`)."""

    first: Rgb
    second: Rgb
    pattern: str = "plain"
    scale: float = 1.0


def reflectance(paint: Paint, u: Array, v: Array) -> Array:
    """Linear reflectance float64[3, N] of a painted surface at its chart's coordinates."""
    share = np.clip(PATTERNS[paint.pattern](u / paint.scale, v / paint.scale), 0.0, 1.0)
    mixed = [a + (b - a) * share for a, b in zip(paint.first, paint.second, strict=True)]
    return np.stack(mixed)


def wave(x: Array) -> Array:
    """A smooth bump 0 -> 1 -> 0 over every unit."""
    part = fraction(x)
    bump = 4 * part * (1 - part)
    return bump * bump * (3 - 2 * bump)


def noise(u: Array, v: Array) -> Array:
    """Three layers of waves, each bent by the next: cloudy, without a visible period."""
    bend = wave(0.29 * v - 0.11 * u)
    broad = wave(0.43 * u + 0.17 * v + bend)
    middle = wave(0.91 * v - 0.63 * u + broad)
    fine = wave(2.3 * u + 1.7 * v + middle + bend)
    return 0.4 * broad + 0.35 * middle + 0.25 * fine


def plain(u: Array, v: Array) -> Array:
    """Hardly any pattern: a faint cloud."""
    return 0.08 * noise(u * 3, v * 3)


def checker(u: Array, v: Array) -> Array:
    """Squares of one unit."""
    number = np.floor(u + 0.013) + np.floor(v + 0.013)
    return 2 * fraction(number / 2)


def stripes(u: Array, v: Array) -> Array:
    """One unit of the first colour, one of the second, along u."""
    return np.where(fraction(u / 2 + 0.007) < 0.5, 0.0, 1.0) + 0 * v


def bands(u: Array, v: Array) -> Array:
    """Stripes along v: around an upright object."""
    return stripes(v, u)


def planks(u: Array, v: Array) -> Array:
    """Boards one unit wide along v, each of its own tone, with grain and dark joints."""
    board = np.floor(u)
    along = v / 9 + board * 0.37
    tone = fraction(board * 0.618034 + np.floor(along) * 0.754877)
    joint = (fraction(u) < 0.05) | (fraction(along) < 0.006)
    return np.where(joint, 1.0, 0.1 + 0.4 * tone + 0.3 * noise(u * 3, v * 0.35 + board * 0.73))


def bricks(u: Array, v: Array) -> Array:
    """Running bond, courses one unit high; the second colour is the mortar."""
    course = np.floor(v)
    along = u / 2.8 + 0.5 * fraction(course / 2) * 2
    tone = fraction(course * 0.618034 + np.floor(along) * 0.754877)
    mortar = (fraction(v) < 0.13) | (fraction(along) < 0.05)
    return np.where(mortar, 1.0, 0.3 * tone + 0.12 * noise(u * 2, v * 2))


def tiles(u: Array, v: Array) -> Array:
    """Squares of one unit with thin joints of the second colour."""
    tone = fraction(np.floor(u) * 0.618034 + np.floor(v) * 0.754877)
    joint = (fraction(u) < 0.035) | (fraction(v) < 0.035)
    return np.where(joint, 1.0, 0.22 * tone + 0.1 * noise(u * 2, v * 2))


def facade(u: Array, v: Array) -> Array:
    """Rows of windows in the second colour, one to a unit, on weathered wall."""
    across, up = fraction(u), fraction(v)
    window = (across > 0.28) & (across < 0.74) & (up > 0.32) & (up < 0.82)
    pane = window & (np.abs(across - 0.51) > 0.02)
    return np.where(pane, 0.75 + 0.25 * fraction(np.floor(u) * 0.62 + np.floor(v) * 0.75), 0.0) + (
        np.where(pane, 0.0, 0.12 * noise(u * 2.1, v * 1.3))
    )


def lane(u: Array, v: Array) -> Array:
    """Asphalt along v with a broken white line in its middle."""
    line = (np.abs(u) < 0.07) & (fraction(v / 6) < 0.5)
    return np.where(line, 0.9, 0.06 * noise(u * 0.7, v * 0.5) + 0.08 * noise(u * 5, v * 5))


def fraction(x: Array) -> Array:
    """The part above the floor, 0 <= f < 1."""
    part: Array = x - np.floor(x)
    return part


PATTERNS: dict[str, Callable[[Array, Array], Array]] = {
    "plain": plain,
    "noise": noise,
    "checker": checker,
    "stripes": stripes,
    "bands": bands,
    "planks": planks,
    "bricks": bricks,
    "tiles": tiles,
    "facade": facade,
    "lane": lane,
}
