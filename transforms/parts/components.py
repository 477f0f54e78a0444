"""Flat-coloured regions of a noisy image: the instance decoder of arXiv 2604.20329, Appendix A.

1. A pixel whose squared distance to the background's colour is under radius^2 is background.
2. A flood from a seed takes every neighbour within radius of the seed's colour; neighbours are the
   8 around a pixel and the 8 knight's moves ("16-connectivity").
3. Components under `smallest` of the image are dropped, and
4. those of which a 3x3 erosion keeps under `solid` (outside the image counts as inside).
5. Two are merged if their mean colours are within radius and the box around both is at most
   `spread` times the sum of their boxes; largest first, until nothing does.

The paper does not say where seeds fall; here they are modes of colour (see `_seeds`). All floods of
one seed's colour run at once: rows are cut into runs of one seed, and runs are joined across rows.
All in numpy and OpenCV; time and memory are bounded by the number of runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.parts.seeds import nearest_seed

Ints = NDArray[np.int64]

PAD = 4  # free columns between rows in the keys of runs; more than a knight's move


def components(
    rgb: NDArray[np.uint8],
    background: tuple[int, int, int],
    *,
    radius: int,
    smallest: float,
    solid: float,
    spread: float,
) -> NDArray[np.int32]:
    """int32[H, W] of uint8[H, W, 3]: 0 = background, 1, 2, ... by falling area, then by place."""
    import cv2

    total = rgb.shape[0] * rgb.shape[1]
    fewest = solid * smallest * total  # a component with fewer eroded pixels does not stay
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
    place = np.full(len(area), -1)
    place[order] = np.arange(len(order))
    alive = place[part] >= 0
    inside = runs.at(alive)
    group = _merged(_facts(rgb, inside, place[part[alive]], len(order)), radius, spread)

    ids = np.zeros(len(every.seed), np.int32)
    ids[kept[alive]] = group[place[part[alive]]] + 1
    return np.repeat(ids, every.right - every.left).reshape(seed.shape)


class Runs(NamedTuple):
    """Pixels left .. right - 1 of a row that have the same seed, in the order of the image."""

    seed: NDArray[np.uint16]
    row: Ints
    left: Ints
    right: Ints

    def at(self, which: NDArray[Any]) -> Runs:
        """Some of the runs."""
        return Runs(self.seed[which], self.row[which], self.left[which], self.right[which])


def _runs(seed: NDArray[np.uint16]) -> Runs:
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
    """Pairs of runs that touch: a row apart by up to 2 columns, two rows apart by just 1."""
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
        if down == 2:  # a knight moves by one column, not by none
            dots = (left[upper] == right[upper]) & (left[lower] == right[lower])
            some = ~(dots & (left[upper] + 2 * step == left[lower]))
            upper, lower = upper[some], lower[some]
        above.append(order[upper])
        below.append(order[lower])
    return np.concatenate(above), np.concatenate(below)


def _joined(count: int, one: Ints, two: Ints) -> Ints:
    """For each of count nodes the smallest node that links reach: hooking and pointer jumping."""
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
    """float64[N, C]: the sum of each channel over each run; exact."""
    import cv2

    height, width = image.shape[:2]
    table = cv2.integral(image, sdepth=cv2.CV_64F).reshape(height + 1, width + 1, -1)
    row, left, right = runs.row, runs.left, runs.right
    low = table[row + 1, right] - table[row + 1, left]
    return np.asarray(low - (table[row, right] - table[row, left]))


class _Facts(NamedTuple):
    """Of components: colour sums [3, N], area [N], and top, left, minus bottom, minus right [N, 4].

    mean: colour / area [3, N]; infinite for a component that went into another.
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
    """For each component, by falling area, its number after merging, again by falling area."""
    colour, mean, area, box = facts
    group = np.arange(len(area))
    for start in range(len(area)):
        one, after = start, start  # one that has grown must look at all others again
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
    """The first component after a place that merges with this one."""
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
    return (box[..., 0] + box[..., 2]) * (box[..., 1] + box[..., 3])
