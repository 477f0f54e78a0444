"""Relative depth: errors after the best scale and shift of each image, averaged over images.

The answer d and the truth t are compared in the space s of the task's code: 1/d (inverse), -ln d
(log) or -d (linear). Over the pixels at which the truth is valid and finite, scale a and shift b
are those of least squares,

    a, b = argmin sum (a s(d) + b - s(t))^2

and the aligned answer s^-1(a s(d) + b), clipped to the nearest and the farthest t of the image, as
depth is clipped to a cap where it has a unit, is scored:

    absrel    mean |d - t| / t              rmse_log  sqrt mean (ln d - ln t)^2
    delta1, delta2, delta3: share of max(d / t, t / d) below 1.25, 1.25^2, 1.25^3

Each is the mean over images of the image's value. That is the affine-invariant protocol of Ranftl
et al. (MiDaS, arXiv 1907.01341), who align in inverse depth. Sky is not scored; in an answer it
counts as the farthest depth that the answer has. A colour that the decoder rejects counts as its
nearest grey; `rejected` is the share of those. An image without a pixel to score is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Floats, Mask, Means, Value

DELTA = 1.25


@dataclass
class RelativeMeter:
    """Mean errors over images. space: inverse, log or linear."""

    space: str = "inverse"
    means: Means = field(default_factory=Means)

    def add(self, truth: Depth, answer: Depth, geometry: Geometry) -> None:
        """Add an image. Both labels: metres float32[H, W] in any unit, inf = sky."""
        mask = scored(truth)
        if not mask.any():
            return
        values = relative_scores(answer.metres, truth.metres, mask, self.space)
        rejected = np.count_nonzero(~answer.valid & mask) / np.count_nonzero(mask)
        self.means.add({**values, "rejected": rejected})

    def merge(self, later: RelativeMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.means.merge(later.means)

    def result(self) -> dict[str, Value]:
        """The mean of each error over the images that have a pixel to score; None without any."""
        return self.means.result()

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: depth has no classes."""
        return {}


def scored(truth: Depth) -> Mask:
    """bool[H, W]: the pixels whose depth is scored: valid, above 0 and finite."""
    return np.asarray(truth.valid & (truth.metres > 0) & (truth.metres < math.inf))


def relative_scores(metres: Floats, truth: Floats, mask: Mask, space: str) -> dict[str, Value]:
    """The errors of one image by name. All [H, W], the mask not empty."""
    t = truth[mask].astype(np.float64)
    d = metres[mask].astype(np.float64)
    finite = d[np.isfinite(d)]
    d = np.where(np.isfinite(d), d, finite.max() if finite.size else 1.0)
    aligned = fitted(to_space(d, space), to_space(t, space))
    ends = to_space(np.array([t.max(), t.min()]), space)
    d = from_space(np.clip(aligned, *ends), space)
    quotient = d / t
    worse = np.maximum(quotient, 1 / quotient)
    deltas = {f"delta{k}": float((worse < DELTA**k).mean()) for k in (1, 2, 3)}
    return {
        "absrel": float((np.abs(d - t) / t).mean()),
        "rmse_log": math.sqrt(float(np.square(np.log(quotient)).mean())),
        **deltas,
    }


def fitted(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """a x + b of the least squared distance to y; the mean of y where x is constant."""
    off = x - x.mean()
    spread = float(off @ off)
    scale = float(off @ (y - y.mean())) / spread if spread > 0 else 0.0
    return np.asarray(off * scale + y.mean())


def to_space(depth: NDArray[np.float64], space: str) -> NDArray[np.float64]:
    """Depths in the space in which they are compared, larger for what is nearer."""
    if space == "inverse":
        return np.asarray(1 / depth)
    return np.asarray(-np.log(depth)) if space == "log" else -depth


def from_space(value: NDArray[np.float64], space: str) -> NDArray[np.float64]:
    """The depths of values in the space."""
    if space == "inverse":
        return np.asarray(1 / value)
    return np.asarray(np.exp(-value)) if space == "log" else -value
