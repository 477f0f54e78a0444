"""Surface normals: the angle between answer and truth, over all pixels of all images.

    mean, median, rmse           of the angle, degrees
    below_5 ... below_30         percent of the pixels whose angle is smaller

All valid pixels of the set are pooled, not averaged by image, as in the evaluation code of Bae et
al. (ICCV 2021; CVPR 2024, utils/utils.py of its repository) and in what follows it. Mean,
rmse and shares are exact; the median is read from a histogram of 0.01 degree steps, rounded down. A
colour that the decoder rejects still has a direction and counts as that; `rejected` is the share of
those, the sky's colour included. The truth's sky and invalid pixels are not scored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Normals
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Floats, Value, ratio

BELOW = (5.0, 7.5, 11.25, 22.5, 30.0)  # degrees
STEPS = 100  # of the histogram, a degree
BINS = 180 * STEPS + 1


def angles(one: Floats, other: Floats) -> Floats:
    """float32[...]: degrees between unit vectors, float32[3, ...]; exactly 0 for equal ones."""
    # From the length of the chord between the two: its arc sine is accurate for small angles, where
    # the arc cosine of the dot product loses half of the digits.
    squared = np.square(one[0] - other[0])
    for k in (1, 2):
        gap = one[k] - other[k]
        squared += np.multiply(gap, gap, out=gap)
    half = np.minimum(np.sqrt(squared, out=squared) * np.float32(0.5), np.float32(1))
    return np.arcsin(half, out=half) * np.float32(360 / math.pi)


@dataclass
class NormalsMeter:
    """Sums, shares and a histogram of the angles between answer and truth, over pixels."""

    pixels: int = 0
    total: float = 0.0
    squares: float = 0.0
    rejected: int = 0
    below: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BELOW), np.int64))
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, truth: Normals, answer: Normals, geometry: Geometry) -> None:
        """Add an image. Both labels: xyz float32[3, H, W], unit vectors in OpenCV axes."""
        mask = truth.valid
        off = angles(answer.xyz, truth.xyz)[mask]
        self.pixels += len(off)
        self.total += float(off.sum(dtype=np.float64))
        self.squares += float(np.square(off).sum(dtype=np.float64))
        self.rejected += int(np.count_nonzero(~answer.valid[mask]))
        self.below += [np.count_nonzero(off < limit) for limit in BELOW]
        self.bins += np.bincount((off * STEPS).astype(np.int32), minlength=BINS)

    def merge(self, later: NormalsMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.pixels += later.pixels
        self.total += later.total
        self.squares += later.squares
        self.rejected += later.rejected
        self.below += later.below
        self.bins += later.bins

    def result(self) -> dict[str, Value]:
        """mean, median, rmse (degrees), below_* (percent), rejected (a share); None if no pixel."""
        square = ratio(self.squares, self.pixels)
        values: dict[str, Any] = {
            "mean": ratio(self.total, self.pixels),
            "median": self._median(),
            "rmse": None if square is None else math.sqrt(square),
        }
        for limit, count in zip(BELOW, self.below.tolist(), strict=True):
            values[f"below_{limit:g}"] = ratio(100.0 * count, self.pixels)
        return values | {"rejected": ratio(self.rejected, self.pixels)}

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: normals have no classes."""
        return {}

    def _median(self) -> Value:
        """The mean of the two middle angles, each at the lower edge of its step."""
        if not self.pixels:
            return None
        middle = ((self.pixels - 1) // 2, self.pixels // 2)
        upto = np.cumsum(self.bins)
        low, high = (int(np.searchsorted(upto, k, side="right")) for k in middle)
        return (low + high) / 2 / STEPS
