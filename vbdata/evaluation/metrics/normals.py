"""Surface normals: the angle between answer and truth, over all pixels of all images.

    mean, median, rmse           of the angle, degrees
    below_5 ... below_30         percent of the pixels whose angle is smaller

All valid pixels of the set are pooled, not averaged by image: so do the evaluations of Bae et al.
(ICCV 2021, and DSINE, CVPR 2024) and what follows them. Mean, rmse and shares are exact; the median
is read from a histogram of 0.01 degree steps, rounded down. A colour that the decoder rejects
still has a direction and counts as that; `rejected` is the share of those, the sky's colour
included. The truth's sky and invalid pixels are not scored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Geometry, Normals
from vbdata.evaluation.metrics.meter import Floats, Value, ratio

BELOW = (5.0, 7.5, 11.25, 22.5, 30.0)
STEPS = 100  # a degree
BINS = 180 * STEPS + 1


def angles(one: Floats, other: Floats) -> Floats:
    """Degrees between unit vectors, float32[n] of float32[3, n]; exactly 0 between equal ones.

    By the chord, whose arc sine is accurate for small angles, where an arc cosine is not.
    """
    squared = np.square(one[0] - other[0])
    for k in (1, 2):
        gap = one[k] - other[k]
        squared += np.multiply(gap, gap, out=gap)
    half = np.minimum(np.sqrt(squared, out=squared) * np.float32(0.5), np.float32(1))
    return np.arcsin(half, out=half) * np.float32(360 / math.pi)


@dataclass
class NormalsMeter:
    """The histogram of angles, their exact sums and shares."""

    pixels: int = 0
    total: float = 0.0
    squares: float = 0.0
    rejected: int = 0
    below: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BELOW), np.int64))
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, truth: Normals, answer: Normals, geometry: Geometry) -> None:
        """Score an image. Both labels: xyz float32[3, H, W], at the truth's size."""
        mask = truth.valid.numpy()
        off = angles(answer.xyz.numpy(), truth.xyz.numpy())[mask]
        self.pixels += len(off)
        self.total += float(off.sum(dtype=np.float64))
        self.squares += float(np.square(off).sum(dtype=np.float64))
        self.rejected += int(np.count_nonzero(~answer.valid.numpy()[mask]))
        self.below += [np.count_nonzero(off < limit) for limit in BELOW]
        self.bins += np.bincount((off * STEPS).astype(np.int32), minlength=BINS)

    def merge(self, later: NormalsMeter) -> None:
        """Take up the images that come after these."""
        self.pixels += later.pixels
        self.total += later.total
        self.squares += later.squares
        self.rejected += later.rejected
        self.below += later.below
        self.bins += later.bins

    def result(self) -> dict[str, Value]:
        """Over all pixels; None for each if there was none."""
        square = ratio(self.squares, self.pixels)
        found: dict[str, Any] = {
            "mean": ratio(self.total, self.pixels),
            "median": self._median(),
            "rmse": None if square is None else math.sqrt(square),
        }
        for limit, count in zip(BELOW, self.below.tolist(), strict=True):
            found[f"below_{limit:g}"] = ratio(100.0 * count, self.pixels)
        return found | {"rejected": ratio(self.rejected, self.pixels)}

    def per_class(self) -> dict[str, Value]:
        """Normals have no classes."""
        return {}

    def _median(self) -> Value:
        """The mean of the two middle angles, each at the lower edge of its step."""
        if not self.pixels:
            return None
        middle = ((self.pixels - 1) // 2, self.pixels // 2)
        upto = np.cumsum(self.bins)
        low, high = (int(np.searchsorted(upto, k, side="right")) for k in middle)
        return (low + high) / 2 / STEPS
