"""Seeds for flood fills: the modes of an image's colours, and which of them each pixel is near.

Modes are sought among the colours of flat places only: 3x3 windows whose channels vary by no more
than twice the radius, averaged over the window. Every component of which a 3x3 erosion keeps
something has such places; noise is averaged out there, and a stray pixel or a blended border never
is a seed. The commonest colour comes first and takes all colours near it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BIN = 4  # levels of a channel that share a bin of the histogram in which modes are sought
GRID = 256 // BIN
STEPS = 4  # of mean shift, from the fullest bin to the mode


def nearest_seed(
    rgb: NDArray[np.uint8], background: tuple[int, int, int], radius: int, fewest: float
) -> NDArray[np.uint16]:
    """uint16[H, W]: which seed each pixel of uint8 RGB [H, W, 3] is near, from 1; 0 for none.

    Seeds are numbered by how common their colours are; a colour near several belongs to the first.
    radius: Euclidean, of 255 a channel; background: a colour whose surroundings have no seed;
    fewest: pixels of flat places that a seed must stand for.
    """
    import cv2

    square = np.ones((3, 3), np.uint8)
    range_ = cv2.subtract(cv2.dilate(rgb, square), cv2.erode(rgb, square))
    flat = cv2.inRange(range_, (0, 0, 0), (2 * radius,) * 3) > 0
    blurred = np.asarray(cv2.blur(rgb, (3, 3), borderType=cv2.BORDER_REPLICATE), np.uint8)
    mean = _packed(blurred)[flat]
    table = np.zeros((256, 256, 256), np.uint16)  # untouched pages cost nothing
    _fill(table, background, radius**2 - 1, 1)
    mean = mean[table.take(mean) == 0]
    for number, seed in enumerate(_seeds(mean, radius, fewest), start=2):
        _fill(table, seed, radius**2, number)
    near = table.take(_packed(rgb))  # 0: no seed, 1: background, 2, 3, ...: seeds
    return np.maximum(near, 1) - np.uint16(1)


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """uint32[H, W]: each pixel's colour as one number, R * 65536 + G * 256 + B."""
    import cv2

    bgra = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA).reshape(*rgb.shape[:2], 4)
    return bgra.view("<u4")[..., 0] & np.uint32(0xFFFFFF)


def _fill(table: NDArray[np.uint16], centre: tuple[int, int, int], most: int, number: int) -> None:
    """Give all colours of a ball that have no number yet this one. most: its radius squared."""
    reach = math.isqrt(most)
    low = [max(0, c - reach) for c in centre]
    high = [min(255, c + reach) + 1 for c in centre]
    r, g, b = (np.square(np.arange(*ends) - c) for *ends, c in zip(low, high, centre, strict=True))
    cube = table[tuple(map(slice, low, high))]
    ball = r[:, None, None] + g[:, None] + b <= most
    cube[ball & (cube == 0)] = number


def _seeds(packed: NDArray[np.uint32], radius: int, fewest: float) -> list[tuple[int, int, int]]:
    """Modes of colours: from the fullest bin of a histogram, shifted to the mean of its ball.

    Greedy: the bins near a mode are emptied before the next one is sought.
    """
    channels = [packed >> 16, (packed >> 8) & 255, packed & 255]
    r, g, b = (channel // BIN for channel in channels)
    bins = ((r * GRID + g) * GRID + b).astype(np.int64)
    cube = (GRID, GRID, GRID)
    count = np.bincount(bins, minlength=GRID**3).reshape(cube)
    sums = np.stack([np.bincount(bins, c, minlength=GRID**3).reshape(cube) for c in channels])
    filled = np.flatnonzero(count)
    order = filled[np.argsort(-count.reshape(-1)[filled], kind="stable")]
    seeds = []
    for bin_ in zip(*(axis.tolist() for axis in np.unravel_index(order, cube)), strict=True):
        if not count[bin_]:
            continue
        centre = sums[:, *bin_] / count[bin_]
        for _ in range(STEPS):
            window = tuple(
                slice(max(0, c // BIN - radius // BIN - 1), c // BIN + radius // BIN + 2)
                for c in centre.astype(np.int64).tolist()
            )
            here = count[window]
            total = sums[:, *window]
            offset = total / np.maximum(here, 1) - centre[:, None, None, None]
            near = (np.square(offset).sum(0) <= radius**2) & (here > 0)
            number = int(here[near].sum())
            centre = total[:, near].sum(-1) / number if number else centre
        here[near] = 0
        count[bin_] = 0
        if number and number >= fewest:
            red, green, blue = np.rint(centre).astype(int).tolist()
            seeds.append((red, green, blue))
    return seeds
