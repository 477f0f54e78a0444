"""What rays meet first, and what stands between points and a light.

A solid is small beside a picture, so most rays need not be tried: rays are taken in tiles, bundles
of neighbours, and a solid is tried with the tiles alone whose cone touches the sphere around it.
What is tried in vain meets nothing, so tiles change no result.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .solids import Array, Point, bounding_sphere, dot, hit
from .world import Part

Index = NDArray[np.intp]
Ball = tuple[Point, float]  # centre and radius

SIDE = 8  # pixels of a tile of a picture
LINE = 128  # rays of a tile where they have no picture
MARGIN = 1e-9  # radians, far above what rounding makes of an angle


class Tiles(NamedTuple):
    """Bundles of unit rays that lie one after the other.

    starts, sizes: int[T], where each begins and how many rays it has; axes: float64[3, T], unit
    vectors; widths: float64[T], the widest angle between a tile's axis and its rays.
    """

    starts: Index
    sizes: Index
    axes: Array
    widths: Array


@functools.cache
def picture_tiles(height: int, width: int) -> tuple[Index, Index]:
    """The order that brings a picture's pixels into tiles, int[H * W], and the tiles' sizes."""
    rows, columns = np.arange(height) // SIDE, np.arange(width) // SIDE
    number = (rows[:, None] * (width // SIDE + 1) + columns).ravel()
    return np.argsort(number, kind="stable"), np.unique(number, return_counts=True)[1]


def tiles(ray: Array, sizes: Index) -> Tiles:
    """The tiles of unit rays float64[3, N]; sizes: how many each has, N in all."""
    starts = np.cumsum(sizes) - sizes
    axes = np.add.reduceat(ray, starts, axis=1)
    axes /= np.maximum(np.sqrt(dot(axes, axes)), 1e-12)
    off = ray - np.repeat(axes, sizes, axis=1)
    return Tiles(starts, sizes, axes, _angle(np.maximum.reduceat(dot(off, off), starts)))


def _angle(squared_chord: Array) -> Array:
    """The angle between two unit vectors by their difference, squared: exact for small angles."""
    return 2 * np.arcsin(np.minimum(1.0, np.sqrt(squared_chord) / 2))


def rays_of(of: Tiles, touched: NDArray[np.bool_]) -> Index:
    """The rays of some tiles, bool[T], ascending."""
    chosen = np.flatnonzero(touched)
    sizes = of.sizes[chosen]
    return np.repeat(of.starts[chosen] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())


def first_hits(
    parts: list[Part], start: Point, ray: Array, sizes: Index
) -> tuple[Array, NDArray[np.int16]]:
    """(distance float64[N], inf = none; index of the part, -1 = none) of unit rays in tiles."""
    best, index = np.full(ray.shape[1], np.inf), np.full(ray.shape[1], -1, np.int16)
    balls = [bounding_sphere(part.solid) for part in parts]
    bundles = tiles(ray, sizes)
    near = _touched(balls, start, bundles)
    for k, (part, ball) in enumerate(zip(parts, balls, strict=True)):
        if ball is None:
            distance = hit(part.solid, start, ray)
            nearer = distance < best
            np.copyto(best, distance, where=nearer)
            index[nearer] = k
            continue
        some = rays_of(bundles, near[k])
        if some.size:
            distance = hit(part.solid, start, ray.take(some, axis=1))
            closer = np.flatnonzero(distance < best[some])
            best[some[closer]], index[some[closer]] = distance[closer], k
    return best, index


def shadowed(
    parts: list[Part], light: Point, start: Array, towards: Array, far: Array
) -> NDArray[np.bool_]:
    """Whether something stands between each point and the light (planes cast no shadow).

    start: float64[3, N], the points; towards: unit vectors to the light; far: metres to it.
    """
    count = start.shape[1]
    dark = np.zeros(count, np.bool_)
    if not count:
        return dark
    sizes = np.full(-(-count // LINE), LINE)
    sizes[-1] = count - LINE * (len(sizes) - 1)
    casting = [
        (part.solid, ball)
        for part, ball in ((part, bounding_sphere(part.solid)) for part in parts)
        if ball is not None
    ]
    bundles = tiles(-towards, sizes)
    near = _touched([ball for _, ball in casting], light, bundles)
    for (solid, ball), touched in zip(casting, near, strict=True):
        some = rays_of(bundles, touched)
        some = some[~dark[some]]
        along = towards.take(some, axis=1)
        # Points are a little off their surface: some that just miss the sphere would be dark.
        passing = np.flatnonzero(_passing(ball, light, along))
        some, along = some[passing], along.take(passing, axis=1)
        if some.size:
            dark[some] = hit(solid, start.take(some, axis=1), along) < far[some]
    return dark


def _passing(ball: Ball, end: Point, towards: Array) -> NDArray[np.bool_]:
    """Which lines through `end`, along unit vectors towards it, pass through a ball."""
    offset = [c - e for c, e in zip(ball[0], end, strict=True)]
    beside = dot(offset, offset) - ball[1] * ball[1]
    if beside <= 0:
        return np.ones(towards.shape[1], np.bool_)
    return np.asarray(-dot(offset, towards) >= np.sqrt(beside))


def _touched(balls: list[Ball | None] | list[Ball], start: Point, of: Tiles) -> NDArray[np.bool_]:
    """bool[B, T]: which tiles' cones, seen from `start`, touch each ball; None touches all."""
    touched = np.ones((len(balls), len(of.sizes)), np.bool_)
    for number, ball in enumerate(balls):
        if ball is None:
            continue
        offset = np.array([[c - s] for c, s in zip(ball[0], start, strict=True)])
        away = float(np.sqrt(dot(offset, offset)[0]))
        if away > ball[1]:  # else the start lies in the ball
            off = offset / away - of.axes
            reach = of.widths + np.arcsin(ball[1] / away) + MARGIN
            touched[number] = _angle(dot(off, off)) <= reach
    return touched
