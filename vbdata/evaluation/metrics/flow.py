"""Optical flow: the distance between answered and true vectors, over all pixels of all images.

    epe              mean end-point error, the length of answer - truth, pixels
    epe_median       its median, to 1/64 pixel
    fl_all           percent of outliers: off by more than 3 pixels and by more than 5 % of the
                     true vector's length
    above_1, above_3, above_5    percent of the pixels off by more

As Menze and Geiger, "Object Scene Flow", CVPR 2015, and their devkit (flow_error) have it: valid
pixels of the truth are pooled. Pixels are those of the build's output, not of the source. A colour
that the decoder rejects still has a vector and counts as that; `rejected` is the share of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Flow
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Value, ratio

ABOVE = (1.0, 3.0, 5.0)  # pixels
OUTLIER, SHARE = 3.0, 0.05  # pixels, and of the true length
STEPS, MOST = 64, 1024  # of the histogram: a pixel, and in pixels


@dataclass
class FlowMeter:
    """Sums, shares and a histogram of end-point errors."""

    pixels: int = 0
    total: float = 0.0
    outliers: int = 0
    rejected: int = 0
    above: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(ABOVE), np.int64))
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(STEPS * MOST + 1, np.int64))

    def add(self, truth: Flow, answer: Flow, geometry: Geometry) -> None:
        """Add an image. Both labels: uv float32[2, H, W], pixels."""
        mask = truth.valid
        wanted = truth.uv[:, mask].astype(np.float64)
        off = np.hypot(*(answer.uv[:, mask] - wanted))
        self.pixels += len(off)
        self.total += float(off.sum())
        self.outliers += int(np.count_nonzero((off > OUTLIER) & (off > SHARE * np.hypot(*wanted))))
        self.rejected += int(np.count_nonzero(~answer.valid[mask]))
        self.above += [np.count_nonzero(off > limit) for limit in ABOVE]
        places = np.minimum(off * STEPS, STEPS * MOST).astype(np.int64)
        self.bins += np.bincount(places, minlength=len(self.bins))

    def merge(self, later: FlowMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.pixels += later.pixels
        self.total += later.total
        self.outliers += later.outliers
        self.rejected += later.rejected
        self.above += later.above
        self.bins += later.bins

    def result(self) -> dict[str, Value]:
        """epe, epe_median (pixels), fl_all, above_* (percent), rejected (a share)."""
        middle = int(np.searchsorted(np.cumsum(self.bins), (self.pixels + 1) // 2))
        values: dict[str, Value] = {
            "epe": ratio(self.total, self.pixels),
            "epe_median": middle / STEPS if self.pixels else None,
            "fl_all": ratio(100.0 * self.outliers, self.pixels),
        }
        for limit, count in zip(ABOVE, self.above.tolist(), strict=True):
            values[f"above_{limit:g}"] = ratio(100.0 * count, self.pixels)
        return values | {"rejected": ratio(self.rejected, self.pixels)}

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: flow has no classes."""
        return {}
