"""Masks of the foreground, answered in grey: the measures of dichotomous segmentation.

    f_max      the largest, over 255 thresholds, of the mean over images of
               F = 1.3 P R / (0.3 P + R),  P precision, R recall of the answer at that threshold
    s_measure  0.5 S_o + 0.5 S_r, structure of object and of region, the mean over images
    mae        mean |a - t| over pixels, the mean over images, a and t from 0 to 1

beta^2 = 0.3 is that of Achanta et al. (CVPR 2009); the threshold is one for the whole set, as usual
for the sets of salient objects. S: Fan et al., "Structure-measure" (ICCV 2017, arXiv 1708.00786),
with the deviation of a sample (n - 1) and the four blocks around the truth's centroid of its
published code. Answers are taken as they are painted, not stretched to 0 to 1. An
image without any foreground has no F, and is left out of it.

Void pixels count as background that is answered right. A colour that the decoder rejects counts as
its nearest grey; `rejected` is the share of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Matte
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Mask, Means, Value, ratio

BETA2 = 0.3
ALPHA = 0.5  # the share of the object's structure in S
HALF = 128  # alpha from which on a pixel of the truth is foreground
TINY = float(np.finfo(np.float64).eps)


@dataclass
class ForegroundMeter:
    """Mean measures over images. curve: of F by threshold, float64[255], summed over `images`."""

    curve: NDArray[np.float64] = field(default_factory=lambda: np.zeros(255))
    images: int = 0
    means: Means = field(default_factory=Means)

    def add(self, truth: Matte, answer: Matte, geometry: Geometry) -> None:
        """Add an image. Both labels: alpha uint8[H, W]."""
        valid = truth.valid
        if not valid.any():
            return
        object_ = (truth.alpha >= HALF) & valid
        painted = np.where(valid, answer.alpha, 0).astype(np.uint8)
        if object_.any():
            self.curve += f_curve(painted[valid], object_[valid])
            self.images += 1
        off = np.abs(painted[valid] / 255 - object_[valid])
        rejected = np.count_nonzero(~answer.valid & valid) / off.size
        structure = s_measure(painted / 255, object_)
        self.means.add({"s_measure": structure, "mae": float(off.mean()), "rejected": rejected})

    def merge(self, later: ForegroundMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.curve += later.curve
        self.images += later.images
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """f_max, s_measure, mae and rejected; None for one that no image defines."""
        return {"f_max": ratio(float(self.curve.max()), self.images), **self.means.result()}

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: a foreground has no classes."""
        return {}


def f_curve(painted: NDArray[np.uint8], object_: Mask) -> NDArray[np.float64]:
    """float64[255]: F of uint8[n] at thresholds 1 to 255, against bool[n] that is not all False."""
    hits = np.bincount(painted[object_], minlength=256)[::-1].cumsum()[::-1][1:]
    marked = np.bincount(painted, minlength=256)[::-1].cumsum()[::-1][1:]
    precision, recall = hits / np.maximum(marked, 1), hits / np.count_nonzero(object_)
    below = BETA2 * precision + recall
    return np.asarray((1 + BETA2) * precision * recall / np.where(below > 0, below, 1))


def s_measure(painted: NDArray[np.float64], object_: Mask) -> float:
    """The structure measure of float64[H, W], 0 to 1, against bool[H, W]."""
    share = float(object_.mean())
    if share in (0.0, 1.0):
        mean = float(painted.mean())
        return mean if share else 1 - mean
    of_object = share * _object(painted[object_]) + (1 - share) * _object(1 - painted[~object_])
    return max(0.0, ALPHA * of_object + (1 - ALPHA) * _regions(painted, object_))


def _object(values: NDArray[np.float64]) -> float:
    """How high and how even the values on an object, or on its background, are."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean * mean + 1 + spread + TINY)


def _regions(painted: NDArray[np.float64], object_: Mask) -> float:
    """The similarity of the four blocks around the truth's centroid, by their areas."""
    rows, columns = np.nonzero(object_)
    row, column = int(np.round(rows.mean())) + 1, int(np.round(columns.mean())) + 1
    total = 0.0
    for above in (slice(None, row), slice(row, None)):
        for left in (slice(None, column), slice(column, None)):
            block, truth = painted[above, left], object_[above, left]
            if block.size:
                total += block.size / painted.size * _similarity(block, truth.astype(np.float64))
    return total


def _similarity(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Structural similarity of two blocks as a whole."""
    mean_x, mean_y, less = float(x.mean()), float(y.mean()), max(1, x.size - 1)
    off_x, off_y = x - mean_x, y - mean_y
    spread = (float(np.square(off_x).sum()) + float(np.square(off_y).sum())) / less
    above = 4 * mean_x * mean_y * float((off_x * off_y).sum()) / less
    below = (mean_x**2 + mean_y**2) * spread
    if above:
        return above / (below + TINY)
    return 0.0 if below else 1.0
