"""Flat-coloured regions of a noisy image: the instance decoder of arXiv 2604.20329, Appendix A.

1. A pixel whose squared distance to the background's colour is under radius^2 is background.
2. A flood from a seed takes every neighbour within radius of the seed's colour; neighbours are the
   8 around a pixel and the 8 knight's moves ("16-connectivity").
3. Components under `smallest` of the image are dropped, and
4. those of which a 3x3 erosion keeps under `solid` (outside the image counts as inside).
5. Two are merged if their mean colours are within radius and the box around both is at most
   `spread` times the sum of their boxes; largest first, until no two can be merged.

The paper does not say where seeds fall. Here they are modes of colour (transforms/parts/seeds.py):
in reading order, a noisy pixel would be a seed (docs/instance.md has the difference).

The paper's floods go pixel by pixel, too slowly in Python. But whether a pixel joins a flood
depends on its own colour and the seed's alone, so all floods of one seed together are the connected
components of its pixels: rows are cut into runs of pixels near one seed, runs of one seed that
touch are linked, and linked runs are joined. Time and memory grow with the number of runs, in NumPy
and OpenCV throughout.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .seeds import nearest_seed

Ints = NDArray[np.int64]

PAD = 4  # free columns between rows where runs lie on one line: no knight's move crosses them


def components(
    rgb: NDArray[np.uint8],
    background: tuple[int, int, int],
    *,
    radius: int,
    smallest: float,
    solid: float,
    spread: float,
) -> NDArray[np.int32]:
    """Instances in uint8 RGB [H, W, 3]: int32[H, W], 0 = background, 1, 2, ... by falling area.

    Equal areas go by the first pixel in reading order. radius: of 255 a channel, Euclidean;
    smallest: share of the image; solid: share of a component that erosion must keep; spread: how
    much larger the box around two may be than their own boxes together.
    """
    import cv2

    total = rgb.shape[0] * rgb.shape[1]
    # Rules 3 and 4 together: a component that stays has at least this many eroded pixels. Seeds
    # with fewer in all are left out before anything is joined.
    fewest = solid * smallest * total
    seed = nearest_seed(rgb, background, radius, fewest)
    square = np.ones((3, 3), np.uint8)
    eroded = (cv2.erode(seed, square) == cv2.dilate(seed, square)).reshape(seed.shape)
    solid_of_seed = np.bincount(seed[eroded], minlength=int(seed.max()) + 1)
    usable = solid_of_seed >= fewest
    usable[0] = False
    every = _runs(seed)
    kept = np.flatnonzero(usable[every.seed])
    runs = every.at(kept)
    _, part = np.unique(_joined(len(kept), *_links(runs)), return_inverse=True)
    if not len(kept):
        return np.zeros(seed.shape, np.int32)

    area = np.bincount(part, runs.right - runs.left)
    core = np.bincount(part, _sums(eroded.view(np.uint8), runs)[:, 0])
    good = (area / total >= smallest) & (core / area >= solid)
    first = np.unique(part, return_index=True)[1]
    order = np.flatnonzero(good)[np.lexsort((first[good], -area[good]))]
    rank = np.full(len(area), -1)  # of components by falling area; -1: dropped
    rank[order] = np.arange(len(order))
    alive = rank[part] >= 0
    inside = runs.at(alive)
    group = _merged(_facts(rgb, inside, rank[part[alive]], len(order)), radius, spread)

    ids = np.zeros(len(every.seed), np.int32)
    ids[kept[alive]] = group[rank[part[alive]]] + 1
    return np.repeat(ids, every.right - every.left).reshape(seed.shape)


class Runs(NamedTuple):
    """Runs of pixels near one seed, left .. right - 1 of a row, in reading order; arrays [N]."""

    seed: NDArray[np.uint16]
    row: Ints
    left: Ints
    right: Ints

    def at(self, which: NDArray[Any]) -> Runs:
        """The runs at some indices, or where a mask is true."""
        return Runs(self.seed[which], self.row[which], self.left[which], self.right[which])


def _runs(seed: NDArray[np.uint16]) -> Runs:
    """The runs of uint16[H, W], the number of the seed that each pixel is near."""
    width = seed.shape[1]
    line = seed.reshape(-1)
    edge = np.ones(len(line), np.bool_)
    np.not_equal(line[1:], line[:-1], out=edge[1:])
    edge[::width] = True
    start = np.flatnonzero(edge)
    left = start % width
    length = np.diff(start, append=len(line))
    return Runs(seed=line[start], row=start // width, left=left, right=left + length)


def _links(runs: Runs) -> tuple[Ints, Ints]:
    """Pairs of runs of one seed with a pixel each that are neighbours: (upper, lower), indices.

    A row apart, neighbours are up to 2 columns apart (king's and knight's moves); two rows apart,
    just 1 column. All runs are laid out on one line, seed by seed and row by row with PAD between,
    so that the lower partners of a run are an interval of the sorted runs, found by bisection.
    """
    step = int(runs.right.max(initial=0)) + 2 * PAD
    rows = int(runs.row.max(initial=0)) + PAD
    order = np.argsort(runs.seed, kind="stable")
    base = (runs.seed[order].astype(np.int64) * rows + runs.row[order]) * step + PAD
    left, right = base + runs.left[order], base + runs.right[order] - 1
    above, below = [], []
    for down, reach in ((1, 2), (2, 1)):
        first = np.searchsorted(right, left + down * step - reach)
        last = np.searchsorted(left, right + down * step + reach, side="right")
        number = np.maximum(last - first, 0)
        upper = np.repeat(np.arange(len(order)), number)
        skip = np.repeat(np.cumsum(number) - number - first, number)
        lower = np.arange(len(upper)) - skip
        if down == 2:  # two single pixels exactly below one another are no knight's move apart
            dots = (left[upper] == right[upper]) & (left[lower] == right[lower])
            touching = ~(dots & (left[upper] + 2 * step == left[lower]))
            upper, lower = upper[touching], lower[touching]
        above.append(order[upper])
        below.append(order[lower])
    return np.concatenate(above), np.concatenate(below)


def _joined(count: int, one: Ints, two: Ints) -> Ints:
    """Connected components: for each of `count` nodes the smallest node that links lead to.

    Hooking and pointer jumping (Shiloach and Vishkin, 1982), which need no loop over nodes: roots
    of linked trees are hung under the smaller one, then paths are halved until all trees are flat.
    """
    root = np.arange(count)
    while True:
        a, b = root[one], root[two]
        apart = a != b
        if not apart.any():
            return root
        one, two, a, b = one[apart], two[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while ((up := root[root]) != root).any():
            root = up


def _sums(image: NDArray[np.uint8], runs: Runs) -> NDArray[np.float64]:
    """float64[N, C]: each channel summed over each run, by an integral image; exact."""
    import cv2

    height, width = image.shape[:2]
    table = cv2.integral(image, sdepth=cv2.CV_64F).reshape(height + 1, width + 1, -1)
    row, left, right = runs.row, runs.left, runs.right
    low = table[row + 1, right] - table[row + 1, left]
    return np.asarray(low - (table[row, right] - table[row, left]))


class _Facts(NamedTuple):
    """Components in numbers.

    colour: [3, N], sums of their channels; mean: [3, N], colour / area, infinite for a component
    that was merged into another; area: [N] in pixels, 0 for such a one; box: [N, 4], top, left,
    minus bottom and minus right, so that the box around two is the minimum of theirs.
    """

    colour: NDArray[np.float64]
    mean: NDArray[np.float64]
    area: NDArray[np.float64]
    box: Ints


def _facts(rgb: NDArray[np.uint8], runs: Runs, part: Ints, count: int) -> _Facts:
    sums = [np.bincount(part, c, minlength=count) for c in _sums(rgb, runs).T]
    colour = np.array(sums, np.float64)
    area = np.bincount(part, runs.right - runs.left, minlength=count)
    box = np.full((count, 4), np.iinfo(np.int64).max)
    for side, value in enumerate((runs.row, runs.left, -runs.row - 1, -runs.right)):
        np.minimum.at(box[:, side], part, value)
    return _Facts(colour, colour / area, area.astype(np.float64), box)


def _merged(facts: _Facts, radius: int, spread: float) -> Ints:
    """For each component, by falling area, its number after merging, again by falling area.

    The larger of two takes the smaller in; having grown, it has another mean and another box, so it
    is compared with all others again.
    """
    colour, mean, area, box = facts
    group = np.arange(len(area))
    for start in range(len(area)):
        one, after = start, start
        while area[one] and (two := _partner(facts, one, after, radius, spread)) is not None:
            one, two, after = min(one, two), max(one, two), -1
            colour[:, one] += colour[:, two]
            area[one] += area[two]
            mean[:, one] = colour[:, one] / area[one]
            box[one] = np.minimum(box[one], box[two])
            area[two], mean[:, two] = 0, np.inf
            group[group == two] = one
    rank = np.argsort(np.argsort(-area, kind="stable"))
    return rank[group]


def _partner(facts: _Facts, one: int, after: int, radius: int, spread: float) -> int | None:
    """The first component after `after` that merges with `one` by rule 5; None if none does."""
    _, mean, _, box = facts
    near = np.flatnonzero(np.abs(mean[0, after + 1 :] - mean[0, one]) <= radius) + after + 1
    apart = np.square(mean[:, near] - mean[:, one, None]).sum(0)
    near = near[(apart <= radius**2) & (near != one)]
    if not len(near):
        return None
    both = _size(np.minimum(box[near], box[one]))
    fits = near[both <= spread * (_size(box[near]) + _size(box[one]))]
    return int(fits[0]) if len(fits) else None


def _size(box: Ints) -> Ints:
    """Areas of boxes [..., 4] in pixels."""
    return (box[..., 0] + box[..., 2]) * (box[..., 1] + box[..., 3])
