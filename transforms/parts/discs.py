"""Joints drawn as discs with rings, and read back to the pixel: what `keypoints` draws with.

With a unit of s pixels a disc has a core of 2 s around its joint, in the joint's colour, and a ring
of up to 4 s, in the person's; a joint that is hidden has a hole of s in its core, in the person's
colour. Where discs meet, each pixel is of the nearest joint (of equally near ones, of the first):
so each joint has at least the pixel that it lies on, however many there are around.

A joint is read off the connected core of its colour. It lies where all of the core is within 2 s,
and no background within 4 s. If several places are so, they are tried until drawing what was read
makes the same picture.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
PASSES = 4  # over the joints whose place is not told by their own core alone
FEWEST = 0.2  # share of a hidden joint's core below which connected pixels are none


class Joint(NamedTuple):
    """A joint in whole pixels. kind: of the joint, person: whose, both from 0; seen: not hidden."""

    x: int
    y: int
    kind: int
    person: int
    seen: bool


class Core(NamedTuple):
    """Connected pixels of a joint's colour. kind: of the joint, from 0; x, y: int[n]."""

    kind: int
    x: NDArray[np.intp]
    y: NDArray[np.intp]


def unit(height: int, width: int) -> int:
    """The unit s of a picture of this size: 1 pixel up to 0.9 megapixels, then more."""
    return max(1, round(math.sqrt(height * width) / 640))


@functools.cache
def _disc(radius: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """dx and dy of the pixels of a disc, in reading order."""
    reach = np.arange(-radius, radius + 1)
    dy, dx = (grid.ravel() for grid in np.meshgrid(reach, reach, indexing="ij"))
    near = dx * dx + dy * dy <= radius * radius
    return dx[near], dy[near]


def drawn(joints: Sequence[Joint], size: tuple[int, int], kinds: int, s: int) -> Ids:
    """Joints, sorted by person and kind, as int32[H, W].

    0 = background, k = a core of kind k - 1, kinds + p = a ring or a hole of person p - 1.
    """
    height, width = size
    ids = np.zeros(size, np.int32)
    nearest = np.full(size, (4 * s) ** 2 + 1, np.int64)
    dx, dy = _disc(4 * s)
    far = dx * dx + dy * dy
    for joint in joints:
        x, y = joint.x + dx, joint.y + dy
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y, squared = x[inside], y[inside], far[inside]
        closer = squared < nearest[y, x]
        x, y, squared = x[closer], y[closer], squared[closer]
        nearest[y, x] = squared
        ids[y, x] = _colours(joint, squared, kinds, s)
    return ids


def _colours(joint: Joint, squared: NDArray[np.intp], kinds: int, s: int) -> NDArray[np.int64]:
    """What the pixels of a disc are drawn as, by their squared distance."""
    core = squared <= (2 * s) ** 2
    if not joint.seen:
        core &= squared > s * s
    return np.where(core, joint.kind + 1, kinds + joint.person + 1)


def cores(ids: Ids, kinds: int, s: int) -> list[Core]:
    """The connected cores of int32[H, W], as `drawn` numbers them; of larger ones their pixels."""
    import cv2

    found = []
    least = FEWEST * (len(_disc(2 * s)[0]) - len(_disc(s)[0]))
    for kind in np.unique(ids[(ids > 0) & (ids <= kinds)]).tolist():
        mask = (ids == kind).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for number in range(1, count):
            x, y, width, height, area = (int(value) for value in stats[number])
            if area >= least or area == 1:
                rows, columns = np.nonzero(labels[y : y + height, x : x + width] == number)
                found.append(Core(kind - 1, columns + x, rows + y))
    return found


def read(ids: Ids, kinds: int, persons: int, s: int) -> list[Joint]:
    """The joints of a picture as `drawn` drew it, int32[H, W]; -1 in it is a strange colour."""
    options = [_options(core, ids, kinds, persons, s) for core in cores(ids, kinds, s)]
    options = [each for each in options if each]
    joints = [each[0] for each in options]
    unsure = [place for place, each in enumerate(options) if len(each) > 1]
    for _ in range(PASSES if unsure else 0):
        changed = False
        for place in unsure:
            best = min(
                options[place], key=lambda one: _wrong([*joints[:place], one, *joints[place + 1 :]],
                                                       one, ids, kinds, s)
            )  # fmt: skip
            changed |= best != joints[place]
            joints[place] = best
        if not changed:
            break
    return sorted(joints, key=_place)


def _place(joint: Joint) -> tuple[int, int]:
    """Where a joint stands among those that are drawn, and who of equally near ones is first."""
    return joint.person, joint.kind


def _options(core: Core, ids: Ids, kinds: int, persons: int, s: int) -> list[Joint]:
    """Where the joint of a core may lie, the likeliest place first; none without a ring."""
    height, width = ids.shape
    centre = float(core.x.mean()), float(core.y.mean())
    dx, dy = _disc(2 * s)
    x, y = (
        np.round(middle).astype(int) + step for middle, step in zip(centre, (dx, dy), strict=True)
    )
    good = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    x, y = x[good], y[good]
    apart = np.square(core.x[None] - x[:, None]) + np.square(core.y[None] - y[:, None])
    fits = apart.max(1) <= (2 * s) ** 2
    px, py = (v[:, None] + step for v, step in zip((x, y), _disc(4 * s), strict=True))
    inside = (px >= 0) & (py >= 0) & (px < width) & (py < height)
    drawn_on = ids[py.clip(0, height - 1), px.clip(0, width - 1)] != 0
    fits &= (drawn_on | ~inside).all(1)
    person = _person(core, ids, kinds, persons)
    if person is None:
        return []
    far = np.square(x - centre[0]) + np.square(y - centre[1])
    order = np.flatnonzero(fits)[np.argsort(far[fits], kind="stable")]
    places = [(int(x[k]), int(y[k])) for k in order]
    return [Joint(a, b, core.kind, person, bool(ids[b, a] == core.kind + 1)) for a, b in places]


def _person(core: Core, ids: Ids, kinds: int, persons: int) -> int | None:
    """Whose colour is the commonest beside a core; None if there is none."""
    height, width = ids.shape
    around = [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]
    x = np.concatenate([core.x + dx for dx, _ in around]).clip(0, width - 1)
    y = np.concatenate([core.y + dy for _, dy in around]).clip(0, height - 1)
    beside = ids[y, x] - kinds
    counts = np.bincount(beside[(beside > 0) & (beside <= persons)], minlength=2)
    return int(counts.argmax()) - 1 if counts.any() else None


def _wrong(joints: Iterable[Joint], one: Joint, ids: Ids, kinds: int, s: int) -> int:
    """How many pixels around a joint are drawn otherwise than they are in the picture."""
    height, width = ids.shape
    reach = 6 * s
    x0, y0 = max(0, one.x - reach), max(0, one.y - reach)
    window = ids[y0 : min(height, one.y + reach + 1), x0 : min(width, one.x + reach + 1)]
    near = sorted(
        (
            each._replace(x=each.x - x0, y=each.y - y0)
            for each in joints
            if max(abs(each.x - one.x), abs(each.y - one.y)) <= reach + 4 * s
        ),
        key=_place,
    )
    size = (window.shape[0], window.shape[1])
    return int((drawn(near, size, kinds, s) != window).sum())
